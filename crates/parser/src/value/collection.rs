//! Collections written element by element, and lists of blobs (redis `src/rdb.c`, `rdbLoadObject`).

use super::blob::{Blob, Shape};
use super::run::{self, Behind};
use super::visitor::{Role, Visitor};
use super::{blob, string};
use crate::Error;
use crate::rdb::{StringHeader, read_length};
use crate::reader::Cursor;

/// Lengths of text scores that stand for scores without a text (redis 3.2 `src/rdb.c`, `rdbLoadDoubleValue`).
const TEXT_SCORE_NAN: u8 = 253;
const TEXT_SCORE_INFINITE: u8 = 254;
const TEXT_SCORE_NEGATIVE_INFINITE: u8 = 255;
/// A quicklist node that is one element by itself (redis `src/quicklist.h`).
const CONTAINER_PLAIN: u64 = 1;
/// A quicklist node that is a listpack.
const CONTAINER_PACKED: u64 = 2;
/// Valkey writes this expiry for a field without one (valkey `src/expire.h`, `EXPIRY_NONE`).
const VALKEY_NO_EXPIRY: i64 = -1;

pub(super) fn strings<C: Cursor, V: Visitor>(c: &mut C, v: &mut V) -> Result<(), Error> {
    let n = read_length(c)?;
    v.elements(n);
    let mut left = n;
    loop {
        left -= run::pass(c, [Role::Element], Behind::Nothing, left, v)?;
        if left == 0 {
            return Ok(());
        }
        string(c, Role::Element, v)?;
        v.element_ends()?;
        left -= 1;
    }
}

pub(super) fn zset<C: Cursor, V: Visitor>(c: &mut C, v: &mut V) -> Result<(), Error> {
    let n = read_length(c)?;
    v.elements(n);
    let mut left = n;
    loop {
        left -= run::pass(c, [Role::Element], Behind::Score, left, v)?;
        if left == 0 {
            return Ok(());
        }
        string(c, Role::Element, v)?;
        let offset = c.offset();
        let score = f64::from_le_bytes(c.take_array()?);
        if score.is_nan() {
            return Err(Error::corrupt(offset, "score", "NaN"));
        }
        v.score(score);
        v.element_ends()?;
        left -= 1;
    }
}

pub(super) fn zset_text_scores<C: Cursor, V: Visitor>(c: &mut C, v: &mut V) -> Result<(), Error> {
    let n = read_length(c)?;
    v.elements(n);
    for _ in 0..n {
        string(c, Role::Element, v)?;
        match c.u8()? {
            TEXT_SCORE_NAN => v.score(f64::NAN),
            TEXT_SCORE_INFINITE => v.score(f64::INFINITY),
            TEXT_SCORE_NEGATIVE_INFINITE => v.score(f64::NEG_INFINITY),
            len => v.entry(Role::Score, StringHeader::raw(u64::from(len)), c)?,
        }
        v.element_ends()?;
    }
    Ok(())
}

pub(super) fn hash<C: Cursor, V: Visitor>(c: &mut C, v: &mut V) -> Result<(), Error> {
    let n = read_length(c)?;
    v.elements(n);
    let mut left = n;
    loop {
        left -= run::pass(c, [Role::Field, Role::FieldValue], Behind::Nothing, left, v)?;
        if left == 0 {
            return Ok(());
        }
        field(c, v)?;
        v.element_ends()?;
        left -= 1;
    }
}

/// Redis, release candidates of 7.4: an absolute expiry, 0 for none, in front of each field.
pub(super) fn hash_ttl_pre_ga<C: Cursor, V: Visitor>(c: &mut C, v: &mut V) -> Result<(), Error> {
    hash_ttl(c, v, u64::cast_signed)
}

/// Redis: the earliest expiry, then in front of each field how much later it expires, plus one; 0 for never.
pub(super) fn hash_ttl_from_earliest<C: Cursor, V: Visitor>(
    c: &mut C,
    v: &mut V,
) -> Result<(), Error> {
    let earliest = i64::from_le_bytes(c.take_array()?);
    hash_ttl(c, v, |later| {
        earliest.saturating_add_unsigned(later.saturating_sub(1))
    })
}

fn hash_ttl<C: Cursor, V: Visitor>(
    c: &mut C,
    v: &mut V,
    expires_at_ms: impl Fn(u64) -> i64,
) -> Result<(), Error> {
    let n = read_length(c)?;
    v.elements(n);
    for _ in 0..n {
        let ttl = read_length(c)?;
        v.field_expiry((ttl != 0).then(|| expires_at_ms(ttl)));
        field(c, v)?;
        v.element_ends()?;
    }
    Ok(())
}

/// Valkey: an absolute expiry behind each value.
pub(super) fn hash_ttl_valkey<C: Cursor, V: Visitor>(c: &mut C, v: &mut V) -> Result<(), Error> {
    let n = read_length(c)?;
    v.elements(n);
    for _ in 0..n {
        field(c, v)?;
        let offset = c.offset();
        let expiry = i64::from_le_bytes(c.take_array()?);
        if expiry < VALKEY_NO_EXPIRY {
            let found = format!("{expiry}");
            return Err(Error::corrupt(offset, "expiry, or -1 for none", found));
        }
        v.field_expiry((expiry != VALKEY_NO_EXPIRY).then_some(expiry));
        v.element_ends()?;
    }
    Ok(())
}

fn field<C: Cursor, V: Visitor>(c: &mut C, v: &mut V) -> Result<(), Error> {
    string(c, Role::Field, v)?;
    string(c, Role::FieldValue, v)
}

/// Valkey 9.2: paths, each with fields of its own (valkey 9.2 `tests/unit/type/path_hash.tcl`).
pub(super) fn path_hash<C: Cursor, V: Visitor>(c: &mut C, v: &mut V) -> Result<(), Error> {
    let n = read_length(c)?;
    v.elements(n);
    for _ in 0..n {
        string(c, Role::Path, v)?;
        let offset = c.offset();
        let fields = read_length(c)?;
        if fields == 0 {
            return Err(Error::corrupt(
                offset,
                "at least one field of the path",
                "none",
            ));
        }
        for _ in 0..fields {
            field(c, v)?;
            v.element_ends()?;
        }
    }
    Ok(())
}

pub(super) fn quicklist<C: Cursor, V: Visitor>(c: &mut C, v: &mut V) -> Result<(), Error> {
    let nodes = read_length(c)?;
    v.nodes(nodes);
    for _ in 0..nodes {
        blob(c, Blob::Ziplist(Shape::Elements), v)?;
    }
    Ok(())
}

pub(super) fn quicklist2<C: Cursor, V: Visitor>(c: &mut C, v: &mut V) -> Result<(), Error> {
    let nodes = read_length(c)?;
    v.nodes(nodes);
    for _ in 0..nodes {
        let offset = c.offset();
        match read_length(c)? {
            CONTAINER_PLAIN => {
                v.elements(1);
                string(c, Role::Element, v)?;
                v.element_ends()?;
            }
            CONTAINER_PACKED => blob(c, Blob::Listpack(Shape::Elements), v)?,
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
