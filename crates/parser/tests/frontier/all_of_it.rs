//! Everything that is new, in two files: its members, as it streams by, damaged.

use preshard_parser::{Detail, Member, MemberOptions, RdbReader, RecordKind, Sample};

use crate::assembled::{entry, file, len, lzf, str};
use crate::read::{read, read_streamed};
use crate::redis_8_8::{raw_id, stream_v5};
use crate::templates::{lzf_names, packed, template};

/// What is handed out of each kind of value, in words.
fn members(bytes: &[u8]) -> Vec<String> {
    let options = MemberOptions {
        head_bytes: 5,
        reference_ms: None,
        memory: None,
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
pub fn everything() -> [Vec<u8>; 2] {
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
