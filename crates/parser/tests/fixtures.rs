//! Every snapshot that a real server wrote, against what that server said of each key.

#[path = "../../../fixtures/recorded.rs"]
mod recorded;

use std::io::Read as _;
use std::path::{Path, PathBuf};

use preshard_parser::source::{Mmap, OpenOptions, Source};
use preshard_parser::{DataType, Detail, Entry, RdbReader, RecordKind, ValueFacts, crc64};
use serde_json::Value;

fn servers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/servers")
}

fn entries(bytes: &[u8]) -> Vec<Entry<'_>> {
    let mut reader = RdbReader::new(bytes).expect("header");
    let mut entries = Vec::new();
    while let Some(record) = reader.next_record().expect("record") {
        if let RecordKind::Entry(entry) = record.kind {
            entries.push(entry);
        }
    }
    entries
}

fn differences(path: &Path, entry: &Entry<'_>, facts: &ValueFacts, answer: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut compare = |what: &str, file: Option<i64>, live: &Value| {
        if !live.is_null() && file != live.as_i64() {
            wrong.push(format!(
                "{} {:?} {what}: file {file:?}, server {live}",
                path.display(),
                entry.key.bytes()
            ));
        }
    };
    let number = |n: u64| i64::try_from(n).ok();
    if facts.module.is_none() {
        compare(
            "elements",
            facts.elements.and_then(number),
            &answer["length"],
        );
    }
    // A relative TTL could not be asked exactly of the oldest servers.
    if answer["ttl_approx"].is_null() {
        compare(
            "expiry",
            entry.expires_at_ms.or(Some(-1)),
            &answer["ttl_ms_abs"].as_i64().unwrap_or(-1).into(),
        );
    }
    compare(
        "payload",
        number(entry.payload_bytes()),
        &answer["dump_len"],
    );
    compare("consumer groups", number(facts.groups), &answer["groups"]);
    compare("consumers", number(facts.consumers), &answer["consumers"]);
    compare("pending entries", number(facts.pending), &answer["pel"]);
    compare("LFU counter", entry.freq.map(i64::from), &answer["freq"]);
    compare(
        "fields with TTL",
        number(facts.fields_with_ttl),
        &answer["field_ttl"],
    );
    compare(
        "earliest field expiry",
        facts.first_field_expiry_ms,
        &answer["field_ttl_min"],
    );
    let live_type = answer["type"].as_str().expect("type");
    if facts.module.is_none() && entry.value_type.data_type().name() != live_type {
        wrong.push(format!(
            "{} type: file {:?}, server {live_type}",
            path.display(),
            entry.value_type
        ));
    }
    wrong
}

#[test]
fn every_key_is_what_its_server_said() {
    let mut wrong = Vec::new();
    let mut keys = 0;
    for (path, answers_path) in recorded::answered_snapshots(&servers()) {
        let source = Source::open(&path, &OpenOptions::default()).expect("open");
        let mut expected = recorded::answers(&answers_path);
        for entry in entries(source.bytes().expect("mapped")) {
            let key = entry.key.bytes().expect("key").into_owned();
            let counted = entry.measure(Detail::Counts).expect("measure");
            let walked = entry.measure(Detail::Elements).expect("measure elements");
            let Some(answer) = expected.remove(&(entry.db, key)) else {
                wrong.push(format!(
                    "{}: {:?} is not among the answers, or twice in the file",
                    path.display(),
                    entry.key
                ));
                continue;
            };
            keys += 1;
            wrong.extend(differences(&path, &entry, &counted, &answer));
            wrong.extend(differences(&path, &entry, &walked, &answer));
            let same = ValueFacts {
                element_bytes: counted.element_bytes,
                largest_element_bytes: counted.largest_element_bytes,
                ..walked
            };
            assert_eq!(
                same,
                counted,
                "the depths disagree on {:?} of {}",
                entry.key,
                path.display()
            );
            assert!(
                walked.largest_element_bytes.is_some()
                    || entry.value_type.data_type() == DataType::Module
            );
        }
        wrong.extend(
            expected
                .keys()
                .map(|key| format!("{}: {key:?} is missing", path.display())),
        );
    }
    assert!(
        wrong.is_empty(),
        "{} differences over {keys} keys:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(keys > 5_000, "only {keys} keys");
}

#[test]
fn records_tile_the_file_and_the_checksum_holds() {
    for (path, _) in recorded::answered_snapshots(&servers()) {
        let source = Source::open(&path, &OpenOptions::default()).expect("open");
        let bytes = source.bytes().expect("mapped");
        let mut reader = RdbReader::new(bytes).expect("header");
        let mut end = 9;
        let mut stored = None;
        while let Some(record) = reader.next_record().expect("record") {
            assert_eq!(
                record.range.start,
                end,
                "gap or overlap in {}",
                path.display()
            );
            end = record.range.end;
            if let RecordKind::End { checksum } = record.kind {
                stored = checksum;
            }
        }
        assert_eq!(
            end,
            bytes.len() as u64,
            "{} goes on behind its end",
            path.display()
        );
        if let Some(stored) = stored.filter(|&stored| stored != 0) {
            assert_eq!(
                stored,
                crc64::checksum(&bytes[..bytes.len() - 8]),
                "checksum of {}",
                path.display()
            );
        }
    }
}

#[test]
fn mapped_and_read_bytes_are_the_same() {
    for (path, _) in recorded::answered_snapshots(&servers()) {
        let mapped = Source::open(&path, &Mmap::Auto.into()).expect("map");
        let read = Source::open(&path, &Mmap::Never.into()).expect("read");
        let mut bytes = Vec::new();
        let mut stream = read.stream().expect("a stream");
        stream.read_to_end(&mut bytes).expect("read to the end");
        assert_eq!(mapped.bytes(), Some(&*bytes), "{}", path.display());
        assert_eq!(read.bytes(), None);
        assert_eq!(mapped.head(), read.head());
        assert!(!mapped.changed().expect("metadata"));
    }
}
