//! CRC16/XMODEM, the checksum behind the slot of a key.
//!
//! Polynomial 0x1021, initial value 0, nothing reflected, no final xor (Redis Cluster
//! specification, appendix A). It works on eight bytes at a time ("slicing by 8"): the checksum is
//! linear, hence that of eight bytes is the xor of what each byte contributes from its distance to
//! the end, and `TABLES[d]` holds those contributions for a byte followed by `d` others. The tables
//! take 4 KiB and stay in the first-level cache.

#[cfg(target_arch = "x86_64")]
mod carryless;

#[cfg(target_arch = "x86_64")]
pub(crate) use carryless::Multiplier;

static TABLES: [[u16; 256]; 8] = tables();

/// The checksum of `bytes`.
pub(crate) fn checksum(bytes: &[u8]) -> u16 {
    let (first, words) = right_aligned(bytes);
    words.iter().fold(of_word(first), |crc, word| {
        // Only the first two bytes meet the checksum so far: it is two bytes wide.
        of_word(u64::from_be_bytes(*word) ^ (u64::from(crc) << 48))
    })
}

/// The bytes as whole words at the end, and what stands before these as a number. Zeros in front of a message
/// change nothing, so that the odd bytes make a word like the others, and not a chain of single steps.
fn right_aligned(bytes: &[u8]) -> (u64, &[[u8; 8]]) {
    let Some(first) = bytes.first_chunk() else {
        let number = |number, &byte| (number << 8) | u64::from(byte);
        return (bytes.iter().fold(0, number), &[]);
    };
    let (_, words) = bytes[1..].as_rchunks();
    let rest = bytes.len() - size_of_val(words);
    (u64::from_be_bytes(*first) >> (64 - 8 * rest), words)
}

/// The checksum of the eight bytes of a word, the highest first.
fn of_word(word: u64) -> u16 {
    let part = |distance: usize| TABLES[distance][usize::from((word >> (8 * distance)) as u8)];
    part(7) ^ part(6) ^ part(5) ^ part(4) ^ part(3) ^ part(2) ^ part(1) ^ part(0)
}

const fn step(table: &[u16; 256], crc: u16, byte: u8) -> u16 {
    (crc << 8) ^ table[(crc >> 8) as usize ^ byte as usize]
}

const fn tables() -> [[u16; 256]; 8] {
    let mut tables = [[0u16; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = (byte as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = (crc << 1) ^ if crc & 0x8000 != 0 { 0x1021 } else { 0 };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut distance = 1;
    while distance < 8 {
        let mut byte = 0;
        while byte < 256 {
            tables[distance][byte] = step(&tables[0], tables[distance - 1][byte], 0);
            byte += 1;
        }
        distance += 1;
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::checksum;

    /// The definition, one bit at a time.
    fn reference(bytes: &[u8]) -> u16 {
        bytes.iter().fold(0, |crc: u16, &byte| {
            (0..8).fold(crc ^ (u16::from(byte) << 8), |crc, _| {
                (crc << 1) ^ ((crc >> 15) * 0x1021)
            })
        })
    }

    #[test]
    fn check_value_of_the_catalogue() {
        assert_eq!(checksum(b"123456789"), 0x31c3);
        assert_eq!(reference(b"123456789"), 0x31c3);
        assert_eq!(checksum(b""), 0);
    }

    #[test]
    fn equals_the_definition_for_every_byte_at_every_distance() {
        for length in 0..=40 {
            for position in 0..length {
                for byte in 0..=255 {
                    let mut bytes = vec![0u8; length];
                    bytes[position] = byte;
                    assert_eq!(
                        checksum(&bytes),
                        reference(&bytes),
                        "byte {byte:#04x} at {position} of {length}"
                    );
                }
            }
        }
    }

    #[test]
    fn equals_the_definition_for_mixed_bytes_of_every_length() {
        let mut state = 1u64;
        let bytes: Vec<u8> = (0..1000)
            .map(|_| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                (state >> 56) as u8
            })
            .collect();
        for length in 0..=bytes.len() {
            assert_eq!(
                checksum(&bytes[..length]),
                reference(&bytes[..length]),
                "length {length}"
            );
        }
    }
}
