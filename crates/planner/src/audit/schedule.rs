//! Waves, pauses, windows and what each node goes through, run anew from the batches alone.

use std::collections::{BTreeMap, BTreeSet};

use preshard_slots::NodeId;

use super::{Findings, Scale, law, rule};
use crate::Plan;
use crate::plan::{Batch, Dialect, NodeMoment, Role, SlotMove, TimeSpan};

/// What sums of rounded times may be apart, in parts and in microseconds.
const PARTS: f64 = 1e-9;
const STEPS_US: f64 = 4.0;

pub(super) fn check(plan: &Plan, scale: &Scale, findings: &mut Findings) {
    let clock = Clock::new(plan, scale);
    check_pace(plan, &clock, findings);
    check_waves(plan, scale, findings);
    check_times(plan, &clock, findings);
    check_windows(plan, findings);
    check_moments(plan, &clock, findings);
}

/// How long calls take with all that is around them.
struct Clock {
    /// Rest behind a call, in calls.
    rest: f64,
    span_us: f64,
    share: f64,
    budget_us: f64,
    low: f64,
    high: f64,
    trip_us: f64,
    by_calls: bool,
    nodes: f64,
}

impl Clock {
    fn new(plan: &Plan, scale: &Scale) -> Clock {
        let limits = &plan.limits;
        let by_calls = plan.dialect == Dialect::SetslotMigrate;
        let span_us = (10.0 * scale.budget_us.floor()).max(1_000_000.0);
        let share = limits.blocked_share;
        let busy = share - scale.budget_us / span_us;
        Clock {
            rest: if by_calls && share < 1.0 {
                (1.0 - busy) / busy
            } else {
                0.0
            },
            span_us,
            share,
            budget_us: scale.budget_us,
            low: if by_calls { limits.prediction_low } else { 0.1 },
            high: if by_calls {
                limits.prediction_high
            } else {
                5.0
            },
            trip_us: limits.round_trip_us as f64,
            by_calls,
            nodes: plan.nodes.len() as f64,
        }
    }

    /// Low, expected and high.
    fn time(&self, calls_us: f64, commands: f64) -> [f64; 3] {
        let trips = commands * self.trip_us;
        [self.low, 1.0, self.high].map(|factor| calls_us * (1.0 + self.rest) * factor + trips)
    }

    fn of_batch(&self, batch: &Batch) -> [f64; 3] {
        let calls_us: f64 = batch
            .moves
            .iter()
            .map(|slot_move| slot_move.predicted_us as f64)
            .sum();
        let commands: f64 = if self.by_calls {
            batch
                .moves
                .iter()
                .map(|slot_move| self.commands_of(slot_move))
                .sum()
        } else {
            4.0
        };
        self.time(calls_us, commands)
    }

    /// Four for the slot and one for each node; one for a call of one key; two for each call of a sweep.
    fn commands_of(&self, slot_move: &SlotMove) -> f64 {
        let swept = slot_move.sweep.as_ref().map_or(0, |sweep| sweep.calls) as f64;
        4.0 + self.nodes + slot_move.heavy.len() as f64 + 2.0 * swept
    }
}

fn near(expected: f64, found: f64) -> bool {
    (expected - found).abs() <= STEPS_US + PARTS * expected.abs()
}

fn in_order(span: &TimeSpan) -> [f64; 3] {
    [
        span.low_us as f64,
        span.expected_us as f64,
        span.high_us as f64,
    ]
}

fn check_span(
    expected: [f64; 3],
    found: &TimeSpan,
    many: f64,
    place: &dyn std::fmt::Display,
    findings: &mut Findings,
) {
    for (name, (expected, found)) in ["low", "expected", "high"]
        .into_iter()
        .zip(expected.into_iter().zip(in_order(found)))
    {
        // Pauses are written with six digits, and each part is rounded.
        let slack = STEPS_US * (1.0 + many) + expected.abs() * 2e-6;
        findings.demand(
            (expected - found).abs() <= slack,
            law::PREDICTION,
            &format_args!("{place}, {name} time in us"),
            &expected,
            &found,
        );
    }
}

fn check_pace(plan: &Plan, clock: &Clock, findings: &mut Findings) {
    let schedule = &plan.schedule;
    findings.demand(
        schedule.pause_per_block >= clock.rest * (1.0 - PARTS)
            && schedule.pause_per_block <= clock.rest * (1.0 + PARTS) + 2e-5,
        rule::BLOCKED_SHARE,
        &"pause after a call",
        &format_args!("{} times the call", clock.rest),
        &schedule.pause_per_block,
    );
    findings.demand(
        near(clock.span_us, schedule.span_us as f64),
        rule::BLOCKED_SHARE,
        &"span",
        &clock.span_us,
        &schedule.span_us,
    );
}

/// Each batch in one wave, no node twice in a wave, no more side by side than allowed, and together within the budget.
fn check_waves(plan: &Plan, scale: &Scale, findings: &mut Findings) {
    let mut batches = plan.batches.iter();
    let mut mildest_so_far = 0;
    for (position, wave) in plan.schedule.waves.iter().enumerate() {
        let place = format!("wave {}", wave.number);
        findings.equal(
            rule::ORDER,
            &"waves",
            &(position + 1),
            &(wave.number as usize),
        );
        let own: Vec<&Batch> = batches.by_ref().take(wave.batches.len()).collect();
        let numbers: Vec<u32> = own.iter().map(|batch| batch.number).collect();
        findings.demand(
            !own.is_empty() && numbers == wave.batches,
            rule::ORDER,
            &format_args!("{place}, batches"),
            &format_args!("{numbers:?}"),
            &format_args!("{:?}", wave.batches),
        );
        let mut busy = BTreeSet::new();
        for batch in &own {
            findings.equal(
                rule::ORDER,
                &format_args!("batch {}, wave", batch.number),
                &wave.number,
                &batch.wave,
            );
            for node in [&batch.source, &batch.target] {
                findings.demand(
                    busy.insert(node),
                    rule::ORDER,
                    &place,
                    &"each node once",
                    &format_args!("{} twice", node.0),
                );
            }
        }
        findings.demand(
            own.len() <= plan.limits.batches_side_by_side as usize,
            rule::ORDER,
            &place,
            &format_args!("at most {} batches", plan.limits.batches_side_by_side),
            &own.len(),
        );
        let mildest = own
            .iter()
            .map(|batch| batch.worst_block_us)
            .min()
            .unwrap_or(0);
        findings.demand(
            mildest >= mildest_so_far,
            rule::ORDER,
            &place,
            &format_args!("no batch milder than {mildest_so_far} us"),
            &mildest,
        );
        mildest_so_far = mildest;
        let together: u128 = own
            .iter()
            .map(|batch| u128::from(batch.worst_block_us))
            .sum();
        findings.equal(
            law::PREDICTION,
            &format_args!("{place}, worst blocks together"),
            &together,
            &u128::from(wave.worst_blocks_us),
        );
        findings.demand(
            own.len() < 2 || !scale.over_budget(wave.worst_blocks_us),
            rule::CLUSTER_BUDGET,
            &place,
            &format_args!(
                "at most {} us, {} times over",
                scale.budget_us, scale.factor
            ),
            &wave.worst_blocks_us,
        );
    }
    findings.equal(
        rule::ORDER,
        &"batches that are in no wave",
        &0,
        &batches.count(),
    );
}

fn check_times(plan: &Plan, clock: &Clock, findings: &mut Findings) {
    let mut of_batches: BTreeMap<u32, [f64; 3]> = BTreeMap::new();
    let mut at_work: BTreeMap<&NodeId, [f64; 3]> = BTreeMap::new();
    for batch in &plan.batches {
        let time = clock.of_batch(batch);
        check_span(
            time,
            &batch.takes,
            1.0,
            &format_args!("batch {}", batch.number),
            findings,
        );
        of_batches.insert(batch.number, time);
        for node in [&batch.source, &batch.target] {
            let sum = at_work.entry(node).or_default();
            for (sum, own) in sum.iter_mut().zip(time) {
                *sum += own;
            }
        }
    }
    // Each batch is rounded once.
    let many = plan.batches.len() as f64;
    let mut all = [0.0; 3];
    for (before, wave) in plan.schedule.waves.iter().enumerate() {
        let place = format!("wave {}", wave.number);
        findings.demand(
            (all[1] - wave.starts_us as f64).abs()
                <= STEPS_US * (1 + before) as f64 + all[1] * 2e-6,
            law::PREDICTION,
            &format_args!("{place}, begin in us"),
            &all[1],
            &wave.starts_us,
        );
        let mut longest = [0.0f64; 3];
        for time in wave
            .batches
            .iter()
            .filter_map(|number| of_batches.get(number))
        {
            for (longest, own) in longest.iter_mut().zip(time) {
                *longest = longest.max(*own);
            }
        }
        check_span(longest, &wave.takes, 1.0, &place, findings);
        for (all, own) in all.iter_mut().zip(longest) {
            *all += own;
        }
    }
    check_span(all, &plan.schedule.takes, many, &"all waves", findings);
    let busiest = at_work.values().map(|time| time[1]).fold(0.0, f64::max);
    let named = plan.schedule.busiest_node.as_ref();
    let own = named
        .and_then(|node| at_work.get(node))
        .copied()
        .unwrap_or_default();
    findings.demand(
        (busiest - own[1]).abs() <= STEPS_US * (1.0 + many) + busiest * 2e-6,
        law::PREDICTION,
        &"the busiest node",
        &format_args!("one that is at work for {busiest} us"),
        &format_args!("{} us", own[1]),
    );
    check_span(
        own,
        &plan.schedule.busiest_node_takes,
        many,
        &"the busiest node",
        findings,
    );
}

/// Windows in order, each filled with waves that end in it.
fn check_windows(plan: &Plan, findings: &mut Findings) {
    let schedule = &plan.schedule;
    let Some(window_ms) = plan.limits.window_ms else {
        let none =
            schedule.windows.is_none() && schedule.waves.iter().all(|wave| wave.window.is_none());
        findings.demand(
            none,
            rule::WINDOW,
            &"windows",
            &"none, as none were asked for",
            &"some",
        );
        return;
    };
    let mut used_us: BTreeMap<u32, u128> = BTreeMap::new();
    let mut last = 1;
    for wave in &schedule.waves {
        let window = wave.window.unwrap_or(0);
        findings.demand(
            window == last || window == last + 1,
            rule::WINDOW,
            &format_args!("wave {}", wave.number),
            &format_args!("window {last} or the next"),
            &window,
        );
        last = window;
        let used = used_us.entry(window).or_default();
        *used += u128::from(wave.takes.high_us);
        findings.demand(
            *used <= u128::from(window_ms) * 1_000,
            rule::WINDOW,
            &format_args!("window {window}"),
            &format_args!("at most {window_ms} ms of waves"),
            &format_args!("{used} us"),
        );
    }
    let last = if schedule.waves.is_empty() { 0 } else { last };
    findings.equal(
        rule::WINDOW,
        &"windows",
        &last,
        &schedule.windows.unwrap_or(0),
    );
}

/// Two moments for each batch, the source first.
fn check_moments(plan: &Plan, clock: &Clock, findings: &mut Findings) {
    findings.equal(
        law::PREDICTION,
        &"moments of nodes",
        &(2 * plan.batches.len()),
        &plan.schedule.nodes.len(),
    );
    for (batch, pair) in plan.batches.iter().zip(plan.schedule.nodes.chunks(2)) {
        for (moment, role) in pair.iter().zip([Role::Source, Role::Target]) {
            check_moment(plan, batch, moment, role, clock, findings);
        }
    }
}

fn check_moment(
    plan: &Plan,
    batch: &Batch,
    moment: &NodeMoment,
    role: Role,
    clock: &Clock,
    findings: &mut Findings,
) {
    let place = format!("batch {}, {role:?}", batch.number);
    let node = match role {
        Role::Source => &batch.source,
        Role::Target => &batch.target,
    };
    let named = moment.role == role
        && moment.node == *node
        && (moment.batch, moment.wave) == (batch.number, batch.wave);
    findings.demand(
        named,
        law::PREDICTION,
        &place,
        &format_args!("node {} in wave {}", node.0, batch.wave),
        &format_args!(
            "{:?} {} in wave {}",
            moment.role, moment.node.0, moment.wave
        ),
    );
    let (blocked, longest) = match (role, clock.by_calls) {
        (Role::Source, true) => (batch.predicted_us as f64, batch.worst_block_us as f64),
        (Role::Source, false) => (0.0, 0.0),
        (Role::Target, true) => restores(batch),
        // What blocks a target then is single commands, of which the document tells the worst of each slot.
        (Role::Target, false) => {
            let worst = || {
                batch
                    .moves
                    .iter()
                    .map(|slot_move| slot_move.worst_block_us as f64)
            };
            (worst().sum(), worst().fold(0.0, f64::max))
        }
    };
    let slots = batch.moves.len() as f64;
    for (what, expected, found) in [
        ("blocked us", blocked, moment.blocked_us),
        ("longest block in us", longest, moment.longest_block_us),
    ] {
        findings.demand(
            (expected - found as f64).abs() <= STEPS_US + slots,
            law::PREDICTION,
            &format_args!("{place}, {what}"),
            &expected,
            &found,
        );
    }
    let factor = plan.limits.safety_factor;
    // Calls with their rests fill a span, and at its end one more begins.
    let longest = factor * longest;
    let most = (factor * blocked)
        .min(clock.span_us / (1.0 + clock.rest) + longest)
        .min(clock.span_us.max(longest));
    findings.demand(
        (most - moment.most_in_span_us as f64).abs() <= STEPS_US + slots * factor + most * 2e-6,
        rule::BLOCKED_SHARE,
        &format_args!("{place}, most in a span"),
        &most,
        &moment.most_in_span_us,
    );
    let within = !clock.by_calls
        || longest > clock.budget_us
        || most <= clock.share * clock.span_us * (1.0 + 2e-6) + STEPS_US;
    findings.demand(
        within,
        rule::BLOCKED_SHARE,
        &place,
        &format_args!("at most {} of {} us", clock.share, clock.span_us),
        &most,
    );
    let (peak, buffer) = match role {
        Role::Source => (batch.source_peak_bytes, 0),
        Role::Target => (batch.target_peak_bytes, batch.carries.payload_bytes),
    };
    findings.equal(
        law::TOTALS,
        &format_args!("{place}, peak"),
        &peak,
        &moment.memory_peak_bytes,
    );
    findings.equal(
        rule::TARGET_REPLICA,
        &format_args!("{place}, output buffer of a replica"),
        &buffer,
        &moment.replica_buffer_bytes,
    );
    if role == Role::Target {
        findings.equal(
            law::TOTALS,
            &format_args!("{place}, memory afterwards"),
            &batch.target_memory_bytes_after,
            &moment.memory_after_bytes,
        );
    }
}

/// All RESTOREs of a batch, and the longest.
fn restores(batch: &Batch) -> (f64, f64) {
    let (mut all, mut longest) = (0.0, 0.0f64);
    for slot_move in &batch.moves {
        for call in &slot_move.heavy {
            all += call.restore_us as f64;
            longest = longest.max(call.restore_us as f64);
        }
        let bins = slot_move.sweep.iter().flat_map(|sweep| &sweep.cost_bins);
        for bin in bins {
            all += bin.restore_ns as f64 * bin.keys as f64 / 1_000.0;
            longest = longest.max((bin.restore_ns as f64 / 1_000.0).ceil());
        }
    }
    (all, longest)
}
