//! Hash templates of Redis 8.10.

use preshard_parser::{DataType, ErrorKind, RdbReader};

use crate::assembled::{Lp, entry, file, len, listpack, lzf, str};
use crate::read::{read, read_streamed, refused};

/// The record of redis 8.10 that defines a template.
pub fn template(id: u64, names: &[&str]) -> Vec<u8> {
    let names: Vec<_> = names.iter().flat_map(str).collect();
    let count = names_in(&names);
    [&[242], &len(id)[..], &len(count), &names].concat()
}

fn names_in(mut names: &[u8]) -> u64 {
    let mut count = 0;
    while let [first, rest @ ..] = names {
        names = &rest[usize::from(*first)..];
        count += 1;
    }
    count
}

/// The value of a hash that refers to a template and is a listpack.
pub fn packed(id: u8, values: &[&str]) -> Vec<u8> {
    let mut entries = vec![Lp::Small(id)];
    entries.extend(values.iter().map(|value| Lp::Str(value.as_bytes())));
    listpack(&entries)
}

/// redis 8.10 `tests/unit/type/hash-templates.tcl`: "RDB load rejects TMPL_LP REF hash with invalid template id" says
/// where the id lies, "RESTORE rejects REF-encoded template hash types" has the very bytes of two values.
#[test]
fn hashes_refer_to_templates_of_redis_8_10() {
    // Four values of their own lengths; the listpack of the second is compressed.
    let long = "v".repeat(90);
    let values = ["1", "22", &long, ""];
    let compressed = lzf(&packed(0, &values));
    assert!(compressed.len() < 90);
    let one_by_one = [len(0), vec![0xc0, 1], str("22"), str(&long), str("")].concat();
    let bytes = file(
        "REDIS0015",
        &[
            template(0, &["field1", "field2", "field3", "a-longer-one"]),
            template(5, &["field1", "field2"]),
            entry(30, "k1", &str(packed(0, &values))),
            entry(30, "k2", &compressed),
            entry(32, "k3", &one_by_one),
            entry(
                30,
                "refk1",
                b"\x0d\x0d\x00\x00\x00\x03\x00\x05\x01\x01\x01\x02\x01\xff",
            ),
            entry(32, "refk2", b"\x05\xc0\x01\xc0\x02"),
        ],
    );
    let entries = read(&bytes).expect("sound");
    assert_eq!(entries.len(), 5);
    let names = (6 + 6 + 6 + 12) as u64;
    for read in &entries[..3] {
        let facts = read.facts;
        assert_eq!(read.data_type, DataType::Hash, "{}", read.key);
        assert_eq!(
            (facts.elements, facts.template),
            (Some(4), Some(0)),
            "{}",
            read.key
        );
        assert_eq!(read.counts.elements, Some(4), "{}", read.key);
        assert_eq!(
            (facts.element_bytes, facts.largest_element_bytes),
            (Some(names + 1 + 2 + 90), Some(90)),
            "{}",
            read.key
        );
    }
    for (read, encoding) in entries.iter().zip([
        "template-listpack",
        "template-listpack",
        "template-array",
        "template-listpack",
        "template-array",
    ]) {
        assert_eq!(read.facts.encoding.name(), encoding, "{}", read.key);
        assert!(!read.payload_is_exact, "{}", read.key);
    }
    for read in &entries[3..] {
        assert_eq!(
            (read.facts.elements, read.facts.template),
            (Some(2), Some(5))
        );
        assert_eq!(
            (read.facts.element_bytes, read.facts.largest_element_bytes),
            (Some(6 + 6 + 1 + 1), Some(6))
        );
    }
}

/// The same file, "RESTORE rejects malformed template payload": names in one listpack behind a 0, or one by one
/// behind a 1 and their number. Servers write these in DUMP payloads only and load them from files too.
#[test]
fn hashes_that_carry_their_field_names() {
    let names = listpack(&[Lp::Str(b"field1"), Lp::Str(b"field2")]);
    assert_eq!(
        names,
        b"\x17\x00\x00\x00\x02\x00\x86field1\x07\x86field2\x07\xff"
    );
    let packed_names = [len(0), str(&names)].concat();
    let raw_names = [len(1), len(2), str("field1"), str("field2")].concat();
    let values = str(packed(0, &["1", "twenty-two"]));
    let one_by_one = [str("1"), str("twenty-two")].concat();
    let cases = [
        (
            29,
            [packed_names.clone(), values.clone()].concat(),
            "template-listpack",
        ),
        (
            29,
            [raw_names.clone(), values].concat(),
            "template-listpack",
        ),
        (
            31,
            [packed_names.clone(), one_by_one.clone()].concat(),
            "template-array",
        ),
        (
            31,
            [raw_names, one_by_one.clone()].concat(),
            "template-array",
        ),
        (
            31,
            [len(0), lzf_names(), one_by_one].concat(),
            "template-array",
        ),
    ];
    let records: Vec<_> = cases
        .iter()
        .enumerate()
        .map(|(at, (value_type, value, _))| entry(*value_type, &at.to_string(), value))
        .collect();
    let entries = read(&file("REDIS0015", &records)).expect("sound");
    for (read, (_, value, encoding)) in entries.iter().zip(&cases) {
        assert_eq!(read.facts.encoding.name(), *encoding, "{}", read.key);
        assert_eq!(
            (read.facts.elements, read.facts.template),
            (Some(2), None),
            "{}",
            read.key
        );
        assert_eq!(read.counts.elements, Some(2), "{}", read.key);
        assert_eq!(
            read.facts.largest_element_bytes.map(|n| n.min(10)),
            Some(10),
            "{}",
            read.key
        );
        // Such a value is already what DUMP returns.
        assert_eq!(read.payload_bytes, value.len() as u64 + 11, "{}", read.key);
        assert!(read.payload_is_exact, "{}", read.key);
    }
}

/// Two names, compressed in one listpack.
pub fn lzf_names() -> Vec<u8> {
    let (a, b) = ("a".repeat(60), "b".repeat(60));
    lzf(&listpack(&[Lp::Str(a.as_bytes()), Lp::Str(b.as_bytes())]))
}

/// How long the payload of a hash is whose names stand apart: DUMP puts them in front of the values, one by one or
/// as a listpack (redis 8.10 `src/t_hash.c`, `fits_in_listpack`). Neither may be longer than what is told.
#[test]
fn a_payload_with_its_names_is_not_longer_than_told() {
    let all: Vec<String> = (0..200)
        .map(|n| format!("{n:0>3}{}", "x".repeat(n)))
        .collect();
    for count in [1, 2, 63, 64, 100, 200] {
        let names: Vec<&str> = all[..count].iter().map(String::as_str).collect();
        let strings: Vec<u8> = names.iter().flat_map(str).collect();
        let record = [&[242], &len(77)[..], &len(count as u64), &strings].concat();
        let values = vec!["v"; count];
        let listpack_value = str(packed(77, &values));
        let value_strings: Vec<u8> = values.iter().flat_map(str).collect();
        let array_value = [len(77), value_strings.clone()].concat();
        let bytes = file(
            "REDIS0015",
            &[
                record,
                entry(30, "packed", &listpack_value),
                entry(32, "array", &array_value),
            ],
        );
        let entries = read(&bytes).expect("sound");
        let entries_of_names: Vec<_> = names.iter().map(|name| Lp::Str(name.as_bytes())).collect();
        let forms = [
            [len(1), len(count as u64), strings].concat(),
            [len(0), str(listpack(&entries_of_names))].concat(),
        ];
        let longest = forms.iter().map(Vec::len).max().expect("two forms") as u64;
        for (read, rest) in entries.iter().zip([listpack_value, value_strings]) {
            assert_eq!(
                read.payload_bytes,
                longest + rest.len() as u64 + 11,
                "{count} names, {}",
                read.key
            );
        }
    }
}

#[test]
fn what_is_wrong_with_templates_is_told_by_offset() {
    let names = ["field1", "field2"];
    let hash = |value: &[u8]| file("REDIS0015", &[template(3, &names), entry(30, "k", value)]);
    let cases = [
        (
            file("REDIS0015", &[template(3, &[])]),
            "hash template damaged at offset 0xb (11): expected at least one field name, found none",
        ),
        (
            file("REDIS0015", &[template(3, &names), template(3, &["other"])]),
            "hash template damaged at offset 0x1b (27): expected id of a new template, found 3 a second time",
        ),
        (
            file(
                "REDIS0015",
                &[template(3, &names), entry(32, "k", &[5, 0xc0, 1, 0xc0, 2])],
            ),
            "hash of a template damaged at offset 0x1d (29): expected id of a template defined in front, found 5, \
             which none has, in db 0 key \"k\"",
        ),
        (
            // The id lies behind the length of the string and the six bytes of the listpack's header.
            hash(&str(packed(5, &["1", "2"]))),
            "hash of a template damaged at offset 0x24 (36): expected id of a template defined in front, found 5, \
             which none has, in db 0 key \"k\"",
        ),
        (
            hash(&str(listpack(&[]))),
            "hash of a template damaged at offset 0x24 (36): expected listpack entry, found byte 0xff, in db 0 key \"k\"",
        ),
        (
            hash(&str(listpack(&[Lp::Str(b"x"), Lp::Small(1), Lp::Small(2)]))),
            "hash of a template damaged at offset 0x24 (36): expected integer, found a string of 1 bytes, in db 0 key \"k\"",
        ),
        (
            hash(&str(listpack(&[Lp::Int16(-1), Lp::Small(1), Lp::Small(2)]))),
            "hash of a template damaged at offset 0x24 (36): expected id of a template, found -1, in db 0 key \"k\"",
        ),
        (
            hash(&str(packed(3, &["1"]))),
            "hash of a template damaged at offset 0x24 (36): expected a value for each field, found 1 of 2, in db 0 \
             key \"k\"",
        ),
        (
            file("REDIS0015", &[entry(31, "k", &[2])]),
            "hash with its field names damaged at offset 0xc (12): expected field names of form 0 (packed) or 1 (one \
             by one), found 2, in db 0 key \"k\"",
        ),
        (
            file("REDIS0015", &[entry(31, "k", &[1, 0])]),
            "hash with its field names damaged at offset 0xc (12): expected at least one field name, found none, in \
             db 0 key \"k\"",
        ),
    ];
    for (bytes, message) in cases {
        assert_eq!(refused(&bytes), message);
    }
}

/// A value longer than the window is never at hand: its template must be found while it streams by.
#[test]
fn a_long_hash_that_streams_by_finds_its_template() {
    let values: Vec<String> = (0..50).map(|n| format!("{n}{}", "v".repeat(40))).collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    let names: Vec<String> = (10..60).map(|n| format!("field{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let strings: Vec<u8> = values.iter().flat_map(str).collect();
    let bytes = file(
        "REDIS0015",
        &[
            template(9, &names),
            entry(30, "packed", &str(packed(9, &values))),
            entry(30, "compressed", &lzf(&packed(9, &values))),
            entry(32, "array", &[len(9), strings].concat()),
        ],
    );
    let mapped = read(&bytes).expect("sound");
    let streamed = read_streamed(&bytes).expect("sound");
    assert_eq!(streamed.len(), 3);
    for (mapped, streamed) in mapped.iter().zip(&streamed) {
        assert_eq!(mapped.facts, streamed.facts);
        assert_eq!(mapped.payload_bytes, streamed.payload_bytes);
        assert_eq!(streamed.facts.template, Some(9));
    }
}

/// As many templates as are remembered, and one more.
#[test]
fn templates_are_bounded() {
    let most = preshard_parser::limits::HASH_TEMPLATES_MAX as u64;
    let mut bytes = b"REDIS0015".to_vec();
    for id in 0..=most {
        bytes.push(242);
        bytes.extend(len(id));
        bytes.extend([1, 1, b'f']);
    }
    let mut reader = RdbReader::new(&bytes).expect("header");
    for _ in 0..most {
        reader.next_record().expect("within the bound");
    }
    let error = reader.next_record().expect_err("beyond it");
    assert!(
        matches!(error.kind(), ErrorKind::Unsupported { what } if what == "more than 524288 templates"),
        "{error}"
    );
}
