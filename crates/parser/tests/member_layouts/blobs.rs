//! Members of all values but streams.

use super::assembled::{broken, compressed, int64, listpack, look, members, string, text, ziplist};
use preshard_parser::{Detail, Member, MemberOptions, RdbReader, RecordKind};

/// Every way to write an element gives its text; compressed blobs give the same members as raw ones.
#[test]
fn blobs_of_every_kind_give_the_text_of_their_entries() {
    let long = [b'x'; 200];
    let long_listpack = [&[0xe0, 200][..], &long].concat();
    let longest_listpack = [&[0xf0, 200, 0, 0, 0][..], &long].concat();
    let long_ziplist = [&[0x40, 200][..], &long].concat();
    let longest_ziplist = [&[0x80, 0, 0, 0, 200][..], &long].concat();
    let long_text = "x".repeat(64) + "..200";
    let listpack = listpack(&[
        &[0x00],
        &[0x7f],
        &[0xdf, 0xff],
        &[0xcf, 0xff],
        &[0xf1, 0x00, 0x80],
        &[0xf2, 0x00, 0x00, 0x80],
        &[0xf3, 0xff, 0xff, 0xff, 0x7f],
        &[0xf4, 0, 0, 0, 0, 0, 0, 0, 0x80],
        &[0x80],
        &text(b"hi\0\xff"),
        &long_listpack,
        &longest_listpack,
    ]);
    let from_listpack = [
        "0",
        "127",
        "-1",
        "4095",
        "-32768",
        "-8388608",
        "2147483647",
        "-9223372036854775808",
        "",
        r"hi\x00\xff",
        &long_text,
        &long_text,
    ];
    let ziplist = ziplist(&[
        &[0xf1],
        &[0xfd],
        &[0xfe, 0x80],
        &[0xc0, 0xff, 0x7f],
        &[0xf0, 0xff, 0xff, 0x7f],
        &[0xd0, 0x00, 0x00, 0x00, 0x80],
        &[0xe0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
        &[0x02, b'h', b'i'],
        &long_ziplist,
        &longest_ziplist,
    ]);
    let from_ziplist = [
        "0",
        "12",
        "-128",
        "32767",
        "8388607",
        "-2147483648",
        "9223372036854775807",
        "hi",
        &long_text,
        &long_text,
    ];
    let intset = |width: u8, integers: &[&[u8]]| {
        let count = u8::try_from(integers.len()).expect("few");
        [&[width, 0, 0, 0, count, 0, 0, 0][..], &integers.concat()].concat()
    };
    let i16s = intset(2, &[&[0x00, 0x80], &[5, 0]]);
    let i32s = intset(4, &[&[0, 0, 0, 0x80], &[0xff, 0xff, 0xff, 0x7f]]);
    let i64s = intset(8, &[&[0, 0, 0, 0, 0, 0, 0, 0x80], &[0xff; 8]]);
    let cases: [(u8, &[u8], &[&str]); 5] = [
        (20, &listpack, &from_listpack),
        (10, &ziplist, &from_ziplist),
        (11, &i16s, &["-32768", "5"]),
        (11, &i32s, &["-2147483648", "2147483647"]),
        (11, &i64s, &["-9223372036854775808", "-1"]),
    ];
    for (value_type, blob, expected) in cases {
        let expected: Vec<String> = expected
            .iter()
            .enumerate()
            .map(|(at, text)| match value_type {
                10 => format!("{at} {text}"),
                _ => (*text).to_owned(),
            })
            .collect();
        for value in [string(blob), compressed(blob)] {
            assert_eq!(members(b"REDIS0011", value_type, &value), expected);
        }
    }
    // A list of a node that is a listpack, one that is a single element, and one more listpack.
    let value = [
        &[3, 2][..],
        &compressed(&listpack),
        &[1, 0xc1, 0x39, 0x30, 2],
        &string(&listpack),
    ]
    .concat();
    let items = members(b"REDIS0010", 18, &value);
    let again = [&from_listpack[..], &["12345"], &from_listpack].concat();
    let expected: Vec<String> = again
        .iter()
        .enumerate()
        .map(|(at, text)| format!("{at} {text}"))
        .collect();
    assert_eq!(items, expected);
}

#[test]
fn a_zipmap_gives_fields_and_values_without_its_unused_bytes() {
    let long = [b'v'; 254];
    let zipmap = [
        &[2, 1, b'f', 3, 2, b'1', b'2', b'3', 0, 0][..],
        &[0, 254, 254, 0, 0, 0, 0],
        &long,
        &[0xff],
    ]
    .concat();
    let expected = ["f=123".to_owned(), format!("={}..254", "v".repeat(64))];
    for value in [string(&zipmap), compressed(&zipmap)] {
        assert_eq!(members(b"REDIS0002", 9, &value), expected);
    }
    let field_alone = [2, 1, b'f', 1, 0, b'v', 1, b'g', 0xff];
    let (seen, how) = broken(b"REDIS0002", 9, &string(&field_alone));
    assert!(how.contains("whole elements in the blob"), "{how}");
    assert_eq!(seen, ["f=v"]);
}

#[test]
fn scores_are_the_doubles_that_their_text_stands_for() {
    let table = [
        5, 1, b'a', 253, 1, b'b', 254, 1, b'c', 255, 1, b'd', 3, b'1', b'.', b'5', 1, b'e', 2,
        b'-', b'7',
    ];
    assert_eq!(
        members(b"REDIS0006", 3, &table),
        ["a NaN", "b inf", "c -inf", "d 1.5", "e -7"]
    );
    let tenth = 0.1f64.to_le_bytes();
    let table = [
        &[2, 1, b'a'][..],
        &tenth,
        &[0xc0, 7],
        &f64::MIN.to_le_bytes(),
    ]
    .concat();
    assert_eq!(
        members(b"REDIS0009", 5, &table),
        ["a 0.1".to_owned(), format!("7 {}", f64::MIN)]
    );
    let packed = listpack(&[
        &text(b"a"),
        &text(b"0.10000000000000001"),
        &[5],
        &[0xdf, 0xfe],
        &text(b"c"),
        &text(b"-inf"),
    ]);
    assert_eq!(
        members(b"REDIS0010", 17, &compressed(&packed)),
        ["a 0.1", "5 -2", "c -inf"]
    );
    let no_number = listpack(&[&text(b"a"), &[1], &text(b"b"), &text(b"one")]);
    let (seen, how) = broken(b"REDIS0010", 17, &string(&no_number));
    assert!(how.contains("expected score, found \"one\""), "{how}");
    assert_eq!(seen, ["a 1"], "the members in front");
    let table = [1, 1, b'a', 1, b'x'];
    assert!(look(b"REDIS0006", 3, &table, 64).is_err());
}

#[test]
fn each_family_and_version_tells_when_a_field_expires_in_its_own_way() {
    let table = |first: &[u8], ttls: [&[u8]; 3]| {
        let [a, b, c] = ttls;
        [
            first,
            &[3],
            a,
            &[1, b'a', 1, b'1'],
            b,
            &[1, b'b', 1, b'2'],
            c,
            &[1, b'c', 1, b'3'],
        ]
        .concat()
    };
    let expected = ["a=1 @1000", "b=2", "c=3 @1004"];
    // Redis 7.4: counted from the earliest, plus one.
    let earliest = 1_000i64.to_le_bytes();
    assert_eq!(
        members(b"REDIS0012", 24, &table(&earliest, [&[1], &[0], &[5]])),
        expected
    );
    // Its release candidates: absolute.
    assert_eq!(
        members(
            b"REDIS0012",
            22,
            &table(&[], [&[0x43, 0xe8], &[0], &[0x43, 0xec]])
        ),
        expected
    );
    // In a listpack of both: absolute, whatever the hint in front says.
    let packed = listpack(&[
        &text(b"a"),
        &text(b"1"),
        &[0xc3, 0xe8],
        &text(b"b"),
        &text(b"2"),
        &[0],
        &text(b"c"),
        &text(b"3"),
        &int64(1_004),
    ]);
    assert_eq!(members(b"REDIS0012", 23, &compressed(&packed)), expected);
    let hinted = [&7i64.to_le_bytes()[..], &string(&packed)].concat();
    assert_eq!(members(b"REDIS0012", 25, &hinted), expected);
    // Valkey: absolute, behind the value, -1 for none.
    let valkey = [
        &[3, 1, b'a', 1, b'1'][..],
        &1_000i64.to_le_bytes(),
        &[1, b'b', 1, b'2'],
        &(-1i64).to_le_bytes(),
        &[1, b'c', 1, b'3'],
        &1_004i64.to_le_bytes(),
    ]
    .concat();
    assert_eq!(members(b"VALKEY080", 22, &valkey), expected);

    // A field is past when its expiry lies before the reference, not at it: 1000 is not, 999 is.
    let (_, facts) = look(
        b"REDIS0012",
        24,
        &table(&999i64.to_le_bytes(), [&[1], &[0], &[2]]),
        64,
    )
    .expect("sound");
    assert_eq!((facts.fields_with_ttl, facts.fields_expired), (2, Some(1)));
    assert_eq!(
        (facts.first_field_expiry_ms, facts.last_field_expiry_ms),
        (Some(999), Some(1_000))
    );
    // Far beyond what a time can be.
    let (seen, _) = look(
        b"REDIS0012",
        24,
        &[
            &i64::MAX.to_le_bytes()[..],
            &[1, 0x81],
            &[0xff; 8],
            &[1, b'a', 1, b'1'],
        ]
        .concat(),
        64,
    )
    .expect("sound");
    assert_eq!(seen, [format!("a=1 @{}", i64::MAX)]);
}

#[test]
fn a_string_comes_in_pieces_of_any_length() {
    let bytes: Vec<u8> = (0..100_000u32).map(|n| (n / 7 % 251) as u8).collect();
    for value in [string(&bytes), compressed(&bytes)] {
        for head_bytes in [1, 7, 4_096, usize::MAX] {
            let document = [b"REDIS0009", &[0, 1, b'k'][..], &value].concat();
            let mut reader = RdbReader::new(&document).expect("header");
            let RecordKind::Entry(entry) =
                reader.next_record().expect("record").expect("entry").kind
            else {
                panic!("no entry")
            };
            let mut joined: Vec<u8> = Vec::new();
            let options = MemberOptions {
                head_bytes,
                reference_ms: None,
                memory: None,
            };
            let facts = entry.members(options, &mut |member| {
                let Member::Piece { at, bytes } = member else {
                    panic!("{member:?} is no piece")
                };
                assert_eq!(at, joined.len() as u64);
                assert!(bytes.len() <= head_bytes.min(65_536));
                joined.extend(bytes);
                Ok(())
            });
            assert_eq!(facts.expect("sound").element_bytes, Some(100_000));
            assert!(joined == bytes, "in pieces of {head_bytes}");
        }
    }
    assert_eq!(members(b"REDIS0009", 0, &[0xc0, 0x85]), ["0:-123"]);
    assert_eq!(members(b"REDIS0009", 0, &[0]), [""; 0]);
}

#[test]
fn a_module_gives_its_items_by_their_types() {
    let id = [0x81, 0, 0, 0, 0, 0, 0, 0, 3];
    let mut value = id.to_vec();
    value.extend([1, 0x81]);
    value.extend((-5i64).to_be_bytes());
    value.extend([2, 9, 3]);
    value.extend(1.5f32.to_le_bytes());
    value.push(4);
    value.extend(0.1f64.to_le_bytes());
    value.extend([5, 3, b'a', b'b', b'c', 5, 0xc0, 12, 0]);
    let (seen, facts) = look(b"REDIS0009", 7, &value, 2).expect("sound");
    assert_eq!(
        seen,
        [
            "Module(ModuleId(3))",
            "ModuleNumber(Signed(-5))",
            "ModuleNumber(Unsigned(9))",
            "ModuleNumber(Float(1.5))",
            "ModuleNumber(Double(0.1))",
            "ModuleString(Sample { head: [97, 98], len: 3 })",
            "ModuleString(Sample { head: [49, 50], len: 2 })",
        ]
    );
    let module = facts.module.expect("a module");
    assert_eq!(
        (module.name(), module.version()),
        ("AAAAAAAAA".to_owned(), 3)
    );
    assert_eq!((facts.elements, facts.element_bytes), (None, None));
}

#[test]
fn half_an_element_is_damage() {
    for (value_type, entries) in [(16, 3), (17, 1), (25, 4)] {
        let entries = vec![&b"\x811"[..]; entries];
        let hint: &[u8] = if value_type == 25 { &[0; 8] } else { &[] };
        let mut entries = entries;
        if value_type == 25 {
            entries[2] = &[0];
        }
        let value = [hint, &string(&listpack(&entries))].concat();
        let said = match value_type {
            // What must be walked to be counted at all is damage when that fails.
            25 => look(b"REDIS0012", 25, &value, 64)
                .expect_err("half")
                .to_string(),
            _ => broken(b"REDIS0012", value_type, &value).1,
        };
        assert!(said.contains("whole elements in the blob"), "{said}");
    }
}

/// A blob that is broken inside costs its own lengths, and nothing else.
#[test]
fn what_is_broken_inside_is_counted_all_the_same() {
    let sound = listpack(&[&text(b"one"), &text(b"three")]);
    // The string claims to be longer than the listpack.
    let broken = listpack(&[&text(b"one"), b"\xbfthree"]);
    for (nodes, lengths) in [
        ([&sound, &sound], (Some(16), Some(5), 0)),
        ([&sound, &broken], (None, None, 1)),
        ([&broken, &sound], (None, None, 1)),
        ([&broken, &broken], (None, None, 2)),
    ] {
        let value = [&[2, 2][..], &compressed(nodes[0]), &[2], &string(nodes[1])].concat();
        let document = [b"REDIS0010", &[18, 1, b'k'][..], &value].concat();
        let mut reader = RdbReader::new(&document).expect("header");
        let RecordKind::Entry(entry) = reader.next_record().expect("record").expect("entry").kind
        else {
            panic!("no entry")
        };
        let facts = entry.measure(Detail::SoundElements).expect("countable");
        assert_eq!((facts.elements, facts.nodes), (Some(4), 2));
        assert_eq!(
            (
                facts.element_bytes,
                facts.largest_element_bytes,
                facts.broken_nodes
            ),
            lengths
        );
        assert_eq!(entry.measure(Detail::Elements).is_ok(), lengths.2 == 0);
    }
}
