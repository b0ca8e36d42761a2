//! One damaged record, named by the checksum.

use std::io::Read as _;

use super::burst::locate;
use super::front::{Front, Halt};
use super::ground::Ground;
use super::order::Order;
use super::probe::Work;
use super::{LostKey, Repair};
use crate::rdb::{Framer, Template};
use crate::{Error, Portion, RdbStream, RecordKind};

/// The only record that was damaged.
pub(super) struct Damaged {
    /// Where it lies.
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) error: Error,
    /// What it was, if it was a key.
    pub(super) key: Option<LostKey>,
    /// Reads on behind it, to the end.
    pub(super) framer: Framer,
    pub(super) end: u64,
    pub(super) repair: Repair,
}

/// Finds the record whose change explains the checksum of a snapshot that ends at `end`, provided that the rest of it
/// is sound then. Nothing behind `until` can have been changed.
pub(super) fn damaged(
    ground: &Ground<'_>,
    work: &mut Work,
    first: u64,
    end: u64,
    until: u64,
) -> Option<Damaged> {
    let (stored, computed) = ground.checksum(end)?;
    if stored == computed {
        return None;
    }
    let burst = locate(ground.bytes.get(..usize::try_from(end).ok()?)?, until)?;
    let at = usize::try_from(burst.offset).ok()?;
    let found = ground.bytes.get(at..at + burst.change.len())?;
    let changes = found.iter().zip(&burst.change);
    let bytes: Vec<u8> = changes.map(|(&found, &change)| found ^ change).collect();
    let error = Error::corrupt(
        burst.offset,
        "bytes that make the checksum right",
        found.escape_ascii().to_string(),
    );
    let repair = Repair {
        offset: burst.offset,
        bytes,
    };
    let framer = Framer::new(ground.header);
    if burst.offset < first {
        let rest = Front::new(framer.clone(), Order::new(ground), first);
        return (reads_to(ground, work, rest) == Some(end)).then_some(Damaged {
            from: first,
            to: first,
            error,
            key: None,
            framer,
            end,
            repair,
        });
    }
    // What lies in front of the change is what was written.
    let mut front = Front::new(framer, Order::new(ground), first);
    front.advance_to(ground, work, burst.offset);
    let from = front.at;
    let (kind, to) = repaired(ground, from, &repair)?;
    let db = match kind {
        Kind::Selects(db) => db,
        _ => front.order.db(),
    };
    let mut framer = front.framer.elsewhere(db);
    let sound = match kind {
        Kind::End => to == end,
        _ => {
            if let Kind::Template(template) = kind {
                framer.define(template);
            }
            let rest = Front::new(framer.clone(), front.order.behind_gap(), to);
            reads_to(ground, work, rest) == Some(end)
        }
    };
    sound.then_some(Damaged {
        from,
        to,
        error,
        key: match kind {
            Kind::Key(name) => Some(LostKey { db, name }),
            _ => None,
        },
        framer,
        end,
        repair,
    })
}

/// Where the snapshot ends, if it can be read from here.
fn reads_to<'a>(ground: &Ground<'a>, work: &mut Work, mut front: Front<'a>) -> Option<u64> {
    matches!(front.advance(ground, work), Halt::End).then_some(front.at)
}

enum Kind {
    Key(Box<[u8]>),
    Selects(u64),
    Template(Template),
    End,
    Other,
}

/// What the record at an offset is, and where it ends, with the repaired bytes in place.
fn repaired(ground: &Ground<'_>, from: u64, repair: &Repair) -> Option<(Kind, u64)> {
    let start = usize::try_from(from).ok()?;
    let at = usize::try_from(repair.offset).ok()?;
    let magic = ground.header.to_string();
    let input = magic
        .as_bytes()
        .chain(ground.bytes.get(start..at)?)
        .chain(repair.bytes.as_slice())
        .chain(ground.bytes.get(at + repair.bytes.len()..)?);
    let mut stream = RdbStream::new(input, ground.detail).ok()?;
    let one = Portion {
        records: 1,
        bytes: 0,
    };
    let mut records = Vec::new();
    stream.next_records(one, &mut records).ok()?;
    let record = records.first()?;
    let len = record.range.end.checked_sub(magic.len() as u64)?;
    let kind = match &record.kind {
        RecordKind::Entry(entry) => {
            entry.measure(ground.detail).ok()?;
            Kind::Key(entry.key.bytes().ok()?.as_ref().into())
        }
        RecordKind::SelectDb { db } => Kind::Selects(*db),
        RecordKind::HashTemplate(template) => Kind::Template(*template),
        RecordKind::End { .. } => Kind::End,
        _ => Kind::Other,
    };
    Some((kind, from + len))
}
