//! How many instructions does reading a small snapshot take? The guard against getting slower unnoticed.
//!
//! Machines are noisy and counts of instructions are not: the same build gives the same count within a few in a
//! million. A run is held against the run before, kept under `target/gungraun`, and fails where a count went up by more
//! than two per cent.
//! - `framing`: only where each entry begins and ends.
//! - `whole_scan`: framing, checksum, counts, slots, costs, memory, profile, on one thread.
//!
//! Needs valgrind, and the runner of the same version as the crate: `cargo install gungraun-runner`. Under valgrind there
//! is no AVX-512, so that code which chooses by what the processor can do takes a narrower path here.
//! Run with `cargo bench --bench instructions`.

mod corpus;

use std::env;
use std::process::ExitCode;

use counted::run;

/// What is run under valgrind. The macro makes a `main` of its own, so it gets a module of its own.
#[expect(unused_qualifications, reason = "the macros write paths in full")]
mod counted {
    use std::hint::black_box;

    use gungraun::prelude::*;
    use gungraun::{Callgrind, EventKind};
    use preshard_analyzer::{
        Allocator, CostProfile, MemoryModel, MemorySettings, Progress, ScanOptions, Target,
        scan_all,
    };
    use preshard_parser::source::{OpenOptions, Source};
    use preshard_parser::{Detail, RdbReader, RecordKind};
    use rayon::{ThreadPool, ThreadPoolBuilder};

    use super::corpus;

    const SMALL_KEYS: u64 = 20_000;
    const MIXED_KEYS: u64 = 5_000;
    const BIG_KEYS: u64 = 6;
    const ALLOWED_RISE_PERCENT: f64 = 2.0;

    struct Silent;

    impl Progress for Silent {
        fn advance(&self, _bytes: u64) {}
    }

    fn source(shape: &'static str, keys: u64) -> Source {
        let path = corpus::kept(shape, keys).path;
        Source::open(&path, &OpenOptions::default()).expect("the corpus opens")
    }

    /// A pool without a second thread: what runs in another thread is not counted.
    fn source_and_pool(shape: &'static str, keys: u64) -> (Source, ThreadPool) {
        let pool = ThreadPoolBuilder::new().num_threads(1).use_current_thread();
        (source(shape, keys), pool.build().expect("a pool"))
    }

    #[library_benchmark(setup = source)]
    #[bench::small("small", SMALL_KEYS)]
    #[bench::mixed("mixed", MIXED_KEYS)]
    #[bench::big("big", BIG_KEYS)]
    fn framing(source: Source) -> Source {
        let bytes = source.bytes().expect("the corpus is mapped");
        let mut reader = RdbReader::new(bytes).expect("a snapshot");
        while let Some(record) = reader.next_record().expect("sound") {
            if let RecordKind::Entry(entry) = record.kind {
                black_box(entry);
            }
        }
        source
    }

    #[library_benchmark(setup = source_and_pool)]
    #[bench::small("small", SMALL_KEYS)]
    #[bench::mixed("mixed", MIXED_KEYS)]
    #[bench::big("big", BIG_KEYS)]
    fn whole_scan((source, pool): (Source, ThreadPool)) -> (Source, ThreadPool) {
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
        let scanned = pool.install(|| scan_all(&[(&source, options)], &Silent));
        black_box(scanned);
        (source, pool)
    }

    library_benchmark_group!(name = reading, benchmarks = [framing, whole_scan]);

    gungraun::main!(
        config = LibraryBenchmarkConfig::default().tool(
            Callgrind::with_args(["--cache-sim=no"])
                .soft_limits([(EventKind::Ir, ALLOWED_RISE_PERCENT)])
        ),
        library_benchmark_groups = reading
    );

    pub fn run() {
        main();
    }
}

fn main() -> ExitCode {
    // Inside valgrind there is no PATH, and nothing to look for.
    let is_inside = env::args()
        .nth(1)
        .is_some_and(|argument| argument == "--gungraun-run");
    if !is_inside && env::var_os("GUNGRAUN_VALGRIND_BIN").is_none() && !is_on_path("valgrind") {
        eprintln!("error: valgrind counts the instructions, and there is none on PATH");
        return ExitCode::FAILURE;
    }
    run();
    ExitCode::SUCCESS
}

fn is_on_path(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
