//! What only the newest servers write: templates, arrays, path hashes, commands between the keys. The layouts and
//! where they are known from stand in the tests of the parser.

mod snapshot;

use std::collections::BTreeMap;

use preshard_analyzer::{ClaimVerdict, FileScan, PartKind, Warning};
use preshard_parser::{DataType, Detail, Encoding};
use snapshot::{Snapshot, scan_bytes, warnings};

const OPCODE_242: u8 = 242;
const TYPE_PATH_HASH: u8 = 23;
const TYPE_ARRAY: u8 = 28;
const TYPE_HASH_TEMPLATE_LISTPACK: u8 = 30;
const TYPE_HASH_TEMPLATE_ARRAY: u8 = 32;

fn parts(scan: &FileScan) -> BTreeMap<PartKind, u64> {
    let account = &scan.summary.account;
    assert_eq!(
        account.iter().map(|part| part.bytes).sum::<u64>(),
        scan.summary.bytes
    );
    account.iter().map(|part| (part.kind, part.bytes)).collect()
}

#[test]
fn hashes_of_templates_are_told_with_their_names_and_with_a_bound() {
    let mut snapshot = Snapshot::new("REDIS0015");
    snapshot
        .aux("redis-ver", "8.10.1")
        .select_db(0)
        .resize_db(3, 0);
    snapshot.byte(OPCODE_242).length(7).length(2);
    snapshot.string(b"name").string(b"e-mail");
    // A listpack of the id and two values.
    let packed = b"\x12\0\0\0\x03\0\x07\x01\x81a\x02\x84a@bc\x05\xff";
    snapshot
        .byte(TYPE_HASH_TEMPLATE_LISTPACK)
        .string(b"packed")
        .string(packed);
    snapshot
        .byte(TYPE_HASH_TEMPLATE_ARRAY)
        .string(b"array")
        .length(7)
        .string(b"b")
        .string(b"b@cd");
    snapshot.set(b"other", b"x");
    let (scan, seen) = scan_bytes(&snapshot.end(), Detail::Elements).expect("a snapshot");
    assert_eq!(scan.summary.damage, None);
    let facts: Vec<_> = seen
        .iter()
        .map(|key| (key.data_type, key.elements, key.memory_bytes.is_some()))
        .collect();
    // No server whose memory is modelled has such hashes.
    let hash = (DataType::Hash, Some(2), false);
    assert_eq!(facts, [hash, hash, (DataType::String, Some(1), true)]);
    // With the names one by one DUMP returns 1 + 1 + 5 + 7 bytes more; as a listpack 1 + 1 + 7 + 6 + 8; and of
    // the array not the id.
    assert_eq!(
        seen.iter().map(|key| key.payload_bytes).collect::<Vec<_>>(),
        [19 + 11 + 23, 7 + 11 + 23, 2 + 11]
    );
    assert_eq!(warnings(&scan), ["payload-bounds"]);
    assert_eq!(scan.summary.warnings, [Warning::PayloadBounds { keys: 2 }]);
    let encodings: Vec<_> = scan.summary.types.iter().map(|row| row.encoding).collect();
    assert_eq!(
        encodings,
        [
            Encoding::Raw,
            Encoding::TemplateListpack,
            Encoding::TemplateArray
        ]
    );
    assert_eq!(parts(&scan)[&PartKind::HashTemplates], 1 + 1 + 1 + 5 + 7);
    let differs = |claim: &&preshard_analyzer::Claim| claim.verdict == ClaimVerdict::Differs;
    assert_eq!(scan.summary.claims.iter().find(differs), None);
}

#[test]
fn what_was_not_measured_is_told_to_be_so() {
    let mut snapshot = Snapshot::new("REDIS0014");
    snapshot.select_db(0).resize_db(2, 0);
    snapshot.byte(TYPE_ARRAY).string(b"a").length(1).length(0);
    snapshot.length(9).length(3).string(b"abc");
    // Servers drop an array with its last element.
    snapshot
        .byte(TYPE_ARRAY)
        .string(b"empty")
        .length(0)
        .length(0);
    snapshot.set(b"other", b"x");
    let (scan, seen) = scan_bytes(&snapshot.end(), Detail::Counts).expect("a snapshot");
    let [array, other] = seen.as_slice() else {
        panic!("{seen:?}");
    };
    assert_eq!(
        (array.data_type, array.memory_bytes),
        (DataType::Array, None)
    );
    assert!(array.block_ns >= other.block_ns);
    assert_eq!(scan.summary.empty_collections, 1);
    assert!(scan.summary.warnings.contains(&Warning::Unmeasured {
        keys: 1,
        payload_bytes: 8 + 11
    }));

    let mut snapshot = Snapshot::new("VALKEY081");
    snapshot.select_db(0);
    snapshot.byte(TYPE_PATH_HASH).string(b"tree").length(1);
    snapshot.string(b"/a").length(1).string(b"f").string(b"v");
    let (scan, seen) = scan_bytes(&snapshot.end(), Detail::Counts).expect("a snapshot");
    assert_eq!(seen[0].data_type, DataType::PathHash);
    assert_eq!(seen[0].elements, Some(1));
    assert_eq!(warnings(&scan), ["unmeasured"]);
}

#[test]
fn commands_between_the_keys_are_counted_and_not_carried_out() {
    let mut snapshot = Snapshot::new("VALKEY081");
    snapshot.select_db(0).set(b"k", b"1");
    for command in [
        b"*2\r\n$3\r\nDEL\r\n$1\r\nk\r\n",
        b"*2\r\n$3\r\nDEL\r\n$1\r\nx\r\n",
    ] {
        snapshot.byte(OPCODE_242);
        snapshot.0.extend(command);
    }
    snapshot.set(b"l", b"2");
    let (scan, seen) = scan_bytes(&snapshot.end(), Detail::Counts).expect("a snapshot");
    assert_eq!(seen.len(), 2);
    assert_eq!(
        scan.summary.warnings,
        [Warning::CommandsBetweenKeys { commands: 2 }]
    );
    assert_eq!(parts(&scan)[&PartKind::Updates], 2 * 21);
}
