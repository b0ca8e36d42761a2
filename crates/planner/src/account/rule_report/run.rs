//! Rules of memory, of the schedule, and of the run itself.

use super::{Evidence, bound_if, counted_with};
use crate::account::rules::Rule;
use crate::moves::stream::MANAGED_ITEM_BYTES;
use crate::plan::{Dialect, HoldReason, RuleStatus};
use crate::words::{in_mib, in_ms, in_percent, number_in_words};

impl Evidence<'_> {
    pub(super) fn judge_run(&self, rule: Rule) -> (RuleStatus, String) {
        if self.bundles.is_empty()
            && !matches!(
                rule,
                Rule::Expiries
                    | Rule::Window
                    | Rule::ManagedService
                    | Rule::AtomicMigration
                    | Rule::Versions
            )
        {
            return (RuleStatus::Satisfied, "nothing moves".to_owned());
        }
        match rule {
            Rule::MultiKeyOutage => self.longest_slot(),
            Rule::Expiries => self.expiries(),
            Rule::AtomicMigration => self.atomic(),
            Rule::ClockIsNoEdge => (
                RuleStatus::Satisfied,
                format!(
                    "half of {} ms, in all rules that rest on it",
                    self.limits.cluster_node_timeout_ms
                ),
            ),
            Rule::ClusterBudget => self.side_by_side(),
            Rule::TargetReplica => {
                let batches = self.batches.iter();
                let most = batches.map(|batch| batch.carries.payload_bytes).max();
                (
                    RuleStatus::Satisfied,
                    format!(
                        "the largest batch sends {} to the target's replicas, and the plan waits for them behind each batch",
                        in_mib(most.unwrap_or(0))
                    ),
                )
            }
            Rule::AtomicHeadroom => (
                RuleStatus::Satisfied,
                "room is reckoned for whole tasks, as commands bring them: values that commands have filled take about 2.4 % more \
                 than the loaded ones counted here"
                    .to_owned(),
            ),
            Rule::Versions => self.versions(),
            Rule::BlockedShare => (
                RuleStatus::Satisfied,
                format!(
                    "behind each call the source rests {} times as long as the call took: at most {} of any {} that a node is \
                     blocked",
                    number_in_words(self.schedule.pause_per_block),
                    in_percent(self.limits.blocked_share),
                    in_ms(self.schedule.span_us),
                ),
            ),
            Rule::Window => self.window(),
            Rule::ManagedService => {
                let refused = self
                    .oversized
                    .iter()
                    .filter(|key| key.payload_bytes > MANAGED_ITEM_BYTES)
                    .count();
                (
                    bound_if(refused > 0),
                    format!(
                        "{} over the {} bytes that the service migrates",
                        counted_with(refused, "named key is", "named keys are"),
                        MANAGED_ITEM_BYTES
                    ),
                )
            }
            _ => (
                RuleStatus::AtRun,
                "for whoever runs the plan to keep".to_owned(),
            ),
        }
    }

    fn longest_slot(&self) -> (RuleStatus, String) {
        let moves = self.batches.iter().flat_map(|batch| &batch.moves);
        let longest = moves.max_by_key(|slot_move| (slot_move.predicted_us, slot_move.slot));
        let detail = longest.map_or_else(String::new, |slot_move| {
            format!(
                "slot {} takes longest: {} of calls as predicted, besides pauses and round trips",
                slot_move.slot,
                in_ms(slot_move.predicted_us)
            )
        });
        (RuleStatus::Satisfied, detail)
    }

    fn expiries(&self) -> (RuleStatus, String) {
        let gone: u64 = self
            .survey
            .iter()
            .map(|(_, state)| state.expired_keys)
            .sum();
        let moving = self.batches.iter();
        let expiring: u64 = moving.map(|batch| batch.carries.expiring_keys).sum();
        let gone = match (self.limits.starts_at_ms, gone) {
            (None, _) => {
                "nobody said when the plan begins, so every key counts as there".to_owned()
            }
            (Some(_), 0) => "no key with a name expires before the plan begins".to_owned(),
            (Some(_), 1) => {
                "1 key with a name expires before the plan begins, and is not planned for"
                    .to_owned()
            }
            (Some(_), gone) => {
                format!(
                    "{gone} keys with a name expire before the plan begins, and are not planned for"
                )
            }
        };
        let status = bound_if(self.survey.iter().any(|(_, state)| state.expired_keys > 0));
        (
            status,
            format!("{gone}; of the keys that move {expiring} have an expiry"),
        )
    }

    fn atomic(&self) -> (RuleStatus, String) {
        let broken = self.keys_that_break(Rule::AtomicMigration);
        let largest = self
            .batches
            .iter()
            .map(|batch| batch.carries.payload_bytes)
            .max();
        let over = self
            .batches
            .iter()
            .filter(|batch| batch.carries.payload_bytes > self.limits.replica_buffer_hard_bytes)
            .count();
        let cut = self
            .bundles
            .iter()
            .filter(|bundle| bundle.cut_by_payload)
            .count();
        (
            bound_if(broken > 0 || cut > 0),
            format!(
                "{} longer than a call may; the largest task carries {}, {} more than the {} that replicas may have waiting, {} \
                 early for it",
                counted_with(
                    broken,
                    "single command of a named key takes",
                    "single commands of named keys take"
                ),
                in_mib(largest.unwrap_or(0)),
                counted_with(over, "task of one slot carries", "tasks of one slot carry"),
                in_mib(self.limits.replica_buffer_hard_bytes),
                counted_with(cut, "task ends", "tasks end"),
            ),
        )
    }

    fn side_by_side(&self) -> (RuleStatus, String) {
        let most = self
            .schedule
            .waves
            .iter()
            .map(|wave| wave.batches.len())
            .max();
        let worst = self
            .schedule
            .waves
            .iter()
            .map(|wave| wave.worst_blocks_us)
            .max();
        (
            RuleStatus::Satisfied,
            format!(
                "at most {} at a time of {} allowed; the worst calls of a wave come to {} together",
                counted_with(most.unwrap_or(0), "batch", "batches"),
                self.limits.batches_side_by_side,
                in_ms(worst.unwrap_or(0)),
            ),
        )
    }

    fn versions(&self) -> (RuleStatus, String) {
        let barred = self.roster.barred_targets;
        let known = self
            .roster
            .members
            .iter()
            .all(|member| member.server.is_some());
        let what = match self.survey.dialect {
            Dialect::SetslotMigrate => "takes the payloads of every source",
            Dialect::Managed => "is the service's to keep",
            _ => "moves slots itself",
        };
        let detail = match (barred, known) {
            (0, true) => format!("each target {what}"),
            (0, false) => format!("each target whose server is known {what}"),
            (1, _) => "1 node may only give, since it does not take what others dump".to_owned(),
            (count, _) => {
                format!("{count} nodes may only give, since they do not take what others dump")
            }
        };
        (bound_if(barred > 0), detail)
    }

    fn window(&self) -> (RuleStatus, String) {
        let Some(window_ms) = self.limits.window_ms else {
            return (RuleStatus::Satisfied, "none was asked for".to_owned());
        };
        let too_long = self.held_for(|reason| matches!(reason, HoldReason::NoWindow { .. }));
        let windows = self.schedule.windows.unwrap_or(0);
        (
            bound_if(too_long > 0 || windows > 1),
            format!(
                "{} of {} needed; {} longer than one",
                counted_with(windows as usize, "window", "windows"),
                in_ms(window_ms.saturating_mul(1_000)),
                counted_with(too_long, "slot may take", "slots may take"),
            ),
        )
    }

    pub(super) fn judge_memory(&self) -> (RuleStatus, String) {
        let unknown: u64 = self.moving().map(|state| state.memory_unknown_keys).sum();
        let largest_call = self
            .moving_calls()
            .map(|calls| calls.call_payload_bytes_max)
            .max()
            .unwrap_or(0);
        if self.bundles.is_empty() && !self.roster.has_maxmemory() {
            return (RuleStatus::Satisfied, "nothing moves".to_owned());
        }
        let ends = self
            .bundles
            .iter()
            .flat_map(|bundle| [bundle.from, bundle.to]);
        let mut stated = ends.map(|node| self.roster.members[node].facts.maxmemory_bytes);
        if !self.roster.has_maxmemory() || stated.any(|maxmemory| maxmemory.is_none()) {
            return (
                RuleStatus::Unverified,
                format!(
                    "maxmemory was not stated for every node: check on every target that the memory it ends with fits with \
                     headroom to spare, and that each source has room for 3 times the largest call while it gives ({} bytes)",
                    largest_call.saturating_mul(3)
                ),
            );
        }
        let refused = self.held_for(|reason| matches!(reason, HoldReason::NoRoom));
        let status = match (refused, unknown) {
            (0, 0) => RuleStatus::Satisfied,
            (0, _) => RuleStatus::Unverified,
            _ => RuleStatus::Bound,
        };
        (
            status,
            format!(
                "a target may fill {} of its maxmemory, what an empty server and its buffers take not counted; the largest call \
                 carries {}; {} no room{}",
                in_percent(1.0 - self.limits.headroom),
                in_mib(largest_call),
                counted_with(refused, "slot finds", "slots find"),
                match unknown {
                    0 => String::new(),
                    _ => format!(
                        "; the memory of {unknown} moved keys is not known and counts as nothing"
                    ),
                },
            ),
        )
    }
}
