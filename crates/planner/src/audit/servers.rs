//! What the servers can: the commands of the plan, and what their sources dump.

use std::collections::BTreeSet;

use preshard_slots::NodeId;

use super::{Findings, rule};
use crate::Plan;
use crate::plan::{Dialect, NodePlan};

/// A server as far as it matters here: product, and major and minor version.
type Version<'a> = (&'a str, (u32, u32));

fn version_of(node: &NodePlan) -> Option<Version<'_>> {
    let (product, version) = node.facts.server.as_deref()?.split_once('-')?;
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().ok());
    Some((product, (numbers.next()??, numbers.next()??)))
}

/// Each batch is one that its two servers can run.
pub(super) fn check(plan: &Plan, findings: &mut Findings) {
    let server_of = |id: &NodeId| {
        let node = plan.nodes.iter().find(|node| node.id == *id);
        node.and_then(version_of)
    };
    for batch in &plan.batches {
        let ends = [server_of(&batch.source), server_of(&batch.target)];
        let able = |product: &str, since: (u32, u32)| {
            let mut known = ends.iter().flatten();
            known.all(|(name, version)| *name == product && *version >= since)
        };
        let able = match plan.dialect {
            Dialect::SetslotMigrate | Dialect::Managed => true,
            Dialect::ClusterMigrateslots => able("valkey", (9, 0)),
            Dialect::ClusterMigrationImport => able("redis", (8, 4)),
        };
        let place = format!("batch {}", batch.number);
        findings.demand(
            able,
            rule::ATOMIC_MIGRATION,
            &place,
            &format_args!("servers that know the commands of {:?}", plan.dialect),
            &format_args!("{ends:?}"),
        );
        if let [Some(source), Some(target)] = ends {
            findings.demand(
                takes(source, target),
                rule::VERSIONS,
                &place,
                &"a target that takes what the source dumps",
                &format_args!("{source:?} to {target:?}"),
            );
        }
    }
}

/// Nodes that do not take what some other node which owns slots dumps. A node takes what it dumps itself.
pub(super) fn refusing(plan: &Plan) -> BTreeSet<&NodeId> {
    let owners = plan.nodes.iter().filter(|node| node.before.slots > 0);
    let sources: BTreeSet<Version<'_>> = owners.filter_map(version_of).collect();
    let refuses = |node: &&NodePlan| {
        let target = version_of(node);
        target.is_some_and(|target| sources.iter().any(|&source| !takes(source, target)))
    };
    plan.nodes
        .iter()
        .filter(refuses)
        .map(|node| &node.id)
        .collect()
}

/// Whether an order names nodes of which one does not take what the other dumps.
pub(super) fn refuse(plan: &Plan, from: &NodeId, to: &NodeId) -> bool {
    let server_of = |id: &NodeId| {
        let node = plan.nodes.iter().find(|node| node.id == *id);
        node.and_then(version_of)
    };
    match (server_of(from), server_of(to)) {
        (Some(source), Some(target)) => !takes(source, target),
        _ => false,
    }
}

/// Up to the RDB version that parted them both products read one another; no older server reads a newer one.
fn takes((from, source): Version<'_>, (to, target): Version<'_>) -> bool {
    if from == "redict" || to == "redict" {
        return true;
    }
    let parted = (from == "redis" && source >= (7, 4)) || (from == "valkey" && source >= (9, 0));
    (from == to || !parted) && rdb_version(to, target) >= rdb_version(from, source)
}

/// The version in the footer of what a server dumps.
fn rdb_version(product: &str, line: (u32, u32)) -> u32 {
    match (product, line) {
        ("valkey", (9.., _)) => 80,
        ("valkey", _) => 11,
        (_, (..=6, _)) => 9,
        (_, (7, ..=1)) => 10,
        (_, (7, ..=3)) => 11,
        (_, (7 | 8, ..=5)) => 12,
        _ => 13,
    }
}
