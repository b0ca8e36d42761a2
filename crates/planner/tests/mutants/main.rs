//! Sound plans are broken one rule at a time, and the audit must name the rule.

mod calls;
mod ledger;
#[path = "../made_up/mod.rs"]
mod made_up;
mod schedule;
mod servers;
mod statements;

use std::collections::{BTreeMap, BTreeSet};

use made_up::id;
use made_up::sound::{
    added, by_redis, by_valkey, cut_short, dated, drained, drained_strictly, managed, ordered,
    roomless, side_by_side, unequal, windowed,
};
use preshard_analyzer::KeyName;
use preshard_planner::audit;
use preshard_planner::plan::{
    Dialect, EndedEarly, HeavyCall, HeldSlot, HoldReason, Outcome, Parts, Plan, Remedy, RemedyKind,
    RuleReport, RuleStatus, SlotMove, Sweep, TimeSpan, Verdict, Wave,
};

fn slot_with<'a>(
    plan: &'a mut Plan,
    what: &str,
    has: impl Fn(&SlotMove) -> bool,
) -> &'a mut SlotMove {
    plan.batches
        .iter_mut()
        .flat_map(|batch| &mut batch.moves)
        .find(|slot_move| has(slot_move))
        .unwrap_or_else(|| panic!("no slot with {what}"))
}

fn swept(plan: &mut Plan) -> &mut SlotMove {
    slot_with(plan, "a sweep", |slot_move| slot_move.sweep.is_some())
}

fn bound_sweep(plan: &mut Plan) -> &mut Sweep {
    slot_with(plan, "a sweep bound by time", |slot_move| {
        slot_move.slot == 40
    })
    .sweep
    .as_mut()
    .expect("slot 40 has a sweep")
}

fn heavy(plan: &mut Plan) -> &mut HeavyCall {
    let slot_move = slot_with(plan, "heavy keys", |slot_move| slot_move.slot == 80);
    slot_move.heavy.last_mut().expect("slot 80 has heavy keys")
}

fn rule<'a>(plan: &'a mut Plan, name: &str) -> &'a mut RuleReport {
    let mut rules = plan.rules.iter_mut();
    rules
        .find(|report| report.rule == name)
        .unwrap_or_else(|| panic!("no rule {name}"))
}

fn set_maxmemory(plan: &mut Plan, bytes: Option<u64>) {
    plan.limits.maxmemory_bytes = bytes;
    for node in &mut plan.nodes {
        node.facts.maxmemory_bytes = bytes;
    }
}

/// Moves a slot that is held, as a planner would that forgot to look.
fn move_held(plan: &mut Plan, slot: u16) {
    let at = plan.held.iter().position(|held| held.slot == slot);
    let HeldSlot {
        keys,
        memory_bytes,
        payload_bytes,
        ..
    } = plan.held.remove(at.expect("held"));
    let batch = &mut plan.batches[0];
    batch.moves[0].slot = slot;
    batch.moves[0].keys = keys;
    batch.moves[0].memory_bytes = memory_bytes;
    batch.moves[0].payload_bytes = payload_bytes;
}

/// The name of the mutant, the plan, what is done to it, and the rule that must be named.
type Mutant = (&'static str, fn() -> Plan, fn(&mut Plan), &'static str);

#[test]
fn every_mutant_is_named() {
    let mut plans: BTreeMap<usize, Plan> = BTreeMap::new();
    let mut unnamed = Vec::new();
    let mut names = BTreeSet::new();
    let kinds = [
        ledger::LEDGER,
        calls::CALLS,
        schedule::SCHEDULE,
        servers::SERVERS,
        statements::STATEMENTS,
    ];
    for (name, sound, break_it, rule) in kinds.concat() {
        assert!(names.insert(name), "{name} twice");
        let mut plan = plans.entry(sound as usize).or_insert_with(sound).clone();
        break_it(&mut plan);
        let found: BTreeSet<&str> = audit(&plan)
            .iter()
            .map(|violation| violation.rule)
            .collect();
        if !found.contains(rule) {
            unnamed.push(format!("{name}: expected {rule}, got {found:?}"));
        }
    }
    assert!(unnamed.is_empty(), "{}", unnamed.join("\n"));
}
