//! Streams v5 and arrays of Redis 8.8.

use preshard_parser::{DataType, Encoding};

use crate::assembled::{Lp, entry, file, len, listpack, str};
use crate::read::{read, refused};

/// An id of a stream as it lies in pending lists.
pub fn raw_id(ms: u64, seq: u64) -> Vec<u8> {
    [ms.to_be_bytes(), seq.to_be_bytes()].concat()
}

/// A stream of one node and one entry, with one group, of which `groups` gives the rest.
pub fn stream_v5(groups: &[Vec<u8>]) -> Vec<u8> {
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
