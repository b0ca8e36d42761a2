//! Several goals beside each other.

use preshard_planner::plan::{Holding, Outcome, TimeSpan};
use preshard_planner::{Plan, PlanLimits};
use preshard_slots::NodeId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Estimates, FORMAT_VERSION, InputFacts, Notice, Tool};

/// What `preshard plan --sweep` and `--goal` found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CompareDocument {
    /// Version of this document's form: 1.
    pub format_version: u32,
    /// What wrote it.
    pub tool: Tool,
    /// The snapshots it rests on.
    pub inputs: Vec<InputFacts>,
    /// The file that told who owns the slots; `null` when that was told from the keys.
    pub topology: Option<String>,
    /// True when a snapshot was damaged or a shard is missing.
    pub partial: bool,
    /// How the estimates came about.
    pub estimates: Estimates,
    /// The limits in force, the same for all goals.
    pub limits: PlanLimits,
    /// One row a goal, in the order in which they were asked for.
    pub goals: Vec<GoalRow>,
    /// What the reader should know of the inputs.
    pub warnings: Vec<Notice>,
}

/// What comes of one goal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GoalRow {
    /// The goal: its words, or `shards=6`.
    pub goal: String,
    /// Whether it can be had: the word of `outcome.result` of a plan, or `refused` for a goal that makes no sense.
    pub outcome: String,
    /// Why it cannot be reached, or makes no sense.
    pub reasons: Vec<String>,
    /// Nodes that own slots when the plan has run.
    pub shards: u32,
    /// What moves.
    pub moved: Holding,
    /// Batches.
    pub batches: u32,
    /// MIGRATE calls.
    pub calls: u64,
    /// How long the plan takes, pauses and round trips included, without the time between windows.
    pub takes: TimeSpan,
    /// The worst predicted block of one call, before the safety factor.
    pub worst_block_us: u64,
    /// How much more than its share the fullest node holds when the plan has run (0.25: a quarter).
    pub imbalance_after: f64,
    /// The target with most memory when the plan has run; `null` where nothing moves.
    pub fullest_target: Option<FullestTarget>,
    /// Slots held.
    pub held_slots: u32,
    /// Memory in them.
    pub held_memory_bytes: u64,
}

/// The target with most memory when a plan has run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FullestTarget {
    /// Its id.
    pub node: String,
    /// What it holds then, tables included.
    pub memory_bytes: u64,
    /// Free memory under the stated `maxmemory` then; `null` when none was stated.
    pub headroom_bytes: Option<i64>,
}

/// What a comparison rests on.
pub struct ComparedInputs {
    /// The snapshots.
    pub inputs: Vec<InputFacts>,
    /// The file that told who owns the slots.
    pub topology: Option<String>,
    /// Whether one was damaged or missing.
    pub partial: bool,
    /// How the estimates came about.
    pub estimates: Estimates,
    /// The limits in force.
    pub limits: PlanLimits,
    /// What deserves attention.
    pub warnings: Vec<Notice>,
}

impl CompareDocument {
    /// Puts rows into their document.
    pub fn new(of: ComparedInputs, goals: Vec<GoalRow>) -> CompareDocument {
        CompareDocument {
            format_version: FORMAT_VERSION,
            tool: Tool::this(),
            inputs: of.inputs,
            topology: of.topology,
            partial: of.partial,
            estimates: of.estimates,
            limits: of.limits,
            goals,
            warnings: of.warnings,
        }
    }

    /// Whether any of the goals can be reached safely.
    pub fn is_any_safe(&self) -> bool {
        let unsafe_words = ["not-reachable", GoalRow::REFUSED];
        self.goals
            .iter()
            .any(|row| !unsafe_words.contains(&row.outcome.as_str()))
    }
}

impl GoalRow {
    const REFUSED: &str = "refused";

    /// What a plan for a goal comes to.
    pub fn new(goal: String, plan: &Plan) -> GoalRow {
        let (outcome, reasons) = match &plan.outcome {
            Outcome::Reached => ("reached", Vec::new()),
            Outcome::ReachedAroundHeld => ("reached-around-held", Vec::new()),
            Outcome::NothingToDo => ("nothing-to-do", Vec::new()),
            Outcome::LeftToService => ("left-to-service", Vec::new()),
            Outcome::PartlyReached => ("partly-reached", Vec::new()),
            Outcome::NotReachable { reasons } => ("not-reachable", reasons.clone()),
        };
        let is_target = |id: &NodeId| plan.batches.iter().any(|batch| batch.target == *id);
        let fullest = plan
            .nodes
            .iter()
            .filter(|node| is_target(&node.id))
            .map(|node| FullestTarget {
                node: node.id.0.clone(),
                memory_bytes: node
                    .after
                    .memory_bytes
                    .saturating_add(node.tables_after_bytes),
                headroom_bytes: node.headroom_bytes,
            })
            .max_by(|a, b| {
                // Where the limits of nodes differ, the fullest is the one with least room.
                let by_room =
                    (b.headroom_bytes, a.memory_bytes).cmp(&(a.headroom_bytes, b.memory_bytes));
                by_room.then_with(|| b.node.cmp(&a.node))
            });
        GoalRow {
            goal,
            outcome: outcome.to_owned(),
            reasons,
            shards: plan
                .nodes
                .iter()
                .filter(|node| node.after.slots > 0)
                .count() as u32,
            moved: plan.totals.moved,
            batches: plan.totals.batches,
            calls: plan.totals.calls,
            takes: plan.schedule.takes,
            worst_block_us: plan.totals.worst_block_us,
            imbalance_after: plan.balance.imbalance_after,
            fullest_target: fullest,
            held_slots: plan.totals.held_slots,
            held_memory_bytes: plan.totals.held_memory_bytes,
        }
    }

    /// A goal that makes no sense for this cluster.
    pub fn refused(goal: String, reason: String) -> GoalRow {
        GoalRow {
            goal,
            outcome: GoalRow::REFUSED.to_owned(),
            reasons: vec![reason],
            shards: 0,
            moved: Holding::default(),
            batches: 0,
            calls: 0,
            takes: TimeSpan::default(),
            worst_block_us: 0,
            imbalance_after: 0.0,
            fullest_target: None,
            held_slots: 0,
            held_memory_bytes: 0,
        }
    }
}
