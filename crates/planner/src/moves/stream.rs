//! Slots that the servers move by themselves: what of a slot can still stand in the way.
//!
//! The source forks, and its child streams the slot as commands, elements one by one. What blocks is a single command on the
//! target: a string in its one `SET`; on Redis a collection of at most 512 elements and a value of a module, each in one
//! `RESTORE` (`src/cluster_asm.c`). How large the elements of longer collections are is not known from counts, so they
//! are left to a check before the run.
//!
//! Where a service moves the slots, the only thing known of it is the item that it refuses.

use preshard_analyzer::{DataType, NamedKey, SlotFacts};

use crate::PlanLimits;
use crate::moves::calls::SlotCalls;
use crate::moves::verdict::Thresholds;
use crate::plan::{Dialect, HeavyCall, HoldReason, Verdict};

/// Elements up to which Redis sends a collection as one `RESTORE`.
const ONE_RESTORE_ELEMENTS: u64 = 512;
/// What ElastiCache and MemoryDB do not migrate: an item of more than 256 MB serialized.
pub(crate) const MANAGED_ITEM_BYTES: u64 = 256_000_000;

/// Whether all of a key goes to the target in one command.
fn is_one_command(key: &NamedKey, dialect: Dialect) -> bool {
    match key.data_type {
        DataType::String | DataType::Module | DataType::Array | DataType::PathHash => true,
        _ => {
            let short = key
                .elements
                .is_some_and(|elements| elements <= ONE_RESTORE_ELEMENTS);
            dialect == Dialect::ClusterMigrationImport && short
        }
    }
}

/// Whether a key may hold an element large enough to matter, which nobody looked for.
pub(crate) fn has_unknown_elements(key: &NamedKey, dialect: Dialect, limits: &PlanLimits) -> bool {
    let thresholds = Thresholds::new(limits);
    let restore_us = key.cost.restore_ns.div_ceil(1_000);
    !is_one_command(key, dialect)
        && thresholds.verdict(restore_us, restore_us, key.sizes.payload_bytes) >= Verdict::Oversized
}

/// What can be done with a key where no `MIGRATE` moves it.
pub(crate) fn verdict_of(key: &NamedKey, dialect: Dialect, thresholds: &Thresholds) -> Verdict {
    let payload_bytes = key.sizes.payload_bytes;
    if dialect == Dialect::Managed {
        return if payload_bytes > MANAGED_ITEM_BYTES {
            Verdict::PayloadLimit
        } else {
            Verdict::Fits
        };
    }
    if !is_one_command(key, dialect) {
        return Verdict::Fits;
    }
    let restore_us = key.cost.restore_ns.div_ceil(1_000);
    match thresholds.verdict_of_command(restore_us, payload_bytes) {
        Verdict::OwnCall => Verdict::Fits,
        verdict => verdict,
    }
}

/// The largest command that carries a key, and how long the target is at it.
pub(crate) fn command(key: &NamedKey) -> HeavyCall {
    let restore_us = key.cost.restore_ns.div_ceil(1_000);
    HeavyCall {
        db: key.db,
        key: key.key.clone(),
        data_type: key.data_type.name().to_owned(),
        elements: key.elements,
        payload_bytes: key.sizes.payload_bytes,
        block_us: restore_us,
        restore_us,
        timeout_ms: 0,
    }
}

/// What a slot comes to that moves whole, or why it must stay.
pub(crate) fn slot_stream(
    facts: &SlotFacts,
    named: &[&NamedKey],
    dialect: Dialect,
    thresholds: &Thresholds,
    limits: &PlanLimits,
) -> Result<SlotCalls, Vec<HoldReason>> {
    let mut reasons = Vec::new();
    let mut by_consent = false;
    let (mut worst_us, mut largest_bytes) = (0u64, 0u64);
    for key in named {
        let verdict = verdict_of(key, dialect, thresholds);
        match verdict {
            Verdict::Oversized if limits.allow_oversized => by_consent = true,
            Verdict::Oversized | Verdict::PayloadLimit | Verdict::Forbidden => {
                reasons.push(HoldReason::OversizedKey {
                    key: key.key.clone(),
                    verdict,
                });
                continue;
            }
            Verdict::Fits | Verdict::OwnCall => {}
        }
        if is_one_command(key, dialect) {
            worst_us = worst_us.max(key.cost.restore_ns.div_ceil(1_000));
            largest_bytes = largest_bytes.max(key.sizes.payload_bytes);
        }
    }
    for bin in facts.unnamed.bins() {
        let restore_us = bin.restore_ns_max.div_ceil(1_000);
        let refused = match dialect {
            Dialect::Managed => bin.payload_bytes_max > MANAGED_ITEM_BYTES,
            _ => {
                thresholds.verdict_of_command(restore_us, bin.payload_bytes_max)
                    >= Verdict::Oversized
            }
        };
        if refused {
            reasons.push(HoldReason::OversizedUnnamed {
                worst_block_us: restore_us,
                worst_restore_us: restore_us,
                payload_bytes_max: bin.payload_bytes_max,
            });
        }
        worst_us = worst_us.max(restore_us);
        largest_bytes = largest_bytes.max(bin.payload_bytes_max);
    }
    if !reasons.is_empty() {
        reasons.sort_by_key(|reason| match reason {
            HoldReason::OversizedKey { verdict, .. } => std::cmp::Reverse(*verdict),
            _ => std::cmp::Reverse(Verdict::Fits),
        });
        return Err(reasons);
    }
    Ok(SlotCalls {
        heavy: Vec::new(),
        sweep: None,
        calls: 0,
        predicted_us: facts.block_ns.div_ceil(1_000),
        worst_block_us: worst_us,
        restore_us: worst_us,
        worst_restore_us: worst_us,
        call_payload_bytes_max: largest_bytes,
        sweep_bound_by: None,
        by_consent,
    })
}
