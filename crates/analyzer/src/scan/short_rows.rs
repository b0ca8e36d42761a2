//! Short strings by slot.
//!
//! A row takes one cache line, so that adding a key touches no more than that: with millions of small keys in scrambled
//! order, waiting for the rows is what is left of the time.

use preshard_parser::ShortString;
use preshard_slots::{SLOT_COUNT, Slot};

use super::ScanOptions;
use super::short::{Alike, AlikeId, Known, Short};
use crate::{CostHistogram, SlotFacts, SlotProfile};

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
    alike: Alike,
    memory_bytes: u64,
    bin: u16,
}

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
        let mut totals = ShortTotals::default();
        for &key in keys {
            let id = key.alike();
            let addend = self.known.get(id, || Addend::of(id, options));
            let sizes = &addend.alike.sizes;
            let expires = id.expires();
            totals.keys += 1;
            totals.expiring_keys += u64::from(expires);
            totals.key_bytes += id.key_bytes();
            totals.value_bytes += u64::from(id.value_bytes());
            totals.largest_value_bytes =
                totals.largest_value_bytes.max(u64::from(id.value_bytes()));
            totals.serialized_bytes += sizes.serialized_bytes;
            totals.payload_bytes += sizes.payload_bytes;
            totals.memory_bytes_estimate = totals
                .memory_bytes_estimate
                .saturating_add(addend.memory_bytes);
            let has_room = sizes.memory_bytes_estimate.is_some()
                && self.rows[usize::from(key.slot_number())].add(id, addend);
            if !has_room {
                totals.memory_unknown_keys += u64::from(sizes.memory_bytes_estimate.is_none());
                profile.add_unnamed(slot(key.slot_number()), expires, &addend.alike.sizes, addend.alike.cost);
            }
        }
        totals
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
        Addend {
            alike,
            memory_bytes: alike.sizes.memory_bytes_estimate.unwrap_or(0),
            bin: CostHistogram::bin_of(alike.cost.block_ns),
        }
    }
}

impl Row {
    /// Adds a key; false, and nothing is changed, when there is no room for its bin.
    #[inline(always)]
    fn add(&mut self, id: AlikeId, addend: &Addend) -> bool {
        let of_key = |bin: &&mut Bin| bin.index == addend.bin || bin.keys == 0;
        let Some(bin) = self.bins.iter_mut().find(of_key) else {
            return false;
        };
        bin.index = addend.bin;
        bin.keys += 1;
        bin.value_bytes_max = bin.value_bytes_max.max(id.value_bytes());
        self.keys += 1;
        self.expiring_keys += u32::from(id.expires());
        self.serialized_bytes += addend.alike.sizes.serialized_bytes;
        self.memory_bytes = self.memory_bytes.saturating_add(addend.memory_bytes);
        self.block_ns = self.block_ns.saturating_add(addend.alike.cost.block_ns);
        true
    }

    fn facts(self, options: &ScanOptions<'_>) -> SlotFacts {
        let keys = u64::from(self.keys);
        // What DUMP puts around a value is the same for all.
        let around = ShortString::payload_bytes_of(0) - ShortString::stored_bytes_of(0);
        let mut facts = SlotFacts {
            keys,
            expiring_keys: u64::from(self.expiring_keys),
            serialized_bytes: self.serialized_bytes,
            payload_bytes: self.serialized_bytes + keys * around,
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

fn slot(number: u16) -> Slot {
    Slot::new(number).expect("made of a slot")
}
