//! Where the bytes sit: per slot and per shard.

use std::collections::BTreeMap;

use preshard_analyzer::{
    Assembly, Filling, KeyCounts, KeyName, NamedKey, NodeView, SlotFacts, SlotProfile, Tables,
};
use preshard_planner::plan::Verdict;
use preshard_planner::{PlanLimits, verdict};
use preshard_slots::Slot;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::key_record::KeyNameSchema;
use super::{Estimates, FORMAT_VERSION, InputFacts, Millis, Notice, Tool, deviation};

/// What `preshard slots` found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SlotsDocument {
    /// Version of this document's form: 1.
    pub format_version: u32,
    /// What wrote it.
    pub tool: Tool,
    /// The snapshots it rests on.
    pub inputs: Vec<InputFacts>,
    /// The file that told who owns the slots; `null` when that was told from the keys.
    pub topology: Option<String>,
    /// True when a snapshot is not whole or a shard is missing: the figures know only a part of the cluster, or may be
    /// wrong.
    pub partial: bool,
    /// How the estimates came about.
    pub estimates: Estimates,
    /// The limits by which keys are called oversized.
    pub limits: PlanLimits,
    /// One row a primary.
    pub shards: Vec<ShardRow>,
    /// One row for each slot that holds keys, ascending.
    pub slots: Vec<SlotRow>,
    /// Keys that are large or slow but not listed by name, because there are too many: `oversized_keys` may be too low
    /// by up to as many.
    pub names_dropped: u64,
    /// Slots of which the figures may be wrong, and why.
    pub doubts: Vec<DoubtRow>,
    /// What deserves attention.
    pub warnings: Vec<Notice>,
}

/// One shard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ShardRow {
    /// Id of the primary; the file's name when nothing tells the node.
    pub node: String,
    /// `host:port`, empty when not known.
    pub address: String,
    /// Its backup; `null` when there is none.
    pub file: Option<String>,
    /// Slots it owns, as inclusive ranges.
    pub slots: Vec<(u16, u16)>,
    /// Their number.
    pub slot_count: u32,
    /// Sums over its slots; the largest payload and the worst block are of one key.
    #[serde(flatten)]
    pub holds: Holds,
    /// False when its backup is missing or damaged, or the topology calls it failing: it holds at least what is said
    /// here.
    pub known: bool,
    /// Its part of all memory of keys and of slots' own tables that is known (0.25 is a quarter); `null` for a shard of which that is not known.
    pub memory_share: Option<f64>,
}

/// One slot with keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct SlotRow {
    /// The slot.
    #[schemars(range(max = 16_383))]
    pub slot: u16,
    /// Its owner; `null` when it has none.
    pub node: Option<String>,
    /// Sums over its keys; the largest payload and the worst block are of one key.
    #[serde(flatten)]
    pub holds: Holds,
    /// The key with the worst block, where it is large or slow enough to be known by name.
    #[schemars(with = "Option<KeyNameSchema>")]
    pub worst_key: Option<KeyName>,
}

/// What a slot, or a shard, holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Holds {
    /// Keys.
    pub keys: u64,
    /// Keys with an expiry.
    pub expiring_keys: u64,
    /// Values as they lie in the file.
    pub serialized_bytes: u64,
    /// What DUMP would return for all of them.
    pub payload_bytes: u64,
    /// What the keys take on the server that memory is computed for; keys of unknown memory not counted.
    pub memory_bytes_estimate: u64,
    /// The standard deviation of that: what the server draws by lot.
    pub memory_deviation_bytes: u64,
    /// Tables that hold the keys: the slot's own where the server keeps such; of a shard, also those that all slots share.
    pub tables_bytes: u64,
    /// Keys whose memory cannot be known (modules).
    pub memory_unknown_keys: u64,
    /// Predicted blocks of all keys, summed; what each call costs besides is not counted.
    pub block_ms_estimate: Millis,
    /// The largest payload of one key.
    pub largest_payload_bytes: u64,
    /// The worst predicted block of a MIGRATE of one key.
    pub worst_block_ms_estimate: Millis,
    /// Keys whose verdict is `oversized`, `payload-limit` or `forbidden`.
    pub oversized_keys: u64,
}

/// A doubt about a slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DoubtRow {
    /// The slot.
    pub slot: u16,
    /// The doubt, in words.
    pub doubt: String,
}

impl SlotsDocument {
    /// Puts what was found into its document.
    pub fn new(
        assembly: &Assembly,
        inputs: Vec<InputFacts>,
        topology: Option<String>,
        estimates: Estimates,
        limits: PlanLimits,
        warnings: Vec<Notice>,
    ) -> SlotsDocument {
        let named = NamedBySlot::new(&assembly.profile, &limits);
        let slots = slot_rows(assembly, &named, &limits);
        let shards = shard_rows(assembly, &slots);
        SlotsDocument {
            format_version: FORMAT_VERSION,
            tool: Tool::this(),
            partial: assembly.partial || inputs.iter().any(|input| !input.whole),
            inputs,
            topology,
            estimates,
            limits,
            shards,
            slots,
            names_dropped: assembly.profile.names_dropped(),
            doubts: assembly
                .doubts
                .iter()
                .map(|(slot, doubt)| DoubtRow {
                    slot: slot.number(),
                    doubt: doubt.clone(),
                })
                .collect(),
            warnings,
        }
    }
}

/// Per slot the number of oversized keys, and the worst named key.
struct NamedBySlot<'a>(BTreeMap<Slot, (u64, &'a NamedKey)>);

impl<'a> NamedBySlot<'a> {
    fn new(profile: &'a SlotProfile, limits: &PlanLimits) -> NamedBySlot<'a> {
        let mut slots = BTreeMap::new();
        // Named keys come worst first, so the first of a slot is its worst.
        for key in profile.named() {
            let row = slots.entry(key.slot).or_insert((0, key));
            row.0 +=
                u64::from(verdict(key.cost, key.sizes.payload_bytes, limits) >= Verdict::Oversized);
        }
        NamedBySlot(slots)
    }
}

fn slot_rows(assembly: &Assembly, named: &NamedBySlot<'_>, limits: &PlanLimits) -> Vec<SlotRow> {
    let owner = |slot: Slot| {
        assembly
            .nodes
            .iter()
            .find(|node| node.slots.contains(slot))
            .map(|node| node.id.0.clone())
    };
    Slot::all()
        .filter(|&slot| assembly.profile.slot(slot).keys > 0)
        .map(|slot| {
            let facts = assembly.profile.slot(slot);
            let named = named.0.get(&slot);
            let mut holds = Holds::new(facts, &assembly.profile.tables, limits);
            holds.oversized_keys = named.map_or(0, |&(oversized, _)| oversized);
            SlotRow {
                slot: slot.number(),
                node: owner(slot),
                holds,
                worst_key: named
                    .filter(|(_, key)| key.cost.block_ns == facts.worst_block_ns)
                    .map(|(_, key)| key.key.clone()),
            }
        })
        .collect()
}

fn shard_rows(assembly: &Assembly, slots: &[SlotRow]) -> Vec<ShardRow> {
    let shard = |node: &NodeView| {
        let mut holds = Holds::default();
        let (mut counts, mut variance) = (KeyCounts::default(), 0u64);
        for row in slots {
            if let Some(slot) = Slot::new(row.slot).filter(|&slot| node.slots.contains(slot)) {
                let facts = assembly.profile.slot(slot);
                holds.add(&row.holds);
                counts.add(facts.key_counts());
                variance = variance.saturating_add(facts.memory_variance);
            }
        }
        let tables = assembly.profile.tables;
        holds.tables_bytes += tables.of_database(counts, Filling::KeyByKey);
        holds.memory_deviation_bytes = deviation(variance);
        let file = node.file.and_then(|file| assembly.files.get(file));
        ShardRow {
            node: node.id.0.clone(),
            address: node.address.clone(),
            file: file.map(|file| file.path.display().to_string()),
            slots: super::ranges(&node.slots),
            slot_count: node.slots.len() as u32,
            holds,
            known: node.known && file.is_none_or(|file| file.damage.is_none()),
            memory_share: None,
        }
    };
    let primaries = assembly.nodes.iter().filter(|node| node.primary);
    let mut shards: Vec<ShardRow> = primaries.map(shard).collect();
    let memory_bytes = |shard: &ShardRow| {
        let inside = |slot: &&SlotRow| {
            let slot = slot.slot;
            shard
                .slots
                .iter()
                .any(|&(first, last)| (first..=last).contains(&slot))
        };
        slots
            .iter()
            .filter(inside)
            .map(|slot| slot.holds.memory_bytes())
            .sum()
    };
    let known = shards.iter().filter(|shard| shard.known);
    let known_memory_bytes = known.map(memory_bytes).sum();
    for shard in shards.iter_mut().filter(|shard| shard.known) {
        shard.memory_share = Some(super::share(memory_bytes(shard), known_memory_bytes));
    }
    shards
}

impl Holds {
    /// Keys and tables.
    pub fn memory_bytes(&self) -> u64 {
        self.memory_bytes_estimate.saturating_add(self.tables_bytes)
    }

    fn new(facts: &SlotFacts, tables: &Tables, limits: &PlanLimits) -> Holds {
        Holds {
            keys: facts.keys,
            expiring_keys: facts.expiring_keys,
            serialized_bytes: facts.serialized_bytes,
            payload_bytes: facts.payload_bytes,
            memory_bytes_estimate: facts.memory_bytes_estimate,
            memory_deviation_bytes: deviation(facts.memory_variance),
            tables_bytes: tables.of_slot(facts.key_counts(), Filling::KeyByKey),
            memory_unknown_keys: facts.memory_unknown_keys,
            block_ms_estimate: Millis::from_ns(facts.block_ns),
            largest_payload_bytes: facts.largest_payload_bytes,
            worst_block_ms_estimate: Millis::from_ns(
                facts
                    .worst_block_ns
                    .saturating_add(limits.call_fixed_us.saturating_mul(1_000)),
            ),
            oversized_keys: 0,
        }
    }

    fn add(&mut self, other: &Holds) {
        self.keys += other.keys;
        self.expiring_keys += other.expiring_keys;
        self.serialized_bytes += other.serialized_bytes;
        self.payload_bytes += other.payload_bytes;
        self.memory_bytes_estimate += other.memory_bytes_estimate;
        self.tables_bytes += other.tables_bytes;
        self.memory_unknown_keys += other.memory_unknown_keys;
        self.block_ms_estimate.us += other.block_ms_estimate.us;
        self.largest_payload_bytes = self.largest_payload_bytes.max(other.largest_payload_bytes);
        self.worst_block_ms_estimate = self
            .worst_block_ms_estimate
            .max(other.worst_block_ms_estimate);
        self.oversized_keys += other.oversized_keys;
    }
}
