//! Whether the goal can be had, and what stands in its way.

use std::collections::BTreeMap;

use preshard_slots::NodeId;

use crate::goal::Measure;
use crate::plan::{Balance, Batch, Dialect, EndedEarly, HoldReason, NodePlan, Outcome};
use crate::roster::{Member, Mode, Roster};
use crate::survey::Survey;
use crate::words::{in_mib, in_percent, slots_in_words};
use crate::{Goal, PlanLimits};

/// What held slots, or a stated `maxmemory`, may cost in balance before the plan says so.
const TOLERANCE: f64 = 0.001;
/// Part of the mean (1 in so many) below which a share is nothing that anybody would miss.
const SHARE_OF_NOTE: u128 = 100;

/// What the outcome is judged from.
pub(crate) struct Ending<'a> {
    pub(crate) goal: &'a Goal,
    pub(crate) limits: &'a PlanLimits,
    pub(crate) roster: &'a Roster,
    pub(crate) survey: &'a Survey,
    pub(crate) nodes: &'a [NodePlan],
    pub(crate) batches: &'a [Batch],
    pub(crate) balance: &'a Balance,
    /// The least imbalance around the held slots, were no `maxmemory` stated.
    pub(crate) bound_without_maxmemory: f64,
    /// What would move if the goal set no end to it, where it did.
    pub(crate) ended_early: Option<EndedEarly>,
}

/// The outcome of a plan.
pub(crate) fn outcome(ending: &Ending<'_>) -> Outcome {
    let Ending {
        roster,
        survey,
        batches,
        balance,
        ..
    } = *ending;
    if survey.dialect == Dialect::Managed {
        return of_a_service(survey);
    }
    let mut reasons = roster.barred.clone();
    reasons.extend(obstacles(roster, survey));
    reasons.extend(ending.want_of_room());
    if ending.ended_early.is_none() {
        reasons.extend(ending.added_in_vain());
    }
    let around_held = roster.mode == Mode::Balance
        && balance.imbalance_bound > balance.imbalance_bound_none_held + TOLERANCE;
    if !reasons.is_empty() {
        Outcome::NotReachable { reasons }
    } else if ending.ended_early.is_some() {
        Outcome::PartlyReached
    } else if around_held {
        Outcome::ReachedAroundHeld
    } else if batches.is_empty() {
        Outcome::NothingToDo
    } else {
        Outcome::Reached
    }
}

/// The service chooses the slots, so each item that it refuses may stand in its way.
fn of_a_service(survey: &Survey) -> Outcome {
    let mut stuck = Stuck::default();
    for (slot, state) in survey.iter() {
        let reasons = state.standing.as_ref().err();
        if reasons.is_some_and(|reasons| Obstacle::of(reasons) == Obstacle::Keys) {
            stuck.slots.push(slot);
            stuck.memory_bytes += state.holding.memory_bytes;
        }
    }
    if stuck.slots.is_empty() {
        return Outcome::LeftToService;
    }
    let stuck = stuck.in_words(Obstacle::Keys);
    Outcome::NotReachable {
        reasons: vec![format!("the service does not migrate {stuck}")],
    }
}

impl Ending<'_> {
    /// What `maxmemory`, or servers that do not understand one another, cost in balance.
    fn want_of_room(&self) -> Option<String> {
        let barred = self.roster.barred_targets;
        if !self.roster.has_maxmemory() && barred == 0 {
            return None;
        }
        let (with, without) = (self.balance.imbalance_bound, self.bound_without_maxmemory);
        let cause = match barred {
            0 => format!(
                "maxmemory leaves no room for the balance, since a node that takes slots may fill {} of it",
                in_percent(1.0 - self.limits.headroom)
            ),
            1 => "1 node may only give, since its server does not take what others dump".to_owned(),
            count => {
                format!(
                    "{count} nodes may only give, since their servers do not take what others dump"
                )
            }
        };
        (self.roster.mode == Mode::Balance && with > without + TOLERANCE).then(|| {
            format!(
                "{cause}: at best the fullest node ends {} above its share, without that {}",
                in_percent(with),
                in_percent(without),
            )
        })
    }

    /// Added nodes that end without a slot although the balance would give them a share worth mention.
    fn added_in_vain(&self) -> Vec<String> {
        let part = || self.nodes.iter().filter(|node| node.weight > 0.0);
        let ideal_sum: u128 = part().map(|node| u128::from(node.ideal_share)).sum();
        let held_bytes: u64 = self
            .survey
            .iter()
            .filter(|(_, state)| state.owner.is_some() && state.is_held())
            .map(|(_, state)| state.holding.memory_bytes)
            .sum();
        let all_bytes: u64 = self.nodes.iter().map(|node| node.before.memory_bytes).sum();
        let is_added = |id: &NodeId| self.goal.add.contains(id);
        part()
            .filter(|node| is_added(&node.id) && node.after.slots == 0)
            .filter(|node| {
                u128::from(node.ideal_share) * part().count() as u128 * SHARE_OF_NOTE
                    >= ideal_sum.max(1)
            })
            .map(|node| {
                let mut members = self.roster.members.iter();
                let member = members.find(|member| member.id == node.id);
                let name = member.map_or_else(String::new, Member::name);
                let why = match member.and_then(|member| member.room_bytes(self.limits)) {
                    Some(0) => "its server does not take what those of the others dump".to_owned(),
                    Some(room)
                        if room < node.ideal_share && self.roster.measure == Measure::Memory =>
                    {
                        format!("maxmemory lets it fill no more than {}", in_mib(room))
                    }
                    _ if held_bytes == all_bytes => {
                        "every slot that holds memory is held".to_owned()
                    }
                    _ => "no slot that may move would make the balance better there".to_owned(),
                };
                format!(
                    "{name} gets nothing, though its share would be {}: {why}",
                    match self.roster.measure {
                        Measure::Keys => format!("{} keys", node.ideal_share),
                        Measure::Memory | Measure::Payload => in_mib(node.ideal_share),
                    }
                )
            })
            .collect()
    }
}

/// What kind of obstacle holds a slot; the worst one counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Obstacle {
    Keys,
    Doubt,
    Asked,
    Room,
    Window,
}

impl Obstacle {
    fn of(reasons: &[HoldReason]) -> Obstacle {
        match reasons.first() {
            Some(HoldReason::OversizedKey { .. } | HoldReason::OversizedUnnamed { .. }) => {
                Obstacle::Keys
            }
            Some(HoldReason::NoRoom) => Obstacle::Room,
            Some(HoldReason::NoWindow { .. }) => Obstacle::Window,
            Some(HoldReason::AskedToStay) => Obstacle::Asked,
            _ => Obstacle::Doubt,
        }
    }

    /// What is the matter with the slots, to follow their number.
    fn in_words(self) -> &'static str {
        match self {
            Obstacle::Keys => "with keys that cannot be moved within the limits",
            Obstacle::Doubt => "in doubt",
            Obstacle::Window => "that may take longer than a window",
            Obstacle::Asked => "that the goal keeps where they are",
            Obstacle::Room => {
                "without room, since maxmemory less the headroom is full or the buffers of a call do not fit"
            }
        }
    }
}

/// Slots that one obstacle holds.
#[derive(Default)]
struct Stuck {
    slots: Vec<u16>,
    memory_bytes: u64,
}

impl Stuck {
    fn in_words(&self, obstacle: Obstacle) -> String {
        let (slots, matter) = (slots_in_words(&self.slots), obstacle.in_words());
        format!("{} {matter} ({})", slots, in_mib(self.memory_bytes))
    }
}

/// One sentence for every part of the goal that fails and every kind of obstacle.
fn obstacles(roster: &Roster, survey: &Survey) -> Vec<String> {
    let mut undrained: BTreeMap<(usize, Obstacle), Stuck> = BTreeMap::new();
    let mut unmoved: BTreeMap<(usize, usize, Obstacle), Stuck> = BTreeMap::new();
    let mut unbalanced: BTreeMap<Obstacle, Stuck> = BTreeMap::new();
    for (slot, state) in survey.iter() {
        let (Some(owner), Err(reasons)) = (state.owner, &state.standing) else {
            continue;
        };
        let obstacle = Obstacle::of(reasons);
        let stuck = if let Some(target) = roster.ordered(slot) {
            unmoved.entry((owner, target, obstacle)).or_default()
        } else if roster.members[owner].must_empty() {
            undrained.entry((owner, obstacle)).or_default()
        } else if matches!(obstacle, Obstacle::Room | Obstacle::Window) {
            unbalanced.entry(obstacle).or_default()
        } else {
            continue;
        };
        stuck.slots.push(slot);
        stuck.memory_bytes += state.holding.memory_bytes;
    }

    let name = |index: usize| roster.members[index].name();
    let undrained = undrained.into_iter().map(|((node, obstacle), stuck)| {
        let stuck = stuck.in_words(obstacle);
        format!("{} cannot be emptied: {stuck}", name(node))
    });
    let unmoved = unmoved.into_iter().map(|((from, to, obstacle), stuck)| {
        let stuck = stuck.in_words(obstacle);
        format!(
            "not all can be moved from {} to {}: {stuck}",
            name(from),
            name(to)
        )
    });
    let unbalanced = unbalanced.into_iter().map(|(obstacle, stuck)| {
        let stuck = stuck.in_words(obstacle);
        format!("the balance is not reached: {stuck}")
    });
    undrained.chain(unmoved).chain(unbalanced).collect()
}
