//! Framing and measuring in one walk tells what framing first and measuring then does: records, facts, the first error.
//! And the short strings that are passed over in runs are the entries that they stand for.

use std::fs;
use std::path::{Path, PathBuf};

use preshard_parser::{
    Detail, Error, MeasuringReader, Prepare, RdbReader, Ready, Record, RecordKind, ShortString,
    ValueFacts, ValueType,
};
use proptest::prelude::*;

const DETAILS: [Detail; 3] = [Detail::Counts, Detail::Elements, Detail::SoundElements];

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

type Told<'a> = (Vec<(Record<'a>, Option<ValueFacts>)>, Option<Error>);

fn in_two_walks(bytes: &[u8], detail: Detail) -> Told<'_> {
    let mut told = Vec::new();
    let mut reader = match RdbReader::new(bytes) {
        Ok(reader) => reader.with_detail(detail),
        Err(error) => return (told, Some(error)),
    };
    loop {
        let record = match reader.next_record() {
            Ok(Some(record)) => record,
            Ok(None) => return (told, None),
            Err(error) => return (told, Some(error)),
        };
        let facts = match &record.kind {
            RecordKind::Entry(entry) => match entry.measure(detail) {
                Ok(facts) => Some(facts),
                Err(error) => return (told, Some(error)),
            },
            _ => None,
        };
        told.push((record, facts));
    }
}

fn in_one_walk<P: Prepare>(bytes: &[u8], detail: Detail, prepare: P) -> Told<'_> {
    let mut told = Vec::new();
    let mut reader = match MeasuringReader::new(bytes, detail.into(), prepare) {
        Ok(reader) => reader,
        Err(error) => return (told, Some(error)),
    };
    loop {
        match reader.next_record() {
            Ok(Some(record)) => told.push((record, reader.value_facts().copied())),
            Ok(None) => return (told, None),
            Err(error) => return (told, Some(error)),
        }
    }
}

/// Gives a few bytes at a time, and checks that it is asked for all of them in order.
struct Few {
    given: usize,
    step: usize,
}

impl Prepare for Few {
    fn prepare(&mut self, from: usize) -> usize {
        assert!(self.given == 0 || from == self.given, "in order");
        self.given = from + self.step;
        self.given
    }
}

fn assert_alike(bytes: &[u8], place: &str) {
    for detail in DETAILS {
        let expected = in_two_walks(bytes, detail);
        let found = in_one_walk(bytes, detail, Ready);
        assert!(found == expected, "{place}, {detail:?}");
        for step in [1, 3, 100] {
            let found = in_one_walk(bytes, detail, Few { given: 0, step });
            assert!(found == expected, "{place}, {detail:?}, {step} at a time");
        }
    }
}

#[test]
fn fixtures_are_read_alike() {
    for path in fixtures() {
        let bytes = fs::read(&path).expect("a fixture");
        assert_alike(&bytes, &path.display().to_string());
    }
}

#[test]
fn damaged_fixtures_are_read_alike() {
    for (at, path) in fixtures().into_iter().enumerate() {
        let bytes = fs::read(&path).expect("a fixture");
        let place = path.display().to_string();
        // Other places in each file, so that together they lie in all that there is.
        for at in (9 + at % 97..bytes.len()).step_by(97 + bytes.len() / 8) {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << (at % 8);
            assert_alike(&changed, &format!("{place} changed at {at}"));
            assert_alike(&bytes[..at], &format!("{place} cut at {at}"));
        }
    }
}

/// A file read by runs as far as they go, and record by record where they do not; and how many keys were in runs.
fn by_runs(bytes: &[u8], step: Option<usize>) -> (Vec<Short>, usize) {
    let step = step.unwrap_or(usize::MAX >> 1);
    let few = Few { given: 0, step };
    let Ok(mut reader) = MeasuringReader::new(bytes, Detail::Counts.into(), few) else {
        return (Vec::new(), 0);
    };
    let (mut keys, mut in_runs) = (Vec::new(), 0);
    loop {
        let until = reader.offset() + 700;
        reader.short_strings(until, 200, |short, bytes| {
            assert!(short.value_bytes <= 200);
            keys.push(Short::of_run(&short, bytes));
            in_runs += 1;
        });
        assert!(reader.offset() < until + 300);
        match reader.next_record() {
            Ok(Some(record)) => keys.extend(Short::of_record(&record)),
            Ok(None) | Err(_) => return (keys, in_runs),
        }
    }
}

/// What is told of a key that holds a string.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Short {
    key: Vec<u8>,
    stored_bytes: u64,
    payload_bytes: u64,
    expires_at_ms: Option<i64>,
}

impl Short {
    fn of_run(short: &ShortString, bytes: &[u8]) -> Short {
        Short {
            key: bytes[short.key()].to_vec(),
            stored_bytes: ShortString::stored_bytes_of(short.value_bytes),
            payload_bytes: ShortString::payload_bytes_of(short.value_bytes),
            expires_at_ms: short.expires_at_ms(bytes),
        }
    }

    fn of_record(record: &Record<'_>) -> Option<Short> {
        match &record.kind {
            RecordKind::Entry(entry) if entry.value_type == ValueType::String => Some(Short {
                key: entry.key.bytes().expect("sound").into_owned(),
                stored_bytes: entry.value.stored_bytes(),
                payload_bytes: entry.payload_bytes(),
                expires_at_ms: entry.expires_at_ms,
            }),
            _ => None,
        }
    }
}

fn one_by_one(bytes: &[u8]) -> Vec<Short> {
    let (told, _) = in_two_walks(bytes, Detail::Counts);
    told.iter()
        .filter_map(|(record, _)| Short::of_record(record))
        .collect()
}

#[test]
fn short_strings_of_fixtures_are_those_that_are_there() {
    let mut in_runs = 0;
    for path in fixtures() {
        let bytes = fs::read(&path).expect("a fixture");
        let expected = one_by_one(&bytes);
        for step in [None, Some(50), Some(256)] {
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
        step in prop::option::of(40usize..2_000),
    ) {
        let mut file = b"REDIS0011".to_vec();
        keys.iter().for_each(|key| file.extend(key));
        file.extend([255, 0, 0, 0, 0, 0, 0, 0, 0]);
        let expected = one_by_one(&file);
        prop_assert_eq!(expected.len(), keys.len());
        prop_assert_eq!(by_runs(&file, step).0, expected);
    }
}
