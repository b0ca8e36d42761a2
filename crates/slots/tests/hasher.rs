//! The slots of keys in buffers, against the definition one bit at a time, and against a table of one line.

use std::ops::Range;

use preshard_slots::{Slot, SlotHasher};

/// The definition: CRC16/XMODEM, polynomial 0x1021, one bit at a time.
fn by_bits(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc: u16, &byte| {
        (0..8).fold(crc ^ (u16::from(byte) << 8), |crc, _| {
            (crc << 1) ^ ((crc >> 15) * 0x1021)
        })
    })
}

/// As servers compute it: one look into one table for each byte.
fn by_table(table: &[u16; 256], bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, &byte| {
        (crc << 8) ^ table[usize::from((crc >> 8) as u8 ^ byte)]
    })
}

/// The words of the Redis Cluster specification, "Hash tags", one byte at a time.
fn counted(key: &[u8]) -> &[u8] {
    let tag = || {
        let start = key.iter().position(|&byte| byte == b'{')? + 1;
        let end = start + key[start..].iter().position(|&byte| byte == b'}')?;
        (start < end).then_some(&key[start..end])
    };
    tag().unwrap_or(key)
}

/// Bytes of all values, but no braces, which would make tags.
fn mixed(length: usize) -> Vec<u8> {
    let mut state = 1u64;
    let next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 56) as u8
    };
    std::iter::repeat_with(next)
        .filter(|byte| !matches!(byte, b'{' | b'}'))
        .take(length)
        .collect()
}

/// The key with bytes around it that would make it another one.
fn surrounded(before: usize, key: &[u8], after: usize) -> (Vec<u8>, Range<usize>) {
    let around = b"{x}{";
    let mut buffer: Vec<u8> = around.iter().copied().cycle().take(before).collect();
    buffer.extend(key);
    buffer.extend(around.iter().rev().cycle().take(after));
    (buffer, before..before + key.len())
}

#[track_caller]
fn assert_slot(before: usize, key: &[u8], after: usize, checksum: u16) {
    let (buffer, range) = surrounded(before, key, after);
    assert_eq!(
        SlotHasher::detect().of_key_in(&buffer, range).number(),
        checksum % 16_384,
        "{} bytes in front of the {} of {}",
        before,
        key.len(),
        key.escape_ascii()
    );
}

#[test]
fn every_length_at_every_place() {
    let bytes = mixed(300);
    let table: [u16; 256] = std::array::from_fn(|byte| by_bits(&[byte as u8]));
    for length in 0..=bytes.len() {
        let key = &bytes[..length];
        let checksum = by_bits(key);
        assert_eq!(checksum, by_table(&table, key));
        assert_eq!(Slot::of_key(key).number(), checksum % 16_384, "{length}");
        for before in 0..=55 {
            assert_slot(before, key, 3, checksum);
        }
    }
}

#[test]
fn every_byte_at_every_distance() {
    // Zeros around, so that nothing but the one byte gives the checksum.
    for length in (1..=28).chain(46..=52).chain(94..=98) {
        for place in 0..length {
            for byte in (0..=255).filter(|&byte| byte != b'{') {
                let mut buffer = vec![0u8; 60 + length];
                buffer[60 + place] = byte;
                let checksum = by_bits(&buffer[60 + place..]);
                let slot = SlotHasher::detect().of_key_in(&buffer, 60..60 + length);
                assert_eq!(
                    slot.number(),
                    checksum % 16_384,
                    "byte {byte:#04x} at {place} of {length}"
                );
            }
        }
    }
}

/// Two braces, or one, at all places of keys of all lengths: tags before and behind the whole words, empty ones,
/// and braces without a partner or the wrong way round.
#[test]
fn braces_at_all_places() {
    for length in (0..=52).chain([96, 97, 145]) {
        let bytes = mixed(length);
        for open in 0..length {
            for close in 0..length {
                let mut key = bytes.clone();
                key[open] = b'{';
                key[close] = b'}';
                let checksum = by_bits(counted(&key));
                assert_eq!(Slot::of_key(&key).number(), checksum % 16_384);
                for before in [0, 70] {
                    assert_slot(before, &key, 5, checksum);
                }
            }
        }
    }
}

/// All keys of up to eight braces and other bytes, alone and among other bytes.
#[test]
fn all_small_keys_of_braces() {
    for length in 0..=8u32 {
        for number in 0..3usize.pow(length) {
            let braces: Vec<u8> = (0..length)
                .map(|place| b"{}|"[number / 3usize.pow(place) % 3])
                .collect();
            for (front, back) in [(0, 0), (9, 0), (20, 9), (60, 40)] {
                let mut key = mixed(front);
                key.extend(&braces);
                key.extend(mixed(back));
                assert_slot(60, &key, 5, by_bits(counted(&key)));
            }
        }
    }
}

/// What `CLUSTER KEYSLOT` of Redis 7.0.15 answered for each of these keys.
#[test]
fn slots_that_a_real_server_gave() {
    let answers: &[(&[u8], u16)] = &[
        (b"", 0),
        (b"\x00nul", 6892),
        (b"123", 5970),
        (b"a}b{c}", 7365),
        (b"foo{}{bar}", 8363),
        (&[b'k'; 63], 2311),
        (&[b'n'; 16384], 10145),
        (&[b'r'; 300], 8828),
        (b"{a", 10276),
        (b"{a}{b}", 15495),
        (b"{}", 15257),
        ("é{ü}".as_bytes(), 9552),
        ("键".as_bytes(), 16043),
    ];
    for &(key, slot) in answers {
        for before in [0, 60] {
            assert_slot(before, key, 9, slot);
        }
    }
}

#[test]
#[should_panic = "out of range"]
fn a_key_beyond_its_buffer_is_refused() {
    SlotHasher::detect().of_key_in(&[b'a'; 100], 90..101);
}
