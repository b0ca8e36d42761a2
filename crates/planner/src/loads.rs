//! Memory per node: what it holds, what cannot leave it, and what it would hold at the best balance.

use crate::PlanLimits;
use crate::level::{Basin, pour};
use crate::roster::Roster;
use crate::survey::Survey;

/// The memory that the best balance around the held slots would give each node.
pub(crate) fn reachable(survey: &Survey, roster: &Roster, limits: &PlanLimits) -> Vec<u64> {
    Loads::new(survey, roster, Holds::Heeded).levels(roster, limits)
}

/// The same if no slot were held.
pub(crate) fn reachable_none_held(
    survey: &Survey,
    roster: &Roster,
    limits: &PlanLimits,
) -> Vec<u64> {
    Loads::new(survey, roster, Holds::Ignored).levels(roster, limits)
}

/// The most a node may hold when the plan has run, `None` when no limit was stated.
pub(crate) fn room_bytes(limits: &PlanLimits) -> Option<u64> {
    limits
        .maxmemory_bytes
        .map(|maxmemory| (maxmemory as f64 * (1.0 - limits.headroom)).floor() as u64)
}

/// Whether held slots count as immovable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holds {
    Heeded,
    Ignored,
}

/// Memory per node.
#[derive(Debug, Clone)]
pub(crate) struct Loads {
    /// With explicit orders carried out.
    pub(crate) loads: Vec<u64>,
    /// The part of it that cannot leave: held slots, and slots that an order has brought.
    pub(crate) fixed: Vec<u64>,
    /// Sum over the nodes.
    pub(crate) total: u64,
}

impl Loads {
    pub(crate) fn new(survey: &Survey, roster: &Roster, holds: Holds) -> Loads {
        let mut loads = vec![0; roster.members.len()];
        let mut fixed = loads.clone();
        for (slot, state) in survey.iter() {
            let Some(owner) = state.owner else { continue };
            let held = state.is_held() && holds == Holds::Heeded;
            let ordered = roster.ordered(slot).filter(|_| !held);
            let place = ordered.unwrap_or(owner);
            loads[place] += state.holding.memory_bytes;
            if held || ordered.is_some() {
                fixed[place] += state.holding.memory_bytes;
            }
        }
        Loads {
            total: loads.iter().sum(),
            loads,
            fixed,
        }
    }

    /// A node that is over its room already may keep what it has, but is given nothing.
    pub(crate) fn ceiling(&self, index: usize, limits: &PlanLimits) -> u64 {
        room_bytes(limits).map_or(u64::MAX, |room| room.max(self.loads[index]))
    }

    /// What each node holds when all that is not fixed has found its level; nodes that take no part
    /// keep what is fixed on them.
    pub(crate) fn levels(&self, roster: &Roster, limits: &PlanLimits) -> Vec<u64> {
        let basins: Vec<Basin> = roster
            .members
            .iter()
            .enumerate()
            .map(|(index, member)| Basin {
                weight: member.weight_millionths,
                floor: self.fixed[index],
                ceiling: self.ceiling(index, limits),
            })
            .collect();
        pour(&basins, self.total)
    }

    /// The same where only drained slots may move: all that other nodes hold is fixed.
    pub(crate) fn with_only_drained_free(mut self, roster: &Roster) -> Loads {
        for (index, member) in roster.members.iter().enumerate() {
            if !member.drained {
                self.fixed[index] = self.loads[index];
            }
        }
        self
    }
}
