//! Members of streams.

use super::assembled::{broken, compressed, int64, listpack, look, string, text};
use preshard_parser::{Detail, RdbReader, RecordKind};

/// A node of three entries: with the fields of the master entry, deleted, and with one field of its own.
fn node() -> Vec<u8> {
    let (ten, back) = (int64(10), [5]);
    listpack(&[
        // Two are there, one is deleted; two fields.
        &[2],
        &[1],
        &[2],
        &text(b"sensor"),
        &[0x07],
        &[0],
        &[2],
        &[0],
        &[0],
        &text(b"north"),
        &text(b"21"),
        &back,
        &[3],
        &[1],
        &[0],
        &text(b"gone"),
        &[0x63],
        &back,
        &[0],
        &ten,
        &[0xdf, 0xff],
        &[1],
        &text(b"note"),
        &text(b"hello"),
        &[6],
    ])
}

fn stream(node: &[u8]) -> Vec<u8> {
    let key = [&1_000u64.to_be_bytes()[..], &5u64.to_be_bytes()].concat();
    // Length 2, last id 1010-4, no groups.
    [&[1, 16][..], &key, node, &[2, 0x43, 0xf2, 4, 0]].concat()
}

#[test]
fn stream_entries_count_from_their_node_and_share_its_fields() {
    let expected = [
        "1000-5 2 of 14 bytes: sensor=north 7=21",
        "1001-5 deleted 2 of 13 bytes: sensor=gone 7=99",
        "1010-4 1 of 9 bytes: note=hello",
        "Stream(StreamInfo { length: 2, last_id: StreamId { ms: 1010, seq: 4 }, first_id: None, max_deleted_id: None, entries_added: None })",
    ];
    for value in [stream(&string(&node())), stream(&compressed(&node()))] {
        let (seen, facts) = look(b"REDIS0009", 15, &value, 64).expect("sound");
        assert_eq!(seen, expected);
        assert_eq!(facts.elements, Some(2));
        assert_eq!(facts.deleted_entries, 1);
        // Both entries that are there, and of the deleted one nothing.
        assert_eq!(
            (facts.element_bytes, facts.largest_element_bytes),
            (Some(14 + 9), Some(6))
        );
    }
    // Without a walk: the master entry tells what is deleted, and nothing tells lengths.
    let bytes = [
        b"REDIS0009",
        &[15, 1, b'k'][..],
        &stream(&compressed(&node())),
    ]
    .concat();
    let mut reader = RdbReader::new(&bytes).expect("header");
    let RecordKind::Entry(entry) = reader.next_record().expect("record").expect("entry").kind
    else {
        panic!("no entry")
    };
    let facts = entry.measure(Detail::Counts).expect("sound");
    assert_eq!(
        (
            facts.deleted_entries,
            facts.element_bytes,
            facts.largest_element_bytes
        ),
        (1, None, None)
    );
}

#[test]
fn a_node_that_ends_inside_an_entry_or_holds_a_string_where_a_number_must_be_is_damaged() {
    let cases: [(&str, Vec<&[u8]>, &str); 5] = [
        (
            "cut in an entry",
            vec![&[1], &[0], &[1], b"\x81f", &[0], &[2], &[0]],
            "whole entries in the stream node",
        ),
        (
            "cut in the master entry",
            vec![&[1], &[0], &[9], b"\x81f"],
            "whole entries in the stream node",
        ),
        (
            "text for a count",
            vec![&[1], &[0], b"\x810", &[0]],
            "integer, found a string of 1 bytes",
        ),
        (
            "negative count",
            vec![&[1], &[0], &[0xdf, 0xff], &[0]],
            "count, found -1",
        ),
        (
            "more fields than entries",
            vec![&[1], &[0], &[0x7f], b"\x81f", &[0]],
            "whole entries in the stream node",
        ),
    ];
    for (what, entries, said) in cases {
        let node = listpack(&entries);
        let (_, how) = broken(b"REDIS0009", 15, &stream(&compressed(&node)));
        assert!(how.contains(said), "{what}: {how}");
    }
    // Without the numbers in front of all that, not even what is deleted can be told.
    for (what, entries) in [
        ("nothing", vec![]),
        ("text for a count", vec![&b"\x811"[..], &[0]]),
        ("negative count", vec![&[0][..], &[0xdf, 0xff]]),
    ] {
        let value = stream(&string(&listpack(&entries)));
        assert!(look(b"REDIS0009", 15, &value, 64).is_err(), "{what}");
    }
}

/// However many fields an entry has, some are shown, and all are counted.
#[test]
fn an_entry_of_many_fields_shows_some_and_counts_all() {
    let mut parts: Vec<Vec<u8>> = vec![vec![1], vec![0], vec![1], text(b"one"), vec![0]];
    parts.extend([vec![0], vec![0], vec![0], vec![100]]);
    for n in 0..100 {
        parts.extend([text(format!("field{n:02}").as_bytes()), vec![n]]);
    }
    parts.push(vec![0]);
    let node = listpack(&parts.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let (seen, facts) = look(b"REDIS0009", 15, &stream(&string(&node)), 4).expect("sound");
    let shown: Vec<&str> = seen[0].split(' ').skip(5).collect();
    assert!(
        seen[0].starts_with("1000-5 100 of 890 bytes: fiel..7=0 fiel..7=1 "),
        "{}",
        seen[0]
    );
    assert_eq!((shown.len(), shown[63]), (64, "fiel..7=63"));
    assert_eq!(facts.element_bytes, Some(890));
}
