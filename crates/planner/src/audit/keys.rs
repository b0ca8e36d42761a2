//! Keys that cannot move: their verdicts, that their slots are held, and that every held slot has cause.

use std::collections::{BTreeMap, BTreeSet};

use preshard_analyzer::KeyName;

use super::{Findings, Scale, figures, goal, law, rule, servers};
use crate::Plan;
use crate::plan::{Dialect, HeldSlot, HoldReason, OversizedKey, Verdict};

pub(super) fn check(plan: &Plan, scale: &Scale, findings: &mut Findings) {
    check_oversized(plan, scale, findings);
    check_moves(plan, scale, findings);
    check_held(plan, scale, findings);
}

/// The verdict of a key that is listed, and the rules it breaks, worked out anew.
pub(super) fn judge(
    key: &OversizedKey,
    dialect: Dialect,
    scale: &Scale,
) -> (Option<Verdict>, Vec<&'static str>) {
    match dialect {
        Dialect::SetslotMigrate => judge_calls(key, scale),
        Dialect::Managed if key.payload_bytes > 256_000_000 => {
            (Some(Verdict::PayloadLimit), vec![rule::MANAGED_SERVICE])
        }
        Dialect::Managed => (None, Vec::new()),
        _ => judge_command(key, dialect, scale),
    }
}

/// Of what servers move themselves, only what goes to the target in one command can be too large.
fn judge_command(
    key: &OversizedKey,
    dialect: Dialect,
    scale: &Scale,
) -> (Option<Verdict>, Vec<&'static str>) {
    let in_pieces = ["list", "set", "zset", "hash", "stream"].contains(&key.data_type.as_str());
    let short = key.elements.is_some_and(|elements| elements <= 512);
    if in_pieces && !(short && dialect == Dialect::ClusterMigrationImport) {
        return (None, Vec::new());
    }
    let mut broken = Vec::new();
    let mut verdict = None;
    if scale.over_budget(key.restore_us) {
        broken.push(rule::ATOMIC_MIGRATION);
        verdict = Some(Verdict::Oversized);
    }
    if scale.payload_refused(key.payload_bytes) {
        broken.insert(0, rule::PAYLOAD_LIMITS);
        verdict = Some(Verdict::PayloadLimit);
    }
    if scale.restore_reaches_half_clock(key.restore_us) {
        broken.insert(0, rule::RESTORE_FAILOVER_CLOCK);
        verdict = Some(Verdict::Forbidden);
    }
    (verdict, broken)
}

fn judge_calls(key: &OversizedKey, scale: &Scale) -> (Option<Verdict>, Vec<&'static str>) {
    let mut broken = Vec::new();
    if scale.over_budget(key.block_us) {
        broken.push(rule::BLOCK_BUDGET);
    }
    if scale.restore_reaches_half_clock(key.restore_us) {
        broken.push(rule::RESTORE_FAILOVER_CLOCK);
    }
    if scale.timeout_reaches_clock(key.restore_us) {
        broken.push(rule::TIMEOUT_FROM_SILENCE);
    }
    if scale.payload_refused(key.payload_bytes) {
        broken.push(rule::PAYLOAD_LIMITS);
    }
    let never = [rule::RESTORE_FAILOVER_CLOCK, rule::TIMEOUT_FROM_SILENCE];
    let verdict =
        if scale.over_half_clock(key.block_us) || broken.iter().any(|name| never.contains(name)) {
            Some(Verdict::Forbidden)
        } else if broken.contains(&rule::PAYLOAD_LIMITS) {
            Some(Verdict::PayloadLimit)
        } else if broken.contains(&rule::BLOCK_BUDGET) {
            Some(Verdict::Oversized)
        } else {
            None
        };
    (verdict, broken)
}

pub(super) fn place_of(key: &OversizedKey) -> String {
    format!(
        "oversized key \"{}\" of slot {}",
        key.key.escaped(),
        key.slot
    )
}

fn check_oversized(plan: &Plan, scale: &Scale, findings: &mut Findings) {
    for key in &plan.oversized {
        let place = place_of(key);
        let (verdict, broken) = judge(key, plan.dialect, scale);
        findings.demand(
            verdict == Some(key.verdict),
            rule::PIN_NOT_MOVE,
            &format_args!("{place}, verdict"),
            &verdict.map_or("not to be listed".to_owned(), |verdict| {
                format!("{verdict:?}")
            }),
            &format_args!("{:?}", key.verdict),
        );
        findings.equal(
            rule::PIN_NOT_MOVE,
            &format_args!("{place}, rules broken"),
            &broken.join(", "),
            &key.rules.join(", "),
        );
        findings.demand(
            !key.remedy.is_empty(),
            rule::PIN_NOT_MOVE,
            &place,
            &"a remedy",
            &"none",
        );
    }
    let moved: BTreeSet<u16> = plan
        .batches
        .iter()
        .flat_map(|batch| batch.moves.iter().map(|slot_move| slot_move.slot))
        .collect();
    for key in &plan.oversized {
        findings.equal(
            rule::PIN_NOT_MOVE,
            &format_args!("{}, moves", place_of(key)),
            &moved.contains(&key.slot),
            &key.moves,
        );
    }
    let rank = |key: &OversizedKey| (key.verdict, key.block_us);
    for pair in plan.oversized.windows(2) {
        findings.demand(
            rank(&pair[0]) >= rank(&pair[1]),
            rule::PIN_NOT_MOVE,
            &"oversized keys",
            &"the worst first",
            &format_args!("{} before {}", place_of(&pair[0]), place_of(&pair[1])),
        );
    }
}

/// A slot with such a key is held, unless consent was given; then the key has its own call.
fn check_moves(plan: &Plan, scale: &Scale, findings: &mut Findings) {
    let mut listed: BTreeMap<u16, Vec<&OversizedKey>> = BTreeMap::new();
    for key in &plan.oversized {
        listed.entry(key.slot).or_default().push(key);
    }
    let held: BTreeSet<u16> = plan.held.iter().map(|held| held.slot).collect();
    let by_consent = |key: &OversizedKey| {
        plan.limits.allow_oversized && judge(key, plan.dialect, scale).0 == Some(Verdict::Oversized)
    };
    for key in &plan.oversized {
        findings.demand(
            by_consent(key) || held.contains(&key.slot),
            rule::PIN_NOT_MOVE,
            &place_of(key),
            &"its slot held",
            &"moved or kept",
        );
    }
    for batch in &plan.batches {
        for slot_move in &batch.moves {
            let own_calls: BTreeSet<(u64, &KeyName)> = slot_move
                .heavy
                .iter()
                .map(|call| (call.db, &call.key))
                .collect();
            let place = format!("batch {}, slot {}", batch.number, slot_move.slot);
            findings.equal(
                law::KEY_COUNT,
                &format_args!("{place}, heavy keys"),
                &slot_move.heavy.len(),
                &own_calls.len(),
            );
            let listed = listed.get(&slot_move.slot).map_or(&[][..], Vec::as_slice);
            let by_calls = plan.dialect == Dialect::SetslotMigrate;
            for key in listed.iter().filter(|_| by_calls) {
                findings.demand(
                    own_calls.contains(&(key.db, &key.key)),
                    rule::BATCH_BY_TIME,
                    &format_args!("{place}, {}", place_of(key)),
                    &"a call of its own",
                    &"none",
                );
            }
            for call in &slot_move.heavy {
                let is_listed = listed
                    .iter()
                    .any(|key| (key.db, &key.key) == (call.db, &call.key));
                findings.demand(
                    is_listed || !scale.over_budget(call.block_us),
                    rule::PIN_NOT_MOVE,
                    &format_args!("{place}, key \"{}\"", call.key.escaped()),
                    &"listed among the oversized keys",
                    &"not listed",
                );
            }
        }
    }
}

/// Whether the goal wanted the slot to move: by name, because its owner is drained, or because its owner gives.
fn in_the_way(plan: &Plan, held: &HeldSlot) -> bool {
    let Some(owner) = &held.owner else {
        return false;
    };
    let ordered = plan.goal.moves.iter().any(|order| {
        let mut ranges = order.slots.iter();
        ranges.any(|&(first, last)| (first..=last).contains(&held.slot))
    });
    if ordered || goal::drained(&plan.goal).contains(owner) {
        return true;
    }
    let shares = plan.nodes.iter().filter(|node| node.weight > 0.0);
    let shares: Vec<f64> = shares.map(|node| node.ideal_share as f64).collect();
    let half_percent = shares.iter().sum::<f64>() / shares.len() as f64 / 200.0;
    let weigh = figures::weigher(plan.goal.balance_by);
    goal::balances(&plan.goal)
        && (plan.batches.iter().any(|batch| batch.source == *owner)
            || plan.nodes.iter().any(|node| {
                let above = weigh(&node.before) - node.ideal_share as f64;
                node.id == *owner && node.weight > 0.0 && above > half_percent
            }))
}

fn check_held(plan: &Plan, scale: &Scale, findings: &mut Findings) {
    let listed: BTreeSet<(u16, &KeyName, Verdict)> = plan
        .oversized
        .iter()
        .map(|key| (key.slot, &key.key, key.verdict))
        .collect();
    for held in &plan.held {
        let place = format!("held slot {}", held.slot);
        findings.demand(
            !held.reasons.is_empty(),
            rule::PIN_NOT_MOVE,
            &place,
            &"a reason",
            &"none",
        );
        findings.equal(
            law::GOAL,
            &format_args!("{place}, in the way"),
            &in_the_way(plan, held),
            &held.in_the_way,
        );
        let unassigned = held
            .reasons
            .iter()
            .any(|reason| matches!(reason, HoldReason::Unassigned));
        findings.equal(
            law::OWNERS,
            &format_args!("{place}, without owner"),
            &held.owner.is_none(),
            &unassigned,
        );
        for reason in &held.reasons {
            check_reason(plan, scale, held.slot, reason, &listed, &place, findings);
        }
    }
}

fn check_reason(
    plan: &Plan,
    scale: &Scale,
    slot: u16,
    reason: &HoldReason,
    listed: &BTreeSet<(u16, &KeyName, Verdict)>,
    place: &str,
    findings: &mut Findings,
) {
    match reason {
        HoldReason::OversizedKey { key, verdict } => findings.demand(
            listed.contains(&(slot, key, *verdict)),
            rule::PIN_NOT_MOVE,
            &format_args!("{place}, key \"{}\"", key.escaped()),
            &"the same key and verdict among the oversized keys",
            &"none",
        ),
        HoldReason::OversizedUnnamed {
            worst_block_us,
            worst_restore_us,
            payload_bytes_max,
        } => findings.demand(
            (plan.dialect == Dialect::Managed && *payload_bytes_max > 256_000_000)
                || scale.over_budget(*worst_block_us)
                || scale.restore_reaches_half_clock(*worst_restore_us)
                || scale.timeout_reaches_clock(*worst_restore_us)
                || scale.payload_refused(*payload_bytes_max),
            rule::PIN_NOT_MOVE,
            &format_args!("{place}, keys without a name"),
            &"figures that break a limit",
            &format_args!(
                "{worst_block_us} us, RESTORE {worst_restore_us} us, {payload_bytes_max} bytes"
            ),
        ),
        HoldReason::NoWindow { high_us } => findings.demand(
            plan.limits
                .window_ms
                .is_some_and(|window| u128::from(*high_us) > 1_000 * u128::from(window)),
            rule::WINDOW,
            &place,
            &"more than a window",
            &high_us,
        ),
        HoldReason::NoRoom => findings.demand(
            plan.nodes
                .iter()
                .any(|node| node.facts.maxmemory_bytes.is_some())
                || !servers::refusing(plan).is_empty(),
            rule::MEMORY_HEADROOM,
            &place,
            &"a stated maxmemory where room is short",
            &"none",
        ),
        HoldReason::Doubt { .. } | HoldReason::Unassigned | HoldReason::AskedToStay => {}
    }
}
