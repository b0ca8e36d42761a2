//! Framing and measuring in one walk tells what framing first and measuring then does: records, facts, the first error.
//! And the short strings that are passed over in runs are the entries that they stand for.

#[path = "fuzz/models.rs"]
mod models;
#[path = "fuzz/walks.rs"]
mod walks;

use std::fs;
use std::path::{Path, PathBuf};

use preshard_parser::Detail;
use proptest::prelude::*;
use walks::{by_runs, one_by_one, walk_both_ways};

fn assert_alike(bytes: &[u8]) {
    for detail in [Detail::Counts, Detail::Elements, Detail::SoundElements] {
        for step in [1, 3, 100, usize::MAX] {
            walk_both_ways(bytes, step, detail);
        }
    }
}

fn fixtures() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/servers");
    let mut files: Vec<PathBuf> = fs::read_dir(root)
        .expect("the fixtures")
        .flat_map(|server| fs::read_dir(server.expect("entry").path()).expect("a folder"))
        .map(|file| file.expect("entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rdb"))
        .collect();
    files.sort();
    assert!(files.len() > 150, "{} fixtures", files.len());
    files
}

#[test]
fn fixtures_are_read_alike() {
    for path in fixtures() {
        let bytes = fs::read(&path).expect("a fixture");
        assert_alike(&bytes);
    }
}

#[test]
fn damaged_fixtures_are_read_alike() {
    for (at, path) in fixtures().into_iter().enumerate() {
        let bytes = fs::read(&path).expect("a fixture");
        // Other places in each file, so that together they lie in all that there is.
        for at in (9 + at % 97..bytes.len()).step_by(97 + bytes.len() / 8) {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << (at % 8);
            assert_alike(&changed);
            assert_alike(&bytes[..at]);
        }
    }
}

#[test]
fn short_strings_of_fixtures_are_those_that_are_there() {
    let mut in_runs = 0;
    for path in fixtures() {
        let bytes = fs::read(&path).expect("a fixture");
        let expected = one_by_one(&bytes);
        for step in [usize::MAX, 50, 256] {
            let (found, runs) = by_runs(&bytes, step);
            assert_eq!(found, expected, "{}", path.display());
            in_runs += runs;
        }
    }
    assert!(in_runs > 500, "{in_runs} keys in runs");
}

prop_compose! {
    /// A key of any form: name and value around each bound, with or without expiry, or something that is no short string.
    fn any_key()(
        key_bytes in prop_oneof![0usize..4, 60usize..70, 10usize..30],
        value_bytes in prop_oneof![0usize..4, 60usize..70, 190usize..210, 16_380usize..16_390],
        expiry in prop::option::of(any::<i64>()),
        form in 0u8..12,
        long_length in prop::bool::weighted(0.1),
    ) -> Vec<u8> {
        let mut file = Vec::new();
        if let Some(expiry) = expiry {
            file.push(252);
            file.extend(expiry.to_le_bytes());
        }
        if form == 1 {
            file.extend([249, 7]);
        }
        file.push(0);
        length(key_bytes.max(1), false, &mut file);
        file.extend(vec![b'k'; key_bytes.max(1)]);
        match form {
            2 => file.extend([0xc0, 5]),
            3 => file.extend([0xc1, 5, 6]),
            // A length in more bytes than it needs, which no server writes.
            4 => {
                file.extend([0x40, value_bytes.min(255) as u8]);
                file.extend(vec![0; value_bytes.min(255)]);
            }
            _ => {
                length(value_bytes, long_length, &mut file);
                file.extend(vec![0; value_bytes]);
            }
        }
        file
    }
}

fn length(n: usize, long: bool, file: &mut Vec<u8>) {
    match n {
        0..64 if !long => file.push(n as u8),
        64..16_384 if !long => file.extend([0x40 | (n >> 8) as u8, n as u8]),
        _ => {
            file.push(0x80);
            file.extend((n as u32).to_be_bytes());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn runs_are_the_entries_that_they_stand_for(
        keys in prop::collection::vec(any_key(), 1..40),
        step in prop_oneof![Just(usize::MAX), 40usize..2_000],
    ) {
        let mut file = b"REDIS0011".to_vec();
        keys.iter().for_each(|key| file.extend(key));
        file.extend([255, 0, 0, 0, 0, 0, 0, 0, 0]);
        let expected = one_by_one(&file);
        prop_assert_eq!(expected.len(), keys.len());
        prop_assert_eq!(by_runs(&file, step).0, expected);
    }
}
