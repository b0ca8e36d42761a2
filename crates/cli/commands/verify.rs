//! `preshard verify`: whether a plan still holds, against itself and a newer backup.

use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use preshard_parser::source::{OpenOptions, Source};
use preshard_planner::{Mover, Newer, PlanInput, Violation, audit, drift};
use preshard_report::document::{Ages, HeldAgainst, PlanVerdict, Recognised, VerifyDocument};
use preshard_report::{PlanDocument, json, text};

use super::start_threads;
use crate::args::{DocumentFormat, TargetArgs, VerifyArgs};
use crate::exit::{ExitStatus, Refusal};
use crate::goal::primaries;
use crate::input::{Inputs, TopologyWish, shown};
use crate::options::ReadOptions;
use crate::output::{Output, cannot_write};
use crate::say;
use crate::together::{Besides, Together, topology_file};

/// Longest text of a plan: one of 16,384 slots with 32,768 keys that have calls of their own comes to some 60 MB.
const PLAN_BYTES_MAX: u64 = 512 << 20;

/// Answers the question.
///
/// # Errors
/// When the plan or an input cannot be read, inputs contradict each other, or the output cannot be written.
pub fn run(args: VerifyArgs) -> Result<ExitStatus> {
    start_threads(args.read.threads)?;
    let document = read_plan(&args.plan)?;
    let ages = Ages {
        now_s: args.now.map(|now_ms| now_ms.div_euclid(1_000)),
        max_s: args
            .max_age
            .map(|ms| i64::try_from(ms / 1_000).unwrap_or(i64::MAX)),
    };
    let target = TargetArgs {
        target: None,
        allocator: None,
        target_config: args.target_config,
        standalone: false,
    };
    let mut read = ReadOptions::new(args.inputs, args.read, target)?;
    read.compute_as(&document.plan.cost_profile, &document.plan.memory_model);
    let inputs = Inputs::find(
        &read.inputs,
        TopologyWish::new(args.topology.topology.as_deref()),
    )?;
    inputs.protect_from(args.output.output.as_deref())?;
    let violations = audit(&document.plan);
    let against = match violations.is_empty() && !read.inputs.is_empty() {
        true => hold_against(&document, &inputs, &read, args.tolerance)?,
        false => HeldAgainst::default(),
    };
    say_unread(&violations, &read);
    say::warnings(&against.warnings);
    let mut out = Output::open(args.output.output.as_deref())?;
    let verdict = VerifyDocument::new(
        args.plan.display().to_string(),
        &document,
        &violations,
        ages,
        args.tolerance,
        against,
    );
    match args.format {
        DocumentFormat::Text => text::render_verify(&verdict, &mut out),
        DocumentFormat::Json => json::render_document(&verdict, &mut out),
    }
    .with_context(|| cannot_write(args.output.output.as_deref()))?;
    out.finish()?;
    Ok(match verdict.verdict {
        PlanVerdict::Void => ExitStatus::PolicyViolated,
        _ if verdict.partial => ExitStatus::Partial,
        _ => ExitStatus::Fine,
    })
}

fn read_plan(path: &Path) -> Result<PlanDocument> {
    let failed = || format!("cannot read {}", shown(path));
    let source = Source::open(path, &OpenOptions::default()).with_context(failed)?;
    if Recognised::of(source.head()) != Recognised::Other {
        return Err(Refusal::usage(format!(
            "{} is a saved profile: PLAN is what `preshard plan -o FILE` wrote, profiles are given behind it",
            shown(path)
        )));
    }
    let mut text = Vec::new();
    source
        .stream()
        .and_then(|stream| stream.take(PLAN_BYTES_MAX + 1).read_to_end(&mut text))
        .with_context(failed)?;
    if text.len() as u64 > PLAN_BYTES_MAX {
        bail!(
            "cannot read {}: it is longer than the {PLAN_BYTES_MAX} bytes that a plan may have",
            shown(path)
        );
    }
    PlanDocument::read(&text).with_context(failed)
}

/// Compares the plan with backups or saved profiles.
fn hold_against(
    document: &PlanDocument,
    inputs: &Inputs,
    read: &ReadOptions,
    tolerance: f64,
) -> Result<HeldAgainst> {
    let together = Together::open(inputs, read)?;
    let joined = together.join(&document.plan.limits, Besides::default())?;
    let newer = Newer {
        input: PlanInput {
            nodes: primaries(&joined.assembly),
            profile: &joined.assembly.profile,
            doubts: &joined.assembly.doubts,
            mover: Mover::Best,
        },
        owners_told: inputs.topology.is_some(),
        tolerance,
    };
    let drift = drift(&document.plan, &newer).map_err(|error| {
        Refusal::usage(format!(
            "the plan and the inputs cannot be compared: {error}"
        ))
    })?;
    Ok(HeldAgainst {
        inputs: joined.input_facts(),
        topology: topology_file(inputs),
        partial: joined.is_partial(),
        drift: Some(drift),
        warnings: joined.warnings,
    })
}

/// A plan that breaks its own rules is void whatever a backup holds.
fn say_unread(violations: &[Violation], read: &ReadOptions) {
    if !violations.is_empty() && !read.inputs.is_empty() {
        say::note("the plan breaks its own rules, so the inputs were not read");
    }
}
