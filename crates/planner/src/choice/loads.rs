//! What each node holds of what is balanced, what of it cannot leave, and what it would hold at the best balance.

use crate::PlanLimits;
use crate::choice::level::{Basin, Poured, even_total, pour};
use crate::goal::Measure;
use crate::plan::HoldReason;
use crate::roster::{Member, Mode, Roster};
use crate::survey::{SlotState, Survey};

/// The best balance there is, three times over.
///
/// Slots for which a plan found no room are not among the held ones here: another plan might have found
/// room for them, and a bound must hold for every plan.
pub(crate) struct BestLevels {
    /// What each node holds around the held slots.
    pub(crate) reachable: Vec<u64>,
    /// The same if no slot were held.
    pub(crate) none_held: Vec<u64>,
    /// The same around the held slots if no `maxmemory` were stated.
    pub(crate) without_maxmemory: Vec<u64>,
}

impl BestLevels {
    /// `ended_early` says whether the goal's own limits end the plan before it is through.
    pub(crate) fn new(
        survey: &Survey,
        roster: &Roster,
        limits: &PlanLimits,
        ended_early: bool,
    ) -> BestLevels {
        let heeded = Loads::new(survey, roster, Holds::HeededButForRoom);
        let ignored = Loads::new(survey, roster, Holds::Ignored);
        // Where a node to be emptied keeps slots for want of room, or because the goal allows no more moves, plans may differ
        // in how many.
        let without_room = survey.iter().any(|(_, state)| {
            wants_room(state)
                && state
                    .owner
                    .is_some_and(|owner| roster.members[owner].must_empty())
        });
        let mut members = roster.members.iter();
        let leaves_some = without_room || (ended_early && members.any(Member::must_empty));
        let limits = Some(limits);
        BestLevels {
            reachable: heeded.best(roster, limits, leaves_some),
            none_held: ignored.best(roster, limits, leaves_some),
            without_maxmemory: heeded.best(roster, None, false),
        }
    }
}

fn wants_room(state: &SlotState) -> bool {
    state
        .standing
        .as_ref()
        .is_err_and(|reasons| reasons.contains(&HoldReason::NoRoom))
}

/// Which held slots count as immovable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holds {
    Heeded,
    HeededButForRoom,
    Ignored,
}

/// What is balanced, per node.
#[derive(Debug, Clone)]
pub(crate) struct Loads {
    measure: Measure,
    /// As it is now.
    before: Vec<u64>,
    /// With explicit orders carried out.
    pub(crate) loads: Vec<u64>,
    /// The part of it that cannot leave: held slots, slots that an order has brought, and what the goal does
    /// not ask to move.
    pub(crate) fixed: Vec<u64>,
    /// Sum over the nodes.
    pub(crate) total: u64,
}

impl Loads {
    pub(crate) fn new(survey: &Survey, roster: &Roster, holds: Holds) -> Loads {
        let measure = roster.measure;
        let mut loads = vec![0; roster.members.len()];
        let (mut fixed, mut before) = (loads.clone(), loads.clone());
        for (slot, state) in survey.iter() {
            let Some(owner) = state.owner else { continue };
            let member = &roster.members[owner];
            let weighs = measure.of(&state.holding);
            let for_room = holds == Holds::HeededButForRoom && wants_room(state);
            let held = state.is_held() && holds != Holds::Ignored;
            let ordered = roster.ordered(slot).filter(|_| !held);
            let place = ordered.unwrap_or(owner);
            let gives = match roster.mode {
                Mode::Balance => member.known,
                Mode::DrainOnly => member.must_empty(),
                Mode::MovesOnly => false,
            };
            before[owner] += weighs;
            loads[place] += weighs;
            if !for_room && (held || ordered.is_some() || !gives) {
                fixed[place] += weighs;
            }
        }
        Loads {
            measure,
            before,
            total: loads.iter().sum(),
            loads,
            fixed,
        }
    }

    /// What each node holds when all that is not fixed has found its level; nodes that take no part
    /// keep what is fixed on them. A node that is over its room already may keep what it has, but is given nothing.
    pub(crate) fn levels(&self, roster: &Roster, limits: &PlanLimits) -> Poured {
        let ceilings = self.ceilings(roster, Some(limits), &self.loads);
        pour(&self.basins(roster, &ceilings), self.total)
    }

    /// What no plan can beat: nothing arrives on a node that has no room for it, so none ends above the room but
    /// those that are above it now.
    fn best(&self, roster: &Roster, limits: Option<&PlanLimits>, leaves_some: bool) -> Vec<u64> {
        let basins = self.basins(roster, &self.ceilings(roster, limits, &self.before));
        let total = if leaves_some {
            self.total.min(even_total(&basins))
        } else {
            self.total
        };
        pour(&basins, total).held
    }

    /// Room is room for memory: it bounds nothing else that might be balanced.
    fn ceilings(&self, roster: &Roster, limits: Option<&PlanLimits>, at_least: &[u64]) -> Vec<u64> {
        let limits = limits.filter(|_| self.measure == Measure::Memory);
        at_least
            .iter()
            .zip(&self.fixed)
            .enumerate()
            .map(|(node, (&least, &fixed))| {
                limits
                    .and_then(|limits| roster.members[node].room_bytes(limits))
                    .map_or(u64::MAX, |room| room.max(least).max(fixed))
            })
            .collect()
    }

    fn basins(&self, roster: &Roster, ceilings: &[u64]) -> Vec<Basin> {
        roster
            .members
            .iter()
            .enumerate()
            .map(|(index, member)| Basin {
                weight: member.weight_millionths,
                floor: self.fixed[index],
                ceiling: ceilings[index],
            })
            .collect()
    }
}
