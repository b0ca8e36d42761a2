//! A snapshot that streams by, in the smallest pieces, gives the scan of one that is mapped: summary, profile
//! and keys.

mod snapshot;

use std::fs;
use std::io::{self, Read};

use preshard_analyzer::{CostProfile, scan_stream};
use preshard_parser::Detail;
use preshard_parser::source::Mmap;

use snapshot::{Silent, options, scan_file, servers};

/// Gives a byte at a time.
struct ByteByByte<R>(R);

impl<R: Read> Read for ByteByByte<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = out.len().min(1);
        self.0.read(&mut out[..n])
    }
}

#[test]
fn every_fixture_streamed_gives_the_scan_of_the_mapped_file() {
    let cost = CostProfile::built_in("redis-7.0").expect("built in");
    let mut files = 0;
    for server in fs::read_dir(servers()).expect("the fixtures") {
        for file in fs::read_dir(server.expect("entry").path())
            .into_iter()
            .flatten()
        {
            let path = file.expect("entry").path();
            if path.extension().is_none_or(|extension| extension != "rdb") {
                continue;
            }
            let bytes = fs::read(&path).expect("a fixture");
            // Whole, and cut where a value may lie across the end.
            for cut in [bytes.len(), bytes.len() * 2 / 3] {
                let cut_file = tempfile::NamedTempFile::new().expect("temporary file");
                fs::write(cut_file.path(), &bytes[..cut]).expect("written");
                let (mut mapped, seen) = scan_file(cut_file.path(), Mmap::Auto, Detail::Elements)
                    .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                let mut offsets = Vec::new();
                let streamed = scan_stream(
                    cut_file.path(),
                    ByteByByte(&bytes[..cut]),
                    &options(&cost, Detail::Elements),
                    &Silent,
                    &mut |keys| {
                        offsets.extend(keys.iter().map(|key| key.offset));
                        Ok(())
                    },
                )
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                // A reader has no length of its own.
                assert_eq!(mapped.summary.file_bytes.take(), Some(cut as u64));
                assert_eq!(streamed, mapped, "{} cut at {cut}", path.display());
                let expected: Vec<u64> = seen.iter().map(|key| key.offset).collect();
                assert_eq!(offsets, expected, "{} cut at {cut}", path.display());
                files += 1;
            }
        }
    }
    assert!(files > 300, "{files} files");
}
