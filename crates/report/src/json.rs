//! JSON: documents for machines that people sometimes read, and lines for streams.
//!
//! Inside strings, characters that act on a terminal or hide in a text (DEL, C1 controls, the marks that reorder text,
//! zero widths) are written as `\uXXXX`, as JSON does of its own accord for the other controls: raw NDJSON on a
//! terminal is harmless, and reads back as the same names.

use std::io::{self, Write};

use preshard_analyzer::is_hidden;
use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter};

use crate::document::{MemberLine, PlannedKey};
use crate::{KeyRecord, ProfileDocument};

/// Writes a document, indented, with a final newline.
///
/// # Errors
/// Whatever the writer fails with.
pub fn render_document<D: Serialize>(document: &D, out: &mut dyn Write) -> io::Result<()> {
    write(document, PrettyFormatter::new(), out)
}

/// Writes a saved profile: a row or a key a line, so that what is wrong in one is found by its line.
///
/// # Errors
/// Whatever the writer fails with.
pub fn render_profile(document: &ProfileDocument, out: &mut dyn Write) -> io::Result<()> {
    write(document, RowsInLines::default(), out)
}

/// Writes one key as one line.
///
/// # Errors
/// Whatever the writer fails with.
pub fn render_key_line(record: &KeyRecord<'_>, out: &mut dyn Write) -> io::Result<()> {
    write(record, CompactFormatter, out)
}

/// Writes one line of the members of a key.
///
/// # Errors
/// Whatever the writer fails with.
pub fn render_member_line(member: &MemberLine<'_>, out: &mut dyn Write) -> io::Result<()> {
    write(member, CompactFormatter, out)
}

/// Writes the place of one key in a plan as one line.
///
/// # Errors
/// Whatever the writer fails with.
pub fn render_planned_key(key: &PlannedKey, out: &mut dyn Write) -> io::Result<()> {
    write(key, CompactFormatter, out)
}

fn write<V: Serialize>(value: &V, form: impl Formatter, out: &mut dyn Write) -> io::Result<()> {
    let mut serializer = serde_json::Serializer::with_formatter(&mut *out, Harmless(form));
    value.serialize(&mut serializer)?;
    out.write_all(b"\n")
}

/// A form of JSON in which everything begins a line down to the elements of lists inside of files of a profile, and
/// nothing below.
#[derive(Default)]
struct RowsInLines {
    depth: usize,
    is_empty: bool,
}

/// The document, its files, a file, its rows.
const DEPTH_IN_LINES: usize = 4;

impl RowsInLines {
    fn begin<W: ?Sized + Write>(&mut self, out: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.depth += 1;
        self.is_empty = true;
        out.write_all(bracket)
    }

    fn end<W: ?Sized + Write>(&mut self, out: &mut W, bracket: &[u8]) -> io::Result<()> {
        if self.depth <= DEPTH_IN_LINES && !self.is_empty {
            out.write_all(b"\n")?;
        }
        self.depth -= 1;
        self.is_empty = false;
        out.write_all(bracket)
    }

    fn next<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.is_empty = false;
        if !first {
            out.write_all(b",")?;
        }
        match self.depth <= DEPTH_IN_LINES {
            true => out.write_all(b"\n"),
            false => Ok(()),
        }
    }
}

impl Formatter for RowsInLines {
    fn begin_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.begin(out, b"[")
    }

    fn end_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.end(out, b"]")
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.next(out, first)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.begin(out, b"{")
    }

    fn end_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.end(out, b"}")
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.next(out, first)
    }
}

/// A form of JSON with everything hidden escaped.
struct Harmless<F>(F);

impl<F: Formatter> Formatter for Harmless<F> {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        text: &str,
    ) -> io::Result<()> {
        let mut written = 0;
        for (at, c) in text.char_indices().filter(|&(_, c)| is_hidden(c)) {
            self.0.write_string_fragment(out, &text[written..at])?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}")?;
            }
            written = at + c.len_utf8();
        }
        self.0.write_string_fragment(out, &text[written..])
    }

    fn begin_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_array(out)
    }

    fn end_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_array(out)
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(out, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_array_value(out)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object(out)
    }

    fn end_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object(out)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(out, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object_value(out)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object_value(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_read_back_the_same_and_hide_nothing() {
        let text: String = ('\0'..='\u{ffff}')
            .chain(['\u{e0041}', '\u{1f600}', '"', '\\'])
            .collect();
        let value = serde_json::json!({ "key": text, "list": [text, 1], "\u{202e}": {} });
        let (mut pretty, mut line) = (Vec::new(), Vec::new());
        render_document(&value, &mut pretty).expect("memory takes everything");
        write(&value, CompactFormatter, &mut line).expect("memory takes everything");
        for written in [pretty, line] {
            let written = String::from_utf8(written).expect("JSON is UTF-8");
            let back: serde_json::Value = serde_json::from_str(&written).expect("JSON");
            assert_eq!(back, value);
            let hidden = written.chars().find(|&c| c != '\n' && is_hidden(c));
            assert_eq!(hidden, None);
        }
    }

    #[test]
    fn documents_keep_their_usual_form() {
        let value = serde_json::json!({ "a": [1, [], {}], "b": { "c": "d\ne" } });
        let mut written = Vec::new();
        render_document(&value, &mut written).expect("memory takes everything");
        let usual = serde_json::to_string_pretty(&value).expect("a value can be written");
        assert_eq!(String::from_utf8_lossy(&written), usual + "\n");
    }
}
