//! The table of rules: each has a name that documents carry, what it demands, and what servers do that
//! makes it necessary.
//!
//! Later rules are added at the end of the table. What a rule decides is computed where it is needed
//! (verdict, calls, balance, schedule) and once more, from the finished plan alone and without this crate's other
//! modules, by [`audit`](crate::audit()).

use crate::plan::Dialect;

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
    SlotProtocol,
    CheckArrival,
    Postcheck,
    Rollback,
    MultiKeyOutage,
    Expiries,
    ExitCodes,
    AtomicMigration,
    ReplicasKeepUp,
    MarksOnReplicas,
    FailoverInTheMiddle,
    ClockIsNoEdge,
    ClusterBudget,
    TargetReplica,
    AtomicHeadroom,
    Versions,
    BlockedShare,
    Window,
    ManagedService,
}

/// A rule in words. The letters: f safety factor, B predicted block of a call, R predicted RESTORE of a
/// key, P payload, L latency budget, N `cluster-node-timeout`, T `timeout` of MIGRATE.
pub(crate) struct RuleText {
    pub(crate) rule: Rule,
    /// The name that documents carry.
    pub(crate) name: &'static str,
    /// The dialects that it is for.
    applies: Applies,
    /// What it demands.
    pub(crate) demands: &'static str,
    /// What servers do that makes the rule necessary.
    pub(crate) because: &'static str,
}

/// Where a rule has something to say.
#[derive(Clone, Copy)]
enum Applies {
    /// Whatever the commands.
    Always,
    /// Where keys move by commands of the operator or of the servers.
    Moving,
    /// Where keys move by MIGRATE.
    Migrate,
    /// Where the servers move slots themselves.
    Atomic,
    /// Where a service does.
    Managed,
}

/// All rules, in the order in which documents list them.
pub(crate) const RULES: [RuleText; 28] = [
    RuleText {
        rule: Rule::BlockBudget,
        name: "block-budget",
        applies: Applies::Migrate,
        demands: "f * B <= min(L, N/2) for every call; a key above that alone moves only by consent, above f * B = N/2 \
            never",
        because: "MIGRATE runs as one command on the source's main thread: dump, transfer, the target's RESTORE and \
            the delete; nothing can interrupt it (redis src/cluster.c, migrateCommand)",
    },
    RuleText {
        rule: Rule::RestoreFailoverClock,
        name: "restore-failover-clock",
        applies: Applies::Moving,
        demands: "f * R < N/2 for every key, without exception",
        because: "a target that is failed over in the middle of RESTORE still answers OK, the source deletes its copy, \
            and the key exists nowhere",
    },
    RuleText {
        rule: Rule::TimeoutFromSilence,
        name: "timeout-from-silence",
        applies: Applies::Migrate,
        demands: "T = max(1000 ms, 2 * f * R of the slowest key of the call + 1000 ms), and T < N",
        because: "the timeout bounds each single wait for the target, not the call (redis src/syncio.c); when it is \
            too short the key ends on both nodes, and when it is longer than N a failover comes first",
    },
    RuleText {
        rule: Rule::PayloadLimits,
        name: "payload-limits",
        applies: Applies::Always,
        demands: "P of every call below proto-max-bulk-len, client-query-buffer-limit and the hard output buffer limit \
            of the target's replicas; P of a batch of several slots within the soft limit, with a wait for the \
            target's replicas after each batch",
        because: "the target closes the connection on a payload over its limits, and MIGRATE serialises everything \
            again; RESTORE is replicated as it is, so a large one costs the target's replicas their link and a \
            full resync",
    },
    RuleText {
        rule: Rule::MemoryHeadroom,
        name: "memory-headroom",
        applies: Applies::Moving,
        demands: "during a call the source has 3 * P free below maxmemory or, when it is fuller than that, within a \
            headroom (at least a twentieth of maxmemory) above it, and the target 2.3 * P besides the slot \
            itself; afterwards the target keeps its headroom; the replicas of both need the same",
        because: "the request is built whole in the source's memory and read whole into the target's; a full target \
            refuses it half way, or evicts other keys for it",
    },
    RuleText {
        rule: Rule::BatchByTime,
        name: "batch-by-time",
        applies: Applies::Migrate,
        demands: "as many keys in a call as stay within the budget whichever keys the server returns, at most \
            keys_per_call_max; a key that takes more than a tenth of a call gets its own, before the others",
        because: "which keys GETKEYSINSLOT returns, and in which order, differs from version to version; a hundred \
            keys a call are within a fifth of the least time per key, and a thousand gain nothing",
    },
    RuleText {
        rule: Rule::Order,
        name: "order",
        applies: Applies::Moving,
        demands: "the slots of a pair of nodes by ascending worst block, batches likewise, each wave beginning with \
            the mildest that is left; one slot at a time per source and per target; stop at the first failure",
        because: "a silent node stops the clients of all nodes, and a slot half moved stops every later migration \
            until it is repaired",
    },
    RuleText {
        rule: Rule::PinNotMove,
        name: "pin-not-move",
        applies: Applies::Always,
        demands: "a slot with a key that cannot move stays, and others move in its place; no slot moves twice",
        because: "redis-cli --cluster rebalance and reshard move the lowest slots of a node and count slots only: they \
            can neither avoid a slot nor balance bytes",
    },
    RuleText {
        rule: Rule::Preflight,
        name: "preflight",
        applies: Applies::Always,
        demands: "before a run the cluster is as the backup says, whole and at rest",
        because: "a plan is made from a backup, which shows neither what changed since nor how the servers are set; an \
            open slot, an older target or a replica that lags turns a safe move into a stuck or a lost one",
    },
    RuleText {
        rule: Rule::SlotProtocol,
        name: "slot-protocol",
        applies: Applies::Migrate,
        demands: "IMPORTING on the target before MIGRATING on the source; the first MIGRATE without REPLACE; on OK and \
            NOKEY go on; on IOERR and BUSYKEY stop and look at every key of the call on both nodes, never \
            repeat blindly; NODE only when the source counts no keys and both nodes are primaries of the epoch \
            they began with, on the target first, then the source, then all others",
        because: "after a timeout a key is mostly on both nodes, and the source's copy is the live one; an OK that a \
            failover came between proves nothing",
    },
    RuleText {
        rule: Rule::CheckArrival,
        name: "check-arrival",
        applies: Applies::Migrate,
        demands: "after each key with a call of its own: the target is still a primary, the key exists there with the \
            same length, and one replica has it (WAIT 1)",
        because: "a target that was demoted while it restored the key has answered OK all the same",
    },
    RuleText {
        rule: Rule::Postcheck,
        name: "postcheck",
        applies: Applies::Moving,
        demands: "afterwards: --cluster check is clean, each slot has as many keys as before but for expiries and \
            writes, sync_full and evicted_keys have not grown, settings that were changed for the run are back",
        because: "a full resync or an eviction in the course of a move is reported by nobody",
    },
    RuleText {
        rule: Rule::Rollback,
        name: "rollback",
        applies: Applies::Migrate,
        demands: "a way back for each slot: duplicates unlinked on the target, keys that are only there brought home, \
            then STABLE on both; never SETSLOT MIGRATING, never STABLE alone, never fix --cluster-replace",
        because: "STABLE alone strands the keys that have moved, and fix --cluster-replace may move a stale copy over \
            the live one",
    },
    RuleText {
        rule: Rule::MultiKeyOutage,
        name: "multi-key-outage",
        applies: Applies::Migrate,
        demands: "the time of each slot is known to whoever runs commands or scripts over several keys of it",
        because: "while some keys of a slot have moved and some have not, both nodes answer TRYAGAIN to what needs \
            both",
    },
    RuleText {
        rule: Rule::Expiries,
        name: "expiries",
        applies: Applies::Moving,
        demands: "keys that expire before the plan begins are not planned for; those that expire later may vanish on \
            the way, and are no loss",
        because: "MIGRATE sends the time that remains and skips what has expired: a TTL grows by the time of its call",
    },
    RuleText {
        rule: Rule::ExitCodes,
        name: "exit-codes",
        applies: Applies::Moving,
        demands: "a run is judged by the servers' answers and by --cluster check, never by an exit code alone",
        because: "valkey-cli 9.1 ends a failed reshard with 0, and no server speaks of a migration that timed out: the \
            words are IOERR error or timeout reading to target instance",
    },
    RuleText {
        rule: Rule::AtomicMigration,
        name: "atomic-migration",
        applies: Applies::Atomic,
        demands: "no single element so large that its command stops the target beyond the budget; a task's payload \
            below the hard output buffer limit of the target's replicas; memory for what fork copies on the \
            source; one task at a time per source and per target; failed is watched for",
        because: "the source forks and streams the slot as commands, elements one by one: what blocks is one element \
            or string, what fills is the task",
    },
    RuleText {
        rule: Rule::ReplicasKeepUp,
        name: "replicas-keep-up",
        applies: Applies::Migrate,
        demands: "before every SETSLOT the replicas of the node have its offset; NOREPLICAS means wait and repeat",
        because: "from Valkey 8 on SETSLOT waits two seconds for the replicas of the node, and one that replays a \
            large RESTORE does not answer",
    },
    RuleText {
        rule: Rule::MarksOnReplicas,
        name: "marks-on-replicas",
        applies: Applies::Migrate,
        demands: "the replicas' own CLUSTER NODES show no open slot either; a way back sends STABLE to the primary",
        because: "on Valkey 8 a mark may stay on a replica alone, where --cluster check fails and fix gives up",
    },
    RuleText {
        rule: Rule::FailoverInTheMiddle,
        name: "failover-in-the-middle",
        applies: Applies::Migrate,
        demands: "when a primary changes while a slot is open, the target's importing mark is closed first, and \
            nothing is fixed by --cluster fix",
        because: "a node that imports a slot takes no other owner for it, and with full coverage required it refuses \
            everything",
    },
    RuleText {
        rule: Rule::ClockIsNoEdge,
        name: "clock-is-no-edge",
        applies: Applies::Moving,
        demands: "half of N is planned with, and nothing finer",
        because: "with N of 5 s nodes were failed after 7.6 s, and one that was silent for 7.4 s was not",
    },
    RuleText {
        rule: Rule::ClusterBudget,
        name: "cluster-budget",
        applies: Applies::Moving,
        demands: "the worst calls of all batches that run side by side, taken together, stay within the budget of one: \
            f * sum of B <= min(L, N/2)",
        because: "a client that talks to all nodes waits for each silent one in turn, and thread pools pile up behind \
            it",
    },
    RuleText {
        rule: Rule::TargetReplica,
        name: "target-replica",
        applies: Applies::Moving,
        demands: "what is replicated at once fits into the output buffers of the target's replicas, and they have \
            caught up before the next batch",
        because: "one RESTORE over the limit closes the link, and the new shard has no usable replica until a full \
            resync is through",
    },
    RuleText {
        rule: Rule::AtomicHeadroom,
        name: "atomic-headroom",
        applies: Applies::Atomic,
        demands: "a destination has room for the task with its headroom to spare, whatever its policy",
        because: "Redis 8.6 ignores maxmemory while it imports: without eviction every later write is refused, and \
            with allkeys-lru half of all keys were evicted",
    },
    RuleText {
        rule: Rule::Versions,
        name: "versions",
        applies: Applies::Always,
        demands: "every target takes what its sources dump: the RDB version of the target is at least the source's, \
            and from 12 on both are of one family",
        because: "RESTORE refuses payloads of a newer version and, on either side, of the other family; a migration \
            that the servers run themselves needs Redis 8.4 or Valkey 9.0 at both ends",
    },
    RuleText {
        rule: Rule::BlockedShare,
        name: "blocked-share",
        applies: Applies::Migrate,
        demands: "after each call the source rests, so that no node is blocked for more than the stated share of any \
            second, or of any ten budgets where that is longer",
        because: "calls that each stay within the budget still starve a node's clients when one follows the other",
    },
    RuleText {
        rule: Rule::Window,
        name: "window",
        applies: Applies::Moving,
        demands: "a wave that begins in a window ends in it, with every call at the upper end of its prediction",
        because: "a batch that is under way when the quiet hours end goes on into the busy ones",
    },
    RuleText {
        rule: Rule::ManagedService,
        name: "managed-service",
        applies: Applies::Managed,
        demands: "no item over 256 MB serialized in a slot that is to move; the service runs its own resharding, so \
            there are no commands",
        because: "ElastiCache and MemoryDB do not migrate a slot with an item over 256 MB, and a shard that is to go \
            stays for it",
    },
];

impl Rule {
    /// The rule in words.
    pub(crate) fn text(self) -> &'static RuleText {
        &RULES[self as usize]
    }

    /// The name that documents carry.
    pub(crate) fn name(self) -> &'static str {
        self.text().name
    }

    /// Whether it has something to say where slots move this way.
    pub(crate) fn applies_to(self, dialect: Dialect) -> bool {
        match self.text().applies {
            Applies::Always => true,
            Applies::Moving => dialect != Dialect::Managed,
            Applies::Migrate => dialect == Dialect::SetslotMigrate,
            Applies::Atomic => dialect.is_atomic(),
            Applies::Managed => dialect == Dialect::Managed,
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_stands_at_its_place_in_the_table() {
        for text in &RULES {
            assert_eq!(text.rule.text().name, text.name);
        }
    }
}
