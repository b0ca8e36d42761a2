//! Text for people: short tables, sizes in units with the exact bytes where they matter.
//!
//! Key names are escaped, and cut where they are long: the other formats carry them whole. Lists are cut
//! too, and say how much more there is.

mod calibration;
mod compare;
mod diff;
mod grid;
mod inspect;
mod keys;
mod members;
mod plan;
mod slots;
mod type_totals;
mod verify;

use std::io::{self, Write};

pub use calibration::{calibration_line, render_calibration};
pub use compare::render_compare;
pub use diff::render_diff;
pub use inspect::render_inspect;
pub use keys::{KeysView, render_keys};
pub use members::{render_member_columns, render_member_line};
pub use plan::render_plan;
pub use slots::{SlotsView, render_slots};
pub use verify::render_verify;

pub use crate::words::{file_name, line};

use crate::document::{Estimates, Notice};
use crate::figure;

/// Most characters of a key's name in a table.
const KEY_WIDTH: usize = 48;

/// What marks a result whose files were not all whole, or not all there.
const PARTIAL: &str = "PARTIAL: made from a damaged or incomplete backup; see the warnings";

/// Columns of running text.
const TEXT_WIDTH: usize = 98;

/// Writes running text, escaped: the first line behind `head`, the others indented as far.
fn write_wrapped(head: &str, text: &str, out: &mut dyn Write) -> io::Result<()> {
    let indent = head.chars().count();
    for (at, part) in figure::wrap(&line(text), TEXT_WIDTH - indent)
        .iter()
        .enumerate()
    {
        let head = if at == 0 { head } else { "" };
        writeln!(out, "{head:<indent$}{part}")?;
    }
    Ok(())
}

fn key_name(name: &preshard_analyzer::KeyName) -> String {
    if name.0.is_empty() {
        return "\"\"".to_owned();
    }
    // The escaped name is bounded before it is built: a name may be as long as 512 MiB.
    let head = name.0.get(..4 * KEY_WIDTH).unwrap_or(&name.0);
    let escaped = preshard_analyzer::KeyName(head.into()).escaped();
    let text = figure::cut(&escaped, KEY_WIDTH);
    if head.len() < name.0.len() && !text.ends_with('…') {
        return text + "…";
    }
    text
}

/// A node as people call it: its address where it has one, its id otherwise.
fn node_name<'a>(id: &'a str, address: &'a str) -> &'a str {
    if address.is_empty() { id } else { address }
}

/// A figure of something that was seen in part only: at least that much, or nobody knows.
fn at_least(known: bool, seen: bool, figure: String) -> String {
    match (known, seen) {
        (true, _) => figure,
        (false, true) => format!(">= {figure}"),
        (false, false) => "?".to_owned(),
    }
}

/// The start of an id, enough to tell nodes apart at a glance.
fn short_id(id: &str) -> &str {
    if id.len() == 40 && id.bytes().all(|b| b.is_ascii_hexdigit()) {
        &id[..8]
    } else {
        id
    }
}

/// A warning as one harmless line, with the file it concerns.
pub fn notice_line(notice: &Notice) -> String {
    match &notice.file {
        Some(file) => format!("{}: {}", file_name(file), line(&notice.message)),
        None => line(&notice.message),
    }
}

/// Writes the sentences that go with every output of estimates, and that the result is partial where it is.
///
/// # Errors
/// Whatever the writer fails with.
pub fn render_notes(estimates: &[Estimates], partial: bool, out: &mut dyn Write) -> io::Result<()> {
    if partial {
        writeln!(out, "{PARTIAL}")?;
    }
    write_wrapped("", &estimates_note(estimates), out)
}

/// The sentences that go with every output of estimates.
///
/// Files of different servers have different cost profiles and memory models.
pub fn estimates_note(estimates: &[Estimates]) -> String {
    if estimates.is_empty() {
        return String::new();
    }
    let profiles: Vec<String> = estimates
        .iter()
        .map(|each| format!("{}, {}", each.cost_profile, each.cost_basis))
        .collect();
    let mut models: Vec<String> = Vec::new();
    for each in estimates {
        let model = format!("{} ({})", each.memory_model, each.memory_basis);
        if !models.contains(&model) {
            models.push(model);
        }
    }
    format!(
        "Memory is that of {}. Times are predictions: cost profile {}.",
        models.join("; "),
        profiles.join("; ")
    )
}
