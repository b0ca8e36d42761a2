//! Short strings by slot.
//!
//! A row takes one cache line, so that adding a key touches no more than that: with millions of small keys in scrambled
//! order, waiting for the rows is what is left of the time.

use std::hint::black_box;

use preshard_parser::ShortString;
use preshard_slots::{SLOT_COUNT, Slot};

use super::ScanOptions;
use super::short::{Alike, AlikeId, Known, Short};
use crate::{CostHistogram, Sizes, SlotFacts, SlotProfile};

/// Bins of cost that a row has room for. The predicted times of short strings differ by little, so that more are rare.
const BINS: usize = 4;

/// Keys after which rows are emptied, before any count can overflow.
const KEYS_MAX: u64 = u32::MAX as u64;

/// What was counted, per slot.
pub(super) struct ShortRows {
    rows: Vec<Row>,
    known: Known<Addend>,
    keys: u64,
}

#[derive(Debug, Clone, Copy, Default)]
#[repr(align(64))]
struct Row {
    keys: u32,
    expiring_keys: u32,
    serialized_bytes: u64,
    memory_bytes: u64,
    block_ns: u64,
    bins: [Bin; BINS],
}

/// Keys whose predicted times fall into one bin of a histogram.
#[derive(Debug, Clone, Copy, Default)]
struct Bin {
    keys: u32,
    index: u16,
    /// The longest value, which also takes longest.
    value_bytes_max: u16,
}

/// What a key adds.
#[derive(Debug, Clone, Copy, Default)]
struct Addend {
    serialized_bytes: u64,
    memory_bytes: u64,
    block_ns: u64,
    bin: u16,
    value_bytes: u16,
    expires: u32,
    /// Whether a row can hold sums of such keys; else they go to the profile one by one.
    fits_rows: bool,
    alike: Alike,
}

/// Most that a key may add to one sum of a row: with [`KEYS_MAX`] keys it stays within 64 bits.
const ADDEND_MAX: u64 = u32::MAX as u64;
/// Keys whose rows are touched at once.
const TOUCHED_KEYS: usize = 64;

/// Sums over keys.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ShortTotals {
    pub(super) keys: u64,
    pub(super) expiring_keys: u64,
    pub(super) key_bytes: u64,
    pub(super) value_bytes: u64,
    pub(super) largest_value_bytes: u64,
    pub(super) serialized_bytes: u64,
    pub(super) payload_bytes: u64,
    pub(super) memory_bytes_estimate: u64,
    pub(super) memory_unknown_keys: u64,
}

impl ShortTotals {
    /// What follows from the lengths alone.
    fn of_lengths(keys: &[Short]) -> ShortTotals {
        let mut totals = ShortTotals {
            keys: keys.len() as u64,
            ..ShortTotals::default()
        };
        for key in keys {
            let id = key.alike();
            let value_bytes = u64::from(id.value_bytes());
            totals.expiring_keys += u64::from(id.expires());
            totals.key_bytes += id.key_bytes();
            totals.value_bytes += value_bytes;
            totals.largest_value_bytes = totals.largest_value_bytes.max(value_bytes);
            totals.serialized_bytes += ShortString::stored_bytes_of(id.value_bytes());
        }
        totals.payload_bytes = totals.serialized_bytes + totals.keys * ShortString::PAYLOAD_BYTES_AROUND;
        totals
    }

    fn add_memory(&mut self, sizes: &Sizes) {
        match sizes.memory_bytes_estimate {
            Some(bytes) => {
                self.memory_bytes_estimate = self.memory_bytes_estimate.saturating_add(bytes);
            }
            None => self.memory_unknown_keys += 1,
        }
    }
}

impl ShortRows {
    pub(super) fn new() -> ShortRows {
        ShortRows {
            rows: Vec::new(),
            known: Known::new(),
            keys: 0,
        }
    }

    /// Adds keys; those for which a row has no room go to the profile at once.
    pub(super) fn add(
        &mut self,
        keys: &[Short],
        options: &ScanOptions<'_>,
        profile: &mut SlotProfile,
    ) -> ShortTotals {
        self.keys += keys.len() as u64;
        if self.keys > KEYS_MAX {
            self.empty_into(options, profile);
            self.keys = keys.len() as u64;
        }
        if self.rows.is_empty() {
            self.rows = vec![Row::default(); usize::from(SLOT_COUNT)];
        }
        let mut totals = ShortTotals::of_lengths(keys);
        for keys in keys.chunks(TOUCHED_KEYS) {
            self.touch(keys);
            for &key in keys {
                let id = key.alike();
                let addend = self.known.get(id, || Addend::of(id, options));
                if addend.fits_rows {
                    totals.memory_bytes_estimate += addend.memory_bytes;
                    if self.rows[usize::from(key.slot_number())].add(addend) {
                        continue;
                    }
                } else {
                    totals.add_memory(&addend.alike.sizes);
                }
                let slot = Slot::new(key.slot_number()).expect("made of a slot");
                profile.add_unnamed(slot, id.expires(), &addend.alike.sizes, addend.alike.cost);
            }
        }
        totals
    }

    /// Looks at the rows of some keys, so that the processor fetches them side by side: one after the other, while keys are
    /// added, it would wait for each.
    fn touch(&self, keys: &[Short]) {
        let touched = keys.iter().fold(0, |touched, key| {
            touched ^ self.rows[usize::from(key.slot_number())].keys
        });
        black_box(touched);
    }

    /// Adds what was counted to a profile.
    pub(super) fn empty_into(&mut self, options: &ScanOptions<'_>, profile: &mut SlotProfile) {
        for (row, slot) in self.rows.iter_mut().zip(Slot::all()) {
            if row.keys > 0 {
                profile.add_slot(slot, &std::mem::take(row).facts(options));
            }
        }
        self.keys = 0;
    }
}

impl Addend {
    fn of(id: AlikeId, options: &ScanOptions<'_>) -> Addend {
        let alike = Alike::of(id, options);
        let memory_bytes = alike.sizes.memory_bytes_estimate;
        let fits_rows = memory_bytes.is_some_and(|bytes| bytes <= ADDEND_MAX)
            && alike.cost.block_ns <= ADDEND_MAX;
        Addend {
            serialized_bytes: alike.sizes.serialized_bytes,
            memory_bytes: match fits_rows {
                true => memory_bytes.unwrap_or_default(),
                false => 0,
            },
            block_ns: alike.cost.block_ns,
            bin: CostHistogram::bin_of(alike.cost.block_ns),
            value_bytes: id.value_bytes(),
            expires: u32::from(id.expires()),
            fits_rows,
            alike,
        }
    }
}

impl Row {
    /// Adds a key; false, and nothing is changed, when there is no room for its bin.
    #[inline(always)]
    fn add(&mut self, addend: &Addend) -> bool {
        let first = &mut self.bins[0];
        let bin = if first.index == addend.bin {
            first
        } else {
            match self.other_bin(addend.bin) {
                Some(bin) => bin,
                None => return false,
            }
        };
        bin.keys += 1;
        bin.value_bytes_max = bin.value_bytes_max.max(addend.value_bytes);
        self.keys += 1;
        self.expiring_keys += addend.expires;
        self.serialized_bytes += addend.serialized_bytes;
        self.memory_bytes += addend.memory_bytes;
        self.block_ns += addend.block_ns;
        true
    }

    /// A place for a bin, if there is one.
    fn other_bin(&mut self, index: u16) -> Option<&mut Bin> {
        let fits = |bin: &&mut Bin| bin.index == index || bin.keys == 0;
        let bin = self.bins.iter_mut().find(fits)?;
        bin.index = index;
        Some(bin)
    }

    fn facts(self, options: &ScanOptions<'_>) -> SlotFacts {
        let keys = u64::from(self.keys);
        let mut facts = SlotFacts {
            keys,
            expiring_keys: u64::from(self.expiring_keys),
            serialized_bytes: self.serialized_bytes,
            payload_bytes: self.serialized_bytes + keys * ShortString::PAYLOAD_BYTES_AROUND,
            memory_bytes_estimate: self.memory_bytes,
            block_ns: self.block_ns,
            ..SlotFacts::default()
        };
        for bin in self.bins.iter().filter(|bin| bin.keys > 0) {
            let longest = Alike::of(AlikeId::of_value(bin.value_bytes_max), options);
            let (payload_bytes, cost) = (longest.sizes.payload_bytes, longest.cost);
            facts.largest_payload_bytes = facts.largest_payload_bytes.max(payload_bytes);
            facts.worst_block_ns = facts.worst_block_ns.max(cost.block_ns);
            facts.unnamed.add_keys(u64::from(bin.keys), cost, payload_bytes);
        }
        facts
    }
}
