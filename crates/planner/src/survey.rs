//! What each of the 16 384 slots holds, who owns it, and whether it may move.

use std::sync::Arc;

use preshard_analyzer::{NamedKey, SlotProfile, Tables};
use preshard_slots::Slot;

use crate::course::node_memory::NodeMemory;
use crate::moves::calls::{SlotCalls, slot_calls};
use crate::moves::stream::slot_stream;
use crate::moves::verdict::Thresholds;
use crate::plan::{Dialect, HoldReason, Holding};
use crate::roster::Roster;
use crate::{Error, PlanLimits};

/// One slot as the planner sees it.
#[derive(Debug, Clone)]
pub(crate) struct SlotState {
    /// Index of its owner in the roster.
    pub(crate) owner: Option<usize>,
    /// The slot itself, its keys, memory and payload.
    pub(crate) holding: Holding,
    /// Keys whose memory is not known and counts as nothing.
    pub(crate) memory_unknown_keys: u64,
    /// Keys with a name that expire before the plan begins, which no call moves.
    pub(crate) expired_keys: u64,
    /// Their payload.
    pub(crate) expired_payload_bytes: u64,
    /// Its calls, or why it must stay.
    pub(crate) standing: Result<Arc<SlotCalls>, Vec<HoldReason>>,
    /// Nodes that turned out to have no room for it on the way.
    pub(crate) barred: Vec<usize>,
}

/// How each slot stands whatever the goal is: the greatest part of the work that plans for one profile have in common.
pub(crate) struct Standings(Vec<Standing>);

struct Standing {
    /// Its calls, which plans share, or why it must stay.
    calls: Result<Arc<SlotCalls>, Vec<HoldReason>>,
    memory_bytes: u64,
    expired_keys: u64,
    expired_payload_bytes: u64,
}

impl Standings {
    /// Of a profile that passes [`check_profile`].
    pub(crate) fn new(
        profile: &SlotProfile,
        doubts: &[(Slot, String)],
        limits: &PlanLimits,
        dialect: Dialect,
    ) -> Standings {
        let thresholds = Thresholds::new(limits);
        let named = named_by_slot(profile);
        let mut doubts_of_slot = vec![Vec::new(); named.len()];
        for (slot, doubt) in doubts {
            doubts_of_slot[slot.index()].push(HoldReason::Doubt {
                doubt: doubt.clone(),
            });
        }
        let standings = Slot::all().zip(named).zip(doubts_of_slot);
        let standings = standings.map(|((slot, named), doubts)| {
            let facts = profile.slot(slot);
            let (gone, named): (Vec<&NamedKey>, Vec<&NamedKey>) =
                named.into_iter().partition(|key| is_gone(key, limits));
            let mut calls = match dialect {
                Dialect::SetslotMigrate => slot_calls(facts, &named, &thresholds, limits),
                _ => slot_stream(facts, &named, dialect, &thresholds, limits),
            };
            if !doubts.is_empty() {
                let mut reasons = calls.err().unwrap_or_default();
                reasons.extend(doubts);
                calls = Err(reasons);
            }
            Standing {
                calls: calls.map(Arc::new),
                memory_bytes: profile.memory_of_slot(slot),
                expired_keys: gone.len() as u64,
                expired_payload_bytes: gone.iter().map(|key| key.sizes.payload_bytes).sum(),
            }
        });
        Standings(standings.collect())
    }
}

/// All slots, by number.
pub(crate) struct Survey {
    slots: Vec<SlotState>,
    tables: Tables,
    /// How the slots move.
    pub(crate) dialect: Dialect,
}

impl Survey {
    pub(crate) fn new(
        profile: &SlotProfile,
        standings: &Standings,
        roster: &Roster,
        dialect: Dialect,
    ) -> Survey {
        let slots = Slot::all().zip(&standings.0).map(|(slot, known)| {
            let facts = profile.slot(slot);
            let owner = roster.owner(slot);
            let mut standing = known.calls.clone();
            let unassigned = owner.is_none().then_some(HoldReason::Unassigned);
            let asked = roster.keeps(slot).then_some(HoldReason::AskedToStay);
            let mut others = unassigned.into_iter().chain(asked).peekable();
            if others.peek().is_some() {
                let mut reasons = standing.err().unwrap_or_default();
                reasons.extend(others);
                standing = Err(reasons);
            }
            SlotState {
                owner,
                holding: Holding {
                    slots: 1,
                    keys: facts.keys,
                    expiring_keys: facts.expiring_keys,
                    memory_bytes: known.memory_bytes,
                    payload_bytes: facts.payload_bytes,
                },
                memory_unknown_keys: facts.memory_unknown_keys,
                expired_keys: known.expired_keys,
                expired_payload_bytes: known.expired_payload_bytes,
                standing,
                barred: Vec::new(),
            }
        });
        Survey {
            slots: slots.collect(),
            tables: profile.tables,
            dialect,
        }
    }

    /// The slot with this number, which is below 16 384.
    pub(crate) fn slot(&self, number: u16) -> &SlotState {
        &self.slots[usize::from(number)]
    }

    /// All slots with their numbers, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u16, &SlotState)> {
        (0u16..).zip(&self.slots)
    }

    /// What each node of the roster takes now.
    pub(crate) fn memory_of_nodes(&self, roster: &Roster) -> Vec<NodeMemory> {
        let mut holdings = vec![Holding::default(); roster.members.len()];
        for state in &self.slots {
            if let Some(owner) = state.owner {
                holdings[owner].add(&state.holding);
            }
        }
        let nodes = holdings.iter();
        nodes.map(|holding| self.memory_of(holding)).collect()
    }

    /// What a node takes that holds this.
    pub(crate) fn memory_of(&self, holding: &Holding) -> NodeMemory {
        NodeMemory::new(self.tables, holding)
    }

    /// Keeps a slot from a node that turned out to have no room for it when its turn came.
    pub(crate) fn bar(&mut self, slot: u16, node: usize) {
        self.slots[usize::from(slot)].barred.push(node);
    }

    /// Holds slots that turned out to have no room.
    pub(crate) fn hold_for_want_of_room(&mut self, slots: &[u16]) {
        for &slot in slots {
            self.slots[usize::from(slot)].standing = Err(vec![HoldReason::NoRoom]);
        }
    }
}

impl Survey {
    /// Holds slots that may take longer than a window.
    pub(crate) fn hold_for_want_of_a_window(&mut self, slots: &[(u16, u64)]) {
        for &(slot, high_us) in slots {
            self.slots[usize::from(slot)].standing = Err(vec![HoldReason::NoWindow { high_us }]);
        }
    }
}

impl SlotState {
    /// The slot's calls when it may move.
    pub(crate) fn calls(&self) -> Option<&SlotCalls> {
        self.standing.as_deref().ok()
    }

    /// Whether the slot must stay.
    pub(crate) fn is_held(&self) -> bool {
        self.standing.is_err()
    }
}

/// Whether a key has expired by the time that the plan begins.
pub(crate) fn is_gone(key: &NamedKey, limits: &PlanLimits) -> bool {
    let (expiry, begin) = (key.expires_at_ms, limits.starts_at_ms);
    expiry
        .zip(begin)
        .is_some_and(|(expiry, begin)| expiry <= begin)
}

/// Named keys of each slot, worst first.
pub(crate) fn named_by_slot(profile: &SlotProfile) -> Vec<Vec<&NamedKey>> {
    let mut by_slot = vec![Vec::new(); Slot::all().len()];
    for key in profile.named() {
        by_slot[key.slot.index()].push(key);
    }
    for keys in &mut by_slot {
        keys.sort_unstable_by(|a, b| a.rank(b));
    }
    by_slot
}

/// Refuses profiles that contradict themselves, and whose sums would not fit: a profile may come from a file, and what a file says is a claim.
pub(crate) fn check_profile(profile: &SlotProfile) -> Result<(), Error> {
    const KEYS_MOST: u128 = 1 << 40;
    const MOST: u128 = 1 << 60;
    let mut sums = [
        ("number of keys", KEYS_MOST, 0u128),
        ("memory in bytes", MOST, 0),
        ("payload in bytes", MOST, 0),
        ("block time in nanoseconds", MOST, 0),
    ];
    for slot in Slot::all() {
        let facts = profile.slot(slot);
        let (mut swept_keys, mut swept_ns) = (0u128, 0u128);
        for bin in facts.unnamed.bins() {
            swept_keys += u128::from(bin.keys);
            swept_ns += u128::from(bin.block_ns_max()) * u128::from(bin.keys);
        }
        let values = [
            u128::from(facts.keys).max(swept_keys),
            u128::from(profile.memory_of_slot(slot)),
            u128::from(facts.payload_bytes),
            swept_ns,
        ];
        for (sum, value) in sums.iter_mut().zip(values) {
            sum.2 += value;
        }
    }
    let mut named = vec![0u64; Slot::all().len()];
    for key in profile.named() {
        named[key.slot.index()] += 1;
        sums[2].2 += u128::from(key.sizes.payload_bytes);
        // An eighth is what the upper edge of its bin may add, when the key is swept.
        sums[3].2 += u128::from(key.cost.block_ns) * 9 / 8 + u128::from(key.cost.restore_ns);
    }
    if let Some((what, ..)) = sums.into_iter().find(|(_, most, sum)| sum > most) {
        return Err(Error::TooLarge { what });
    }
    for (slot, named) in Slot::all().zip(named) {
        let facts = profile.slot(slot);
        let described = facts.unnamed.keys() + named;
        if facts.keys != described {
            return Err(Error::Inconsistent {
                slot: slot.number(),
                counted: facts.keys,
                described,
            });
        }
    }
    Ok(())
}
