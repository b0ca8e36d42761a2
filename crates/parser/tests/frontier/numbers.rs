//! Numbers of types and opcodes, by family and version.

use preshard_parser::ErrorKind;

use crate::assembled::{entry, file, len, str};
use crate::read::read;

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
