//! What a plan is to reach, from words of the command line to nodes of the cluster.

use std::collections::BTreeMap;

use anyhow::Result;
use preshard_analyzer::Assembly;
use preshard_planner::{Goal, Measure, MoveOrder, NodeFacts, PlanNode, name_of_server};
use preshard_slots::{NodeId, SlotSet, Topology};

use crate::args::{BalanceBy, GoalArgs};
use crate::exit::Refusal;

/// Most nodes that `--add COUNT` stands for.
const ADD_COUNT_MAX: usize = 1_000;
/// Nodes that a message lists.
const NAMES_MAX: usize = 20;
/// Characters from which on a word is the beginning of an id: fewer may name another node tomorrow, and a number
/// of fewer is a count.
const ID_CHARS_MIN: usize = 8;

impl GoalArgs {
    /// Refuses a command line that asks for nothing.
    ///
    /// # Errors
    /// Wrong usage, naming the goals there are.
    pub fn require_any(&self) -> Result<()> {
        let any = self.rebalance
            || !self.add.is_empty()
            || !self.drain.is_empty()
            || !self.weights.is_empty()
            || !self.moves.is_empty();
        if any {
            return Ok(());
        }
        Err(Refusal::usage(
            "nothing to plan: say what is to be reached with --rebalance, --add, --drain, --weights or --move, \
             or compare with --goal or --sweep",
        ))
    }
}

/// All primaries, as the planner sees them.
pub fn primaries(assembly: &Assembly) -> Vec<PlanNode> {
    let primaries = assembly.nodes.iter().filter(|node| node.primary);
    primaries
        .map(|node| PlanNode {
            id: node.id.clone(),
            address: node.address.clone(),
            slots: node.slots.clone(),
            planned: false,
            known: node.known,
            facts: NodeFacts {
                server: node
                    .file
                    .and_then(|file| assembly.files.get(file)?.written_by.as_ref())
                    .map(name_of_server),
                ..NodeFacts::default()
            },
        })
        .collect()
}

/// The nodes of a plan, and how they are found by name.
pub struct Roster<'a> {
    nodes: Vec<PlanNode>,
    topology: Option<&'a Topology>,
    added: Vec<NodeId>,
}

impl<'a> Roster<'a> {
    /// All primaries, and the nodes that the command line adds.
    ///
    /// # Errors
    /// Wrong usage, when an added node is not known.
    pub fn new(
        assembly: &Assembly,
        topology: Option<&'a Topology>,
        goal: &GoalArgs,
    ) -> Result<Roster<'a>> {
        let mut roster = Roster {
            nodes: primaries(assembly),
            topology,
            added: Vec::new(),
        };
        let mut planned = 0;
        for word in &goal.add {
            match add_count(word)? {
                Some(count) => {
                    for _ in 0..count {
                        planned += 1;
                        let id = NodeId(format!("new-{planned}"));
                        roster.added.push(id.clone());
                        roster.nodes.push(PlanNode {
                            id,
                            address: String::new(),
                            slots: SlotSet::new(),
                            planned: true,
                            known: true,
                            facts: NodeFacts::default(),
                        });
                    }
                }
                None => {
                    let id = roster.find("--add", word)?;
                    roster.added.push(id);
                }
            }
        }
        Ok(roster)
    }

    /// All primaries, then the nodes that do not exist yet.
    pub fn nodes(&self) -> &[PlanNode] {
        &self.nodes
    }

    /// Takes in what a file of limits states of nodes; it counts before what a backup tells.
    ///
    /// # Errors
    /// Wrong usage, when it names a node that there is not.
    pub fn learn(&mut self, stated: &BTreeMap<String, NodeFacts>) -> Result<()> {
        for (word, facts) in stated {
            let id = self.find("node", word)?;
            let node = self.nodes.iter_mut().find(|node| node.id == id);
            if let Some(node) = node {
                let server = facts.server.clone().or_else(|| node.facts.server.take());
                node.facts = NodeFacts {
                    server,
                    ..facts.clone()
                };
            }
        }
        Ok(())
    }

    /// The goal that the command line states.
    ///
    /// # Errors
    /// Wrong usage, naming the option and the word that makes no sense.
    pub fn goal(&self, args: &GoalArgs) -> Result<Goal> {
        Ok(Goal {
            rebalance: args.rebalance,
            add: self.added.clone(),
            drain: args
                .drain
                .iter()
                .map(|word| self.find("--drain", word))
                .collect::<Result<_>>()?,
            weights: args
                .weights
                .iter()
                .map(|word| self.weight(word))
                .collect::<Result<_>>()?,
            moves: args
                .moves
                .iter()
                .map(|word| self.order(word))
                .collect::<Result<_>>()?,
            balance_by: match args.balance_by {
                BalanceBy::Memory => Measure::Memory,
                BalanceBy::Keys => Measure::Keys,
                BalanceBy::Payload => Measure::Payload,
            },
            keep: kept(&args.keep)?,
            max_moves: args.max_moves,
            max_bytes: args.max_bytes,
        })
    }

    /// The node that a word means: the id of a planned node, an id, the beginning of one, or host:port.
    fn find(&self, option: &str, word: &str) -> Result<NodeId> {
        let refuse = |why: String| Err(Refusal::usage(format!("{option} {word}: {why}")));
        if let Some(node) = self.nodes.iter().find(|node| node.id.0 == word) {
            return Ok(node.id.clone());
        }
        let known = || {
            let names: Vec<String> = self
                .nodes
                .iter()
                .take(NAMES_MAX)
                .map(|node| match node.address.as_str() {
                    "" => node.id.0.clone(),
                    address => format!("{address} ({})", node.id.0),
                })
                .collect();
            let more = if self.nodes.len() > NAMES_MAX {
                ", …"
            } else {
                ""
            };
            format!("the primaries are {}{more}", names.join(", "))
        };
        if planned_number(word).is_some_and(|number| number > self.planned()) {
            return refuse(match self.planned() {
                0 => format!(
                    "there is no planned node: add --add 1 for new-1, --add 2 for new-1 and new-2; {}",
                    known()
                ),
                _ => format!("--add stands for fewer nodes; {}", known()),
            });
        }
        if word.len() < ID_CHARS_MIN && !word.contains(':') {
            return refuse(format!(
                "no such node (of an id, at least {ID_CHARS_MIN} characters are needed); {}",
                known()
            ));
        }
        let found = match self.topology {
            Some(topology) => match topology.find(word) {
                Ok(node) => node.id.clone(),
                Err(error) => return refuse(format!("{error}; {}", known())),
            },
            None => {
                let mut matches = self
                    .nodes
                    .iter()
                    .filter(|node| node.id.0.starts_with(word) || node.address == word);
                match (matches.next(), matches.next()) {
                    (Some(node), None) => node.id.clone(),
                    (None, _) => return refuse(format!("no such node; {}", known())),
                    _ => return refuse(format!("names several nodes; {}", known())),
                }
            }
        };
        if self.nodes.iter().any(|node| node.id == found) {
            Ok(found)
        } else {
            refuse(format!("node {} is no primary; {}", found.0, known()))
        }
    }

    /// How many nodes of the plan do not exist yet.
    fn planned(&self) -> usize {
        self.nodes.iter().filter(|node| node.planned).count()
    }

    fn weight(&self, word: &str) -> Result<(NodeId, f64)> {
        let parsed = word
            .rsplit_once('=')
            .and_then(|(node, weight)| Some((node, weight.parse::<f64>().ok()?)));
        match parsed {
            Some((node, weight)) => Ok((self.find("--weights", node)?, weight)),
            None => Err(Refusal::usage(format!(
                "--weights {word}: expected NODE=W, such as 10.0.0.1:7000=2"
            ))),
        }
    }

    fn order(&self, word: &str) -> Result<MoveOrder> {
        let parts = word.split_once(':').and_then(|(slots, nodes)| {
            let (from, to) = nodes.split_once("->")?;
            Some((slots, from, to))
        });
        let Some((slots, from, to)) = parts else {
            return Err(Refusal::usage(format!(
                "--move {word}: expected SLOTS:FROM->TO, such as \"0-100,200:10.0.0.1:7000->new-1\" (in quotes, because \
                 of the >)"
            )));
        };
        let slots = SlotSet::parse(slots)
            .map_err(|error| Refusal::usage(format!("--move {word}: {error}")))?;
        Ok(MoveOrder {
            slots: slot_ranges(&slots),
            from: self.find("--move", from)?,
            to: self.find("--move", to)?,
        })
    }
}

/// The slots that several words of `--keep` name, each once.
fn kept(words: &[String]) -> Result<Vec<(u16, u16)>> {
    let mut kept = SlotSet::new();
    for word in words {
        let slots = SlotSet::parse(word)
            .map_err(|error| Refusal::usage(format!("--keep {word}: {error}")))?;
        for slot in slots.iter() {
            kept.insert(slot);
        }
    }
    Ok(slot_ranges(&kept))
}

fn slot_ranges(slots: &SlotSet) -> Vec<(u16, u16)> {
    let ranges = slots.ranges();
    ranges
        .iter()
        .map(|range| (range.first.number(), range.last.number()))
        .collect()
}

/// The number in the name of a planned node.
fn planned_number(word: &str) -> Option<usize> {
    word.strip_prefix("new-")?.parse().ok()
}

/// The number of nodes that a word of `--add` stands for; `None` when it names one.
fn add_count(word: &str) -> Result<Option<usize>> {
    if word.len() >= ID_CHARS_MIN || !word.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(None);
    }
    match word.parse() {
        Ok(count) if (1..=ADD_COUNT_MAX).contains(&count) => Ok(Some(count)),
        _ => Err(Refusal::usage(format!(
            "--add {word}: expected 1 to {ADD_COUNT_MAX} nodes, or a node by host:port or at least {ID_CHARS_MIN} \
             characters of its id"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_numbers_count_nodes_and_anything_else_names_one() {
        for (word, count) in [
            ("1", Some(1)),
            ("1000", Some(1_000)),
            ("12345678", None),
            ("07c37df", None),
            ("10.0.0.1:7000", None),
        ] {
            assert_eq!(add_count(word).expect("a count or a name"), count, "{word}");
        }
        for word in ["0", "1001", "1234567", ""] {
            assert!(add_count(word).is_err(), "{word:?} passed");
        }
    }
}
