//! The numbers of what can be done about a key, from the key's own.

use super::keys::{judge, place_of};
use super::{Findings, Scale, rule};
use crate::Plan;
use crate::plan::{Dialect, OversizedKey, Parts, RaisedSetting, Remedy, RemedyKind, Verdict};

/// What every key costs besides its elements: microseconds and payload.
const OF_ANY_KEY: (f64, f64) = (20.0, 24.0);

/// Twice what rounding a factor up to whole millionths may make of a figure at the edge of a limit.
const MILLIONTHS: f64 = 1.000_002;

pub(super) fn check(plan: &Plan, scale: &Scale, findings: &mut Findings) {
    for key in &plan.oversized {
        let place = place_of(key);
        let kinds = key.remedies.windows(2);
        findings.demand(
            !key.remedies.is_empty() && kinds.clone().all(|pair| pair[0].kind < pair[1].kind),
            rule::PIN_NOT_MOVE,
            &format_args!("{place}, remedies"),
            &"some, each kind once and the cheapest first",
            &format_args!("{}", key.remedies.len()),
        );
        for remedy in &key.remedies {
            let place = format!("{place}, remedy {:?}", remedy.kind);
            check_leaves(plan, key, remedy, scale, &place, findings);
            check_settings(plan, key, remedy, &place, findings);
            check_block(plan, key, remedy, &place, findings);
            let is_divided = matches!(
                remedy.kind,
                RemedyKind::Split | RemedyKind::Chunk | RemedyKind::Trim
            );
            findings.demand(
                remedy.parts.is_some() == is_divided && !remedy.how.is_empty(),
                rule::PIN_NOT_MOVE,
                &place,
                &"words, and parts where something is divided",
                &remedy.how,
            );
            if let Some(parts) = &remedy.parts {
                let whole = Whole::new(plan, key, scale);
                check_parts(&whole, remedy.kind, parts, &place, findings);
            }
        }
    }
}

/// A key that shrinks with its parts.
struct Whole<'a> {
    key: &'a OversizedKey,
    dialect: Dialect,
    scale: &'a Scale,
    units: f64,
    fixed_us: f64,
}

impl<'a> Whole<'a> {
    fn new(plan: &Plan, key: &'a OversizedKey, scale: &'a Scale) -> Whole<'a> {
        let fixed_us = match plan.dialect {
            Dialect::SetslotMigrate => plan.limits.call_fixed_us,
            _ => 0,
        };
        let counted = key.elements.filter(|&elements| elements > 0);
        Whole {
            key,
            dialect: plan.dialect,
            scale,
            units: counted.unwrap_or(key.payload_bytes).max(1) as f64,
            fixed_us: fixed_us as f64,
        }
    }

    /// The most that one of so many parts holds.
    fn each_of(&self, number: f64) -> f64 {
        let mean = (self.units / number).ceil();
        let hashed = ["hash", "set", "zset"].contains(&self.key.data_type.as_str());
        let reserve = if hashed {
            6.0 * mean.sqrt().ceil()
        } else {
            0.0
        };
        (mean + reserve).min(self.units)
    }

    /// Block, RESTORE and payload of a part, not rounded.
    fn part(&self, each: f64) -> [f64; 3] {
        let part = each / self.units;
        let (us, bytes) = OF_ANY_KEY;
        let beyond = (self.key.block_us as f64 - self.fixed_us).max(0.0);
        [
            beyond * part + self.fixed_us + us,
            self.key.restore_us as f64 * part + us,
            self.key.payload_bytes as f64 * part + bytes,
        ]
    }

    /// Whether such a part needs no consent.
    fn fits(&self, each: f64) -> bool {
        // A sum of floating point numbers may lie a little above the whole number that it is.
        let rounded = self.part(each).map(|figure| (figure - 1e-6).ceil());
        let scale = self.scale;
        let [block, restore, payload] = rounded.map(|figure| figure as u64);
        let within = !scale.restore_reaches_half_clock(restore) && !scale.payload_refused(payload);
        match self.dialect {
            Dialect::SetslotMigrate => {
                within && !scale.over_budget(block) && !scale.timeout_reaches_clock(restore)
            }
            Dialect::Managed => payload <= 256_000_000,
            _ => within && !scale.over_budget(restore),
        }
    }

    /// Whether such a part needs no call of its own, give or take what whole microseconds make of a tenth.
    fn shares_a_call(&self, each: f64, give: f64) -> bool {
        let [block, _, payload] = self.part(each);
        self.fits(each)
            && block * self.scale.factor * 10.0 <= self.scale.budget_us + give
            && payload * 10.0 <= self.scale.payload_bytes + give
    }
}

fn check_parts(
    whole: &Whole<'_>,
    kind: RemedyKind,
    parts: &Parts,
    place: &str,
    findings: &mut Findings,
) {
    let number = parts.number as f64;
    let mut demand = |holds, what: &str, found: &dyn std::fmt::Display| {
        findings.demand(holds, rule::PIN_NOT_MOVE, &place, &what, found);
    };
    let each = match (kind, parts.elements_each) {
        (RemedyKind::Trim, each) => each.unwrap_or(0) as f64,
        _ => whole.each_of(number.max(1.0)),
    };
    let counted = whole.key.elements.is_some_and(|elements| elements > 0);
    demand(
        parts.number >= 1 && parts.elements_each.is_some() == counted,
        "parts, and elements where they are counted",
        &parts.number,
    );
    demand(
        near(parts.elements_each.map_or(each, |each| each as f64), each),
        "the elements of the fullest of so many parts",
        &each,
    );
    let [block, restore, payload] = whole.part(each);
    for (what, found, least) in [
        ("the block of its share", parts.block_us_each, block),
        ("the RESTORE of its share", parts.restore_us_each, restore),
        (
            "the payload of its share",
            parts.payload_bytes_each,
            payload,
        ),
    ] {
        demand(near(found as f64, least), what, &found);
    }
    demand(
        each >= 1.0 && whole.fits(each),
        "parts that fit",
        &parts.block_us_each,
    );
    let one_worse = match kind {
        RemedyKind::Trim => each + 1.0,
        _ => whole.each_of((number - 1.0).max(1.0)),
    };
    demand(
        !whole.fits(one_worse * MILLIONTHS),
        "no fewer parts, and no larger, that fit",
        &parts.number,
    );
    if let Some(shared) = parts.number_for_shared_calls {
        let (before, at) = (shared.saturating_sub(1).max(1) as f64, shared.max(1) as f64);
        // Limits are rounded down to whole microseconds and bytes before they are divided by ten.
        let give = 20.0 * whole.scale.factor;
        demand(
            shared >= parts.number
                && whole.shares_a_call(whole.each_of(at), give)
                && (shared == 1 || !whole.shares_a_call(whole.each_of(before), -give)),
            "the least number of parts that share calls",
            &shared,
        );
    }
    let commands = commands_max(&whole.key.data_type, kind, whole.units, each, number);
    demand(
        parts.commands_max.map(|found| found as f64) == commands.filter(|_| counted),
        "the commands of so many steps",
        &parts.commands_max.unwrap_or(0),
    );
}

/// Steps of 500 elements to divide, of 1000 and 10 000 to cut back.
fn commands_max(
    data_type: &str,
    kind: RemedyKind,
    all: f64,
    each: f64,
    number: f64,
) -> Option<f64> {
    let steps = (all / 500.0).ceil();
    match (kind, data_type) {
        (RemedyKind::Trim, "stream") => Some(((all - each) / 10_000.0).ceil()),
        (RemedyKind::Trim, _) => Some(((all - each) / 1_000.0).ceil()),
        (_, "string") => Some(2.0 * number + 1.0),
        (_, "stream") => Some(steps + all + 1.0),
        (_, "hash" | "set" | "zset") => Some(steps * (2.0 + number.min(500.0))),
        (_, "list" | "array" | "pathhash") => Some(3.0 * steps + number),
        _ => None,
    }
}

/// Equal, once rounded up.
fn near(found: f64, exact: f64) -> bool {
    found >= exact * (1.0 - 1e-9) && found < exact * (1.0 + 1e-9) + 1.0
}

/// The verdict that is left, judged as that of any key.
fn check_leaves(
    plan: &Plan,
    key: &OversizedKey,
    remedy: &Remedy,
    scale: &Scale,
    place: &str,
    findings: &mut Findings,
) {
    let mut changed = key.clone();
    let mut limits = plan.limits.clone();
    let mut dialect = plan.dialect;
    match remedy.kind {
        RemedyKind::Pin | RemedyKind::Consent => {}
        RemedyKind::LazyfreeServerDel => {
            changed.block_us = remedy.block_us.unwrap_or(key.block_us);
        }
        RemedyKind::RaiseLimit | RemedyKind::RaiseNodeTimeout => {
            for setting in &remedy.settings {
                let limit = match setting.limit.as_str() {
                    "cluster_node_timeout_ms" => &mut limits.cluster_node_timeout_ms,
                    "proto_max_bulk_bytes" => &mut limits.proto_max_bulk_bytes,
                    "client_query_buffer_bytes" => &mut limits.client_query_buffer_bytes,
                    _ => &mut limits.replica_buffer_hard_bytes,
                };
                *limit = setting.least;
            }
        }
        RemedyKind::AtomicMigration => dialect = Dialect::ClusterMigrateslots,
        RemedyKind::Split | RemedyKind::Chunk => {
            // Whether its parts fit is checked with them.
            return;
        }
        _ => return,
    }
    let scale = match remedy.settings.is_empty() {
        true => scale,
        false => &Scale::new(&limits),
    };
    let expected = judge(&changed, dialect, scale).0;
    let fits = matches!(remedy.leaves, Some(Verdict::Fits | Verdict::OwnCall));
    findings.demand(
        remedy.leaves == expected || (expected.is_none() && fits),
        rule::PIN_NOT_MOVE,
        &format_args!("{place}, what it leaves"),
        &format_args!("{expected:?}"),
        &format_args!("{:?}", remedy.leaves),
    );
}

fn check_settings(
    plan: &Plan,
    key: &OversizedKey,
    remedy: &Remedy,
    place: &str,
    findings: &mut Findings,
) {
    let raises = matches!(
        remedy.kind,
        RemedyKind::RaiseLimit | RemedyKind::RaiseNodeTimeout
    );
    findings.demand(
        raises != remedy.settings.is_empty(),
        rule::PIN_NOT_MOVE,
        &place,
        &"settings where some are to be raised",
        &remedy.settings.len(),
    );
    for setting in &remedy.settings {
        let (now, least) = least_of(plan, key, setting);
        // A factor is used in whole millionths, rounded up.
        let is_clock = setting.limit == "cluster_node_timeout_ms";
        let most = least.saturating_add(if is_clock { 1 + least / 500_000 } else { 0 });
        findings.demand(
            setting.now == now && setting.least > now && (least..=most).contains(&setting.least),
            rule::PIN_NOT_MOVE,
            &format_args!("{place}, {}", setting.name),
            &format_args!("{now} raised to {least}"),
            &format_args!("{} raised to {}", setting.now, setting.least),
        );
    }
}

/// What is in force, and the least that lets the key pass.
fn least_of(plan: &Plan, key: &OversizedKey, setting: &RaisedSetting) -> (u64, u64) {
    let limits = &plan.limits;
    let above_payload = key.payload_bytes.saturating_add(1);
    match setting.limit.as_str() {
        "proto_max_bulk_bytes" => (limits.proto_max_bulk_bytes, above_payload),
        "client_query_buffer_bytes" => (limits.client_query_buffer_bytes, above_payload),
        "replica_buffer_hard_bytes" => (limits.replica_buffer_hard_bytes, above_payload),
        "cluster_node_timeout_ms" => {
            let now = limits.cluster_node_timeout_ms;
            let by_migrate = plan.dialect == Dialect::SetslotMigrate;
            let passes = |clock_ms: u64| {
                let mut limits = limits.clone();
                limits.cluster_node_timeout_ms = clock_ms;
                let scale = Scale::new(&limits);
                let by_call = scale.over_half_clock(key.block_us)
                    || scale.timeout_reaches_clock(key.restore_us);
                !(scale.restore_reaches_half_clock(key.restore_us) || by_migrate && by_call)
            };
            // The clock that the largest of the three asks for, and its neighbours for the edges.
            let factor = limits.safety_factor.max(limits.prediction_high);
            let twice_ms = |us: u64| 2.0 * factor * us as f64 / 1_000.0;
            let asked = match by_migrate {
                true => twice_ms(key.block_us).max(twice_ms(key.restore_us) + 1_000.0),
                false => twice_ms(key.restore_us),
            };
            let from = (asked as u64).saturating_sub(2).max(1);
            let mut candidates = from..from.saturating_add(6);
            let least = candidates.find(|&clock_ms| passes(clock_ms));
            (now, least.unwrap_or(u64::MAX))
        }
        _ => (0, 0),
    }
}

/// The source's stop without the deletion, by what it was seen to take at least for each element.
fn check_block(
    plan: &Plan,
    key: &OversizedKey,
    remedy: &Remedy,
    place: &str,
    findings: &mut Findings,
) {
    let lazily = remedy.kind == RemedyKind::LazyfreeServerDel;
    let mut expected = None;
    if lazily && plan.dialect == Dialect::SetslotMigrate {
        let elements = key.elements.unwrap_or(0);
        let each_ns: u128 = match (key.data_type.as_str(), elements >= 1_000_000) {
            ("hash", false) => 88,
            ("hash", true) => 419,
            ("set", false) => 77,
            ("set", true) => 184,
            ("zset", false) => 75,
            ("zset", true) => 138,
            _ => 0,
        };
        let saved_us = u128::from(elements) * each_ns / 1_000;
        let without = u128::from(key.block_us).saturating_sub(saved_us);
        let waits = u128::from(key.restore_us) + u128::from(plan.limits.call_fixed_us);
        expected = Some(without.max(waits).min(u128::from(key.block_us)));
    }
    findings.demand(
        remedy.block_us.map(u128::from) == expected,
        rule::PIN_NOT_MOVE,
        &format_args!("{place}, block in us"),
        &format_args!("{expected:?}"),
        &format_args!("{:?}", remedy.block_us),
    );
}
