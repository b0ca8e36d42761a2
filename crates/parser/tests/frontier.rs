//! RDB 14, 15 and 81: layouts that no server at hand writes, assembled byte for byte from what the servers' own
//! sources and tests say of them. Each test names its source.

mod assembled;

use assembled::{Lp, entry, file, len, listpack, lzf, str};
use preshard_parser::{
    DataType, Detail, Encoding, Entry, Error, ErrorKind, Member, MemberOptions, RdbReader,
    RdbStream, RecordKind, Sample, ValueFacts,
};

/// The record of redis 8.10 that defines a template.
fn template(id: u64, names: &[&str]) -> Vec<u8> {
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
fn packed(id: u8, values: &[&str]) -> Vec<u8> {
    let mut entries = vec![Lp::Small(id)];
    entries.extend(values.iter().map(|value| Lp::Str(value.as_bytes())));
    listpack(&entries)
}

/// Reads a file to its end; each entry measured at both depths.
fn read(bytes: &[u8]) -> Result<Vec<Read>, Error> {
    let mut reader = RdbReader::new(bytes)?.with_detail(Detail::Elements);
    let mut entries = Vec::new();
    while let Some(record) = reader.next_record()? {
        if let RecordKind::Entry(entry) = record.kind {
            entries.push(Read::new(&entry)?);
        }
    }
    Ok(entries)
}

/// What was read of an entry.
#[derive(Debug, PartialEq, Eq)]
struct Read {
    key: String,
    data_type: DataType,
    value_bytes: u64,
    payload_bytes: u64,
    payload_is_exact: bool,
    counts: ValueFacts,
    facts: ValueFacts,
}

impl Read {
    fn new(entry: &Entry<'_>) -> Result<Read, Error> {
        Ok(Read {
            key: String::from_utf8_lossy(&entry.key.bytes()?).into_owned(),
            data_type: entry.value_type.data_type(),
            value_bytes: entry.value.stored_bytes(),
            payload_bytes: entry.payload_bytes(),
            payload_is_exact: entry.payload_is_exact(),
            counts: entry.measure(Detail::Counts)?,
            facts: entry.measure(Detail::Elements)?,
        })
    }
}

fn refused(bytes: &[u8]) -> String {
    match read(bytes) {
        Ok(entries) => panic!("read as {entries:?}"),
        Err(error) => error.to_string(),
    }
}

/// An id of a stream as it lies in pending lists.
fn raw_id(ms: u64, seq: u64) -> Vec<u8> {
    [ms.to_be_bytes(), seq.to_be_bytes()].concat()
}

/// A stream of one node and one entry, with one group, of which `groups` gives the rest.
fn stream_v5(groups: &[Vec<u8>]) -> Vec<u8> {
    let node = listpack(&[
        // Live, deleted, one field that is shared, its name, the end of the master entry.
        Lp::Small(1),
        Lp::Small(0),
        Lp::Small(1),
        Lp::Str(b"field"),
        Lp::Small(0),
        // Same fields, the id itself, the value, back over four entries.
        Lp::Small(2),
        Lp::Small(0),
        Lp::Small(0),
        Lp::Str(b"stream-value"),
        Lp::Small(4),
    ]);
    let ms = 1_786_690_780_196;
    [
        len(1),
        str(raw_id(ms, 0)),
        str(node),
        // Length, last id, first id, greatest deleted id, entries added.
        [
            len(1),
            len(ms),
            len(0),
            len(ms),
            len(0),
            len(0),
            len(0),
            len(1),
        ]
        .concat(),
        len(groups.len() as u64),
        groups.concat(),
        // Idempotence: duration, most entries, producers, added, duplicates (as a file of 8.9.241 has it).
        [len(100), len(100), len(0), len(0), len(0)].concat(),
    ]
    .concat()
}

/// redis pull request 14797 (XNACK) and librdb 2.3: behind the consumers of each group its entries without
/// owner, which are pending too.
#[test]
fn a_stream_of_redis_8_8_tells_entries_without_owner() {
    let ms = 1_786_690_780_196;
    let pending = |seq| [raw_id(ms, seq), 7_i64.to_le_bytes().to_vec(), len(1)].concat();
    let group = [
        str("mygroup"),
        [len(ms), len(0), len(1)].concat(),
        len(3),
        [pending(0), pending(1), pending(2)].concat(),
        len(1),
        str("consumer"),
        [7_i64.to_le_bytes(), 8_i64.to_le_bytes()].concat(),
        len(1),
        raw_id(ms, 0),
        // Two without owner.
        len(2),
        raw_id(ms, 1),
        raw_id(ms, 2),
    ]
    .concat();
    let without_groups = stream_v5(&[]);
    let value = stream_v5(std::slice::from_ref(&group));
    let bytes = file(
        "REDIS0014",
        &[entry(27, "plain", &without_groups), entry(27, "s", &value)],
    );
    let entries = read(&bytes).expect("sound");
    assert_eq!(entries[0].value_bytes, without_groups.len() as u64);
    let facts = entries[1].facts;
    assert_eq!(
        (entries[1].data_type, facts.encoding, facts.elements),
        (DataType::Stream, Encoding::Stream, Some(1))
    );
    assert_eq!(
        (facts.groups, facts.pending, facts.consumers, facts.unowned),
        (1, 3, 1, 2)
    );
    assert_eq!(entries[1].payload_bytes, value.len() as u64 + 11);
    // The stream of Redis 8.6 has no such list: its bytes are another stream's.
    let older = file("REDIS0013", &[entry(26, "s", &value)]);
    assert!(read(&older).is_err());
}

/// redis 8.8 `src/sparsearray.h` (`AR_RDB_TAG_*`) and `tests/unit/type/array.tcl` (the names of type and
/// encoding); librdb 2.3 has a dump of each kind.
#[test]
fn an_array_of_redis_8_8_has_indexes_and_four_kinds_of_elements() {
    let elements = [
        [len(0), len(3), str("abc")].concat(),
        [len(7), len(1), (-12_345_i64).to_le_bytes().to_vec()].concat(),
        [len(10_000), len(2), 3.5_f64.to_le_bytes().to_vec()].concat(),
        [len(u64::MAX - 1), len(0), str([b'x'; 100])].concat(),
    ]
    .concat();
    let with_index = [len(4), len(1), len(49), elements.clone()].concat();
    let without = [len(4), len(0), elements].concat();
    let bytes = file(
        "REDIS0014",
        &[entry(28, "a", &with_index), entry(28, "b", &without)],
    );
    for (read, value) in read(&bytes)
        .expect("sound")
        .iter()
        .zip([with_index, without])
    {
        assert_eq!(read.data_type.name(), "array");
        assert_eq!(read.facts.encoding.name(), "sliced-array");
        // "abc", "-12345", "3.5", a hundred bytes.
        assert_eq!(
            (
                read.facts.elements,
                read.facts.element_bytes,
                read.facts.largest_element_bytes
            ),
            (Some(4), Some(3 + 6 + 3 + 100), Some(100))
        );
        assert_eq!(read.payload_bytes, value.len() as u64 + 11);
        assert!(read.payload_is_exact);
    }
    let broken = |value: Vec<u8>| refused(&file("REDIS0014", &[entry(28, "a", &value)]));
    assert_eq!(
        broken([len(1), len(2), len(0)].concat()),
        "array damaged at offset 0xd (13): expected 1 where an insert index follows, or 0, found 2, in db 0 key \"a\""
    );
    assert_eq!(
        broken([len(1), len(0), len(0), len(4)].concat()),
        "array damaged at offset 0xf (15): expected array element of kind 0 to 3, found 4, in db 0 key \"a\""
    );
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
fn lzf_names() -> Vec<u8> {
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

/// valkey 9.2 `tests/unit/type/path_hash.tcl`, "RESTORE rejects malformed path hash payloads", changes single bytes
/// of payloads and so says what lies where.
#[test]
fn a_path_hash_of_valkey_9_2() {
    let value = [
        len(2),
        [str(""), len(1), str("root"), str("value")].concat(),
        [
            str("abc"),
            len(2),
            str("f1"),
            str("v1"),
            str("f2"),
            str("longest-of-all"),
        ]
        .concat(),
    ]
    .concat();
    let empty = len(0);
    let bytes = file(
        "VALKEY081",
        &[entry(23, "tree", &value), entry(23, "empty", &empty)],
    );
    let entries = read(&bytes).expect("sound");
    let tree = &entries[0];
    assert_eq!(tree.data_type.name(), "pathhash");
    assert_eq!(tree.facts.encoding.name(), "pathhash");
    // Two paths (PHCARD), and all of "", "root", "value", "abc", "f1", "v1", "f2", "longest-of-all".
    assert_eq!(
        (
            tree.facts.elements,
            tree.facts.element_bytes,
            tree.facts.largest_element_bytes
        ),
        (Some(2), Some(4 + 5 + 3 + 2 + 2 + 2 + 14), Some(14))
    );
    assert_eq!(tree.payload_bytes, value.len() as u64 + 11);
    assert_eq!(entries[1].facts.elements, Some(0));
    // The fifth byte of the payload of path "p" is its number of fields.
    assert_eq!(
        refused(&file(
            "VALKEY081",
            &[entry(23, "source", b"\x01\x01p\x00\x01f\x01v")]
        )),
        "path hash damaged at offset 0x14 (20): expected at least one field of the path, found none, in db 0 key \
         \"source\""
    );
}

/// valkey 9.2 `src/forkless_save.c`, `writeReplicationData`.
#[test]
fn a_command_between_the_keys_of_valkey_9_2() {
    let command = b"\xf2*3\r\n$3\r\nSET\r\n$5\r\nk\r\n*1\r\n$0\r\n\r\n".to_vec();
    let bytes = file(
        "VALKEY081",
        &[entry(0, "a", &str("1")), command, entry(0, "b", &str("2"))],
    );
    let mut reader = RdbReader::new(&bytes).expect("header");
    reader.next_record().expect("record");
    let record = reader.next_record().expect("record").expect("command");
    assert_eq!(record.range, 14..14 + 31);
    let RecordKind::Update { command, arguments } = record.kind else {
        panic!("{:?}", record.kind)
    };
    assert_eq!(&*command.bytes().expect("held"), b"SET");
    assert_eq!(arguments, 3);
    assert_eq!(read(&bytes).expect("sound").len(), 2);
    for (wrong, message) in [
        (
            b"\xf2*0\r\n".as_slice(),
            "command damaged at offset 0xa (10): expected name of a command, found no arguments",
        ),
        (
            b"\xf2$3\r\n",
            "command damaged at offset 0xa (10): expected number of arguments or bytes on a line, found byte 0x24",
        ),
        (
            b"\xf2*1\n",
            "command damaged at offset 0xc (12): expected number of arguments or bytes on a line, found byte 0x0a",
        ),
        (
            b"\xf2*1\r\n$3\r\nSETx\n",
            "command damaged at offset 0x15 (21): expected end of the line, found \"x\\n\"",
        ),
        (
            b"\xf2*99999999999999999999\r\n",
            "command damaged at offset 0x1e (30): expected number of arguments or bytes on a line, found byte 0x39",
        ),
    ] {
        let bytes = [b"VALKEY081".as_slice(), wrong].concat();
        assert_eq!(refused(&bytes), message);
    }
}

/// Servers write the version that they are of and load any type that they know, whatever the file says; so types
/// newer than the file's version are read, but for numbers that mean something else there.
#[test]
fn numbers_are_resolved_by_family_and_where_they_were_used_before_by_version() {
    let array = [len(1), len(0), len(0), len(3), str("x")].concat();
    assert_eq!(
        read(&file("REDIS0009", &[entry(28, "a", &array)]))
            .expect("as servers do")
            .len(),
        1
    );
    let unsupported: &[(&[u8], u64, &str)] = &[
        (
            b"REDIS0016",
            5,
            "RDB version 16 of the Redis family, known are 1 to 15",
        ),
        (
            b"VALKEY082",
            6,
            "RDB version 82 of the Valkey family, known are 80 to 81",
        ),
        (
            b"REDIS0014\x1d\x01k",
            9,
            "type 29 (hash template of Redis 8.10, which says REDIS0015; something else in older files) in a file \
             that says REDIS0014",
        ),
        (
            b"REDIS0009\x1e\x01k",
            9,
            "type 30 (hash template of Redis 8.10, which says REDIS0015; something else in older files) in a file \
             that says REDIS0009",
        ),
        (
            b"REDIS0014\xf2",
            9,
            "opcode 242 (hash template of Redis 8.10) in a file that says REDIS0014",
        ),
        (
            b"REDIS0015\x21\x01k",
            9,
            "type 33 (rate limiter of special builds of Redis 8.10) in a file that says REDIS0015",
        ),
        (
            b"REDIS0015\x22\x01k",
            9,
            "type 34 (a type of Dragonfly) in a file that says REDIS0015",
        ),
        (
            b"REDIS0009\xc9\x01k",
            9,
            "type 201 (a field of Dragonfly) in a file that says REDIS0009",
        ),
        (
            b"REDIS0009\x40\x01k",
            9,
            "type 64 (cron job of KeyDB) in a file that says REDIS0009",
        ),
        (
            b"VALKEY081\x18\x01k",
            9,
            "type 24 in a file that says VALKEY081",
        ),
        (
            b"VALKEY081\x1b\x01k",
            9,
            "type 27 in a file that says VALKEY081",
        ),
        (
            b"VALKEY081\x1e\x01k",
            9,
            "type 30 in a file that says VALKEY081",
        ),
    ];
    for (bytes, offset, what) in unsupported {
        let error = read(bytes).expect_err(what);
        assert_eq!(error.offset(), *offset, "{error}");
        assert!(
            matches!(error.kind(), ErrorKind::Unsupported { what: found } if found == what),
            "{error}"
        );
    }
}

/// What is handed out of each kind of value, in words.
fn members(bytes: &[u8]) -> Vec<String> {
    let options = MemberOptions {
        head_bytes: 5,
        reference_ms: None,
    };
    let text = |sample: Sample<'_>| {
        let cut = if sample.is_cut() { "..." } else { "" };
        format!("{}{cut}", sample.head.escape_ascii())
    };
    let mut reader = RdbReader::new(bytes).expect("header");
    let mut told = Vec::new();
    while let Some(record) = reader.next_record().expect("sound") {
        let RecordKind::Entry(entry) = record.kind else {
            continue;
        };
        let facts = entry.members(options, &mut |member| {
            told.push(match member {
                Member::Template { id, fields } => format!("template {id} of {fields}"),
                Member::FieldName { index, name } => format!("name {index} {}", text(name)),
                Member::FieldValue { index, value } => format!("value {index} {}", text(value)),
                Member::ArrayElement { index, element } => format!("[{index}] {}", text(element)),
                Member::Path { path } => format!("path {}", text(path)),
                Member::Field { field, value, .. } => format!("{}={}", text(field), text(value)),
                Member::Pending { id, .. } => format!("pending {}", id.seq),
                Member::Owned { id } => format!("owned {}", id.seq),
                Member::Unowned { id } => format!("unowned {}", id.seq),
                _ => return Ok(()),
            });
            Ok(())
        });
        assert_eq!(
            facts.expect("sound"),
            entry.measure(Detail::SoundElements).expect("sound")
        );
    }
    told
}

#[test]
fn members_of_the_newest_values_are_handed_out() {
    let [redis, valkey] = everything();
    let a = "aaaaa...";
    let b = "bbbbb...";
    let expected = [
        "pending 0",
        "unowned 0",
        "[0] abc",
        "[1] 5",
        "[9] 0.5",
        "template 0 of 3",
        "value 0 42",
        "value 1 x",
        "value 2 y@z",
        "template 0 of 3",
        "value 0 42",
        "value 1 vvvvv...",
        "value 2 y@z",
        "template 0 of 3",
        "value 0 1",
        "value 1 2",
        "value 2 3",
        &format!("name 0 {a}"),
        &format!("name 1 {b}"),
        "value 0 1",
        "value 1 2",
        "name 0 f",
        "value 0 v",
    ];
    assert_eq!(members(&redis), expected);
    assert_eq!(members(&valkey), ["path /a", "f=v", "g=w"]);
}

/// Everything that is new, in two files.
fn everything() -> [Vec<u8>; 2] {
    let ms = 1_786_690_780_196;
    let group = [
        str("g"),
        [len(ms), len(0), len(1), len(1)].concat(),
        [raw_id(ms, 0), 7_i64.to_le_bytes().to_vec(), len(1)].concat(),
        [len(1), str("c")].concat(),
        [7_i64.to_le_bytes(), (-1_i64).to_le_bytes()].concat(),
        [len(0), len(1), raw_id(ms, 0)].concat(),
    ]
    .concat();
    let long = "v".repeat(90);
    let redis = file(
        "REDIS0015",
        &[
            template(0, &["age", "name", "email"]),
            entry(27, "s", &stream_v5(&[group])),
            entry(
                28,
                "a",
                &[
                    [len(3), len(1), len(2)].concat(),
                    [len(0), len(3), str("abc")].concat(),
                    [len(1), len(1), 5_i64.to_le_bytes().to_vec()].concat(),
                    [len(9), len(2), 0.5_f64.to_le_bytes().to_vec()].concat(),
                ]
                .concat(),
            ),
            entry(30, "l", &str(packed(0, &["42", "x", "y@z"]))),
            entry(30, "z", &lzf(&packed(0, &["42", &long, "y@z"]))),
            entry(32, "r", &[len(0), str("1"), str("2"), str("3")].concat()),
            entry(
                29,
                "d",
                &[vec![0], lzf_names(), str(packed(0, &["1", "2"]))].concat(),
            ),
            entry(31, "e", &[vec![1, 1], str("f"), str("v")].concat()),
        ],
    );
    let valkey = file(
        "VALKEY081",
        &[
            entry(
                23,
                "p",
                &[
                    len(1),
                    str("/a"),
                    len(2),
                    str("f"),
                    str("v"),
                    str("g"),
                    str("w"),
                ]
                .concat(),
            ),
            b"\xf2*2\r\n$3\r\nDEL\r\n$1\r\np\r\n".to_vec(),
            entry(0, "q", &str("1")),
        ],
    );
    [redis, valkey]
}

/// Reads a file in pieces of one byte with a window that holds hardly a record.
fn read_streamed(bytes: &[u8]) -> Result<Vec<Read>, Error> {
    struct OneByOne<'a>(&'a [u8]);
    impl std::io::Read for OneByOne<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let n = buffer.len().min(self.0.len()).min(1);
            let (now, later) = self.0.split_at(n);
            buffer[..n].copy_from_slice(now);
            self.0 = later;
            Ok(n)
        }
    }
    let window = preshard_parser::limits::TAKE_MAX;
    let mut stream = RdbStream::with_window(OneByOne(bytes), Detail::Elements, window)?;
    let mut entries = Vec::new();
    let portion = preshard_parser::Portion {
        records: 3,
        bytes: u64::MAX,
    };
    loop {
        let mut records = Vec::new();
        let framed = stream.next_records(portion, &mut records);
        let none = records.is_empty();
        for record in &records {
            if let RecordKind::Entry(entry) = &record.kind {
                entries.push(Read::new(entry)?);
            }
        }
        framed?;
        if none {
            return Ok(entries);
        }
    }
}

#[test]
fn what_streams_by_is_what_lies_in_memory() {
    for bytes in everything() {
        let mapped = read(&bytes).expect("sound");
        let streamed = read_streamed(&bytes).expect("sound");
        assert_eq!(mapped.len(), streamed.len());
        for (mapped, streamed) in mapped.iter().zip(&streamed) {
            assert_eq!(
                (
                    &mapped.key,
                    mapped.value_bytes,
                    mapped.payload_bytes,
                    mapped.facts
                ),
                (
                    &streamed.key,
                    streamed.value_bytes,
                    streamed.payload_bytes,
                    streamed.facts
                )
            );
        }
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

#[test]
fn damage_anywhere_is_an_error_or_a_value() {
    for bytes in everything() {
        for cut in 0..bytes.len() {
            let error = read(&bytes[..cut]).expect_err("a prefix is no snapshot");
            assert_eq!(
                Err(&error),
                read_streamed(&bytes[..cut]).as_ref(),
                "cut at {cut}"
            );
            if cut > 0 {
                assert!(error.is_truncated(), "cut at {cut}: {error}");
                assert_eq!(error.offset(), cut as u64, "{error}");
            }
        }
        let mut damaged = bytes.clone();
        for at in 0..bytes.len() {
            let sound = bytes[at];
            for byte in [0x00, 0xff, sound ^ 1, sound ^ 0x80, sound ^ 0xff] {
                damaged[at] = byte;
                if let Err(error) = read(&damaged) {
                    assert!(error.offset() <= bytes.len() as u64, "byte {at}: {error}");
                }
            }
            damaged[at] = sound;
        }
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
