//! Keys that a sink need not see.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU32, Ordering};

use preshard_parser::{DataType, ShortString, ValueFacts};
use preshard_slots::Slot;

use super::ScanOptions;
use super::short::{Alike, AlikeId, longest};
use crate::KeyFacts;

/// Says, while a scan goes on, which keys its sink has no use for: those that hold strings up to some length.
///
/// A list of the largest keys has no use for small ones once it is full, and passing them over by the million takes a
/// fraction of the time of handing them out. They are counted and profiled all the same. Those that are being read at
/// the moment may still be handed out.
#[derive(Debug, Default)]
pub struct Disregard {
    /// One more than the length; 0 for no keys at all.
    lengths: AtomicU32,
}

impl Disregard {
    /// Says that strings are of no use as long as `is_useless` holds for a key of such a string, which it must do for
    /// every shorter one as well. It is asked of keys with the longest names that are passed over, and an expiry.
    pub fn strings(&self, options: &ScanOptions<'_>, is_useless: impl Fn(&KeyFacts<'_>) -> bool) {
        let longest = longest(|value_bytes| is_useless(&key(value_bytes, options)));
        let lengths = longest.map_or(0, |value_bytes| u32::from(value_bytes) + 1);
        self.lengths.fetch_max(lengths, Ordering::Relaxed);
    }

    /// The longest of those strings.
    pub(super) fn value_bytes_max(&self) -> Option<u16> {
        let lengths = self.lengths.load(Ordering::Relaxed);
        u16::try_from(lengths.checked_sub(1)?).ok()
    }
}

/// A key that holds a string of such a length.
fn key(value_bytes: u16, options: &ScanOptions<'_>) -> KeyFacts<'static> {
    let id = AlikeId::new(ShortString::KEY_BYTES_MAX, value_bytes, true);
    let Alike { sizes, cost } = Alike::of(id, options);
    let name = vec![0; usize::from(ShortString::KEY_BYTES_MAX)];
    KeyFacts {
        db: 0,
        slot: Slot::of_key(&name),
        key: Cow::Owned(name),
        data_type: DataType::String,
        value: ValueFacts::of_short_string(value_bytes, false, options.measuring()),
        expires_at_ms: Some(0),
        idle_s: None,
        lfu: None,
        loaded: None,
        sizes,
        cost,
        offset: 0,
    }
}
