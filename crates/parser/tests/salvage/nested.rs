//! A string that holds a snapshot of a real server, or the records of one, in the middle of other keys.

use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;
use std::path::Path;

use crate::made::{length, slot_of, string};
use crate::outcome::{compare, whole};

/// 191 keys.
fn inner() -> Vec<u8> {
    let path = "../../fixtures/servers/redis-7.0/cluster.rdb";
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("the snapshot")
}

/// A snapshot of 201 keys without a checksum, and where the string lies that holds `content`.
fn around(content: &[u8]) -> (Vec<u8>, Range<usize>) {
    let mut bytes = b"REDIS0010\xfe\x00\xfb".to_vec();
    length(&mut bytes, 201);
    length(&mut bytes, 0);
    let plain = |bytes: &mut Vec<u8>, number: u32| {
        bytes.push(0);
        string(bytes, format!("key:{number}").as_bytes());
        string(bytes, format!("value {number}").as_bytes());
    };
    (0..100).for_each(|number| plain(&mut bytes, number));
    bytes.push(0);
    string(&mut bytes, b"backup");
    let begin = bytes.len();
    string(&mut bytes, content);
    let value = begin..bytes.len();
    (100..200).for_each(|number| plain(&mut bytes, number));
    bytes.push(0xff);
    bytes.extend([0; 8]);
    (bytes, value)
}

#[test]
fn a_snapshot_in_a_string_never_comes_out() {
    let inner = inner();
    let records = inner.len() - 9;
    let contents = [
        &inner[..],
        // Without header, without end, and both.
        &inner[9..],
        &inner[..records],
        &inner[9..records],
        &inner[..inner.len() / 2],
    ];
    let mut judged = 0;
    for content in contents {
        let (sound, value) = around(content);
        let truth = whole(&sound);
        let damaged = BTreeSet::from([(0, b"backup".to_vec())]);
        // The length of the string, what its content begins with, and what it ends with.
        let (begin, end) = (value.start, value.end);
        for at in (begin..begin + 30).chain(end - 20..end) {
            for byte in [
                0x00,
                0x01,
                0x09,
                0x0e,
                0x40,
                0x7f,
                0xc0,
                0xfa,
                0xff,
                sound[at] ^ 1,
            ] {
                let mut bytes = sound.clone();
                bytes[at] = byte;
                let outcome = compare(&truth, &damaged, &bytes, &slot_of);
                let told = format!("{byte:#x} at {at} of {begin}..{end}");
                outcome.assert_true(&told);
                outcome.assert_announced(&told);
                judged += u64::from(bytes != sound);
            }
        }
    }
    assert!(judged > 2_000, "{judged} cases judged");
}
