//! Stream nodes: a master entry, then entries that count their ids from it (redis `src/t_stream.c`,
//! `streamAppendItem`).

use super::blob::{Blob, BlobHeader, expect_integer, read_listpack_integer};
use super::visitor::{Role, StreamEntryHead, StreamId, Visitor};
use crate::Error;
use crate::rdb::StringHeader;
use crate::reader::Cursor;

/// The entry is deleted and still there.
const FLAG_DELETED: i64 = 1;
/// The entry has the fields of the master entry, and only its values follow.
const FLAG_SAME_FIELDS: i64 = 2;

/// Reads the beginning of the master entry: how many entries are there, which is not needed, and how many are
/// deleted. The header is then one of what follows.
pub(super) fn read_deleted<C: Cursor>(header: &mut BlobHeader, c: &mut C) -> Result<u64, Error> {
    let mut next = || {
        let offset = c.offset();
        let (n, framed) = read_listpack_integer(c)?;
        header.pass(framed);
        count(n, offset)
    };
    next()?;
    next()
}

/// Walks a node behind what [`read_deleted`] read, to its end.
pub(super) fn walk<C: Cursor, V: Visitor>(
    id: StreamId,
    header: BlobHeader,
    c: &mut C,
    v: &mut V,
) -> Result<(), Error> {
    let mut node = Node {
        id,
        shared: 0,
        next: Next::SharedCount,
    };
    let walked = Blob::StreamNode(id).walk(c, header, |entry, c: &mut _| node.see(entry, c, v))?;
    match node.next {
        Next::Flags => Ok(()),
        _ => Err(Error::corrupt(
            c.offset(),
            "whole entries in the stream node",
            format!("an end after {walked} parts of them"),
        )),
    }
}

/// How far the walk has come.
struct Node {
    id: StreamId,
    /// Fields of the master entry.
    shared: u64,
    next: Next,
}

/// What the next entry of the listpack is.
#[derive(Clone, Copy)]
enum Next {
    /// Master entry: number of fields.
    SharedCount,
    /// Master entry: a field name; so many are left.
    Shared(u64),
    /// Master entry: its end.
    SharedEnd,
    Flags,
    Ms {
        flags: i64,
    },
    Seq {
        flags: i64,
        ms: u64,
    },
    /// Of an entry with fields of its own: their number.
    FieldCount(StreamEntryHead),
    /// A field name; so many are left.
    Field(u64),
    /// A value; so many are left.
    Value {
        left: u64,
        shares_fields: bool,
    },
    /// How many entries of the listpack the stream entry took.
    Back,
}

impl Node {
    fn see<C: Cursor, V: Visitor>(
        &mut self,
        part: StringHeader,
        c: &mut C,
        v: &mut V,
    ) -> Result<(), Error> {
        let offset = c.offset();
        let integer = || expect_integer(part, offset);
        self.next = match self.next {
            Next::SharedCount => {
                self.shared = count(integer()?, offset)?;
                shared(self.shared)
            }
            Next::Shared(left) => {
                v.entry(Role::SharedField, part, c)?;
                shared(left - 1)
            }
            Next::SharedEnd => {
                integer()?;
                Next::Flags
            }
            Next::Flags => Next::Ms { flags: integer()? },
            Next::Ms { flags } => Next::Seq {
                flags,
                ms: self.id.ms.wrapping_add_signed(integer()?),
            },
            Next::Seq { flags, ms } => {
                let head = StreamEntryHead {
                    id: StreamId {
                        ms,
                        seq: self.id.seq.wrapping_add_signed(integer()?),
                    },
                    deleted: flags & FLAG_DELETED != 0,
                    fields: self.shared,
                    shares_fields: flags & FLAG_SAME_FIELDS != 0,
                };
                if head.shares_fields {
                    v.stream_entry(head);
                    values(self.shared, true)
                } else {
                    Next::FieldCount(head)
                }
            }
            Next::FieldCount(head) => {
                let fields = count(integer()?, offset)?;
                v.stream_entry(StreamEntryHead { fields, ..head });
                fields_of_its_own(fields)
            }
            Next::Field(left) => {
                v.entry(Role::Field, part, c)?;
                values(left, false)
            }
            Next::Value {
                left,
                shares_fields,
            } => {
                v.entry(Role::FieldValue, part, c)?;
                match shares_fields {
                    true => values(left - 1, true),
                    false => fields_of_its_own(left - 1),
                }
            }
            Next::Back => {
                integer()?;
                v.element_ends()?;
                Next::Flags
            }
        };
        Ok(())
    }
}

fn shared(left: u64) -> Next {
    match left {
        0 => Next::SharedEnd,
        left => Next::Shared(left),
    }
}

fn fields_of_its_own(left: u64) -> Next {
    match left {
        0 => Next::Back,
        left => Next::Field(left),
    }
}

fn values(left: u64, shares_fields: bool) -> Next {
    match left {
        0 => Next::Back,
        left => Next::Value {
            left,
            shares_fields,
        },
    }
}

fn count(n: i64, offset: u64) -> Result<u64, Error> {
    u64::try_from(n).map_err(|_| Error::corrupt(offset, "count", format!("{n}")))
}
