//! Collections written element by element, and lists of blobs (redis `src/rdb.c`, `rdbLoadObject`).

use super::blob::Blob;
use super::visitor::{Role, Visitor};
use super::{blob, string};
use crate::Error;
use crate::rdb::{read_length, read_string_header};
use crate::reader::Cursor;

/// A text score of this length byte or more is one of NaN, +inf, -inf and has no text.
const TEXT_SCORE_SPECIAL_MIN: u8 = 253;
/// A quicklist node that is one element by itself (redis `src/quicklist.h`).
const CONTAINER_PLAIN: u64 = 1;
/// A quicklist node that is a listpack.
const CONTAINER_PACKED: u64 = 2;
/// Valkey writes this expiry for a field without one (valkey `src/expire.h`, `EXPIRY_NONE`).
const VALKEY_NO_EXPIRY: i64 = -1;

pub(super) fn strings<C: Cursor, V: Visitor>(c: &mut C, v: &mut V) -> Result<(), Error> {
    let n = read_length(c)?;
    v.elements(n);
    for _ in 0..n {
        string(c, Role::Element, v)?;
    }
    Ok(())
}

pub(super) fn zset<C: Cursor, V: Visitor>(c: &mut C, v: &mut V) -> Result<(), Error> {
    let n = read_length(c)?;
    v.elements(n);
    for _ in 0..n {
        string(c, Role::Element, v)?;
        c.skip(8)?;
    }
    Ok(())
}

pub(super) fn zset_text_scores<C: Cursor, V: Visitor>(c: &mut C, v: &mut V) -> Result<(), Error> {
    let n = read_length(c)?;
    v.elements(n);
    for _ in 0..n {
        string(c, Role::Element, v)?;
        match c.u8()? {
            TEXT_SCORE_SPECIAL_MIN.. => {}
            len => c.skip(u64::from(len))?,
        }
    }
    Ok(())
}

pub(super) fn hash<C: Cursor, V: Visitor>(c: &mut C, v: &mut V) -> Result<(), Error> {
    let n = read_length(c)?;
    v.elements(n);
    for _ in 0..n {
        string(c, Role::Element, v)?;
        string(c, Role::Element, v)?;
    }
    Ok(())
}

/// Redis: a TTL, 0 for none, in front of each field.
pub(super) fn hash_ttl<C: Cursor, V: Visitor>(c: &mut C, v: &mut V) -> Result<(), Error> {
    let n = read_length(c)?;
    v.elements(n);
    for _ in 0..n {
        if read_length(c)? != 0 {
            v.field_ttl();
        }
        string(c, Role::Element, v)?;
        string(c, Role::Element, v)?;
    }
    Ok(())
}

/// Valkey: an absolute expiry behind each value.
pub(super) fn hash_ttl_valkey<C: Cursor, V: Visitor>(c: &mut C, v: &mut V) -> Result<(), Error> {
    let n = read_length(c)?;
    v.elements(n);
    for _ in 0..n {
        string(c, Role::Element, v)?;
        string(c, Role::Element, v)?;
        if i64::from_le_bytes(c.take_array()?) != VALKEY_NO_EXPIRY {
            v.field_ttl();
        }
    }
    Ok(())
}

pub(super) fn quicklist<C: Cursor, V: Visitor>(c: &mut C, v: &mut V) -> Result<(), Error> {
    for _ in 0..read_length(c)? {
        blob(c, Blob::Ziplist { per_element: 1 }, v)?;
    }
    Ok(())
}

pub(super) fn quicklist2<C: Cursor, V: Visitor>(c: &mut C, v: &mut V) -> Result<(), Error> {
    for _ in 0..read_length(c)? {
        let offset = c.offset();
        match read_length(c)? {
            CONTAINER_PLAIN => {
                let header = read_string_header(c)?;
                v.elements(1);
                v.string(Role::Element, header);
                c.skip(header.stored)?;
            }
            CONTAINER_PACKED => blob(c, Blob::Listpack { per_element: 1 }, v)?,
            other => {
                return Err(Error::corrupt(
                    offset,
                    "container 1 (plain) or 2 (packed)",
                    format!("{other}"),
                ));
            }
        }
    }
    Ok(())
}
