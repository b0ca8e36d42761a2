//! Inside blobs: their entries, told as the parts of elements.

use super::blob::{Blob, BlobHeader, Shape, expect_integer};
use super::visitor::{Role, Visitor};
use super::{stream_node, template};
use crate::Error;
use crate::lzf::LzfCursor;
use crate::rdb::{Form, StringHeader};
use crate::reader::{Bounded, Cursor};

/// Hands the content of a blob to [`Visitor::content`], decompressing as far as it is read, and consumes
/// the blob; `scratch` is room to decompress into.
pub(super) fn open<C: Cursor, V: Visitor>(
    blob: Blob<'_>,
    header: StringHeader,
    c: &mut C,
    scratch: &mut Vec<u8>,
    v: &mut V,
) -> Result<(), Error> {
    let offset = c.offset();
    let mut stored = Bounded::new(c, header.stored);
    match header.form {
        Form::Raw => v.content(blob, header.len, &mut stored)?,
        Form::Lzf => {
            let mut content = LzfCursor::new(&mut stored, header.len, scratch);
            v.content(blob, header.len, &mut content)?;
            if content.is_at_end() && stored.left() > 0 {
                v.compressed_left(left_over(&stored, offset))?;
            }
        }
        Form::Integer(n) => {
            return Err(Error::corrupt(
                offset,
                "blob of elements",
                format!("the integer {n}"),
            ));
        }
    }
    stored.finish()
}

/// Consumes a compressed string, and sees that it decompresses to its stated length.
pub(super) fn decompress_through<C: Cursor>(
    header: StringHeader,
    c: &mut C,
    scratch: &mut Vec<u8>,
) -> Result<(), Error> {
    let offset = c.offset();
    let mut stored = Bounded::new(c, header.stored);
    LzfCursor::new(&mut stored, header.len, scratch).skip(header.len)?;
    match stored.left() {
        0 => Ok(()),
        _ => Err(left_over(&stored, offset)),
    }
}

/// A string that decompresses to its stated length has none of its stored bytes left over.
#[cold]
fn left_over<C: Cursor>(stored: &Bounded<'_, C>, offset: u64) -> Error {
    let found = format!("{} compressed bytes left", stored.left());
    Error::corrupt(offset, "compressed string of its stated length", found)
}

/// Reads the header of a blob of `len` bytes, and what stands between it and the entries.
pub(super) fn read_header<C: Cursor, V: Visitor>(
    blob: Blob<'_>,
    len: u64,
    c: &mut C,
    v: &mut V,
) -> Result<BlobHeader, Error> {
    let header = blob.read_header(c, len)?;
    match blob {
        Blob::Values(names) => template::read_id(names, header, c, v),
        _ => Ok(header),
    }
}

/// Walks the entries behind a blob's header to its end, each told to [`Visitor::entry`] by its role, and
/// returns how many there were. Of a stream node, its beginning must have been read already.
pub(super) fn walk<C: Cursor, V: Visitor>(
    blob: Blob<'_>,
    header: BlobHeader,
    c: &mut C,
    v: &mut V,
) -> Result<u64, Error> {
    if let Blob::StreamNode(id) = blob {
        return stream_node::walk(id, header, c, v).map(|()| 0);
    }
    let shape = blob.shape();
    let per_element = shape.entries();
    let mut at = 0;
    let entries = blob.walk(c, header, |entry, c: &mut _| {
        match (shape, at) {
            (Shape::Elements | Shape::Scored, 0) => v.entry(Role::Element, entry, c)?,
            (Shape::Scored, _) => v.entry(Role::Score, entry, c)?,
            (Shape::Values, _) => v.entry(Role::FieldValue, entry, c)?,
            (_, 0) => v.entry(Role::Field, entry, c)?,
            (_, 1) => v.entry(Role::FieldValue, entry, c)?,
            _ => {
                let expires_at_ms = expect_integer(entry, c.offset())?;
                v.field_expiry((expires_at_ms != NO_EXPIRY).then_some(expires_at_ms));
            }
        }
        at += 1;
        if at == per_element {
            at = 0;
            v.element_ends()?;
        }
        Ok(())
    })?;
    if at != 0 {
        let found = format!("{entries} entries");
        return Err(Error::corrupt(
            c.offset(),
            "whole elements in the blob",
            found,
        ));
    }
    if let Some(expected) = header.expected {
        template::expect_values(expected, entries, c.offset())?;
    }
    Ok(entries)
}

/// The expiry of a field without one, in a listpack of Redis (redis `src/t_hash.c`, `HASH_LP_NO_TTL`).
const NO_EXPIRY: i64 = 0;
