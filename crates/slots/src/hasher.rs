//! The slots of many keys.

use std::ops::Range;

use crate::Slot;
#[cfg(target_arch = "x86_64")]
use crate::crc16::Multiplier;

/// Finds the slots of many keys that lie in a buffer, with what the machine offers for it.
///
/// The answers are those of [`Slot::of_key`].
///
/// # Examples
///
/// ```
/// use preshard_slots::{Slot, SlotHasher};
///
/// let hasher = SlotHasher::detect();
/// let buffer = b"some bytes in front of user:{1000}:name and behind";
/// assert_eq!(hasher.of_key_in(buffer, 23..39), Slot::of_key(b"user:{1000}:name"));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct SlotHasher {
    #[cfg(target_arch = "x86_64")]
    multiplier: Option<Multiplier>,
}

impl SlotHasher {
    /// Looks at the machine; once for many keys.
    pub fn detect() -> SlotHasher {
        SlotHasher {
            #[cfg(target_arch = "x86_64")]
            multiplier: Multiplier::detect(),
        }
    }

    /// Tells `each` the slots of many keys, as [`SlotHasher::of_key_in`] finds them; `place` tells where in the buffer a
    /// key lies. For many short keys it takes two thirds of the time.
    ///
    /// # Panics
    ///
    /// When a range does not lie in the buffer, like slicing.
    #[inline]
    pub fn of_keys_in<K>(
        self,
        buffer: &[u8],
        keys: &[K],
        place: impl Fn(&K) -> Range<usize>,
        mut each: impl FnMut(&K, Slot),
    ) {
        #[cfg(target_arch = "x86_64")]
        if let Some(multiplier) = self.multiplier {
            multiplier.checksums_of_keys(buffer, keys, place, |key, checksum| {
                each(key, Slot::of_checksum(checksum));
            });
            return;
        }
        for key in keys {
            each(key, Slot::of_key(&buffer[place(key)]));
        }
    }

    /// The slot of the key at this range of the buffer. It is found soonest where some fifty bytes stand in front
    /// of the end of the key, whatever they are: they are loaded with it and change nothing.
    ///
    /// # Panics
    ///
    /// When the range does not lie in the buffer, like slicing.
    #[inline]
    pub fn of_key_in(self, buffer: &[u8], key: Range<usize>) -> Slot {
        #[cfg(target_arch = "x86_64")]
        if let Some(multiplier) = self.multiplier {
            let length = buffer[key.clone()].len();
            return Slot::of_checksum(multiplier.checksum_of_key(&buffer[..key.end], length));
        }
        Slot::of_key(&buffer[key])
    }
}
