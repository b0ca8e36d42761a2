//! `preshard diff`: what grew from one backup to the next.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use preshard_report::document::{DiffDocument, DiffView, Side, SideFacts};
use preshard_report::{csv, json, text};

use super::start_threads;
use crate::args::{DiffArgs, PlanFormat, PlanLimitArgs};
use crate::exit::{ExitStatus, Refusal};
use crate::input::{Inputs, TopologyWish, shown};
use crate::limits::{Stated, plan_limits};
use crate::options::ReadOptions;
use crate::output::{Output, cannot_write};
use crate::say;
use crate::together::{Besides, Joined, Together, topology_file};

/// Answers the question.
///
/// # Errors
/// When an input cannot be read, the two cannot be compared, or the output cannot be written.
pub fn run(args: DiffArgs) -> Result<ExitStatus> {
    start_threads(args.read.threads)?;
    let wish = TopologyWish::new(args.topology.topology.as_deref());
    let find = |path: &PathBuf| Inputs::find(std::slice::from_ref(path), wish);
    let (old, new) = (find(&args.old)?, find(&args.new)?);
    for inputs in [&old, &new] {
        inputs.protect_from(args.output.output.as_deref())?;
    }
    let read = ReadOptions::new(Vec::new(), args.read, args.target)?;
    let (before, after) = (Together::open(&old, &read)?, Together::open(&new, &read)?);
    let estimates = after.estimates.clone();
    for (what, was, is) in [
        (
            "times",
            &before.estimates.cost_profile,
            &estimates.cost_profile,
        ),
        (
            "memory",
            &before.estimates.memory_model,
            &estimates.memory_model,
        ),
    ] {
        if was != is {
            return Err(Refusal::usage(format!(
                "{} has the {what} of {was}, and {} those of {is}: say which server to compute for with --target",
                shown(&args.old),
                shown(&args.new)
            )));
        }
    }
    let stated =
        Stated::new(args.limits, PlanLimitArgs::default())?.or_settings(read.memory.saved())?;
    let limits = plan_limits(&stated, after.call_terms)?;
    let mut out = Output::open(args.output.output.as_deref())?;
    let only_snapshots = old.saved.is_empty() && new.saved.is_empty();
    let besides = Besides {
        to_save: false,
        prefixes: only_snapshots.then_some(args.separator),
    };
    let (before, after) = (
        before.join(&limits, besides)?,
        after.join(&limits, besides)?,
    );
    let floors = before.floors.max(after.floors);
    let warnings = [before.warnings.clone(), after.warnings.clone()].concat();
    say::warnings(&warnings);
    let view = DiffView {
        floor_block_ns: floors.block_ns,
        floor_payload_bytes: floors.payload_bytes,
        top: args.top,
    };
    let is_partial = before.is_partial() || after.is_partial();
    let document = DiffDocument::new(
        side(&before, &old),
        side(&after, &new),
        view,
        estimates,
        warnings,
    );
    match args.format {
        PlanFormat::Text => text::render_diff(&document, &mut out),
        PlanFormat::Json => json::render_document(&document, &mut out),
        PlanFormat::Csv => csv::render_diff(&document, &mut out),
    }
    .with_context(|| cannot_write(args.output.output.as_deref()))?;
    out.finish()?;
    Ok(match is_partial {
        true => ExitStatus::Partial,
        false => ExitStatus::Fine,
    })
}

fn side<'a>(joined: &'a Joined, inputs: &Inputs) -> Side<'a> {
    Side {
        assembly: &joined.assembly,
        prefixes: joined.prefixes.clone(),
        facts: SideFacts {
            inputs: joined.input_facts(),
            topology: topology_file(inputs),
            partial: joined.is_partial(),
        },
    }
}
