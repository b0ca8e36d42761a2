//! Puts moves into batches and batches into order, and runs them in thought to see that there is room.
//!
//! # Order
//! What can go wrong grows with the worst block, so the mildest slots go first: a plan that fails has then
//! moved as much as could be moved without harm. Batches run one after another over the whole cluster, not
//! only per node: clients that talk to all nodes wait for the one that is silent. Where several may run side by
//! side, [`waves`](crate::course::waves) sees to it that their calls together stay within the budget.
//!
//! # What a batch carries
//! Each RESTORE is replicated as it is, so all payload that arrives on a target passes through the output
//! buffers of its replicas. Their soft limit (64 MiB for 60 s by default) closes the link of a replica whose
//! buffer *stays* above it that long. Sending at most 64 MiB a minute would keep it, and make large plans
//! take days. Waiting after each batch until the target's replicas have the target's offset empties the
//! buffer instead: no more than one batch can ever be in it, however slow the replicas are. A slot of more
//! payload than the soft limit is a batch of its own; its single calls stay below the hard limit.
//!
//! Where the servers move the slots themselves a batch is one task, which streams as fast as it can: its payload stays within
//! the hard limit, as long as it has more than one slot.

use crate::PlanLimits;
use crate::choice::balance::Relocation;
use crate::course::node_memory::NodeMemory;
use crate::course::pace::{Pace, Work};
use crate::course::waves::{Wave, waves, worst_of};
use crate::roster::Roster;
use crate::survey::Survey;

/// Part of `maxmemory` that a source which is full may take besides while it gives: the machine has more than `maxmemory`, or
/// the server could not save itself.
const BEYOND_FULL: f64 = 0.05;

/// Slots that move together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bundle {
    pub(crate) from: usize,
    pub(crate) to: usize,
    /// In the order they move.
    pub(crate) slots: Vec<u16>,
    /// Whether the soft limit ended it.
    pub(crate) cut_by_payload: bool,
}

/// The batches in the order they begin, in waves, and the slots that found no place.
pub(crate) struct Schedule {
    pub(crate) bundles: Vec<Bundle>,
    /// How many of the bundles each wave has.
    pub(crate) waves: Vec<Wave>,
    /// Slots that found no room.
    pub(crate) no_room: Vec<u16>,
    /// Slots that take longer than a window, and how long.
    pub(crate) no_window: Vec<(u16, u64)>,
}

/// Makes batches of all moves for which there is room.
pub(crate) fn schedule(
    relocations: &[Relocation],
    nodes: &[NodeMemory],
    roster: &Roster,
    survey: &Survey,
    limits: &PlanLimits,
    pace: &Pace,
) -> Schedule {
    let mut relocations = relocations.to_vec();
    let mut refused = Vec::new();
    let mut no_window = Vec::new();
    relocations.retain(|relocation| {
        let mut work = pace.of_batch();
        work.add(work_of(survey, relocation.slot, pace));
        let fits = pace.fits_a_window(work);
        if !fits {
            no_window.push((relocation.slot, pace.time(work).high_us));
        }
        fits
    });
    // Without a refused move its batch may come earlier, so the rest is tried again; each round refuses
    // at least one move.
    loop {
        let bundles = bundle(&relocations, survey, limits, pace);
        let (bundles, waves) = waves(bundles, survey, limits, pace);
        let turned_away = without_room(&bundles, nodes.to_vec(), roster, survey, limits);
        if turned_away.is_empty() {
            refused.sort_unstable();
            return Schedule {
                bundles,
                waves,
                no_room: refused,
                no_window,
            };
        }
        relocations.retain(|relocation| !turned_away.contains(&relocation.slot));
        refused.extend(turned_away);
    }
}

fn work_of(survey: &Survey, slot: u16, pace: &Pace) -> Work {
    let calls = survey.slot(slot).calls();
    calls.map_or_else(Work::default, |calls| pace.of_slot(calls))
}

/// All work of a bundle.
pub(crate) fn work_of_all(survey: &Survey, slots: &[u16], pace: &Pace) -> Work {
    let mut work = pace.of_batch();
    for &slot in slots {
        work.add(work_of(survey, slot, pace));
    }
    work
}

pub(crate) fn worst_block_us(survey: &Survey, slot: u16) -> u64 {
    survey
        .slot(slot)
        .calls()
        .map_or(0, |calls| calls.worst_block_us)
}

fn bundle(
    relocations: &[Relocation],
    survey: &Survey,
    limits: &PlanLimits,
    pace: &Pace,
) -> Vec<Bundle> {
    let mut sorted = relocations.to_vec();
    sorted.sort_unstable_by_key(|relocation| {
        // Servers that move slots themselves are given ranges, which are to be long.
        let worst_us = match survey.dialect.is_atomic() {
            true => 0,
            false => worst_block_us(survey, relocation.slot),
        };
        (relocation.from, relocation.to, worst_us, relocation.slot)
    });
    let batch_payload_max = match survey.dialect.is_atomic() {
        true => limits.replica_buffer_hard_bytes,
        false => limits.replica_buffer_soft_bytes,
    };
    let mut bundles: Vec<Bundle> = Vec::new();
    let mut payload_bytes = 0;
    let mut work = pace.of_batch();
    for Relocation { slot, from, to } in sorted {
        let payload = survey.slot(slot).holding.payload_bytes;
        let own_work = work_of(survey, slot, pace);
        let mut with_it = work;
        with_it.add(own_work);
        let open = bundles
            .last_mut()
            .filter(|bundle| (bundle.from, bundle.to) == (from, to))
            .filter(|bundle| bundle.slots.len() < limits.slots_per_batch_max as usize)
            .filter(|_| pace.fits_a_window(with_it));
        match open {
            Some(bundle) if payload_bytes + payload <= batch_payload_max => {
                bundle.slots.push(slot);
                payload_bytes += payload;
                work = with_it;
            }
            open => {
                if let Some(full) = open {
                    full.cut_by_payload = true;
                }
                bundles.push(Bundle {
                    from,
                    to,
                    slots: vec![slot],
                    cut_by_payload: false,
                });
                payload_bytes = payload;
                work = pace.of_batch();
                work.add(own_work);
            }
        }
    }
    // Stable, so that the batches of one pair keep their order where they are equally bad.
    bundles.sort_by_key(|bundle| worst_of(bundle, survey));
    bundles
}

/// Runs the batches in thought and returns the slots for which memory would run short.
///
/// The target's peak must stay within `maxmemory`, and what remains on it must leave the headroom free besides. A source
/// may be fuller than that already, which is what a new node is for; `MIGRATE` is no command that a full node refuses,
/// so its buffers must fit into what is free below `maxmemory` or into a headroom's worth above what it holds, whichever is
/// more; where no headroom is kept, into [`BEYOND_FULL`].
fn without_room(
    bundles: &[Bundle],
    mut nodes: Vec<NodeMemory>,
    roster: &Roster,
    survey: &Survey,
    limits: &PlanLimits,
) -> Vec<u16> {
    let mut refused = Vec::new();
    for bundle in bundles {
        let (from, to) = (&roster.members[bundle.from], &roster.members[bundle.to]);
        for &slot in &bundle.slots {
            let state = survey.slot(slot);
            let call = state
                .calls()
                .map_or(0, |calls| calls.call_payload_bytes_max);
            let (source, target) = (&nodes[bundle.from], &nodes[bundle.to]);
            let source_call = if survey.dialect.is_atomic() { 0 } else { call };
            let mut then = *target;
            then.take(&state.holding);
            let source_fits = from.facts.maxmemory_bytes.is_none_or(|maxmemory| {
                source.peak_giving(source_call) <= most_of_a_source(source, maxmemory, limits)
            });
            let target_fits = to.facts.maxmemory_bytes.is_none_or(|maxmemory| {
                target.peak_taking(&state.holding, call) <= u128::from(maxmemory)
            });
            let headroom_left = to
                .room_bytes(limits)
                .is_none_or(|room| then.used_bytes() <= room);
            let carries_nothing = state.holding.keys == 0;
            if carries_nothing || (source_fits && target_fits && headroom_left) {
                nodes[bundle.from].give(&state.holding);
                nodes[bundle.to] = then;
            } else {
                refused.push(slot);
            }
        }
    }
    refused
}

/// A source that is over its `maxmemory` must be able to give all the same.
fn most_of_a_source(source: &NodeMemory, maxmemory: u64, limits: &PlanLimits) -> u128 {
    let beyond = (maxmemory as f64 * limits.headroom.max(BEYOND_FULL)).floor() as u64;
    u128::from(source.used_bytes().saturating_add(beyond)).max(u128::from(maxmemory))
}
