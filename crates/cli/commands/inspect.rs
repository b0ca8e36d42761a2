//! `preshard inspect`: what is in a backup, is it whole, who wrote it.

use anyhow::{Context as _, Result};
use preshard_analyzer::{CostProfile, Detail, FileScan};
use preshard_planner::PlanLimits;
use preshard_report::document::{
    Agreement, CrossCheck, Estimates, FileReport, InspectDocument, Notice, UnreadableFile,
};
use preshard_report::{json, text};

use super::start_threads;
use crate::args::{DocumentFormat, InspectArgs};
use crate::backup::Completeness;
use crate::cross_check::cross_check;
use crate::exit::{ExitStatus, Refusal};
use crate::input::{Inputs, TopologyWish, shown};
use crate::limits::Floors;
use crate::options::ReadOptions;
use crate::output::{Output, cannot_write};
use crate::progress::Bar;
use crate::read::{OpenFile, all_or_none, bar_over, open_each, scan_each};
use crate::say;

/// Answers the question.
///
/// # Errors
/// When an input cannot be read or the output cannot be written.
pub fn run(args: InspectArgs) -> Result<ExitStatus> {
    start_threads(args.input.read.threads)?;
    let mut read = ReadOptions::new(args.input.inputs, args.input.read, args.target)?;
    read.now_ms = args.reference.now;
    let detail = match args.elements {
        true => Detail::SoundElements,
        false => Detail::Counts,
    };
    let inputs = Inputs::find(&read.inputs, TopologyWish::Each)?;
    inputs.refuse_saved("inspect")?;
    inputs.protect_from(args.output.output.as_deref())?;
    let mut opened = open_each(&inputs, &read);
    // A document tells of files that cannot be read also where there are no others.
    let is_nothing_to_tell =
        args.format == DocumentFormat::Text && opened.iter().all(Result::is_err);
    if is_nothing_to_tell || opened.iter().any(is_wrong_usage) {
        opened = all_or_none(opened)?.into_iter().map(Ok).collect();
    }
    let estimates: Vec<Option<Estimates>> = opened
        .iter()
        .map(|file| file.as_ref().ok().map(OpenFile::estimates))
        .collect();
    for file in opened.iter_mut().flatten() {
        // No time is told here, and only scans with one cost profile can be joined.
        file.cost = CostProfile::for_server(None);
    }
    if let Some(once) = opened
        .iter()
        .flatten()
        .find(|file| !file.source.can_be_read_again())
        && args.cross_check
    {
        return Err(Refusal::usage(format!(
            "--cross-check reads a snapshot a second time, and {} can be read only once: write it to a file first",
            shown(once.source.path())
        )));
    }
    let mut out = Output::open(args.output.output.as_deref())?;

    let bar = bar_over(opened.iter().flatten(), &read);
    let (mut reports, mut unreadable, mut said) = (Vec::new(), Vec::new(), Vec::new());
    let mut only_damaged = true;
    let mut scans = Vec::with_capacity(opened.len());
    let scanned = scan_opened(opened, detail, &bar);
    for ((snapshot, scanned), estimates) in inputs.snapshots.iter().zip(scanned).zip(estimates) {
        let name = snapshot.path.display().to_string();
        let (Ok((file, scan)), Some(estimates)) = (&scanned, estimates) else {
            if let Err(error) = scanned {
                say::error(&error);
                only_damaged &= Refusal::status_of(&error) == ExitStatus::Partial;
                unreadable.push(UnreadableFile {
                    file: name,
                    message: format!("{error:#}"),
                });
            }
            scans.push(None);
            continue;
        };
        let damage = scan.summary.damage.as_ref();
        let check = args
            .cross_check
            .then(|| cross_check(&file.source, damage.is_some()))
            .transpose()
            .with_context(|| format!("cannot read {} again", shown(file.source.path())))?;
        let report = FileReport::new(&scan.summary, estimates, check);
        said.extend(damage.map(|damage| Notice::damage(name.clone(), damage)));
        let unread = report.cross_check.as_ref();
        said.extend(
            unread
                .filter(|check| check.result == Agreement::Unreadable)
                .map(|check| not_cross_checked(name, check)),
        );
        said.extend(report.warnings.iter().cloned());
        reports.push(report);
        scans.push(scanned.ok().map(|(_, scan)| scan));
    }
    drop(bar);
    let completeness = Completeness::of_scans(&inputs, scans);
    let mut beside = completeness.notices;
    beside.extend(inputs.left_out.iter().cloned());
    said.extend(beside.iter().cloned());
    say::warnings(&said);

    let document = InspectDocument::new(reports, unreadable, beside, completeness.partial);
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
    Ok(if !only_damaged {
        ExitStatus::Failure
    } else if document.partial || !document.unreadable.is_empty() {
        ExitStatus::Partial
    } else if differs {
        ExitStatus::Failure
    } else {
        ExitStatus::Fine
    })
}

/// Nobody must take silence for agreement.
fn not_cross_checked(file: String, check: &CrossCheck) -> Notice {
    Notice {
        file: Some(file),
        name: "not-cross-checked".to_owned(),
        message: format!(
            "{} cannot read this file: {} of its keys were compared",
            check.reader, check.keys_compared
        ),
    }
}

/// Whether the command line is wrong, and not the file.
fn is_wrong_usage(opened: &Result<OpenFile>) -> bool {
    let is_usage = |error: &anyhow::Error| Refusal::status_of(error) == ExitStatus::Usage;
    opened.as_ref().is_err_and(is_usage)
}

/// Scans all files that could be opened.
fn scan_opened(
    opened: Vec<Result<OpenFile>>,
    detail: Detail,
    bar: &Bar,
) -> Vec<Result<(OpenFile, FileScan)>> {
    let files: Vec<&OpenFile> = opened.iter().flatten().collect();
    let mut scans = scan_each(&files, Floors::of(&PlanLimits::default()), detail, bar).into_iter();
    opened
        .into_iter()
        .map(|file| {
            let file = file?;
            let scan = scans.next().context("a file was not scanned")??;
            Ok((file, scan))
        })
        .collect()
}
