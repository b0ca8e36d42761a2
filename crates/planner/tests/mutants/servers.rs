//! Plans that the servers they are for cannot run, or that call looked up what nobody has looked at.

use super::*;

fn on_all(plan: &mut Plan, server: &str) {
    for node in &mut plan.nodes {
        node.facts.server = Some(server.to_owned());
    }
}

fn forget_checks(plan: &mut Plan, about: &str) {
    let before = plan.preflight.len();
    plan.preflight.retain(|check| {
        let command = check.command.as_deref().unwrap_or("");
        check.rule != about && !command.contains(about)
    });
    assert!(plan.preflight.len() < before, "no check of {about}");
}

fn first_task(plan: &mut Plan) -> &mut SlotMove {
    &mut plan.batches[0].moves[0]
}

pub(crate) const SERVERS: &[Mutant] = &[
    (
        "MIGRATESLOTS on a server that has none",
        by_valkey,
        |plan| on_all(plan, "valkey-8.1.1"),
        "atomic-migration",
    ),
    (
        "MIGRATESLOTS on the other product",
        by_valkey,
        |plan| on_all(plan, "redis-8.6.3"),
        "atomic-migration",
    ),
    (
        "MIGRATION IMPORT on the other product",
        by_valkey,
        |plan| plan.dialect = Dialect::ClusterMigrationImport,
        "atomic-migration",
    ),
    (
        "MIGRATION IMPORT before it came",
        by_redis,
        |plan| on_all(plan, "redis-8.2.1"),
        "atomic-migration",
    ),
    (
        "one node that cannot migrate by itself",
        by_redis,
        |plan| {
            let target = plan.batches[0].target.clone();
            let node = plan.nodes.iter_mut().find(|node| node.id == target);
            node.expect("the target").facts.server = Some("redis-8.0.2".to_owned());
        },
        "atomic-migration",
    ),
    (
        "a target that refuses what its source dumps",
        ordered,
        |plan| {
            on_all(plan, "redis-7.0.15");
            let target = plan.nodes.iter_mut().find(|node| node.id.0 == "c");
            target.expect("the target").facts.server = Some("redis-6.2.14".to_owned());
        },
        "versions",
    ),
    (
        "a target of the other family",
        ordered,
        |plan| {
            on_all(plan, "redis-8.0.2");
            let target = plan.nodes.iter_mut().find(|node| node.id.0 == "c");
            target.expect("the target").facts.server = Some("valkey-9.1.2".to_owned());
        },
        "versions",
    ),
    (
        "MIGRATE calls for what the servers move",
        by_valkey,
        |plan| {
            let call = HeavyCall {
                db: 0,
                key: KeyName(b"key".as_slice().into()),
                data_type: "hash".to_owned(),
                elements: Some(1),
                payload_bytes: 100,
                block_us: 100,
                restore_us: 10,
                timeout_ms: 1_001,
            };
            first_task(plan).heavy.push(call);
        },
        "atomic-migration",
    ),
    (
        "a command that stops the target for too long",
        by_valkey,
        |plan| first_task(plan).worst_block_us = 50_001,
        "atomic-migration",
    ),
    (
        "a command that reaches the failover clock, by consent",
        by_valkey,
        |plan| {
            plan.limits.allow_oversized = true;
            first_task(plan).worst_block_us = 3_750_000;
        },
        "atomic-migration",
    ),
    (
        "a task over what replicas may have waiting",
        by_redis,
        |plan| {
            let batches = plan.batches.iter().filter(|batch| batch.moves.len() > 1);
            let most = batches.map(|batch| batch.carries.payload_bytes).max();
            plan.limits.replica_buffer_hard_bytes = most.expect("a task of several slots") - 1;
        },
        "payload-limits",
    ),
    (
        "a command over what the target reads",
        by_redis,
        |plan| {
            let slot_move = plan
                .batches
                .iter()
                .flat_map(|batch| &batch.moves)
                .find(|slot_move| slot_move.largest_payload_bytes > 0);
            let bytes = slot_move.expect("a command").largest_payload_bytes;
            plan.limits.proto_max_bulk_bytes = bytes;
        },
        "payload-limits",
    ),
    (
        "a command larger than its slot",
        by_redis,
        |plan| {
            let task = first_task(plan);
            task.largest_payload_bytes = task.payload_bytes + 1;
        },
        "key-count",
    ),
    (
        "a task without room at its end",
        by_redis,
        |plan| {
            let target = plan.batches[0].target.clone();
            let node = plan.nodes.iter_mut().find(|node| node.id == target);
            let node = node.expect("the target");
            node.facts.maxmemory_bytes = Some(node.after.memory_bytes);
        },
        "memory-headroom",
    ),
    (
        "one small node over its brim, all others within theirs",
        unequal,
        |plan| {
            let small = plan.nodes.iter_mut().find(|node| node.id.0 == "new-1");
            let small = small.expect("the small node");
            let bytes = small.after.memory_bytes + small.tables_after_bytes;
            // A quarter of it is to stay free, and nothing is.
            small.facts.maxmemory_bytes = Some(bytes);
            small.headroom_bytes = Some(0);
        },
        "memory-headroom",
    ),
    (
        "the size of the cluster stands in for that of a node",
        unequal,
        |plan| {
            let small = plan.nodes.iter_mut().find(|node| node.id.0 == "new-1");
            small.expect("the small node").headroom_bytes = Some(300_000_000);
        },
        "memory-headroom",
    ),
    (
        "a key taken for gone that nobody dated",
        dated,
        |plan| plan.limits.starts_at_ms = None,
        "expiries",
    ),
    (
        "payload of a key that is there, taken for gone",
        added,
        |plan| swept(plan).expired_payload_bytes = 1,
        "expiries",
    ),
    (
        "more keys gone than the slot has",
        dated,
        |plan| {
            let slot_move = slot_with(plan, "keys gone", |one| one.expired_keys > 0);
            slot_move.expired_keys += 1;
        },
        "key-count",
    ),
    (
        "the clock is not looked up",
        added,
        |plan| forget_checks(plan, "cluster-node-timeout"),
        "preflight",
    ),
    (
        "the bulk limit is not looked up",
        added,
        |plan| forget_checks(plan, "proto-max-bulk-len"),
        "preflight",
    ),
    (
        "the replicas' buffers are not looked up",
        added,
        |plan| forget_checks(plan, "client-output-buffer-limit"),
        "preflight",
    ),
    (
        "open slots are not looked for",
        added,
        |plan| forget_checks(plan, "CLUSTER NODES"),
        "preflight",
    ),
    (
        "nobody looks whether replicas keep up",
        added,
        |plan| forget_checks(plan, "replicas-keep-up"),
        "preflight",
    ),
    (
        "nobody looks whether the servers move slots already",
        by_valkey,
        |plan| forget_checks(plan, "GETSLOTMIGRATIONS"),
        "preflight",
    ),
    (
        "nobody looks for room where maxmemory is not stated",
        roomless,
        |plan| forget_checks(plan, "memory-headroom"),
        "preflight",
    ),
    (
        "a check that expects nothing",
        added,
        |plan| plan.preflight[0].expects.clear(),
        "preflight",
    ),
    (
        "a rule called satisfied while a check of it is open",
        roomless,
        |plan| rule(plan, "memory-headroom").status = RuleStatus::Satisfied,
        "rule-list",
    ),
    (
        "a check of a rule that nobody knows",
        added,
        |plan| plan.preflight[0].rule = "luck".to_owned(),
        "rule-list",
    ),
    (
        "a rule renamed",
        added,
        |plan| plan.rules[5].rule = "batch-by-count".to_owned(),
        "rule-list",
    ),
    (
        "rules in another order",
        added,
        |plan| plan.rules.swap(0, 1),
        "rule-list",
    ),
    (
        "a rule that says it has nothing to say",
        added,
        |plan| rule(plan, "slot-protocol").status = RuleStatus::NotApplicable,
        "rule-list",
    ),
    (
        "a rule of calls where the servers move slots",
        by_valkey,
        |plan| rule(plan, "block-budget").status = RuleStatus::Satisfied,
        "rule-list",
    ),
    (
        "batches for a managed service",
        managed,
        |plan| plan.batches = added().batches,
        "goal",
    ),
    (
        "a service that is said to have reached the goal",
        managed,
        |plan| plan.outcome = Outcome::Reached,
        "outcome",
    ),
    (
        "an item that the service refuses, called movable",
        managed,
        |plan| {
            plan.oversized[0].payload_bytes = 256_000_000;
        },
        "pin-not-move",
    ),
    (
        "a goal cut short that calls itself reached",
        cut_short,
        |plan| plan.outcome = Outcome::Reached,
        "outcome",
    ),
    (
        "a goal cut short that does not say so",
        cut_short,
        |plan| plan.ended_early = None,
        "outcome",
    ),
];
