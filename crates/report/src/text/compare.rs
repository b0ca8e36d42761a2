//! Several goals beside each other, for people.

use std::io::{self, Write};

use super::grid::{Align, Grid};
use super::{PARTIAL, estimates_note, write_wrapped};
use crate::document::CompareDocument;
use crate::figure::{count, duration_us, percent, size};

/// Writes one row a goal, and below what keeps goals from being reached.
///
/// # Errors
/// Whatever the writer fails with.
pub fn render_compare(document: &CompareDocument, out: &mut dyn Write) -> io::Result<()> {
    if document.partial {
        writeln!(out, "{PARTIAL}\n")?;
    }
    let is_room_known = document.limits.maxmemory_bytes.is_some();
    let mut columns = vec![
        ("goal", Align::Left),
        ("outcome", Align::Left),
        ("shards", Align::Right),
        ("slots", Align::Right),
        ("moves", Align::Right),
        ("time", Align::Right),
        ("worst block", Align::Right),
        ("imbalance", Align::Right),
        ("fullest target", Align::Right),
    ];
    if is_room_known {
        columns.push(("free there", Align::Right));
    }
    columns.push(("held", Align::Right));
    let mut grid = Grid::new(&columns);
    for row in &document.goals {
        let fullest = row.fullest_target.as_ref();
        let mut cells = vec![
            row.goal.clone(),
            row.outcome.clone(),
            count(u64::from(row.shards)),
            count(u64::from(row.moved.slots)),
            size(row.moved.memory_bytes),
            duration_us(row.takes.expected_us),
            duration_us(row.worst_block_us),
            percent(row.imbalance_after),
            fullest.map_or("-".to_owned(), |target| size(target.memory_bytes)),
        ];
        if is_room_known {
            let room = fullest.and_then(|target| target.headroom_bytes);
            cells.push(
                room.map_or("-".to_owned(), |bytes| match u64::try_from(bytes) {
                    Ok(bytes) => size(bytes),
                    Err(_) => format!("-{}", size(bytes.unsigned_abs())),
                }),
            );
        }
        cells.push(count(u64::from(row.held_slots)));
        grid.row(cells);
    }
    grid.write(out)?;
    for row in document.goals.iter().filter(|row| !row.reasons.is_empty()) {
        writeln!(out)?;
        for reason in &row.reasons {
            write_wrapped("  ", &format!("{}: {reason}", row.goal), out)?;
        }
    }
    writeln!(out)?;
    let note = estimates_note(std::slice::from_ref(&document.estimates));
    write_wrapped("", &note, out)
}
