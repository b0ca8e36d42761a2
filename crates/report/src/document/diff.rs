//! What grew from one backup to the next.

use std::collections::{BTreeMap, BTreeSet};

use preshard_analyzer::{Assembly, KeyName, NamedKey, NodeView, PrefixSums, Prefixes};
use preshard_slots::Slot;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::key_record::KeyNameSchema;
use super::{Estimates, FORMAT_VERSION, InputFacts, Millis, Notice, Tool};

/// What `preshard diff` found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DiffDocument {
    /// Version of this document's form: 1.
    pub format_version: u32,
    /// What wrote it.
    pub tool: Tool,
    /// The older backup.
    pub old: SideFacts,
    /// The newer one.
    pub new: SideFacts,
    /// How the estimates came about, of both.
    pub estimates: Estimates,
    /// All keys.
    pub total: Growth,
    /// Shards, those that grew most first.
    pub shards: Rows<ShardGrowth>,
    /// Slots, those that grew most first.
    pub slots: Rows<SlotGrowth>,
    /// Keys by the beginning of their names; `null` where one side is a saved profile, which does not hold it.
    pub prefixes: Option<PrefixRows>,
    /// Keys from this predicted block on are compared one by one.
    pub floor_block_ms: Millis,
    /// And keys from this payload on.
    pub floor_payload_bytes: u64,
    /// These keys, those that grew most first.
    pub keys: Rows<KeyGrowth>,
    /// What deserves attention, of both.
    pub warnings: Vec<Notice>,
}

/// One of the two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SideFacts {
    /// The snapshots.
    pub inputs: Vec<InputFacts>,
    /// The file that told who owned the slots; `null` when that was told from the keys.
    pub topology: Option<String>,
    /// True when a snapshot was damaged or a shard is missing.
    pub partial: bool,
}

/// The first rows of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rows<R> {
    /// How many rows differ.
    pub differing: u64,
    /// The first of them.
    pub rows: Vec<R>,
}

/// What some keys come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Amounts {
    /// Keys.
    pub keys: u64,
    /// Sum of their payloads.
    pub payload_bytes: u64,
    /// Estimated memory of the keys, tables left out; keys of unknown memory not counted.
    pub memory_bytes_estimate: u64,
    /// The largest payload of one key.
    pub largest_payload_bytes: u64,
}

/// Before and after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Growth {
    /// In the older backup.
    pub old: Amounts,
    /// In the newer one.
    pub new: Amounts,
}

/// A shard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShardGrowth {
    /// Id of the primary; the file's name when nothing tells the node.
    pub node: String,
    /// `host:port`, empty when not known.
    pub address: String,
    /// Slots it owned.
    pub old_slots: u32,
    /// Slots it owns.
    pub new_slots: u32,
    /// What it held and holds.
    pub growth: Growth,
}

/// A slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SlotGrowth {
    /// The slot.
    pub slot: u16,
    /// What it held and holds.
    pub growth: Growth,
}

/// Prefixes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PrefixRows {
    /// One of how many prefixes was looked at: 1 for all of them. Which ones hangs on their names alone.
    pub one_of: u64,
    /// The keys of all prefixes that were not.
    pub others: Growth,
    /// How many rows differ.
    pub differing: u64,
    /// The first of them, with exact sums.
    pub rows: Vec<PrefixGrowth>,
}

/// A prefix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PrefixGrowth {
    /// The beginning of the names, the separator included; empty for names without one.
    #[schemars(with = "KeyNameSchema")]
    pub prefix: KeyName,
    /// What its keys came and come to.
    pub growth: Growth,
}

/// A key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyGrowth {
    /// Database.
    pub db: u64,
    /// Name.
    #[schemars(with = "KeyNameSchema")]
    pub key: KeyName,
    /// Its slot.
    pub slot: u16,
    /// What it was; `null` where it was not there, or not large or slow enough to be compared.
    pub old: Option<KeyAmounts>,
    /// What it is; `null` likewise.
    pub new: Option<KeyAmounts>,
}

/// What a key comes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyAmounts {
    /// Data type.
    #[serde(rename = "type")]
    pub data_type: String,
    /// Elements; `null` for modules.
    pub elements: Option<u64>,
    /// Payload.
    pub payload_bytes: u64,
    /// Estimated memory; `null` when it cannot be known.
    pub memory_bytes_estimate: Option<u64>,
    /// Predicted block, without what each call costs besides.
    pub block_ms_estimate: Millis,
}

/// One of the two, from those who read it.
pub struct Side<'a> {
    /// Files and topology, joined.
    pub assembly: &'a Assembly,
    /// Keys by prefix, where they were summed.
    pub prefixes: Option<Prefixes>,
    /// What documents say of it.
    pub facts: SideFacts,
}

/// What is compared one by one, and how much of it is told.
#[derive(Debug, Clone, Copy)]
pub struct DiffView {
    /// From which predicted block on keys are compared, nanoseconds.
    pub floor_block_ns: u64,
    /// From which payload on.
    pub floor_payload_bytes: u64,
    /// Most rows of each list.
    pub top: usize,
}

impl DiffDocument {
    /// Compares two sides.
    pub fn new(
        mut old: Side<'_>,
        mut new: Side<'_>,
        view: DiffView,
        estimates: Estimates,
        warnings: Vec<Notice>,
    ) -> DiffDocument {
        let prefixes = match (&mut old.prefixes, &mut new.prefixes) {
            (Some(old), Some(new)) => Some(prefix_rows(old, new, view.top)),
            _ => None,
        };
        let slots: Vec<SlotGrowth> = Slot::all()
            .map(|slot| SlotGrowth {
                slot: slot.number(),
                growth: Growth {
                    old: Amounts::of_slot(old.assembly, slot),
                    new: Amounts::of_slot(new.assembly, slot),
                },
            })
            .collect();
        let mut total = Growth::default();
        for row in &slots {
            total.add(&row.growth);
        }
        let shards = shard_rows(old.assembly, new.assembly, &slots);
        DiffDocument {
            format_version: FORMAT_VERSION,
            tool: Tool::this(),
            estimates,
            total,
            shards: first(shards, view.top, |row| {
                (&row.growth, row.old_slots != row.new_slots)
            }),
            slots: first(slots, view.top, |row| (&row.growth, false)),
            prefixes,
            floor_block_ms: Millis::from_ns(view.floor_block_ns),
            floor_payload_bytes: view.floor_payload_bytes,
            keys: key_rows(old.assembly, new.assembly, view),
            old: old.facts,
            new: new.facts,
            warnings,
        }
    }
}

impl Amounts {
    fn of_slot(assembly: &Assembly, slot: Slot) -> Amounts {
        let facts = assembly.profile.slot(slot);
        Amounts {
            keys: facts.keys,
            payload_bytes: facts.payload_bytes,
            memory_bytes_estimate: facts.memory_bytes_estimate,
            largest_payload_bytes: facts.largest_payload_bytes,
        }
    }

    fn of_prefix(sums: Option<&PrefixSums>) -> Amounts {
        let sums = sums.copied().unwrap_or_default();
        Amounts {
            keys: sums.keys,
            payload_bytes: sums.payload_bytes,
            memory_bytes_estimate: sums.memory_bytes_estimate,
            largest_payload_bytes: sums.largest_payload_bytes,
        }
    }

    fn add(&mut self, other: &Amounts) {
        self.keys = self.keys.saturating_add(other.keys);
        self.payload_bytes = self.payload_bytes.saturating_add(other.payload_bytes);
        self.memory_bytes_estimate = self
            .memory_bytes_estimate
            .saturating_add(other.memory_bytes_estimate);
        self.largest_payload_bytes = self.largest_payload_bytes.max(other.largest_payload_bytes);
    }
}

impl Growth {
    fn add(&mut self, other: &Growth) {
        self.old.add(&other.old);
        self.new.add(&other.new);
    }

    /// What grew most comes first: by memory, then payload, then keys.
    fn rank(&self) -> [i128; 3] {
        let less = |new: u64, old: u64| i128::from(old) - i128::from(new);
        [
            less(
                self.new.memory_bytes_estimate,
                self.old.memory_bytes_estimate,
            ),
            less(self.new.payload_bytes, self.old.payload_bytes),
            less(self.new.keys, self.old.keys),
        ]
    }
}

/// The first rows of those that differ; rows come in the order in which equal growth is to stay.
fn first<R>(mut rows: Vec<R>, top: usize, growth: impl Fn(&R) -> (&Growth, bool)) -> Rows<R> {
    rows.retain(|row| {
        let (growth, differs) = growth(row);
        differs || growth.old != growth.new
    });
    rows.sort_by_key(|row| growth(row).0.rank());
    let differing = rows.len() as u64;
    rows.truncate(top);
    Rows { differing, rows }
}

fn shard_rows(old: &Assembly, new: &Assembly, slots: &[SlotGrowth]) -> Vec<ShardGrowth> {
    let primaries = |assembly: &'_ Assembly| -> BTreeMap<String, NodeView> {
        let nodes = assembly.nodes.iter().filter(|node| node.primary);
        nodes
            .map(|node| (node.id.0.clone(), node.clone()))
            .collect()
    };
    let (old, new) = (primaries(old), primaries(new));
    let ids: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    ids.into_iter()
        .map(|id| {
            let (before, after) = (old.get(id), new.get(id));
            let mut growth = Growth::default();
            for row in slots {
                let Some(slot) = Slot::new(row.slot) else {
                    continue;
                };
                if before.is_some_and(|node| node.slots.contains(slot)) {
                    growth.old.add(&row.growth.old);
                }
                if after.is_some_and(|node| node.slots.contains(slot)) {
                    growth.new.add(&row.growth.new);
                }
            }
            let count = |node: Option<&NodeView>| node.map_or(0, |node| node.slots.len() as u32);
            ShardGrowth {
                node: id.clone(),
                address: after
                    .or(before)
                    .map(|node| node.address.clone())
                    .unwrap_or_default(),
                old_slots: count(before),
                new_slots: count(after),
                growth,
            }
        })
        .collect()
}

fn prefix_rows(old: &mut Prefixes, new: &mut Prefixes, top: usize) -> PrefixRows {
    old.align(new);
    let names: BTreeSet<&[u8]> = old.kept().chain(new.kept()).map(|(name, _)| name).collect();
    let rows = names.into_iter().map(|name| PrefixGrowth {
        prefix: KeyName(name.into()),
        growth: Growth {
            old: Amounts::of_prefix(old.get(name)),
            new: Amounts::of_prefix(new.get(name)),
        },
    });
    let Rows { differing, rows } = first(rows.collect(), top, |row| (&row.growth, false));
    PrefixRows {
        one_of: new.one_of(),
        others: Growth {
            old: Amounts::of_prefix(Some(old.others())),
            new: Amounts::of_prefix(Some(new.others())),
        },
        differing,
        rows,
    }
}

fn key_rows(old: &Assembly, new: &Assembly, view: DiffView) -> Rows<KeyGrowth> {
    #[derive(Default)]
    struct Both<'k> {
        old: Option<&'k NamedKey>,
        new: Option<&'k NamedKey>,
    }
    let mut keys = BTreeMap::<(u64, &KeyName), Both<'_>>::new();
    let compared = |key: &&NamedKey| {
        key.cost.block_ns >= view.floor_block_ns
            || key.sizes.payload_bytes >= view.floor_payload_bytes
    };
    for key in old.profile.named().iter().filter(compared) {
        keys.entry((key.db, &key.key)).or_default().old = Some(key);
    }
    for key in new.profile.named().iter().filter(compared) {
        keys.entry((key.db, &key.key)).or_default().new = Some(key);
    }
    let mut rows: Vec<([i128; 2], KeyGrowth)> = keys
        .into_iter()
        .map(|((db, key), Both { old, new })| {
            let grew = |of: fn(&NamedKey) -> u64| {
                let of = |key: Option<&NamedKey>| i128::from(key.map_or(0, of));
                of(old) - of(new)
            };
            let rank = [
                grew(|key| key.sizes.memory_bytes_estimate.unwrap_or(0)),
                grew(|key| key.sizes.payload_bytes),
            ];
            let row = KeyGrowth {
                db,
                key: key.clone(),
                slot: Slot::of_key(&key.0).number(),
                old: old.map(KeyAmounts::new),
                new: new.map(KeyAmounts::new),
            };
            (rank, row)
        })
        .filter(|(_, row)| row.old != row.new)
        .collect();
    rows.sort_by_key(|(rank, _)| *rank);
    Rows {
        differing: rows.len() as u64,
        rows: rows
            .into_iter()
            .take(view.top)
            .map(|(_, row)| row)
            .collect(),
    }
}

impl KeyAmounts {
    fn new(key: &NamedKey) -> KeyAmounts {
        KeyAmounts {
            data_type: key.data_type.name().to_owned(),
            elements: key.elements,
            payload_bytes: key.sizes.payload_bytes,
            memory_bytes_estimate: key.sizes.memory_bytes_estimate,
            block_ms_estimate: Millis::from_ns(key.cost.block_ns),
        }
    }
}
