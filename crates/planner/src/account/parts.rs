//! Into how many parts a key must be divided so that each moves within the limits.

use preshard_analyzer::{DataType, NamedKey};

use crate::moves::stream::MANAGED_ITEM_BYTES;
use crate::moves::verdict::Thresholds;
use crate::plan::{Dialect, HeavyCall, Parts, Verdict};

/// What any key costs besides its elements, which does not shrink with them: twice what was measured of small keys.
const KEY_US: u64 = 20;
/// Type, version and checksum of a payload, and the count in front of its elements.
const KEY_PAYLOAD_BYTES: u64 = 24;
/// Elements that one command of a split reads: a step that takes less than a millisecond or two.
pub(crate) const STEP_ELEMENTS: u64 = 500;
/// Elements that one command of a list, and one of a sorted set, takes off.
const TRIM_ELEMENTS: u64 = 1_000;
/// Entries that one XTRIM takes off.
const XTRIM_ENTRIES: u64 = 10_000;

/// A key as something that divides evenly.
pub(crate) struct Divisible<'a> {
    data_type: DataType,
    dialect: Dialect,
    thresholds: &'a Thresholds,
    elements: Option<u64>,
    /// What is divided: its elements, the bytes of a string, and where neither is known those of its payload.
    units: u64,
    fixed_us: u64,
    block_us: u64,
    restore_us: u64,
    payload_bytes: u64,
}

/// What one part comes to.
struct Share {
    payload_bytes: u64,
    block_us: u64,
    restore_us: u64,
}

impl<'a> Divisible<'a> {
    pub(crate) fn new(
        key: &NamedKey,
        call: &HeavyCall,
        dialect: Dialect,
        thresholds: &'a Thresholds,
    ) -> Divisible<'a> {
        let fixed_us = match dialect {
            Dialect::SetslotMigrate => thresholds.call_block_us(0),
            _ => 0,
        };
        let elements = key.elements.filter(|&elements| elements > 0);
        Divisible {
            data_type: key.data_type,
            dialect,
            thresholds,
            elements,
            units: elements.unwrap_or(call.payload_bytes).max(1),
            fixed_us,
            block_us: call.block_us,
            restore_us: call.restore_us,
            payload_bytes: call.payload_bytes,
        }
    }

    /// The least number of parts, when there is one.
    pub(crate) fn split(&self) -> Option<Parts> {
        let least = |verdict| {
            let fits = |number| self.verdict(&self.share(self.fullest_of(number))) <= verdict;
            fits(self.units).then(|| first(self.units, fits))
        };
        let number = least(Verdict::OwnCall)?;
        let shared_calls = match self.dialect {
            Dialect::SetslotMigrate => least(Verdict::Fits),
            _ => None,
        };
        let commands = self.commands_of_split(number);
        Some(self.parts(number, self.fullest_of(number), shared_calls, commands))
    }

    /// The most that may be left of it, where elements can be taken off at an end.
    pub(crate) fn trim(&self) -> Option<Parts> {
        let step = match self.data_type {
            DataType::List | DataType::Zset => TRIM_ELEMENTS,
            DataType::Stream => XTRIM_ENTRIES,
            _ => return None,
        };
        let too_many = |units| self.verdict(&self.share(units)) > Verdict::OwnCall;
        if !too_many(self.units) || too_many(1) {
            return None;
        }
        let left = first(self.units, too_many) - 1;
        let commands = (self.units - left).div_ceil(step);
        Some(self.parts(1, left, None, Some(commands)))
    }

    fn parts(&self, number: u64, each: u64, shared: Option<u64>, commands: Option<u64>) -> Parts {
        let share = self.share(each);
        Parts {
            number,
            elements_each: self.elements.map(|_| each),
            payload_bytes_each: share.payload_bytes,
            block_us_each: share.block_us,
            restore_us_each: share.restore_us,
            number_for_shared_calls: shared,
            commands_max: commands,
        }
    }

    /// The most that one of so many parts holds.
    ///
    /// Where a hash of the element chooses, the parts are not alike: about one in a billion is fuller than the mean by six
    /// times its root.
    fn fullest_of(&self, number: u64) -> u64 {
        let mean = self.units.div_ceil(number);
        match self.data_type {
            DataType::Set | DataType::Zset | DataType::Hash => {
                let root = mean.isqrt();
                let root = root + u64::from(root * root < mean);
                mean.saturating_add(6 * root).min(self.units)
            }
            _ => mean,
        }
    }

    fn share(&self, units: u64) -> Share {
        let of = |whole: u64| {
            let part = (u128::from(whole) * u128::from(units)).div_ceil(u128::from(self.units));
            u64::try_from(part).unwrap_or(u64::MAX)
        };
        Share {
            payload_bytes: of(self.payload_bytes).saturating_add(KEY_PAYLOAD_BYTES),
            block_us: of(self.block_us.saturating_sub(self.fixed_us))
                .saturating_add(self.fixed_us + KEY_US),
            restore_us: of(self.restore_us).saturating_add(KEY_US),
        }
    }

    fn verdict(&self, share: &Share) -> Verdict {
        let thresholds = self.thresholds;
        match self.dialect {
            Dialect::SetslotMigrate => {
                thresholds.verdict(share.block_us, share.restore_us, share.payload_bytes)
            }
            Dialect::Managed if share.payload_bytes > MANAGED_ITEM_BYTES => Verdict::PayloadLimit,
            Dialect::Managed => Verdict::Fits,
            _ => thresholds.verdict_of_command(share.restore_us, share.payload_bytes),
        }
    }

    /// Each step reads some elements, writes them to the parts that they belong to, and takes them off.
    fn commands_of_split(&self, number: u64) -> Option<u64> {
        let elements = self.elements?;
        let steps = elements.div_ceil(STEP_ELEMENTS);
        let commands = match self.data_type {
            DataType::Module => return None,
            // A read and a write for each part, and the end of the old key.
            DataType::String => number.saturating_mul(2).saturating_add(1),
            // XADD takes one entry.
            DataType::Stream => steps.saturating_add(elements).saturating_add(1),
            DataType::List | DataType::Array | DataType::PathHash => {
                steps.saturating_mul(3).saturating_add(number)
            }
            DataType::Set | DataType::Zset | DataType::Hash => {
                steps.saturating_mul(2 + number.min(STEP_ELEMENTS))
            }
        };
        Some(commands)
    }
}

/// The first of `1..=most` for which it holds; it holds for `most`, and for all after the first.
pub(crate) fn first(most: u64, holds: impl Fn(u64) -> bool) -> u64 {
    let (mut not, mut does) = (0, most);
    while does - not > 1 {
        let middle = not + (does - not) / 2;
        if holds(middle) {
            does = middle;
        } else {
            not = middle;
        }
    }
    does
}
