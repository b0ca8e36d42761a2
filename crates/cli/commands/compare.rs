//! `preshard plan --goal ... --sweep ...`: what several goals come to.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use preshard_analyzer::Assembly;
use preshard_planner::{
    Error as PlanError, Goal, Mover, NodeFacts, PlanLimits, PlanNode, Planner, audit,
};
use preshard_report::document::{CompareDocument, ComparedInputs, GoalRow};
use preshard_report::{csv, json, text};
use preshard_slots::Topology;
use rayon::prelude::*;

use super::plan::{audit_failed, refuse};
use crate::args::PlanFormat;
use crate::exit::ExitStatus;
use crate::goal::Roster;
use crate::output::{Output, cannot_write};
use crate::what_if::WhatIf;

/// What all goals have in common.
pub struct Ground<'a> {
    /// Files and topology, joined.
    pub assembly: &'a Assembly,
    /// Who owns the slots, where something told.
    pub topology: Option<&'a Topology>,
    /// The limits in force.
    pub limits: &'a PlanLimits,
    /// How the slots are to be moved.
    pub mover: Mover,
    /// What was stated of single nodes.
    pub nodes: &'a BTreeMap<String, NodeFacts>,
}

/// Makes all plans, of which only what they come to is kept, and writes them beside each other.
///
/// # Errors
/// When a goal names what is not there, a plan fails its audit, or the output cannot be written.
pub fn run(
    what_ifs: Vec<WhatIf>,
    ground: &Ground<'_>,
    of: ComparedInputs,
    format: PlanFormat,
) -> Result<ExitStatus> {
    let mut goals: Vec<(String, Vec<PlanNode>, Goal)> = Vec::with_capacity(what_ifs.len());
    for WhatIf { name, goal } in what_ifs {
        let mut roster =
            Roster::new(ground.assembly, ground.topology, &goal).with_context(|| name.clone())?;
        roster.learn(ground.nodes).with_context(|| name.clone())?;
        let wanted = roster.goal(&goal).with_context(|| name.clone())?;
        goals.push((name, roster.nodes().to_vec(), wanted));
    }
    let assembly = ground.assembly;
    let planner =
        Planner::new(&assembly.profile, &assembly.doubts, ground.limits).map_err(refuse)?;
    let rows = goals.into_par_iter().map(|(name, nodes, goal)| {
        let plan = match planner.plan(nodes, ground.mover, &goal) {
            Ok(plan) => plan,
            Err(error) if is_of_the_profile(&error) => return Err(refuse(error)),
            Err(error) => return Ok(GoalRow::refused(name, error.to_string())),
        };
        let violations = audit(&plan);
        match violations.is_empty() {
            true => Ok(GoalRow::new(name, &plan)),
            false => Err(audit_failed(&violations)),
        }
    });
    let rows: Vec<Result<GoalRow>> = rows.collect();
    let document = CompareDocument::new(of, rows.into_iter().collect::<Result<_>>()?);
    let mut out = Output::open(None)?;
    match format {
        PlanFormat::Text => text::render_compare(&document, &mut out),
        PlanFormat::Json => json::render_document(&document, &mut out),
        PlanFormat::Csv => csv::render_compare(&document, &mut out),
    }
    .with_context(|| cannot_write(None))?;
    out.finish()?;
    Ok(match (document.is_any_safe(), document.partial) {
        (false, _) => ExitStatus::NoSafePlan,
        (true, true) => ExitStatus::Partial,
        (true, false) => ExitStatus::Fine,
    })
}

/// Whether no goal at all can be planned for.
fn is_of_the_profile(error: &PlanError) -> bool {
    matches!(
        error,
        PlanError::NoNodes
            | PlanError::NodeTwice { .. }
            | PlanError::SlotOwnedTwice { .. }
            | PlanError::Inconsistent { .. }
            | PlanError::TooLarge { .. }
    )
}
