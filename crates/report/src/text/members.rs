//! One key for people: what is known of it, its members as they pass, how long they are.

use std::io::{self, Write};

use preshard_analyzer::KeyName;

use super::grid::{Align, Grid, write_pairs};
use crate::KeyRecord;
use crate::document::{MemberLine, Number, PairLine, SizesLine};
use crate::figure::{count, counted, duration_us, instant, size, size_exact, size_or_dash};
use crate::words::{self, line};

/// Most characters of a key's name, which may be as long as 512 MiB.
const NAME_WIDTH: usize = 1_024;
/// Columns of a figure in front of a member. Members pass one by one, so no column can fit the widest.
const FIGURE: usize = 10;
/// Columns of a score.
const SCORE: usize = 22;
/// Columns of an instant with milliseconds, and a word behind it.
const EXPIRY: usize = 29;

/// The id of an entry that there is not.
const NO_ID: &str = "0-0";

/// Writes lines as they come: a key, its members, its summary.
///
/// # Errors
/// Whatever the writer fails with.
pub fn render_member_line(member: &MemberLine<'_>, out: &mut dyn Write) -> io::Result<()> {
    match member {
        MemberLine::Key { .. } => key(member, out),
        MemberLine::Summary {
            record,
            reference_ms,
            sizes,
        } => summary(record, *reference_ms, sizes, out),
        _ => writeln!(out, "{}", member_text(member)),
    }
}

fn key(member: &MemberLine<'_>, out: &mut dyn Write) -> io::Result<()> {
    let MemberLine::Key {
        file,
        db,
        key,
        data_type,
        slot,
        hash_tag,
        expires_at_ms,
        expired,
        idle_s,
        lfu,
        offset,
    } = member
    else {
        return Ok(());
    };
    writeln!(out, "{}", name(key))?;
    let mut pairs = vec![
        (
            "file",
            format!("{}, offset {offset:#x} ({offset})", line(file)),
        ),
        ("database", db.to_string()),
        ("type", data_type.to_string()),
        (
            "slot",
            match hash_tag {
                Some(tag) => format!("{slot}, by its hash tag {}", name(tag)),
                None => slot.to_string(),
            },
        ),
        (
            "expires",
            expiry(*expires_at_ms, *expired).unwrap_or_else(|| "never".to_owned()),
        ),
    ];
    if let Some(idle_s) = idle_s {
        let seconds = counted(*idle_s, "second", "seconds");
        pairs.push((
            "last used",
            format!("{seconds} before the file was written"),
        ));
    }
    if let Some(lfu) = lfu {
        pairs.push(("LFU counter", lfu.to_string()));
    }
    write_pairs(out, &pairs)
}

/// Writes what the columns in front of members are, and an empty line before it.
///
/// # Errors
/// Whatever the writer fails with.
pub fn render_member_columns(key: &MemberLine<'_>, out: &mut dyn Write) -> io::Result<()> {
    let data_type = match key {
        MemberLine::Key { data_type, .. } => &**data_type,
        _ => "",
    };
    let columns = match data_type {
        "string" => format!("{:>FIGURE$}  value", "at"),
        "list" => format!("{:>FIGURE$}  {:>FIGURE$}  item", "index", "bytes"),
        "set" => format!("{:>FIGURE$}  member", "bytes"),
        "zset" => format!("{:>SCORE$}  {:>FIGURE$}  member", "score", "bytes"),
        "hash" | "pathhash" => format!(
            "{:>FIGURE$}  {:>FIGURE$}  {:EXPIRY$}  field = value",
            "field", "value", "expires"
        ),
        "array" => format!("{:>FIGURE$}  {:>FIGURE$}  element", "index", "bytes"),
        "stream" => format!("{:>FIGURE$}  {:>FIGURE$}  entry", "fields", "bytes"),
        _ => return writeln!(out),
    };
    writeln!(out, "\n{columns}")
}

/// A member on a line of its own.
fn member_text(member: &MemberLine<'_>) -> String {
    match member {
        MemberLine::Piece { at, value, .. } => {
            format!("{:>FIGURE$}  {}", count(*at), text(value, false))
        }
        MemberLine::Item {
            index,
            value,
            bytes,
        }
        | MemberLine::Element {
            index,
            value,
            bytes,
        } => format!(
            "{:>FIGURE$}  {:>FIGURE$}  {}",
            count(*index),
            count(*bytes),
            cut(value, *bytes)
        ),
        MemberLine::Member {
            value,
            bytes,
            score,
        } => {
            let score = score.map_or(String::new(), |score| {
                format!("{:>SCORE$}  ", score.to_string())
            });
            format!("{score}{:>FIGURE$}  {}", count(*bytes), cut(value, *bytes))
        }
        MemberLine::Field(field) => format!(
            "{:>FIGURE$}  {:>FIGURE$}  {:EXPIRY$}  {} = {}",
            count(field.field_bytes),
            count(field.value_bytes),
            expiry(field.expires_at_ms, field.expired).unwrap_or_default(),
            cut(&field.field, field.field_bytes),
            cut(&field.value, field.value_bytes)
        ),
        MemberLine::Template { id, fields } => format!(
            "template {id} has the names of {}; their values:",
            counted(*fields, "field", "fields")
        ),
        MemberLine::FieldName {
            index,
            field,
            bytes,
        } => format!(
            "{:>FIGURE$}  {:>FIGURE$}  {:EXPIRY$}  field {index}: {}",
            count(*bytes),
            "",
            "",
            cut(field, *bytes)
        ),
        MemberLine::FieldValue {
            index,
            value,
            bytes,
        } => format!(
            "{:>FIGURE$}  {:>FIGURE$}  {:EXPIRY$}  field {index} = {}",
            "",
            count(*bytes),
            "",
            cut(value, *bytes)
        ),
        MemberLine::Path { value, bytes } => {
            format!("path {}", cut(value, *bytes))
        }
        MemberLine::Entry {
            id,
            deleted,
            fields,
            bytes,
            shown,
        } => {
            let deleted = if *deleted { "deleted " } else { "" };
            let pairs: Vec<String> = shown.iter().map(pair).collect();
            let more = match fields.saturating_sub(shown.len() as u64) {
                0 => String::new(),
                more => format!(" … {} more", count(more)),
            };
            format!(
                "{:>FIGURE$}  {:>FIGURE$}  {deleted}{id}  {}{more}",
                count(*fields),
                count(*bytes),
                pairs.join("  ")
            )
        }
        MemberLine::Number { form, value } => {
            let value = match value {
                Number::Unsigned(n) => n.to_string(),
                Number::Signed(n) => n.to_string(),
                Number::Real(n) => n.to_string(),
            };
            format!("{:>FIGURE$}  {value}", &**form)
        }
        MemberLine::String { value, bytes } => {
            format!(
                "{:>FIGURE$}  {}  {}",
                "string",
                counted(*bytes, "byte", "bytes"),
                cut(value, *bytes)
            )
        }
        MemberLine::Module { name, version } => {
            format!(
                "module {}, encoding version {version}; its items:",
                line(name)
            )
        }
        MemberLine::Broken { message, .. } => format!(
            "BROKEN: {}; the elements behind it in the same blob cannot be told",
            line(message)
        ),
        MemberLine::Incomplete { message, .. } => {
            format!(
                "INCOMPLETE: {}; what more the key has is not known",
                line(message)
            )
        }
        MemberLine::Dropped {} => {
            "no elements: servers drop such a key when they load the file".to_owned()
        }
        other => stream_text(other),
    }
}

/// What a stream has beside entries.
fn stream_text(member: &MemberLine<'_>) -> String {
    match member {
        MemberLine::Stream {
            length,
            last_id,
            first_id,
            max_deleted_id,
            entries_added,
        } => {
            let mut text = format!(
                "{}, last id {last_id}",
                counted(*length, "entry", "entries")
            );
            for (what, id) in [
                ("first id", first_id),
                ("greatest deleted id", max_deleted_id),
            ] {
                if let Some(id) = id.as_ref().filter(|id| *id != NO_ID) {
                    text.push_str(&format!(", {what} {id}"));
                }
            }
            if let Some(added) = entries_added {
                text.push_str(&format!(", {} ever added", count(*added)));
            }
            text
        }
        MemberLine::Group {
            name: group,
            bytes,
            last_id,
            entries_read,
            pending,
        } => {
            let read = entries_read.map_or(String::new(), |n| {
                format!(", {} read", counted(n, "entry", "entries"))
            });
            format!(
                "group {}: delivered up to {last_id}{read}, {} pending",
                cut(group, *bytes),
                count(*pending)
            )
        }
        MemberLine::Pending {
            id,
            delivered_at_ms,
            deliveries,
        } => format!(
            "  pending {id}, delivered {}, last {}",
            counted(*deliveries, "time", "times"),
            instant(*delivered_at_ms)
        ),
        MemberLine::Consumer {
            name: consumer,
            bytes,
            seen_at_ms,
            active_at_ms,
            pending,
        } => {
            let active =
                active_at_ms.map_or(String::new(), |ms| format!(", active {}", instant(ms)));
            format!(
                "  consumer {}: {} pending, seen {}{active}",
                cut(consumer, *bytes),
                count(*pending),
                instant(*seen_at_ms)
            )
        }
        MemberLine::Owned { id } => format!("    {id}"),
        MemberLine::Unowned { id } => format!("  {id} is pending and has no owner"),
        MemberLine::Producer { name, bytes } => format!("producer {}", cut(name, *bytes)),
        MemberLine::Message { name, bytes, id } => {
            format!("  message {} is entry {id}", cut(name, *bytes))
        }
        _ => String::new(),
    }
}

fn pair(pair: &PairLine) -> String {
    format!(
        "{}={}",
        cut(&pair.field, pair.field_bytes),
        cut(&pair.value, pair.value_bytes)
    )
}

fn summary(
    record: &KeyRecord<'_>,
    reference_ms: Option<i64>,
    sizes: &[SizesLine],
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut pairs = vec![("encoding", record.encoding.to_string())];
    if let Some(elements) = record.elements {
        pairs.push(("elements", count(elements)));
    }
    match (record.element_bytes, record.largest_element_bytes) {
        (Some(bytes), Some(largest)) => {
            let longest = counted(largest, "byte", "bytes");
            pairs.push((
                "their bytes",
                format!("{}, the longest {longest}", size_exact(bytes)),
            ));
        }
        _ if record.broken_nodes > 0 => {
            let blobs = counted(record.broken_nodes, "blob is", "blobs are");
            pairs.push((
                "BROKEN",
                format!("{blobs} broken inside: servers fail on them"),
            ));
        }
        _ => {}
    }
    pairs.extend(type_facts(record, reference_ms));
    pairs.extend([
        ("serialized", size_exact(record.serialized_bytes)),
        ("payload", size_exact(record.payload_bytes)),
        ("memory", size_or_dash(record.memory_bytes_estimate)),
        ("block", block(record)),
        ("verdict", words::verdict(record.verdict).to_owned()),
    ]);
    writeln!(out)?;
    write_pairs(out, &pairs)?;
    histogram(sizes, out)
}

/// What there is to say of a key by its type, beside its elements.
pub(super) fn type_facts<'p>(
    record: &KeyRecord<'_>,
    reference_ms: Option<i64>,
) -> Vec<(&'p str, String)> {
    let mut facts = Vec::new();
    if let Some(fields @ 1..) = record.fields_with_ttl {
        let mut text = format!("{} with a TTL", counted(fields, "field", "fields"));
        if let Some(expired) = record.fields_expired {
            text.push_str(&format!(", {} of them past", count(expired)));
        }
        if let Some(reference) = reference_ms {
            text.push_str(&format!(" at {}", instant(reference)));
        }
        if let (Some(first), Some(last)) =
            (record.first_field_expiry_ms, record.last_field_expiry_ms)
        {
            text.push_str(&format!(
                "; first {}, last {}",
                instant(first),
                instant(last)
            ));
        }
        facts.push(("field TTLs", text));
    }
    if let (Some(groups @ 1..), Some(consumers), Some(pending)) =
        (record.groups, record.consumers, record.pending)
    {
        let mut text = vec![
            counted(groups, "group", "groups"),
            counted(consumers, "consumer", "consumers"),
            counted(pending, "pending entry", "pending entries"),
        ];
        if let Some(unowned @ 1..) = record.unowned {
            text.push(format!("{} of them without owner", count(unowned)));
        }
        facts.push(("groups", text.join(", ")));
    }
    if let Some(deleted @ 1..) = record.deleted_entries {
        let entries = counted(deleted, "deleted entry", "deleted entries");
        facts.push(("deleted", format!("{entries}, still taking room")));
    }
    if let Some(template) = record.template {
        facts.push(("template", format!("{template} has the field names")));
    }
    if let Some(module) = &record.module {
        let text = format!(
            "{}, encoding version {}",
            line(&module.name),
            module.version
        );
        facts.push(("module", text));
    }
    facts
}

fn histogram(sizes: &[SizesLine], out: &mut dyn Write) -> io::Result<()> {
    let mut edges: Vec<(u64, u64)> = sizes
        .iter()
        .flat_map(|of| of.buckets.iter().map(|row| (row.min_bytes, row.max_bytes)))
        .collect();
    edges.sort_unstable();
    edges.dedup();
    if edges.is_empty() {
        return Ok(());
    }
    let titles: Vec<String> = sizes.iter().map(|of| plural(&of.of)).collect();
    let mut columns = vec![("bytes", Align::Right)];
    for title in &titles {
        columns.extend([(title.as_str(), Align::Right), ("together", Align::Right)]);
    }
    let mut grid = Grid::new(&columns);
    for (min, max) in edges {
        let mut cells = vec![if min == max {
            count(min)
        } else {
            format!("{}-{}", count(min), count(max))
        }];
        for of in sizes {
            let row = of.buckets.iter().find(|row| row.min_bytes == min);
            cells.extend([
                row.map_or(String::new(), |row| count(row.count)),
                row.map_or(String::new(), |row| size(row.bytes)),
            ]);
        }
        grid.row(cells);
    }
    writeln!(out)?;
    grid.write(out)
}

/// What to plan with, and between what it will lie.
fn block(record: &KeyRecord<'_>) -> String {
    format!(
        "{}, in the range of {} to {}",
        duration_us(record.block_ms_estimate.us),
        duration_us(record.block_ms_low.us),
        duration_us(record.block_ms_high.us)
    )
}

fn plural(of: &str) -> String {
    match of.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None => format!("{of}s"),
    }
    .replace('-', " ")
}

fn expiry(expires_at_ms: Option<i64>, expired: Option<bool>) -> Option<String> {
    let past = if expired == Some(true) { " past" } else { "" };
    Some(format!("{}{past}", instant(expires_at_ms?)))
}

/// A string of so many bytes, of which only the beginning may be at hand.
fn cut(head: &KeyName, bytes: u64) -> String {
    text(head, bytes > head.0.len() as u64)
}

fn text(head: &KeyName, is_cut: bool) -> String {
    let mark = if is_cut { "…" } else { "" };
    match head.0.is_empty() {
        true => format!("\"\"{mark}"),
        false => head.escaped() + mark,
    }
}

fn name(key: &KeyName) -> String {
    let head = key.0.get(..NAME_WIDTH).unwrap_or(&key.0);
    text(&KeyName(head.into()), head.len() < key.0.len())
}
