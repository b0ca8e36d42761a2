//! `preshard inspect`: what is in a backup, is it whole, who wrote it.

use anyhow::{Context as _, Result};
use preshard_analyzer::{CostProfile, Detail};
use preshard_planner::PlanLimits;
use preshard_report::document::{Agreement, Estimates, FileReport, InspectDocument, Notice};
use preshard_report::{json, text};

use super::start_threads;
use crate::args::{DocumentFormat, InspectArgs};
use crate::backup::Completeness;
use crate::cross_check::cross_check;
use crate::exit::{ExitStatus, Refusal};
use crate::input::{Inputs, TopologyWish, shown};
use crate::options::ReadOptions;
use crate::output::{Output, cannot_write};
use crate::read::{OpenFile, open_all, scan_files};
use crate::say;

/// Answers the question.
///
/// # Errors
/// When an input cannot be read or the output cannot be written.
pub fn run(args: InspectArgs) -> Result<ExitStatus> {
    start_threads(args.input.threads)?;
    let mut read = ReadOptions::new(args.input, None)?;
    read.now_ms = args.reference.now;
    let detail = match args.elements {
        true => Detail::SoundElements,
        false => Detail::Counts,
    };
    let inputs = Inputs::find(&read.inputs, TopologyWish::Each)?;
    inputs.protect_from(args.output.output.as_deref())?;
    let (mut files, bar) = open_all(&inputs, &read)?;
    let estimates: Vec<Estimates> = files.iter().map(OpenFile::estimates).collect();
    for file in &mut files {
        // No time is told here, and only scans with one cost profile can be joined.
        file.cost = CostProfile::for_server(None);
    }
    if let Some(once) = files.iter().find(|file| !file.source.can_be_read_again())
        && args.cross_check
    {
        return Err(Refusal::usage(format!(
            "--cross-check reads a snapshot a second time, and {} can be read only once: write it to a file first",
            shown(once.source.path())
        )));
    }
    let mut out = Output::open(args.output.output.as_deref())?;

    let mut reports = Vec::with_capacity(files.len());
    let scans = scan_files(&files, &PlanLimits::default(), detail, &bar)?;
    for ((file, scan), estimates) in files.iter().zip(&scans).zip(estimates) {
        let check = args
            .cross_check
            .then(|| cross_check(&file.source, scan.summary.damage.is_some()))
            .transpose()
            .with_context(|| format!("cannot read {} again", shown(file.source.path())))?;
        reports.push((
            FileReport::new(&scan.summary, estimates, check),
            scan.summary.damage.clone(),
        ));
    }
    drop(bar);
    let mut said = Vec::new();
    for (report, damage) in &reports {
        said.extend(
            damage
                .as_ref()
                .map(|damage| Notice::damage(report.file.clone(), damage)),
        );
        said.extend(report.warnings.iter().cloned());
    }
    let completeness = Completeness::of_scans(&inputs, scans);
    let mut beside = completeness.notices;
    beside.extend(inputs.left_out.iter().cloned());
    said.extend(beside.iter().cloned());
    say::warnings(&said);

    let reports = reports.into_iter().map(|(report, _)| report).collect();
    let document = InspectDocument::new(reports, beside, completeness.partial);
    match args.format {
        DocumentFormat::Text => text::render_inspect(&document, &mut out),
        DocumentFormat::Json => json::render_document(&document, &mut out),
    }
    .with_context(|| cannot_write(args.output.output.as_deref()))?;
    out.finish()?;

    let differs = document.files.iter().any(|file| {
        file.cross_check
            .as_ref()
            .is_some_and(|check| check.result == Agreement::Differs)
    });
    Ok(if !document.is_whole() {
        ExitStatus::Partial
    } else if differs {
        ExitStatus::Failure
    } else {
        ExitStatus::Fine
    })
}
