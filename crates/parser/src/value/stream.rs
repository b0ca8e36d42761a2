//! Streams (redis `src/rdb.c`, the stream branch of `rdbLoadObject`).

use super::blob::Blob;
use super::visitor::{ConsumerHead, GroupHead, PendingEntry, Role, StreamId, StreamInfo, Visitor};
use super::{blob, string};
use crate::Error;
use crate::lzf::LzfCursor;
use crate::rdb::{Form, read_length, read_string_header};
use crate::reader::{Bounded, Cursor};

/// A stream id is two 64-bit numbers.
const ID_BYTES: u64 = 16;
/// Stands for a number of entries read that the server did not know (redis `src/stream.h`,
/// `SCG_INVALID_ENTRIES_READ`).
const ENTRIES_READ_UNKNOWN: u64 = u64::MAX;
/// The active time of a consumer that never was (redis `src/t_stream.c`, `streamCreateConsumer`).
const NEVER_ACTIVE: i64 = -1;

pub(super) fn walk<C: Cursor, V: Visitor>(c: &mut C, version: u8, v: &mut V) -> Result<(), Error> {
    for _ in 0..read_length(c)? {
        let id = read_node_key(c)?;
        blob(c, Blob::StreamNode(id), v)?;
    }
    let length = read_length(c)?;
    v.elements(length);
    let last_id = read_id(c)?;
    let mut info = StreamInfo {
        length,
        last_id,
        first_id: None,
        max_deleted_id: None,
        entries_added: None,
    };
    if version >= 2 {
        info.first_id = Some(read_id(c)?);
        info.max_deleted_id = Some(read_id(c)?);
        info.entries_added = Some(read_length(c)?);
    }
    v.stream_info(&info)?;
    for _ in 0..read_length(c)? {
        group(c, version, v).map_err(|error| error.reading("stream consumer group"))?;
    }
    if version >= 4 {
        idempotence(c, v).map_err(|error| error.reading("stream producer table"))?;
    }
    Ok(())
}

fn group<C: Cursor, V: Visitor>(c: &mut C, version: u8, v: &mut V) -> Result<(), Error> {
    string(c, Role::Group, v)?;
    let last_id = read_id(c)?;
    let entries_read = match version {
        2.. => Some(read_length(c)?).filter(|&read| read != ENTRIES_READ_UNKNOWN),
        _ => None,
    };
    let pending = read_length(c)?;
    v.group(GroupHead {
        last_id,
        entries_read,
        pending,
    })?;
    for _ in 0..pending {
        let id = raw_id(c.take_array()?);
        let delivered_at_ms = i64::from_le_bytes(c.take_array()?);
        v.pending(PendingEntry {
            id,
            delivered_at_ms,
            deliveries: read_length(c)?,
        })?;
    }
    for _ in 0..read_length(c)? {
        string(c, Role::Consumer, v)?;
        let seen_at_ms = i64::from_le_bytes(c.take_array()?);
        let active_at_ms = match version {
            3.. => Some(i64::from_le_bytes(c.take_array()?)).filter(|&ms| ms != NEVER_ACTIVE),
            _ => None,
        };
        let pending = read_length(c)?;
        v.consumer(ConsumerHead {
            seen_at_ms,
            active_at_ms,
            pending,
        })?;
        for _ in 0..pending {
            v.owned(raw_id(c.take_array()?))?;
        }
    }
    // Redis 8.8: entries that a consumer gave back (XNACK).
    if version >= 5 {
        for _ in 0..read_length(c)? {
            v.unowned(raw_id(c.take_array()?))?;
        }
    }
    Ok(())
}

/// Redis 8.6: settings, then for each producer its message ids and the entries they became, then two counters.
fn idempotence<C: Cursor, V: Visitor>(c: &mut C, v: &mut V) -> Result<(), Error> {
    skip_lengths(c, 2)?;
    for _ in 0..read_length(c)? {
        string(c, Role::Producer, v)?;
        v.producer()?;
        for _ in 0..read_length(c)? {
            string(c, Role::Message, v)?;
            let id = read_id(c)?;
            v.message(id)?;
        }
    }
    skip_lengths(c, 2)
}

/// The key of a node, which is the id that those of its entries count from.
fn read_node_key<C: Cursor>(c: &mut C) -> Result<StreamId, Error> {
    let offset = c.offset();
    let header = read_string_header(c)?;
    if header.len != ID_BYTES {
        return Err(Error::corrupt(
            offset,
            "stream node key of 16 bytes",
            format!("{} bytes", header.len),
        ));
    }
    match header.form {
        Form::Lzf => {
            let mut stored = Bounded::new(c, header.stored);
            let mut decompressed = Vec::new();
            let key = LzfCursor::new(&mut stored, header.len, &mut decompressed).take_array()?;
            stored.finish()?;
            Ok(raw_id(key))
        }
        // No integer has a text of sixteen bytes.
        Form::Raw | Form::Integer(_) => Ok(raw_id(c.take_array()?)),
    }
}

fn raw_id([ms @ .., s0, s1, s2, s3, s4, s5, s6, s7]: [u8; 16]) -> StreamId {
    StreamId {
        ms: u64::from_be_bytes(ms),
        seq: u64::from_be_bytes([s0, s1, s2, s3, s4, s5, s6, s7]),
    }
}

fn read_id<C: Cursor>(c: &mut C) -> Result<StreamId, Error> {
    Ok(StreamId {
        ms: read_length(c)?,
        seq: read_length(c)?,
    })
}

fn skip_lengths<C: Cursor>(c: &mut C, n: u32) -> Result<(), Error> {
    for _ in 0..n {
        read_length(c)?;
    }
    Ok(())
}
