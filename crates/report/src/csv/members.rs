//! The members of one key as rows.

use std::io::{self, Write};

use preshard_analyzer::KeyName;

use super::{cell, io_error};
use crate::document::{MemberLine, Number};
use crate::figure::instant;

/// Columns that all kinds of members share; what a kind has no use for is empty.
const COLUMNS: [&str; 12] = [
    "kind",
    "at",
    "name",
    "name_bytes",
    "value",
    "value_bytes",
    "score",
    "time",
    "count",
    "type",
    "database",
    "file",
];

/// Writes members as CSV, one row each; of a stream entry one more for each field that is shown.
pub struct MemberTable<W: Write> {
    rows: csv::Writer<W>,
}

/// A row in the making.
#[derive(Default)]
struct Row {
    kind: &'static str,
    at: String,
    name: Option<(KeyName, u64)>,
    value: Option<(KeyName, u64)>,
    score: String,
    time: Option<i64>,
    count: Option<u64>,
    /// Type, database and file; of keys only, whose members follow.
    place: Option<(String, u64, String)>,
}

impl<W: Write> MemberTable<W> {
    /// Writes the header.
    ///
    /// # Errors
    /// Whatever the writer fails with.
    pub fn new(out: W) -> io::Result<MemberTable<W>> {
        let mut rows = csv::Writer::from_writer(out);
        rows.write_record(COLUMNS).map_err(io_error)?;
        Ok(MemberTable { rows })
    }

    /// Writes a member. Keys are a row in front of theirs; summaries are left to the other formats.
    ///
    /// # Errors
    /// Whatever the writer fails with.
    pub fn row(&mut self, member: &MemberLine<'_>) -> io::Result<()> {
        if let Some(row) = row(member) {
            self.write(row)?;
        }
        if let MemberLine::Entry { id, shown, .. } = member {
            for pair in shown {
                self.write(Row {
                    kind: "entry-field",
                    at: id.clone(),
                    name: Some((pair.field.clone(), pair.field_bytes)),
                    value: Some((pair.value.clone(), pair.value_bytes)),
                    ..Row::default()
                })?;
            }
        }
        Ok(())
    }

    /// Writes what is still buffered.
    ///
    /// # Errors
    /// Whatever the writer fails with.
    pub fn finish(mut self) -> io::Result<()> {
        self.rows.flush()
    }

    fn write(&mut self, row: Row) -> io::Result<()> {
        let string = |string: Option<(KeyName, u64)>| match string {
            Some((head, bytes)) => (cell(&head), bytes.to_string()),
            None => Default::default(),
        };
        let (name, name_bytes) = string(row.name);
        let (value, value_bytes) = string(row.value);
        let (data_type, db, file) = match row.place {
            Some((data_type, db, file)) => (data_type, db.to_string(), file),
            None => Default::default(),
        };
        let cells = [
            row.kind.to_owned(),
            row.at,
            name,
            name_bytes,
            value,
            value_bytes,
            row.score,
            row.time.map(instant).unwrap_or_default(),
            row.count.map(|count| count.to_string()).unwrap_or_default(),
            data_type,
            db,
            file,
        ];
        self.rows.write_record(cells).map_err(io_error)
    }
}

fn row(member: &MemberLine<'_>) -> Option<Row> {
    let named = |name: &KeyName, bytes: u64| Some((name.clone(), bytes));
    Some(match member {
        MemberLine::Key {
            file,
            db,
            key,
            data_type,
            offset,
            expires_at_ms,
            ..
        } => Row {
            kind: "key",
            at: offset.to_string(),
            name: named(key, key.0.len() as u64),
            time: *expires_at_ms,
            place: Some((
                data_type.clone().into_owned(),
                *db,
                file.clone().into_owned(),
            )),
            ..Row::default()
        },
        MemberLine::Piece { at, value, bytes } => Row {
            kind: "piece",
            at: at.to_string(),
            value: named(value, *bytes),
            ..Row::default()
        },
        MemberLine::Item {
            index,
            value,
            bytes,
        } => Row {
            kind: "item",
            at: index.to_string(),
            value: named(value, *bytes),
            ..Row::default()
        },
        MemberLine::Member {
            value,
            bytes,
            score,
        } => Row {
            kind: "member",
            value: named(value, *bytes),
            score: score.map(|score| score.to_string()).unwrap_or_default(),
            ..Row::default()
        },
        MemberLine::Field(field) => Row {
            kind: "field",
            name: named(&field.field, field.field_bytes),
            value: named(&field.value, field.value_bytes),
            time: field.expires_at_ms,
            ..Row::default()
        },
        MemberLine::Template { id, fields } => Row {
            kind: "template",
            at: id.to_string(),
            count: Some(*fields),
            ..Row::default()
        },
        MemberLine::FieldName {
            index,
            field,
            bytes,
        } => Row {
            kind: "field-name",
            at: index.to_string(),
            name: named(field, *bytes),
            ..Row::default()
        },
        MemberLine::FieldValue {
            index,
            value,
            bytes,
        } => Row {
            kind: "field-value",
            at: index.to_string(),
            value: named(value, *bytes),
            ..Row::default()
        },
        MemberLine::Element {
            index,
            value,
            bytes,
        } => Row {
            kind: "element",
            at: index.to_string(),
            value: named(value, *bytes),
            ..Row::default()
        },
        MemberLine::Path { value, bytes } => Row {
            kind: "path",
            name: named(value, *bytes),
            ..Row::default()
        },
        MemberLine::Entry {
            id,
            deleted,
            fields,
            bytes,
            ..
        } => Row {
            kind: if *deleted { "deleted-entry" } else { "entry" },
            at: id.clone(),
            value: Some((KeyName(Box::default()), *bytes)),
            count: Some(*fields),
            ..Row::default()
        },
        MemberLine::Stream {
            length, last_id, ..
        } => Row {
            kind: "stream",
            at: last_id.clone(),
            count: Some(*length),
            ..Row::default()
        },
        MemberLine::Group {
            name,
            bytes,
            last_id,
            pending,
            ..
        } => Row {
            kind: "group",
            at: last_id.clone(),
            name: named(name, *bytes),
            count: Some(*pending),
            ..Row::default()
        },
        MemberLine::Pending {
            id,
            delivered_at_ms,
            deliveries,
        } => Row {
            kind: "pending",
            at: id.clone(),
            time: Some(*delivered_at_ms),
            count: Some(*deliveries),
            ..Row::default()
        },
        MemberLine::Consumer {
            name,
            bytes,
            seen_at_ms,
            pending,
            ..
        } => Row {
            kind: "consumer",
            name: named(name, *bytes),
            time: Some(*seen_at_ms),
            count: Some(*pending),
            ..Row::default()
        },
        MemberLine::Owned { id } => Row {
            kind: "owned",
            at: id.clone(),
            ..Row::default()
        },
        MemberLine::Unowned { id } => Row {
            kind: "unowned",
            at: id.clone(),
            ..Row::default()
        },
        MemberLine::Producer { name, bytes } => Row {
            kind: "producer",
            name: named(name, *bytes),
            ..Row::default()
        },
        MemberLine::Message { name, bytes, id } => Row {
            kind: "message",
            at: id.clone(),
            name: named(name, *bytes),
            ..Row::default()
        },
        MemberLine::Module { name, version } => Row {
            kind: "module",
            name: named(&KeyName(name.as_bytes().into()), name.len() as u64),
            count: Some(*version),
            ..Row::default()
        },
        MemberLine::Number { value, .. } => Row {
            kind: "number",
            score: match value {
                Number::Unsigned(n) => n.to_string(),
                Number::Signed(n) => n.to_string(),
                Number::Real(n) => n.to_string(),
            },
            ..Row::default()
        },
        MemberLine::String { value, bytes } => Row {
            kind: "string",
            value: named(value, *bytes),
            ..Row::default()
        },
        MemberLine::Broken { offset, message } => Row {
            kind: "broken",
            ..said(*offset, message)
        },
        MemberLine::Incomplete { offset, message } => Row {
            kind: "incomplete",
            ..said(*offset, message)
        },
        MemberLine::Dropped {} => Row {
            kind: "dropped",
            ..Row::default()
        },
        MemberLine::Summary { .. } => return None,
    })
}

/// What is said of a place in the file.
fn said(offset: u64, message: &str) -> Row {
    Row {
        at: offset.to_string(),
        value: Some((KeyName(message.as_bytes().into()), message.len() as u64)),
        ..Row::default()
    }
}
