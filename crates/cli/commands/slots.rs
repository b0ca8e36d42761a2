//! `preshard slots`: where the bytes sit.

use std::path::Path;

use anyhow::{Context as _, Result};
use preshard_report::text::SlotsView;
use preshard_report::{SlotsDocument, csv, json, text};

use super::start_threads;
use crate::args::{PlanLimitArgs, SlotsArgs, SlotsFormat};
use crate::exit::{ExitStatus, Refusal};
use crate::input::{Inputs, TopologyWish};
use crate::limits::{Stated, plan_limits};
use crate::options::ReadOptions;
use crate::output::{Output, cannot_write};
use crate::say;
use crate::together::{Besides, Together, topology_file};

/// Answers the question.
///
/// # Errors
/// When an input cannot be read, inputs contradict each other, or the output cannot be written.
pub fn run(args: SlotsArgs) -> Result<ExitStatus> {
    start_threads(args.input.read.threads)?;
    if args.save.as_deref() == Some(Path::new("-")) {
        return Err(Refusal::usage("--save wants the name of a file"));
    }
    let read = ReadOptions::new(args.input.inputs, args.input.read, args.target)?
        .predicting(&args.cost)?;
    let inputs = Inputs::find(
        &read.inputs,
        TopologyWish::new(args.topology.topology.as_deref()),
    )?;
    inputs.protect_from(args.output.output.as_deref())?;
    inputs.protect_from_option("--save", args.save.as_deref())?;
    let together = Together::open(&inputs, &read)?;
    let stated =
        Stated::new(args.limits, PlanLimitArgs::default())?.or_settings(read.memory.saved())?;
    let limits = plan_limits(&stated, together.call_terms)?;
    let estimates = together.estimates.clone();
    let mut out = Output::open(args.output.output.as_deref())?;
    let kept = args.save.as_deref().map(|path| Output::open(Some(path)));
    let kept = kept.transpose()?;
    let joined = together.join(
        &limits,
        Besides {
            to_save: kept.is_some(),
            ..Besides::default()
        },
    )?;

    say::warnings(&joined.warnings);
    if let (Some(mut kept), Some(profile)) = (kept, &joined.to_save) {
        let cannot_write = || cannot_write(args.save.as_deref());
        profile
            .check()
            .with_context(|| format!("{}: what these inputs say cannot be so", cannot_write()))?;
        json::render_profile(profile, &mut kept).with_context(cannot_write)?;
        kept.finish()?;
    }
    let inputs_facts = joined.input_facts();
    let document = SlotsDocument::new(
        &joined.assembly,
        inputs_facts,
        topology_file(&inputs),
        estimates,
        limits,
        joined.warnings,
    );
    match args.format {
        SlotsFormat::Text => text::render_slots(&document, SlotsView { top: args.top }, &mut out),
        SlotsFormat::Json => json::render_document(&document, &mut out),
        SlotsFormat::Csv => csv::render_slots(&document, &mut out),
    }
    .with_context(|| cannot_write(args.output.output.as_deref()))?;
    out.finish()?;
    if args.format == SlotsFormat::Csv {
        say::note(&text::estimates_note(std::slice::from_ref(
            &document.estimates,
        )));
    }

    Ok(match document.partial {
        false => ExitStatus::Fine,
        true => ExitStatus::Partial,
    })
}
