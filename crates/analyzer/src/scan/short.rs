//! Keys that hold short strings, in eight bytes each.
//!
//! Of such a key everything but its slot follows from two lengths and whether it expires: sizes, predicted time,
//! memory. Keys that are alike in these are computed once, by the same code as any other key.

use preshard_parser::{DataType, ShortString, ValueFacts};
use preshard_slots::Slot;

use super::ScanOptions;
use crate::{Cost, Sizes};

const SLOT_BITS: u32 = 14;
const KEY_BITS: u32 = 6;
const VALUE_BITS: u32 = 14;
const EXPIRES_BIT: u32 = VALUE_BITS + KEY_BITS;
const INTEGER_BIT: u32 = EXPIRES_BIT + 1;

/// One such key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Short(u64);

impl Short {
    #[inline(always)]
    pub(super) fn new(slot: Slot, short: &ShortString) -> Short {
        let alike = AlikeId::new(short.key_bytes, short.value_bytes, short.expires);
        let alike = if short.is_integer {
            alike.integer()
        } else {
            alike
        };
        Short(u64::from(slot.number()) | u64::from(alike.0) << SLOT_BITS)
    }

    #[inline(always)]
    pub(super) fn slot_number(self) -> u16 {
        (self.0 & ((1 << SLOT_BITS) - 1)) as u16
    }

    pub(super) fn slot(self) -> Slot {
        Slot::new(self.slot_number()).expect("made of a slot")
    }

    #[inline(always)]
    pub(super) fn alike(self) -> AlikeId {
        AlikeId((self.0 >> SLOT_BITS) as u32)
    }
}

/// What keys have in common that differ in name, slot and time of expiry only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AlikeId(u32);

impl AlikeId {
    #[inline(always)]
    pub(super) fn new(key_bytes: u8, value_bytes: u16, expires: bool) -> AlikeId {
        AlikeId(
            u32::from(value_bytes)
                | u32::from(key_bytes) << VALUE_BITS
                | u32::from(expires) << EXPIRES_BIT,
        )
    }

    /// The same with a value that is a 64-bit integer.
    #[inline(always)]
    fn integer(self) -> AlikeId {
        AlikeId(self.0 | 1 << INTEGER_BIT)
    }

    fn is_integer(self) -> bool {
        self.0 >> INTEGER_BIT & 1 != 0
    }

    /// Keys of this length of value, as far as predicted times and payloads go.
    pub(super) fn of_value(value_bytes: u16) -> AlikeId {
        AlikeId::new(1, value_bytes, false)
    }

    #[inline(always)]
    pub(super) fn value_bytes(self) -> u16 {
        (self.0 & ((1 << VALUE_BITS) - 1)) as u16
    }

    #[inline(always)]
    pub(super) fn key_bytes(self) -> u64 {
        u64::from(self.0 >> VALUE_BITS & ((1 << KEY_BITS) - 1))
    }

    #[inline(always)]
    pub(super) fn expires(self) -> bool {
        self.0 >> EXPIRES_BIT & 1 != 0
    }
}

/// Sizes and predicted time of keys that are alike.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Alike {
    pub(super) sizes: Sizes,
    pub(super) cost: Cost,
}

impl Alike {
    pub(super) fn of(id: AlikeId, options: &ScanOptions<'_>) -> Alike {
        let value_bytes = id.value_bytes();
        let value = ValueFacts::of_short_string(value_bytes, id.is_integer(), options.measuring());
        let payload_bytes = ShortString::payload_bytes_of(value_bytes);
        let footprint = options.footprint(id.key_bytes(), id.expires(), &value);
        Alike {
            sizes: Sizes::new(
                ShortString::stored_bytes_of(value_bytes),
                payload_bytes,
                footprint,
            ),
            cost: options
                .cost
                .predict(DataType::String, &value, payload_bytes),
        }
    }
}

/// The longest value of which keys are taken as short strings, if any are: longer ones are listed by name.
pub(super) fn value_bytes_max(options: &ScanOptions<'_>) -> Option<u16> {
    longest(|value_bytes| {
        let Alike { sizes, cost } = Alike::of(AlikeId::of_value(value_bytes), options);
        cost.block_ns < options.floor_block_ns && sizes.payload_bytes < options.floor_payload_bytes
    })
}

/// The longest value of which something holds, if it holds of any; it holds of all that are shorter, since neither size
/// nor predicted time ever falls when a string grows.
pub(super) fn longest(holds: impl Fn(u16) -> bool) -> Option<u16> {
    let (mut first, mut behind) = (0, ShortString::VALUE_BYTES_MAX + 1);
    while first < behind {
        let middle = u16::midpoint(first, behind);
        match holds(middle) {
            true => first = middle + 1,
            false => behind = middle,
        }
    }
    first.checked_sub(1)
}

/// Remembers what was computed of keys that are alike.
pub(super) struct Known<R> {
    places: Box<[(u32, R); PLACES]>,
}

/// Of so many kinds of keys what was computed is remembered; a file has a few hundred that are frequent.
const PLACES: usize = 4_096;
/// Stands for no kind of key: [`AlikeId`] has fewer bits.
const NOBODY: u32 = u32::MAX;

impl<R: Copy + Default> Known<R> {
    pub(super) fn new() -> Known<R> {
        Known {
            places: Box::new([(NOBODY, R::default()); PLACES]),
        }
    }

    #[inline(always)]
    pub(super) fn get(&mut self, id: AlikeId, compute: impl FnOnce() -> R) -> &R {
        // Lengths of neighbouring keys lie close together: the low bits of both keep them apart.
        let hash = id.0 ^ id.0 >> (VALUE_BITS - 8);
        let place = &mut self.places[hash as usize % PLACES];
        if place.0 != id.0 {
            *place = (id.0, compute());
        }
        &place.1
    }
}
