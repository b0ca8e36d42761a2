//! Path hashes and commands between keys of Valkey 9.2.

use preshard_parser::{RdbReader, RecordKind};

use crate::assembled::{entry, file, len, str};
use crate::read::{read, refused};

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
