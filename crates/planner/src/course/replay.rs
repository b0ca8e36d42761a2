//! Runs the batches in thought, wave by wave, and writes down what each node goes through.

use std::collections::BTreeMap;

use preshard_slots::NodeId;

use crate::PlanLimits;
use crate::course::node_memory::NodeMemory;
use crate::course::pace::{Pace, Work};
use crate::course::schedule::{self, Bundle, work_of_all};
use crate::plan::{Batch, Holding, NodeMoment, Role, Schedule, SlotMove, TimeSpan, Wave};
use crate::roster::Roster;
use crate::survey::Survey;

/// A finished schedule as the plan has it.
pub(crate) struct Replay {
    pub(crate) batches: Vec<Batch>,
    pub(crate) schedule: Schedule,
}

/// What the nodes go through.
pub(crate) fn replay(
    made: &schedule::Schedule,
    roster: &Roster,
    survey: &Survey,
    limits: &PlanLimits,
    pace: &Pace,
) -> Replay {
    let mut run = Run {
        roster,
        survey,
        limits,
        pace,
        memory: survey.memory_of_nodes(roster),
        moments: Vec::new(),
        at_work: BTreeMap::new(),
    };
    let mut batches: Vec<Batch> = Vec::with_capacity(made.bundles.len());
    let mut waves = Vec::with_capacity(made.waves.len());
    let mut takes = TimeSpan::default();
    for (number, wave) in (1u32..).zip(&made.waves) {
        let first = batches.len();
        for bundle in &made.bundles[first..first + wave.bundles] {
            let batch = u32::try_from(batches.len() + 1).unwrap_or(u32::MAX);
            batches.push(run.batch(bundle, batch, number));
        }
        let own = &batches[first..];
        waves.push(Wave {
            number,
            window: limits.window_ms.map(|_| wave.window),
            batches: own.iter().map(|batch| batch.number).collect(),
            starts_us: takes.expected_us,
            takes: wave.takes,
            worst_blocks_us: own.iter().map(|batch| batch.worst_block_us).sum(),
        });
        takes.add(wave.takes);
    }
    let busiest = run
        .at_work
        .iter()
        .max_by_key(|(node, work)| (pace.time(**work).expected_us, std::cmp::Reverse(**node)))
        .map(|(&node, &work)| (roster.members[node].id.clone(), pace.time(work)));
    let (busiest_node, busiest_node_takes): (Option<NodeId>, TimeSpan) = match busiest {
        Some((node, takes)) => (Some(node), takes),
        None => (None, TimeSpan::default()),
    };
    let windows = made.waves.last().map_or(0, |wave| wave.window);
    let schedule = Schedule {
        pause_per_block: pace.pause_per_block(),
        span_us: pace.span_us,
        waves,
        takes,
        windows: limits.window_ms.map(|_| windows),
        busiest_node,
        busiest_node_takes,
        nodes: run.moments,
    };
    Replay { batches, schedule }
}

impl TimeSpan {
    fn add(&mut self, other: TimeSpan) {
        self.low_us = self.low_us.saturating_add(other.low_us);
        self.expected_us = self.expected_us.saturating_add(other.expected_us);
        self.high_us = self.high_us.saturating_add(other.high_us);
    }
}

struct Run<'a> {
    roster: &'a Roster,
    survey: &'a Survey,
    limits: &'a PlanLimits,
    pace: &'a Pace,
    memory: Vec<NodeMemory>,
    moments: Vec<NodeMoment>,
    at_work: BTreeMap<usize, Work>,
}

impl Run<'_> {
    fn batch(&mut self, bundle: &Bundle, number: u32, wave: u32) -> Batch {
        let mut carries = Holding::default();
        let (mut source_peak, mut target_peak) = (0, 0);
        let (mut restore_us, mut worst_restore_us) = (0u64, 0);
        let mut moves: Vec<SlotMove> = Vec::with_capacity(bundle.slots.len());
        for &slot in &bundle.slots {
            let state = self.survey.slot(slot);
            let Some(calls) = state.calls() else { continue };
            let (call, holding) = (calls.call_payload_bytes_max, &state.holding);
            let source_call = if self.survey.dialect.is_atomic() {
                0
            } else {
                call
            };
            source_peak = source_peak.max(self.memory[bundle.from].peak_giving(source_call));
            target_peak = target_peak.max(self.memory[bundle.to].peak_taking(holding, call));
            self.memory[bundle.from].give(holding);
            self.memory[bundle.to].take(holding);
            carries.add(holding);
            restore_us = restore_us.saturating_add(calls.restore_us);
            worst_restore_us = worst_restore_us.max(calls.worst_restore_us);
            moves.push(SlotMove {
                slot,
                keys: holding.keys,
                expiring_keys: holding.expiring_keys,
                memory_bytes: holding.memory_bytes,
                payload_bytes: holding.payload_bytes,
                predicted_us: calls.predicted_us,
                worst_block_us: calls.worst_block_us,
                largest_payload_bytes: call,
                expired_keys: state.expired_keys,
                expired_payload_bytes: state.expired_payload_bytes,
                heavy: calls.heavy.clone(),
                sweep: calls.sweep.clone(),
            });
        }
        let work = work_of_all(self.survey, &bundle.slots, self.pace);
        for node in [bundle.from, bundle.to] {
            self.at_work.entry(node).or_default().add(work);
        }
        let batch = Batch {
            number,
            source: self.roster.members[bundle.from].id.clone(),
            target: self.roster.members[bundle.to].id.clone(),
            carries,
            wave,
            predicted_us: moves.iter().map(|slot_move| slot_move.predicted_us).sum(),
            takes: self.pace.time(work),
            worst_block_us: moves
                .iter()
                .map(|slot_move| slot_move.worst_block_us)
                .max()
                .unwrap_or(0),
            source_peak_bytes: source_peak.try_into().unwrap_or(u64::MAX),
            target_peak_bytes: target_peak.try_into().unwrap_or(u64::MAX),
            target_memory_bytes_after: self.memory[bundle.to].used_bytes(),
            moves,
        };
        let is_atomic = self.survey.dialect.is_atomic();
        let of_calls = |us: u64| if is_atomic { 0 } else { us };
        let source = Moment {
            role: Role::Source,
            node: bundle.from,
            blocked_us: of_calls(batch.predicted_us),
            longest_us: of_calls(batch.worst_block_us),
            peak_bytes: batch.source_peak_bytes,
            replica_buffer_bytes: 0,
        };
        let target = Moment {
            role: Role::Target,
            node: bundle.to,
            blocked_us: restore_us,
            longest_us: worst_restore_us,
            peak_bytes: batch.target_peak_bytes,
            replica_buffer_bytes: carries.payload_bytes,
        };
        for moment in [source, target] {
            let written = self.moment(&moment, &batch);
            self.moments.push(written);
        }
        batch
    }

    fn moment(&self, moment: &Moment, batch: &Batch) -> NodeMoment {
        let (blocked_us, longest_us) = (moment.blocked_us, moment.longest_us);
        let factor = self.limits.factor();
        NodeMoment {
            wave: batch.wave,
            batch: batch.number,
            node: self.roster.members[moment.node].id.clone(),
            role: moment.role,
            blocked_us,
            longest_block_us: longest_us,
            most_in_span_us: self.pace.most_in_span_us(blocked_us, longest_us, factor),
            memory_peak_bytes: moment.peak_bytes,
            memory_after_bytes: self.memory[moment.node].used_bytes(),
            replica_buffer_bytes: moment.replica_buffer_bytes,
        }
    }
}

/// What is to be written of one node in one batch.
struct Moment {
    role: Role,
    node: usize,
    blocked_us: u64,
    longest_us: u64,
    peak_bytes: u64,
    replica_buffer_bytes: u64,
}
