//! Plans whose waves, windows, pauses or timeline are not what the batches come to.

use super::*;

/// Puts the batches into these waves, and makes all that hangs on the order match: numbers, times, and whose moment is when.
fn rewave(plan: &mut Plan, waves: &[&[usize]]) {
    let (batches, moments) = (plan.batches.clone(), plan.schedule.nodes.clone());
    (plan.batches, plan.schedule.nodes) = (Vec::new(), Vec::new());
    plan.schedule.takes = TimeSpan::default();
    plan.schedule.waves.clear();
    for (number, wave) in (1u32..).zip(waves) {
        let mut takes = TimeSpan::default();
        let mut numbers = Vec::new();
        let mut worst_blocks_us = 0;
        for &index in *wave {
            let mut batch = batches[index].clone();
            batch.number = plan.batches.len() as u32 + 1;
            batch.wave = number;
            for moment in &moments[2 * index..2 * index + 2] {
                let mut moment = moment.clone();
                (moment.batch, moment.wave) = (batch.number, number);
                plan.schedule.nodes.push(moment);
            }
            takes.low_us = takes.low_us.max(batch.takes.low_us);
            takes.expected_us = takes.expected_us.max(batch.takes.expected_us);
            takes.high_us = takes.high_us.max(batch.takes.high_us);
            worst_blocks_us += batch.worst_block_us;
            numbers.push(batch.number);
            plan.batches.push(batch);
        }
        let all = &mut plan.schedule.takes;
        plan.schedule.waves.push(Wave {
            number,
            window: None,
            batches: numbers,
            starts_us: all.expected_us,
            takes,
            worst_blocks_us,
        });
        all.low_us += takes.low_us;
        all.expected_us += takes.expected_us;
        all.high_us += takes.high_us;
    }
}

/// The batches in waves as they are, by position.
fn as_they_are(plan: &Plan) -> Vec<Vec<usize>> {
    let position = |&number: &u32| number as usize - 1;
    let waves = plan.schedule.waves.iter();
    waves
        .map(|wave| wave.batches.iter().map(position).collect())
        .collect()
}

fn change_waves(plan: &mut Plan, change: impl FnOnce(&mut Vec<Vec<usize>>)) {
    let mut waves = as_they_are(plan);
    change(&mut waves);
    let waves: Vec<&[usize]> = waves.iter().map(Vec::as_slice).collect();
    rewave(plan, &waves);
}

/// What the mutants below change beside the waves they mean to change.
#[test]
fn waves_made_anew_as_they_were_are_sound() {
    let mut plan = side_by_side();
    change_waves(&mut plan, |_| {});
    assert_eq!(plan, side_by_side());
}

pub(crate) const SCHEDULE: &[Mutant] = &[
    (
        "two batches of one node in a wave",
        side_by_side,
        |plan| {
            change_waves(plan, |waves| {
                let next = waves.remove(1);
                waves[0].extend(next);
            });
        },
        "order",
    ),
    (
        "two giants side by side",
        side_by_side,
        |plan| {
            change_waves(plan, |waves| {
                let last = waves.pop().expect("waves");
                waves.last_mut().expect("waves").extend(last);
            });
        },
        "cluster-budget",
    ),
    (
        "a wave of giants before the mild ones",
        side_by_side,
        |plan| change_waves(plan, |waves| waves.rotate_right(1)),
        "order",
    ),
    (
        "more side by side than allowed",
        side_by_side,
        |plan| plan.limits.batches_side_by_side = 1,
        "order",
    ),
    (
        "a batch in no wave",
        side_by_side,
        |plan| {
            plan.schedule.waves.pop();
        },
        "order",
    ),
    (
        "an empty wave",
        side_by_side,
        |plan| {
            let mut empty = plan.schedule.waves[0].clone();
            empty.number = plan.schedule.waves.len() as u32 + 1;
            empty.batches.clear();
            plan.schedule.waves.push(empty);
        },
        "order",
    ),
    (
        "waves misnumbered",
        side_by_side,
        |plan| plan.schedule.waves[1].number = 1,
        "order",
    ),
    (
        "a batch that says it is in another wave",
        side_by_side,
        |plan| plan.batches[0].wave = 2,
        "order",
    ),
    (
        "a wave that hides its worst blocks",
        side_by_side,
        |plan| plan.schedule.waves[0].worst_blocks_us -= 1,
        "prediction",
    ),
    (
        "a wave that begins before the one in front ends",
        side_by_side,
        |plan| plan.schedule.waves[1].starts_us -= 1_000,
        "prediction",
    ),
    (
        "a wave shorter than its longest batch",
        side_by_side,
        |plan| plan.schedule.waves[0].takes.expected_us -= 1_000,
        "prediction",
    ),
    (
        "all waves in less than their sum",
        side_by_side,
        |plan| plan.schedule.takes.expected_us /= 2,
        "prediction",
    ),
    (
        "a batch that takes no longer at worst than expected",
        side_by_side,
        |plan| {
            let takes = &mut plan.batches[0].takes;
            takes.high_us = takes.expected_us;
        },
        "prediction",
    ),
    (
        "a plan whose worst case is milder than its best",
        side_by_side,
        |plan| {
            let takes = &mut plan.schedule.takes;
            (takes.low_us, takes.high_us) = (takes.high_us, takes.low_us);
        },
        "prediction",
    ),
    (
        "the busiest node misnamed",
        side_by_side,
        |plan| {
            // Both of a pair are at work equally long, so it is one of the other pair.
            let named = plan.schedule.busiest_node.as_ref();
            let other = if named == Some(&id("a")) { "c" } else { "a" };
            plan.schedule.busiest_node = Some(id(other));
        },
        "prediction",
    ),
    (
        "a busiest node that takes no time",
        side_by_side,
        |plan| plan.schedule.busiest_node_takes.expected_us = 0,
        "prediction",
    ),
    (
        "nobody is busiest",
        side_by_side,
        |plan| plan.schedule.busiest_node = None,
        "prediction",
    ),
    (
        "a pause too short",
        side_by_side,
        |plan| plan.schedule.pause_per_block -= 0.001,
        "blocked-share",
    ),
    (
        "a share that the pauses do not keep",
        side_by_side,
        |plan| plan.limits.blocked_share = 0.45,
        "blocked-share",
    ),
    (
        "a span of two seconds",
        side_by_side,
        |plan| plan.schedule.span_us *= 2,
        "blocked-share",
    ),
    (
        "less blocked in a span than calls come to",
        side_by_side,
        |plan| {
            let mut moments = plan.schedule.nodes.iter_mut();
            let moment = moments.find(|moment| moment.most_in_span_us > 50_000);
            moment.expect("a giant").most_in_span_us -= 1_000;
        },
        "blocked-share",
    ),
    (
        "a source blocked for less than its calls",
        side_by_side,
        |plan| plan.schedule.nodes[0].blocked_us -= 100,
        "prediction",
    ),
    (
        "a longest block that is not the longest",
        side_by_side,
        |plan| plan.schedule.nodes[0].longest_block_us -= 100,
        "prediction",
    ),
    (
        "a target that is never blocked",
        side_by_side,
        |plan| plan.schedule.nodes[1].blocked_us = 0,
        "prediction",
    ),
    (
        "a peak of the timeline below that of its batch",
        side_by_side,
        |plan| plan.schedule.nodes[1].memory_peak_bytes -= 1,
        "totals",
    ),
    (
        "a source that is emptier afterwards than it can be",
        side_by_side,
        |plan| plan.schedule.nodes[0].memory_after_bytes -= 1,
        "totals",
    ),
    (
        "a target that is emptier afterwards than its batch says",
        side_by_side,
        |plan| plan.schedule.nodes[1].memory_after_bytes -= 1,
        "totals",
    ),
    (
        "a replica's buffer understated",
        side_by_side,
        |plan| plan.schedule.nodes[1].replica_buffer_bytes -= 1,
        "target-replica",
    ),
    (
        "a moment left out",
        side_by_side,
        |plan| {
            plan.schedule.nodes.pop();
        },
        "prediction",
    ),
    (
        "source and target changed over in the timeline",
        side_by_side,
        |plan| plan.schedule.nodes.swap(0, 1),
        "prediction",
    ),
    (
        "a moment in another wave",
        side_by_side,
        |plan| plan.schedule.nodes[0].wave = 2,
        "prediction",
    ),
    (
        "all in one window",
        windowed,
        |plan| {
            for wave in &mut plan.schedule.waves {
                wave.window = Some(1);
            }
            plan.schedule.windows = Some(1);
        },
        "window",
    ),
    (
        "a window passed over",
        windowed,
        |plan| {
            let last = plan.schedule.waves.last_mut().expect("waves");
            last.window = last.window.map(|window| window + 2);
            plan.schedule.windows = last.window;
        },
        "window",
    ),
    (
        "back to the first window",
        windowed,
        |plan| plan.schedule.waves.last_mut().expect("waves").window = Some(1),
        "window",
    ),
    (
        "fewer windows than are used",
        windowed,
        |plan| plan.schedule.windows = Some(1),
        "window",
    ),
    (
        "a wave in no window",
        windowed,
        |plan| plan.schedule.waves[0].window = None,
        "window",
    ),
    (
        "windows that nobody asked for",
        windowed,
        |plan| plan.limits.window_ms = None,
        "window",
    ),
    (
        "a slot held for a window that it fits",
        windowed,
        |plan| plan.held[0].reasons = vec![HoldReason::NoWindow { high_us: 900_000 }],
        "window",
    ),
    (
        "a blocked share that no plan keeps",
        side_by_side,
        |plan| plan.limits.blocked_share = 0.1,
        "limits",
    ),
    (
        "predictions that can only be better",
        side_by_side,
        |plan| plan.limits.prediction_high = 0.9,
        "limits",
    ),
];
