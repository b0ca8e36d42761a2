//! Members: put together again they are what the facts of the value and the server's answers say, and they are
//! the same from memory, from a stream in the smallest pieces, and out of a compressed blob.

#[path = "../../../fixtures/recorded.rs"]
mod recorded;

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use preshard_parser::{
    DataType, Detail, Entry, EntryHead, Error, MeasureOptions, Member, MemberOptions, MembersError,
    Portion, RdbReader, RdbStream, RecordKind, Sample, ValueFacts, Watch,
};

/// A time that some fields of the fixtures expire before and some after.
const REFERENCE_MS: i64 = 1_900_000_000_003;

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

fn options(head_bytes: usize) -> MemberOptions<'static> {
    MemberOptions {
        head_bytes,
        reference_ms: Some(REFERENCE_MS),
        memory: None,
    }
}

/// What the members of a value add up to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sums {
    elements: u64,
    bytes: u64,
    largest: u64,
    fields_with_ttl: u64,
    fields_expired: u64,
    deleted: u64,
    groups: u64,
    consumers: u64,
    pending: u64,
    owned: u64,
}

impl Sums {
    fn add_bytes(&mut self, sample: Sample<'_>) {
        self.bytes += sample.len;
        self.largest = self.largest.max(sample.len);
    }

    fn add(&mut self, member: Member<'_>) {
        match member {
            Member::Piece { at, bytes } => {
                assert_eq!(at, self.bytes, "pieces follow each other");
                self.bytes += bytes.len() as u64;
                self.largest = self.bytes;
                self.elements = self.bytes;
            }
            Member::Item { index, item } => {
                assert_eq!(index, self.elements, "items follow each other");
                self.elements += 1;
                self.add_bytes(item);
            }
            Member::SetMember { member } | Member::ZsetMember { member, .. } => {
                self.elements += 1;
                self.add_bytes(member);
            }
            Member::Field {
                field,
                value,
                expires_at_ms,
            } => {
                self.elements += 1;
                self.add_bytes(field);
                self.add_bytes(value);
                self.fields_with_ttl += u64::from(expires_at_ms.is_some());
                self.fields_expired += u64::from(expires_at_ms.is_some_and(|ms| ms < REFERENCE_MS));
            }
            Member::StreamEntry(entry) => {
                let shown: Vec<_> = entry.shown.iter().collect();
                assert_eq!(
                    shown.len() as u64,
                    entry.fields,
                    "no entry of the fixtures has many fields"
                );
                let bytes: u64 = shown.iter().map(|(name, value)| name.len + value.len).sum();
                assert_eq!(bytes, entry.bytes);
                if entry.deleted {
                    self.deleted += 1;
                    return;
                }
                self.elements += 1;
                for (name, value) in shown {
                    self.add_bytes(name);
                    self.add_bytes(value);
                }
            }
            Member::Group { pending, .. } => {
                assert_eq!(
                    self.owned, self.pending,
                    "every pending entry has one owner"
                );
                self.groups += 1;
                self.pending += pending;
            }
            Member::Consumer { .. } => self.consumers += 1,
            Member::Owned { .. } => self.owned += 1,
            _ => {}
        }
    }
}

#[test]
fn members_add_up_to_the_facts_of_their_value_and_to_what_the_server_said() {
    let mut members_seen = 0;
    for (path, answers_path) in recorded::answered_snapshots(&servers()) {
        let bytes = fs::read(&path).expect("a fixture");
        let answers = recorded::answers(&answers_path);
        for entry in entries(&bytes) {
            let key = entry.key.bytes().expect("key").into_owned();
            let answer = &answers[&(entry.db, key)];
            let context = format!("{} {}", path.display(), answer["key"]);
            let mut sums = Sums::default();
            let facts = entry
                .members(options(4_096), &mut |member| {
                    members_seen += 1;
                    sums.add(member);
                    Ok(())
                })
                .unwrap_or_else(|error| panic!("{context}: {error}"));
            let measured = entry
                .measure(MeasureOptions {
                    detail: Detail::Elements,
                    reference_ms: Some(REFERENCE_MS),
                    memory: None,
                })
                .expect("measured");
            assert_eq!(facts, measured, "{context}");
            if entry.value_type.data_type() == DataType::Module {
                continue;
            }
            assert_eq!(Some(sums.elements), answer["length"].as_u64(), "{context}");
            let told = Sums {
                elements: facts.elements.expect("told"),
                bytes: facts.element_bytes.expect("told"),
                largest: facts.largest_element_bytes.expect("told"),
                fields_with_ttl: facts.fields_with_ttl,
                fields_expired: facts.fields_expired.expect("told"),
                deleted: facts.deleted_entries,
                groups: facts.groups,
                consumers: facts.consumers,
                pending: facts.pending,
                owned: facts.pending,
            };
            assert_eq!(sums, told, "{context}");
            for (what, sum) in [
                ("field_ttl", sums.fields_with_ttl),
                ("groups", sums.groups),
                ("consumers", sums.consumers),
                ("pel", sums.pending),
            ] {
                let said = answer[what].as_u64();
                assert_eq!(said.unwrap_or(sum), sum, "{context}: {what}");
            }
        }
    }
    assert!(members_seen > 100_000, "only {members_seen} members");
}

/// The stream's own counters are those that XINFO STREAM answered.
#[test]
fn a_stream_tells_its_last_id_and_the_entries_ever_added() {
    let mut streams = 0;
    for (path, answers_path) in recorded::answered_snapshots(&servers()) {
        let bytes = fs::read(&path).expect("a fixture");
        let answers = recorded::answers(&answers_path);
        for entry in entries(&bytes) {
            if entry.value_type.data_type() != DataType::Stream {
                continue;
            }
            let key = entry.key.bytes().expect("key").into_owned();
            let answer = &answers[&(entry.db, key)];
            let mut told = None;
            let mut greatest = None;
            let facts = entry.members(options(16), &mut |member| {
                match member {
                    Member::StreamEntry(entry) => {
                        assert!(greatest < Some(entry.id), "entries ascend");
                        greatest = Some(entry.id);
                    }
                    Member::Stream(info) => told = Some(info),
                    _ => {}
                }
                Ok(())
            });
            let facts = facts.expect("sound");
            let info = told.expect("a stream tells of itself");
            assert_eq!(Some(info.length), facts.elements);
            assert!(greatest.is_none_or(|id| id <= info.last_id));
            assert_eq!(
                info.last_id.to_string(),
                answer["last_id"],
                "{}",
                path.display()
            );
            if let Some(added) = answer["entries_added"].as_u64() {
                assert_eq!(info.entries_added, Some(added), "{}", path.display());
                assert!(added >= info.length + facts.deleted_entries);
            }
            streams += 1;
        }
    }
    assert!(streams > 50, "only {streams} streams");
}

/// Gives bytes in pieces of a few, and none now and then.
struct Trickle<'a> {
    rest: &'a [u8],
    turn: usize,
}

impl Read for Trickle<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.turn += 1;
        if self.turn.is_multiple_of(5) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let n = (1 + self.turn % 3).min(out.len()).min(self.rest.len());
        let (piece, rest) = self.rest.split_at(n);
        out[..n].copy_from_slice(piece);
        self.rest = rest;
        Ok(n)
    }
}

/// Writes down all members of the entries at some offsets.
struct Notes<F> {
    wanted: F,
    head_bytes: usize,
    lines: Vec<String>,
}

impl<F: Fn(u64) -> bool> Watch for Notes<F> {
    fn wants(&self, entry: &EntryHead<'_>) -> bool {
        (self.wanted)(entry.offset)
    }

    fn head_bytes(&self) -> usize {
        self.head_bytes
    }

    fn begin(&mut self, entry: &EntryHead<'_>) -> io::Result<()> {
        self.lines.push(format!("entry at {}", entry.offset));
        Ok(())
    }

    fn member(&mut self, member: Member<'_>) -> io::Result<()> {
        self.lines.push(format!("{member:?}"));
        Ok(())
    }
}

fn watched(
    bytes: &[u8],
    window_bytes: usize,
    wanted: impl Fn(u64) -> bool,
) -> (Vec<String>, Vec<ValueFacts>, Option<Error>) {
    let input = Trickle {
        rest: bytes,
        turn: 0,
    };
    let measuring = MeasureOptions {
        detail: Detail::Counts,
        reference_ms: Some(REFERENCE_MS),
        memory: None,
    };
    let mut stream = RdbStream::with_window(input, measuring, window_bytes).expect("header");
    let mut notes = Notes {
        wanted,
        head_bytes: 40,
        lines: Vec::new(),
    };
    let portion = Portion {
        records: 3,
        bytes: 1 << 20,
    };
    let mut facts = Vec::new();
    loop {
        let mut records = Vec::new();
        let framed = stream.next_watched(portion, &mut notes, &mut records);
        for record in &records {
            if let RecordKind::Entry(entry) = record.kind {
                facts.push(entry.measure(measuring).expect("sound"));
            }
        }
        match framed {
            Ok(()) if records.is_empty() => return (notes.lines, facts, None),
            Ok(()) => {}
            Err(MembersError::Value(error)) => return (notes.lines, facts, Some(error)),
            Err(MembersError::Sink(error)) => panic!("{error}"),
        }
    }
}

#[test]
fn members_that_stream_by_are_those_in_memory() {
    for (path, _) in recorded::answered_snapshots(&servers()) {
        let bytes = fs::read(&path).expect("a fixture");
        // Every third entry, so that records which nobody wants lie between.
        let all = entries(&bytes);
        let offsets: Vec<u64> = all.iter().step_by(3).map(|entry| entry.offset).collect();
        let wanted = |offset: u64| offsets.binary_search(&offset).is_ok();
        let mut lines = Vec::new();
        let mut facts = Vec::new();
        for entry in &all {
            if !wanted(entry.offset) {
                let measuring = MeasureOptions {
                    detail: Detail::Counts,
                    reference_ms: Some(REFERENCE_MS),
                    memory: None,
                };
                facts.push(entry.measure(measuring).expect("sound"));
                continue;
            }
            lines.push(format!("entry at {}", entry.offset));
            let deep = entry.members(options(40), &mut |member| {
                lines.push(format!("{member:?}"));
                Ok(())
            });
            facts.push(deep.expect("sound"));
        }
        for window_bytes in [300, 1 << 16] {
            let (streamed, measured, error) = watched(&bytes, window_bytes, wanted);
            assert_eq!(error, None, "{}", path.display());
            assert!(
                streamed == lines,
                "{} through {window_bytes}",
                path.display()
            );
            assert_eq!(measured, facts, "{} through {window_bytes}", path.display());
        }
    }
}

/// Cut anywhere, a value gives the members in front of the cut, and the error is that of the cut.
#[test]
fn members_in_front_of_a_cut_are_handed_out() {
    for name in [
        "redis-7.0/zsets.rdb",
        "redis-8.6/hfe.rdb",
        "redis-7.2.6/streams.rdb",
        "redis-6.2/lists.rdb",
    ] {
        let bytes = fs::read(servers().join(name)).expect("a fixture");
        let (whole, _, _) = watched(&bytes, 300, |_| true);
        let mut most = 0;
        for cut in (9..bytes.len()).step_by(1 + bytes.len() / 200) {
            let (lines, _, error) = watched(&bytes[..cut], 300, |_| true);
            let error = error.expect("a prefix is no snapshot");
            assert!(
                error.is_truncated() && error.offset() == cut as u64,
                "{name} cut at {cut}: {error}"
            );
            assert!(whole.starts_with(&lines), "{name} cut at {cut}");
            assert!(
                lines.len() >= most,
                "{name} cut at {cut}: fewer members than before"
            );
            most = lines.len();
        }
        assert!(most > whole.len() / 2, "{name}: {most} of {}", whole.len());
    }
}

#[test]
fn the_walk_ends_when_nobody_takes_its_members() {
    let bytes = fs::read(servers().join("redis-7.0/lists.rdb")).expect("a fixture");
    let all = entries(&bytes);
    let long = all
        .iter()
        .find(|entry| entry.measure(Detail::Counts).expect("sound").elements > Some(10));
    let mut taken = 0;
    let refused = long
        .expect("a list of more than ten")
        .members(options(8), &mut |_| {
            taken += 1;
            match taken {
                3 => Err(io::ErrorKind::BrokenPipe.into()),
                _ => Ok(()),
            }
        });
    assert!(
        matches!(&refused, Err(MembersError::Sink(error)) if error.kind() == io::ErrorKind::BrokenPipe),
        "{refused:?}"
    );
    assert_eq!(taken, 3);
}
