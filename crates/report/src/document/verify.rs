//! Whether a plan still holds.

use preshard_planner::plan::Outcome;
use preshard_planner::{Drift, Finding, MovedNow, Severity, Violation};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{FORMAT_VERSION, InputFacts, Notice, PlanDocument, Tool};

/// What `preshard verify` found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyDocument {
    /// Version of this document's form: 1.
    pub format_version: u32,
    /// What wrote it.
    pub tool: Tool,
    /// The plan's file.
    pub plan: String,
    /// Whether the plan may be run.
    pub verdict: PlanVerdict,
    /// When the oldest backup that the plan was made from was written, Unix seconds, where it told.
    pub planned_at_s: Option<i64>,
    /// The time that the plan's age counts to, Unix seconds: the one that was stated, or else when the newest backup was
    /// written that the plan was held against.
    pub compared_at_s: Option<i64>,
    /// The plan's age; `null` where one of both is not known.
    pub age_s: Option<i64>,
    /// The most it may be, where a limit was stated.
    pub max_age_s: Option<i64>,
    /// Growth above this part of what was planned is told.
    pub tolerance: f64,
    /// The snapshots that the plan was held against.
    pub inputs: Vec<InputFacts>,
    /// The file that told who owns the slots now; `null` when that was told from the keys.
    pub topology: Option<String>,
    /// True when one of these snapshots was damaged or a shard is missing.
    pub partial: bool,
    /// What moves, in the plan and now; `null` where the plan was held against nothing.
    pub moved: Option<MovedNow>,
    /// Everything that is not as the plan has it: what voids it first.
    pub findings: Vec<Finding>,
    /// What the reader should know of the inputs.
    pub warnings: Vec<Notice>,
}

/// Whether a plan may be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PlanVerdict {
    /// Everything is as the plan has it, within the tolerance.
    Holds,
    /// Something is not, but every call stays within the limits.
    HoldsWithNotes,
    /// It must not be run.
    Void,
}

/// What a plan's age is judged by.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ages {
    /// The time that was stated, Unix seconds.
    pub now_s: Option<i64>,
    /// The most that the age may be, seconds.
    pub max_s: Option<i64>,
}

/// What a plan was held against.
#[derive(Debug, Default)]
pub struct HeldAgainst {
    /// The snapshots.
    pub inputs: Vec<InputFacts>,
    /// The file that told who owns the slots.
    pub topology: Option<String>,
    /// Whether one was damaged or missing.
    pub partial: bool,
    /// How the plan compares; `None` without snapshots.
    pub drift: Option<Drift>,
    /// What deserves attention in them.
    pub warnings: Vec<Notice>,
}

impl VerifyDocument {
    /// Judges a plan by its audit, its age, and what it was held against.
    pub fn new(
        file: String,
        plan: &PlanDocument,
        violations: &[Violation],
        ages: Ages,
        tolerance: f64,
        against: HeldAgainst,
    ) -> VerifyDocument {
        let planned_at = plan.inputs.iter().filter_map(|input| input.written_at_s);
        let written_at = || against.inputs.iter().filter_map(|input| input.written_at_s);
        let (planned_at_s, newest_planned_s) = (planned_at.clone().min(), planned_at.max());
        let compared_at_s = ages.now_s.or(written_at().max());
        let age_s = compared_at_s
            .zip(planned_at_s)
            .map(|(now, then)| now.saturating_sub(then));
        let mut findings: Vec<Finding> = violations
            .iter()
            .map(|violation| {
                plain(
                    Severity::Void,
                    "audit",
                    format!("the plan breaks its own rules: {violation}"),
                )
            })
            .collect();
        findings.extend(too_old(age_s, ages.max_s));
        if let (Some(planned), Some(newest)) = (newest_planned_s, written_at().max())
            && newest < planned
        {
            let message = format!(
                "the backups are older, by {} s, than those that the plan was made from: they cannot tell whether it still holds",
                planned.saturating_sub(newest)
            );
            findings.push(plain(Severity::Void, "older-backup", message));
        }
        if plan.partial {
            let message = "the plan was made from a damaged or incomplete backup".to_owned();
            findings.push(plain(Severity::Note, "partial-plan", message));
        }
        if let Outcome::NotReachable { .. } = plan.plan.outcome {
            let message = "the plan does not reach its goal, it goes as far as is safe".to_owned();
            findings.push(plain(Severity::Note, "goal-not-reached", message));
        }
        let moved = against.drift.as_ref().map(|drift| drift.moved);
        findings.extend(against.drift.into_iter().flat_map(|drift| drift.findings));
        findings.sort_by_key(|finding| finding.severity);
        VerifyDocument {
            format_version: FORMAT_VERSION,
            tool: Tool::this(),
            plan: file,
            verdict: match findings.first().map(|finding| finding.severity) {
                None => PlanVerdict::Holds,
                Some(Severity::Note) => PlanVerdict::HoldsWithNotes,
                Some(Severity::Void) => PlanVerdict::Void,
            },
            planned_at_s,
            compared_at_s,
            age_s,
            max_age_s: ages.max_s,
            tolerance,
            inputs: against.inputs,
            topology: against.topology,
            partial: against.partial,
            moved,
            findings,
            warnings: against.warnings,
        }
    }
}

fn too_old(age_s: Option<i64>, max_s: Option<i64>) -> Option<Finding> {
    let max_s = max_s?;
    let message = match age_s {
        Some(age_s) if age_s < 0 => format!(
            "the plan was made from backups that were written {} s after the time that its age counts to",
            age_s.saturating_neg()
        ),
        Some(age_s) if age_s <= max_s => return None,
        Some(age_s) => format!("the plan is {age_s} s old, and may be {max_s} s at most"),
        None => format!(
            "the plan may be {max_s} s old at most, and no backup tells when it was written: state the time with --now"
        ),
    };
    let name = match age_s {
        None => "age-unknown",
        Some(age_s) if age_s < 0 => "too-young",
        Some(_) => "too-old",
    };
    Some(plain(Severity::Void, name, message))
}

/// A finding about the plan as a whole.
fn plain(severity: Severity, name: &str, message: String) -> Finding {
    Finding {
        severity,
        name: name.to_owned(),
        batch: None,
        slot: None,
        db: None,
        key: None,
        figures: Vec::new(),
        message,
    }
}
