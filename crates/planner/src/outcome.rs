//! Whether the goal can be had, and what stands in its way.

use std::collections::BTreeMap;

use crate::plan::{Balance, Batch, HoldReason, Outcome};
use crate::roster::{Mode, Roster};
use crate::survey::Survey;

/// What held slots may cost in balance before the plan says that it went around them.
const COST_OF_HOLDING: f64 = 0.001;

/// The outcome of a plan.
pub(crate) fn outcome(
    roster: &Roster,
    survey: &Survey,
    batches: &[Batch],
    balance: &Balance,
) -> Outcome {
    let reasons = obstacles(roster, survey);
    let around_held = roster.mode == Mode::Balance
        && balance.imbalance_bound > balance.imbalance_bound_none_held + COST_OF_HOLDING;
    if !reasons.is_empty() {
        Outcome::NotReachable { reasons }
    } else if around_held {
        Outcome::ReachedAroundHeld
    } else if batches.is_empty() {
        Outcome::NothingToDo
    } else {
        Outcome::Reached
    }
}

/// What kind of obstacle holds a slot; the worst one counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Obstacle {
    Keys,
    Doubt,
    Room,
}

impl Obstacle {
    fn of(reasons: &[HoldReason]) -> Obstacle {
        match reasons.first() {
            Some(HoldReason::OversizedKey { .. } | HoldReason::OversizedUnnamed { .. }) => {
                Obstacle::Keys
            }
            Some(HoldReason::NoRoom) => Obstacle::Room,
            _ => Obstacle::Doubt,
        }
    }

    /// What the slots are, to be followed by their number.
    fn in_words(self) -> &'static str {
        match self {
            Obstacle::Keys => "slots with keys that cannot be moved within the limits",
            Obstacle::Doubt => "slots in doubt",
            Obstacle::Room => {
                "slots without room, since maxmemory less headroom is full or the buffers of a call do not fit"
            }
        }
    }
}

/// One sentence for every part of the goal that fails and every kind of obstacle.
fn obstacles(roster: &Roster, survey: &Survey) -> Vec<String> {
    let mut undrained: BTreeMap<(usize, Obstacle), (u32, u64)> = BTreeMap::new();
    let mut unmoved: BTreeMap<(usize, usize, Obstacle), (u32, u64)> = BTreeMap::new();
    let mut unbalanced = (0u32, 0u64);
    for (slot, state) in survey.iter() {
        let (Some(owner), Err(reasons)) = (state.owner, &state.standing) else {
            continue;
        };
        let obstacle = Obstacle::of(reasons);
        let count = if let Some(target) = roster.ordered(slot) {
            unmoved.entry((owner, target, obstacle)).or_default()
        } else if roster.members[owner].drained {
            undrained.entry((owner, obstacle)).or_default()
        } else if obstacle == Obstacle::Room {
            &mut unbalanced
        } else {
            continue;
        };
        count.0 += 1;
        count.1 += state.holding.memory_bytes;
    }

    let name = |index: usize| roster.members[index].id.0.as_str();
    let counted = |obstacle: Obstacle, (slots, bytes): (u32, u64)| {
        format!("{}: {slots} ({bytes} bytes)", obstacle.in_words())
    };
    let undrained = undrained.into_iter().map(|((node, obstacle), count)| {
        let slots = counted(obstacle, count);
        format!("node {} cannot be emptied; {slots}", name(node))
    });
    let unmoved = unmoved.into_iter().map(|((from, to, obstacle), count)| {
        let slots = counted(obstacle, count);
        format!(
            "not all can be moved from {} to {}; {slots}",
            name(from),
            name(to)
        )
    });
    let unbalanced = (unbalanced.0 > 0).then(|| {
        let slots = counted(Obstacle::Room, unbalanced);
        format!("the balance is not reached; {slots}")
    });
    undrained.chain(unmoved).chain(unbalanced).collect()
}
