//! Whether a plan holds, for people.

use std::io::{self, Write};

use preshard_planner::{Figure, Finding, Severity};

use super::grid::{Align, Grid, write_pairs};
use super::{PARTIAL, key_name, write_wrapped};
use crate::document::{PlanVerdict, VerifyDocument};
use crate::figure::{count, duration_us, instant, percent, size};
use crate::words::{file_name, line};

/// Findings that are shown of each kind.
const SHOWN_MAX: usize = 10;

/// Writes the verdict and everything that it rests on.
///
/// # Errors
/// Whatever the writer fails with.
pub fn render_verify(document: &VerifyDocument, out: &mut dyn Write) -> io::Result<()> {
    if document.partial {
        writeln!(out, "{PARTIAL}\n")?;
    }
    let verdict = match document.verdict {
        PlanVerdict::Holds => "holds",
        PlanVerdict::HoldsWithNotes => "holds, with notes",
        PlanVerdict::Void => "VOID: do not run it",
    };
    writeln!(out, "{}: {verdict}", file_name(&document.plan))?;
    write_pairs(out, &times(document))?;
    match &document.moved {
        None => writeln!(
            out,
            "\nHeld against no backup: only the plan itself was checked."
        )?,
        Some(moved) => {
            writeln!(out, "\nWhat moves")?;
            let mut grid = Grid::new(&[
                ("", Align::Left),
                ("planned", Align::Right),
                ("now", Align::Right),
            ]);
            let (planned, now) = (&moved.planned, &moved.now);
            let rows = [
                (
                    "slots",
                    count(u64::from(planned.slots)),
                    count(u64::from(now.slots)),
                ),
                ("keys", count(planned.keys), count(now.keys)),
                (
                    "payload",
                    size(planned.payload_bytes),
                    size(now.payload_bytes),
                ),
                ("memory", size(planned.memory_bytes), size(now.memory_bytes)),
                (
                    "time",
                    duration_us(moved.planned_us),
                    duration_us(moved.now_us),
                ),
            ];
            for (what, planned, now) in rows {
                grid.row([what.to_owned(), planned, now]);
            }
            grid.write(out)?;
            if moved.arrived_slots > 0 {
                writeln!(
                    out,
                    "  {} slots are on their targets already",
                    moved.arrived_slots
                )?;
            }
        }
    }
    for (severity, title) in [(Severity::Void, "Void, because"), (Severity::Note, "Notes")] {
        let of = |finding: &&Finding| finding.severity == severity;
        let findings: Vec<&Finding> = document.findings.iter().filter(of).collect();
        if !findings.is_empty() {
            writeln!(out, "\n{title}")?;
            write_findings(&findings, out)?;
        }
    }
    Ok(())
}

fn times(document: &VerifyDocument) -> Vec<(&'static str, String)> {
    let time = |seconds: Option<i64>| match seconds {
        Some(seconds) => instant(seconds.saturating_mul(1_000)),
        None => "not known".to_owned(),
    };
    let age = match (document.age_s, document.max_age_s) {
        (None, _) => "not known".to_owned(),
        (Some(age), None) => duration_s(age),
        (Some(age), Some(max)) => format!("{}, at most {}", duration_s(age), duration_s(max)),
    };
    vec![
        ("made from backups of", time(document.planned_at_s)),
        ("compared at", time(document.compared_at_s)),
        ("age", age),
        ("tolerance", percent(document.tolerance)),
    ]
}

fn duration_s(seconds: i64) -> String {
    match u64::try_from(seconds) {
        Ok(seconds) => duration_us(seconds.saturating_mul(1_000_000)),
        Err(_) => format!("{seconds} s"),
    }
}

/// Findings by their names, in the order in which these come first.
fn write_findings(findings: &[&Finding], out: &mut dyn Write) -> io::Result<()> {
    let mut names: Vec<&str> = Vec::new();
    for finding in findings {
        if !names.contains(&finding.name.as_str()) {
            names.push(&finding.name);
        }
    }
    for name in names {
        let alike: Vec<&&Finding> = findings.iter().filter(|each| each.name == name).collect();
        writeln!(out, "  {} ({})", line(name), count(alike.len() as u64))?;
        for finding in alike.iter().take(SHOWN_MAX) {
            write_wrapped("    - ", &sentence(finding), out)?;
        }
        if alike.len() > SHOWN_MAX {
            let more = count((alike.len() - SHOWN_MAX) as u64);
            writeln!(out, "    … {more} more (--format json for all)")?;
        }
    }
    Ok(())
}

fn sentence(finding: &Finding) -> String {
    let mut place = Vec::new();
    if let Some(batch) = finding.batch {
        place.push(format!("batch {batch}"));
    }
    if let Some(slot) = finding.slot {
        place.push(format!("slot {slot}"));
    }
    if let Some(key) = &finding.key {
        place.push(format!("key {}", key_name(key)));
    }
    let figures: Vec<String> = finding.figures.iter().map(figure).collect();
    let mut sentence = place.join(", ");
    if !sentence.is_empty() {
        sentence += ": ";
    }
    sentence += &finding.message;
    if !figures.is_empty() {
        sentence += " (";
        sentence += &figures.join("; ");
        sentence += ")";
    }
    sentence
}

fn figure(figure: &Figure) -> String {
    let (name, write): (&str, fn(u64) -> String) = match figure.what.as_str() {
        "payload_bytes" => ("payload", size),
        "memory_bytes" => ("memory", size),
        "block_us" => ("block", duration_us),
        "worst_block_us" => ("worst block", duration_us),
        "predicted_us" => ("time", duration_us),
        "timeout_ms" => ("timeout", |ms| duration_us(ms.saturating_mul(1_000))),
        other => (other, count),
    };
    let values = match (figure.planned, figure.now) {
        (Some(planned), Some(now)) => format!("{} planned, {} now", write(planned), write(now)),
        (Some(planned), None) => format!("{} planned", write(planned)),
        (None, Some(now)) => format!("{} now", write(now)),
        (None, None) => "not known".to_owned(),
    };
    match figure.limit {
        Some(limit) => format!("{name} {values}, at most {}", write(limit)),
        None => format!("{name} {values}"),
    }
}
