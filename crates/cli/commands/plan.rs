//! `preshard plan`: what can be moved safely, in which batches, how long, what cannot.

use std::path::Path;

use anyhow::{Context as _, Result, anyhow};
use preshard_analyzer::{Assembly, FileFacts, Warning};
use preshard_planner::{Error as PlanError, Mover, PlanInput, PlanNode, Violation, audit, plan};
use preshard_report::document::{ComparedInputs, Notice, RuledSlot};
use preshard_report::{PlanDocument, json, text};

use super::{compare, start_threads};
use crate::args::{MoverChoice, PlanArgs, PlanFormat};
use crate::exit::{ExitStatus, Refusal};
use crate::goal::Roster;
use crate::input::{Inputs, TopologyWish};
use crate::key_list;
use crate::limits::{Stated, plan_limits};
use crate::options::ReadOptions;
use crate::output::{Output, cannot_write};
use crate::ruled;
use crate::say;
use crate::together::{Besides, Together, topology_file};
use crate::what_if::what_ifs;

/// Answers the question.
///
/// # Errors
/// When an input cannot be read or is damaged without consent, the goal makes no sense, the plan fails its audit,
/// or an output cannot be written.
pub fn run(args: PlanArgs) -> Result<ExitStatus> {
    start_threads(args.input.read.threads)?;
    let compares = args.what_if.is_asked();
    if !compares {
        args.goal.require_any()?;
        if args.format == PlanFormat::Csv {
            return Err(Refusal::usage(
                "--format csv is for several goals (--goal, --sweep)",
            ));
        }
    }
    if args.output.as_deref() == Some(Path::new("-")) {
        return Err(Refusal::usage(
            "-o wants the name of a file; --format json prints the plan on standard output",
        ));
    }
    let mut read = ReadOptions::new(args.input.inputs, args.input.read, args.target)?
        .predicting(&args.cost)?;
    read.memory.for_cluster()?;
    let inputs = Inputs::find(
        &read.inputs,
        TopologyWish::new(args.topology.topology.as_deref()),
    )?;
    inputs.protect_from(args.output.as_deref())?;
    inputs.protect_from(args.key_list.as_deref())?;
    if let Some(path) = &args.key_list {
        key_list::require_snapshots(&inputs, path)?;
    }
    let together = Together::open(&inputs, &read)?;
    together.for_cluster()?;
    let stated = Stated::new(args.limits, args.plan_limits)?.or_settings(read.memory.saved())?;
    let limits = plan_limits(&stated, together.call_terms)?;
    let estimates = together.estimates.clone();
    let joined = together.join(&limits, Besides::default())?;
    let partial = joined.is_partial();
    let inputs_facts = joined.input_facts();
    let assembly = joined.assembly;
    let mut warnings = joined.warnings;
    if !args.goal.add.is_empty() {
        warnings.extend(assembly.files.iter().find_map(functions_stay));
    }
    say::warnings(&warnings);
    if partial && !args.allow_partial && !is_salvaged(&assembly) {
        return Err(Refusal::partial(
            "no plan is made from a damaged or incomplete backup (see the warnings): take a new one, or consent with \
             --allow-partial",
        ));
    }

    let mover = match args.mover {
        MoverChoice::Auto => Mover::Best,
        MoverChoice::Migrate => Mover::Migrate,
        MoverChoice::Atomic => Mover::Atomic,
        MoverChoice::Managed => Mover::Managed,
    };
    if compares {
        let of = ComparedInputs {
            inputs: inputs_facts,
            topology: topology_file(&inputs),
            partial,
            estimates,
            limits: limits.clone(),
            warnings,
        };
        let what_ifs = what_ifs(&args.what_if, &args.goal, &assembly)?;
        let topology = inputs.topology.as_ref();
        let ground = compare::Ground {
            assembly: &assembly,
            topology,
            limits: &limits,
            mover,
            nodes: &stated.nodes,
        };
        return compare::run(what_ifs, &ground, of, args.format);
    }
    let mut roster = Roster::new(&assembly, inputs.topology.as_ref(), &args.goal)?;
    roster.learn(&stated.nodes)?;
    let goal = roster.goal(&args.goal)?;
    let input = PlanInput {
        nodes: roster.nodes().iter().map(PlanNode::clone).collect(),
        profile: &assembly.profile,
        doubts: &assembly.doubts,
        mover,
    };
    let plan = plan(&input, &goal, &limits).map_err(refuse)?;
    let violations = audit(&plan);
    if !violations.is_empty() {
        return Err(audit_failed(&violations));
    }
    let owner_of = |slot| {
        let owner = roster.nodes().iter().find(|node| node.slots.contains(slot));
        owner.map(|node| node.id.clone())
    };
    let mut ruled_slots = RuledSlot::of_plan(&plan, &assembly.profile, owner_of);
    ruled::take_tags(&mut ruled_slots, &inputs, &read, &limits)?;
    let document = PlanDocument::new(
        plan,
        inputs_facts,
        topology_file(&inputs),
        partial,
        estimates,
        warnings,
    )
    .with_ruled_slots(ruled_slots);
    write(&document, args.format, args.output.as_deref())?;
    if let Some(path) = &args.key_list {
        key_list::write(&document.plan, &inputs, &read, &limits, path)?;
    }
    Ok(if !document.is_safe() {
        ExitStatus::NoSafePlan
    } else if partial {
        ExitStatus::Partial
    } else {
        ExitStatus::Fine
    })
}

/// Whether nothing is missing but what was salvaged from damaged files, whose gaps are held.
fn is_salvaged(assembly: &Assembly) -> bool {
    let accounted = |file: &FileFacts| file.whole || (file.salvaged.is_some() && !file.changed);
    let missing = |warning: &Warning| matches!(warning, Warning::NodeWithoutFile { .. });
    assembly.files.iter().all(accounted) && !assembly.warnings.iter().any(missing)
}

fn write(document: &PlanDocument, format: PlanFormat, saved_as: Option<&Path>) -> Result<()> {
    let mut stdout = Output::open(None)?;
    if let Some(path) = saved_as {
        let mut file = Output::open(Some(path))?;
        json::render_document(document, &mut file).with_context(|| cannot_write(Some(path)))?;
        file.finish()?;
    }
    match format {
        PlanFormat::Text => {
            let saved_as = saved_as.map(|path| path.display().to_string());
            text::render_plan(document, saved_as.as_deref(), &mut stdout)
        }
        PlanFormat::Json | PlanFormat::Csv => json::render_document(document, &mut stdout),
    }
    .with_context(|| cannot_write(None))?;
    stdout.finish()
}

/// A new node has no functions, and MIGRATE carries keys only: the first FCALL on it would fail.
fn functions_stay(file: &FileFacts) -> Option<Notice> {
    (file.functions > 0).then(|| Notice {
        file: Some(file.path.display().to_string()),
        name: "functions-stay".to_owned(),
        message: format!(
            "the backup holds function libraries ({} in this file), and MIGRATE does not carry them: load them on the new \
             nodes before the first slot moves (FUNCTION DUMP, FUNCTION RESTORE)",
            file.functions
        ),
    })
}

/// Tells a wrong question from a wrong input.
pub(super) fn refuse(error: PlanError) -> anyhow::Error {
    match error {
        PlanError::NoNodes
        | PlanError::NodeTwice { .. }
        | PlanError::SlotOwnedTwice { .. }
        | PlanError::Inconsistent { .. }
        | PlanError::TooLarge { .. } => anyhow!(error).context("no plan can be made"),
        question => Refusal::usage(question.to_string()),
    }
}

/// A plan that breaks its own rules is an error of this program, and must not reach anybody.
pub(super) fn audit_failed(violations: &[Violation]) -> anyhow::Error {
    const SHOWN_MAX: usize = 5;
    let shown: Vec<String> = violations
        .iter()
        .take(SHOWN_MAX)
        .map(ToString::to_string)
        .collect();
    anyhow!(
        "internal error: the plan broke {} of its own rules and was thrown away: {}; please report this with the command \
         line",
        violations.len(),
        shown.join("; ")
    )
}
