//! Growth as CSV: shards, slots, prefixes and keys in one table, told apart by their first column.

use std::io::{self, Write};

use super::{cell, io_error, text_cell};
use crate::document::{Amounts, DiffDocument, Growth, KeyAmounts};

const COLUMNS: [&str; 11] = [
    "what",
    "name",
    "database",
    "old_keys",
    "new_keys",
    "old_payload_bytes",
    "new_payload_bytes",
    "old_memory_bytes_estimate",
    "new_memory_bytes_estimate",
    "old_largest_payload_bytes",
    "new_largest_payload_bytes",
];

/// Writes what grew as CSV.
///
/// # Errors
/// Whatever the writer fails with.
pub fn render_diff(document: &DiffDocument, out: &mut dyn Write) -> io::Result<()> {
    let mut rows = csv::Writer::from_writer(out);
    rows.write_record(COLUMNS).map_err(io_error)?;
    let mut row = |what: &str, name: String, growth: &Growth| {
        let cells = cells(what, name, String::new(), growth);
        rows.write_record(cells).map_err(io_error)
    };
    row("total", String::new(), &document.total)?;
    for shard in &document.shards.rows {
        row("shard", text_cell(&shard.node), &shard.growth)?;
    }
    for slot in &document.slots.rows {
        row("slot", slot.slot.to_string(), &slot.growth)?;
    }
    if let Some(prefixes) = &document.prefixes {
        for prefix in &prefixes.rows {
            row("prefix", cell(&prefix.prefix), &prefix.growth)?;
        }
        if prefixes.one_of > 1 {
            row("other-prefixes", String::new(), &prefixes.others)?;
        }
    }
    for key in &document.keys.rows {
        let growth = Growth {
            old: amounts(key.old.as_ref()),
            new: amounts(key.new.as_ref()),
        };
        let cells = cells("key", cell(&key.key), key.db.to_string(), &growth);
        rows.write_record(cells).map_err(io_error)?;
    }
    rows.flush()
}

fn amounts(key: Option<&KeyAmounts>) -> Amounts {
    key.map_or_else(Amounts::default, |key| Amounts {
        keys: 1,
        payload_bytes: key.payload_bytes,
        memory_bytes_estimate: key.memory_bytes_estimate.unwrap_or(0),
        largest_payload_bytes: key.payload_bytes,
    })
}

fn cells(what: &str, name: String, database: String, growth: &Growth) -> [String; COLUMNS.len()] {
    let (old, new) = (&growth.old, &growth.new);
    [
        what.to_owned(),
        name,
        database,
        old.keys.to_string(),
        new.keys.to_string(),
        old.payload_bytes.to_string(),
        new.payload_bytes.to_string(),
        old.memory_bytes_estimate.to_string(),
        new.memory_bytes_estimate.to_string(),
        old.largest_payload_bytes.to_string(),
        new.largest_payload_bytes.to_string(),
    ]
}
