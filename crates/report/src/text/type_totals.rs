//! What a file holds, by type: a table, and in words what only some types have.

use std::io::{self, Write};

use super::grid::{Align, Grid};
use super::write_wrapped;
use crate::document::{ChecksumState, FileReport, TypeTotals};
use crate::figure::{count, counted, instant, size, size_or_dash};

/// The sums per type and encoding; how long elements are only where that was looked at.
pub(super) fn types(file: &FileReport, out: &mut dyn Write) -> io::Result<()> {
    if file.types.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    let mut columns = vec![
        ("type", Align::Left),
        ("encoding", Align::Left),
        ("keys", Align::Right),
        ("elements", Align::Right),
    ];
    if file.elements_seen {
        columns.extend([("their bytes", Align::Right), ("longest", Align::Right)]);
    }
    columns.extend([
        ("serialized", Align::Right),
        ("payload", Align::Right),
        ("memory", Align::Right),
    ]);
    let mut grid = Grid::new(&columns);
    for row in &file.types {
        let mut cells = vec![
            row.data_type.clone(),
            row.encoding.clone(),
            count(row.keys),
            count(row.elements),
        ];
        if file.elements_seen {
            cells.extend([
                size_or_dash(row.element_bytes),
                size_or_dash(row.largest_element_bytes),
            ]);
        }
        cells.extend([
            size(row.serialized_bytes),
            size(row.payload_bytes),
            memory(row.memory_bytes_estimate, row.memory_unknown_keys, row.keys),
        ]);
        grid.row(cells);
    }
    let totals = &file.totals;
    let mut cells = vec![
        "all".to_owned(),
        String::new(),
        count(totals.keys),
        String::new(),
    ];
    if file.elements_seen {
        cells.extend([String::new(), String::new()]);
    }
    cells.extend([
        size(totals.serialized_bytes),
        size(totals.payload_bytes),
        memory(
            totals.memory_bytes_estimate,
            totals.memory_unknown_keys,
            totals.keys,
        ),
    ]);
    grid.row(cells);
    grid.write(out)?;
    let text = format!(
        "{}; memory is that of {} ({}), without tables.",
        how_exact(file),
        file.estimates.memory_model,
        file.estimates.memory_basis
    );
    write_wrapped("  ", &text, out)
}

/// How far sizes and counts may be trusted: what was changed since the server wrote it may still look sound.
fn how_exact(file: &FileReport) -> String {
    let has_templates = file.types.iter().any(|row| is_of_template(&row.encoding));
    let exact = match has_templates {
        false => "Serialized and payload are exact",
        true => "Serialized is exact, payload too but for hashes of templates, where it is a bound",
    };
    let all_keys = match (&file.salvage, &file.damage) {
        (Some(_), _) => " for the keys that were kept, unless their bytes were changed",
        (None, Some(_)) => " for the keys before the damage, and of the others nothing is known",
        (None, None) if file.changed => {
            " for a file that was not written to meanwhile, as this was"
        }
        (None, None) if file.checksum.state == ChecksumState::Wrong => {
            " for the bytes as they lie there, and some are not what the server wrote"
        }
        (None, None) => "",
    };
    format!("{exact}{all_keys}")
}

/// Whether the field names of such hashes stand in templates (Redis 8.10).
fn is_of_template(encoding: &str) -> bool {
    encoding.starts_with("template-")
}

/// What there is to say of hash fields, streams and broken blobs, where there is anything.
pub(super) fn inside(file: &FileReport) -> Vec<(&'static str, String)> {
    let sum = |of: fn(&TypeTotals) -> u64| file.types.iter().map(of).fold(0, u64::saturating_add);
    let mut pairs = Vec::new();
    let fields = sum(|row| row.fields_with_ttl);
    if fields > 0 {
        let mut text = format!(
            "{} with a TTL",
            counted(fields, "hash field", "hash fields")
        );
        if file.reference_ms.is_some() {
            let expired = sum(|row| row.fields_expired.unwrap_or(0));
            text.push_str(&format!(", {} of them past{}", count(expired), when(file)));
        }
        pairs.push(("field TTLs", text));
    }
    let (groups, deleted) = (sum(|row| row.groups), sum(|row| row.deleted_entries));
    if groups > 0 || deleted > 0 {
        pairs.push((
            "streams",
            format!(
                "{}, {}, {}; {}",
                counted(groups, "group", "groups"),
                counted(sum(|row| row.consumers), "consumer", "consumers"),
                counted(sum(|row| row.pending), "pending entry", "pending entries"),
                counted(
                    deleted,
                    "deleted entry that takes room",
                    "deleted entries that take room"
                ),
            ),
        ));
    }
    let broken = sum(|row| row.broken_keys);
    if broken > 0 {
        let keys = counted(broken, "key", "keys");
        pairs.push((
            "BROKEN",
            format!("{keys} with blobs that are broken inside: servers fail on them"),
        ));
    }
    pairs
}

/// The time that expiries are compared with, behind a word such as *past*.
pub(super) fn when(file: &FileReport) -> String {
    let written_at_ms = file.written_at_s.map(|s| s.saturating_mul(1_000));
    match file.reference_ms {
        Some(reference) if Some(reference) != written_at_ms => {
            format!(" at {}", instant(reference))
        }
        _ => " when written".to_owned(),
    }
}

fn memory(bytes: u64, unknown_keys: u64, keys: u64) -> String {
    match unknown_keys {
        0 => size(bytes),
        unknown if unknown == keys => "unknown".to_owned(),
        _ => format!("over {}", size(bytes)),
    }
}
