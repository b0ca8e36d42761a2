//! Migrations that failed in public, as shapes: the plan refuses each and says how to get it moved, and what it says is
//! done and planned again.
//!
//! Costs come from the cost profile that was measured on Redis 7.0, as a scan would predict them.

mod made_up;

use std::borrow::Cow;

use made_up::{Cluster, drain, slot_at};
use preshard_analyzer::{CostProfile, KeyFacts, Sizes};
use preshard_parser::{DataType, Encoding, ValueFacts};
use preshard_planner::plan::{Outcome, OversizedKey, Parts, RemedyKind, Verdict};
use preshard_planner::{PlanLimits, audit, plan, verdict};

/// A collection in a table, its elements all alike.
#[derive(Clone, Copy)]
struct Shape {
    data_type: DataType,
    elements: u64,
    /// Of each element, as it lies in a payload.
    element_bytes: u64,
    /// Of these, bytes in strings of more than 20 bytes, which the server tries to compress.
    compressible_bytes: u64,
}

impl Shape {
    fn of(self, elements: u64) -> Shape {
        Shape { elements, ..self }
    }

    fn facts(self, cost: &CostProfile, slot: u16, name: String) -> KeyFacts<'static> {
        let payload_bytes = self.elements * self.element_bytes + 15;
        let value = ValueFacts {
            elements: Some(self.elements),
            content_bytes: payload_bytes,
            compressible_bytes: self.elements * self.compressible_bytes,
            ..ValueFacts::empty(Encoding::HashTable)
        };
        KeyFacts {
            db: 0,
            key: Cow::Owned(name.into_bytes()),
            slot: slot_at(slot),
            data_type: self.data_type,
            expires_at_ms: None,
            idle_s: None,
            lfu: None,
            loaded: None,
            sizes: Sizes {
                serialized_bytes: payload_bytes - 11,
                payload_bytes,
                memory_bytes_estimate: Some(payload_bytes * 2),
                memory_usage_estimate: Some(payload_bytes * 2),
                memory_variance: 0,
            },
            cost: cost.predict(self.data_type, &value, payload_bytes),
            value,
            offset: 0,
        }
    }
}

fn measured() -> CostProfile {
    CostProfile::built_in("redis-7.0").expect("it comes with the program")
}

fn cluster_of(keys: &[Shape]) -> Cluster {
    let cost = measured();
    let mut cluster = Cluster::even(2);
    for (number, shape) in keys.iter().enumerate() {
        let slot = u16::try_from(number).expect("fewer than 8192 slots of the first node");
        let name = format!("part:{number}");
        cluster.profile.add(&shape.facts(&cost, slot, name));
    }
    cluster.profile.finish();
    cluster
}

/// What the plan says of the one key, whose node is to be emptied.
fn refused(shape: Shape, limits: &PlanLimits) -> OversizedKey {
    let cluster = cluster_of(&[shape]);
    let plan = plan(&cluster.input(), &drain(&["a"]), limits).expect("a plan");
    assert_eq!(audit(&plan), []);
    assert!(
        matches!(plan.outcome, Outcome::NotReachable { .. }),
        "{:?}",
        plan.outcome
    );
    assert!(
        plan.batches
            .iter()
            .all(|batch| batch.moves.iter().all(|each| each.slot != 0)),
        "its slot stays"
    );
    let [key] = &plan.oversized[..] else {
        panic!("{} oversized keys", plan.oversized.len());
    };
    key.clone()
}

/// What the plan says it takes to split the key.
fn split(key: &OversizedKey) -> Parts {
    let mut remedies = key.remedies.iter();
    let split = remedies.find(|remedy| remedy.kind == RemedyKind::Split);
    split.and_then(|split| split.parts).expect("a split")
}

/// The parts, each as full as the fullest may be, are keys of a plan that moves all of them.
fn moves_in_parts(shape: Shape, parts: &Parts, limits: &PlanLimits) {
    let each = parts.elements_each.expect("elements are counted");
    assert!(
        each * parts.number >= shape.elements,
        "the parts hold all of it"
    );
    let keys = vec![shape.of(each); usize::try_from(parts.number).expect("few parts")];
    let cluster = cluster_of(&keys);
    let plan = plan(&cluster.input(), &drain(&["a"]), limits).expect("a plan");
    assert_eq!(audit(&plan), []);
    assert_eq!(plan.oversized, []);
    assert_eq!(plan.held, []);
    assert_eq!(plan.outcome, Outcome::Reached);
    assert_eq!(plan.totals.moved.keys, parts.number);
    let budget_us = limits.latency_budget_ms * 1_000;
    assert!(
        plan.totals.worst_block_us * 2 <= budget_us,
        "twice the worst call"
    );
    assert!(plan.totals.worst_block_us <= parts.block_us_each);

    let shared = parts.number_for_shared_calls.expect("there are calls");
    let mean = shape.elements.div_ceil(shared);
    let facts = shape.of(mean).facts(&measured(), 0, "part".to_owned());
    assert_eq!(
        verdict(facts.cost, facts.sizes.payload_bytes, limits),
        Verdict::Fits
    );
}

/// redis #13122: a hash of 3 million fields in 300 MB, `cluster-node-timeout` 5 s.
#[test]
fn a_hash_of_three_million_fields() {
    let shape = Shape {
        data_type: DataType::Hash,
        elements: 3_000_000,
        element_bytes: 100,
        compressible_bytes: 90,
    };
    let limits = PlanLimits {
        cluster_node_timeout_ms: 5_000,
        ..PlanLimits::default()
    };
    let key = refused(shape, &limits);
    assert_eq!(key.verdict, Verdict::Forbidden);
    assert_eq!(
        key.rules,
        [
            "block-budget",
            "restore-failover-clock",
            "timeout-from-silence",
            "payload-limits"
        ]
    );
    moves_in_parts(shape, &split(&key), &limits);
}

/// redis #6999: a collection of 14 million entries, and a replica's buffer that overflows.
#[test]
fn a_collection_of_fourteen_million_entries() {
    let shape = Shape {
        data_type: DataType::Zset,
        elements: 14_000_000,
        element_bytes: 20,
        compressible_bytes: 0,
    };
    let limits = PlanLimits::default();
    let key = refused(shape, &limits);
    assert_eq!(key.verdict, Verdict::Forbidden);
    assert_eq!(
        key.rules,
        [
            "block-budget",
            "restore-failover-clock",
            "timeout-from-silence",
            "payload-limits"
        ]
    );
    moves_in_parts(shape, &split(&key), &limits);

    let kept = key
        .remedies
        .iter()
        .find(|remedy| remedy.kind == RemedyKind::Trim);
    let kept = kept
        .and_then(|trim| trim.parts?.elements_each)
        .expect("a trim");
    let fits = |elements| {
        let facts = shape.of(elements).facts(&measured(), 0, "kept".to_owned());
        verdict(facts.cost, facts.sizes.payload_bytes, &limits) == Verdict::OwnCall
    };
    assert!(fits(kept), "what is left of it moves");
    assert!(
        !fits(kept + kept / 100),
        "and it is not cut back by much more than it takes"
    );
}

/// redis #3396: a hash of 33 million fields, whose target was failed over.
#[test]
fn a_hash_of_thirty_three_million_fields() {
    let shape = Shape {
        data_type: DataType::Hash,
        elements: 33_000_000,
        element_bytes: 24,
        compressible_bytes: 0,
    };
    let limits = PlanLimits::default();
    let key = refused(shape, &limits);
    assert_eq!(key.verdict, Verdict::Forbidden);
    assert_eq!(
        key.rules,
        [
            "block-budget",
            "restore-failover-clock",
            "timeout-from-silence",
            "payload-limits"
        ]
    );
    moves_in_parts(shape, &split(&key), &limits);
}

/// Where only the clock is in the way, the timeout that is named is the first with which the key is no longer forbidden.
#[test]
fn the_named_timeout_is_the_least() {
    let shape = Shape {
        data_type: DataType::Hash,
        elements: 3_000_000,
        element_bytes: 50,
        compressible_bytes: 0,
    };
    let limits = PlanLimits {
        cluster_node_timeout_ms: 5_000,
        ..PlanLimits::default()
    };
    let key = refused(shape, &limits);
    let mut remedies = key.remedies.iter();
    let raised = remedies.find(|remedy| remedy.kind == RemedyKind::RaiseNodeTimeout);
    let raised = raised.expect("the clock can be raised");
    let [clock] = &raised.settings[..] else {
        panic!("{:?}", raised.settings);
    };
    assert_eq!(
        (clock.name.as_str(), clock.now),
        ("cluster-node-timeout", 5_000)
    );
    let facts = shape.facts(&measured(), 0, "whole".to_owned());
    let under = |cluster_node_timeout_ms| {
        let limits = PlanLimits {
            cluster_node_timeout_ms,
            ..PlanLimits::default()
        };
        verdict(facts.cost, facts.sizes.payload_bytes, &limits)
    };
    assert_eq!(under(clock.least), Verdict::Oversized);
    assert_eq!(under(clock.least - 1), Verdict::Forbidden);
    assert_eq!(raised.leaves, Some(Verdict::Oversized));
    // 3 million fields at 2.061 us and 107 us besides, twice, must stay within half the clock.
    assert_eq!(clock.least, 24_733);
}
