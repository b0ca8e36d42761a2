//! What a plan moves, and what every plan must move that ends as even.

use crate::course::schedule::Bundle;
use crate::plan::NodePlan;
use crate::roster::Roster;
use crate::survey::Survey;

/// What moves and what must, in what is balanced.
pub(crate) struct Flows {
    pub(crate) least: u64,
    pub(crate) moved: u64,
}

impl Flows {
    /// Out of every node goes at least what it has above the fullest one afterwards, and what orders take away; into
    /// every node at least what lacks to the emptiest, and what they bring. What goes out of one comes into another.
    pub(crate) fn new(
        nodes: &[NodePlan],
        roster: &Roster,
        survey: &Survey,
        bundles: &[Bundle],
    ) -> Flows {
        let mut moved = 0;
        let mut out = vec![0u64; nodes.len()];
        let mut into = out.clone();
        for bundle in bundles {
            for &slot in &bundle.slots {
                let weighs = roster.measure.of(&survey.slot(slot).holding);
                moved += weighs;
                if roster.ordered(slot).is_some() {
                    out[bundle.from] += weighs;
                    into[bundle.to] += weighs;
                }
            }
        }
        let after = |node: usize| roster.measure.of(&nodes[node].after);
        let weight = |node: usize| u128::from(roster.members[node].weight_millionths);
        let open = || (0..nodes.len()).filter(|&node| weight(node) > 0);
        // Fractions are compared by cross multiplication: of numbers below 2^60 and 2^40.
        let by_fullness = |&one: &usize, &other: &usize| {
            (u128::from(after(one)) * weight(other)).cmp(&(u128::from(after(other)) * weight(one)))
        };
        let as_full_as =
            |node: usize, like: usize| u128::from(after(like)) * weight(node) / weight(like);
        let (fullest, emptiest) = (open().max_by(by_fullness), open().min_by(by_fullness));
        for (index, node) in nodes.iter().enumerate() {
            let before = u128::from(roster.measure.of(&node.before));
            let (high, low) = match (fullest, emptiest) {
                (Some(fullest), Some(emptiest)) if weight(index) > 0 => {
                    (as_full_as(index, fullest), as_full_as(index, emptiest))
                }
                _ => (u128::from(after(index)), 0),
            };
            let narrow = |value: u128| u64::try_from(value).unwrap_or(u64::MAX);
            out[index] = out[index].max(narrow(before.saturating_sub(high)));
            into[index] = into[index].max(narrow(low.saturating_sub(before)));
        }
        let least = out.iter().sum::<u64>().max(into.iter().sum());
        Flows { least, moved }
    }
}
