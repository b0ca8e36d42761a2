//! How each rule stands in a plan: what it was given, and what it held back.

use crate::PlanLimits;
use crate::calls::{SlotCalls, SweepBound};
use crate::loads::room_bytes;
use crate::plan::{HoldReason, OversizedKey, RuleReport, RuleStatus};
use crate::rules::Rule;
use crate::schedule::Bundle;
use crate::survey::{SlotState, Survey};
use crate::verdict::Thresholds;

/// One report for each rule.
pub(crate) fn rule_reports(
    limits: &PlanLimits,
    survey: &Survey,
    bundles: &[Bundle],
    oversized: &[OversizedKey],
) -> Vec<RuleReport> {
    let evidence = Evidence {
        limits,
        thresholds: Thresholds::new(limits),
        survey,
        bundles,
        oversized,
    };
    Rule::ALL
        .into_iter()
        .map(|rule| {
            let (status, detail) = evidence.judge(rule);
            RuleReport {
                rule: rule.name().to_owned(),
                demands: rule.demands().to_owned(),
                because: rule.because().to_owned(),
                status,
                detail,
            }
        })
        .collect()
}

struct Evidence<'a> {
    limits: &'a PlanLimits,
    thresholds: Thresholds,
    survey: &'a Survey,
    bundles: &'a [Bundle],
    oversized: &'a [OversizedKey],
}

impl Evidence<'_> {
    fn judge(&self, rule: Rule) -> (RuleStatus, String) {
        let limits = self.limits;
        let broken = self.keys_that_break(rule);
        match rule {
            Rule::BlockBudget => {
                let unnamed =
                    self.held_for(|reason| matches!(reason, HoldReason::OversizedUnnamed { .. }));
                (
                    bound_if(broken + unnamed > 0),
                    format!(
                        "L = {} ms, N = {} ms, f = {}: a call may take {} as predicted; {broken} \
                         named keys take longer, {unnamed} slots are held for keys without a name",
                        limits.latency_budget_ms,
                        limits.cluster_node_timeout_ms,
                        limits.safety_factor,
                        in_ms(self.thresholds.call_us),
                    ),
                )
            }
            Rule::RestoreFailoverClock => (
                bound_if(broken > 0),
                format!(
                    "a RESTORE may take {} as predicted; {broken} named keys take longer",
                    in_ms(self.thresholds.clock_restore_us)
                ),
            ),
            Rule::TimeoutFromSilence => {
                let longest = self
                    .moving_calls()
                    .flat_map(|calls| {
                        let heavy = calls.heavy.iter().map(|call| call.timeout_ms);
                        heavy.chain(calls.sweep.as_ref().map(|sweep| sweep.timeout_ms))
                    })
                    .max()
                    .unwrap_or(0);
                (
                    bound_if(broken > 0),
                    format!(
                        "the longest timeout of the plan is {longest} ms, below N = {} ms; {broken} named \
                         keys would need one that is not",
                        limits.cluster_node_timeout_ms
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
                        "a call must carry less than {} bytes and a batch of several slots at most {}; {broken} \
                         named keys carry more, {cut} batches end early, {swept} sweeps take fewer keys a call",
                        self.thresholds.payload_bytes_end, limits.replica_buffer_soft_bytes
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
                        "at most {} keys a call; {swept} sweeps take fewer, {own} keys get their own call",
                        limits.keys_per_call_max
                    ),
                )
            }
            Rule::Order => (
                RuleStatus::Satisfied,
                format!("{} batches, one after another", self.bundles.len()),
            ),
            Rule::PinNotMove => {
                let pinned = self.held_for(|reason| {
                    matches!(
                        reason,
                        HoldReason::OversizedKey { .. } | HoldReason::OversizedUnnamed { .. }
                    )
                });
                (
                    bound_if(pinned > 0),
                    format!("{pinned} slots stay for the sake of their keys"),
                )
            }
        }
    }

    fn judge_memory(&self) -> (RuleStatus, String) {
        let unknown: u64 = self.moving().map(|state| state.memory_unknown_keys).sum();
        let largest_call = self
            .moving_calls()
            .map(|calls| calls.call_payload_bytes_max)
            .max()
            .unwrap_or(0);
        let (Some(maxmemory), Some(room)) = (self.limits.maxmemory_bytes, room_bytes(self.limits))
        else {
            if self.bundles.is_empty() {
                return (RuleStatus::Satisfied, "nothing moves".to_owned());
            }
            return (
                RuleStatus::Unverified,
                format!(
                    "no maxmemory was stated: check on every target that the memory it ends with fits with \
                     headroom to spare, and that each source has {} bytes free while it gives (3 times the largest call)",
                    largest_call.saturating_mul(3)
                ),
            );
        };
        let refused = self.held_for(|reason| matches!(reason, HoldReason::NoRoom));
        let status = match (refused, unknown) {
            (0, 0) => RuleStatus::Satisfied,
            (0, _) => RuleStatus::Unverified,
            _ => RuleStatus::Bound,
        };
        (
            status,
            format!(
                "maxmemory is {maxmemory} bytes, of which a target may fill {room}; the largest call carries \
                 {largest_call} bytes; {refused} slots find no room; {unknown} moved keys of unknown memory count \
                 as nothing"
            ),
        )
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

/// Milliseconds with no more digits than the microseconds have.
fn in_ms(us: u64) -> String {
    let (whole, part) = (us / 1_000, us % 1_000);
    match part {
        0 => format!("{whole} ms"),
        _ => format!("{whole}.{part:03} ms"),
    }
}
