//! Where the bytes sit, for people.

use std::io::{self, Write};

use super::grid::{Align, Grid};
use super::{PARTIAL, at_least, estimates_note, key_name, node_name, short_id, write_wrapped};
use crate::SlotsDocument;
use crate::document::{Holds, SlotRow};
use crate::figure::{count, counted, duration_us, percent, size};

/// How much of a slots document is shown.
#[derive(Debug, Clone, Copy)]
pub struct SlotsView {
    /// Rows of the list of slots.
    pub top: usize,
}

/// Writes the shards, and the slots with most memory.
///
/// # Errors
/// Whatever the writer fails with.
pub fn render_slots(
    document: &SlotsDocument,
    view: SlotsView,
    out: &mut dyn Write,
) -> io::Result<()> {
    if document.partial {
        writeln!(out, "{PARTIAL}\n")?;
    }
    writeln!(out, "Shards")?;
    let mut grid = Grid::new(&[
        ("node", Align::Left),
        ("id", Align::Left),
        ("slots", Align::Right),
        ("keys", Align::Right),
        ("payload", Align::Right),
        ("memory", Align::Right),
        ("share", Align::Right),
        ("worst block", Align::Right),
        ("oversized", Align::Right),
    ]);
    for shard in &document.shards {
        let seen = |figure| at_least(shard.known, shard.holds.keys > 0, figure);
        grid.row([
            node_name(&shard.node, &shard.address).to_owned(),
            short_id(&shard.node).to_owned(),
            count(u64::from(shard.slot_count)),
            seen(count(shard.holds.keys)),
            seen(size(shard.holds.payload_bytes)),
            seen(memory(&shard.holds)),
            shard.memory_share.map_or_else(|| "?".to_owned(), percent),
            seen(duration_us(shard.holds.worst_block_ms_estimate.us)),
            seen(count(shard.holds.oversized_keys)),
        ]);
    }
    grid.write(out)?;

    let heaviest = heaviest(&document.slots);
    writeln!(
        out,
        "\nSlots: {} with keys, most memory first",
        count(heaviest.len() as u64)
    )?;
    let mut grid = Grid::new(&[
        ("slot", Align::Right),
        ("keys", Align::Right),
        ("payload", Align::Right),
        ("memory", Align::Right),
        ("largest", Align::Right),
        ("worst block", Align::Right),
        ("oversized", Align::Right),
        ("worst key", Align::Left),
    ]);
    for slot in heaviest.iter().take(view.top) {
        grid.row([
            slot.slot.to_string(),
            count(slot.holds.keys),
            size(slot.holds.payload_bytes),
            memory(&slot.holds),
            size(slot.holds.largest_payload_bytes),
            duration_us(slot.holds.worst_block_ms_estimate.us),
            count(slot.holds.oversized_keys),
            slot.worst_key.as_ref().map(key_name).unwrap_or_default(),
        ]);
    }
    grid.write(out)?;
    if heaviest.len() > view.top {
        let rest = count((heaviest.len() - view.top) as u64);
        writeln!(
            out,
            "  … {rest} more (--top, or --format csv or json for all)"
        )?;
    }
    if document.names_dropped > 0 {
        writeln!(
            out,
            "{} large or slow, but too many to be judged one by one: the numbers of oversized keys may be too low",
            counted(document.names_dropped, "key is", "keys are")
        )?;
    }
    let note = estimates_note(std::slice::from_ref(&document.estimates));
    write_wrapped("", &note, out)
}

fn heaviest(slots: &[SlotRow]) -> Vec<&SlotRow> {
    let mut heaviest: Vec<&SlotRow> = slots.iter().collect();
    heaviest.sort_by(|a, b| {
        (b.holds.memory_bytes(), b.holds.payload_bytes)
            .cmp(&(a.holds.memory_bytes(), a.holds.payload_bytes))
            .then_with(|| a.slot.cmp(&b.slot))
    });
    heaviest
}

/// Keys and tables, as far as that is known.
fn memory(holds: &Holds) -> String {
    match holds.memory_unknown_keys {
        0 => size(holds.memory_bytes()),
        unknown if unknown == holds.keys => "unknown".to_owned(),
        _ => format!("over {}", size(holds.memory_bytes())),
    }
}
