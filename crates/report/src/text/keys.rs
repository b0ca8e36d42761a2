//! The keys that matter most, for people.

use std::io::{self, Write};

use super::grid::{Align, Grid};
use super::members::type_facts;
use super::{PARTIAL, estimates_note, key_name, line, write_wrapped};
use crate::KeyRecord;
use crate::document::Estimates;
use crate::figure::{count, count_or_dash, duration_us, size, size_or_dash};
use crate::words;

/// An element of so many bytes is worth a word.
const LONG_ELEMENT_BYTES: u64 = 1_024;

/// A list of keys with what is to be said about it.
#[derive(Debug, Clone, Copy)]
pub struct KeysView<'a> {
    /// The keys, in the order of the list.
    pub keys: &'a [KeyRecord<'a>],
    /// Keys that met the filters.
    pub matched: u64,
    /// The order, in words: `worst block first`.
    pub order: &'a str,
    /// How the estimates came about.
    pub estimates: &'a [Estimates],
    /// A file is damaged, or the backup lacks one.
    pub partial: bool,
}

/// Writes a list of keys.
///
/// # Errors
/// Whatever the writer fails with.
pub fn render_keys(view: &KeysView<'_>, out: &mut dyn Write) -> io::Result<()> {
    let shown = count(view.keys.len() as u64);
    writeln!(
        out,
        "{shown} of {} keys, {}",
        count(view.matched),
        view.order
    )?;
    if view.partial {
        writeln!(out, "{PARTIAL}")?;
    }
    if !view.keys.is_empty() {
        let mut columns = vec![
            ("block", Align::Right),
            ("payload", Align::Right),
            ("memory", Align::Right),
            ("elements", Align::Right),
            ("type", Align::Left),
            ("slot", Align::Right),
            ("verdict", Align::Left),
            ("key", Align::Left),
        ];
        // A cluster has but one database, and so have most others.
        let with_db = view.keys.iter().any(|key| key.db != 0);
        if with_db {
            columns.insert(6, ("db", Align::Right));
        }
        let mut grid = Grid::new(&columns);
        for key in view.keys {
            let mut cells = vec![
                duration_us(key.block_ms_estimate.us),
                size(key.payload_bytes),
                size_or_dash(key.memory_bytes_estimate),
                count_or_dash(key.elements),
                format!("{} ({})", key.data_type, key.encoding),
                key.slot.to_string(),
                words::verdict(key.verdict).to_owned(),
                key_name(&key.key),
            ];
            if with_db {
                cells.insert(6, key.db.to_string());
            }
            grid.row(cells);
        }
        grid.write(out)?;
        render_more(view.keys, out)?;
    }
    write_wrapped("", &estimates_note(view.estimates), out)
}

/// What the table has no column for, because few keys have it.
fn render_more(keys: &[KeyRecord<'_>], out: &mut dyn Write) -> io::Result<()> {
    for key in keys {
        let longest = key
            .largest_element_bytes
            .filter(|&bytes| bytes >= LONG_ELEMENT_BYTES && key.data_type != "string")
            .map(|bytes| format!("longest element {}", size(bytes)));
        let broken = (key.broken_nodes > 0).then(|| "BROKEN inside: servers fail on it".to_owned());
        let by_type = type_facts(key, None)
            .into_iter()
            .map(|(what, fact)| match what {
                "module" => format!("module {fact}"),
                _ => fact,
            });
        let facts: Vec<String> = longest.into_iter().chain(broken).chain(by_type).collect();
        if !facts.is_empty() {
            let head = format!("  {}: ", line(&key_name(&key.key)));
            write_wrapped(&head, &facts.join("; "), out)?;
        }
    }
    Ok(())
}
