//! Clusters made up for tests, key by key, through the profile's own front door.
#![allow(dead_code, reason = "each test file uses its part")]

pub mod case;
pub mod sound;

use std::borrow::Cow;

use preshard_analyzer::{Allocator, Cost, KeyFacts, Sizes, SlotProfile, Tables, Target};
use preshard_parser::{DataType, Encoding, ValueFacts};
use preshard_planner::{Goal, MoveOrder, Mover, NodeFacts, PlanInput, PlanNode};
use preshard_slots::{NodeId, Slot, SlotSet};

/// Keys from 1 ms or 100 kB on are listed by name.
pub const FLOOR_BLOCK_NS: u64 = 1_000_000;
pub const FLOOR_PAYLOAD_BYTES: u64 = 100_000;

/// One key of a made-up cluster.
#[derive(Debug, Clone)]
pub struct Key {
    pub slot: u16,
    pub block_ns: u64,
    pub restore_ns: u64,
    pub payload_bytes: u64,
    pub memory_bytes: Option<u64>,
    pub data_type: DataType,
    /// Longer than a profile keeps, so that the key is never listed by name.
    pub nameless: bool,
}

impl Key {
    /// A hash of this much memory, a third of it payload, at 8 ns of block per byte of payload.
    pub fn of_memory(slot: u16, memory_bytes: u64) -> Key {
        let payload_bytes = memory_bytes / 3 + 11;
        Key {
            slot,
            block_ns: 7_000 + payload_bytes * 8,
            restore_ns: 2_000 + payload_bytes * 2,
            payload_bytes,
            memory_bytes: Some(memory_bytes),
            data_type: DataType::Hash,
            nameless: false,
        }
    }

    pub fn with_block_ms(slot: u16, block_ms: u64) -> Key {
        Key {
            slot,
            block_ns: block_ms * 1_000_000,
            restore_ns: block_ms * 300_000,
            payload_bytes: 1_000_000,
            memory_bytes: Some(3_000_000),
            data_type: DataType::Set,
            nameless: false,
        }
    }
}

/// A made-up cluster.
#[derive(Debug, Clone)]
pub struct Cluster {
    pub nodes: Vec<PlanNode>,
    pub profile: SlotProfile,
    pub doubts: Vec<(Slot, String)>,
    pub mover: Mover,
}

impl Cluster {
    /// Nodes `a`, `b`... that own these inclusive ranges.
    pub fn new(ranges: &[&[(u16, u16)]]) -> Cluster {
        let nodes = ranges
            .iter()
            .enumerate()
            .map(|(index, ranges)| node(&letter(index), ranges))
            .collect();
        Cluster {
            nodes,
            profile: SlotProfile::new(
                "made-up",
                Tables::new(Target::Redis70, Allocator::Je3, true),
                FLOOR_BLOCK_NS,
                FLOOR_PAYLOAD_BYTES,
            ),
            doubts: Vec::new(),
            mover: Mover::default(),
        }
    }

    /// `count` nodes that share all slots evenly.
    pub fn even(count: u16) -> Cluster {
        let edge = |index: u16| (u32::from(index) * 16_384 / u32::from(count)) as u16;
        let ranges: Vec<[(u16, u16); 1]> = (0..count)
            .map(|index| [(edge(index), edge(index + 1) - 1)])
            .collect();
        let ranges: Vec<&[(u16, u16)]> = ranges.iter().map(|range| &range[..]).collect();
        Cluster::new(&ranges)
    }

    pub fn with_new(mut self, count: usize) -> Cluster {
        for number in 1..=count {
            let mut new = node(&format!("new-{number}"), &[]);
            new.planned = true;
            new.address = String::new();
            self.nodes.push(new);
        }
        self
    }

    pub fn keys(mut self, keys: impl IntoIterator<Item = Key>) -> Cluster {
        for (number, key) in keys.into_iter().enumerate() {
            add(&mut self.profile, &key, number);
        }
        self.profile.finish();
        self
    }

    pub fn doubt(mut self, slot: u16, doubt: &str) -> Cluster {
        self.doubts.push((slot_at(slot), doubt.to_owned()));
        self
    }

    pub fn input(&self) -> PlanInput<'_> {
        PlanInput {
            nodes: self.nodes.clone(),
            profile: &self.profile,
            doubts: &self.doubts,
            mover: self.mover,
        }
    }
}

fn add(profile: &mut SlotProfile, key: &Key, number: usize) {
    let name = if key.nameless {
        format!("{number:0>width$}", width = SlotProfile::NAME_BYTES_MAX + 1)
    } else {
        format!("key:{number}")
    };
    profile.add(&KeyFacts {
        db: 0,
        key: Cow::Owned(name.into_bytes()),
        slot: slot_at(key.slot),
        data_type: key.data_type,
        value: ValueFacts {
            elements: Some(key.payload_bytes / 20),
            content_bytes: key.payload_bytes,
            compressible_bytes: 0,
            ..ValueFacts::empty(Encoding::HashTable)
        },
        expires_at_ms: number.is_multiple_of(3).then_some(1_900_000_000_000),
        idle_s: None,
        lfu: None,
        loaded: None,
        sizes: Sizes {
            serialized_bytes: key.payload_bytes.saturating_sub(11),
            payload_bytes: key.payload_bytes,
            memory_bytes_estimate: key.memory_bytes,
            memory_usage_estimate: key.memory_bytes,
            memory_variance: 0,
        },
        cost: Cost {
            block_ns: key.block_ns,
            restore_ns: key.restore_ns,
        },
        offset: number as u64,
    });
}

pub fn slot_at(slot: u16) -> Slot {
    Slot::new(slot).expect("a made-up slot is below 16384")
}

pub fn letter(index: usize) -> String {
    char::from(b'a' + u8::try_from(index).expect("few nodes")).to_string()
}

pub fn id(name: &str) -> NodeId {
    NodeId(name.to_owned())
}

pub fn node(name: &str, ranges: &[(u16, u16)]) -> PlanNode {
    PlanNode {
        id: id(name),
        address: format!("{name}.example:6379"),
        slots: ranges
            .iter()
            .flat_map(|&(first, last)| first..=last)
            .map(slot_at)
            .collect::<SlotSet>(),
        planned: false,
        known: true,
        facts: NodeFacts::default(),
    }
}

pub fn rebalance() -> Goal {
    Goal {
        rebalance: true,
        ..Goal::default()
    }
}

pub fn add_nodes(names: &[&str]) -> Goal {
    Goal {
        add: names.iter().map(|name| id(name)).collect(),
        ..Goal::default()
    }
}

pub fn drain(names: &[&str]) -> Goal {
    Goal {
        drain: names.iter().map(|name| id(name)).collect(),
        ..Goal::default()
    }
}

pub fn order(slots: &[(u16, u16)], from: &str, to: &str) -> Goal {
    Goal {
        moves: vec![MoveOrder {
            slots: slots.to_vec(),
            from: id(from),
            to: id(to),
        }],
        ..Goal::default()
    }
}

/// Numbers that look random and are the same on every machine (SplitMix64).
pub struct Numbers(pub u64);

impl Numbers {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// From 2^low to 2^high, all sizes alike.
    pub fn log(&mut self, low: u32, high: u32) -> u64 {
        let bits = low + self.below(u64::from(high - low)) as u32;
        (1 << bits) + self.below(1 << bits)
    }
}
