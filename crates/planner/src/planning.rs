//! From input and goal to a plan.

use preshard_analyzer::SlotProfile;
use preshard_slots::Slot;

use crate::balance::choose;
use crate::document::document;
use crate::roster::Roster;
use crate::schedule::schedule;
use crate::survey::{Standings, Survey};
use crate::{Error, Goal, Plan, PlanInput, PlanLimits, PlanNode};

/// How often the balance is made anew around slots that found no room.
const ROUNDS: usize = 4;

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
/// are balanced by memory; with `drain` alone, the other nodes only receive. A node takes part when it owns slots,
/// is added, is given a weight, or is the target of a move; a weight of 0 drains. A node of which it
/// is not known what it holds never takes part, whatever is asked. Nodes within about half a
/// percent of the best balance there is are left as they are.
///
/// # Errors
/// [`Error`] when the question itself is wrong. A goal that cannot be reached safely is no error: see
/// [`Outcome`](crate::plan::Outcome).
///
/// # Panics
/// In debug builds, when the plan does not pass [`audit`](crate::audit()): a defect of this crate.
pub fn plan(input: &PlanInput<'_>, goal: &Goal, limits: &PlanLimits) -> Result<Plan, Error> {
    let planner = Planner::new(input.profile, input.doubts, limits)?;
    planner.plan(input.nodes.clone(), goal)
}

/// Plans for one profile within one set of limits: what is the same in all of them is found out once.
pub struct Planner<'a> {
    profile: &'a SlotProfile,
    doubts: &'a [(Slot, String)],
    limits: &'a PlanLimits,
    standings: Standings,
}

impl<'a> Planner<'a> {
    /// Looks at each slot: whether it may move, and by which calls.
    ///
    /// # Errors
    /// [`Error`] when the limits make no sense, or the profile cannot be that of a cluster.
    pub fn new(
        profile: &'a SlotProfile,
        doubts: &'a [(Slot, String)],
        limits: &'a PlanLimits,
    ) -> Result<Planner<'a>, Error> {
        limits.validate()?;
        Ok(Planner {
            profile,
            doubts,
            limits,
            standings: Standings::new(profile, doubts, limits)?,
        })
    }

    /// As [`plan()`], for these nodes and this goal.
    ///
    /// # Errors
    /// As [`plan()`].
    pub fn plan(&self, nodes: Vec<PlanNode>, goal: &Goal) -> Result<Plan, Error> {
        let input = PlanInput {
            nodes,
            profile: self.profile,
            doubts: self.doubts,
        };
        make(&input, goal, self.limits, &self.standings)
    }
}

fn make(
    input: &PlanInput<'_>,
    goal: &Goal,
    limits: &PlanLimits,
    standings: &Standings,
) -> Result<Plan, Error> {
    let roster = Roster::new(input, goal)?;
    let mut survey = Survey::new(input.profile, standings, &roster);
    let nodes = survey.memory_of_nodes(&roster);
    let mut rounds_left = ROUNDS;
    let bundles = loop {
        rounds_left -= 1;
        let choice = choose(&survey, &roster, limits);
        let schedule = schedule(&choice.relocations, &nodes, &survey, limits);
        survey.hold_for_want_of_room(&choice.homeless);
        survey.hold_for_want_of_room(&schedule.refused);
        if schedule.refused.is_empty() || rounds_left == 0 {
            break schedule.bundles;
        }
    };
    let plan = document(input, goal, limits, &roster, &survey, &bundles);
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
    Ok(plan)
}
