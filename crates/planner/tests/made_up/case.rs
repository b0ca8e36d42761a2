//! Clusters, goals and limits of which little is chosen and the rest follows.

use std::collections::BTreeSet;

use preshard_parser::DataType;
use preshard_planner::{Goal, Measure, MoveOrder, Mover, PlanLimits};

use super::{Cluster, Key, Numbers, id, letter, slot_at};

/// Giants come whole, in elements, or as a module pleases.
const TYPES: [DataType; 6] = [
    DataType::Zset,
    DataType::Hash,
    DataType::List,
    DataType::Stream,
    DataType::String,
    DataType::Module,
];

/// What is chosen; everything else follows from it.
#[derive(Debug, Clone)]
pub struct Case {
    pub seed: u64,
    pub primaries: usize,
    pub new_nodes: usize,
    pub keys: usize,
    pub slots_in_use: u64,
    pub giants: u64,
    pub goal_bits: u8,
    pub limits: PlanLimits,
}

impl Case {
    pub fn cluster(&self) -> Cluster {
        let mut numbers = Numbers(self.seed);
        let mut cuts: Vec<u16> = (0..self.primaries * 2)
            .map(|_| numbers.below(16_384) as u16)
            .collect();
        cuts.push(0);
        cuts.sort_unstable();
        cuts.dedup();
        let mut ranges: Vec<Vec<(u16, u16)>> = vec![Vec::new(); self.primaries];
        for (index, &first) in cuts.iter().enumerate() {
            let last = cuts.get(index + 1).map_or(16_383, |next| next - 1);
            // Now and then a range that nobody owns.
            if numbers.below(10) > 0 {
                ranges[numbers.below(self.primaries as u64) as usize].push((first, last));
            }
        }
        // The last one always owns something, so that there is somebody to drain to.
        if ranges.last().is_some_and(Vec::is_empty) {
            let longest = ranges.iter_mut().max_by_key(|ranges| ranges.len());
            let taken = longest.and_then(Vec::pop);
            ranges[self.primaries - 1].push(taken.unwrap_or((0, 0)));
        }
        let ranges: Vec<&[(u16, u16)]> = ranges.iter().map(Vec::as_slice).collect();
        let in_use: Vec<u16> = (0..self.slots_in_use)
            .map(|_| numbers.below(16_384) as u16)
            .collect();
        let mut keys: Vec<Key> = (0..self.keys)
            .map(|_| {
                let slot = in_use[numbers.below(in_use.len() as u64) as usize];
                Key {
                    nameless: numbers.below(200) == 0,
                    ..Key::of_memory(slot, numbers.log(6, 20))
                }
            })
            .collect();
        let mut types = Numbers(self.seed ^ 2);
        for _ in 0..self.giants {
            let slot = in_use[numbers.below(in_use.len() as u64) as usize];
            let block_ns = numbers.log(20, 35);
            keys.push(Key {
                slot,
                block_ns,
                restore_ns: numbers.below(block_ns),
                payload_bytes: numbers.log(10, 31),
                memory_bytes: (numbers.below(5) > 0).then(|| numbers.log(10, 31)),
                data_type: TYPES[types.below(TYPES.len() as u64) as usize],
                nameless: numbers.below(6) == 0,
            });
        }
        let mut cluster = Cluster::new(&ranges).with_new(self.new_nodes).keys(keys);
        for _ in 0..numbers.below(4) {
            cluster
                .doubts
                .push((slot_at(numbers.below(16_384) as u16), "open".to_owned()));
        }
        // Servers of which nobody knows, one line, two lines, or two families; and nodes of unequal size.
        let lines = [
            [None, None],
            [Some("redis-7.0.15"), Some("redis-6.2.14")],
            [Some("valkey-9.1.2"), Some("valkey-9.0.0")],
            [Some("redis-8.6.3"), Some("redis-8.4.0")],
            [Some("redis-8.0.2"), Some("valkey-8.1.1")],
        ];
        let line = lines[numbers.below(lines.len() as u64) as usize];
        for node in &mut cluster.nodes {
            let server = line[usize::from(numbers.below(4) == 0)];
            node.facts.server = server.map(str::to_owned);
            if numbers.below(6) == 0 {
                node.facts.maxmemory_bytes = Some(1 << (18 + numbers.below(16)));
            }
        }
        cluster.mover = match numbers.below(4) {
            0 => Mover::Migrate,
            1 => Mover::Managed,
            _ => Mover::Best,
        };
        // Now and then a node of which nobody knows what it holds, but never the last.
        for index in 0..self.primaries - 1 {
            cluster.nodes[index].known = numbers.below(6) > 0;
        }
        cluster
    }

    /// Any combination of goals that contradicts neither itself nor the cluster.
    pub fn goal(&self, cluster: &Cluster) -> Goal {
        let mut numbers = Numbers(self.seed ^ 1);
        let bit = |n: u8| self.goal_bits >> n & 1 == 1;
        let mut goal = Goal {
            rebalance: bit(0),
            ..Goal::default()
        };
        if bit(1) {
            goal.add = (1..=self.new_nodes)
                .map(|n| id(&format!("new-{n}")))
                .collect();
        }
        if bit(2) && self.primaries > 1 {
            goal.drain = vec![id("a")];
        }
        if bit(3) && self.primaries > 2 {
            let weight = [0.0, 0.5, 3.0, 10.25][numbers.below(4) as usize];
            goal.weights = vec![(id("b"), weight)];
        }
        let last = letter(self.primaries - 1);
        if bit(4) && self.primaries > 2 {
            let source = cluster.nodes[0].slots.ranges();
            let slots = source
                .iter()
                .map(|range| (range.first.number(), range.last.number()))
                .filter(|_| numbers.below(2) == 0)
                .collect();
            goal.moves = vec![MoveOrder {
                slots,
                from: id("a"),
                to: id(&last),
            }];
        }
        if goal == Goal::default() {
            goal.rebalance = true;
        }
        if bit(5) {
            // What is ordered to move cannot be told to stay.
            let ordered = |slot: u16| {
                let mut ranges = goal.moves.iter().flat_map(|order| &order.slots);
                ranges.any(|&(first, last)| (first..=last).contains(&slot))
            };
            let slots = (0..40).map(|_| numbers.below(16_384) as u16);
            let slots: BTreeSet<u16> = slots.filter(|&slot| !ordered(slot)).collect();
            goal.keep = slots.into_iter().map(|slot| (slot, slot)).collect();
        }
        if bit(6) {
            goal.max_moves = (numbers.below(2) == 0).then(|| 1 + numbers.below(200) as u32);
            goal.max_bytes = (numbers.below(2) == 0).then(|| numbers.log(10, 30));
        }
        if bit(7) {
            goal.balance_by = [Measure::Keys, Measure::Payload][numbers.below(2) as usize];
        }
        goal
    }
}
