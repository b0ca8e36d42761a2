//! How fast is a snapshot read, on one core?
//!
//! - `frame`: only where each entry begins and ends. The speed that nothing built on top can exceed.
//! - `counts`: also what each value is made of, by lengths alone: what a scan does.
//! - `elements`: also every element inside blobs, decompressing where needed.
//! - `checksum`: CRC-64 over the file.
//! - `value/<type>`: `counts` of two thousand values of one type each, their entries found before.
//! - `rdb-crate`: the baseline, the `rdb` crate decoding every value and dropping it (it leaves out streams
//!   and verifies no checksum).
//!
//! Files are mapped and in the page cache. Run with `cargo bench --bench parse`.

mod corpus;

use std::fs::File;
use std::hint::black_box;
use std::io::BufReader;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use preshard_memory::{Allocator, Model, Settings, Target};
use preshard_parser::source::{OpenOptions, Source};
use preshard_parser::{Detail, Entry, MeasureOptions, RdbReader, RecordKind, crc64};

fn parse(criterion: &mut Criterion) {
    for corpus in corpus::all() {
        let source = Source::open(&corpus.path, &OpenOptions::default()).expect("the corpus opens");
        let bytes = source.bytes().expect("the corpus is mapped");
        let mut group = criterion.benchmark_group(format!("parse/{}", corpus.name));
        group
            .sample_size(10)
            .warm_up_time(Duration::from_secs(1))
            .measurement_time(Duration::from_secs(4))
            .throughput(Throughput::ElementsAndBytes {
                elements: corpus.keys,
                bytes: corpus.bytes,
            });
        group.bench_function("frame", |bencher| {
            bencher.iter(|| {
                let keys = walk(bytes, None);
                assert_eq!(keys, corpus.keys);
            });
        });
        for (name, detail) in [("counts", Detail::Counts), ("elements", Detail::Elements)] {
            group.bench_function(name, |bencher| bencher.iter(|| walk(bytes, Some(detail))));
        }
        group.bench_function("checksum", |bencher| {
            bencher.iter(|| crc64::checksum(black_box(bytes)));
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

fn walk(bytes: &[u8], detail: Option<Detail>) -> u64 {
    let mut reader = RdbReader::new(bytes).expect("a snapshot");
    let mut keys = 0;
    while let Some(record) = reader.next_record().expect("sound") {
        if let RecordKind::Entry(entry) = record.kind {
            keys += 1;
            match detail {
                Some(detail) => {
                    black_box(entry.measure(detail).expect("sound"));
                }
                None => {
                    black_box(entry);
                }
            }
        }
    }
    keys
}

fn values(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("value");
    group
        .sample_size(20)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(2));
    for (name, add) in corpus::values::TYPES {
        let snapshot = corpus::values::snapshot(add);
        let entries = entries(&snapshot);
        group.throughput(Throughput::ElementsAndBytes {
            elements: entries.len() as u64,
            bytes: snapshot.len() as u64,
        });
        let model = Model::new(Target::Redis70, Allocator::Je3, Settings::default());
        for (how, memory) in [("", None), (" with memory", Some(&model))] {
            let options = MeasureOptions {
                memory,
                ..Detail::Counts.into()
            };
            group.bench_function(format!("{name}{how}"), |bencher| {
                bencher.iter(|| {
                    for entry in &entries {
                        black_box(entry.measure(options).expect("sound"));
                    }
                });
            });
        }
    }
    group.finish();
}

fn entries(snapshot: &[u8]) -> Vec<Entry<'_>> {
    let mut reader = RdbReader::new(snapshot).expect("a snapshot");
    let mut entries = Vec::new();
    while let Some(record) = reader.next_record().expect("sound") {
        if let RecordKind::Entry(entry) = record.kind {
            entries.push(entry);
        }
    }
    entries
}

criterion_group!(benches, parse, values);
criterion_main!(benches);
