//! Where a changed byte lies, told by the checksum.
//!
//! A cyclic code does not only say that bytes have changed: a short run of changed bytes leaves a remainder
//! of its own at every place of a file. So the remainder is carried backwards from the checksum, byte by
//! byte, and where it becomes a number as short as the run, the run lies there and the number says which
//! bits were changed. This is exact unless chance has it: among `n` places, a run of `b` bytes is found
//! where none is with a probability of about `n * 256^b / 2^64`, which [`longest_run`] keeps small.

use crate::crc64;

/// The polynomial of [`crc64`], lowest power in the highest bit.
const POLYNOMIAL: u64 = 0x95ac_9329_ac4b_c9b5;
/// The number one, so written.
const ONE: u64 = 1 << 63;
/// Chances that are taken that a place is found where nothing was changed: one in 65,536 at worst. The
/// caller reads the rest of the file as it would be then, which has to fit as well.
const DOUBT_BITS: u32 = 16;
/// Bytes of the longest run that is looked for.
pub(super) const BURST_BYTES_MAX: u32 = 4;

/// Bytes that were changed, next to each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Burst {
    /// Offset of the first.
    pub(super) offset: u64,
    /// What must be added, bit by bit without carry, to undo it; neither the first nor the last is 0.
    pub(super) change: Vec<u8>,
}

/// Finds the one run of changed bytes that explains a wrong checksum, which is stored in the last eight bytes of
/// `bytes`; nothing behind `until` may have been changed. `None` when there is none, or more than one, or a longer
/// run, or when nothing was changed.
pub(super) fn locate(bytes: &[u8], until: u64) -> Option<Burst> {
    let (covered, stored) = bytes.split_last_chunk::<8>()?;
    let stored = u64::from_le_bytes(*stored);
    let remainder = crc64::checksum(covered) ^ stored;
    let (covered, whole) = (covered.len() as u64, bytes.len() as u64);
    let run_max = longest_run(whole);
    if let Some(burst) = Burst::within(remainder, covered, run_max) {
        return Some(burst);
    }
    let mut place = covered.min(until);
    let mut state = mul(remainder, power(inverse_of_a_byte(), covered - place));
    let tables = Tables::new();
    while place > 0 {
        place -= 1;
        state = tables.retreat(state);
        if state < 1 << (8 * run_max) {
            return Burst::within(state, place, run_max);
        }
    }
    None
}

/// Bytes of the longest run that is looked for in a file of so many bytes.
fn longest_run(len: u64) -> u32 {
    let places_bits = u64::BITS - len.leading_zeros();
    ((u64::BITS - DOUBT_BITS).saturating_sub(places_bits) / 8).clamp(1, BURST_BYTES_MAX)
}

impl Burst {
    /// The run that a remainder stands for whose lowest byte lies at `place`, unless it is too long.
    fn within(remainder: u64, place: u64, run_max: u32) -> Option<Burst> {
        let first = remainder.trailing_zeros() / 8;
        let end = (u64::BITS - remainder.leading_zeros()).div_ceil(8);
        if remainder == 0 || end - first > run_max {
            return None;
        }
        let all = remainder.to_le_bytes();
        Some(Burst {
            offset: place + u64::from(first),
            change: all.get(first as usize..end as usize)?.to_vec(),
        })
    }
}

/// Undoes what a byte of zero does to a checksum.
struct Tables {
    /// Per byte: what the byte that leaves the checksum adds to it.
    forth: [u64; 256],
    /// Per highest byte of a checksum: the byte that left it last.
    left: [u8; 256],
}

impl Tables {
    fn new() -> Tables {
        let mut tables = Tables {
            forth: [0; 256],
            left: [0; 256],
        };
        for byte in 0..=u8::MAX {
            let added = (0..8).fold(u64::from(byte), |crc, _| times_x(crc));
            if let Some(entry) = tables.forth.get_mut(usize::from(byte)) {
                *entry = added;
            }
            let highest = added.to_be_bytes()[0];
            if let Some(entry) = tables.left.get_mut(usize::from(highest)) {
                *entry = byte;
            }
        }
        tables
    }

    #[inline]
    fn retreat(&self, state: u64) -> u64 {
        let highest = usize::from(state.to_be_bytes()[0]);
        let left = self.left.get(highest).copied().unwrap_or_default();
        let added = self
            .forth
            .get(usize::from(left))
            .copied()
            .unwrap_or_default();
        ((state ^ added) << 8) | u64::from(left)
    }
}

fn times_x(a: u64) -> u64 {
    if a & 1 == 1 {
        (a >> 1) ^ POLYNOMIAL
    } else {
        a >> 1
    }
}

/// The product modulo the polynomial.
fn mul(mut a: u64, b: u64) -> u64 {
    let mut product = 0;
    for power in 0..u64::BITS {
        if b & (ONE >> power) != 0 {
            product ^= a;
        }
        a = times_x(a);
    }
    product
}

fn power(mut base: u64, mut exponent: u64) -> u64 {
    let mut result = ONE;
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = mul(result, base);
        }
        base = mul(base, base);
        exponent >>= 1;
    }
    result
}

/// What a checksum is multiplied with to take a byte of zero back.
fn inverse_of_a_byte() -> u64 {
    Tables::new().retreat(ONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(len: usize) -> Vec<u8> {
        let mut bytes: Vec<u8> = (0..len as u32)
            .map(|i| (i.wrapping_mul(2_654_435_761) >> 11) as u8)
            .collect();
        let checksum = crc64::checksum(&bytes);
        bytes.extend(checksum.to_le_bytes());
        bytes
    }

    #[test]
    fn every_changed_byte_is_found_with_its_change() {
        let mut bytes = file(1_000);
        assert_eq!(locate(&bytes, 1_008), None, "nothing was changed");
        for at in 0..bytes.len() {
            for change in [0x01, 0x80, 0xff] {
                bytes[at] ^= change;
                let found = Burst {
                    offset: at as u64,
                    change: vec![change],
                };
                assert_eq!(locate(&bytes, 1_008), Some(found.clone()), "{at} {change}");
                if at < 900 {
                    assert_eq!(locate(&bytes, 900), Some(found), "{at} {change} before 900");
                }
                bytes[at] ^= change;
            }
        }
    }

    #[test]
    fn short_runs_are_found_across_any_border_and_long_ones_are_not() {
        let sound = file(5_000);
        for at in (0..sound.len() - 4).step_by(7).chain([4_998, 4_999, 5_003]) {
            for len in 1..=4 {
                let mut bytes = sound.clone();
                for byte in &mut bytes[at..at + len] {
                    *byte ^= 0xa5;
                }
                let found = locate(&bytes, u64::MAX).expect("a run");
                assert_eq!((found.offset, found.change.len()), (at as u64, len));
            }
        }
        for (at, len) in [(10, 5), (700, 12), (4_000, 500)] {
            let mut bytes = sound.clone();
            bytes[at..at + len].fill(0x11);
            assert_eq!(locate(&bytes, u64::MAX), None, "{len} bytes at {at}");
        }
        let mut two = sound.clone();
        (two[100], two[3_000]) = (two[100] ^ 1, two[3_000] ^ 1);
        assert_eq!(locate(&two, u64::MAX), None, "two places");
    }

    #[test]
    fn longer_files_allow_for_shorter_runs_only() {
        assert_eq!(
            [1_000, 1 << 20, 1 << 30, 1 << 40].map(longest_run),
            [4, 3, 2, 1]
        );
    }
}
