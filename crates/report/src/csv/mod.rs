//! CSV, for spreadsheets and for scripts written for rdb-tools.
//!
//! Key tables start with the eight columns that rdb-tools made common, so that old scripts go on:
//! `size_in_bytes` is the *memory* estimate there, and so it is here. Ours follow.
//!
//! Key names are escaped reversibly: control characters, invisible characters and backslashes as in
//! Rust (`\n`, `\u{200b}`, `\\`), bytes that are no UTF-8 as `\xNN`; and a first character that a spreadsheet
//! would take for the beginning of a formula (`=`, `+`, `-`, `@`) as `\xNN` too.

mod compare;
mod diff;
mod members;

use std::io::{self, Write};

pub use compare::render_compare;
pub use diff::render_diff;
pub use members::MemberTable;
use preshard_analyzer::KeyName;

use crate::document::{KeyRecord, SlotRow, SlotsDocument};
use crate::{figure, words};

/// Columns of a key table: first those of rdb-tools, then ours.
const KEY_COLUMNS: [&str; 37] = [
    "database",
    "type",
    "key",
    "size_in_bytes",
    "encoding",
    "num_elements",
    "len_largest_element",
    "expiry",
    "slot",
    "hash_tag",
    "serialized_bytes",
    "payload_bytes",
    "memory_bytes_estimate",
    "block_ms_estimate",
    "idle_s",
    "lfu",
    "file",
    "offset",
    "verdict",
    "element_bytes",
    "broken_nodes",
    "fields_with_ttl",
    "fields_expired",
    "first_field_expiry",
    "last_field_expiry",
    "groups",
    "consumers",
    "pending",
    "unowned",
    "deleted_entries",
    "template",
    "module",
    "memory_usage_estimate",
    "memory_deviation_bytes",
    "loaded_encoding",
    "block_ms_low",
    "block_ms_high",
];

/// Columns of a slot table.
const SLOT_COLUMNS: [&str; 14] = [
    "slot",
    "node",
    "keys",
    "expiring_keys",
    "serialized_bytes",
    "payload_bytes",
    "memory_bytes_estimate",
    "block_ms_estimate",
    "largest_payload_bytes",
    "worst_block_ms_estimate",
    "oversized_keys",
    "tables_bytes",
    "memory_deviation_bytes",
    "memory_unknown_keys",
];

/// Writes keys as CSV, one row each.
pub struct KeyTable<W: Write> {
    rows: csv::Writer<W>,
}

impl<W: Write> KeyTable<W> {
    /// Writes the header.
    ///
    /// # Errors
    /// Whatever the writer fails with.
    pub fn new(out: W) -> io::Result<KeyTable<W>> {
        let mut rows = csv::Writer::from_writer(out);
        rows.write_record(KEY_COLUMNS).map_err(io_error)?;
        Ok(KeyTable { rows })
    }

    /// Writes one key.
    ///
    /// # Errors
    /// Whatever the writer fails with.
    pub fn row(&mut self, key: &KeyRecord<'_>) -> io::Result<()> {
        let memory = optional(key.memory_bytes_estimate);
        let cells = [
            key.db.to_string(),
            key.data_type.to_string(),
            cell(&key.key),
            memory.clone(),
            key.encoding.to_string(),
            optional(key.elements),
            optional(key.largest_element_bytes),
            key.expires_at_ms.map(figure::instant).unwrap_or_default(),
            key.slot.to_string(),
            key.hash_tag.as_ref().map(cell).unwrap_or_default(),
            key.serialized_bytes.to_string(),
            key.payload_bytes.to_string(),
            memory,
            key.block_ms_estimate.to_string(),
            optional(key.idle_s),
            optional(key.lfu),
            key.file.to_string(),
            key.offset.to_string(),
            words::verdict(key.verdict).to_owned(),
            optional(key.element_bytes),
            key.broken_nodes.to_string(),
            optional(key.fields_with_ttl),
            optional(key.fields_expired),
            key.first_field_expiry_ms
                .map(figure::instant)
                .unwrap_or_default(),
            key.last_field_expiry_ms
                .map(figure::instant)
                .unwrap_or_default(),
            optional(key.groups),
            optional(key.consumers),
            optional(key.pending),
            optional(key.unowned),
            optional(key.deleted_entries),
            optional(key.template),
            key.module
                .as_ref()
                .map(|module| format!("{} {}", module.name, module.version))
                .unwrap_or_default(),
            optional(key.memory_usage_estimate),
            optional(key.memory_deviation_bytes),
            optional(key.loaded_encoding.as_ref()),
            key.block_ms_low.to_string(),
            key.block_ms_high.to_string(),
        ];
        self.rows.write_record(cells).map_err(io_error)
    }

    /// Writes what is still buffered.
    ///
    /// # Errors
    /// Whatever the writer fails with.
    pub fn finish(mut self) -> io::Result<()> {
        self.rows.flush()
    }
}

/// Writes the slots of a document as CSV, one row for each slot that holds keys.
///
/// # Errors
/// Whatever the writer fails with.
pub fn render_slots(document: &SlotsDocument, out: &mut dyn Write) -> io::Result<()> {
    let mut rows = csv::Writer::from_writer(out);
    rows.write_record(SLOT_COLUMNS).map_err(io_error)?;
    for slot in &document.slots {
        rows.write_record(slot_cells(slot)).map_err(io_error)?;
    }
    rows.flush()
}

fn slot_cells(slot: &SlotRow) -> [String; SLOT_COLUMNS.len()] {
    [
        slot.slot.to_string(),
        slot.node.clone().unwrap_or_default(),
        slot.holds.keys.to_string(),
        slot.holds.expiring_keys.to_string(),
        slot.holds.serialized_bytes.to_string(),
        slot.holds.payload_bytes.to_string(),
        slot.holds.memory_bytes_estimate.to_string(),
        slot.holds.block_ms_estimate.to_string(),
        slot.holds.largest_payload_bytes.to_string(),
        slot.holds.worst_block_ms_estimate.to_string(),
        slot.holds.oversized_keys.to_string(),
        slot.holds.tables_bytes.to_string(),
        slot.holds.memory_deviation_bytes.to_string(),
        slot.holds.memory_unknown_keys.to_string(),
    ]
}

/// The error of the writer itself: its kind tells a closed pipe from a full disk, and would be lost.
fn io_error(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

fn optional<T: ToString>(value: Option<T>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// A key's name as a cell: escaped, and never the beginning of a formula.
fn cell(name: &KeyName) -> String {
    let escaped = name.escaped();
    match escaped.bytes().next() {
        Some(first @ (b'=' | b'+' | b'-' | b'@')) => format!("\\x{first:02x}{}", &escaped[1..]),
        _ => escaped,
    }
}

/// Any other text from strangers as a cell.
fn text_cell(text: &str) -> String {
    cell(&KeyName(text.as_bytes().into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_stay_one_harmless_cell() {
        for (name, expected) in [
            (&b"user:1"[..], "user:1"),
            (b"=cmd|' /C calc'!A0", r"\x3dcmd|' /C calc'!A0"),
            (b"-1", r"\x2d1"),
            (b"a\nb", r"a\nb"),
            (b"back\\slash", r"back\\slash"),
            (b"\xff\xfe", r"\xff\xfe"),
            ("re\u{202e}versed".as_bytes(), r"re\u{202e}versed"),
        ] {
            assert_eq!(cell(&KeyName(name.into())), expected);
        }
    }
}
