//! Keys that stand in the way, with what can be done about each.

use std::cmp::Reverse;

use preshard_analyzer::NamedKey;

use crate::account::remedies::Case;
use crate::account::remedy::{Fate, remedy};
use crate::account::rules::Rule;
use crate::course::schedule::Bundle;
use crate::moves::calls::heavy_call;
use crate::moves::stream::{command, has_unknown_elements, verdict_of};
use crate::moves::verdict::Thresholds;
use crate::plan::{Dialect, HeldSlot, OversizedKey, Verdict};
use crate::roster::Roster;
use crate::survey::{Survey, is_gone};
use crate::{PlanInput, PlanLimits};

/// Keys that move in one task with others, and may hold an element that stops the target.
pub(crate) fn unknown_elements(
    input: &PlanInput<'_>,
    limits: &PlanLimits,
    survey: &Survey,
    bundles: &[Bundle],
) -> usize {
    if !survey.dialect.is_atomic() {
        return 0;
    }
    let moving = moving_slots(bundles);
    let named = input.profile.named().iter();
    named
        .filter(|key| moving.binary_search(&key.slot.number()).is_ok())
        .filter(|key| has_unknown_elements(key, survey.dialect, limits))
        .count()
}

fn moving_slots(bundles: &[Bundle]) -> Vec<u16> {
    let slots = bundles
        .iter()
        .flat_map(|bundle| bundle.slots.iter().copied());
    let mut moving: Vec<u16> = slots.collect();
    moving.sort_unstable();
    moving
}

/// Keys that cannot be moved within the limits, worst first.
pub(crate) fn oversized(
    input: &PlanInput<'_>,
    limits: &PlanLimits,
    roster: &Roster,
    survey: &Survey,
    held: &[HeldSlot],
    bundles: &[Bundle],
) -> Vec<OversizedKey> {
    let dialect = survey.dialect;
    let moving = moving_slots(bundles);
    let fate = |slot: u16| {
        if moving.binary_search(&slot).is_ok() {
            return Fate::Moves;
        }
        let at = held.binary_search_by_key(&slot, |held| held.slot);
        match at {
            Ok(at) if held[at].in_the_way => Fate::StaysThough,
            _ => Fate::Untouched,
        }
    };
    let thresholds = Thresholds::new(limits);
    let mut keys: Vec<(Verdict, &NamedKey)> = input
        .profile
        .named()
        .iter()
        .filter(|key| !is_gone(key, limits))
        .map(|key| match dialect {
            Dialect::SetslotMigrate => {
                let call = heavy_call(key, &thresholds);
                let verdict =
                    thresholds.verdict(call.block_us, call.restore_us, call.payload_bytes);
                (verdict, key)
            }
            _ => (verdict_of(key, dialect, &thresholds), key),
        })
        .filter(|&(verdict, _)| verdict >= Verdict::Oversized)
        .collect();
    // What counts of a key: the stop of the source by MIGRATE, that of the target elsewhere.
    let stop_ns = |key: &NamedKey| match dialect {
        Dialect::SetslotMigrate => key.cost.block_ns,
        _ => key.cost.restore_ns,
    };
    keys.sort_unstable_by(|(verdict_a, a), (verdict_b, b)| {
        (Reverse(verdict_a), Reverse(stop_ns(a)))
            .cmp(&(Reverse(verdict_b), Reverse(stop_ns(b))))
            .then_with(|| a.rank(b))
    });
    keys.into_iter()
        .map(|(verdict, key)| {
            let call = match dialect {
                Dialect::SetslotMigrate => heavy_call(key, &thresholds),
                _ => command(key),
            };
            let broken = match dialect {
                Dialect::SetslotMigrate => {
                    thresholds.broken(call.block_us, call.restore_us, call.payload_bytes)
                }
                Dialect::Managed => vec![Rule::ManagedService],
                _ => thresholds.broken_by_command(call.restore_us, call.payload_bytes),
            };
            let case = Case {
                key,
                call: &call,
                verdict,
                moves: fate(key.slot.number()) == Fate::Moves,
                dialect,
                limits,
                thresholds: &thresholds,
                cost_profile: &input.profile.cost_profile,
            };
            let remedies = case.remedies();
            OversizedKey {
                db: key.db,
                key: key.key.clone(),
                slot: key.slot.number(),
                node: roster
                    .owner(key.slot)
                    .map(|owner| roster.members[owner].id.clone()),
                data_type: call.data_type.clone(),
                encoding: key.encoding.name().to_owned(),
                elements: key.elements,
                payload_bytes: call.payload_bytes,
                memory_bytes: key.sizes.memory_bytes_estimate,
                block_us: call.block_us,
                restore_us: call.restore_us,
                expires_at_ms: key.expires_at_ms,
                verdict,
                moves: fate(key.slot.number()) == Fate::Moves,
                rules: broken
                    .into_iter()
                    .map(|rule| rule.name().to_owned())
                    .collect(),
                remedy: remedy(key, verdict, fate(key.slot.number()), &call, limits),
                remedies,
            }
        })
        .collect()
}
