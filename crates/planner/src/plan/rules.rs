//! How each rule stands in a plan, and what is left to be looked up.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One rule in this plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleReport {
    /// The rule's name (`block-budget`...).
    pub rule: String,
    /// What it demands, as a formula or a sentence.
    pub demands: String,
    /// What the servers do that makes the rule necessary.
    pub because: String,
    /// How it stands in this plan.
    pub status: RuleStatus,
    /// The numbers it was given, and what it decided.
    pub detail: String,
}

/// How a rule stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RuleStatus {
    /// Checked, and it changed nothing.
    Satisfied,
    /// Checked, and it held a slot, a key or a batch back.
    Bound,
    /// A fact is missing: to be checked on the cluster before the plan runs, see [`Plan::preflight`](crate::Plan::preflight).
    Unverified,
    /// It is for whoever runs the plan to keep.
    AtRun,
    /// It has nothing to say where slots move this way.
    NotApplicable,
}

/// Something to be looked up on the cluster before the plan runs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// The rule that wants it.
    pub rule: String,
    /// Where it is asked.
    pub on: CheckedOn,
    /// The command that tells; `null` where no single command does.
    pub command: Option<String>,
    /// What the answer must be.
    pub expects: String,
}

/// Where something is to be looked up.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum CheckedOn {
    /// Once for the whole cluster.
    Cluster,
    /// Every primary and every replica.
    Nodes,
    /// Every node that gives slots.
    Sources,
    /// Every node that takes slots.
    Targets,
    /// Every replica of a node that gives or takes.
    Replicas,
    /// Applications, and the machine that the plan runs on.
    Clients,
}
