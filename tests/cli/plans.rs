//! Plans for the bundled cluster, from its backup to the document.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use preshard_report::PlanDocument;
use serde_json::Value;

use crate::documents::{assert_meets, validator};
use crate::run::{Ran, fixture, preshard, preshard_in};

const CLUSTER: &str = "clusters/shop-3x";

fn plan(more: &[&str]) -> Ran {
    let backup = fixture(CLUSTER);
    let args = ["plan", backup.to_str().expect("a path")];
    preshard(&[&args, more].concat())
}

fn document(more: &[&str], status: i32) -> Value {
    let ran = plan(&[more, &["--format", "json"]].concat()).expect_status(status);
    serde_json::from_str(&ran.stdout).expect("a plan is JSON")
}

fn number(value: &Value) -> u64 {
    value
        .as_u64()
        .unwrap_or_else(|| panic!("{value} is no number"))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

/// `host:port` and id of the nodes as the backup's own nodes.json has them.
fn nodes() -> Vec<(String, String)> {
    let text = fs::read_to_string(fixture(CLUSTER).join("nodes.json")).expect("nodes.json");
    let nodes: Value = serde_json::from_str(&text).expect("JSON");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    list(&nodes)
        .iter()
        .map(|node| {
            let address = format!("{}:{}", text(&node["host"]), node["port"]);
            (address, text(&node["name"]))
        })
        .collect()
}

fn moved(plan: &Value) -> BTreeSet<u64> {
    let moves = list(&plan["batches"])
        .iter()
        .flat_map(|batch| list(&batch["moves"]));
    moves.map(|each| number(&each["slot"])).collect()
}

#[test]
fn plans_meet_their_schema() {
    let validator = validator("plan");
    let (first, id) = &nodes()[0];
    for (goal, status) in [
        (&["--add", "1"][..], 0),
        (&["--rebalance"], 0),
        (
            &[
                "--add",
                "2",
                "--rebalance",
                "--weights",
                "new-1=2,new-2=0.5",
            ],
            0,
        ),
        (&["--drain", first], 4),
        (&["--drain", &id[..8], "--allow-oversized"], 0),
        (&["--add", "1", "--maxmemory", "1MiB"], 4),
    ] {
        let plan = document(goal, status);
        assert_meets(&validator, &plan, &goal.join(" "));
        let mut wrong = plan.clone();
        wrong["batches"] = Value::Null;
        assert!(!validator.is_valid(&wrong), "a plan without batches passed");
        let mut wrong = plan.clone();
        wrong["surprise"] = 1.into();
        assert!(!validator.is_valid(&wrong), "a field nobody knows passed");
    }
}

#[test]
fn the_file_and_standard_output_carry_the_same_plan_for_any_number_of_threads() {
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let backup = fixture(CLUSTER);
    let backup = backup.to_str().expect("a path");
    let mut plans = Vec::new();
    for threads in ["1", "2", "5"] {
        let args = [
            "plan",
            backup,
            "--add",
            "1",
            "--format",
            "json",
            "-o",
            "plan.json",
            "--threads",
            threads,
        ];
        let ran = preshard_in(scratch.path(), &args).expect_status(0);
        let written = fs::read_to_string(scratch.path().join("plan.json")).expect("the plan");
        assert_eq!(ran.stdout, written, "{threads} threads");
        plans.push(written);
    }
    assert_eq!(plans[0], plans[1]);
    assert_eq!(plans[0], plans[2]);
    let read = preshard(&[
        "plan", backup, "--add", "1", "--format", "json", "--mmap", "never",
    ]);
    assert_eq!(plans[0], read.expect_status(0).stdout);
}

#[test]
fn every_slot_is_moved_kept_or_held_exactly_once() {
    for goal in [
        &["--add", "1"][..],
        &["--rebalance"],
        &["--add", "3", "--rebalance"],
    ] {
        let plan = document(goal, 0);
        let mut seen: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
        for slot in moved(&plan) {
            seen.entry(slot).or_default().push("moved");
        }
        for held in list(&plan["held"]) {
            seen.entry(number(&held["slot"])).or_default().push("held");
        }
        for node in list(&plan["nodes"]) {
            for range in list(&node["kept"]) {
                for slot in number(&range[0])..=number(&range[1]) {
                    seen.entry(slot).or_default().push("kept");
                }
            }
        }
        let wrong: Vec<_> = seen.iter().filter(|(_, fates)| fates.len() != 1).collect();
        assert!(wrong.is_empty(), "{goal:?}: {wrong:?}");
        assert_eq!(seen.len(), 16_384, "{goal:?}");
        assert_eq!(seen.keys().max(), Some(&16_383), "{goal:?}");
    }
}

#[test]
fn oversized_keys_stay_unless_somebody_consents() {
    // The keys are those that `keys` calls oversized: a second road to the same verdict.
    let backup = fixture(CLUSTER);
    let ran = preshard(&[
        "keys",
        backup.to_str().expect("a path"),
        "--format",
        "ndjson",
    ]);
    let oversized: BTreeSet<u64> = ran
        .expect_status(0)
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("a line of JSON"))
        .filter(|key| key["verdict"] == "oversized")
        .map(|key| number(&key["slot"]))
        .collect();
    assert_eq!(
        oversized.len(),
        6,
        "the bundled cluster has six: {oversized:?}"
    );

    let plan = document(&["--add", "1"], 0);
    assert_eq!(moved(&plan).intersection(&oversized).count(), 0);
    let held: BTreeSet<u64> = list(&plan["held"])
        .iter()
        .map(|held| number(&held["slot"]))
        .collect();
    assert_eq!(held, oversized);

    let (first, _) = &nodes()[0];
    let refused = document(&["--drain", first], 4);
    assert_eq!(refused["outcome"]["result"], "not-reachable");
    assert_eq!(moved(&refused).intersection(&oversized).count(), 0);
    let consented = document(&["--drain", first, "--allow-oversized"], 0);
    assert!(moved(&consented).intersection(&oversized).count() > 0);
}

#[test]
fn a_fourth_node_brings_memory_within_a_hundredth_of_the_best_balance() {
    let plan = document(&["--add", "1"], 0);
    let nodes = list(&plan["nodes"]);
    assert_eq!(nodes.len(), 4);
    let total: u64 = nodes
        .iter()
        .map(|node| number(&node["before"]["memory_bytes"]))
        .sum();
    let mean = total as f64 / 4.0;
    for node in nodes {
        let after = number(&node["after"]["memory_bytes"]) as f64;
        // The held slots of each node hold less than its share, so the best balance is an even one.
        assert!(
            (after - mean).abs() <= mean / 100.0,
            "{after} is far from {mean}: {node}"
        );
    }
    assert_eq!(plan["partial"], false);
    assert_eq!(list(&plan["inputs"]).len(), 3);
}

/// What is written is what was audited: read back it is the same document, and its plan passes again.
#[test]
fn a_written_plan_can_be_read_back_and_passes_its_audit() {
    let (first, _) = &nodes()[0];
    for (goal, status) in [
        (&["--add", "2", "--rebalance"][..], 0),
        (&["--drain", first], 4),
        (&["--drain", first, "--allow-oversized"], 0),
    ] {
        let text = plan(&[goal, &["--format", "json"]].concat())
            .expect_status(status)
            .stdout;
        let document: PlanDocument = serde_json::from_str(&text).expect("a plan document");
        let again = serde_json::to_string_pretty(&document).expect("a document can be written");
        assert_eq!(text.trim_end(), again, "{goal:?}");
        let violations = preshard_planner::audit(&document.plan);
        assert!(violations.is_empty(), "{goal:?}: {violations:?}");
    }
}

/// The rows of a section of the summary, without its two header lines.
fn section<'a>(text: &'a str, title: &str) -> Vec<&'a str> {
    let mut lines = text.lines().skip_while(|line| !line.starts_with(title));
    assert!(lines.next().is_some(), "no {title:?} in\n{text}");
    lines.skip(2).take_while(|line| !line.is_empty()).collect()
}

/// The last batches hold what is slowest to move; a list that hides them hides what matters.
#[test]
fn a_long_list_of_batches_is_cut_in_its_middle() {
    let (first, _) = &nodes()[0];
    let goal = [
        "--drain",
        first,
        "--allow-oversized",
        "--slots-per-batch",
        "100",
    ];
    let document = document(&goal, 0);
    let batches = list(&document["batches"]);
    assert!(batches.len() > 20, "{} batches", batches.len());
    let worst = batches
        .iter()
        .max_by_key(|batch| number(&batch["worst_block_us"]))
        .expect("a batch");
    let text = plan(&goal).expect_status(0).stdout;
    let rows = section(&text, "Batches");
    let shown: Vec<u64> = rows
        .iter()
        .filter_map(|row| row.split_whitespace().next()?.parse().ok())
        .collect();
    let all = batches.len() as u64;
    for number in (1..=12)
        .chain(all - 4..=all)
        .chain([number(&worst["number"])])
    {
        assert!(shown.contains(&number), "batch {number} of {all}:\n{text}");
    }
    let hidden = all - shown.len() as u64;
    assert!(
        rows.iter()
            .any(|row| row.contains(&format!("… {hidden} more in "))),
        "{text}"
    );
}

#[test]
fn keys_that_move_by_consent_are_named_with_batch_and_stop() {
    let (first, _) = &nodes()[0];
    let goal = ["--drain", first, "--allow-oversized"];
    let text = plan(&goal).expect_status(0).stdout;
    let rows = section(&text, "Moved by consent");
    let document = document(&goal, 0);
    let budget_us = 50_000;
    let mut expected = 0;
    for batch in list(&document["batches"]) {
        for slot in list(&batch["moves"]) {
            for call in list(&slot["heavy"]) {
                if number(&call["block_us"]) <= budget_us {
                    continue;
                }
                expected += 1;
                let key = call["key"]["text"].as_str().expect("a name");
                let row = rows.iter().find(|row| row.ends_with(key));
                let row = row.unwrap_or_else(|| panic!("{key} is not named in\n{text}"));
                let number = batch["number"].to_string();
                assert_eq!(row.split_whitespace().next(), Some(&*number), "{row}");
            }
        }
    }
    assert_eq!(expected, 2, "the first node has two oversized keys");
    assert_eq!(rows.len(), expected, "{text}");
    let fates: Vec<&str> = section(&text, "Oversized")
        .into_iter()
        .take_while(|row| !row.contains("What to do"))
        .filter_map(|row| row.rsplit("  ").next())
        .collect();
    let moved = fates.iter().filter(|fate| **fate == "moved").count();
    assert_eq!((moved, fates.len()), (2, 6), "{fates:?}");
}

#[test]
fn limits_that_nobody_stated_are_called_assumed() {
    let all = document(&["--add", "1"], 0);
    let assumed = |document: &Value| -> Vec<String> {
        list(&document["limits"]["assumed"])
            .iter()
            .map(|name| name.as_str().expect("a name").to_owned())
            .collect()
    };
    assert_eq!(assumed(&all).len(), 5, "{:?}", assumed(&all));
    let goal = [
        "--add",
        "1",
        "--node-timeout",
        "15s",
        "--proto-max-bulk-len",
        "512mb",
    ];
    let some = document(&goal, 0);
    assert_eq!(
        assumed(&some),
        [
            "client_query_buffer_bytes",
            "replica_buffer_hard_bytes",
            "replica_buffer_soft_bytes"
        ]
    );
    let text = plan(&goal).expect_status(0).stdout;
    let marked = text
        .lines()
        .filter(|line| line.contains("(assumed: "))
        .count();
    assert_eq!(marked, 3, "{text}");

    // Half of the node timeout is a cap of its own.
    let text = plan(&[
        "--add",
        "1",
        "--node-timeout",
        "1500ms",
        "--latency-budget",
        "1s",
    ]);
    let text = text.expect_status(0).stdout;
    assert!(text.contains("750 ms count"), "{text}");
}

#[test]
fn functions_are_not_carried_to_new_nodes() {
    let said = "MIGRATE does not carry them";
    let ran = plan(&["--add", "1"]).expect_status(0);
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
    // What is said on standard error goes with the summary too.
    let words = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains(said), "{}", ran.stdout);
    let ran = plan(&["--rebalance"]).expect_status(0);
    assert!(!ran.stderr.contains(said), "{}", ran.stderr);
}

#[test]
fn a_thousand_new_nodes_fit_the_goal_line() {
    let ran = plan(&["--add", "1000"]);
    let goal: String = ran
        .stdout
        .lines()
        .skip_while(|line| !line.starts_with("Goal:"))
        .take_while(|line| !line.starts_with("Outcome:"))
        .collect();
    assert!(goal.len() < 200, "{goal}");
    assert!(goal.contains("1,000 in all"), "{goal}");
}

/// Redis 7.2 was not measured and borrows the profile of 7.0: one profile, two servers.
#[test]
fn servers_that_share_a_cost_profile_are_planned_together() {
    let files = [
        fixture("servers/redis-7.0/empty.rdb"),
        fixture("servers/redis-7.2.6/cluster.rdb"),
    ];
    let files = files.each_ref().map(|path| path.to_str().expect("a path"));
    let ran = preshard(&["slots", files[0], files[1]]).expect_status(0);
    let words = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        words.contains("measured on Redis 7.0.15; Redis 7.2 was not measured"),
        "{}",
        ran.stdout
    );
    let other = fixture("servers/redis-8.0/empty.rdb");
    let other = other.to_str().expect("a path");
    let ran = preshard(&["slots", files[0], other]).expect_status(2);
    assert!(ran.stderr.contains("--target"), "{}", ran.stderr);
}

#[test]
fn slots_can_be_moved_by_hand() {
    let nodes = nodes();
    let topology = fs::read_to_string(fixture(CLUSTER).join("nodes.json")).expect("nodes.json");
    let topology: Value = serde_json::from_str(&topology).expect("JSON");
    let first = number(&topology[0]["slots"][0][0]);
    let order = format!("{first}-{}:{}->{}", first + 9, nodes[0].0, nodes[1].0);
    let plan = document(&["--move", &order], 0);
    assert_eq!(moved(&plan), (first..first + 10).collect());
    for batch in list(&plan["batches"]) {
        assert_eq!(batch["source"], nodes[0].1.as_str());
        assert_eq!(batch["target"], nodes[1].1.as_str());
    }
}

#[test]
fn a_plan_that_cannot_be_had_is_written_all_the_same_and_says_why() {
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let backup = fixture(CLUSTER);
    let backup = backup.to_str().expect("a path");
    let (first, _) = &nodes()[0];
    let args = ["plan", backup, "--drain", first, "-o", "plan.json"];
    let ran = preshard_in(scratch.path(), &args).expect_status(4);
    assert!(
        ran.stdout.contains("CANNOT BE REACHED SAFELY"),
        "{}",
        ran.stdout
    );
    let written = fs::read_to_string(scratch.path().join("plan.json")).expect("the plan");
    let plan: Value = serde_json::from_str(&written).expect("JSON");
    let reasons = list(&plan["outcome"]["reasons"]);
    assert!(!reasons.is_empty());
}
