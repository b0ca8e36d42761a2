//! What a plan must stay within.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::verdict::Thresholds;

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
    /// Most slots of one batch. Default 256: a batch is what an operator waits for, watches and may stop after.
    pub slots_per_batch_max: u32,
    /// `maxmemory` of every node, where it was stated.
    pub maxmemory_bytes: Option<u64>,
    /// Part of `maxmemory` that stays free on a target. Default 0.2.
    pub headroom: f64,
    /// Fixed cost of one MIGRATE call, microseconds, from the cost profile. Default 100.
    pub call_fixed_us: u64,
    /// Keys that exceed the latency budget, but nothing else, may be moved. Default false.
    pub allow_oversized: bool,
    /// Names of the fields above that stand for settings of the servers and that nobody stated: the servers' own
    /// defaults stand in for them. In the order of the fields; `maxmemory_bytes` is `null` instead.
    pub assumed: Vec<String>,
}

impl Default for PlanLimits {
    /// The servers' defaults, a latency budget of 100 ms and a safety factor of 2.
    fn default() -> PlanLimits {
        PlanLimits {
            latency_budget_ms: 100,
            cluster_node_timeout_ms: 15_000,
            safety_factor: 2.0,
            keys_per_call_max: 100,
            proto_max_bulk_bytes: 512 << 20,
            client_query_buffer_bytes: 1 << 30,
            replica_buffer_hard_bytes: 256 << 20,
            replica_buffer_soft_bytes: 64 << 20,
            slots_per_batch_max: 256,
            maxmemory_bytes: None,
            headroom: 0.2,
            call_fixed_us: 100,
            allow_oversized: false,
            assumed: PlanLimits::OF_SERVERS
                .map(|(name, _)| name.to_owned())
                .to_vec(),
        }
    }
}

impl PlanLimits {
    /// The limits that are settings of the servers, each with the server's own name for it: those that can stand
    /// in [`assumed`](PlanLimits::assumed).
    pub const OF_SERVERS: [(&'static str, &'static str); 5] = [
        ("cluster_node_timeout_ms", "cluster-node-timeout"),
        ("proto_max_bulk_bytes", "proto-max-bulk-len"),
        ("client_query_buffer_bytes", "client-query-buffer-limit"),
        (
            "replica_buffer_hard_bytes",
            "client-output-buffer-limit replica (hard)",
        ),
        (
            "replica_buffer_soft_bytes",
            "client-output-buffer-limit replica (soft)",
        ),
    ];

    /// Whether a plan can be made within these limits.
    ///
    /// # Errors
    /// [`Error::Limit`] names the first limit that makes no sense, its value and what it must be.
    pub fn validate(&self) -> Result<(), Error> {
        /// Twelve days; keeps every product of times and factors far inside 128 bits.
        const TIME_MAX_MS: u64 = 1 << 30;
        /// One exbibyte; keeps sums of sizes inside 64 bits.
        const BYTES_MAX: u64 = 1 << 60;

        let refuse = |name, value: &dyn ToString, must: &'static str| {
            Err(Error::Limit {
                name,
                value: value.to_string(),
                must,
            })
        };
        let time = 1..=TIME_MAX_MS;
        if !time.contains(&self.latency_budget_ms) {
            return refuse("latency_budget_ms", &self.latency_budget_ms, "be 1 to 2^30");
        }
        if !(1_001..=TIME_MAX_MS).contains(&self.cluster_node_timeout_ms) {
            return refuse(
                "cluster_node_timeout_ms",
                &self.cluster_node_timeout_ms,
                "be 1001 to 2^30, since no MIGRATE timeout is below 1000",
            );
        }
        if !(1.0..=1_000.0).contains(&self.safety_factor) {
            return refuse("safety_factor", &self.safety_factor, "be 1 to 1000");
        }
        if self.keys_per_call_max == 0 {
            return refuse("keys_per_call_max", &0, "be at least 1");
        }
        if self.slots_per_batch_max == 0 {
            return refuse("slots_per_batch_max", &0, "be at least 1");
        }
        for (name, bytes) in [
            ("proto_max_bulk_bytes", self.proto_max_bulk_bytes),
            ("client_query_buffer_bytes", self.client_query_buffer_bytes),
            ("replica_buffer_hard_bytes", self.replica_buffer_hard_bytes),
            ("replica_buffer_soft_bytes", self.replica_buffer_soft_bytes),
            ("maxmemory_bytes", self.maxmemory_bytes.unwrap_or(1)),
        ] {
            if !(1..=BYTES_MAX).contains(&bytes) {
                return refuse(name, &bytes, "be 1 to 2^60");
            }
        }
        if !(0.0..1.0).contains(&self.headroom) {
            return refuse("headroom", &self.headroom, "be at least 0 and below 1");
        }
        if self.call_fixed_us > 1_000_000 {
            return refuse("call_fixed_us", &self.call_fixed_us, "be at most 1000000");
        }
        if self.call_fixed_us > Thresholds::new(self).call_us {
            return refuse(
                "call_fixed_us",
                &self.call_fixed_us,
                "leave room for a key in the latency budget",
            );
        }
        Ok(())
    }
}
