//! Recomputes every rule from a finished plan alone.
//!
//! Two roads to one truth: nothing here is shared with the planner but the types of the document. Where the
//! planner divides limits by the safety factor and compares whole microseconds, this multiplies predictions and
//! compares floating point numbers; where it bisects for the level of memory, this walks from breakpoint to
//! breakpoint. So what both get wrong they must get wrong in two ways.
//!
//! A plan may come from a file that anybody wrote: no value of it is trusted to fit, and nothing here panics.

mod batches;
mod calls;
mod figures;
mod goal;
mod keys;
mod least;
mod ledger;
mod remedies;
mod rules;
mod schedule;
mod servers;

use std::fmt::Display;

use preshard_analyzer::Tables;
use preshard_slots::SLOT_COUNT;

use crate::{Plan, PlanLimits};

/// The laws that every plan keeps besides its rules.
mod law {
    pub(super) const BALANCE: &str = "balance";
    pub(super) const EVERY_SLOT_ONCE: &str = "every-slot-once";
    pub(super) const GOAL: &str = "goal";
    pub(super) const HOLDINGS: &str = "holdings";
    pub(super) const KEY_COUNT: &str = "key-count";
    pub(super) const LIMITS: &str = "limits";
    pub(super) const MEMORY_MODEL: &str = "memory-model";
    pub(super) const OUTCOME: &str = "outcome";
    pub(super) const OWNERS: &str = "owners";
    pub(super) const PREDICTION: &str = "prediction";
    pub(super) const RULE_LIST: &str = "rule-list";
    pub(super) const TOTALS: &str = "totals";
}

/// The rules by the names that plans carry.
mod rule {
    pub(super) const BLOCK_BUDGET: &str = "block-budget";
    pub(super) const RESTORE_FAILOVER_CLOCK: &str = "restore-failover-clock";
    pub(super) const TIMEOUT_FROM_SILENCE: &str = "timeout-from-silence";
    pub(super) const PAYLOAD_LIMITS: &str = "payload-limits";
    pub(super) const MEMORY_HEADROOM: &str = "memory-headroom";
    pub(super) const BATCH_BY_TIME: &str = "batch-by-time";
    pub(super) const ORDER: &str = "order";
    pub(super) const PIN_NOT_MOVE: &str = "pin-not-move";
    pub(super) const PREFLIGHT: &str = "preflight";
    pub(super) const SLOT_PROTOCOL: &str = "slot-protocol";
    pub(super) const CHECK_ARRIVAL: &str = "check-arrival";
    pub(super) const POSTCHECK: &str = "postcheck";
    pub(super) const ROLLBACK: &str = "rollback";
    pub(super) const MULTI_KEY_OUTAGE: &str = "multi-key-outage";
    pub(super) const EXPIRIES: &str = "expiries";
    pub(super) const EXIT_CODES: &str = "exit-codes";
    pub(super) const ATOMIC_MIGRATION: &str = "atomic-migration";
    pub(super) const REPLICAS_KEEP_UP: &str = "replicas-keep-up";
    pub(super) const MARKS_ON_REPLICAS: &str = "marks-on-replicas";
    pub(super) const FAILOVER_IN_THE_MIDDLE: &str = "failover-in-the-middle";
    pub(super) const CLOCK_IS_NO_EDGE: &str = "clock-is-no-edge";
    pub(super) const CLUSTER_BUDGET: &str = "cluster-budget";
    pub(super) const TARGET_REPLICA: &str = "target-replica";
    pub(super) const ATOMIC_HEADROOM: &str = "atomic-headroom";
    pub(super) const VERSIONS: &str = "versions";
    pub(super) const BLOCKED_SHARE: &str = "blocked-share";
    pub(super) const WINDOW: &str = "window";
    pub(super) const MANAGED_SERVICE: &str = "managed-service";
}

/// A rule or law that a plan breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Its name: one of the plan's rules, or of the laws that every plan keeps (`every-slot-once`, `totals`...).
    pub rule: &'static str,
    /// Where in the plan: `batch 3, slot 17, sweep`...
    pub place: String,
    /// What is demanded there.
    pub expected: String,
    /// What the plan has.
    pub found: String,
}

impl Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}: {}: expected {}, found {}",
            self.rule, self.place, self.expected, self.found
        )
    }
}

/// Everything that is wrong with a plan; empty for a sound one.
///
/// Limits that make no sense, ranges that are none, and a memory model that nobody knows are the only violations reported
/// when there are any: nothing can be compared with them.
pub fn audit(plan: &Plan) -> Vec<Violation> {
    let mut findings = Findings::default();
    check_limits(&plan.limits, &mut findings);
    check_ranges(plan, &mut findings);
    let tables = tables_of(plan, &mut findings);
    if let (true, Some(tables)) = (findings.0.is_empty(), tables) {
        let scale = Scale::new(&plan.limits);
        ledger::check(plan, &mut findings);
        calls::check(plan, &scale, &mut findings);
        batches::check(plan, &tables, &mut findings);
        schedule::check(plan, &scale, &mut findings);
        rules::check(plan, &mut findings);
        keys::check(plan, &scale, &mut findings);
        remedies::check(plan, &scale, &mut findings);
        goal::check(plan, &mut findings);
        servers::check(plan, &mut findings);
        figures::check(plan, &mut findings);
        least::check(plan, &mut findings);
    }
    findings.0
}

/// The tables of the server that memory was computed for.
fn tables_of(plan: &Plan, findings: &mut Findings) -> Option<Tables> {
    let tables = plan.memory_model.parse();
    findings.demand(
        tables.is_ok(),
        law::MEMORY_MODEL,
        &"memory_model",
        &"a server, an allocator and a mode",
        &plan.memory_model,
    );
    tables.ok()
}

/// The limits as floating point numbers, in the units of the plan's predictions.
struct Scale {
    factor: f64,
    /// The least of the latency budget and half the node timeout.
    budget_us: f64,
    half_clock_us: f64,
    clock_ms: f64,
    /// A payload must stay below it.
    payload_bytes: f64,
}

/// Relative error that rounding may add to a product of floating point numbers, with room to spare, and far
/// below a microsecond of any limit.
const ROUNDING: f64 = 1e-12;

impl Scale {
    fn new(limits: &PlanLimits) -> Scale {
        let half_clock_us = limits.cluster_node_timeout_ms as f64 * 1_000.0 / 2.0;
        let payload_bytes = [
            limits.proto_max_bulk_bytes,
            limits.client_query_buffer_bytes,
            limits.replica_buffer_hard_bytes,
        ]
        .into_iter()
        .min()
        .unwrap_or(0) as f64;
        Scale {
            factor: limits.safety_factor.max(limits.prediction_high),
            budget_us: half_clock_us.min(limits.latency_budget_ms as f64 * 1_000.0),
            half_clock_us,
            clock_ms: limits.cluster_node_timeout_ms as f64,
            payload_bytes,
        }
    }

    fn over_budget(&self, block_us: u64) -> bool {
        self.factor * block_us as f64 > self.budget_us * (1.0 + ROUNDING)
    }

    fn over_half_clock(&self, block_us: u64) -> bool {
        self.factor * block_us as f64 > self.half_clock_us * (1.0 + ROUNDING)
    }

    fn restore_reaches_half_clock(&self, restore_us: u64) -> bool {
        self.factor * restore_us as f64 >= self.half_clock_us * (1.0 - ROUNDING)
    }

    fn payload_refused(&self, payload_bytes: u64) -> bool {
        payload_bytes as f64 >= self.payload_bytes
    }

    /// The timeout that the longest RESTORE of a call asks for, not rounded.
    fn timeout_ms(&self, restore_us: u64) -> f64 {
        (2.0 * self.factor * restore_us as f64 / 1_000.0 + 1_000.0).max(1_000.0)
    }

    fn timeout_reaches_clock(&self, restore_us: u64) -> bool {
        self.timeout_ms(restore_us) * (1.0 - ROUNDING) > self.clock_ms - 1.0
    }
}

/// Violations as they are found.
#[derive(Default)]
struct Findings(Vec<Violation>);

impl Findings {
    /// Texts are made only where a demand fails.
    fn demand(
        &mut self,
        holds: bool,
        rule: &'static str,
        place: &dyn Display,
        expected: &dyn Display,
        found: &dyn Display,
    ) {
        if !holds {
            self.0.push(Violation {
                rule,
                place: place.to_string(),
                expected: expected.to_string(),
                found: found.to_string(),
            });
        }
    }

    fn equal<T: PartialEq + Display>(
        &mut self,
        rule: &'static str,
        place: &dyn Display,
        expected: &T,
        found: &T,
    ) {
        self.demand(expected == found, rule, place, expected, found);
    }
}

/// Ranges are short to write and long to walk: no more of them are walked than a cluster has slots.
fn check_ranges(plan: &Plan, findings: &mut Findings) {
    let ordered = plan.goal.moves.iter().flat_map(|order| &order.slots);
    let kept = plan.nodes.iter().flat_map(|node| &node.kept);
    let to_stay = plan.goal.keep.iter();
    for (law, what, ranges) in [
        (law::GOAL, "ordered ranges", ordered.collect::<Vec<_>>()),
        (law::GOAL, "ranges to stay", to_stay.collect()),
        (law::EVERY_SLOT_ONCE, "kept ranges", kept.collect()),
    ] {
        let mut slots = 0u64;
        for &&(first, last) in &ranges {
            findings.demand(
                first <= last && last < SLOT_COUNT,
                law,
                &what,
                &"ascending slots below 16384",
                &format_args!("{first}-{last}"),
            );
            slots += u64::from(last.saturating_sub(first)) + 1;
        }
        findings.demand(
            slots <= 2 * u64::from(SLOT_COUNT),
            law,
            &what,
            &"each slot once",
            &format_args!("{slots} slots"),
        );
    }
}

fn check_limits(limits: &PlanLimits, findings: &mut Findings) {
    let positive = [
        ("latency_budget_ms", limits.latency_budget_ms),
        ("cluster_node_timeout_ms", limits.cluster_node_timeout_ms),
        ("keys_per_call_max", u64::from(limits.keys_per_call_max)),
        ("slots_per_batch_max", u64::from(limits.slots_per_batch_max)),
        ("proto_max_bulk_bytes", limits.proto_max_bulk_bytes),
        (
            "client_query_buffer_bytes",
            limits.client_query_buffer_bytes,
        ),
        (
            "replica_buffer_hard_bytes",
            limits.replica_buffer_hard_bytes,
        ),
        (
            "replica_buffer_soft_bytes",
            limits.replica_buffer_soft_bytes,
        ),
        ("maxmemory_bytes", limits.maxmemory_bytes.unwrap_or(1)),
        (
            "batches_side_by_side",
            u64::from(limits.batches_side_by_side),
        ),
        ("window_ms", limits.window_ms.unwrap_or(1)),
    ];
    for (name, value) in positive {
        findings.demand(value > 0, law::LIMITS, &name, &"more than 0", &value);
    }
    let settings = [
        "cluster_node_timeout_ms",
        "proto_max_bulk_bytes",
        "client_query_buffer_bytes",
        "replica_buffer_hard_bytes",
        "replica_buffer_soft_bytes",
    ];
    let in_order: Vec<&str> = settings
        .into_iter()
        .filter(|&setting| limits.assumed.iter().any(|name| name == setting))
        .collect();
    findings.demand(
        limits.assumed == in_order,
        law::LIMITS,
        &"assumed",
        &"settings of the servers, each once, in the order of the limits",
        &limits.assumed.join(", "),
    );
    findings.demand(
        limits.safety_factor.is_finite() && limits.safety_factor >= 1.0,
        law::LIMITS,
        &"safety_factor",
        &"at least 1",
        &limits.safety_factor,
    );
    findings.demand(
        (0.15..=1.0).contains(&limits.blocked_share),
        law::LIMITS,
        &"blocked_share",
        &"0.15 to 1",
        &limits.blocked_share,
    );
    findings.demand(
        (0.0..=1.0).contains(&limits.prediction_low)
            && (1.0..=1_000.0).contains(&limits.prediction_high),
        law::LIMITS,
        &"prediction_low, prediction_high",
        &"0 to 1, and 1 to 1000",
        &format_args!("{}, {}", limits.prediction_low, limits.prediction_high),
    );
    findings.demand(
        (0.0..1.0).contains(&limits.headroom),
        law::LIMITS,
        &"headroom",
        &"at least 0 and below 1",
        &limits.headroom,
    );
}
