//! Layouts that no fixture holds, written out byte by byte from the format's description.

use preshard_parser::{
    DataType, Detail, Encoding, ErrorKind, Family, RdbReader, RecordKind, SlotInfo, Value,
    ValueFacts,
};

fn first_value(
    header: &[u8],
    value_type: u8,
    value: &[u8],
) -> Result<(DataType, ValueFacts, u64), preshard_parser::Error> {
    let bytes = [
        header,
        &[value_type, 1, b'k'],
        value,
        &[0xff, 0, 0, 0, 0, 0, 0, 0, 0],
    ]
    .concat();
    let mut reader = RdbReader::new(&bytes)?;
    let record = reader.next_record()?.expect("an entry");
    let RecordKind::Entry(entry) = record.kind else {
        panic!("{:?} is no entry", record.kind)
    };
    assert_eq!(entry.value, Value::Window(value), "window of the value");
    let end = reader.next_record()?.expect("the end");
    assert_eq!(end.kind, RecordKind::End { checksum: Some(0) });
    assert_eq!(reader.next_record()?, None);
    Ok((
        entry.value_type.data_type(),
        entry.measure(Detail::Elements)?,
        entry.payload_bytes(),
    ))
}

#[test]
fn a_list_written_element_by_element() {
    let (data_type, facts, payload) = first_value(
        b"REDIS0009",
        1,
        &[3, 1, b'a', 0xc1, 0x39, 0x30, 2, b'b', b'c'],
    )
    .expect("sound");
    assert_eq!(
        (data_type, facts.encoding),
        (DataType::List, Encoding::LinkedList)
    );
    // "a", the integer 12345, "bc"
    assert_eq!(
        (
            facts.elements,
            facts.content_bytes,
            facts.largest_element_bytes
        ),
        (Some(3), 8, Some(5))
    );
    assert_eq!(payload, 9 + 11);
}

#[test]
fn text_scores_and_their_special_values() {
    let value = [
        4, 1, b'a', 253, 1, b'b', 254, 1, b'c', 255, 1, b'd', 3, b'1', b'.', b'5',
    ];
    let (data_type, facts, _) = first_value(b"REDIS0006", 3, &value).expect("sound");
    assert_eq!(
        (data_type, facts.encoding, facts.elements),
        (DataType::Zset, Encoding::SkipList, Some(4))
    );
}

#[test]
fn a_zipmap_with_unused_bytes_and_one_that_must_be_counted() {
    for count in [2, 254, 255] {
        // "f" -> "v" with two unused bytes, "g" -> "" with none
        let zipmap = [count, 1, b'f', 1, 2, b'v', 0, 0, 1, b'g', 0, 0, 255];
        let value = [
            &[u8::try_from(zipmap.len()).expect("short")],
            zipmap.as_slice(),
        ]
        .concat();
        let (data_type, facts, _) = first_value(b"REDIS0006", 9, &value).expect("sound");
        assert_eq!(
            (data_type, facts.encoding, facts.elements),
            (DataType::Hash, Encoding::Zipmap, Some(2)),
            "count byte {count}"
        );
        assert_eq!(facts.largest_element_bytes, Some(1));
    }
}

#[test]
fn a_listpack_whose_count_is_unknown_is_walked() {
    // -1 in 13 bits, a 12-bit string, integers of 16, 24, 32 and 64 bits, a 7-bit integer, a 6-bit string
    let long = [b'x'; 200];
    let mut entries = vec![0xdf, 0xff, 2, 0xe0, 200];
    entries.extend(long);
    // 202 bytes of entry: the back length needs two bytes
    entries.extend([0x01, 0xca]);
    entries.extend([0xf1, 0x00, 0x80, 3]);
    entries.extend([0xf2, 0x00, 0x00, 0x80, 4]);
    entries.extend([0xf3, 0x00, 0x00, 0x00, 0x80, 5]);
    entries.extend([0xf4, 0, 0, 0, 0, 0, 0, 0, 0x80, 9]);
    entries.extend([0x7f, 1]);
    entries.extend([0x82, b'h', b'i', 3]);
    let total = u32::try_from(6 + entries.len() + 1).expect("short");
    let listpack = [&total.to_le_bytes()[..], &[0xff, 0xff], &entries, &[0xff]].concat();
    let value = [
        &[
            0x40 | u8::try_from(listpack.len() >> 8).expect("14 bits"),
            (listpack.len() & 0xff) as u8,
        ],
        &listpack[..],
    ]
    .concat();
    let (_, facts, _) = first_value(b"REDIS0011", 20, &value).expect("sound");
    assert_eq!(
        (facts.elements, facts.largest_element_bytes),
        (Some(8), Some(200))
    );
    let counted = {
        let bytes = [b"REDIS0011".as_slice(), &[20, 1, b'k'], &value].concat();
        let mut reader = RdbReader::new(&bytes).expect("header");
        let RecordKind::Entry(entry) = reader.next_record().expect("record").expect("entry").kind
        else {
            panic!("no entry")
        };
        entry.measure(Detail::Counts).expect("sound")
    };
    assert_eq!(counted.elements, Some(8));
}

#[test]
fn the_same_number_means_different_things_in_the_two_families() {
    // One field "f" -> "v" that expires at 1 900 000 000 000.
    let expiry = 1_900_000_000_000_i64;
    let redis = [&[1, 0x81], &expiry.to_be_bytes()[..], &[1, b'f', 1, b'v']].concat();
    let valkey = [&[1, 1, b'f', 1, b'v'], &expiry.to_le_bytes()[..]].concat();
    for (header, value) in [(b"REDIS0012", &redis), (b"VALKEY080", &valkey)] {
        let (data_type, facts, _) = first_value(header, 22, value).expect("sound");
        assert_eq!(
            (data_type, facts.elements, facts.fields_with_ttl),
            (DataType::Hash, Some(1), 1)
        );
    }
    assert!(first_value(b"REDIS0012", 22, &valkey).is_err());
    assert!(first_value(b"VALKEY080", 22, &redis).is_err());
}

#[test]
fn a_slot_import_is_a_record_in_one_family_and_metadata_in_the_other() {
    let job = [b'j'; 40];
    let bytes = [
        b"VALKEY080".as_slice(),
        &[243, 40],
        &job,
        &[2, 5, 9, 0x40, 100, 0x40, 200],
        &[0xff],
        &[0; 8],
    ]
    .concat();
    let mut reader = RdbReader::new(&bytes).expect("header");
    assert_eq!(reader.header().family, Family::Valkey);
    let RecordKind::SlotImport { job: name, ranges } =
        reader.next_record().expect("record").expect("some").kind
    else {
        panic!("no slot import")
    };
    assert_eq!(&*name.bytes().expect("name"), job);
    assert_eq!(ranges, [(5, 9), (100, 200)]);
}

#[test]
fn attributes_stay_until_the_next_key_whatever_lies_between() {
    let expiry = 1_900_000_000_123_i64;
    let bytes = [
        b"REDIS0011".as_slice(),
        &[253, 1, 0, 0, 0],
        &[252],
        &expiry.to_le_bytes(),
        &[249, 200, 254, 3],
        &[0, 1, b'a', 0],
        &[0, 1, b'b', 0],
        &[0xff],
        &[0; 8],
    ]
    .concat();
    let mut reader = RdbReader::new(&bytes).expect("header");
    let mut entries = Vec::new();
    while let Some(record) = reader.next_record().expect("record") {
        if let RecordKind::Entry(entry) = record.kind {
            entries.push((entry.db, entry.expires_at_ms, entry.freq));
        }
    }
    assert_eq!(entries, [(3, Some(expiry), Some(200)), (3, None, None)]);
}

#[test]
fn what_is_not_known_is_refused_by_name_and_offset() {
    let cases: &[(&[u8], u64, &str)] = &[
        (b"REDIS0016", 5, "RDB version 16 of the Redis family"),
        (b"REDIS0080", 5, "RDB version 80 of the Redis family"),
        (b"VALKEY079", 6, "RDB version 79 of the Valkey family"),
        (b"VALKEY082", 6, "RDB version 82 of the Valkey family"),
        (b"REDIS0000", 5, "RDB version 0 "),
        (
            b"REDIS0013\x06\x01k",
            9,
            "type 6 (module, first serialisation",
        ),
        (b"REDIS0013\x08\x01k", 9, "type 8 in"),
        (b"VALKEY080\x18\x01k", 9, "type 24 in"),
        (
            b"REDIS0013\xf2",
            9,
            "opcode 242 (hash template of Redis 8.10)",
        ),
    ];
    for (bytes, offset, name) in cases {
        let error = RdbReader::new(bytes)
            .and_then(|mut reader| reader.next_record())
            .expect_err(name);
        assert!(
            matches!(error.kind(), ErrorKind::Unsupported { what } if what.starts_with(name)),
            "{name}: {error}"
        );
        assert_eq!(error.offset(), *offset, "{error}");
    }
}

#[test]
fn valkeys_slot_info_with_three_and_four_numbers() {
    let info = |keys_with_field_ttl| {
        Some(SlotInfo {
            slot: 5,
            keys: 12,
            expiring_keys: 3,
            keys_with_field_ttl,
        })
    };
    assert_eq!(SlotInfo::parse(b"5,12,3"), info(None));
    assert_eq!(SlotInfo::parse(b"5,12,3,1"), info(Some(1)));
    assert_eq!(SlotInfo::parse(b"5,12,3,1,9"), info(Some(1)));
    for wrong in [
        b"".as_slice(),
        b"5",
        b"5,12",
        b"5,12,x",
        b"5,12,3,x",
        b"5,12,-1",
        b"\xff",
    ] {
        assert_eq!(SlotInfo::parse(wrong), None, "{}", wrong.escape_ascii());
    }
}

#[test]
fn an_error_says_where_what_and_in_which_key() {
    let bytes = b"REDIS0011\x10\x07user:42\x08\x08\x00\x00\x00\x01\x00\x85\xff";
    let mut reader = RdbReader::new(bytes).expect("header");
    let RecordKind::Entry(entry) = reader.next_record().expect("record").expect("entry").kind
    else {
        panic!("no entry")
    };
    let error = entry
        .measure(Detail::Elements)
        .expect_err("the entry claims five bytes and has none");
    assert_eq!(
        error.to_string(),
        "listpack damaged at offset 0x1b (27): expected structure within its string, found one that goes on for 4 more, in db 0 key \"user:42\""
    );
}
