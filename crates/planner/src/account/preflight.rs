//! What no backup tells: the checks that stand between a plan and its run.

use crate::PlanLimits;
use crate::account::rules::Rule;
use crate::course::schedule::Bundle;
use crate::plan::{Check, CheckedOn, Dialect};
use crate::roster::Roster;

/// What the checks hang on.
pub(crate) struct Unknowns<'a> {
    pub(crate) limits: &'a PlanLimits,
    pub(crate) roster: &'a Roster,
    pub(crate) dialect: Dialect,
    pub(crate) bundles: &'a [Bundle],
    /// Keys that may hold an element too large for one command, which nobody looked for.
    pub(crate) unknown_elements: usize,
    /// Keys that move and whose memory counts as nothing, since nobody knows it.
    pub(crate) unknown_memory_keys: u64,
    /// Oversized keys with an expiry, of which nobody knows whether they are gone by the run.
    pub(crate) expiring_giants: usize,
}

/// The checks, by the order of their rules.
pub(crate) fn preflight(unknowns: &Unknowns<'_>) -> Vec<Check> {
    let mut checks = Checks {
        dialect: unknowns.dialect,
        list: Vec::new(),
    };
    unknowns.settings(&mut checks);
    unknowns.memory(&mut checks);
    unknowns.rest(&mut checks);
    unknowns.versions(&mut checks);
    match unknowns.dialect {
        Dialect::SetslotMigrate => unknowns.migrate(&mut checks),
        Dialect::Managed => {}
        _ => unknowns.atomic(&mut checks),
    }
    checks.list.sort_by_key(|(rule, _)| *rule);
    checks.list.into_iter().map(|(_, check)| check).collect()
}

struct Checks {
    dialect: Dialect,
    list: Vec<(Rule, Check)>,
}

impl Checks {
    /// Rules that do not apply want nothing.
    fn add(&mut self, rule: Rule, on: CheckedOn, command: &str, expects: impl Into<String>) {
        if rule.applies_to(self.dialect) {
            let check = Check {
                rule: rule.name().to_owned(),
                on,
                command: (!command.is_empty()).then(|| command.to_owned()),
                expects: expects.into(),
            };
            self.list.push((rule, check));
        }
    }
}

impl Unknowns<'_> {
    /// Settings that nobody stated must be as the servers ship them, or milder.
    fn settings(&self, checks: &mut Checks) {
        let limits = self.limits;
        for name in &limits.assumed {
            let (rule, on, command, least) = match name.as_str() {
                "cluster_node_timeout_ms" => (
                    match self.dialect {
                        Dialect::SetslotMigrate => Rule::BlockBudget,
                        _ => Rule::RestoreFailoverClock,
                    },
                    CheckedOn::Nodes,
                    "CONFIG GET cluster-node-timeout",
                    limits.cluster_node_timeout_ms,
                ),
                "proto_max_bulk_bytes" => (
                    Rule::PayloadLimits,
                    CheckedOn::Targets,
                    "CONFIG GET proto-max-bulk-len",
                    limits.proto_max_bulk_bytes,
                ),
                "client_query_buffer_bytes" => (
                    Rule::PayloadLimits,
                    CheckedOn::Targets,
                    "CONFIG GET client-query-buffer-limit",
                    limits.client_query_buffer_bytes,
                ),
                "replica_buffer_hard_bytes" => {
                    checks.add(
                        Rule::PayloadLimits,
                        CheckedOn::Targets,
                        "CONFIG GET client-output-buffer-limit",
                        format!(
                            "for slave or replica at least {} {} 60, or 0",
                            limits.replica_buffer_hard_bytes, limits.replica_buffer_soft_bytes
                        ),
                    );
                    continue;
                }
                // Told by the same command as the hard limit.
                _ if limits
                    .assumed
                    .iter()
                    .any(|each| each == "replica_buffer_hard_bytes") =>
                {
                    continue;
                }
                _ => (
                    Rule::PayloadLimits,
                    CheckedOn::Targets,
                    "CONFIG GET client-output-buffer-limit",
                    limits.replica_buffer_soft_bytes,
                ),
            };
            checks.add(rule, on, command, format!("at least {least}"));
        }
    }

    fn memory(&self, checks: &mut Checks) {
        let lacks_maxmemory = |node: usize| {
            let member = &self.roster.members[node];
            member.facts.maxmemory_bytes.is_none()
        };
        let mut bundles = self.bundles.iter();
        let sources_lack = bundles.any(|bundle| lacks_maxmemory(bundle.from));
        let targets = || {
            self.bundles
                .iter()
                .map(|bundle| &self.roster.members[bundle.to])
        };
        if targets().any(|target| target.facts.maxmemory_bytes.is_none()) {
            checks.add(
                Rule::MemoryHeadroom,
                CheckedOn::Targets,
                "INFO memory",
                "room for what the batches bring (target_peak_bytes) below maxmemory, with headroom to spare; 0 is no limit, and \
                 then the machine's memory counts",
            );
            checks.add(
                Rule::AtomicHeadroom,
                CheckedOn::Targets,
                "CONFIG GET maxmemory",
                "room for the whole of each task: an import does not stop at maxmemory",
            );
        } else if sources_lack {
            checks.add(
                Rule::MemoryHeadroom,
                CheckedOn::Sources,
                "INFO memory",
                "room for what the batches need (source_peak_bytes) below maxmemory; 0 is no limit, and then the machine's memory \
                 counts",
            );
        }
        if self.unknown_memory_keys > 0 {
            checks.add(
                Rule::MemoryHeadroom,
                CheckedOn::Targets,
                "INFO memory",
                format!(
                    "room besides for {}, which count as nothing in every figure (MEMORY USAGE on the sources tells)",
                    match self.unknown_memory_keys {
                        1 => "the value of 1 key of a module".to_owned(),
                        count => format!("the values of {count} keys of modules"),
                    }
                ),
            );
        }
        if targets().any(|target| target.facts.maxmemory_policy.as_deref() != Some("noeviction")) {
            checks.add(
                Rule::MemoryHeadroom,
                CheckedOn::Targets,
                "CONFIG GET maxmemory-policy",
                "noeviction, or evicted_keys watched: a node that evicts makes room for what arrives with other keys",
            );
        }
        if !self.bundles.is_empty() {
            checks.add(
                Rule::AtomicMigration,
                CheckedOn::Sources,
                "INFO memory",
                "free memory on the machine for what is written while a task forks: at worst as much as the server holds",
            );
        }
    }

    /// The cluster whole and at rest.
    fn rest(&self, checks: &mut Checks) {
        let preflight = [
            (
                CheckedOn::Cluster,
                "redis-cli --cluster check HOST:PORT",
                "all slots covered, none open",
            ),
            (
                CheckedOn::Nodes,
                "CLUSTER NODES",
                "no [ marks, no fail, fail? or handshake, and every slot with the owner that the plan names",
            ),
            (
                CheckedOn::Nodes,
                "INFO persistence",
                "rdb_bgsave_in_progress:0, aof_rewrite_in_progress:0, loading:0",
            ),
            (
                CheckedOn::Targets,
                "MODULE LIST",
                "every module whose values the sources hold",
            ),
            (
                CheckedOn::Targets,
                "FUNCTION LIST",
                "every library of the sources (from Redis 7.0 on)",
            ),
            (
                CheckedOn::Sources,
                "INFO keyspace",
                "about as many keys as the plan counts: more than a few per cent apart, and the backup is stale",
            ),
        ];
        for (on, command, expects) in preflight {
            if self.dialect != Dialect::Managed || on != CheckedOn::Cluster {
                checks.add(Rule::Preflight, on, command, expects);
            }
        }
        if self.expiring_giants > 0 {
            checks.add(
                Rule::Expiries,
                CheckedOn::Sources,
                "TTL",
                "whether the oversized keys with an expiry are gone by then: state the begin of the run (--start) to plan with it",
            );
        }
        let few_replicas = self
            .roster
            .members
            .iter()
            .any(|member| member.facts.replicas.unwrap_or(0) == 0);
        if few_replicas && !self.bundles.is_empty() {
            checks.add(
                Rule::TargetReplica,
                CheckedOn::Targets,
                "INFO replication",
                "at least one replica with state=online and the offset of the node: without one, nothing survives its loss",
            );
        }
    }

    fn versions(&self, checks: &mut Checks) {
        let mut ends = self
            .bundles
            .iter()
            .flat_map(|bundle| [bundle.from, bundle.to]);
        if ends.any(|node| self.roster.members[node].server.is_none()) {
            checks.add(
                Rule::Versions,
                CheckedOn::Targets,
                "INFO server",
                "a version that takes what the sources dump: no older one, and from Redis 7.4 and Valkey 9.0 on the same product",
            );
        }
    }

    fn migrate(&self, checks: &mut Checks) {
        if self.bundles.is_empty() {
            return;
        }
        checks.add(
            Rule::Preflight,
            CheckedOn::Sources,
            "CONFIG GET lazyfree-lazy-server-del",
            "as the cost profile has it: with no on Redis and yes on Valkey the predictions hold; yes makes calls shorter",
        );
        checks.add(
            Rule::Preflight,
            CheckedOn::Sources,
            "CONFIG GET rdbcompression",
            "yes; with no, payloads of data that compresses are longer than predicted",
        );
        checks.add(
            Rule::ReplicasKeepUp,
            CheckedOn::Replicas,
            "INFO replication",
            "master_link_status:up, and the offset of the primary",
        );
        checks.add(
            Rule::MarksOnReplicas,
            CheckedOn::Replicas,
            "CLUSTER NODES",
            "no [ marks",
        );
        checks.add(
            Rule::SlotProtocol,
            CheckedOn::Sources,
            "",
            "MIGRATE reaches each target from its source, with the credentials that the run passes on (AUTH or AUTH2), which may \
             run RESTORE-ASKING",
        );
        checks.add(
            Rule::MultiKeyOutage,
            CheckedOn::Clients,
            "",
            "commands and scripts over several keys of one slot are repeated on TRYAGAIN",
        );
    }

    fn atomic(&self, checks: &mut Checks) {
        if self.bundles.is_empty() {
            return;
        }
        let running = match self.dialect {
            Dialect::ClusterMigrateslots => "CLUSTER GETSLOTMIGRATIONS",
            _ => "CLUSTER MIGRATION STATUS ALL",
        };
        checks.add(
            Rule::AtomicMigration,
            CheckedOn::Nodes,
            running,
            "no migration under way: --cluster check does not show one",
        );
        if self.unknown_elements > 0 {
            checks.add(
                Rule::AtomicMigration,
                CheckedOn::Sources,
                "",
                format!(
                    "no single element so large that its command stops the target: {} enough for that, in collections whose \
                     elements nobody looked at (preshard inspect --elements, preshard keys --key KEY)",
                    match self.unknown_elements {
                        1 => "1 key is large".to_owned(),
                        count => format!("{count} keys are large"),
                    }
                ),
            );
        }
    }
}
