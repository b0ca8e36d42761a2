//! What grew, for people.

use std::io::{self, Write};

use super::grid::{Align, Grid};
use super::{PARTIAL, estimates_note, key_name, node_name, write_wrapped};
use crate::document::{Amounts, DiffDocument, Growth, KeyAmounts};
use crate::figure::{count, size};

/// Writes totals, then what grew most: shards, slots, prefixes and keys.
///
/// # Errors
/// Whatever the writer fails with.
pub fn render_diff(document: &DiffDocument, out: &mut dyn Write) -> io::Result<()> {
    if document.old.partial || document.new.partial {
        writeln!(out, "{PARTIAL}\n")?;
    }
    let mut grid = grid("");
    grid.row(cells("all keys".to_owned(), &document.total));
    grid.write(out)?;

    let shards = &document.shards;
    title(out, "Shards", shards.differing, shards.rows.len())?;
    let grid = grid_of(
        "node",
        shards
            .rows
            .iter()
            .map(|row| (node_name(&row.node, &row.address).to_owned(), &row.growth)),
    );
    grid.write_if_any(out)?;

    let slots = &document.slots;
    title(out, "Slots", slots.differing, slots.rows.len())?;
    let grid = grid_of(
        "slot",
        slots
            .rows
            .iter()
            .map(|row| (row.slot.to_string(), &row.growth)),
    );
    grid.write_if_any(out)?;

    match &document.prefixes {
        None => writeln!(
            out,
            "\nPrefixes: not known of a saved profile; compare the snapshots"
        )?,
        Some(prefixes) => {
            title(out, "Prefixes", prefixes.differing, prefixes.rows.len())?;
            let mut rows: Vec<(String, &Growth)> = prefixes
                .rows
                .iter()
                .map(|row| (prefix(&row.prefix), &row.growth))
                .collect();
            if prefixes.one_of > 1 {
                rows.push(("(not looked at)".to_owned(), &prefixes.others));
            }
            grid_of("prefix", rows.into_iter()).write_if_any(out)?;
            if prefixes.one_of > 1 {
                writeln!(
                    out,
                    "  too many to look at all: one of {}, chosen by name alone, with exact sums",
                    count(prefixes.one_of)
                )?;
            }
        }
    }

    let keys = &document.keys;
    title(out, "Keys", keys.differing, keys.rows.len())?;
    let mut grid = Grid::new(&[
        ("payload before", Align::Right),
        ("after", Align::Right),
        ("memory before", Align::Right),
        ("after", Align::Right),
        ("slot", Align::Right),
        ("key", Align::Left),
    ]);
    for row in &keys.rows {
        let payload = |key: &Option<KeyAmounts>| {
            key.as_ref()
                .map_or("-".to_owned(), |key| size(key.payload_bytes))
        };
        let memory = |key: &Option<KeyAmounts>| match key {
            None => "-".to_owned(),
            Some(key) => key.memory_bytes_estimate.map_or("unknown".to_owned(), size),
        };
        grid.row([
            payload(&row.old),
            payload(&row.new),
            memory(&row.old),
            memory(&row.new),
            row.slot.to_string(),
            key_name(&row.key),
        ]);
    }
    if !keys.rows.is_empty() {
        grid.write(out)?;
    }
    let floors = format!(
        "Keys are compared one by one from a payload of {} or a predicted block of {} ms on; - is a key that is not there, or \
         smaller.",
        size(document.floor_payload_bytes),
        document.floor_block_ms
    );
    write_wrapped("", &floors, out)?;
    let note = estimates_note(std::slice::from_ref(&document.estimates));
    write_wrapped("", &note, out)
}

fn prefix(prefix: &preshard_analyzer::KeyName) -> String {
    match prefix.0.is_empty() {
        true => "(none)".to_owned(),
        false => key_name(prefix),
    }
}

fn title(out: &mut dyn Write, what: &str, differing: u64, shown: usize) -> io::Result<()> {
    match differing {
        0 => writeln!(out, "\n{what}: none differs"),
        _ if differing == shown as u64 => writeln!(out, "\n{what}: {} differ", count(differing)),
        _ => writeln!(
            out,
            "\n{what}: {} differ, the {shown} that grew most (--top)",
            count(differing)
        ),
    }
}

/// A table that is left out when it has no row.
struct Rows {
    grid: Grid,
    is_empty: bool,
}

impl Rows {
    fn write_if_any(self, out: &mut dyn Write) -> io::Result<()> {
        match self.is_empty {
            true => Ok(()),
            false => self.grid.write(out),
        }
    }
}

fn grid_of<'g>(name: &str, rows: impl Iterator<Item = (String, &'g Growth)>) -> Rows {
    let mut table = Rows {
        grid: grid(name),
        is_empty: true,
    };
    for (name, growth) in rows {
        table.grid.row(cells(name, growth));
        table.is_empty = false;
    }
    table
}

fn grid(name: &str) -> Grid {
    Grid::new(&[
        (name, Align::Left),
        ("keys", Align::Right),
        ("growth", Align::Right),
        ("payload", Align::Right),
        ("growth", Align::Right),
        ("memory", Align::Right),
        ("growth", Align::Right),
        ("largest", Align::Right),
        ("growth", Align::Right),
    ])
}

fn cells(name: String, growth: &Growth) -> [String; 9] {
    let of = |amount: fn(&Amounts) -> u64, write: fn(u64) -> String| {
        let (old, new) = (amount(&growth.old), amount(&growth.new));
        let change = match new.cmp(&old) {
            std::cmp::Ordering::Equal => "-".to_owned(),
            std::cmp::Ordering::Greater => format!("+{}", write(new - old)),
            std::cmp::Ordering::Less => format!("-{}", write(old - new)),
        };
        [write(new), change]
    };
    let [keys, more_keys] = of(|amounts| amounts.keys, count);
    let [payload, more_payload] = of(|amounts| amounts.payload_bytes, size);
    let [memory, more_memory] = of(|amounts| amounts.memory_bytes_estimate, size);
    let [largest, larger] = of(|amounts| amounts.largest_payload_bytes, size);
    [
        name,
        keys,
        more_keys,
        payload,
        more_payload,
        memory,
        more_memory,
        largest,
        larger,
    ]
}
