//! The whole tool against clusters whose slots are moved as its plan says: what each node takes afterwards is what the plan
//! predicts.
//!
//! The tests start real servers, which `cargo xtask test` installs.

use std::collections::HashMap;
use std::process::Command;
use std::time::{Duration, Instant};

use preshard_planner::Plan;
use preshard_planner::plan::{Batch, Dialect, SlotMove};
use preshard_report::document::PlanDocument;
use preshard_slots::{NodeId, Slot};
use xtask::cluster::Cluster;
use xtask::{Line, Node};

/// What the prediction of a change of a node's memory may be off by.
const PART: f64 = 0.01;
/// The same where the servers move the slots: commands fill the target, which takes up to 2.4 % more then.
const PART_BY_COMMANDS: f64 = 0.034;
/// A task that is not through after so long has failed.
const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn live_redis_7_takes_what_the_plan_says() {
    migrate(Line::Redis7, Dialect::SetslotMigrate);
}

#[test]
fn live_redis_8_6_takes_what_the_plan_says() {
    migrate(Line::Redis86, Dialect::SetslotMigrate);
}

#[test]
fn live_valkey_9_takes_what_the_plan_says() {
    migrate(Line::Valkey9, Dialect::SetslotMigrate);
}

#[test]
fn live_redis_8_6_moves_slots_by_itself_as_the_plan_says() {
    migrate(Line::Redis86, Dialect::ClusterMigrationImport);
}

#[test]
fn live_valkey_9_moves_slots_by_itself_as_the_plan_says() {
    migrate(Line::Valkey9, Dialect::ClusterMigrateslots);
}

/// Empties one of three nodes.
fn migrate(line: Line, dialect: Dialect) {
    let server = line
        .from_environment()
        .unwrap_or_else(|error| panic!("{error:#}"));
    let mut cluster = Cluster::start(&server, 3).expect("a cluster of three primaries");
    for node in cluster.nodes() {
        // An emptied node would become a replica of another, and take what that takes.
        let mut stay = redis::cmd("CONFIG");
        stay.arg("SET")
            .arg("cluster-allow-replica-migration")
            .arg("no");
        node.query::<()>(&stay).expect("CONFIG SET");
    }
    load(&mut cluster);
    for node in cluster.nodes() {
        // Values that commands have grown keep room to spare, which no snapshot tells: the source would free more.
        node.query::<()>(redis::cmd("DEBUG").arg("RELOAD"))
            .expect("DEBUG RELOAD");
    }
    let backup = tempfile::tempdir().expect("a directory");
    cluster.backup(backup.path()).expect("a backup");
    let ids: Vec<String> = cluster.nodes().iter_mut().map(id_of).collect();
    let allocator = allocator_of(&mut cluster.nodes()[0]);
    let mover = match dialect {
        Dialect::SetslotMigrate => "migrate",
        _ => "auto",
    };
    let plan = plan(backup.path(), &ids[2], allocator, mover);
    assert_eq!(plan.nodes.len(), 3);
    assert_eq!(
        plan.dialect, dialect,
        "what the backup tells of the servers"
    );
    assert!(!plan.batches.is_empty());

    let before: Vec<f64> = cluster.nodes().iter_mut().map(settled_memory).collect();
    for batch in &plan.batches {
        match dialect {
            Dialect::SetslotMigrate => run(batch, &mut cluster, &ids),
            _ => run_task(batch, &mut cluster, &ids, dialect),
        }
    }
    let part = match dialect {
        Dialect::SetslotMigrate => PART,
        _ => PART_BY_COMMANDS,
    };
    let mut wrong = Vec::new();
    for (index, id) in ids.iter().enumerate() {
        let node = plan
            .nodes
            .iter()
            .find(|node| node.id.0 == *id)
            .expect("a node of the plan");
        let holds = |holding: u64, tables: u64| (holding + tables) as f64;
        let predicted = holds(node.after.memory_bytes, node.tables_after_bytes)
            - holds(node.before.memory_bytes, node.tables_before_bytes);
        let after = settled_memory(&mut cluster.nodes()[index]);
        let changed = after - before[index];
        println!(
            "{} {}: node {index}: {} -> {after} bytes, changed by {changed}, predicted {predicted} ({:+.3} %)",
            line.name(),
            server.version(),
            before[index],
            (predicted / changed - 1.0) * 100.0
        );
        let keys: u64 = cluster.nodes()[index]
            .query(&redis::cmd("DBSIZE"))
            .expect("DBSIZE");
        assert_eq!(keys, node.after.keys, "keys of node {index}");
        let is_off = (predicted / changed - 1.0).abs();
        if is_off > part {
            wrong.push(format!("node {index} is off by {is_off}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("; "));
}

fn plan(backup: &std::path::Path, drained: &str, allocator: &str, mover: &str) -> Plan {
    let output = Command::new(env!("CARGO_BIN_EXE_preshard"))
        .args(["plan", "--format", "json", "--drain", drained])
        .args(["--allocator", allocator, "--mover", mover])
        .arg(backup)
        .output()
        .expect("preshard starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "preshard plan: {said}");
    let document: PlanDocument = serde_json::from_slice(&output.stdout).expect("a plan");
    document.plan
}

/// Some 60 MB: short strings with and without an expiry, and collections of every form.
fn load(cluster: &mut Cluster) {
    let mut pipelines: Vec<redis::Pipeline> = vec![redis::pipe(); 3];
    for number in 0..60_000u32 {
        let key = format!("session:{number}");
        let owner = cluster.owner_index(Slot::of_key(key.as_bytes()));
        let value = "v".repeat(20 + (number as usize * 7919) % 900);
        let mut set = redis::cmd("SET");
        set.arg(&key).arg(value);
        if number % 3 == 0 {
            set.arg("PX").arg(86_400_000);
        }
        pipelines[owner].add_command(set).ignore();
    }
    for number in 0..3_000u32 {
        let members = 1 + (number * 31) % 700;
        for (name, command, per_member) in [
            ("hash", "HSET", 2),
            ("set", "SADD", 1),
            ("zset", "ZADD", 2),
            ("list", "RPUSH", 1),
        ] {
            let key = format!("{name}:{number}");
            let owner = cluster.owner_index(Slot::of_key(key.as_bytes()));
            let mut fill = redis::cmd(command);
            fill.arg(&key);
            for member in 0..members / 4 + 1 {
                if per_member == 2 {
                    fill.arg(member);
                }
                fill.arg(format!("member-{number}-{member}"));
            }
            pipelines[owner].add_command(fill).ignore();
        }
    }
    for (node, pipeline) in cluster.nodes().iter_mut().zip(&pipelines) {
        node.query_all::<()>(pipeline).expect("data");
    }
}

fn run(batch: &Batch, cluster: &mut Cluster, ids: &[String]) {
    let index = |id: &NodeId| ids.iter().position(|known| *known == id.0).expect("known");
    let (source, target) = (index(&batch.source), index(&batch.target));
    let address = cluster.nodes()[target].address();
    for slot_move in &batch.moves {
        set_slot(
            cluster,
            target,
            slot_move.slot,
            &["IMPORTING", &ids[source]],
        );
        set_slot(
            cluster,
            source,
            slot_move.slot,
            &["MIGRATING", &ids[target]],
        );
        migrate_slot(&mut cluster.nodes()[source], slot_move, &address);
        for node in [target, source]
            .into_iter()
            .chain((0..ids.len()).filter(|&node| node != source && node != target))
        {
            set_slot(cluster, node, slot_move.slot, &["NODE", &ids[target]]);
        }
    }
}

/// Has the servers move a batch as one task, and waits until it is through.
fn run_task(batch: &Batch, cluster: &mut Cluster, ids: &[String], dialect: Dialect) {
    let index = |id: &NodeId| ids.iter().position(|each| *each == id.0).expect("a node");
    let (source, target) = (index(&batch.source), index(&batch.target));
    let mut ranges: Vec<(u16, u16)> = Vec::new();
    for slot_move in &batch.moves {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == slot_move.slot => *last += 1,
            _ => ranges.push((slot_move.slot, slot_move.slot)),
        }
    }
    let imports = dialect == Dialect::ClusterMigrationImport;
    let mut begin = redis::cmd("CLUSTER");
    match imports {
        true => begin.arg("MIGRATION").arg("IMPORT"),
        false => begin.arg("MIGRATESLOTS").arg("SLOTSRANGE"),
    };
    for (first, last) in ranges {
        begin.arg(first).arg(last);
    }
    if !imports {
        begin.arg("NODE").arg(&ids[target]);
    }
    let node = if imports { target } else { source };
    cluster.nodes()[node]
        .query::<redis::Value>(&begin)
        .expect("a task begins");
    let mut ask = redis::cmd("CLUSTER");
    match imports {
        true => ask.arg("MIGRATION").arg("STATUS").arg("ALL"),
        false => ask.arg("GETSLOTMIGRATIONS"),
    };
    let deadline = Instant::now() + PATIENCE;
    loop {
        let tasks: Vec<HashMap<String, redis::Value>> =
            cluster.nodes()[node].query(&ask).expect("tasks");
        let states: Vec<String> = tasks
            .iter()
            .filter_map(|task| redis::from_redis_value(task.get("state")?.clone()).ok())
            .collect();
        assert_eq!(
            states.len(),
            tasks.len(),
            "each task has a state: {tasks:?}"
        );
        let is_through = |state: &String| ["completed", "success"].contains(&state.as_str());
        if !states.is_empty() && states.iter().all(is_through) {
            return;
        }
        assert!(
            !states.iter().any(|state| state == "failed"),
            "batch {}: {tasks:?}",
            batch.number
        );
        assert!(
            Instant::now() < deadline,
            "batch {}: {states:?}",
            batch.number
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn set_slot(cluster: &mut Cluster, node: usize, slot: u16, arguments: &[&str]) {
    let mut command = redis::cmd("CLUSTER");
    command.arg("SETSLOT").arg(slot).arg(arguments);
    cluster.nodes()[node]
        .query::<()>(&command)
        .expect("CLUSTER SETSLOT");
}

/// The heavy keys by themselves, then the others as many at a time as the plan says.
fn migrate_slot(source: &mut Node, slot_move: &SlotMove, address: &str) {
    let (host, port) = address.split_once(':').expect("host and port");
    for heavy in &slot_move.heavy {
        let mut command = redis::cmd("MIGRATE");
        command.arg(host).arg(port).arg(&*heavy.key.0).arg(0);
        source
            .query::<()>(command.arg(heavy.timeout_ms))
            .expect("MIGRATE of a heavy key");
    }
    let Some(sweep) = &slot_move.sweep else {
        return;
    };
    loop {
        let mut next = redis::cmd("CLUSTER");
        next.arg("GETKEYSINSLOT").arg(slot_move.slot);
        let keys: Vec<Vec<u8>> = source
            .query(next.arg(sweep.keys_per_call))
            .expect("CLUSTER GETKEYSINSLOT");
        if keys.is_empty() {
            return;
        }
        let mut command = redis::cmd("MIGRATE");
        command.arg(host).arg(port).arg("").arg(0);
        command.arg(sweep.timeout_ms).arg("KEYS").arg(keys);
        source.query::<()>(&command).expect("MIGRATE of keys");
    }
}

fn id_of(node: &mut Node) -> String {
    node.query(redis::cmd("CLUSTER").arg("MYID")).expect("id")
}

/// The name of the allocator that the packages of the servers use.
fn allocator_of(node: &mut Node) -> &'static str {
    let name = node.info("memory", "mem_allocator").expect("INFO");
    match name.as_str() {
        "jemalloc-5.3.0" => "je4",
        "jemalloc-5.3.1" => "je4p",
        "libc" => "glibc",
        other => panic!("no model of the allocator {other}"),
    }
}

/// `used_memory` without the buffers of clients and replicas (a backup leaves a backlog behind, which grows with every
/// write), once tables are no longer being replaced.
fn settled_memory(node: &mut Node) -> f64 {
    let mut last = 0.0;
    for _ in 0..100 {
        let mut field = |name: &str| -> f64 {
            let value = node.info("memory", name).expect("INFO");
            value.parse().expect("bytes")
        };
        let used = field("used_memory")
            - field("mem_total_replication_buffers")
            - field("mem_clients_normal");
        let changed: f64 = used - last;
        if changed.abs() <= used * 1e-5 {
            return used;
        }
        last = used;
        std::thread::sleep(Duration::from_millis(500));
    }
    panic!("used_memory does not settle: {last}");
}
