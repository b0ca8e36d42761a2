//! One slot that moves: whether the calls that the plan wrote down still stay within its limits.

use std::collections::BTreeMap;

use preshard_analyzer::{KeyName, NamedKey};
use preshard_slots::Slot;

use super::{Comparison, Figure, Severity, figure};
use crate::moves::calls::{heavy_call, sum_of_worst, sweep_bin, unnamed_obstacle};
use crate::moves::stream::slot_stream;
use crate::plan::{Batch, Dialect, HeavyCall, HoldReason, Holding, SlotMove, SweepBin, Verdict};
use crate::survey::is_gone;

/// A sweep over the keys there are now.
#[derive(Debug, Clone, Copy, Default)]
struct SweepNow {
    predicted_us: u64,
    worst_block_us: u64,
    payload_bytes: u64,
}

impl Comparison<'_> {
    /// Whether a slot stays within the limits with the keys it has now. The largest payload of one call or command.
    pub(super) fn calls(
        &mut self,
        batch: &Batch,
        planned: &SlotMove,
        slot: Slot,
        holds: &Holding,
    ) -> u64 {
        let limits = &self.plan.limits;
        let keys = std::mem::take(&mut self.named[slot.index()]).into_iter();
        let keys: Vec<&NamedKey> = keys.filter(|key| !is_gone(key, limits)).collect();
        match self.plan.dialect {
            Dialect::SetslotMigrate => self.migrate(batch, planned, slot, holds, &keys),
            _ => self.stream(batch, planned, slot, holds, &keys),
        }
    }

    /// A slot that the servers move whole.
    fn stream(
        &mut self,
        batch: &Batch,
        planned: &SlotMove,
        slot: Slot,
        holds: &Holding,
        keys: &[&NamedKey],
    ) -> u64 {
        let (dialect, limits) = (self.plan.dialect, &self.plan.limits);
        let facts = self.newer.input.profile.slot(slot);
        let calls = match slot_stream(facts, keys, dialect, &self.thresholds, limits) {
            Ok(calls) => calls,
            Err(reasons) => {
                for reason in reasons {
                    self.refused(batch, slot, reason);
                }
                return 0;
            }
        };
        self.growth(
            batch,
            planned,
            slot,
            holds,
            calls.predicted_us,
            calls.worst_block_us,
        );
        let moved = &mut self.drift.moved;
        moved.now.add(holds);
        moved.now_us = moved.now_us.saturating_add(calls.predicted_us);
        calls.call_payload_bytes_max
    }

    /// What keeps a slot from moving that the plan moves.
    fn refused(&mut self, batch: &Batch, slot: Slot, reason: HoldReason) {
        match reason {
            HoldReason::OversizedKey { key, .. } => {
                let message =
                    "a key that cannot be moved within the limits is in a slot that moves";
                let finding = self.find_in(
                    batch,
                    slot,
                    Severity::Void,
                    "new-oversized-key",
                    message.to_owned(),
                );
                finding.key = Some(key);
            }
            HoldReason::OversizedUnnamed { worst_block_us, .. } => {
                let limit = self.thresholds.call_us;
                let message = "keys that are not listed by name exceed the limits alone".to_owned();
                let finding =
                    self.find_in(batch, slot, Severity::Void, "oversized-unnamed", message);
                finding.figures = vec![figure("block_us", None, worst_block_us, Some(limit))];
            }
            _ => {
                let message = "the slot cannot be moved now".to_owned();
                self.find_in(batch, slot, Severity::Void, "held-now", message);
            }
        }
    }

    /// A slot that moves by calls: whether each stays within the limits. The largest payload of one.
    fn migrate(
        &mut self,
        batch: &Batch,
        planned: &SlotMove,
        slot: Slot,
        holds: &Holding,
        keys: &[&NamedKey],
    ) -> u64 {
        let facts = self.newer.input.profile.slot(slot);
        let mut bins: Vec<SweepBin> = facts
            .unnamed
            .bins()
            .iter()
            .map(|bin| sweep_bin(bin, facts))
            .collect();
        let mut heavy: BTreeMap<(u64, &KeyName), &HeavyCall> = planned
            .heavy
            .iter()
            .map(|call| ((call.db, &call.key), call))
            .collect();
        let (mut predicted_us, mut worst_block_us, mut most_payload) = (0u64, 0, 0);
        for &key in keys {
            let now = heavy_call(key, &self.thresholds);
            match heavy.remove(&(key.db, &key.key)) {
                Some(call) => {
                    self.heavy(batch, slot, call, &now);
                    predicted_us = predicted_us.saturating_add(now.block_us);
                    worst_block_us = worst_block_us.max(now.block_us);
                    most_payload = most_payload.max(now.payload_bytes);
                }
                None => {
                    self.new_key(batch, slot, key, &now);
                    bins.push(SweepBin {
                        block_ns: key.cost.block_ns,
                        restore_ns: key.cost.restore_ns,
                        payload_bytes: key.sizes.payload_bytes,
                        keys: 1,
                    });
                }
            }
        }
        for call in heavy.into_values() {
            let floor_us = self.newer.input.profile.floor_block_ns / 1_000;
            let message = format!(
                "the key has a call of its own in the plan, and is gone or has shrunk below {floor_us} us"
            );
            let finding = self.find_in(batch, slot, Severity::Note, "key-gone", message);
            (finding.db, finding.key) = (Some(call.db), Some(call.key.clone()));
            finding.figures = vec![Figure {
                what: "block_us".to_owned(),
                planned: Some(call.block_us),
                now: None,
                limit: None,
            }];
        }
        if let Some(reason) = unnamed_obstacle(facts, &self.thresholds) {
            self.refused(batch, slot, reason);
        }
        let sweep = self.sweep(batch, planned, slot, &bins);
        predicted_us = predicted_us.saturating_add(sweep.predicted_us);
        worst_block_us = worst_block_us.max(sweep.worst_block_us);
        self.growth(batch, planned, slot, holds, predicted_us, worst_block_us);
        let moved = &mut self.drift.moved;
        moved.now.add(holds);
        moved.now_us = moved.now_us.saturating_add(predicted_us);
        most_payload.max(sweep.payload_bytes)
    }

    /// A key that the plan gives a call of its own.
    fn heavy(&mut self, batch: &Batch, slot: Slot, planned: &HeavyCall, now: &HeavyCall) {
        let verdict = self
            .thresholds
            .verdict(now.block_us, now.restore_us, now.payload_bytes);
        let consents = self.plan.limits.allow_oversized;
        let limit_us = self.thresholds.call_us;
        let figures = vec![
            figure(
                "block_us",
                Some(planned.block_us),
                now.block_us,
                Some(limit_us),
            ),
            figure(
                "payload_bytes",
                Some(planned.payload_bytes),
                now.payload_bytes,
                Some(self.thresholds.payload_bytes_end.saturating_sub(1)),
            ),
        ];
        let grew = self.grew(planned.block_us, now.block_us)
            || self.grew(planned.payload_bytes, now.payload_bytes);
        let (severity, name, message) = match verdict {
            Verdict::Forbidden | Verdict::PayloadLimit => (
                Severity::Void,
                "key-over-limits",
                "the key cannot be moved any more",
            ),
            Verdict::Oversized if !consents => (
                Severity::Void,
                "key-over-limits",
                "the key exceeds the latency budget now",
            ),
            _ if planned.data_type != now.data_type => {
                (Severity::Note, "key-changed", "the key holds another type")
            }
            _ if grew => (Severity::Note, "key-grew", "the key grew"),
            _ => {
                self.timeout(batch, slot, planned.timeout_ms, now.restore_us);
                return;
            }
        };
        let finding = self.find_in(batch, slot, severity, name, message.to_owned());
        (finding.db, finding.key) = (Some(now.db), Some(now.key.clone()));
        finding.figures = figures;
        self.timeout(batch, slot, planned.timeout_ms, now.restore_us);
    }

    /// A named key that the plan has no call for: the sweep meets it.
    fn new_key(&mut self, batch: &Batch, slot: Slot, key: &NamedKey, now: &HeavyCall) {
        let verdict = self
            .thresholds
            .verdict(now.block_us, now.restore_us, now.payload_bytes);
        if verdict < Verdict::OwnCall {
            return;
        }
        let (severity, name, message) = match verdict {
            Verdict::OwnCall => (
                Severity::Note,
                "new-heavy-key",
                "a key that deserves a call of its own has none in the plan: the sweep takes it",
            ),
            _ => (
                Severity::Void,
                "new-oversized-key",
                "a key that cannot be moved within the limits is in a slot that moves",
            ),
        };
        let limit_us = self.thresholds.call_us;
        let end = self.thresholds.payload_bytes_end;
        let finding = self.find_in(batch, slot, severity, name, message.to_owned());
        (finding.db, finding.key) = (Some(key.db), Some(key.key.clone()));
        finding.figures = vec![
            figure("block_us", None, now.block_us, Some(limit_us)),
            figure(
                "payload_bytes",
                None,
                now.payload_bytes,
                Some(end.saturating_sub(1)),
            ),
        ];
    }

    /// The sweep as the plan sized it, over the keys there are now.
    fn sweep(
        &mut self,
        batch: &Batch,
        planned: &SlotMove,
        slot: Slot,
        bins: &[SweepBin],
    ) -> SweepNow {
        let keys: u64 = bins.iter().map(|bin| bin.keys).sum();
        if keys == 0 {
            return SweepNow::default();
        }
        let Some(sweep) = &planned.sweep else {
            let message = "the plan has no call for keys that came since".to_owned();
            let finding = self.find_in(batch, slot, Severity::Void, "keys-without-call", message);
            finding.figures = vec![figure("keys", Some(0), keys, None)];
            return SweepNow::default();
        };
        let descending = |value: fn(&SweepBin) -> u64| {
            let mut pairs: Vec<(u64, u64)> =
                bins.iter().map(|bin| (value(bin), bin.keys)).collect();
            pairs.sort_unstable_by(|a, b| b.cmp(a));
            pairs
        };
        let together = u64::from(sweep.keys_per_call);
        let block_ns = sum_of_worst(&descending(|bin| bin.block_ns), together);
        let worst_block_us = self.thresholds.call_block_us(block_ns);
        let payload_bytes = sum_of_worst(&descending(|bin| bin.payload_bytes), together);
        let restore_ns = bins.iter().map(|bin| bin.restore_ns).max().unwrap_or(0);
        let (limit_us, end) = (self.thresholds.call_us, self.thresholds.payload_bytes_end);
        if worst_block_us > limit_us {
            let message = format!(
                "{together} keys together, as the plan sweeps the slot, may exceed the latency budget now"
            );
            let finding = self.find_in(batch, slot, Severity::Void, "sweep-block", message);
            finding.figures = vec![figure(
                "block_us",
                Some(sweep.worst_block_us),
                worst_block_us,
                Some(limit_us),
            )];
        }
        if payload_bytes >= end {
            let message = format!(
                "{together} keys together, as the plan sweeps the slot, may exceed a limit of payload now"
            );
            let finding = self.find_in(batch, slot, Severity::Void, "sweep-payload", message);
            finding.figures = vec![figure(
                "payload_bytes",
                Some(sweep.payload_bytes_max),
                payload_bytes,
                Some(end.saturating_sub(1)),
            )];
        }
        self.timeout(batch, slot, sweep.timeout_ms, restore_ns.div_ceil(1_000));
        let keys_ns = bins.iter().fold(0u64, |sum, bin| {
            sum.saturating_add(bin.block_ns.saturating_mul(bin.keys))
        });
        let calls = keys.div_ceil(together.max(1));
        SweepNow {
            predicted_us: calls
                .saturating_mul(self.plan.limits.call_fixed_us)
                .saturating_add(keys_ns.div_ceil(1_000)),
            worst_block_us,
            payload_bytes,
        }
    }

    /// Whether a timeout still covers the longest silence of the target.
    ///
    /// The rule asks for twice that silence and a second, which is for what the target does besides. The plan is void where
    /// the timeout does not cover twice the silence alone; where it does, part of the second is spent, which is told once a
    /// tenth of it is gone.
    fn timeout(&mut self, batch: &Batch, slot: Slot, timeout_ms: u64, restore_us: u64) {
        const SECOND_MS: u64 = 1_000;
        let asked_ms = self.thresholds.timeout_ms(restore_us);
        let severity = if asked_ms.saturating_sub(SECOND_MS) >= timeout_ms {
            Severity::Void
        } else if asked_ms > timeout_ms.saturating_add(SECOND_MS / 10) {
            Severity::Note
        } else {
            return;
        };
        let message =
            "the timeout of a call is shorter than the rule asks for the silence that the target may have now".to_owned();
        let finding = self.find_in(batch, slot, severity, "timeout-too-short", message);
        finding.figures = vec![figure("timeout_ms", Some(timeout_ms), asked_ms, None)];
    }

    /// Growth that breaks nothing by itself.
    fn growth(
        &mut self,
        batch: &Batch,
        planned: &SlotMove,
        slot: Slot,
        now: &Holding,
        predicted_us: u64,
        worst_block_us: u64,
    ) {
        let figures: Vec<Figure> = [
            ("keys", planned.keys, now.keys),
            ("payload_bytes", planned.payload_bytes, now.payload_bytes),
            ("memory_bytes", planned.memory_bytes, now.memory_bytes),
            ("predicted_us", planned.predicted_us, predicted_us),
            ("worst_block_us", planned.worst_block_us, worst_block_us),
        ]
        .into_iter()
        .filter(|&(_, planned, now)| self.grew(planned, now))
        .map(|(what, planned, now)| figure(what, Some(planned), now, None))
        .collect();
        if !figures.is_empty() {
            let message = "the slot grew by more than the tolerance".to_owned();
            self.find_in(batch, slot, Severity::Note, "slot-grew", message)
                .figures = figures;
        }
    }

    fn grew(&self, planned: u64, now: u64) -> bool {
        now > planned && (now - planned) as f64 > self.newer.tolerance * planned as f64
    }
}
