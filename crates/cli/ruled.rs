//! What the largest slots are made of, by a second pass over the snapshots.

use std::collections::BTreeMap;

use anyhow::Result;
use preshard_analyzer::{Detail, Disregard, KeyFacts, Prefixes};
use preshard_planner::PlanLimits;
use preshard_report::document::RuledSlot;

use crate::input::{Inputs, Snapshot};
use crate::limits::Floors;
use crate::options::ReadOptions;
use crate::read::open_all;

/// Sums the keys of these slots by hash tag, where the inputs can be read a second time and hold all keys.
///
/// # Errors
/// When a snapshot cannot be read again.
pub fn take_tags(
    slots: &mut [RuledSlot],
    inputs: &Inputs,
    read: &ReadOptions,
    limits: &PlanLimits,
) -> Result<()> {
    let once = !inputs.saved.is_empty() || inputs.snapshots.iter().any(Snapshot::is_stdin);
    if slots.is_empty() || once {
        return Ok(());
    }
    let mut sums: BTreeMap<u16, Prefixes> = slots
        .iter()
        .map(|slot| (slot.slot, Prefixes::by_hash_tag()))
        .collect();
    let (files, bar) = open_all(inputs, read)?;
    for file in &files {
        let options = file.scan_options(Floors::of(limits), Detail::Counts);
        let mut sink = |keys: &[KeyFacts<'_>]| {
            for key in keys {
                if let Some(sums) = sums.get_mut(&key.slot.number()) {
                    let sizes = &key.sizes;
                    sums.add(&key.key, sizes.payload_bytes, sizes.memory_bytes_estimate);
                }
            }
            Ok(())
        };
        file.scan(
            &options,
            &bar,
            &Disregard::default(),
            &mut sink,
            "cannot sum keys by hash tag",
        )?;
    }
    drop(bar);
    for slot in slots {
        if let Some(sums) = sums.get(&slot.slot) {
            slot.take_tags(sums);
        }
    }
    Ok(())
}
