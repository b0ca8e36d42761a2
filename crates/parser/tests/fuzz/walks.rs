//! Two walks to the same: framing and measuring at once tells what framing first and measuring then does, and runs of
//! short strings are the entries that they stand for.

use std::borrow::Cow;

use preshard_parser::{
    Detail, Error, MeasureOptions, MeasuringReader, Prepare, RdbReader, Record, RecordKind,
    ShortString, ValueFacts, ValueType,
};

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
            RecordKind::Entry(entry) => {
                let weighed = entry.measure(weighing(bytes, detail));
                let unweighed = weighed.clone().map(|facts| ValueFacts {
                    weight: None,
                    ..facts
                });
                assert_eq!(unweighed, entry.measure(detail), "weighing changes nothing");
                match weighed {
                    Ok(facts) => Some(facts),
                    Err(error) => return (told, Some(error)),
                }
            }
            _ => None,
        };
        told.push((record, facts));
    }
}

fn weighing(bytes: &[u8], detail: Detail) -> MeasureOptions<'static> {
    MeasureOptions {
        memory: Some(crate::models::model(bytes)),
        ..detail.into()
    }
}

fn in_one_walk(bytes: &[u8], detail: Detail, step: usize) -> Told<'_> {
    let mut told = Vec::new();
    let options = weighing(bytes, detail);
    let mut reader = match MeasuringReader::new(bytes, options, Few { given: 0, step }) {
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
        self.given = from.saturating_add(self.step);
        self.given
    }
}

/// Reads a snapshot in one walk and in two, with so many bytes made ready at a time, and panics when anything differs.
pub fn walk_both_ways(bytes: &[u8], step: usize, detail: Detail) {
    assert_eq!(
        in_one_walk(bytes, detail, step),
        in_two_walks(bytes, detail)
    );
}

/// A file read by runs as far as they go, and record by record where they do not; and how many keys were in runs.
pub fn by_runs(bytes: &[u8], step: usize) -> (Vec<Short>, usize) {
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
pub struct Short {
    /// `None` where it does not decompress.
    key: Option<Vec<u8>>,
    stored_bytes: u64,
    payload_bytes: u64,
    expires_at_ms: Option<i64>,
}

impl Short {
    fn of_run(short: &ShortString, bytes: &[u8]) -> Short {
        Short {
            key: Some(bytes[short.key()].to_vec()),
            stored_bytes: ShortString::stored_bytes_of(short.value_bytes),
            payload_bytes: ShortString::payload_bytes_of(short.value_bytes),
            expires_at_ms: short.expires_at_ms(bytes),
        }
    }

    fn of_record(record: &Record<'_>) -> Option<Short> {
        match &record.kind {
            RecordKind::Entry(entry) if entry.value_type == ValueType::String => Some(Short {
                key: entry.key.bytes().ok().map(Cow::into_owned),
                stored_bytes: entry.value.stored_bytes(),
                payload_bytes: entry.payload_bytes(),
                expires_at_ms: entry.expires_at_ms,
            }),
            _ => None,
        }
    }
}

/// The same, record by record.
pub fn one_by_one(bytes: &[u8]) -> Vec<Short> {
    let (told, _) = in_two_walks(bytes, Detail::Counts);
    told.iter()
        .filter_map(|(record, _)| Short::of_record(record))
        .collect()
}
