//! Whether a plan still holds against what the slots hold now.
//!
//! What is asked of each move is not whether its slot is as it was, but whether the calls that the plan wrote down would
//! still stay within the plan's own limits: the heavy keys alone, in the calls they have; every other key, whatever it is
//! now, in the sweep as it was sized. Growth that breaks nothing is told beside it.

mod slot;

use std::collections::{BTreeMap, BTreeSet};

use preshard_analyzer::{KeyName, NamedKey};
use preshard_slots::{NodeId, Slot};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::course::node_memory::NodeMemory;
use crate::moves::calls::heavy_call;
use crate::moves::stream::verdict_of;
use crate::moves::verdict::Thresholds;
use crate::plan::{Batch, Dialect, Holding, KeyNameSchema, Verdict};
use crate::survey::{check_profile, is_gone, named_by_slot};
use crate::{Error, Plan, PlanInput};

/// What a plan is held against.
#[derive(Debug, Clone)]
pub struct Newer<'a> {
    /// Nodes and slots as they are now.
    pub input: PlanInput<'a>,
    /// Whether something told who owns the slots; otherwise owners are those that the keys tell.
    pub owners_told: bool,
    /// Growth above this part of what was planned is told; 0.1 is a tenth.
    pub tolerance: f64,
}

/// Something that is not as the plan has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// What it means for the plan.
    pub severity: Severity,
    /// Its name, stable: `owner-changed`, `new-oversized-key`...
    pub name: String,
    /// The batch it concerns.
    pub batch: Option<u32>,
    /// The slot it concerns.
    pub slot: Option<u16>,
    /// Database of the key it concerns.
    pub db: Option<u64>,
    /// The key it concerns.
    #[schemars(with = "Option<KeyNameSchema>")]
    pub key: Option<KeyName>,
    /// The figures.
    pub figures: Vec<Figure>,
    /// The matter, in words.
    pub message: String,
}

/// A figure as it was planned and as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Figure {
    /// What is counted: `keys`, `payload_bytes`, `memory_bytes`, `block_us`...
    pub what: String,
    /// In the plan; `null` where the plan has none.
    pub planned: Option<u64>,
    /// Now; `null` where it is not known.
    pub now: Option<u64>,
    /// What it must stay within, where there is such.
    pub limit: Option<u64>,
}

/// What a finding means for a plan.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// The plan must not be run.
    Void,
    /// The plan stays within its limits all the same.
    Note,
}

/// What a plan moves, as it was planned and as it is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MovedNow {
    /// Slots, keys, memory and payload in the plan.
    pub planned: Holding,
    /// The same slots now; those that have arrived at their targets already are left out.
    pub now: Holding,
    /// Predicted working time of all calls in the plan, microseconds.
    pub planned_us: u64,
    /// The same now.
    pub now_us: u64,
    /// Slots that are on their targets already.
    pub arrived_slots: u32,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Drift {
    /// Void ones first, then in the order of the plan.
    pub findings: Vec<Finding>,
    /// What moves, then and now.
    pub moved: MovedNow,
}

/// Compares a plan that passes its [`audit`](crate::audit()) with what the slots hold now.
///
/// # Errors
/// [`Error`] when the profile cannot be that of a cluster, or was computed with another cost profile or memory model than
/// the plan's, so that no figure can be compared.
pub fn drift(plan: &Plan, newer: &Newer<'_>) -> Result<Drift, Error> {
    plan.limits.validate()?;
    check_profile(newer.input.profile)?;
    let model = newer.input.profile.tables.to_string();
    for (what, planned, now) in [
        (
            "cost profile",
            &plan.cost_profile,
            &newer.input.profile.cost_profile,
        ),
        ("memory model", &plan.memory_model, &model),
    ] {
        if planned != now {
            return Err(Error::OtherBasis {
                what,
                planned: planned.clone(),
                now: now.clone(),
            });
        }
    }
    let mut comparison = Comparison::new(plan, newer);
    comparison.nodes();
    for batch in &plan.batches {
        comparison.batch(batch);
    }
    comparison.oversized();
    let mut drift = comparison.drift;
    drift.findings.sort_by_key(|finding| finding.severity);
    Ok(drift)
}

/// The plan, the present, and what was found so far.
struct Comparison<'a> {
    plan: &'a Plan,
    newer: &'a Newer<'a>,
    thresholds: Thresholds,
    owners: Vec<Option<&'a NodeId>>,
    named: Vec<Vec<&'a NamedKey>>,
    doubts: Vec<Vec<&'a str>>,
    nodes: BTreeMap<&'a NodeId, NodeMemory>,
    /// False where the nodes of the plan and of the present have different names, and nothing told the present ones.
    owners_compare: bool,
    drift: Drift,
}

impl<'a> Comparison<'a> {
    fn new(plan: &'a Plan, newer: &'a Newer<'a>) -> Comparison<'a> {
        let input = &newer.input;
        let slots = Slot::all().len();
        let mut owners = vec![None; slots];
        let mut nodes = BTreeMap::new();
        for node in &input.nodes {
            let mut holds = Holding::default();
            for slot in node.slots.iter() {
                owners[slot.index()] = Some(&node.id);
                holds.add(&holding(input, slot));
            }
            nodes.insert(&node.id, NodeMemory::new(input.profile.tables, &holds));
        }
        for node in plan.nodes.iter().filter(|node| node.planned) {
            let empty = NodeMemory::new(input.profile.tables, &Holding::default());
            nodes.entry(&node.id).or_insert(empty);
        }
        let mut doubts = vec![Vec::new(); slots];
        for (slot, doubt) in input.doubts {
            doubts[slot.index()].push(doubt.as_str());
        }
        let sources = plan.batches.iter().map(|batch| &batch.source);
        let all_there = sources.clone().all(|source| nodes.contains_key(source));
        Comparison {
            plan,
            newer,
            thresholds: Thresholds::new(&plan.limits),
            owners,
            named: named_by_slot(input.profile),
            doubts,
            nodes,
            owners_compare: newer.owners_told || all_there,
            drift: Drift::default(),
        }
    }

    fn find(&mut self, severity: Severity, name: &str, message: String) -> &mut Finding {
        self.drift.findings.push(Finding {
            severity,
            name: name.to_owned(),
            batch: None,
            slot: None,
            db: None,
            key: None,
            figures: Vec::new(),
            message,
        });
        let last = self.drift.findings.len() - 1;
        &mut self.drift.findings[last]
    }

    /// Nodes that came, went, or of which nothing is known.
    fn nodes(&mut self) {
        if !self.owners_compare {
            self.find(
                Severity::Note,
                "owners-not-compared",
                "no topology tells who owns the slots now: state it with --topology".to_owned(),
            );
            return;
        }
        let plan = self.plan;
        let used: BTreeSet<&NodeId> = plan
            .batches
            .iter()
            .flat_map(|batch| [&batch.source, &batch.target])
            .collect();
        for node in plan.nodes.iter().filter(|node| !node.planned) {
            let present = self
                .newer
                .input
                .nodes
                .iter()
                .find(|each| each.id == node.id);
            let severity = match used.contains(&node.id) {
                true => Severity::Void,
                false => Severity::Note,
            };
            let id = &node.id.0;
            match present {
                None if !self.newer.owners_told && !used.contains(&node.id) => {}
                None => {
                    let message = format!("node {id} of the plan is no primary any more");
                    self.find(severity, "node-gone", message);
                }
                Some(present) if node.known && !present.known => {
                    let message = format!("what node {id} holds is not known any more");
                    self.find(severity, "node-unknown", message);
                }
                Some(_) => {}
            }
        }
        for node in &self.newer.input.nodes {
            if plan.nodes.iter().all(|each| each.id != node.id) {
                let message = format!("node {} was not there when the plan was made", node.id.0);
                self.find(Severity::Note, "node-new", message);
            }
        }
    }

    fn batch(&mut self, batch: &'a Batch) {
        let mut carried = 0u64;
        let mut moving = 0;
        for slot_move in &batch.moves {
            let Some(slot) = Slot::new(slot_move.slot) else {
                continue;
            };
            let planned = &mut self.drift.moved;
            planned.planned.add(&Holding {
                slots: 1,
                keys: slot_move.keys,
                expiring_keys: slot_move.expiring_keys,
                memory_bytes: slot_move.memory_bytes,
                payload_bytes: slot_move.payload_bytes,
            });
            planned.planned_us = planned.planned_us.saturating_add(slot_move.predicted_us);
            if !self.may_leave(batch, slot) {
                continue;
            }
            let holds = holding(&self.newer.input, slot);
            let call_payload_bytes = self.calls(batch, slot_move, slot, &holds);
            self.memory(batch, slot, &holds, call_payload_bytes);
            carried = carried.saturating_add(holds.payload_bytes);
            moving += 1;
        }
        let limit = self.plan.limits.replica_buffer_soft_bytes;
        if moving > 1 && carried > limit {
            let message =
                "the batch carries more than the replicas of its target may lag behind".to_owned();
            let finding = self.find(Severity::Void, "batch-payload", message);
            finding.batch = Some(batch.number);
            finding.figures = vec![figure(
                "payload_bytes",
                Some(batch.carries.payload_bytes),
                carried,
                Some(limit),
            )];
        }
    }

    /// Whether the slot still is where the plan takes it from; tells where it is not, and what is doubtful about it.
    fn may_leave(&mut self, batch: &Batch, slot: Slot) -> bool {
        let owner = self.owners[slot.index()];
        let is_empty = self.newer.input.profile.slot(slot).keys == 0;
        if owner == Some(&batch.target) {
            self.drift.moved.arrived_slots += 1;
            let message = format!("the slot is on node {} already", batch.target.0);
            self.find_in(batch, slot, Severity::Note, "already-moved", message);
            return false;
        }
        // Without a topology nobody is known to own a slot without keys.
        let untold = owner.is_none() && is_empty && !self.newer.owners_told;
        if self.owners_compare && owner != Some(&batch.source) && !untold {
            let message = match owner {
                Some(owner) => format!(
                    "the slot belongs to node {}, the plan takes it from node {}",
                    owner.0, batch.source.0
                ),
                None => format!(
                    "nobody owns the slot, the plan takes it from node {}",
                    batch.source.0
                ),
            };
            self.find_in(batch, slot, Severity::Void, "owner-changed", message);
        }
        for doubt in std::mem::take(&mut self.doubts[slot.index()]) {
            self.find_in(batch, slot, Severity::Void, "doubt", doubt.to_owned());
        }
        true
    }

    fn find_in(
        &mut self,
        batch: &Batch,
        slot: Slot,
        severity: Severity,
        name: &str,
        message: String,
    ) -> &mut Finding {
        let finding = self.find(severity, name, message);
        finding.batch = Some(batch.number);
        finding.slot = Some(slot.number());
        finding
    }

    /// Runs a move in thought, and tells where memory runs short of what the plan keeps free.
    fn memory(&mut self, batch: &'a Batch, slot: Slot, holds: &Holding, call_payload_bytes: u64) {
        let Some(&target) = self.nodes.get(&batch.target) else {
            return;
        };
        let mut nodes = self.plan.nodes.iter();
        let limit = nodes.find(|node| node.id == batch.target);
        if let Some(maxmemory) = limit.and_then(|node| node.facts.maxmemory_bytes)
            && holds.keys > 0
        {
            let room = (maxmemory as f64 * (1.0 - self.plan.limits.headroom)).floor() as u64;
            let mut then = target;
            then.take(holds);
            let peak = target.peak_taking(holds, call_payload_bytes);
            let peak = u64::try_from(peak).unwrap_or(u64::MAX);
            let over = match (then.used_bytes() > room, peak > maxmemory) {
                (true, _) => Some((then.used_bytes(), room)),
                (false, true) => Some((peak, maxmemory)),
                (false, false) => None,
            };
            if let Some((now, limit)) = over {
                let message = format!("node {} has no room for the slot now", batch.target.0);
                let planned = batch.target_memory_bytes_after;
                let finding = self.find_in(batch, slot, Severity::Void, "no-room", message);
                finding.figures = vec![figure("memory_bytes", Some(planned), now, Some(limit))];
            }
        }
        // The slot may lie on another node than the plan has it, which was told.
        if self.owners[slot.index()] == Some(&batch.source) {
            self.owners[slot.index()] = Some(&batch.target);
            if let Some(source) = self.nodes.get_mut(&batch.source) {
                source.give(holds);
            }
            if let Some(target) = self.nodes.get_mut(&batch.target) {
                target.take(holds);
            }
        }
    }

    /// Keys that the plan calls oversized, and keys that are so now in slots that stay.
    fn oversized(&mut self) {
        let moving: BTreeSet<u16> = self
            .plan
            .batches
            .iter()
            .flat_map(|batch| batch.moves.iter().map(|each| each.slot))
            .collect();
        let mut now: BTreeMap<(u64, &KeyName), &NamedKey> = BTreeMap::new();
        for key in self.newer.input.profile.named() {
            let verdict = match self.plan.dialect {
                Dialect::SetslotMigrate => {
                    crate::verdict(key.cost, key.sizes.payload_bytes, &self.plan.limits)
                }
                dialect => verdict_of(key, dialect, &self.thresholds),
            };
            let stays = !moving.contains(&key.slot.number());
            if verdict >= Verdict::Oversized && stays && !is_gone(key, &self.plan.limits) {
                now.insert((key.db, &key.key), key);
            }
        }
        for key in self
            .plan
            .oversized
            .iter()
            .filter(|key| !moving.contains(&key.slot))
        {
            if now.remove(&(key.db, &key.key)).is_none() {
                let message =
                    "the key is gone, or within the limits now: its slot need not stay for it"
                        .to_owned();
                let finding = self.find(Severity::Note, "oversized-key-gone", message);
                finding.slot = Some(key.slot);
                (finding.db, finding.key) = (Some(key.db), Some(key.key.clone()));
                finding.figures = vec![Figure {
                    what: "block_us".to_owned(),
                    planned: Some(key.block_us),
                    now: None,
                    limit: None,
                }];
            }
        }
        for key in now.into_values() {
            let call = heavy_call(key, &self.thresholds);
            let limit = self.thresholds.call_us;
            let message =
                "a key in a slot that stays cannot be moved within the limits now".to_owned();
            let finding = self.find(Severity::Note, "oversized-key-new", message);
            finding.slot = Some(key.slot.number());
            (finding.db, finding.key) = (Some(key.db), Some(key.key.clone()));
            finding.figures = vec![figure("block_us", None, call.block_us, Some(limit))];
        }
    }
}

fn figure(what: &str, planned: Option<u64>, now: u64, limit: Option<u64>) -> Figure {
    Figure {
        what: what.to_owned(),
        planned,
        now: Some(now),
        limit,
    }
}

fn holding(input: &PlanInput<'_>, slot: Slot) -> Holding {
    let facts = input.profile.slot(slot);
    Holding {
        slots: 1,
        keys: facts.keys,
        expiring_keys: facts.expiring_keys,
        memory_bytes: input.profile.memory_of_slot(slot),
        payload_bytes: facts.payload_bytes,
    }
}
