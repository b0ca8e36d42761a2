//! How each rule stands in a plan: what it was given, and what it held back.

mod run;

use crate::PlanLimits;
use crate::account::rules::{RULES, Rule};
use crate::course::schedule::Bundle;
use crate::moves::calls::{SlotCalls, SweepBound};
use crate::moves::verdict::Thresholds;
use crate::plan::{
    Batch, Check, HeldSlot, HoldReason, OversizedKey, RuleReport, RuleStatus, Schedule,
};
use crate::roster::Roster;
use crate::survey::{SlotState, Survey};
use crate::words::{in_mib, in_ms};

/// One report for each rule.
pub(crate) fn rule_reports(evidence: &Evidence<'_>) -> Vec<RuleReport> {
    RULES
        .iter()
        .map(|text| {
            let (status, detail) = if text.rule.applies_to(evidence.survey.dialect) {
                evidence.with_checks(text.rule, evidence.judge(text.rule))
            } else {
                (
                    RuleStatus::NotApplicable,
                    "slots do not move this way".to_owned(),
                )
            };
            RuleReport {
                rule: text.name.to_owned(),
                demands: text.demands.to_owned(),
                because: text.because.to_owned(),
                status,
                detail,
            }
        })
        .collect()
}

/// What rules are judged from.
pub(crate) struct Evidence<'a> {
    pub(crate) limits: &'a PlanLimits,
    pub(crate) thresholds: Thresholds,
    pub(crate) roster: &'a Roster,
    pub(crate) survey: &'a Survey,
    pub(crate) bundles: &'a [Bundle],
    pub(crate) batches: &'a [Batch],
    pub(crate) schedule: &'a Schedule,
    pub(crate) held: &'a [HeldSlot],
    pub(crate) oversized: &'a [OversizedKey],
    pub(crate) preflight: &'a [Check],
}

impl Evidence<'_> {
    fn judge(&self, rule: Rule) -> (RuleStatus, String) {
        let limits = self.limits;
        let broken = self.keys_that_break(rule);
        let factor = limits.factor();
        let clock_ms = limits.cluster_node_timeout_ms;
        match rule {
            Rule::BlockBudget => {
                let unnamed =
                    self.held_for(|reason| matches!(reason, HoldReason::OversizedUnnamed { .. }));
                let cap = if limits.latency_budget_ms <= clock_ms / 2 {
                    format!("the latency budget of {} ms", limits.latency_budget_ms)
                } else {
                    format!("half the node timeout of {clock_ms} ms")
                };
                (
                    bound_if(broken + unnamed > 0),
                    format!(
                        "a call may block for {}: {cap}, divided by {factor}, since every prediction is taken {factor} \
                         times; {} longer, {} held for keys without a name",
                        in_ms(self.thresholds.call_us),
                        counted_with(broken, "named key takes", "named keys take"),
                        counted_with(unnamed, "slot is", "slots are"),
                    ),
                )
            }
            Rule::RestoreFailoverClock => (
                bound_if(broken > 0),
                format!(
                    "the target may be busy with one key for less than {}: half the node timeout of {clock_ms} ms, \
                     divided by {factor}; {} longer",
                    in_ms(self.thresholds.clock_restore_us + 1),
                    counted_with(broken, "named key takes", "named keys take"),
                ),
            ),
            Rule::TimeoutFromSilence => {
                let longest = self
                    .moving_calls()
                    .flat_map(|calls| {
                        let heavy = calls.heavy.iter().map(|call| call.timeout_ms);
                        heavy.chain(calls.sweep.as_ref().map(|sweep| sweep.timeout_ms))
                    })
                    .max();
                let longest = match longest {
                    Some(ms) => format!("the longest timeout of a call is {ms} ms"),
                    None => "no call needs a timeout".to_owned(),
                };
                (
                    bound_if(broken > 0),
                    format!(
                        "{longest}, and none may reach the node timeout of {clock_ms} ms; {} one that does",
                        counted_with(broken, "named key would need", "named keys would need"),
                    ),
                )
            }
            Rule::PayloadLimits => {
                let cut = self
                    .bundles
                    .iter()
                    .filter(|bundle| bundle.cut_by_payload)
                    .count();
                let swept = self.sweeps_bound_by(SweepBound::Payload);
                (
                    bound_if(broken > 0 || cut > 0 || swept > 0),
                    format!(
                        "a call must carry less than {}, and a batch of several slots at most {}; {} more, {} early \
                         for it, {} fewer keys a call for it",
                        in_mib(self.thresholds.payload_bytes_end),
                        in_mib(limits.replica_buffer_soft_bytes),
                        counted_with(broken, "named key carries", "named keys carry"),
                        counted_with(cut, "batch ends", "batches end"),
                        counted_with(swept, "slot takes", "slots take"),
                    ),
                )
            }
            Rule::MemoryHeadroom => self.judge_memory(),
            Rule::BatchByTime => {
                let swept = self.sweeps_bound_by(SweepBound::Block);
                let own = self
                    .moving_calls()
                    .map(|calls| calls.heavy.len())
                    .sum::<usize>();
                (
                    bound_if(swept > 0 || own > 0),
                    format!(
                        "a call moves at most {} keys; {} fewer keys a call to stay within the time, {} a call of \
                         {} own",
                        limits.keys_per_call_max,
                        counted_with(swept, "slot takes", "slots take"),
                        counted_with(own, "key gets", "keys get"),
                        if own == 1 { "its" } else { "their" },
                    ),
                )
            }
            Rule::Order => (
                RuleStatus::Satisfied,
                match (self.bundles.len(), self.schedule.waves.len()) {
                    (0, _) => "nothing moves".to_owned(),
                    (1, _) => "one batch".to_owned(),
                    (count, waves) if count == waves => {
                        format!("{count} batches, one after another, the mildest first")
                    }
                    (count, waves) => {
                        format!("{count} batches in {waves} waves, the mildest first")
                    }
                },
            ),
            Rule::PinNotMove => {
                let pinned = self
                    .held
                    .iter()
                    .filter(|held| held.in_the_way && held.reasons.iter().any(is_for_keys))
                    .count();
                let others = self.held_for(is_for_keys) - pinned;
                let mut detail = format!(
                    "{} for the sake of keys though the goal would move it",
                    counted_with(pinned, "slot stays", "slots stay, each")
                );
                if others > 0 {
                    detail = format!(
                        "{detail}; {} keys that could not move either, but nobody asks for that",
                        counted_with(others, "other slot has", "other slots have"),
                    );
                }
                (bound_if(pinned > 0), detail)
            }
            Rule::Preflight => (
                RuleStatus::Unverified,
                "no backup shows whether the cluster is whole, at rest, and as the plan says"
                    .to_owned(),
            ),
            other => self.judge_run(other),
        }
    }

    /// A rule that holds nothing back may do so on the real cluster, as long as there is something to be looked up.
    fn with_checks(&self, rule: Rule, judged: (RuleStatus, String)) -> (RuleStatus, String) {
        let (status, detail) = self.with_assumed(rule, judged);
        let unknown = self.preflight.iter().any(|check| check.rule == rule.name());
        match status {
            RuleStatus::Satisfied if unknown => (RuleStatus::Unverified, detail),
            status => (status, detail),
        }
    }

    /// Names the servers' defaults that stand in for what nobody stated.
    fn with_assumed(
        &self,
        rule: Rule,
        (status, detail): (RuleStatus, String),
    ) -> (RuleStatus, String) {
        let limits = self.limits;
        let defaults: Vec<String> = limits
            .assumed
            .iter()
            .filter(|name| rule.rests_on().contains(&name.as_str()))
            .filter_map(|name| {
                let value = match name.as_str() {
                    "cluster_node_timeout_ms" => format!("{} ms", limits.cluster_node_timeout_ms),
                    "proto_max_bulk_bytes" => in_mib(limits.proto_max_bulk_bytes),
                    "client_query_buffer_bytes" => in_mib(limits.client_query_buffer_bytes),
                    "replica_buffer_hard_bytes" => in_mib(limits.replica_buffer_hard_bytes),
                    _ => in_mib(limits.replica_buffer_soft_bytes),
                };
                let (_, setting) = PlanLimits::OF_SERVERS
                    .into_iter()
                    .find(|(limit, _)| limit == name)?;
                Some(format!("{setting} {value}"))
            })
            .collect();
        if defaults.is_empty() {
            return (status, detail);
        }
        let status = match status {
            RuleStatus::Satisfied => RuleStatus::Unverified,
            other => other,
        };
        let whose = match rule {
            Rule::PayloadLimits => "the targets",
            _ => "every node",
        };
        let detail = format!(
            "{detail}; nobody stated {}, so the server's default stands in: compare with CONFIG GET on {whose}",
            defaults.join(", ")
        );
        (status, detail)
    }

    fn moving(&self) -> impl Iterator<Item = &SlotState> {
        self.bundles
            .iter()
            .flat_map(|bundle| &bundle.slots)
            .map(|&slot| self.survey.slot(slot))
    }

    fn moving_calls(&self) -> impl Iterator<Item = &SlotCalls> {
        self.moving().filter_map(SlotState::calls)
    }

    fn sweeps_bound_by(&self, bound: SweepBound) -> usize {
        self.moving_calls()
            .filter(|calls| calls.sweep_bound_by == Some(bound))
            .count()
    }

    fn keys_that_break(&self, rule: Rule) -> usize {
        self.oversized
            .iter()
            .filter(|key| key.rules.iter().any(|name| name == rule.name()))
            .count()
    }

    fn held_for(&self, matches: impl Fn(&HoldReason) -> bool) -> usize {
        self.survey
            .iter()
            .filter_map(|(_, state)| state.standing.as_ref().err())
            .filter(|reasons| reasons.iter().any(&matches))
            .count()
    }
}

fn bound_if(bound: bool) -> RuleStatus {
    if bound {
        RuleStatus::Bound
    } else {
        RuleStatus::Satisfied
    }
}

fn is_for_keys(reason: &HoldReason) -> bool {
    matches!(
        reason,
        HoldReason::OversizedKey { .. } | HoldReason::OversizedUnnamed { .. }
    )
}

fn counted_with(count: usize, one: &str, many: &str) -> String {
    match count {
        0 => format!("no {one}"),
        1 => format!("1 {one}"),
        _ => format!("{count} {many}"),
    }
}
