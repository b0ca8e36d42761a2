//! What a plan must stay within.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The limits in force, with the servers' defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanLimits {
    /// Longest acceptable stop of a node, milliseconds. Default 100.
    pub latency_budget_ms: u64,
    /// `cluster-node-timeout`, the least of all nodes, milliseconds. Default 15 000.
    pub cluster_node_timeout_ms: u64,
    /// Factor on every predicted block before it is compared with a limit. Default 2.
    pub safety_factor: f64,
    /// Most keys in one MIGRATE call. Default 100: nothing is gained above.
    pub keys_per_call_max: u32,
    /// `proto-max-bulk-len` of the targets. Default 512 MiB.
    pub proto_max_bulk_bytes: u64,
    /// `client-query-buffer-limit` of the targets. Default 1 GiB.
    pub client_query_buffer_bytes: u64,
    /// Hard `client-output-buffer-limit` for replicas of the targets. Default 256 MiB.
    pub replica_buffer_hard_bytes: u64,
    /// Soft `client-output-buffer-limit` for replicas of the targets: most payload between two waits for the
    /// replicas, so also most payload of a batch with more than one slot. Default 64 MiB.
    pub replica_buffer_soft_bytes: u64,
    /// `maxmemory` of every node, where it was stated.
    pub maxmemory_bytes: Option<u64>,
    /// Part of `maxmemory` that stays free on a target. Default 0.2.
    pub headroom: f64,
    /// Fixed cost of one MIGRATE call, microseconds, from the cost profile.
    pub call_fixed_us: u64,
    /// Keys that exceed the latency budget, but nothing else, may be moved.
    pub allow_oversized: bool,
}
