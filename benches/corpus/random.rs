//! Numbers from a seed, the same on every machine.

use std::ops::RangeInclusive;

/// SplitMix64 (Steele, Lea, Flood 2014): small, fast, and good enough for bytes that shall not compress.
pub struct Random(u64);

impl Random {
    /// The seed is a word.
    pub fn new(seed: &str) -> Random {
        let seed = seed
            .bytes()
            .fold(0, |sum, byte| u64::from(byte) + 257 * sum);
        Random(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub fn within(&mut self, range: RangeInclusive<u64>) -> u64 {
        range.start() + self.below(range.end() - range.start() + 1)
    }

    /// So many letters, of 64.
    pub fn bytes(&mut self, len: RangeInclusive<u64>) -> Vec<u8> {
        const LETTERS: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let len = self.within(len) as usize;
        let mut bytes = Vec::with_capacity(len + 10);
        while bytes.len() < len {
            let mut bits = self.next();
            for _ in 0..10 {
                bytes.push(LETTERS[(bits & 63) as usize]);
                bits >>= 6;
            }
        }
        bytes.truncate(len);
        bytes
    }
}
