//! `preshard slots`: where the bytes sit.

use anyhow::{Context as _, Result};
use preshard_report::text::SlotsView;
use preshard_report::{SlotsDocument, csv, json, text};

use super::start_threads;
use crate::args::{PlanLimitArgs, SlotsArgs, SlotsFormat};
use crate::exit::ExitStatus;
use crate::input::{Inputs, TopologyWish};
use crate::limits::{Stated, plan_limits};
use crate::options::ReadOptions;
use crate::output::{Output, cannot_write};
use crate::read::{assemble_all, common_basis, input_facts, notices, open_all, topology_file};
use crate::say;

/// Answers the question.
///
/// # Errors
/// When an input cannot be read, inputs contradict each other, or the output cannot be written.
pub fn run(args: SlotsArgs) -> Result<ExitStatus> {
    start_threads(args.input.threads)?;
    let read = ReadOptions::new(args.input, args.target)?.predicting(&args.cost)?;
    let inputs = Inputs::find(
        &read.inputs,
        TopologyWish::new(args.topology.topology.as_deref()),
    )?;
    inputs.protect_from(args.output.output.as_deref())?;
    let (mut files, bar) = open_all(&inputs, &read)?;
    let (cost, estimates) = common_basis(&mut files)?;
    let stated = Stated::new(args.limits, PlanLimitArgs::default())?;
    let limits = plan_limits(&stated, &cost)?;
    let mut out = Output::open(args.output.output.as_deref())?;
    let assembly = assemble_all(&inputs, &files, &limits, &bar)?;
    drop(bar);

    let warnings = notices(&assembly, &inputs);
    say::warnings(&warnings);
    let document = SlotsDocument::new(
        &assembly,
        input_facts(&assembly),
        topology_file(&inputs),
        estimates,
        limits,
        warnings,
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
