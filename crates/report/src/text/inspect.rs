//! A backup for people: is it whole, who wrote it, what is in it.

use std::io::{self, Write};

use super::grid::{Align, Grid, write_pairs};
use super::type_totals::{inside, types, when};
use super::{PARTIAL, TEXT_WIDTH, write_wrapped};
use crate::document::{
    Agreement, ChecksumReport, ChecksumState, ClaimReport, ClaimState, CrossCheck, FileReport,
    InspectDocument, PartReport, SalvageReport, SlotInfoReport,
};
use crate::figure::{count, counted, cut, instant, percent, ranges, size, size_exact};
use crate::words::{file_name, line};

/// Most libraries that are named, and most characters of a name.
const LIBRARIES_SHOWN: usize = 8;
const NAME_WIDTH: usize = 32;

/// Writes what was found, file by file.
///
/// Warnings are not repeated here: whoever runs the inspection tells them as it goes.
///
/// # Errors
/// Whatever the writer fails with.
pub fn render_inspect(document: &InspectDocument, out: &mut dyn Write) -> io::Result<()> {
    for (at, file) in document.files.iter().enumerate() {
        if at > 0 {
            writeln!(out)?;
        }
        render_file(file, out)?;
    }
    if !document.unreadable.is_empty() {
        writeln!(out)?;
    }
    for file in &document.unreadable {
        let head = format!("NOT READ: {}: ", line(&file.file));
        write_wrapped(&head, &file.message, out)?;
    }
    if document.partial {
        writeln!(out, "\n{PARTIAL}")?;
    }
    Ok(())
}

fn render_file(file: &FileReport, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}", file_name(&file.file))?;
    let mut pairs = vec![
        (
            "format",
            format!(
                "RDB {} ({} family)",
                file.rdb_version,
                if file.rdb_family == "valkey" {
                    "Valkey"
                } else {
                    "Redis"
                }
            ),
        ),
        (
            "written by",
            line(file.written_by.as_deref().unwrap_or("not told by the file")),
        ),
    ];
    if let Some(written_at_s) = file.written_at_s {
        pairs.push(("written at", instant(written_at_s.saturating_mul(1_000))));
    }
    if let Some(bytes) = file.used_memory_bytes {
        pairs.push(("memory then", memory_then(bytes, file)));
    }
    pairs.push(("memory", memory_loaded(file)));
    if !file.wrapping.is_empty() {
        pairs.push(("wrapped in", wrapped_in(file)));
    }
    pairs.push(("size", size_exact(file.bytes)));
    pairs.push(("whole", wholeness(file)));
    if let Some(salvage) = &file.salvage {
        pairs.push(("salvaged", salvaged(salvage)));
    }
    pairs.push(("checksum", checksum(&file.checksum)));
    pairs.push(("keys", keys(file)));
    pairs.extend(inside(file));
    pairs.push(("claims", claims(file)));
    if file.functions > 0 {
        pairs.push(("functions", functions(file)));
    }
    for module in &file.modules {
        pairs.push((
            "module",
            format!(
                "{} (encoding {}): {}, {} of payload",
                line(&module.name),
                module.version,
                counted(module.keys, "key", "keys"),
                size(module.payload_bytes)
            ),
        ));
    }
    if let Some(check) = &file.slot_info {
        pairs.push(("slot totals", slot_totals(check)));
    }
    if !file.importing.is_empty() {
        pairs.push((
            "importing",
            format!(
                "slots {}: their keys are partial copies",
                ranges(&file.importing)
            ),
        ));
    }
    if let Some(check) = &file.cross_check {
        pairs.push(("second reader", cross_check(check)));
    }
    write_pairs(out, &pairs)?;
    for claim in differing(file) {
        let head = format!("    {}: ", claim.claim);
        let text = format!(
            "the file says {}; what was read: {}",
            claim.claimed, claim.found
        );
        write_wrapped(&head, &text, out)?;
    }
    if let Some(check) = &file.cross_check {
        for difference in &check.differences {
            writeln!(out, "    differs: {}", line(difference))?;
        }
        if check.differences_unlisted > 0 {
            writeln!(out, "    … {} more", count(check.differences_unlisted))?;
        }
    }
    types(file, out)?;
    databases(file, out)?;
    account(file, out)
}

/// The layers around the snapshot, and what they take.
fn wrapped_in(file: &FileReport) -> String {
    let layers = file.layers.iter().map(|layer| {
        let whole = if layer.whole { "" } else { " (NOT WHOLE)" };
        format!("{}{whole}", layer.wrapping)
    });
    let layers = layers.collect::<Vec<_>>().join(", then ");
    match file.file_bytes {
        Some(bytes) => format!("{layers}; the file takes {}", size_exact(bytes)),
        None => layers,
    }
}

fn wholeness(file: &FileReport) -> String {
    if let Some(damage) = &file.damage {
        return format!(
            "NO: {}; {} before it",
            line(&damage.message),
            counted(damage.keys_before, "key", "keys")
        );
    }
    if file.changed {
        return "NO: the file was written to while it was read".to_owned();
    }
    if file.checksum.state == ChecksumState::Wrong {
        return "NO: read to its end, but its checksum is wrong".to_owned();
    }
    if !file.whole {
        return "NO: another snapshot follows in the same file, which was not read".to_owned();
    }
    let snapshot = behind("the snapshot", &file.account);
    let layers = file.layers.iter().rev();
    let layers =
        layers.filter_map(|layer| behind(&format!("the {}", layer.wrapping), &layer.behind));
    let behind: Vec<String> = snapshot.into_iter().chain(layers).collect();
    match behind.is_empty() {
        true => "yes, read to its end".to_owned(),
        false => format!("yes, with {}, not read", behind.join(" and ")),
    }
}

fn salvaged(salvage: &SalvageReport) -> String {
    let keys = match salvage.keys_missing {
        Some(0) => "no key is missing".to_owned(),
        Some(1) => "1 key is missing".to_owned(),
        Some(keys) => format!("{} keys are missing", count(keys)),
        None => "how many keys are missing is not known".to_owned(),
    };
    let slots = match salvage.slots.as_deref() {
        Some([]) => String::new(),
        Some(slots) => format!(", of slots {}", ranges(slots)),
        None => ", of any slot".to_owned(),
    };
    format!(
        "all but {} in {}; {keys}{slots}",
        counted(salvage.unknown_bytes, "byte", "bytes"),
        counted(salvage.gaps.len() as u64, "gap", "gaps"),
    )
}

/// What stands behind the end of something, by the account of its bytes.
fn behind(what: &str, account: &[PartReport]) -> Option<String> {
    let of_part = |part: &str| account.iter().find(|row| row.part == part);
    let kinds = [
        ("capture-end", "of a capture's end mark"),
        ("commands", "of commands"),
        ("trailing", "of something else"),
    ];
    let found: Vec<String> = kinds
        .iter()
        .filter_map(|(part, kind)| {
            let bytes = counted(of_part(part)?.bytes, "byte", "bytes");
            Some(format!("{bytes} {kind}"))
        })
        .collect();
    (!found.is_empty()).then(|| format!("{} behind {what}", found.join(", ")))
}

/// The parts of a file as a sum. A line ends between two of them.
fn account(file: &FileReport, out: &mut dyn Write) -> io::Result<()> {
    let mut line = format!("  {} bytes =", count(file.bytes));
    let indent = line.len();
    writeln!(out)?;
    for (at, row) in file.account.iter().enumerate() {
        let plus = if at > 0 { " +" } else { "" };
        let part = format!("{plus} {} {}", count(row.bytes), row.part);
        if line.len() + part.len() > TEXT_WIDTH {
            writeln!(out, "{line}")?;
            line = " ".repeat(indent);
        }
        line.push_str(&part);
    }
    writeln!(out, "{line}")
}

fn memory_then(bytes: u64, file: &FileReport) -> String {
    let used = format!("{} used by the server", size(bytes));
    match file.used_memory_share_estimate {
        Some(share) => format!("{used}; keys and tables explain {} of it", percent(share)),
        None => used,
    }
}

fn memory_loaded(file: &FileReport) -> String {
    let memory = &file.loaded_memory;
    let mut text = format!(
        "{} when loaded ({}): keys {}, tables {}",
        size(memory.used_bytes),
        file.estimates.memory_model,
        size(memory.keys_bytes),
        size(memory.tables_bytes)
    );
    if memory.deviation_bytes > 0 {
        text.push_str(&format!(
            ", give or take {}",
            size(2 * memory.deviation_bytes)
        ));
    }
    if memory.unknown_keys > 0 {
        text.push_str(&format!(
            "; {} of unknown memory not counted",
            counted(memory.unknown_keys, "key", "keys")
        ));
    }
    text
}

fn keys(file: &FileReport) -> String {
    let totals = &file.totals;
    let mut text = format!(
        "{}, {} with an expiry",
        count(totals.keys),
        count(totals.expiring_keys)
    );
    if let Some(expired @ 1..) = totals.expired_keys {
        text.push_str(&format!(", {} of them past{}", count(expired), when(file)));
    }
    text
}

fn claims(file: &FileReport) -> String {
    let of_state = |state| {
        file.claims
            .iter()
            .filter(|claim| claim.verdict == state)
            .count() as u64
    };
    let mut text = format!(
        "{} of {} agree with what was read",
        count(of_state(ClaimState::Agrees)),
        count(file.claims.len() as u64)
    );
    match of_state(ClaimState::NotComparable) {
        0 => {}
        other => text.push_str(&format!(", {} cannot be compared", count(other))),
    }
    match of_state(ClaimState::Differs) {
        0 => {}
        other => text.push_str(&format!(", {} DIFFER", count(other))),
    }
    text
}

fn differing(file: &FileReport) -> impl Iterator<Item = &ClaimReport> {
    let differs = |claim: &&ClaimReport| claim.verdict == ClaimState::Differs;
    file.claims.iter().filter(differs)
}

fn functions(file: &FileReport) -> String {
    let names: Vec<String> = file
        .libraries
        .iter()
        .take(LIBRARIES_SHOWN)
        .map(|library| {
            let name = library.name.as_deref().unwrap_or("(no name)");
            format!(
                "{} ({})",
                cut(&line(name), NAME_WIDTH),
                size(library.source_bytes)
            )
        })
        .collect();
    let mut text = format!(
        "{}: {}",
        counted(file.functions, "library", "libraries"),
        names.join(", ")
    );
    match file.functions.saturating_sub(names.len() as u64) {
        0 => {}
        more => text.push_str(&format!(" and {} more", count(more))),
    }
    text
}

fn slot_totals(check: &SlotInfoReport) -> String {
    let odd = check.out_of_range + check.repeated + check.out_of_order + check.unreadable;
    if check.differing == 0 && check.stray_keys == 0 && odd == 0 {
        return format!(
            "{} in the file, all equal to its keys",
            count(check.declared)
        );
    }
    let mut text = format!(
        "{} of {} in the file DIFFER from its keys; {} outside their slot's section",
        count(check.differing),
        count(check.declared),
        counted(check.stray_keys, "key", "keys")
    );
    if odd > 0 {
        text.push_str(&format!("; {} ODD", count(odd)));
    }
    text
}

fn checksum(checksum: &ChecksumReport) -> String {
    match checksum.state {
        ChecksumState::Verified => "verified".to_owned(),
        ChecksumState::Absent => "none: the format has none before version 5".to_owned(),
        ChecksumState::Off => "none: the server was told not to compute it".to_owned(),
        ChecksumState::NotReached => "NOT REACHED".to_owned(),
        ChecksumState::Wrong => format!(
            "WRONG: the file says {}, its bytes give {}",
            checksum.stored.as_deref().unwrap_or("?"),
            checksum.computed.as_deref().unwrap_or("?")
        ),
    }
}

fn cross_check(check: &CrossCheck) -> String {
    let compared = counted(check.keys_compared, "key", "keys");
    let verdict = match check.result {
        Agreement::Agrees => format!("{} agrees on {compared}", check.reader),
        Agreement::Differs => format!("{} DIFFERS; {compared} compared", check.reader),
        Agreement::Unreadable => {
            format!(
                "{} cannot read this file; {compared} compared",
                check.reader
            )
        }
        Agreement::NotAsked => format!("{} was not asked", check.reader),
    };
    let left_out: Vec<String> = check
        .not_compared
        .iter()
        .map(|what| match what.keys {
            Some(keys) => format!("{} ({})", what.what, counted(keys, "key", "keys")),
            None => what.what.clone(),
        })
        .collect();
    if left_out.is_empty() {
        verdict
    } else {
        format!("{verdict}; not compared: {}", line(&left_out.join(", ")))
    }
}

fn databases(file: &FileReport, out: &mut dyn Write) -> io::Result<()> {
    if file.databases.len() < 2 {
        return Ok(());
    }
    writeln!(out)?;
    let mut grid = Grid::new(&[
        ("database", Align::Right),
        ("keys", Align::Right),
        ("with expiry", Align::Right),
    ]);
    for row in &file.databases {
        grid.row([
            row.db.to_string(),
            count(row.keys),
            count(row.expiring_keys),
        ]);
    }
    grid.write(out)
}
