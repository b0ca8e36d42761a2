//! The keys that a plan moves, written beside it by a second pass over the snapshots.

use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use preshard_analyzer::{Detail, Disregard, KeyFacts};
use preshard_planner::{Plan, PlanLimits};
use preshard_report::document::PlannedKeys;
use preshard_report::json;

use crate::exit::Refusal;
use crate::input::{Inputs, Snapshot};
use crate::limits::Floors;
use crate::options::ReadOptions;
use crate::output::{Output, cannot_write};
use crate::read::open_all;

/// Refuses what cannot be read a second time.
///
/// # Errors
/// Wrong usage.
pub fn require_snapshots(inputs: &Inputs, path: &Path) -> Result<()> {
    if path == Path::new("-") {
        return Err(Refusal::usage("--key-list wants the name of a file"));
    }
    if !inputs.saved.is_empty() {
        return Err(Refusal::usage(
            "--key-list: a saved profile does not hold all keys; plan from the backup",
        ));
    }
    if inputs.snapshots.iter().any(Snapshot::is_stdin) {
        return Err(Refusal::usage(
            "--key-list reads the backup a second time, and standard input cannot be",
        ));
    }
    Ok(())
}

/// Writes the list. Its order is that of the files and of the keys in them, whatever the number of threads.
///
/// # Errors
/// When a snapshot cannot be read again, or the list cannot be written.
pub fn write(
    plan: &Plan,
    inputs: &Inputs,
    read: &ReadOptions,
    limits: &PlanLimits,
    path: &Path,
) -> Result<()> {
    let cannot_write = cannot_write(Some(path));
    let mut out = Output::open(Some(path))?;
    let planned = PlannedKeys::new(plan);
    let (files, bar) = open_all(inputs, read)?;
    for file in &files {
        let call_fixed_ns = file.cost.call_fixed_ns();
        let options = file.scan_options(Floors::of(limits), Detail::Counts);
        let mut sink = |keys: &[KeyFacts<'_>]| {
            for line in keys
                .iter()
                .filter_map(|facts| planned.line(facts, call_fixed_ns))
            {
                json::render_planned_key(&line, &mut out)?;
            }
            Ok(())
        };
        file.scan(
            &options,
            &bar,
            &Disregard::default(),
            &mut sink,
            &cannot_write,
        )?;
    }
    drop(bar);
    out.flush().context(cannot_write)?;
    out.finish()
}
