//! Goals beside each other: `--goal` and `--sweep`, from words to the arguments of single plans.

use anyhow::Result;
use preshard_analyzer::Assembly;

use crate::args::{GoalArgs, WhatIfArgs};
use crate::exit::Refusal;

/// Most goals that one comparison may have.
const GOALS_MAX: usize = 1_000;

/// A goal, and what it is called.
#[derive(Debug)]
pub struct WhatIf {
    /// Its words.
    pub name: String,
    /// What they stand for.
    pub goal: GoalArgs,
}

/// All goals that were asked for, those of `--goal` first; what `common` says of slots that stay, of bounds on what moves, and
/// of what is balanced, holds for all.
///
/// # Errors
/// Wrong usage, naming the word that makes no sense.
pub fn what_ifs(asked: &WhatIfArgs, common: &GoalArgs, assembly: &Assembly) -> Result<Vec<WhatIf>> {
    let mut all = Vec::new();
    for words in &asked.goals {
        all.push(WhatIf {
            name: words.split_whitespace().collect::<Vec<_>>().join(" "),
            goal: goal_of(words)?,
        });
    }
    for sweep in &asked.sweeps {
        for shards in shards_of(sweep)? {
            all.push(WhatIf {
                name: format!("shards={shards}"),
                goal: goal_of_shards(shards, assembly),
            });
        }
    }
    if all.len() > GOALS_MAX {
        return Err(Refusal::usage(format!(
            "{} goals were asked for, and {GOALS_MAX} are compared at most",
            all.len()
        )));
    }
    for WhatIf { goal, .. } in &mut all {
        goal.keep.clone_from(&common.keep);
        goal.max_moves = common.max_moves;
        goal.max_bytes = common.max_bytes;
        goal.balance_by = common.balance_by;
    }
    Ok(all)
}

/// The goal in words such as `add=2 drain=10.0.0.1:7000`: the options of a single plan without their hyphens.
fn goal_of(words: &str) -> Result<GoalArgs> {
    let mut goal = GoalArgs::default();
    for word in words.split_whitespace() {
        match word.split_once('=') {
            None if word == "rebalance" => goal.rebalance = true,
            Some(("add", value)) => goal.add.push(value.to_owned()),
            Some(("drain", value)) => goal.drain.push(value.to_owned()),
            Some(("weights", value)) => goal.weights.extend(value.split(',').map(str::to_owned)),
            Some(("move", value)) => goal.moves.push(value.to_owned()),
            _ => {
                return Err(Refusal::usage(format!(
                    "--goal {words:?}: {word:?}: expected rebalance, add=NODE or add=COUNT, drain=NODE, \
                     weights=NODE=W,... or move=SLOTS:FROM->TO, with blanks between"
                )));
            }
        }
    }
    goal.require_any()?;
    Ok(goal)
}

/// The numbers of shards in `shards=6..24` (both ends are meant) or `shards=6,9,12`.
fn shards_of(sweep: &str) -> Result<Vec<usize>> {
    let refuse = || {
        Refusal::usage(format!(
            "--sweep {sweep}: expected numbers of shards of 1 to {GOALS_MAX}: shards=6..24 for all from 6 to 24, or \
             shards=6,9,12"
        ))
    };
    let number = |text: &str| match text.parse::<usize>() {
        Ok(number) if (1..=GOALS_MAX).contains(&number) => Ok(number),
        _ => Err(refuse()),
    };
    let numbers = sweep.strip_prefix("shards=").ok_or_else(refuse)?;
    if let Some((first, last)) = numbers.split_once("..") {
        let (first, last) = (number(first)?, number(last)?);
        return match first <= last {
            true => Ok((first..=last).collect()),
            false => Err(refuse()),
        };
    }
    numbers.split(',').map(number).collect()
}

/// Everything balanced over so many shards: more are added, primaries without slots before nodes that do not exist yet; of
/// fewer, those that hold least are drained.
fn goal_of_shards(shards: usize, assembly: &Assembly) -> GoalArgs {
    let memory = |slots: &preshard_slots::SlotSet| {
        slots.iter().fold(0u64, |sum, slot| {
            sum.saturating_add(assembly.profile.memory_of_slot(slot))
        })
    };
    let known = assembly
        .nodes
        .iter()
        .filter(|node| node.primary && node.known);
    let (mut owners, mut idle): (Vec<_>, Vec<_>) = known.partition(|node| !node.slots.is_empty());
    owners.sort_by_cached_key(|node| (memory(&node.slots), node.id.clone()));
    idle.sort_by(|a, b| a.id.cmp(&b.id));
    let present = owners.len();
    let id = |node: &&preshard_analyzer::NodeView| node.id.0.clone();
    let mut goal = GoalArgs {
        rebalance: true,
        ..GoalArgs::default()
    };
    if shards < present {
        goal.drain = owners.iter().take(present - shards).map(id).collect();
        return goal;
    }
    let more = shards - present;
    goal.add = idle.iter().take(more).map(id).collect();
    let planned = more - goal.add.len();
    if planned > 0 {
        goal.add.push(planned.to_string());
    }
    goal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sweeps_mean_both_ends() {
        for (text, expected) in [
            ("shards=6..9", vec![6, 7, 8, 9]),
            ("shards=3..3", vec![3]),
            ("shards=12,3", vec![12, 3]),
        ] {
            assert_eq!(shards_of(text).expect(text), expected);
        }
        for text in [
            "6..9",
            "shards=",
            "shards=9..6",
            "shards=0..2",
            "shards=1..1001",
            "shards=a",
            "nodes=2",
        ] {
            assert!(shards_of(text).is_err(), "{text} passed");
        }
    }

    #[test]
    fn goals_are_the_options_without_hyphens() {
        let goal =
            goal_of("add=2  drain=10.0.0.1:7000 rebalance weights=a=2,b=1 move=0-5:a->new-1")
                .expect("a goal");
        assert_eq!(goal.add, ["2"]);
        assert_eq!(goal.drain, ["10.0.0.1:7000"]);
        assert_eq!(goal.weights, ["a=2", "b=1"]);
        assert_eq!(goal.moves, ["0-5:a->new-1"]);
        assert!(goal.rebalance);
        for text in ["", "grow=2", "rebalance=yes", "add"] {
            assert!(goal_of(text).is_err(), "{text:?} passed");
        }
    }
}
