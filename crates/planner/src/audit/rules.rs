//! Every rule is there, says how it stands, and leaves nothing unsaid that nobody knows.

use preshard_slots::NodeId;

use super::{Findings, law, rule};
use crate::Plan;
use crate::plan::{Check, Dialect, HoldReason, RuleReport, RuleStatus};

/// Where a rule has something to say.
#[derive(Clone, Copy)]
enum Place {
    Everywhere,
    ByCalls,
    ByServers,
    ByCallsOrServers,
    ByService,
}

impl Place {
    fn holds_for(self, dialect: Dialect) -> bool {
        let (calls, service) = (
            dialect == Dialect::SetslotMigrate,
            dialect == Dialect::Managed,
        );
        match self {
            Place::Everywhere => true,
            Place::ByCalls => calls,
            Place::ByServers => !calls && !service,
            Place::ByCallsOrServers => !service,
            Place::ByService => service,
        }
    }
}

const RULES: [(&str, Place); 28] = [
    (rule::BLOCK_BUDGET, Place::ByCalls),
    (rule::RESTORE_FAILOVER_CLOCK, Place::ByCallsOrServers),
    (rule::TIMEOUT_FROM_SILENCE, Place::ByCalls),
    (rule::PAYLOAD_LIMITS, Place::Everywhere),
    (rule::MEMORY_HEADROOM, Place::ByCallsOrServers),
    (rule::BATCH_BY_TIME, Place::ByCalls),
    (rule::ORDER, Place::ByCallsOrServers),
    (rule::PIN_NOT_MOVE, Place::Everywhere),
    (rule::PREFLIGHT, Place::Everywhere),
    (rule::SLOT_PROTOCOL, Place::ByCalls),
    (rule::CHECK_ARRIVAL, Place::ByCalls),
    (rule::POSTCHECK, Place::ByCallsOrServers),
    (rule::ROLLBACK, Place::ByCalls),
    (rule::MULTI_KEY_OUTAGE, Place::ByCalls),
    (rule::EXPIRIES, Place::ByCallsOrServers),
    (rule::EXIT_CODES, Place::ByCallsOrServers),
    (rule::ATOMIC_MIGRATION, Place::ByServers),
    (rule::REPLICAS_KEEP_UP, Place::ByCalls),
    (rule::MARKS_ON_REPLICAS, Place::ByCalls),
    (rule::FAILOVER_IN_THE_MIDDLE, Place::ByCalls),
    (rule::CLOCK_IS_NO_EDGE, Place::ByCallsOrServers),
    (rule::CLUSTER_BUDGET, Place::ByCallsOrServers),
    (rule::TARGET_REPLICA, Place::ByCallsOrServers),
    (rule::ATOMIC_HEADROOM, Place::ByServers),
    (rule::VERSIONS, Place::Everywhere),
    (rule::BLOCKED_SHARE, Place::ByCalls),
    (rule::WINDOW, Place::ByCallsOrServers),
    (rule::MANAGED_SERVICE, Place::ByService),
];

pub(super) fn check(plan: &Plan, findings: &mut Findings) {
    let names: Vec<&str> = RULES.iter().map(|(name, _)| *name).collect();
    findings.equal(
        law::RULE_LIST,
        &"rules",
        &names.join(", "),
        &plan
            .rules
            .iter()
            .map(|report| report.rule.as_str())
            .collect::<Vec<_>>()
            .join(", "),
    );
    for (report, (_, place)) in plan.rules.iter().zip(RULES) {
        findings.equal(
            law::RULE_LIST,
            &format_args!("rule {}, whether it has nothing to say", report.rule),
            &!place.holds_for(plan.dialect),
            &(report.status == RuleStatus::NotApplicable),
        );
    }
    check_preflight(plan, findings);
    let applying = |report: &&RuleReport| report.status != RuleStatus::NotApplicable;
    for report in plan.rules.iter().filter(applying) {
        let breaks = plan
            .oversized
            .iter()
            .any(|key| key.rules.contains(&report.rule));
        findings.demand(
            !breaks || report.status == RuleStatus::Bound,
            law::RULE_LIST,
            &format_args!("rule {}", report.rule),
            &"bound, since keys break it",
            &format_args!("{:?}", report.status),
        );
        let rests_on_assumed = plan
            .limits
            .assumed
            .iter()
            .any(|limit| rests_on(&report.rule).contains(&limit.as_str()));
        let unverified = match report.rule.as_str() {
            rule::PREFLIGHT => true,
            rule::MEMORY_HEADROOM => lacks_maxmemory(plan),
            _ => rests_on_assumed && report.status != RuleStatus::Bound,
        };
        findings.demand(
            !unverified || report.status == RuleStatus::Unverified,
            law::RULE_LIST,
            &format_args!("rule {}", report.rule),
            &"unverified, since a setting of the servers is not stated",
            &format_args!("{:?}", report.status),
        );
        let pinned = plan.held.iter().any(|held| {
            held.in_the_way
                && held.reasons.iter().any(|reason| {
                    matches!(
                        reason,
                        HoldReason::OversizedKey { .. } | HoldReason::OversizedUnnamed { .. }
                    )
                })
        });
        findings.demand(
            report.rule != rule::PIN_NOT_MOVE || pinned == (report.status == RuleStatus::Bound),
            law::RULE_LIST,
            &format_args!("rule {}", report.rule),
            &format_args!("bound: {pinned}, as slots stand in the way for their keys"),
            &format_args!("{:?}", report.status),
        );
    }
}

/// The settings of the servers that a rule compares with.
fn rests_on(rule: &str) -> &'static [&'static str] {
    match rule {
        rule::BLOCK_BUDGET | rule::RESTORE_FAILOVER_CLOCK | rule::TIMEOUT_FROM_SILENCE => {
            &["cluster_node_timeout_ms"]
        }
        rule::PAYLOAD_LIMITS => &[
            "proto_max_bulk_bytes",
            "client_query_buffer_bytes",
            "replica_buffer_hard_bytes",
            "replica_buffer_soft_bytes",
        ],
        _ => &[],
    }
}

/// Whether something moves from or to a node of which nobody said how much it may hold.
fn lacks_maxmemory(plan: &Plan) -> bool {
    let lacks = |id: &NodeId| {
        let mut nodes = plan.nodes.iter();
        nodes.any(|node| node.id == *id && node.facts.maxmemory_bytes.is_none())
    };
    let mut batches = plan.batches.iter();
    batches.any(|batch| lacks(&batch.source) || lacks(&batch.target))
}

/// What is not verified is to be looked up, and what is to be looked up is not called verified.
fn check_preflight(plan: &Plan, findings: &mut Findings) {
    for check in &plan.preflight {
        let report = plan.rules.iter().find(|report| report.rule == check.rule);
        let said = report.is_some_and(|report| {
            matches!(
                report.status,
                RuleStatus::Unverified | RuleStatus::Bound | RuleStatus::AtRun
            )
        });
        findings.demand(
            said,
            law::RULE_LIST,
            &format_args!("rule {}", check.rule),
            &"not satisfied as long as there is something to be looked up for it",
            &format_args!("{:?}", report.map(|report| report.status)),
        );
        findings.demand(
            !check.expects.is_empty(),
            rule::PREFLIGHT,
            &format_args!("check of {}", check.rule),
            &"what to expect",
            &"nothing",
        );
    }
    for report in &plan.rules {
        let wanted = report.status == RuleStatus::Unverified
            && !plan.batches.is_empty()
            && !rests_on(&report.rule).contains(&"cluster_node_timeout_ms");
        findings.demand(
            !wanted || plan.preflight.iter().any(|check| check.rule == report.rule),
            rule::PREFLIGHT,
            &format_args!("rule {}", report.rule),
            &"a check that tells what is not verified",
            &"none",
        );
    }
    for (limit, setting) in SETTINGS {
        let assumed = plan.limits.assumed.iter().any(|name| name == limit);
        let wanted = assumed && (limit != CLOCK || plan.dialect != Dialect::Managed);
        findings.demand(
            !wanted || asks(plan, setting),
            rule::PREFLIGHT,
            &format_args!("{setting}, which nobody stated"),
            &"a check",
            &"none",
        );
    }
    for &(rule, command) in checks_wanted(plan) {
        let looked_up = |check: &Check| {
            let own = check.command.as_deref().unwrap_or("");
            check.rule == rule && own.contains(command)
        };
        findings.demand(
            plan.preflight.iter().any(looked_up),
            rule::PREFLIGHT,
            &format_args!("rule {rule}, before anything moves"),
            &format_args!("a check by {command}"),
            &"none",
        );
    }
}

/// The setting that a failover waits for.
const CLOCK: &str = "cluster_node_timeout_ms";

/// Limits that are settings of the servers, with the servers' names for them.
const SETTINGS: [(&str, &str); 5] = [
    (CLOCK, "cluster-node-timeout"),
    ("proto_max_bulk_bytes", "proto-max-bulk-len"),
    ("client_query_buffer_bytes", "client-query-buffer-limit"),
    ("replica_buffer_hard_bytes", "client-output-buffer-limit"),
    ("replica_buffer_soft_bytes", "client-output-buffer-limit"),
];

/// Whether a check is made by such a command.
fn asks(plan: &Plan, words: &str) -> bool {
    let mut commands = plan
        .preflight
        .iter()
        .filter_map(|check| check.command.as_deref());
    commands.any(|command| command.contains(words))
}

/// What no plan that moves something may leave out: no backup tells whether the cluster is whole, at rest, and not moving
/// slots already, nor whether replicas follow.
fn checks_wanted(plan: &Plan) -> &'static [(&'static str, &'static str)] {
    if plan.batches.is_empty() {
        return &[];
    }
    match plan.dialect {
        Dialect::SetslotMigrate => &[
            (rule::PREFLIGHT, "--cluster check"),
            (rule::PREFLIGHT, "CLUSTER NODES"),
            (rule::PREFLIGHT, "INFO persistence"),
            (rule::REPLICAS_KEEP_UP, "INFO replication"),
            (rule::MARKS_ON_REPLICAS, "CLUSTER NODES"),
        ],
        Dialect::ClusterMigrateslots => &[
            (rule::PREFLIGHT, "--cluster check"),
            (rule::PREFLIGHT, "CLUSTER NODES"),
            (rule::PREFLIGHT, "INFO persistence"),
            (rule::ATOMIC_MIGRATION, "CLUSTER GETSLOTMIGRATIONS"),
        ],
        Dialect::ClusterMigrationImport => &[
            (rule::PREFLIGHT, "--cluster check"),
            (rule::PREFLIGHT, "CLUSTER NODES"),
            (rule::PREFLIGHT, "INFO persistence"),
            (rule::ATOMIC_MIGRATION, "CLUSTER MIGRATION STATUS"),
        ],
        Dialect::Managed => &[],
    }
}
