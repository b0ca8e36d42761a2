//! Hashes whose field names stand apart: in a template of the file, or in front of the values (redis 8.10
//! `tests/unit/type/hash-templates.tcl`).

use super::blob::{Blob, BlobHeader, Names, Shape, read_listpack_integer};
use super::visitor::{Role, Visitor};
use super::{blob, inside, string};
use crate::Error;
use crate::rdb::{StringHeader, TemplateSource, read_length, read_string_header};
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
    blob(c, Blob::Values(Names::Template(templates)), v)
}

/// The id of the template, then a value for each of its fields.
pub(super) fn array_ref<C: Cursor, V: Visitor>(
    c: &mut C,
    templates: TemplateSource<'_>,
    v: &mut V,
) -> Result<(), Error> {
    let offset = c.offset();
    let template = templates.get(read_length(c)?, offset)?;
    v.template(&template)?;
    values(c, u64::from(template.fields.get()), v)
}

/// Field names, then a listpack as of a hash that refers to a template.
pub(super) fn listpack<C: Cursor, V: Visitor>(c: &mut C, v: &mut V) -> Result<(), Error> {
    let fields = names(c, v)?;
    blob(c, Blob::Values(Names::InFront(fields)), v)
}

/// Field names, then a value for each.
pub(super) fn array<C: Cursor, V: Visitor>(c: &mut C, v: &mut V) -> Result<(), Error> {
    let fields = names(c, v)?;
    values(c, fields, v)
}

/// Reads the id in front of the values in a listpack; the header becomes that of the values, as many as the
/// hash has fields.
pub(super) fn read_id<C: Cursor, V: Visitor>(
    names: Names<'_>,
    mut header: BlobHeader,
    c: &mut C,
    v: &mut V,
) -> Result<BlobHeader, Error> {
    let offset = c.offset();
    let (id, framed) = read_listpack_integer(c)?;
    header.pass(framed);
    header.entries = header.entries.map(|entries| entries.saturating_sub(1));
    let fields = match names {
        Names::InFront(fields) => fields,
        Names::Template(templates) => {
            let id = u64::try_from(id)
                .map_err(|_| Error::corrupt(offset, "id of a template", format!("{id}")))?;
            let template = templates.get(id, offset)?;
            v.template(&template)?;
            u64::from(template.fields.get())
        }
    };
    if let Some(values) = header.entries {
        expect_values(fields, values, offset)?;
    }
    header.expected = Some(fields);
    Ok(header)
}

pub(super) fn expect_values(fields: u64, values: u64, offset: u64) -> Result<(), Error> {
    match fields == values {
        true => Ok(()),
        false => {
            let found = format!("{values} of {fields}");
            Err(Error::corrupt(offset, "a value for each field", found))
        }
    }
}

fn names<C: Cursor, V: Visitor>(c: &mut C, v: &mut V) -> Result<u64, Error> {
    let offset = c.offset();
    let fields = match read_length(c)? {
        NAMES_PACKED => {
            let header = read_string_header(c)?;
            v.field_names(header);
            let mut names = PackedNames { v, names: 0 };
            let packed = Blob::Listpack(Shape::Elements);
            inside::open(packed, header, c, &mut Vec::new(), &mut names)?;
            names.names
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

/// Tells the entries of a listpack as field names, and counts them: so many values follow.
struct PackedNames<'v, V> {
    v: &'v mut V,
    names: u64,
}

impl<V: Visitor> Visitor for PackedNames<'_, V> {
    fn entry<C: Cursor>(
        &mut self,
        _role: Role,
        header: StringHeader,
        c: &mut C,
    ) -> Result<(), Error> {
        self.v.entry(Role::Field, header, c)
    }

    fn content<C: Cursor>(&mut self, blob: Blob<'_>, len: u64, c: &mut C) -> Result<(), Error> {
        let header = blob.read_header(c, len)?;
        self.names = inside::walk(blob, header, c, self)?;
        Ok(())
    }
}
