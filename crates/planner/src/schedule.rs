//! Puts moves into batches and batches into order, and runs them in thought to see that there is room.
//!
//! # Order
//! What can go wrong grows with the worst block, so the mildest slots go first: a plan that fails has then
//! moved as much as could be moved without harm. Batches run one after another over the whole cluster, not
//! only per node: clients that talk to all nodes wait for the one that is silent, and two calls at a time
//! would need half the budget each. A plan that runs batches side by side would put them into waves here.
//!
//! # What a batch carries
//! Each RESTORE is replicated as it is, so all payload that arrives on a target passes through the output
//! buffers of its replicas. Their soft limit (64 MiB for 60 s by default) closes the link of a replica whose
//! buffer *stays* above it that long. Sending at most 64 MiB a minute would keep it, and make large plans
//! take days. Waiting after each batch until the target's replicas have the target's offset empties the
//! buffer instead: no more than one batch can ever be in it, however slow the replicas are. A slot of more
//! payload than the soft limit is a batch of its own; its single calls stay below the hard limit.

use crate::PlanLimits;
use crate::balance::Relocation;
use crate::loads::room_bytes;
use crate::node_memory::NodeMemory;
use crate::survey::Survey;

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

/// The batches in the order they run, and the slots that found no room.
pub(crate) struct Schedule {
    pub(crate) bundles: Vec<Bundle>,
    pub(crate) refused: Vec<u16>,
}

/// Makes batches of all moves for which there is room.
pub(crate) fn schedule(
    relocations: &[Relocation],
    nodes: &[NodeMemory],
    survey: &Survey,
    limits: &PlanLimits,
) -> Schedule {
    let mut relocations = relocations.to_vec();
    let mut refused = Vec::new();
    // Without a refused move its batch may come earlier, so the rest is tried again; each round refuses
    // at least one move.
    loop {
        let bundles = bundle(&relocations, survey, limits);
        let turned_away = without_room(&bundles, nodes.to_vec(), survey, limits);
        if turned_away.is_empty() {
            refused.sort_unstable();
            return Schedule { bundles, refused };
        }
        relocations.retain(|relocation| !turned_away.contains(&relocation.slot));
        refused.extend(turned_away);
    }
}

fn worst_block_us(survey: &Survey, slot: u16) -> u64 {
    survey
        .slot(slot)
        .calls()
        .map_or(0, |calls| calls.worst_block_us)
}

fn bundle(relocations: &[Relocation], survey: &Survey, limits: &PlanLimits) -> Vec<Bundle> {
    let mut sorted = relocations.to_vec();
    sorted.sort_unstable_by_key(|relocation| {
        (
            relocation.from,
            relocation.to,
            worst_block_us(survey, relocation.slot),
            relocation.slot,
        )
    });
    let mut bundles: Vec<Bundle> = Vec::new();
    let mut payload_bytes = 0;
    for Relocation { slot, from, to } in sorted {
        let payload = survey.slot(slot).holding.payload_bytes;
        let open = bundles
            .last_mut()
            .filter(|bundle| (bundle.from, bundle.to) == (from, to))
            .filter(|bundle| bundle.slots.len() < limits.slots_per_batch_max as usize);
        match open {
            Some(bundle) if payload_bytes + payload <= limits.replica_buffer_soft_bytes => {
                bundle.slots.push(slot);
                payload_bytes += payload;
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
            }
        }
    }
    // Stable, so that the batches of one pair keep their order where they are equally bad.
    bundles.sort_by_key(|bundle| {
        let last = bundle.slots.last().copied().unwrap_or(0);
        worst_block_us(survey, last)
    });
    bundles
}

/// Runs the batches in thought and returns the slots for which memory would run short.
///
/// The target's peak must stay within `maxmemory`, and what remains on it must leave the headroom free besides. A source
/// may be fuller than that already, which is what a new node is for; `MIGRATE` is no command that a full node refuses,
/// so its buffers must fit into what is free below `maxmemory` or into a headroom's worth above it, whichever is more.
fn without_room(
    bundles: &[Bundle],
    mut nodes: Vec<NodeMemory>,
    survey: &Survey,
    limits: &PlanLimits,
) -> Vec<u16> {
    let (Some(maxmemory), Some(room)) = (limits.maxmemory_bytes, room_bytes(limits)) else {
        return Vec::new();
    };
    let mut refused = Vec::new();
    for bundle in bundles {
        for &slot in &bundle.slots {
            let state = survey.slot(slot);
            let call = state
                .calls()
                .map_or(0, |calls| calls.call_payload_bytes_max);
            let (source, target) = (&nodes[bundle.from], &nodes[bundle.to]);
            let source_most = u128::from(source.used_bytes().saturating_add(maxmemory - room))
                .max(u128::from(maxmemory));
            let mut then = *target;
            then.take(&state.holding);
            let carries_nothing = state.holding.keys == 0;
            if carries_nothing
                || (source.peak_giving(call) <= source_most
                    && target.peak_taking(&state.holding, call) <= u128::from(maxmemory)
                    && then.used_bytes() <= room)
            {
                nodes[bundle.from].give(&state.holding);
                nodes[bundle.to] = then;
            } else {
                refused.push(slot);
            }
        }
    }
    refused
}
