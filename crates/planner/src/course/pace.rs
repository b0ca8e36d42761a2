//! How long moves take from the first command to the last: calls, the pauses between them, and round trips.
//!
//! # Pauses
//! After each call the source rests so many times as long as the call took ([`Pace::pause_ppm`]), whatever it took, so that a
//! node is blocked for at most the stated share of any span. A span is a second, or ten call budgets where that is longer.
//! Why that holds: let `d` be the share, `W` the span and `b` the longest call with the safety factor, `b <= W / 10`. Blocks and
//! the rests behind them fill time in the ratio `d' = d - b / W`; a span covers blocks with their rests, which take at most
//! `d' W` of it, and at its end a part of one more block, at most `b`: together no more than `d W`.
//! A call that was consented to may be longer than `b`; no span that it falls into keeps the share.
//!
//! # Round trips
//! Whoever runs the plan asks for keys, waits for each call, and tells each primary of each slot's new owner, one after
//! another.

use crate::PlanLimits;
use crate::moves::calls::SlotCalls;
use crate::plan::{Dialect, TimeSpan};

/// Parts in a whole.
const PPM: u128 = 1_000_000;
/// The shortest span that a share is kept over.
const SPAN_MIN_US: u64 = 1_000_000;
/// Spans are at least so many times the longest call.
const CALLS_PER_SPAN: u64 = 10;

/// How fast a plan may go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// Rest behind a call, in millionths of the call.
    pause_ppm: u64,
    /// The span over which the share of blocked time is kept.
    pub(crate) span_us: u64,
    low: f64,
    high: f64,
    round_trip_us: u64,
    /// Commands for each slot besides those that move keys.
    commands_per_slot: u64,
    /// Commands for each task that the servers run by themselves.
    commands_per_task: u64,
    window_us: Option<u64>,
}

/// What a task of the servers may take, in times of what MIGRATE would block for: the least are small keys (4096 slots in 0.3 s
/// on Redis 8.6, where redis-cli took 11.7 s), the most sorted sets, which arrive member by member (4.8 times on Valkey 9.1).
const TASK_LOW: f64 = 0.1;
const TASK_HIGH: f64 = 5.0;
/// To begin a task, to ask for its state twice, and to ask who owns its slots.
const TASK_COMMANDS: u64 = 4;

/// Calls to be timed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Work {
    calls_us: u64,
    commands: u64,
}

impl Work {
    pub(crate) fn add(&mut self, other: Work) {
        self.calls_us = self.calls_us.saturating_add(other.calls_us);
        self.commands = self.commands.saturating_add(other.commands);
    }
}

impl Pace {
    /// `primaries` is how many nodes must be told of a slot's new owner.
    pub(crate) fn new(limits: &PlanLimits, dialect: Dialect, primaries: usize) -> Pace {
        let half_clock_us = limits.cluster_node_timeout_ms.saturating_mul(500);
        let budget_us = limits
            .latency_budget_ms
            .saturating_mul(1_000)
            .min(half_clock_us);
        let span_us = SPAN_MIN_US.max(budget_us.saturating_mul(CALLS_PER_SPAN));
        let share_ppm = (limits.blocked_share * PPM as f64).round() as u128;
        let last_call_ppm = (u128::from(budget_us) * PPM).div_ceil(u128::from(span_us));
        let busy_ppm = share_ppm.saturating_sub(last_call_ppm).max(1);
        let atomic = dialect != Dialect::SetslotMigrate;
        let pause_ppm = if atomic || share_ppm >= PPM {
            0
        } else {
            ((PPM - busy_ppm) * PPM).div_ceil(busy_ppm)
        };
        Pace {
            pause_ppm: u64::try_from(pause_ppm).unwrap_or(u64::MAX),
            span_us,
            low: if atomic {
                TASK_LOW
            } else {
                limits.prediction_low
            },
            high: if atomic {
                TASK_HIGH
            } else {
                limits.prediction_high
            },
            round_trip_us: limits.round_trip_us,
            // IMPORTING, MIGRATING, the GETKEYSINSLOT that finds nothing left, COUNTKEYSINSLOT, and NODE for everybody.
            commands_per_slot: if atomic { 0 } else { 4 + primaries as u64 },
            commands_per_task: if atomic { TASK_COMMANDS } else { 0 },
            window_us: limits.window_ms.map(|ms| ms.saturating_mul(1_000)),
        }
    }

    /// Rest behind a call, in calls, with six digits.
    pub(crate) fn pause_per_block(&self) -> f64 {
        self.pause_ppm as f64 / PPM as f64
    }

    /// What a batch comes to besides its slots.
    pub(crate) fn of_batch(&self) -> Work {
        Work {
            calls_us: 0,
            commands: self.commands_per_task,
        }
    }

    /// What a slot's calls come to.
    pub(crate) fn of_slot(&self, calls: &SlotCalls) -> Work {
        let own = calls.heavy.len() as u64;
        // A sweep asks for the keys of each of its calls.
        let swept = calls.calls.saturating_sub(own).saturating_mul(2);
        Work {
            calls_us: calls.predicted_us,
            commands: self.commands_per_slot + own + swept,
        }
    }

    /// How long it takes, pauses and round trips included.
    pub(crate) fn time(&self, work: Work) -> TimeSpan {
        let paced = u128::from(work.calls_us) * (PPM + u128::from(self.pause_ppm)) / PPM;
        let trips = work.commands.saturating_mul(self.round_trip_us);
        let with = |factor: f64| ((paced as f64 * factor).ceil() as u64).saturating_add(trips);
        TimeSpan {
            low_us: with(self.low),
            expected_us: with(1.0),
            high_us: with(self.high),
        }
    }

    /// Whether it surely ends within a window.
    pub(crate) fn fits_a_window(&self, work: Work) -> bool {
        self.window_us
            .is_none_or(|window| self.time(work).high_us <= window)
    }

    /// The most that a node is blocked, with the safety factor, in any span of a stretch that blocks it for so long in all
    /// and at most so long at a time.
    pub(crate) fn most_in_span_us(&self, total_us: u64, longest_us: u64, factor: f64) -> u64 {
        let with_factor = |us: u64| (us as f64 * factor).ceil() as u64;
        let busy = u128::from(self.span_us) * PPM / (PPM + u128::from(self.pause_ppm));
        let busy = u64::try_from(busy).unwrap_or(u64::MAX);
        with_factor(total_us)
            .min(busy.saturating_add(with_factor(longest_us)))
            .min(self.span_us.max(with_factor(longest_us)))
    }
}
