//! How long does a scan take, from the bytes of a file to its slot profile?
//!
//! - `each-key`: the same with each key handed out as itself, on all threads.
//! - `threads-1`, `threads-2`...: the whole scan (framing, checksum, counts, slots, costs, memory, profile)
//!   on so many threads, up to as many as there are cores and at most eight. The result is the same for
//!   all of them; a test says so.
//! - `rdb-crate`: the baseline, the `rdb` crate decoding every value on one thread and dropping it.
//!
//! And of that, the stages that are not of the parser:
//! - `slot/<n>`: the slot of a thousand keys of so many bytes; `slot/<n>-tag` with a hash tag of six bytes in front.
//! - `profile/add`: keys added to a slot profile; `profile/merge`: two such profiles into one.
//!
//! Files are mapped and in the page cache. Run with `cargo bench --bench analyze`.

mod corpus;
#[path = "corpus/key_facts.rs"]
mod key_facts;

use std::fs::File;
use std::hint::black_box;
use std::io::BufReader;
use std::time::Duration;

use corpus::Random;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use preshard_analyzer::{
    Allocator, CostProfile, FileScan, KeyFacts, MemoryModel, MemorySettings, Merge, Progress,
    ScanOptions, SlotProfile, Tables, Target, scan, scan_all,
};
use preshard_parser::Detail;
use preshard_parser::source::{OpenOptions, Source};
use preshard_slots::Slot;

struct Silent;

impl Progress for Silent {
    fn advance(&self, _bytes: u64) {}
}

fn analyze(criterion: &mut Criterion) {
    let cost = CostProfile::built_in("redis-7.0").expect("built in");
    let options = ScanOptions {
        cost: &cost,
        memory: &MemoryModel::new(Target::Redis70, Allocator::Je3, MemorySettings::default()),
        detail: Detail::Counts,
        reference_ms: None,
        floor_block_ns: 5_000_000,
        floor_payload_bytes: 1_000_000,
        chunk_bytes: ScanOptions::CHUNK_BYTES,
        salvage: false,
    };
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get().min(8));
    for corpus in corpus::all() {
        let source = Source::open(&corpus.path, &OpenOptions::default()).expect("the corpus opens");
        let mut group = criterion.benchmark_group(format!("analyze/{}", corpus.name));
        group
            .sample_size(10)
            .warm_up_time(Duration::from_secs(1))
            .measurement_time(Duration::from_secs(4))
            .throughput(Throughput::ElementsAndBytes {
                elements: corpus.keys,
                bytes: corpus.bytes,
            });
        let steps = std::iter::successors(Some(1), |threads| Some(threads * 2));
        for threads in steps.take_while(|&threads| threads <= cores) {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .expect("a pool");
            group.bench_function(format!("threads-{threads}"), |bencher| {
                bencher.iter(|| {
                    let scan = pool.install(|| scan_file(&source, &options));
                    assert_eq!(scan.summary.keys, corpus.keys);
                    scan
                });
            });
        }
        group.bench_function("each-key", |bencher| {
            bencher.iter(|| scan_each_key(&source, &options));
        });
        group.bench_function("rdb-crate", |bencher| {
            bencher.iter(|| {
                let file = File::open(&corpus.path).expect("the corpus opens");
                let decoder =
                    rdb::RdbDecoder::new(BufReader::new(file), rdb::filter::Simple::new());
                for value in decoder.expect("a snapshot") {
                    black_box(value.expect("decodes"));
                }
            });
        });
        group.finish();
    }
}

/// As `preshard slots` and `preshard plan` do.
fn scan_file(source: &Source, options: &ScanOptions<'_>) -> FileScan {
    scan_all(&[(source, *options)], &Silent)
        .remove(0)
        .expect("a snapshot")
}

/// As `preshard keys` does: each key is handed out as itself.
fn scan_each_key(source: &Source, options: &ScanOptions<'_>) -> FileScan {
    scan(source, options, &Silent, &mut |keys| {
        black_box(keys);
        Ok(())
    })
    .expect("a snapshot")
}

fn slots(criterion: &mut Criterion) {
    const KEYS: u64 = 1_000;
    const TAG: &[u8] = b"{tenant}";
    let mut random = Random::new("slots");
    let mut group = criterion.benchmark_group("slot");
    group.throughput(Throughput::Elements(KEYS));
    for length in [8, 17, 24, 40] {
        let plain: Vec<_> = (0..KEYS).map(|_| random.bytes(length..=length)).collect();
        let rest = length - TAG.len() as u64;
        let tagged: Vec<_> = (0..KEYS)
            .map(|_| [TAG, &random.bytes(rest..=rest)].concat())
            .collect();
        for (name, keys) in [("", plain), ("-tag", tagged)] {
            group.bench_function(format!("{length}{name}"), |bencher| {
                bencher.iter(|| {
                    for key in &keys {
                        black_box(Slot::of_key(black_box(key)));
                    }
                });
            });
        }
    }
    group.finish();
}

fn profiles(criterion: &mut Criterion) {
    const KEYS: u64 = 200_000;
    let mut random = Random::new("profiles");
    let keys: Vec<_> = (0..KEYS)
        .map(|i| {
            let slot = Slot::of_key(format!("key:{i}").as_bytes());
            key_facts::of_string(i, slot, 20 + random.below(1_000))
        })
        .collect();
    let mut group = criterion.benchmark_group("profile");
    group.throughput(Throughput::Elements(KEYS));
    group.bench_function("add", |bencher| bencher.iter(|| profile(&keys)));
    let (first, second) = keys.split_at(keys.len() / 2);
    let (first, second) = (profile(first), profile(second));
    group.throughput(Throughput::Elements(1));
    group.bench_function("merge", |bencher| {
        bencher.iter_batched(
            || (first.clone(), second.clone()),
            |(mut first, second)| -> Result<SlotProfile, Merge> {
                first.merge(second)?;
                Ok(first)
            },
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

fn profile(keys: &[KeyFacts<'_>]) -> SlotProfile {
    let mut profile = SlotProfile::new(
        "redis-7.0",
        Tables::new(Target::Redis70, Allocator::Je3, true),
        5_000_000,
        1_000_000,
    );
    for key in keys {
        profile.add(key);
    }
    profile
}

criterion_group!(benches, analyze, slots, profiles);
criterion_main!(benches);
