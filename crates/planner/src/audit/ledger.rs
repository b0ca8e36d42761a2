//! Every slot once, every node's holding accounted for, every sum right.

use std::collections::BTreeMap;

use preshard_slots::{NodeId, SLOT_COUNT};

use super::{Findings, law};
use crate::Plan;
use crate::plan::{Holding, NodePlan};

/// A holding in numbers that no plan can overflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Sum {
    pub(super) slots: i128,
    pub(super) keys: i128,
    pub(super) expiring_keys: i128,
    pub(super) memory_bytes: i128,
    pub(super) payload_bytes: i128,
}

impl Sum {
    pub(super) fn of(holding: &Holding) -> Sum {
        let mut sum = Sum::default();
        sum.add(holding);
        sum
    }

    fn add(&mut self, holding: &Holding) {
        self.slots += i128::from(holding.slots);
        self.keys += i128::from(holding.keys);
        self.expiring_keys += i128::from(holding.expiring_keys);
        self.memory_bytes += i128::from(holding.memory_bytes);
        self.payload_bytes += i128::from(holding.payload_bytes);
    }

    fn covers(&self, other: &Sum) -> bool {
        self.keys >= other.keys
            && self.expiring_keys >= other.expiring_keys
            && self.memory_bytes >= other.memory_bytes
            && self.payload_bytes >= other.payload_bytes
    }
}

impl std::fmt::Display for Sum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} slots, {} keys ({} expire), {} memory bytes, {} payload bytes",
            self.slots, self.keys, self.expiring_keys, self.memory_bytes, self.payload_bytes
        )
    }
}

/// What is known of one node from the rest of the plan.
#[derive(Debug, Clone, Copy, Default)]
struct Account {
    kept_slots: i128,
    held: Sum,
    gives: Sum,
    takes: Sum,
}

pub(super) fn check(plan: &Plan, findings: &mut Findings) {
    check_slots(plan, findings);
    let mut accounts: BTreeMap<&NodeId, Account> = BTreeMap::new();
    for pair in plan.nodes.windows(2) {
        findings.demand(
            pair[0].id < pair[1].id,
            law::OWNERS,
            &"nodes",
            &"ascending ids",
            &format_args!("{} before {}", pair[0].id.0, pair[1].id.0),
        );
    }
    for node in &plan.nodes {
        accounts.insert(&node.id, Account::default());
    }
    fill_accounts(plan, &mut accounts, findings);
    for node in &plan.nodes {
        check_node(node, accounts[&node.id], findings);
    }
    check_totals(plan, findings);
}

fn check_slots(plan: &Plan, findings: &mut Findings) {
    let mut places: Vec<Vec<String>> = vec![Vec::new(); usize::from(SLOT_COUNT)];
    let mut put = |slot: u16, place: String, findings: &mut Findings| match places
        .get_mut(usize::from(slot))
    {
        Some(at) => at.push(place),
        None => findings.demand(
            false,
            law::EVERY_SLOT_ONCE,
            &place,
            &"a slot below 16384",
            &slot,
        ),
    };
    for node in &plan.nodes {
        for &(first, last) in &node.kept {
            for slot in first..=last {
                put(slot, format!("kept by {}", node.id.0), findings);
            }
        }
    }
    for held in &plan.held {
        put(held.slot, "held".to_owned(), findings);
    }
    for pair in plan.held.windows(2) {
        findings.demand(
            pair[0].slot < pair[1].slot,
            law::EVERY_SLOT_ONCE,
            &"held",
            &"ascending slots",
            &format_args!("{} before {}", pair[0].slot, pair[1].slot),
        );
    }
    for batch in &plan.batches {
        for slot_move in &batch.moves {
            put(slot_move.slot, format!("batch {}", batch.number), findings);
        }
    }
    for (slot, places) in places.iter().enumerate() {
        findings.demand(
            places.len() == 1,
            law::EVERY_SLOT_ONCE,
            &format_args!("slot {slot}"),
            &"moved, kept or held, once",
            &if places.is_empty() {
                "nowhere".to_owned()
            } else {
                places.join(", ")
            },
        );
    }
}

fn fill_accounts<'a>(
    plan: &'a Plan,
    accounts: &mut BTreeMap<&'a NodeId, Account>,
    findings: &mut Findings,
) {
    let unknown = |node: &NodeId, place: &dyn std::fmt::Display, findings: &mut Findings| {
        findings.demand(
            false,
            law::OWNERS,
            place,
            &"a node of the plan",
            &node.0.as_str(),
        );
    };
    for node in &plan.nodes {
        if let Some(account) = accounts.get_mut(&node.id) {
            for &(first, last) in &node.kept {
                account.kept_slots += i128::from(last) - i128::from(first) + 1;
            }
        }
    }
    for held in &plan.held {
        let Some(owner) = &held.owner else { continue };
        match accounts.get_mut(owner) {
            Some(account) => {
                account.held.add(&Holding {
                    slots: 1,
                    keys: held.keys,
                    expiring_keys: held.expiring_keys,
                    memory_bytes: held.memory_bytes,
                    payload_bytes: held.payload_bytes,
                });
            }
            None => unknown(owner, &format_args!("held slot {}", held.slot), findings),
        }
    }
    for batch in &plan.batches {
        let place = format!("batch {}", batch.number);
        findings.demand(
            batch.source != batch.target,
            law::OWNERS,
            &place,
            &"two nodes",
            &batch.source.0.as_str(),
        );
        let mut carried = Sum::default();
        for slot_move in &batch.moves {
            carried.add(&Holding {
                slots: 1,
                keys: slot_move.keys,
                expiring_keys: slot_move.expiring_keys,
                memory_bytes: slot_move.memory_bytes,
                payload_bytes: slot_move.payload_bytes,
            });
        }
        findings.equal(law::TOTALS, &place, &carried, &Sum::of(&batch.carries));
        match accounts.get_mut(&batch.source) {
            Some(account) => account.gives.add(&batch.carries),
            None => unknown(&batch.source, &place, findings),
        }
        match accounts.get_mut(&batch.target) {
            Some(account) => account.takes.add(&batch.carries),
            None => unknown(&batch.target, &place, findings),
        }
    }
}

fn check_node(node: &NodePlan, account: Account, findings: &mut Findings) {
    let place = format!("node {}", node.id.0);
    let before = Sum::of(&node.before);
    findings.equal(
        law::HOLDINGS,
        &format_args!("{place}, slots before: kept, held and given"),
        &(account.kept_slots + account.held.slots + account.gives.slots),
        &before.slots,
    );
    let mut seen = account.held;
    seen.keys += account.gives.keys;
    seen.expiring_keys += account.gives.expiring_keys;
    seen.memory_bytes += account.gives.memory_bytes;
    seen.payload_bytes += account.gives.payload_bytes;
    findings.demand(
        before.covers(&seen),
        law::HOLDINGS,
        &format_args!("{place}, before"),
        &format_args!("at least what is held and given: {seen}"),
        &before,
    );
    let after = Sum {
        slots: before.slots - account.gives.slots + account.takes.slots,
        keys: before.keys - account.gives.keys + account.takes.keys,
        expiring_keys: before.expiring_keys - account.gives.expiring_keys
            + account.takes.expiring_keys,
        memory_bytes: before.memory_bytes - account.gives.memory_bytes + account.takes.memory_bytes,
        payload_bytes: before.payload_bytes - account.gives.payload_bytes
            + account.takes.payload_bytes,
    };
    findings.equal(
        law::HOLDINGS,
        &format_args!("{place}, after: before, less given, plus taken"),
        &after,
        &Sum::of(&node.after),
    );
}

fn check_totals(plan: &Plan, findings: &mut Findings) {
    let mut moved = Sum::default();
    let (mut calls, mut predicted_us, mut worst_block_us) = (0u128, 0u128, 0u64);
    for batch in &plan.batches {
        moved.add(&batch.carries);
        predicted_us += u128::from(batch.predicted_us);
        worst_block_us = worst_block_us.max(batch.worst_block_us);
        for slot_move in &batch.moves {
            calls += slot_move.heavy.len() as u128;
            calls += slot_move
                .sweep
                .as_ref()
                .map_or(0, |sweep| u128::from(sweep.calls));
        }
    }
    let totals = &plan.totals;
    let held_bytes: u128 = plan
        .held
        .iter()
        .map(|slot| u128::from(slot.memory_bytes))
        .sum();
    findings.equal(
        law::TOTALS,
        &"totals, moved",
        &moved,
        &Sum::of(&totals.moved),
    );
    for (name, expected, found) in [
        (
            "batches",
            plan.batches.len() as u128,
            u128::from(totals.batches),
        ),
        ("calls", calls, u128::from(totals.calls)),
        (
            "predicted_us",
            predicted_us,
            u128::from(totals.predicted_us),
        ),
        (
            "worst_block_us",
            u128::from(worst_block_us),
            u128::from(totals.worst_block_us),
        ),
        (
            "held_slots",
            plan.held.len() as u128,
            u128::from(totals.held_slots),
        ),
        (
            "held_memory_bytes",
            held_bytes,
            u128::from(totals.held_memory_bytes),
        ),
        (
            "targets_grow_by_commands_bytes",
            more_by(&moved, 1.024),
            u128::from(totals.targets_grow_by_commands_bytes),
        ),
        (
            "sources_free_bytes",
            more_by(&moved, 1.033),
            u128::from(totals.sources_free_bytes),
        ),
    ] {
        findings.equal(
            law::TOTALS,
            &format_args!("totals, {name}"),
            &expected,
            &found,
        );
    }
}

/// So many times the memory that moves, in whole bytes; a product that should be one and lies above it by a rounding error
/// counts as that.
fn more_by(moved: &Sum, factor: f64) -> u128 {
    const ERROR: f64 = 1e-4;
    (moved.memory_bytes as f64 * factor - ERROR).ceil().max(0.0) as u128
}
