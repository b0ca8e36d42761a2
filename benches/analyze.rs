//! How long does a scan take, from the bytes of a file to its slot profile?
//!
//! - `threads-1`, `threads-2`...: the whole scan (framing, checksum, counts, slots, costs, memory, profile)
//!   on so many threads, up to as many as there are cores and at most eight. The result is the same for
//!   all of them; a test says so.
//! - `rdb-crate`: the baseline, the `rdb` crate decoding every value on one thread and dropping it.
//!
//! Files are mapped and in the page cache. Run with `cargo bench --bench analyze`.

mod corpus;

use std::fs::File;
use std::hint::black_box;
use std::io::BufReader;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use preshard_analyzer::{CostProfile, FileScan, Progress, Rough1, ScanOptions, scan};
use preshard_parser::Detail;
use preshard_parser::source::{OpenOptions, Source};

struct Silent;

impl Progress for Silent {
    fn advance(&self, _bytes: u64) {}
}

fn analyze(criterion: &mut Criterion) {
    let cost = CostProfile::built_in("redis-7.0").expect("built in");
    let options = ScanOptions {
        cost: &cost,
        memory: &Rough1,
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

fn scan_file(source: &Source, options: &ScanOptions<'_>) -> FileScan {
    scan(source, options, &Silent, &mut |keys| {
        black_box(keys);
        Ok(())
    })
    .expect("a snapshot")
}

criterion_group!(benches, analyze);
criterion_main!(benches);
