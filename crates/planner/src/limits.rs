//! What a plan must stay within.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::moves::verdict::Thresholds;
use crate::words::{in_ms, number_in_words};

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
    /// Most batches that run side by side, each between two nodes of its own. Default 1.
    pub batches_side_by_side: u32,
    /// Part of any second, or of any ten latency budgets where that is longer, that a node may be blocked. Default 0.5; with 1
    /// there are no pauses.
    pub blocked_share: f64,
    /// One round trip between whoever runs the plan and a node, microseconds. Default 500.
    pub round_trip_us: u64,
    /// How long each window is in which the plan may run, milliseconds; `null` for no windows.
    pub window_ms: Option<u64>,
    /// When the plan is to begin, Unix milliseconds: keys that expire before are gone by then. `null` when nobody said.
    pub starts_at_ms: Option<i64>,
    /// The least that times may come to, as a factor on their prediction, from the cost profile. Default 1.
    pub prediction_low: f64,
    /// The most that times may come to, as a factor on their prediction, from the cost profile; where it is more than the
    /// safety factor it takes its place. Default 1.
    pub prediction_high: f64,
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
            batches_side_by_side: 1,
            blocked_share: 0.5,
            round_trip_us: 500,
            window_ms: None,
            starts_at_ms: None,
            prediction_low: 1.0,
            prediction_high: 1.0,
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

    /// What predicted blocks are multiplied with before they are compared with a limit: the safety factor, and at least the
    /// upper end of what predictions may be off by.
    pub fn factor(&self) -> f64 {
        self.safety_factor.max(self.prediction_high)
    }

    /// The least [`blocked_share`](PlanLimits::blocked_share).
    pub const BLOCKED_SHARE_MIN: f64 = 0.15;

    /// Whether a plan can be made within these limits.
    ///
    /// # Errors
    /// [`Error::Limit`] names the first limit that makes no sense, its value and what it must be.
    pub fn validate(&self) -> Result<(), Error> {
        /// Twelve days; keeps every product of times and factors far inside 128 bits.
        const TIME_MAX_MS: u64 = 1 << 30;
        /// One exbibyte; keeps sums of sizes inside 64 bits.
        const BYTES_MAX: u64 = 1 << 60;

        let refuse =
            |name, value: String, must: &'static str| Err(Error::Limit { name, value, must });
        let ms = |ms: u64| format!("{ms} ms");
        let time = 1..=TIME_MAX_MS;
        if !time.contains(&self.latency_budget_ms) {
            return refuse(
                "the latency budget",
                ms(self.latency_budget_ms),
                "be 1 ms to 12 days",
            );
        }
        if !(1_001..=TIME_MAX_MS).contains(&self.cluster_node_timeout_ms) {
            return refuse(
                "the node timeout (cluster-node-timeout)",
                ms(self.cluster_node_timeout_ms),
                "be more than 1000 ms and at most 12 days: no MIGRATE gets a timeout below 1000 ms, and a failover \
                 must not come before it",
            );
        }
        if !(1.0..=1_000.0).contains(&self.safety_factor) {
            return refuse(
                "the safety factor",
                number_in_words(self.safety_factor),
                "be 1 to 1000: below 1 it would make every prediction smaller",
            );
        }
        if self.keys_per_call_max == 0 {
            return refuse(
                "the number of keys per call",
                "0".to_owned(),
                "be at least 1",
            );
        }
        if self.batches_side_by_side == 0 {
            return refuse(
                "the number of batches side by side",
                "0".to_owned(),
                "be at least 1",
            );
        }
        if !(PlanLimits::BLOCKED_SHARE_MIN..=1.0).contains(&self.blocked_share) {
            return refuse(
                "the share of time that a node may be blocked",
                number_in_words(self.blocked_share),
                "be 0.15 to 1: one call alone may take a tenth of the time that it is a part of",
            );
        }
        if self.round_trip_us > 10_000_000 {
            return refuse(
                "the round trip",
                in_ms(self.round_trip_us),
                "be at most 10 s",
            );
        }
        if let Some(window_ms) = self.window_ms
            && !(1_000..=TIME_MAX_MS).contains(&window_ms)
        {
            return refuse("the window", ms(window_ms), "be 1 s to 12 days");
        }
        if !(0.0..=1.0).contains(&self.prediction_low)
            || !(1.0..=1_000.0).contains(&self.prediction_high)
        {
            return refuse(
                "the range of predictions",
                format!(
                    "{} to {} times the expected time",
                    number_in_words(self.prediction_low),
                    number_in_words(self.prediction_high)
                ),
                "begin at 0 to 1 and end at 1 to 1000",
            );
        }
        if self.slots_per_batch_max == 0 {
            return refuse(
                "the number of slots per batch",
                "0".to_owned(),
                "be at least 1",
            );
        }
        for (name, bytes) in [
            ("proto-max-bulk-len", self.proto_max_bulk_bytes),
            ("client-query-buffer-limit", self.client_query_buffer_bytes),
            (
                "the hard output buffer limit for replicas",
                self.replica_buffer_hard_bytes,
            ),
            (
                "the soft output buffer limit for replicas",
                self.replica_buffer_soft_bytes,
            ),
        ] {
            if !(1..=BYTES_MAX).contains(&bytes) {
                return refuse(
                    name,
                    format!("{bytes} bytes"),
                    "be 1 byte to 1 EiB: leave it out for the server's default",
                );
            }
        }
        if let Some(bytes) = self.maxmemory_bytes
            && !(1..=BYTES_MAX).contains(&bytes)
        {
            return refuse(
                "maxmemory",
                format!("{bytes} bytes"),
                "be 1 byte to 1 EiB: leave it out where the servers have no limit",
            );
        }
        if !(0.0..1.0).contains(&self.headroom) {
            return refuse(
                "the headroom",
                number_in_words(self.headroom),
                "be at least 0 and below 1: it is the part of maxmemory that stays free",
            );
        }
        // The fixed cost comes from the cost profile; what a user can change is what it must fit into.
        if self.call_fixed_us > 1_000_000 {
            return refuse(
                "the fixed cost of a call in the cost profile",
                in_ms(self.call_fixed_us),
                "be at most 1 s",
            );
        }
        if self.call_fixed_us > Thresholds::new(self).call_us {
            let half_clock_ms = self.cluster_node_timeout_ms / 2;
            let (name, value) = if self.latency_budget_ms <= half_clock_ms {
                ("the latency budget", self.latency_budget_ms)
            } else {
                (
                    "the node timeout (cluster-node-timeout)",
                    self.cluster_node_timeout_ms,
                )
            };
            return refuse(
                name,
                format!(
                    "{}, divided by the safety factor of {}",
                    ms(value),
                    number_in_words(self.safety_factor)
                ),
                "leave room for a key: an empty call alone takes longer than what remains of it",
            );
        }
        Ok(())
    }
}
