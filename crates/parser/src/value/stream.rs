//! Streams (redis `src/rdb.c`, the stream branch of `rdbLoadObject`).

use super::blob::Blob;
use super::visitor::{Role, Visitor};
use super::{blob, string};
use crate::Error;
use crate::rdb::{read_length, read_string_header};
use crate::reader::Cursor;

/// A stream id is two 64-bit numbers.
const ID_BYTES: u64 = 16;
/// An id and a delivery time in front of the delivery count.
const PENDING_FIXED_BYTES: u64 = ID_BYTES + 8;

pub(super) fn walk<C: Cursor, V: Visitor>(c: &mut C, version: u8, v: &mut V) -> Result<(), Error> {
    for _ in 0..read_length(c)? {
        let offset = c.offset();
        let node_key = read_string_header(c)?;
        if node_key.len != ID_BYTES {
            return Err(Error::corrupt(
                offset,
                "stream node key of 16 bytes",
                format!("{} bytes", node_key.len),
            ));
        }
        c.skip(node_key.stored)?;
        blob(c, Blob::StreamNode, v)?;
    }
    v.elements(read_length(c)?);
    // Last id; from version 2 also first id, greatest deleted id, and entries ever added.
    skip_lengths(c, if version >= 2 { 7 } else { 2 })?;
    for _ in 0..read_length(c)? {
        group(c, version, v).map_err(|error| error.reading("stream consumer group"))?;
    }
    if version >= 4 {
        idempotence(c, v).map_err(|error| error.reading("stream producer table"))?;
    }
    Ok(())
}

fn group<C: Cursor, V: Visitor>(c: &mut C, version: u8, v: &mut V) -> Result<(), Error> {
    string(c, Role::Label, v)?;
    // Last delivered id; from version 2 also the number of entries read.
    skip_lengths(c, if version >= 2 { 3 } else { 2 })?;
    let pending = read_length(c)?;
    for _ in 0..pending {
        c.skip(PENDING_FIXED_BYTES)?;
        read_length(c)?;
    }
    let consumers = read_length(c)?;
    for _ in 0..consumers {
        string(c, Role::Label, v)?;
        // Seen time; from version 3 also active time.
        c.skip(if version >= 3 { 16 } else { 8 })?;
        let owned = read_length(c)?;
        c.skip_many(owned, ID_BYTES)?;
    }
    v.group(pending, consumers);
    Ok(())
}

/// Redis 8.6: settings, then for each producer its message ids and the entries they became, then two counters.
fn idempotence<C: Cursor, V: Visitor>(c: &mut C, v: &mut V) -> Result<(), Error> {
    skip_lengths(c, 2)?;
    for _ in 0..read_length(c)? {
        string(c, Role::Label, v)?;
        for _ in 0..read_length(c)? {
            string(c, Role::Label, v)?;
            skip_lengths(c, 2)?;
        }
    }
    skip_lengths(c, 2)
}

fn skip_lengths<C: Cursor>(c: &mut C, n: u32) -> Result<(), Error> {
    for _ in 0..n {
        read_length(c)?;
    }
    Ok(())
}
