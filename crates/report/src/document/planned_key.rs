//! The keys that a plan moves, one line of NDJSON each.

use std::collections::HashSet;

use preshard_analyzer::{KeyFacts, KeyName};
use preshard_planner::Plan;
use preshard_planner::plan::Dialect;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Millis;
use super::key_record::KeyNameSchema;

/// One key that a plan moves: one line of `preshard plan --key-list`.
///
/// The lines of a batch are not together: they come in the order of the snapshots, so that no more than one is in memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlannedKey {
    /// The batch that it moves in.
    pub batch: u32,
    /// The wave of that batch.
    pub wave: u32,
    /// Its slot.
    pub slot: u16,
    /// Database number.
    pub db: u64,
    /// The key's name.
    #[schemars(with = "KeyNameSchema")]
    pub key: KeyName,
    /// What moves it.
    pub moved_by: MovedBy,
    /// What a MIGRATE of it carries.
    pub payload_bytes: u64,
    /// How long a MIGRATE of this key alone would stop the source, before any safety factor.
    pub block_ms_estimate: Millis,
}

/// What moves a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MovedBy {
    /// A MIGRATE call of its own, before the sweep of its slot.
    OwnCall,
    /// The sweep of its slot, together with others.
    Sweep,
    /// The servers, with its slot.
    Task,
    /// Nothing: it expires before the plan begins.
    NothingExpired,
}

/// Finds the place of a key in a plan.
pub struct PlannedKeys<'p> {
    plan: &'p Plan,
    /// Batch and wave of each slot that moves, by slot.
    places: Vec<Option<(u32, u32)>>,
    own_calls: HashSet<(u64, &'p [u8])>,
}

impl<'p> PlannedKeys<'p> {
    /// Of this plan.
    pub fn new(plan: &'p Plan) -> PlannedKeys<'p> {
        let mut places = vec![None; 1 << 16];
        let mut own_calls = HashSet::new();
        for batch in &plan.batches {
            for slot_move in &batch.moves {
                places[usize::from(slot_move.slot)] = Some((batch.number, batch.wave));
                own_calls.extend(slot_move.heavy.iter().map(|call| (call.db, &*call.key.0)));
            }
        }
        PlannedKeys {
            plan,
            places,
            own_calls,
        }
    }

    /// The line of a key; `None` for one that does not move. `call_fixed_ns` is what each call costs besides its keys.
    pub fn line(&self, facts: &KeyFacts<'_>, call_fixed_ns: u64) -> Option<PlannedKey> {
        let slot = facts.slot.number();
        let (batch, wave) = self.places[usize::from(slot)]?;
        let begin = self.plan.limits.starts_at_ms;
        // A key without a name in the profile is swept, expired or not.
        let is_gone = facts
            .expires_at_ms
            .zip(begin)
            .is_some_and(|(expiry, begin)| expiry <= begin);
        let moved_by = if self.plan.dialect != Dialect::SetslotMigrate {
            MovedBy::Task
        } else if self.own_calls.contains(&(facts.db, &*facts.key)) {
            MovedBy::OwnCall
        } else if is_gone {
            MovedBy::NothingExpired
        } else {
            MovedBy::Sweep
        };
        Some(PlannedKey {
            batch,
            wave,
            slot,
            db: facts.db,
            key: KeyName(facts.key.as_ref().into()),
            moved_by,
            payload_bytes: facts.sizes.payload_bytes,
            block_ms_estimate: Millis::from_ns(facts.cost.block_ns.saturating_add(call_fixed_ns)),
        })
    }
}
