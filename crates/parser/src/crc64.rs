//! The checksum of a snapshot: CRC-64 with the Jones polynomial, reflected, initial value 0, no
//! final xor (redis `src/crc64.c`). It covers every byte from the magic to the EOF opcode.

use crc_fast::CrcAlgorithm::Crc64Redis;

/// The checksum of `bytes`.
///
/// # Examples
/// ```
/// assert_eq!(preshard_parser::crc64::checksum(b"123456789"), 0xe9c6_d914_c4b8_d9ca);
/// ```
pub fn checksum(bytes: &[u8]) -> u64 {
    crc_fast::checksum(Crc64Redis, bytes)
}

/// The checksum of two neighbouring pieces from the checksum of each; `second_len` is the second
/// piece's length in bytes.
pub fn combine(first: u64, second: u64, second_len: u64) -> u64 {
    if second_len == 0 {
        return first;
    }
    crc_fast::checksum_combine(Crc64Redis, first, second, second_len)
}

/// Joins checksums of neighbouring pieces, the second of which is always of the same length: many times faster than
/// [`combine`], which works that length out each time.
#[derive(Debug, Clone, Copy)]
pub struct Combine {
    /// x to the power of the second piece's bits, modulo the polynomial.
    power: u64,
}

/// The polynomial, reflected: the coefficient of x^63 is the lowest bit.
const POLYNOMIAL: u64 = 0x95ac_9329_ac4b_c9b5;

impl Combine {
    /// For second pieces of so many bytes.
    pub fn with_second_len(second_len: u64) -> Combine {
        let (mut power, mut square) = (1 << 63, 1 << (63 - 8));
        let mut left = second_len;
        while left > 0 {
            if left & 1 == 1 {
                power = multiply(power, square);
            }
            square = multiply(square, square);
            left >>= 1;
        }
        Combine { power }
    }

    /// The checksum of both pieces.
    pub fn combine(self, first: u64, second: u64) -> u64 {
        multiply(first, self.power) ^ second
    }
}

/// The product of two polynomials, reflected, modulo [`POLYNOMIAL`].
fn multiply(left: u64, right: u64) -> u64 {
    let mut product = 0;
    let mut shifted = right;
    for bit in (0..64).rev() {
        if left >> bit & 1 == 1 {
            product ^= shifted;
        }
        shifted = (shifted >> 1) ^ if shifted & 1 == 1 { POLYNOMIAL } else { 0 };
    }
    product
}

/// The checksum of bytes that arrive in pieces.
#[derive(Debug, Clone)]
pub struct Running(crc_fast::Digest);

impl Running {
    /// The checksum of nothing yet.
    pub fn new() -> Running {
        Running(crc_fast::Digest::new(Crc64Redis))
    }

    /// Takes in the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The checksum of all bytes taken in so far.
    pub fn value(&self) -> u64 {
        self.0.finalize()
    }
}

impl Default for Running {
    fn default() -> Running {
        Running::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bit by bit, straight from the polynomial.
    fn naive(bytes: &[u8]) -> u64 {
        bytes.iter().fold(0u64, |crc, &byte| {
            (0..8).fold(crc ^ u64::from(byte), |crc, _| {
                if crc & 1 == 1 {
                    (crc >> 1) ^ 0x95ac_9329_ac4b_c9b5
                } else {
                    crc >> 1
                }
            })
        })
    }

    #[test]
    fn equals_the_polynomial_bit_by_bit_and_combines_at_any_cut() {
        let bytes: Vec<u8> = (0..1_000u32)
            .map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8)
            .collect();
        for cut in [0, 1, 7, 8, 255, 256, 999, 1_000] {
            let (left, right) = bytes.split_at(cut);
            assert_eq!(checksum(left), naive(left), "{cut} bytes");
            assert_eq!(
                combine(checksum(left), checksum(right), right.len() as u64),
                naive(&bytes),
                "cut at {cut}"
            );
            let other = Combine::with_second_len(right.len() as u64);
            assert_eq!(
                other.combine(checksum(left), checksum(right)),
                naive(&bytes),
                "cut at {cut}, by its power"
            );
            let mut running = Running::new();
            running.update(left);
            running.update(right);
            assert_eq!(running.value(), naive(&bytes), "in pieces, cut at {cut}");
        }
    }
}
