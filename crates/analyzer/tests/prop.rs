//! Laws that hold whatever the input: parallel = serial, mmap = read, names survive their escapes.

mod snapshot;

use std::io::Write as _;

use preshard_analyzer::{CostHistogram, FileScan, KeyName};
use preshard_parser::Detail;
use preshard_parser::source::Mmap;
use proptest::prelude::*;
use snapshot::{Seen, Snapshot, scan_file};

/// A record that a file may hold.
#[derive(Debug, Clone)]
enum Piece {
    Select(u64),
    Resize(u64, u64),
    SlotInfo(u64, u64),
    Import(u64, u64),
    Expiry(i64),
    Text(Vec<u8>, usize),
    Set(Vec<u8>, Vec<Vec<u8>>),
    Listpack(Vec<u8>, Vec<u8>),
}

fn any_piece() -> impl Strategy<Value = Piece> {
    let name = || prop::collection::vec(any::<u8>(), 0..12);
    prop_oneof![
        1 => (0..5u64).prop_map(Piece::Select),
        1 => (0..5u64, 0..5u64).prop_map(|(keys, expiring)| Piece::Resize(keys, expiring)),
        1 => (0..20_000u64, 0..5u64).prop_map(|(slot, keys)| Piece::SlotInfo(slot, keys)),
        1 => (0..20_000u64, 0..20_000u64).prop_map(|(first, last)| Piece::Import(first, last)),
        2 => any::<i64>().prop_map(Piece::Expiry),
        8 => (name(), 0..20_000usize).prop_map(|(name, len)| Piece::Text(name, len)),
        4 => (name(), prop::collection::vec(name(), 0..5))
            .prop_map(|(name, members)| Piece::Set(name, members)),
        2 => (name(), prop::collection::vec(any::<u8>(), 0..20))
            .prop_map(|(name, body)| Piece::Listpack(name, body)),
    ]
}

/// A file of many records: the pieces over and over, the last byte flipped where asked.
fn written(pieces: &[Piece], times: usize, flip: Option<prop::sample::Index>) -> Vec<u8> {
    let mut snapshot = Snapshot::new("VALKEY080");
    for piece in std::iter::repeat_n(pieces, times).flatten() {
        match piece {
            Piece::Select(db) => snapshot.select_db(*db),
            Piece::Resize(keys, expiring) => snapshot.resize_db(*keys, *expiring),
            Piece::SlotInfo(slot, keys) => snapshot.slot_info(*slot, *keys, 0),
            Piece::Import(first, last) => snapshot.slot_import(&[(*first, *last)]),
            Piece::Expiry(ms) => snapshot.expiry(*ms),
            Piece::Text(name, len) => snapshot.set(name, &vec![b'v'; *len]),
            Piece::Set(name, members) => {
                let members: Vec<&[u8]> = members.iter().map(Vec::as_slice).collect();
                snapshot.set_of(name, &members)
            }
            Piece::Listpack(name, body) => snapshot.set_listpack(name, 3, body),
        };
    }
    let mut bytes = snapshot.end();
    if let Some(at) = flip {
        let at = 9 + at.index(bytes.len() - 9);
        bytes[at] ^= 0x55;
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn threads_and_mapping_never_show(
        pieces in prop::collection::vec(any_piece(), 1..30),
        times in 1..100usize,
        flip in prop::option::of(any::<prop::sample::Index>()),
        deep in any::<bool>(),
    ) {
        let mut file = tempfile::NamedTempFile::new().expect("temporary file");
        file.write_all(&written(&pieces, times, flip)).expect("written");
        let detail = if deep { Detail::Elements } else { Detail::Counts };
        let run = |threads: usize, mmap: Mmap| -> (FileScan, Vec<Seen>) {
            rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .expect("pool")
                .install(|| scan_file(file.path(), mmap, detail))
                .expect("the header is sound")
        };
        let serial = run(1, Mmap::Never);
        prop_assert_eq!(serial.0.summary.keys, serial.1.len() as u64);
        for (threads, mmap) in [(1, Mmap::Auto), (2, Mmap::Auto), (3, Mmap::Never)] {
            prop_assert!(run(threads, mmap) == serial, "{threads} threads, {mmap:?}");
        }
    }
}

/// Reads back what [`KeyName::escaped`] wrote.
fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        if c != '\\' {
            bytes.extend(c.to_string().bytes());
            continue;
        }
        let kind = rest.chars().next().expect("an escape is complete");
        rest = &rest[1..];
        let mut push = |c: char| bytes.extend(c.to_string().bytes());
        match kind {
            '\\' => push('\\'),
            'n' => push('\n'),
            'r' => push('\r'),
            't' => push('\t'),
            'u' => {
                let end = rest.find('}').expect("closed");
                let code = u32::from_str_radix(&rest[1..end], 16).expect("hexadecimal");
                push(char::from_u32(code).expect("a character"));
                rest = &rest[end + 1..];
            }
            'x' => {
                bytes.push(u8::from_str_radix(&rest[..2], 16).expect("hexadecimal"));
                rest = &rest[2..];
            }
            other => panic!("escape {other}"),
        }
    }
    bytes
}

fn any_name() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        any::<String>().prop_map(String::into_bytes),
        "[\\\\nrtux{}0-9a-f\u{202e}\u{1b}]{0,20}".prop_map(String::into_bytes),
    ]
}

proptest! {
    /// No two names look the same, and none moves a terminal's cursor or turns its text around.
    #[test]
    fn escaped_names_are_harmless_and_can_be_read_back(name in any_name()) {
        let escaped = KeyName(name.clone().into()).escaped();
        prop_assert!(escaped.chars().all(|c| !c.is_control() && c != '\u{202e}'), "{escaped:?}");
        prop_assert_eq!(unescaped(&escaped), name);
    }

    #[test]
    fn names_survive_documents(name in any_name()) {
        let name = KeyName(name.into());
        let text = serde_json::to_string(&name).expect("serialized");
        let form = if str::from_utf8(&name.0).is_ok() { "{\"text\":" } else { "{\"base64\":" };
        prop_assert!(text.starts_with(form), "{text}");
        let back: KeyName = serde_json::from_str(&text).expect("read back");
        prop_assert_eq!(back, name);
    }

    /// The promise a sweep's budget rests on: whichever keys the server returns, their sum is bounded.
    #[test]
    fn any_keys_of_a_histogram_cost_no_more_than_its_worst(
        costs in prop::collection::vec(prop_oneof![0..2_000u64, 0..10_000_000_000u64], 1..200),
        chosen in prop::collection::vec(any::<prop::sample::Index>(), 0..200),
        cut in any::<prop::sample::Index>(),
    ) {
        let (left, right) = costs.split_at(cut.index(costs.len()));
        let mut histogram = CostHistogram::default();
        let mut other = CostHistogram::default();
        left.iter().for_each(|&cost| histogram.add(cost, cost / 2, cost));
        right.iter().for_each(|&cost| other.add(cost, cost / 2, cost));
        histogram.merge(&other);
        prop_assert_eq!(histogram.keys(), costs.len() as u64);

        let mut picked: Vec<usize> = chosen.iter().map(|index| index.index(costs.len())).collect();
        picked.sort_unstable();
        picked.dedup();
        let sum: u64 = picked.iter().map(|&at| costs[at]).sum();
        let bound = histogram.worst_block_ns(picked.len() as u64);
        prop_assert!(sum <= bound, "{sum} above {bound}");
        let all: u64 = costs.iter().sum();
        let bound = histogram.worst_block_ns(u64::MAX);
        prop_assert!(all <= bound && bound <= all + all / 8, "{all} and {bound}");
        for bin in histogram.bins() {
            prop_assert!(bin.restore_ns_max <= bin.block_ns_max());
        }
    }
}
