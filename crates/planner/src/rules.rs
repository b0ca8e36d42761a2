//! The table of rules: each has a name that documents carry, what it demands, and what servers do that
//! makes it necessary.
//!
//! Later rules are added at the end of [`Rule::ALL`]. What a rule decides is computed where it is needed
//! (verdict, calls, balance, schedule) and once more, from the finished plan alone and without this crate's other
//! modules, by [`audit`](crate::audit()).

/// A rule of safe slot migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rule {
    BlockBudget,
    RestoreFailoverClock,
    TimeoutFromSilence,
    PayloadLimits,
    MemoryHeadroom,
    BatchByTime,
    Order,
    PinNotMove,
    Preflight,
}

impl Rule {
    /// All rules, in the order in which documents list them.
    pub(crate) const ALL: [Rule; 9] = [
        Rule::BlockBudget,
        Rule::RestoreFailoverClock,
        Rule::TimeoutFromSilence,
        Rule::PayloadLimits,
        Rule::MemoryHeadroom,
        Rule::BatchByTime,
        Rule::Order,
        Rule::PinNotMove,
        Rule::Preflight,
    ];

    /// The name that documents carry.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Rule::BlockBudget => "block-budget",
            Rule::RestoreFailoverClock => "restore-failover-clock",
            Rule::TimeoutFromSilence => "timeout-from-silence",
            Rule::PayloadLimits => "payload-limits",
            Rule::MemoryHeadroom => "memory-headroom",
            Rule::BatchByTime => "batch-by-time",
            Rule::Order => "order",
            Rule::PinNotMove => "pin-not-move",
            Rule::Preflight => "preflight",
        }
    }

    /// The settings of the servers that it compares with, by the names of the limits.
    pub(crate) fn rests_on(self) -> &'static [&'static str] {
        match self {
            Rule::BlockBudget | Rule::RestoreFailoverClock | Rule::TimeoutFromSilence => {
                &["cluster_node_timeout_ms"]
            }
            Rule::PayloadLimits => &[
                "proto_max_bulk_bytes",
                "client_query_buffer_bytes",
                "replica_buffer_hard_bytes",
                "replica_buffer_soft_bytes",
            ],
            _ => &[],
        }
    }

    /// What it demands. The letters: f safety factor, B predicted block of a call, R predicted RESTORE of a
    /// key, P payload, L latency budget, N `cluster-node-timeout`, T `timeout` of MIGRATE.
    pub(crate) fn demands(self) -> &'static str {
        match self {
            Rule::BlockBudget => {
                "f * B <= min(L, N/2) for every call; a key above that alone moves only by consent, \
                 above f * B = N/2 never"
            }
            Rule::RestoreFailoverClock => "f * R < N/2 for every key, without exception",
            Rule::TimeoutFromSilence => {
                "T = max(1000 ms, 2 * f * R of the slowest key of the call + 1000 ms), and T < N"
            }
            Rule::PayloadLimits => {
                "P of every call below proto-max-bulk-len, client-query-buffer-limit and the hard output \
                 buffer limit of the target's replicas; P of a batch of several slots within the soft limit, \
                 with a wait for the target's replicas after each batch"
            }
            Rule::MemoryHeadroom => {
                "during a call the source has 3 * P free below maxmemory or, when it is fuller than that, within a \
                 headroom above it, and the target 2.3 * P besides the slot itself; afterwards the target keeps its headroom; the replicas of both need the same"
            }
            Rule::BatchByTime => {
                "as many keys in a call as stay within the budget whichever keys the server returns, at most \
                 keys_per_call_max; a key that takes more than a tenth of a call gets its own, before the others"
            }
            Rule::Order => {
                "slots by ascending worst block, batches likewise; one slot at a time in the whole cluster; \
                 stop at the first failure"
            }
            Rule::PinNotMove => {
                "a slot with a key that cannot move stays, and others move in its place; no slot moves twice"
            }
            Rule::Preflight => "before a run the cluster is as the backup says, whole and at rest",
        }
    }

    /// What servers do that makes the rule necessary.
    pub(crate) fn because(self) -> &'static str {
        match self {
            Rule::BlockBudget => {
                "MIGRATE runs as one command on the source's main thread: dump, transfer, the target's \
                 RESTORE and the delete; nothing can interrupt it (redis src/cluster.c, migrateCommand)"
            }
            Rule::RestoreFailoverClock => {
                "a target that is failed over in the middle of RESTORE still answers OK, the source deletes \
                 its copy, and the key exists nowhere"
            }
            Rule::TimeoutFromSilence => {
                "the timeout bounds each single wait for the target, not the call (redis src/syncio.c); when it \
                 is too short the key ends on both nodes, and when it is longer than N a failover comes first"
            }
            Rule::PayloadLimits => {
                "the target closes the connection on a payload over its limits, and MIGRATE serialises \
                 everything again; RESTORE is replicated as it is, so a large one costs the target's replicas \
                 their link and a full resync"
            }
            Rule::MemoryHeadroom => {
                "the request is built whole in the source's memory and read whole into the target's; a full \
                 target refuses it half way, or evicts other keys for it"
            }
            Rule::BatchByTime => {
                "which keys GETKEYSINSLOT returns, and in which order, differs from version to version; a \
                 hundred keys a call are within a fifth of the least time per key, and a thousand gain nothing"
            }
            Rule::Order => {
                "a silent node stops the clients of all nodes, and a slot half moved stops every later \
                 migration until it is repaired"
            }
            Rule::PinNotMove => {
                "redis-cli --cluster rebalance and reshard move the lowest slots of a node and count slots \
                 only: they can neither avoid a slot nor balance bytes"
            }
            Rule::Preflight => {
                "a plan is made from a backup, which shows neither what changed since nor how the servers are set; \
                 an open slot, an older target or a replica that lags turns a safe move into a stuck or a lost one"
            }
        }
    }
}
