//! Values: one walk over each layout, for every depth of looking.
//!
//! [`walk_value`] knows where things lie, a [`Visitor`] decides what to look at: [`Skip`] finds the
//! end of a value, [`Measure`] tells what it is made of.

mod blob;
mod collection;
mod measure;
mod stream;
mod visitor;

pub(crate) use measure::measure;
pub use measure::{Detail, ValueFacts};
pub(crate) use visitor::{Skip, Visitor};

use crate::rdb::{ValueType, read_string_header, skip_module_items};
use crate::reader::Cursor;
use crate::{Error, ModuleId};
use blob::Blob;
use visitor::Role;

/// Walks a value of the given type to its end.
pub(crate) fn walk_value<C: Cursor, V: Visitor>(
    c: &mut C,
    value_type: ValueType,
    v: &mut V,
) -> Result<(), Error> {
    use ValueType as T;
    let (walked, structure) = match value_type {
        T::String => (string(c, Role::Element, v), "string"),
        T::List => (collection::strings(c, v), "list"),
        T::Set => (collection::strings(c, v), "set"),
        T::ZsetTextScores => (collection::zset_text_scores(c, v), "sorted set"),
        T::Zset => (collection::zset(c, v), "sorted set"),
        T::Hash => (collection::hash(c, v), "hash"),
        T::HashTtlPreGa => (collection::hash_ttl(c, v), "hash with field TTLs"),
        T::HashTtl => (
            c.skip(8).and_then(|()| collection::hash_ttl(c, v)),
            "hash with field TTLs",
        ),
        T::HashTtlValkey => (collection::hash_ttl_valkey(c, v), "hash with field TTLs"),
        T::Module => (module(c, v), "module value"),
        T::HashZipmap => (blob(c, Blob::Zipmap, v), "zipmap"),
        T::ListZiplist => (blob(c, Blob::Ziplist { per_element: 1 }, v), "ziplist"),
        T::SetIntset => (blob(c, Blob::Intset, v), "intset"),
        T::ZsetZiplist | T::HashZiplist => {
            (blob(c, Blob::Ziplist { per_element: 2 }, v), "ziplist")
        }
        T::HashListpack | T::ZsetListpack => {
            (blob(c, Blob::Listpack { per_element: 2 }, v), "listpack")
        }
        T::SetListpack => (blob(c, Blob::Listpack { per_element: 1 }, v), "listpack"),
        T::HashTtlListpackPreGa => (
            blob(c, Blob::Listpack { per_element: 3 }, v),
            "listpack with field TTLs",
        ),
        T::HashTtlListpack => (
            c.skip(8)
                .and_then(|()| blob(c, Blob::Listpack { per_element: 3 }, v)),
            "listpack with field TTLs",
        ),
        T::ListQuicklist => (collection::quicklist(c, v), "quicklist"),
        T::ListQuicklist2 => (collection::quicklist2(c, v), "quicklist"),
        T::StreamV1 => (stream::walk(c, 1, v), "stream"),
        T::StreamV2 => (stream::walk(c, 2, v), "stream"),
        T::StreamV3 => (stream::walk(c, 3, v), "stream"),
        T::StreamV4 => (stream::walk(c, 4, v), "stream"),
    };
    walked.map_err(|error| error.reading(structure))
}

fn string<C: Cursor, V: Visitor>(c: &mut C, role: Role, v: &mut V) -> Result<(), Error> {
    let header = read_string_header(c)?;
    v.string(role, header);
    c.skip(header.stored)
}

fn blob<C: Cursor, V: Visitor>(c: &mut C, blob: Blob, v: &mut V) -> Result<(), Error> {
    let header = read_string_header(c)?;
    v.blob(blob, header, c)
}

fn module<C: Cursor, V: Visitor>(c: &mut C, v: &mut V) -> Result<(), Error> {
    v.module(ModuleId(crate::rdb::read_length(c)?));
    skip_module_items(c)
}
