//! Every figure of a plan is checked, and no figure stops the audit.

mod made_up;

use std::collections::BTreeMap;

use made_up::rebalance;
use made_up::sound::{added, drained, limits, ordered, sound};
use preshard_planner::audit;
use preshard_planner::plan::Plan;
use serde_json::Value;

/// Figures that nothing else in a plan can confirm: what the keys were seen to be.
const UNCONFIRMED: &[&str] = &[
    "batches[].moves[].heavy[].db",
    "batches[].moves[].heavy[].elements",
    "batches[].moves[].heavy[].payload_bytes",
    "held[].reasons[].payload_bytes_max",
    "held[].reasons[].worst_block_us",
    "held[].reasons[].worst_restore_us",
    "oversized[].block_us",
    "oversized[].db",
    "oversized[].elements",
    "oversized[].expires_at_ms",
    "oversized[].memory_bytes",
    "oversized[].payload_bytes",
    "oversized[].restore_us",
];

/// Any other number of a plan that is changed by much is found, wherever it stands.
#[test]
fn every_figure_is_checked() {
    for sound in [added, drained, ordered] {
        let document = serde_json::to_value(sound()).expect("a document");
        let mut paths = Vec::new();
        numbers(&document, String::new(), String::new(), &mut paths);
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        for (pattern, pointer) in &paths {
            let input = pattern.starts_with("limits") || pattern.starts_with("goal");
            let count = seen.entry(pattern).or_default();
            *count += 1;
            if input || UNCONFIRMED.contains(&pattern.as_str()) || *count > 2 {
                continue;
            }
            let mut changed = document.clone();
            let value = changed.pointer_mut(pointer).expect("the path exists");
            *value = match value.as_u64() {
                Some(whole) => Value::from((whole * 1_000 + 7_919) % 60_000_000_000),
                None => Value::from(value.as_f64().unwrap_or(0.0) + 0.01),
            };
            // A slot number beyond 16 bits is refused when the document is read.
            if let Ok(plan) = serde_json::from_value::<Plan>(changed) {
                assert_ne!(audit(&plan), [], "{pointer} was changed and nothing found");
            }
        }
        assert!(seen.len() > 50, "looked at {} kinds of figures", seen.len());
    }
}

/// All numbers of a document, each with its path without and with positions.
fn numbers(value: &Value, pattern: String, pointer: String, paths: &mut Vec<(String, String)>) {
    match value {
        Value::Number(_) => paths.push((pattern, pointer)),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                numbers(
                    item,
                    format!("{pattern}[]"),
                    format!("{pointer}/{index}"),
                    paths,
                );
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                let dot = if pattern.is_empty() { "" } else { "." };
                numbers(
                    field,
                    format!("{pattern}{dot}{name}"),
                    format!("{pointer}/{name}"),
                    paths,
                );
            }
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// A plan may come from anywhere: the largest numbers everywhere are violations, not a panic.
#[test]
fn the_largest_numbers_do_not_stop_the_audit() {
    for extreme in [
        Value::from(u64::MAX),
        Value::from(u32::MAX),
        Value::from(u16::MAX),
        Value::from(0),
    ] {
        let document = serde_json::to_value(ordered()).expect("a document");
        let mut paths = Vec::new();
        numbers(&document, String::new(), String::new(), &mut paths);
        let mut changed = document;
        for (pattern, pointer) in &paths {
            if !pattern.starts_with("goal") && fits(pattern, &extreme) {
                *changed.pointer_mut(pointer).expect("the path exists") = extreme.clone();
            }
        }
        let plan: Plan = serde_json::from_value(changed).expect("still a plan");
        assert_ne!(audit(&plan), []);
    }
}

/// Whether the field's type can hold the number.
fn fits(pattern: &str, number: &Value) -> bool {
    let most = if pattern.ends_with("slot") || pattern.contains("kept") {
        u64::from(u16::MAX)
    } else if pattern.ends_with("slots")
        || pattern.ends_with("number")
        || pattern.ends_with("wave")
        || pattern.ends_with("batch")
        || pattern.ends_with("waves[].batches[]")
        || pattern.ends_with("side_by_side")
        || pattern.ends_with("batches")
        || pattern.ends_with("per_call")
        || pattern.ends_with("batch_max")
        || pattern.ends_with("call_max")
    {
        u64::from(u32::MAX)
    } else if pattern.ends_with("headroom_bytes") || pattern.ends_with("expires_at_ms") {
        i64::MAX as u64
    } else {
        u64::MAX
    };
    number.as_u64().is_none_or(|number| number <= most)
}

/// Ten characters of a file can name all slots; a million times ten must not keep the audit busy for an hour.
#[test]
fn ranges_are_counted_before_they_are_walked() {
    let mut plan = ordered();
    plan.nodes[0].kept = vec![(0, 16_383); 1_000_000];
    let rules: Vec<&str> = audit(&plan)
        .iter()
        .map(|violation| violation.rule)
        .collect();
    assert_eq!(rules, ["every-slot-once"]);

    let mut plan = ordered();
    plan.goal.moves[0].slots = vec![(0, u16::MAX); 3];
    let rules: Vec<&str> = audit(&plan)
        .iter()
        .map(|violation| violation.rule)
        .collect();
    assert_eq!(rules, ["goal"; 4]);
}

#[test]
fn a_violation_reads_as_a_sentence() {
    let mut plan = sound(&rebalance(), &limits());
    plan.batches[0].number = 7;
    let violations = audit(&plan);
    assert_eq!(
        violations.iter().map(ToString::to_string).next().as_deref(),
        Some("order: batch at position 1: expected 1, found 7")
    );
}
