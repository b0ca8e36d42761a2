//! From input and goal to a plan.

use std::sync::OnceLock;

use preshard_analyzer::SlotProfile;
use preshard_slots::Slot;

use crate::account::document::{Decisions, document};
use crate::choice::balance::{Choice, Relocation, choose};
use crate::course::pace::Pace;
use crate::course::replay::replay;
use crate::course::schedule::schedule;
use crate::moves::dialect::dialect;
use crate::plan::Dialect;
use crate::roster::Roster;
use crate::survey::{Standings, Survey, check_profile};
use crate::{Error, Goal, Mover, Plan, PlanInput, PlanLimits, PlanNode};

/// How often the balance is made anew around slots that found no room.
const ROUNDS: usize = 6;
/// In how many of these rounds such a slot is offered to other nodes before it is held.
const ROUNDS_OF_OFFERS: usize = 3;

/// Makes a plan: the same input gives the same plan, byte for byte.
///
/// Every one of the 16 384 slots is moved, kept or held:
///
/// - *Held* is every slot that must not move: a key breaks a rule, the input raises a doubt, or nobody owns
///   it. It is held whether or not the goal would have wanted it, so that `held` is the full list of what
///   stands in the way of any plan. Slots for which a chosen target turned out to have no room are held, too.
/// - *Moved* is what the goal needs.
/// - *Kept* is the rest.
///
/// The parts of a goal combine. Explicit moves come first, and their slots are not moved again. Then drained
/// nodes are emptied, slots without keys included. With `rebalance`, `add` or `weights` all nodes that take part
/// are balanced by memory, or by what the goal says; with `drain` alone, the other nodes only receive. A node takes part when it owns slots,
/// is added, is given a weight, or is the target of a move; a weight of 0 drains. A node of which it
/// is not known what it holds never takes part, whatever is asked. Nodes within about half a
/// percent of the best balance there is are left as they are.
///
/// With `max_moves` or `max_bytes` the plan stops there: orders come first, then drains, then what helps the fullest
/// nodes most.
///
/// # Errors
/// [`Error`] when the question itself is wrong. A goal that cannot be reached safely is no error: see
/// [`Outcome`](crate::plan::Outcome).
///
/// # Panics
/// In debug builds, when the plan does not pass [`audit`](crate::audit()): a defect of this crate.
pub fn plan(input: &PlanInput<'_>, goal: &Goal, limits: &PlanLimits) -> Result<Plan, Error> {
    let planner = Planner::new(input.profile, input.doubts, limits)?;
    planner.plan(input.nodes.clone(), input.mover, goal)
}

/// Plans for one profile within one set of limits: what is the same in all of them is found out once.
pub struct Planner<'a> {
    profile: &'a SlotProfile,
    doubts: &'a [(Slot, String)],
    limits: &'a PlanLimits,
    /// How slots stand depends on how they move, which depends on the nodes.
    standings: [OnceLock<Standings>; Dialect::ALL.len()],
}

impl<'a> Planner<'a> {
    /// Plans for what these slots hold.
    ///
    /// # Errors
    /// [`Error`] when the limits make no sense, or the profile cannot be that of a cluster.
    pub fn new(
        profile: &'a SlotProfile,
        doubts: &'a [(Slot, String)],
        limits: &'a PlanLimits,
    ) -> Result<Planner<'a>, Error> {
        limits.validate()?;
        check_profile(profile)?;
        Ok(Planner {
            profile,
            doubts,
            limits,
            standings: Dialect::ALL.map(|_| OnceLock::new()),
        })
    }

    /// As [`plan()`], for these nodes and this goal.
    ///
    /// # Errors
    /// As [`plan()`].
    pub fn plan(&self, nodes: Vec<PlanNode>, mover: Mover, goal: &Goal) -> Result<Plan, Error> {
        let input = PlanInput {
            nodes,
            profile: self.profile,
            doubts: self.doubts,
            mover,
        };
        let roster = Roster::new(&input, goal, self.limits)?;
        let dialect = dialect(&roster, mover)?;
        let known = Dialect::ALL.iter().position(|each| *each == dialect);
        let standings = self.standings[known.unwrap_or_default()]
            .get_or_init(|| Standings::new(self.profile, self.doubts, self.limits, dialect));
        let survey = Survey::new(self.profile, standings, &roster, dialect);
        Ok(make(&input, goal, self.limits, roster, survey))
    }
}

fn make(
    input: &PlanInput<'_>,
    goal: &Goal,
    limits: &PlanLimits,
    mut roster: Roster,
    mut survey: Survey,
) -> Plan {
    let dialect = survey.dialect;
    let nodes = survey.memory_of_nodes(&roster);
    let pace = Pace::new(limits, dialect, roster.members.len());
    let mut rounds_left = ROUNDS;
    let (choice, schedule) = loop {
        rounds_left -= 1;
        let choice = match dialect {
            Dialect::Managed => Choice::default(),
            _ => choose(&survey, &roster, goal, limits),
        };
        let schedule = schedule(&choice.relocations, &nodes, &roster, &survey, limits, &pace);
        survey.hold_for_want_of_room(&choice.homeless);
        survey.hold_for_want_of_a_window(&schedule.no_window);
        let refused = &schedule.no_room;
        let all_placed = refused.is_empty() && schedule.no_window.is_empty();
        if all_placed || rounds_left == 0 {
            survey.hold_for_want_of_room(refused);
            break (choice, schedule);
        }
        let (elsewhere, nowhere): (Vec<Relocation>, Vec<Relocation>) = choice
            .relocations
            .iter()
            .filter(|relocation| refused.binary_search(&relocation.slot).is_ok())
            .partition(|relocation| {
                roster.ordered(relocation.slot).is_none()
                    && rounds_left + ROUNDS_OF_OFFERS >= ROUNDS
            });
        for relocation in elsewhere {
            survey.bar(relocation.slot, relocation.to);
        }
        let nowhere: Vec<u16> = nowhere.iter().map(|relocation| relocation.slot).collect();
        survey.hold_for_want_of_room(&nowhere);
    };
    if choice.ended_early.is_some() {
        roster.forget_orders_but(&choice.relocations, |slot| survey.slot(slot).is_held());
    }
    let decisions = Decisions {
        choice: &choice,
        bundles: &schedule.bundles,
        replay: replay(&schedule, &roster, &survey, limits, &pace),
    };
    let plan = document(input, goal, limits, &roster, &survey, decisions);
    if cfg!(debug_assertions) {
        let violations = crate::audit(&plan);
        assert!(
            violations.is_empty(),
            "the plan breaks its own rules: {}",
            violations
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("; ")
        );
    }
    plan
}
