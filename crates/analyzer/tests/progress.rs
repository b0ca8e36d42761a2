//! How far a scan has come is told in bytes of the file, whatever they hold.

mod snapshot;

use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use preshard_analyzer::{CostProfile, Progress, scan};
use preshard_parser::Detail;
use preshard_parser::source::{Mmap, Source};
use snapshot::{Snapshot, options};

#[derive(Default)]
struct Sum(AtomicU64);

impl Progress for Sum {
    fn advance(&self, bytes: u64) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).expect("encoded");
    encoder.finish().expect("encoded")
}

#[test]
fn what_is_told_adds_up_to_the_file() {
    let mut snapshot = Snapshot::new("REDIS0010");
    for number in 0..50_000_u32 {
        snapshot.set(&number.to_le_bytes(), b"the same for all");
    }
    let snapshot = snapshot.end();
    let gzipped = gzip(&snapshot);
    assert!(gzipped.len() < snapshot.len() / 3);
    for bytes in [
        &snapshot,
        &gzipped,
        &gzip(&gzipped),
        &[&gzipped[..], b"and more behind"].concat(),
        &gzipped[..gzipped.len() / 2].to_vec(),
    ] {
        let mut file = tempfile::NamedTempFile::new().expect("temporary file");
        file.write_all(bytes).expect("written");
        let cost = CostProfile::built_in("redis-7.0").expect("built in");
        for mmap in [Mmap::Auto, Mmap::Never] {
            let source = Source::open(file.path(), &mmap.into()).expect("opens");
            let told = Sum::default();
            let options = options(&cost, Detail::Counts);
            scan(&source, &options, &told, &mut |_| Ok(())).expect("a snapshot");
            assert_eq!(told.0.into_inner(), bytes.len() as u64, "{mmap:?}");
        }
    }
}
