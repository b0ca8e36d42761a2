//! Slots that are so large that no reshard evens them out, and what they are made of.

use preshard_analyzer::{KeyName, PrefixSums, Prefixes, SlotProfile};
use preshard_planner::Plan;
use preshard_slots::{NodeId, Slot};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::key_record::KeyNameSchema;

/// Part of a node's mean share (1 in so many) from which on a slot is told of.
const SHARE_PART: u64 = 4;
/// Slots that are told of.
const SLOTS_MAX: usize = 16;
/// Hash tags that are told of each.
const TAGS_MAX: usize = 5;

/// A slot of at least a quarter of what a node holds on average: it moves as a whole, wherever it lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuledSlot {
    /// The slot.
    pub slot: u16,
    /// Its owner; `null` when it has none.
    #[schemars(with = "Option<String>")]
    pub owner: Option<NodeId>,
    /// Its keys.
    pub keys: u64,
    /// Estimated memory of its keys, and of its tables where it has such.
    pub memory_bytes: u64,
    /// Sum of their payloads.
    pub payload_bytes: u64,
    /// What that is of a node's mean share of memory, in thousandths.
    pub share_permille: u64,
    /// The largest of its keys that is known by name.
    pub largest_key: Option<RulingKey>,
    /// Its hash tags with most memory, keys without one under `null`; `null` where they were not looked for: a saved profile
    /// does not hold them, and standard input is not read twice.
    pub tags: Option<Vec<TagRow>>,
    /// How many other tags there are.
    pub other_tags: u64,
}

/// A key that makes much of a slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RulingKey {
    /// Database of the key.
    pub db: u64,
    /// The key.
    #[schemars(with = "KeyNameSchema")]
    pub key: KeyName,
    /// Estimated memory; `null` when it cannot be known.
    pub memory_bytes: Option<u64>,
    /// What a MIGRATE of it carries.
    pub payload_bytes: u64,
}

/// What the keys of one hash tag come to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TagRow {
    /// What stands between the braces; `null` for keys without.
    #[schemars(with = "Option<KeyNameSchema>")]
    pub hash_tag: Option<KeyName>,
    /// Keys.
    pub keys: u64,
    /// Sum of their memory, where it is known.
    pub memory_bytes: u64,
    /// Sum of their payloads.
    pub payload_bytes: u64,
}

impl RuledSlot {
    /// The largest slots of a plan's nodes, most memory first, without their tags.
    pub fn of_plan(
        plan: &Plan,
        profile: &SlotProfile,
        owner: impl Fn(Slot) -> Option<NodeId>,
    ) -> Vec<RuledSlot> {
        let shares = plan.nodes.iter().filter(|node| node.weight > 0.0);
        let count = shares.clone().count() as u64;
        let memory: u64 = plan.nodes.iter().map(|node| node.before.memory_bytes).sum();
        let Some(mean) = memory
            .checked_div(count)
            .filter(|&mean| mean > 0 && count > 1)
        else {
            return Vec::new();
        };
        let mut slots: Vec<RuledSlot> = Slot::all()
            .filter(|&slot| profile.memory_of_slot(slot) >= mean.div_ceil(SHARE_PART))
            .map(|slot| {
                let facts = profile.slot(slot);
                let memory_bytes = profile.memory_of_slot(slot);
                let mut named = profile.named().iter().filter(|key| key.slot == slot);
                let largest = named.by_ref().max_by_key(|key| {
                    (
                        key.sizes.memory_bytes_estimate,
                        key.sizes.payload_bytes,
                        std::cmp::Reverse(&key.key),
                    )
                });
                RuledSlot {
                    slot: slot.number(),
                    owner: owner(slot),
                    keys: facts.keys,
                    memory_bytes,
                    payload_bytes: facts.payload_bytes,
                    share_permille: permille(memory_bytes, mean),
                    largest_key: largest.map(|key| RulingKey {
                        db: key.db,
                        key: key.key.clone(),
                        memory_bytes: key.sizes.memory_bytes_estimate,
                        payload_bytes: key.sizes.payload_bytes,
                    }),
                    tags: None,
                    other_tags: 0,
                }
            })
            .collect();
        slots.sort_by_key(|ruled| (std::cmp::Reverse(ruled.memory_bytes), ruled.slot));
        slots.truncate(SLOTS_MAX);
        slots
    }

    /// Takes in what the keys of the slot come to by their tags; where there were too many to hold them all, none is told,
    /// since the largest may be among those that were given up.
    pub fn take_tags(&mut self, sums: &Prefixes) {
        if sums.one_of() > 1 {
            return;
        }
        let mut rows: Vec<TagRow> = sums.kept().map(|(tag, sums)| row(tag, sums)).collect();
        rows.sort_by(|a, b| {
            (b.memory_bytes, b.payload_bytes)
                .cmp(&(a.memory_bytes, a.payload_bytes))
                .then_with(|| a.hash_tag.cmp(&b.hash_tag))
        });
        self.other_tags = rows.len().saturating_sub(TAGS_MAX) as u64;
        rows.truncate(TAGS_MAX);
        self.tags = Some(rows);
    }
}

fn row(tag: &[u8], sums: &PrefixSums) -> TagRow {
    TagRow {
        hash_tag: (!tag.is_empty()).then(|| KeyName(tag.into())),
        keys: sums.keys,
        memory_bytes: sums.memory_bytes_estimate,
        payload_bytes: sums.payload_bytes,
    }
}

fn permille(part: u64, whole: u64) -> u64 {
    let permille = u128::from(part) * 1_000 / u128::from(whole.max(1));
    u64::try_from(permille).unwrap_or(u64::MAX)
}
