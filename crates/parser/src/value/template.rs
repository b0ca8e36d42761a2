//! Hashes whose field names stand apart: in a template of the file, or in front of the values (redis 8.10
//! `tests/unit/type/hash-templates.tcl`).

use super::blob::Blob;
use super::visitor::{Role, Visitor};
use super::{blob, string};
use crate::Error;
use crate::rdb::{TemplateSource, read_length, read_string_header};
use crate::reader::Cursor;

/// Field names in one listpack.
const NAMES_PACKED: u64 = 0;
/// Field names one by one behind their number.
const NAMES_ONE_BY_ONE: u64 = 1;

/// A listpack: the id of the template, then a value for each of its fields.
pub(super) fn listpack_ref<C: Cursor, V: Visitor>(
    c: &mut C,
    templates: TemplateSource<'_>,
    v: &mut V,
) -> Result<(), Error> {
    let offset = c.offset();
    blob(c, Blob::TemplateValues, v)?;
    let (id, id_offset) = v.named_template();
    let template = templates.get(id, id_offset)?;
    v.template(&template);
    v.expect_values(u64::from(template.fields.get()), offset)
}

/// The id of the template, then a value for each of its fields.
pub(super) fn array_ref<C: Cursor, V: Visitor>(
    c: &mut C,
    templates: TemplateSource<'_>,
    v: &mut V,
) -> Result<(), Error> {
    let offset = c.offset();
    let template = templates.get(read_length(c)?, offset)?;
    v.template(&template);
    values(c, u64::from(template.fields.get()), v)
}

/// Field names, then a listpack as of a hash that refers to a template; its id means nothing here.
pub(super) fn listpack<C: Cursor, V: Visitor>(c: &mut C, v: &mut V) -> Result<(), Error> {
    let fields = names(c, v)?;
    let offset = c.offset();
    blob(c, Blob::TemplateValues, v)?;
    v.expect_values(fields, offset)
}

/// Field names, then a value for each.
pub(super) fn array<C: Cursor, V: Visitor>(c: &mut C, v: &mut V) -> Result<(), Error> {
    let fields = names(c, v)?;
    values(c, fields, v)
}

fn names<C: Cursor, V: Visitor>(c: &mut C, v: &mut V) -> Result<u64, Error> {
    let offset = c.offset();
    let fields = match read_length(c)? {
        NAMES_PACKED => {
            let header = read_string_header(c)?;
            v.field_names(header, c)?
        }
        NAMES_ONE_BY_ONE => {
            let n = read_length(c)?;
            for _ in 0..n {
                string(c, Role::Field, v)?;
            }
            n
        }
        other => {
            return Err(Error::corrupt(
                offset,
                "field names of form 0 (packed) or 1 (one by one)",
                format!("{other}"),
            ));
        }
    };
    if fields == 0 {
        return Err(Error::corrupt(offset, "at least one field name", "none"));
    }
    v.elements(fields);
    Ok(fields)
}

fn values<C: Cursor, V: Visitor>(c: &mut C, n: u64, v: &mut V) -> Result<(), Error> {
    for _ in 0..n {
        string(c, Role::FieldValue, v)?;
        v.element_ends()?;
    }
    Ok(())
}
