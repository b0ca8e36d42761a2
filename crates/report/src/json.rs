//! JSON: documents for machines that people sometimes read, and lines for streams.

use std::io::{self, Write};

use serde::Serialize;

use crate::KeyRecord;

/// Writes a document, indented, with a final newline.
///
/// # Errors
/// Whatever the writer fails with.
pub fn render_document<D: Serialize>(document: &D, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, document)?;
    out.write_all(b"\n")
}

/// Writes one key as one line.
///
/// # Errors
/// Whatever the writer fails with.
pub fn render_key_line(record: &KeyRecord<'_>, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, record)?;
    out.write_all(b"\n")
}
