//! The goal, resolved against the nodes there are: who gives, who takes, with what weight, and which
//! slots have their target already.

use preshard_analyzer::Server;
use preshard_slots::{NodeId, Slot, SlotSet};

use crate::choice::balance::Relocation;
use crate::goal::Measure;
use crate::node_facts::restores;
use crate::{Error, Goal, MoveOrder, Mover, NodeFacts, PlanInput, PlanLimits, server_named};

/// Weights are compared as whole millionths, so that shares come out the same everywhere.
const WEIGHT_UNIT: f64 = 1e6;

/// What the goal asks for beyond explicit moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Nothing: all other slots stay.
    MovesOnly,
    /// Empty the drained nodes; the slots of all others stay.
    DrainOnly,
    /// Balance over all nodes that take part, and empty the drained ones.
    Balance,
}

/// A node and its part in the goal.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    /// Its id.
    pub(crate) id: NodeId,
    /// `host:port`.
    pub(crate) address: String,
    /// Whether it does not exist yet.
    pub(crate) planned: bool,
    /// Whether it is known what it holds.
    pub(crate) known: bool,
    /// Weight as asked for; 0 when it is drained or takes no part.
    pub(crate) weight: f64,
    /// The same in millionths.
    pub(crate) weight_millionths: u64,
    /// Whether it is to be emptied.
    pub(crate) drained: bool,
    /// What is known of it besides; its `maxmemory_bytes` is the one in force.
    pub(crate) facts: NodeFacts,
    /// Its server, where that is known.
    pub(crate) server: Option<Server>,
    /// Whether it takes what all others that own slots dump, as far as that is known.
    pub(crate) restores_all: bool,
}

impl Member {
    /// Whether the node has a share in the balance and may be given slots.
    pub(crate) fn takes_part(&self) -> bool {
        self.weight_millionths > 0
    }

    /// Whether its slots are to leave it, as far as they may.
    pub(crate) fn must_empty(&self) -> bool {
        self.drained && self.known
    }

    /// The most that it may hold when the plan has run; `None` where it has no limit. Nothing comes to a node that does not
    /// take what others dump.
    pub(crate) fn room_bytes(&self, limits: &PlanLimits) -> Option<u64> {
        if !self.restores_all {
            return Some(0);
        }
        let maxmemory = self.facts.maxmemory_bytes?;
        Some((maxmemory as f64 * (1.0 - limits.headroom)).floor() as u64)
    }

    /// The node in words: `host:port` and the beginning of its id, as people know it.
    pub(crate) fn name(&self) -> String {
        if self.address.is_empty() {
            return self.id.0.clone();
        }
        let short: String = self.id.0.chars().take(8).collect();
        format!("{} ({short})", self.address)
    }
}

/// All nodes in the order of their ids, who owns which slot, and what was ordered.
pub(crate) struct Roster {
    pub(crate) members: Vec<Member>,
    pub(crate) mode: Mode,
    owners: Vec<Option<usize>>,
    ordered: Vec<Option<usize>>,
    asked: Vec<bool>,
    /// What is balanced.
    pub(crate) measure: Measure,
    keep: SlotSet,
    /// What the goal asks of nodes that are not known, and why it cannot be had, in words.
    pub(crate) barred: Vec<String>,
    /// Nodes that do not take what some other node dumps, and so may only give.
    pub(crate) barred_targets: usize,
}

/// Why nothing can be asked of a node.
const NOT_KNOWN: &str =
    "is not known (its backup is missing or damaged, or the cluster marks it as failing)";

impl Roster {
    pub(crate) fn new(
        input: &PlanInput<'_>,
        goal: &Goal,
        limits: &PlanLimits,
    ) -> Result<Roster, Error> {
        let mut nodes: Vec<_> = input.nodes.iter().collect();
        nodes.sort_by(|a, b| a.id.cmp(&b.id));
        if nodes.is_empty() {
            return Err(Error::NoNodes);
        }
        if let Some(twice) = nodes.windows(2).find(|pair| pair[0].id == pair[1].id) {
            return Err(Error::NodeTwice {
                node: twice[0].id.0.clone(),
            });
        }

        let mut owners = vec![None; Slot::all().len()];
        for (index, node) in nodes.iter().enumerate() {
            for slot in node.slots.iter() {
                if let Some(first) = owners[slot.index()].replace(index) {
                    let first: usize = first;
                    return Err(Error::SlotOwnedTwice {
                        slot: slot.number(),
                        first: nodes[first].id.0.clone(),
                        second: node.id.0.clone(),
                    });
                }
            }
        }

        let members = nodes
            .iter()
            .map(|node| Member {
                id: node.id.clone(),
                address: node.address.clone(),
                planned: node.planned,
                known: node.known,
                weight: 0.0,
                weight_millionths: 0,
                drained: false,
                facts: NodeFacts {
                    maxmemory_bytes: node.facts.maxmemory_bytes.or(limits.maxmemory_bytes),
                    ..node.facts.clone()
                },
                server: node.facts.server.as_deref().and_then(server_named),
                restores_all: true,
            })
            .collect();
        for node in &nodes {
            if let Some(server) = &node.facts.server
                && server_named(server).is_none()
            {
                return Err(Error::UnknownServer {
                    node: node.id.0.clone(),
                    server: server.clone(),
                });
            }
        }
        let mut roster = Roster {
            members,
            mode: mode(goal)?,
            ordered: vec![None; owners.len()],
            asked: vec![false; owners.len()],
            measure: goal.balance_by,
            keep: kept(goal)?,
            barred: Vec::new(),
            barred_targets: 0,
            owners,
        };
        let slots: Vec<usize> = nodes.iter().map(|node| node.slots.len()).collect();
        roster.resolve_nodes(goal, &slots)?;
        roster.bar_by_version(&slots);
        let mut targets = vec![None; roster.owners.len()];
        for order in &goal.moves {
            roster.resolve_order(order, &mut targets)?;
        }
        if input.mover == Mover::Managed {
            // A service takes no orders.
            roster.ordered.fill(None);
        }
        Ok(roster)
    }

    /// Whether any node has a stated `maxmemory`.
    pub(crate) fn has_maxmemory(&self) -> bool {
        let mut members = self.members.iter();
        members.any(|member| member.facts.maxmemory_bytes.is_some())
    }

    /// Index of the slot's owner.
    pub(crate) fn owner(&self, slot: Slot) -> Option<usize> {
        self.owners[slot.index()]
    }

    /// Index of the node that the slot was explicitly ordered to, where both nodes of the order are known.
    pub(crate) fn ordered(&self, slot: u16) -> Option<usize> {
        self.ordered[usize::from(slot)]
    }

    /// Whether the goal asks for the slot to stay.
    pub(crate) fn keeps(&self, slot: Slot) -> bool {
        self.keep.contains(slot)
    }

    /// Drops the orders that a plan which ends early has left out: a balance around what they would have brought is none that
    /// this plan could reach. Orders of held slots stay: they were not left out.
    pub(crate) fn forget_orders_but(
        &mut self,
        carried_out: &[Relocation],
        is_held: impl Fn(u16) -> bool,
    ) {
        let slot_of = |relocation: &Relocation| relocation.slot;
        for (slot, ordered) in (0u16..).zip(&mut self.ordered) {
            let left_out = carried_out.binary_search_by_key(&slot, slot_of).is_err();
            if left_out && !is_held(slot) {
                *ordered = None;
            }
        }
    }

    /// Whether the goal asks for this very slot to move: by an order, even one that cannot be carried out, or
    /// because its owner is to be emptied.
    pub(crate) fn asked_to_move(&self, slot: u16) -> bool {
        let owner = self.owners[usize::from(slot)];
        self.asked[usize::from(slot)] || owner.is_some_and(|owner| self.members[owner].drained)
    }

    /// Sets weights and drains. A node takes part when it owns slots, is added, is given a weight, or is
    /// the target of an order; other empty nodes are left alone, as `redis-cli --cluster rebalance` does.
    fn resolve_nodes(&mut self, goal: &Goal, slots: &[usize]) -> Result<(), Error> {
        let added = self.indices("add", goal.add.iter())?;
        let drained = self.indices("drain", goal.drain.iter())?;
        let weighted = self.indices("weights", goal.weights.iter().map(|(node, _)| node))?;

        for &index in &added {
            if slots[index] > 0 {
                return Err(Error::AddedOwnsSlots {
                    node: self.name(index),
                    slots: slots[index],
                });
            }
        }
        for (index, &slots) in slots.iter().enumerate() {
            if slots > 0 || added.contains(&index) {
                self.members[index].weight = 1.0;
            }
        }
        for order in &goal.moves {
            let target = self.index(&order.to)?;
            self.members[target].weight = 1.0;
        }
        for (&index, &(_, weight)) in weighted.iter().zip(&goal.weights) {
            if weight != 0.0 && !(1e-6..=1e6).contains(&weight) {
                return Err(Error::Weight {
                    node: self.name(index),
                    weight,
                });
            }
            if drained.contains(&index) && weight != 0.0 {
                return Err(Error::DrainedWithWeight {
                    node: self.name(index),
                    weight,
                });
            }
            self.members[index].weight = weight;
            self.members[index].drained = weight == 0.0;
        }
        for &index in &drained {
            self.members[index].weight = 0.0;
            self.members[index].drained = true;
        }
        if let Some(&index) = added.iter().find(|&&index| self.members[index].drained) {
            return Err(Error::AddedAndDrained {
                node: self.name(index),
            });
        }
        self.bar_unknown(&added, &weighted);
        for member in &mut self.members {
            // In range by the check above, and a drained node's `-0.0` becomes a plain zero.
            member.weight = member.weight.abs();
            member.weight_millionths = (member.weight * WEIGHT_UNIT).round() as u64;
        }
        if self.members.iter().any(Member::must_empty)
            && !self.members.iter().any(Member::takes_part)
        {
            return Err(Error::AllDrained);
        }
        Ok(())
    }

    /// Nodes that are not known take no part, whatever the goal wants of them.
    fn bar_unknown(&mut self, added: &[usize], weighted: &[usize]) {
        for index in 0..self.members.len() {
            let member = &mut self.members[index];
            if member.known {
                continue;
            }
            member.weight = 0.0;
            let name = member.name();
            let fails = if member.drained {
                "cannot be emptied"
            } else if added.contains(&index) {
                "cannot be added"
            } else if weighted.contains(&index) {
                "cannot be given a weight"
            } else {
                continue;
            };
            self.barred
                .push(format!("{name} {fails}: what it holds {NOT_KNOWN}"));
        }
        if self.mode == Mode::Balance && !self.members.iter().any(|member| member.known) {
            self.barred.push(format!(
                "nothing can be balanced: what each node holds {NOT_KNOWN}"
            ));
        }
    }

    /// A node whose server does not take what another one dumps may only give: which slots come to it is not known before
    /// the balance is made.
    fn bar_by_version(&mut self, slots: &[usize]) {
        let owners = self
            .members
            .iter()
            .zip(slots)
            .filter(|&(_, &slots)| slots > 0);
        let mut sources: Vec<Server> = owners
            .filter_map(|(member, _)| member.server.clone())
            .collect();
        sources.sort_unstable();
        sources.dedup();
        for member in &mut self.members {
            let Some(target) = &member.server else {
                continue;
            };
            let refuses = sources
                .iter()
                .any(|source| restores(source, target) == Some(false));
            member.restores_all = !refuses;
            self.barred_targets += usize::from(refuses && member.takes_part());
        }
    }

    /// Carries one order in; `targets` are those of all orders so far.
    fn resolve_order(
        &mut self,
        order: &MoveOrder,
        targets: &mut [Option<usize>],
    ) -> Result<(), Error> {
        let from = self.index(&order.from)?;
        let to = self.index(&order.to)?;
        if from == to {
            return Err(Error::MoveToItself {
                node: self.name(to),
            });
        }
        if self.members[to].drained {
            return Err(Error::MoveToDrained {
                node: self.name(to),
            });
        }
        let unknown = [from, to]
            .into_iter()
            .find(|&index| !self.members[index].known);
        let servers = (&self.members[from].server, &self.members[to].server);
        let refused = match servers {
            (Some(source), Some(target)) => restores(source, target) == Some(false),
            _ => false,
        };
        if refused {
            self.barred.push(format!(
                "nothing can be moved from {} to {}: the target's server does not take what the source's dumps",
                self.name(from),
                self.name(to),
            ));
        }
        if let Some(index) = unknown {
            self.barred.push(format!(
                "nothing can be moved from {} to {}: what {} holds {NOT_KNOWN}",
                self.name(from),
                self.name(to),
                self.name(index),
            ));
        }
        for &(first, last) in &order.slots {
            if first > last || Slot::new(last).is_none() {
                return Err(Error::Range { first, last });
            }
            for slot in first..=last {
                let owner = self.owners[usize::from(slot)];
                if owner != Some(from) {
                    return Err(Error::NotOwned {
                        slot,
                        from: self.name(from),
                        owner: owner.map(|owner| self.name(owner)),
                    });
                }
                if Slot::new(slot).is_some_and(|slot| self.keep.contains(slot)) {
                    return Err(Error::KeptAndMoved {
                        slot,
                        to: self.name(to),
                    });
                }
                if let Some(first) = targets[usize::from(slot)].replace(to) {
                    return Err(Error::MovedTwice {
                        slot,
                        first: self.name(first),
                        second: self.name(to),
                    });
                }
                self.asked[usize::from(slot)] = true;
                if unknown.is_none() && !refused {
                    self.ordered[usize::from(slot)] = Some(to);
                }
            }
        }
        Ok(())
    }

    fn name(&self, index: usize) -> String {
        self.members[index].name()
    }

    fn index(&self, id: &NodeId) -> Result<usize, Error> {
        self.members
            .binary_search_by(|member| member.id.cmp(id))
            .map_err(|_| Error::UnknownNode { node: id.0.clone() })
    }

    fn indices<'a>(
        &self,
        list: &'static str,
        ids: impl Iterator<Item = &'a NodeId>,
    ) -> Result<Vec<usize>, Error> {
        let mut indices = Vec::new();
        for id in ids {
            let index = self.index(id)?;
            if indices.contains(&index) {
                return Err(Error::NamedTwice {
                    node: id.0.clone(),
                    list,
                });
            }
            indices.push(index);
        }
        Ok(indices)
    }
}

fn kept(goal: &Goal) -> Result<SlotSet, Error> {
    let mut kept = SlotSet::new();
    for &(first, last) in &goal.keep {
        let range = Slot::new(first).zip(Slot::new(last));
        if first > last || range.is_none() {
            return Err(Error::Range { first, last });
        }
        for slot in (first..=last).filter_map(Slot::new) {
            kept.insert(slot);
        }
    }
    Ok(kept)
}

fn mode(goal: &Goal) -> Result<Mode, Error> {
    if goal.rebalance || !goal.add.is_empty() || !goal.weights.is_empty() {
        Ok(Mode::Balance)
    } else if !goal.drain.is_empty() {
        Ok(Mode::DrainOnly)
    } else if !goal.moves.is_empty() {
        Ok(Mode::MovesOnly)
    } else {
        Err(Error::NoGoal)
    }
}
