//! Values: one walk over each layout, for every depth of looking.
//!
//! [`walk_value`] knows where things lie, a [`Visitor`] decides what to look at: [`Skip`] finds the
//! end of a value, [`measure()`] tells what it is made of, [`members()`] hands out what it holds.

mod array;
mod blob;
mod collection;
mod facts;
mod inside;
mod measure;
mod member;
mod members;
mod module;
mod run;
mod stream;
mod stream_node;
mod template;
mod visitor;
mod weigh;

pub use facts::{Detail, MeasureOptions, ValueFacts};
pub(crate) use measure::measure;
pub use member::{FieldSamples, Member, ModuleNumber, Sample, StreamEntry};
pub(crate) use members::members;
pub use members::{MemberOptions, MemberSink, MembersError};
pub(crate) use module::walk_items;
pub(crate) use visitor::{Skip, Visitor};
pub use visitor::{StreamId, StreamInfo};

use crate::Error;
use crate::rdb::{TemplateSource, ValueType, read_string_header};
use crate::reader::Cursor;
use blob::{Blob, Shape};
use visitor::Role;

/// Walks a value of the given type to its end; a template that it refers to is one of `templates`.
pub(crate) fn walk_value<C: Cursor, V: Visitor>(
    c: &mut C,
    value_type: ValueType,
    templates: TemplateSource<'_>,
    v: &mut V,
) -> Result<(), Error> {
    use ValueType as T;
    let (walked, structure) = match value_type {
        T::String => (
            string(c, Role::Element, v).and_then(|()| v.element_ends()),
            "string",
        ),
        T::List => (collection::strings(c, v), "list"),
        T::Set => (collection::strings(c, v), "set"),
        T::ZsetTextScores => (collection::zset_text_scores(c, v), "sorted set"),
        T::Zset => (collection::zset(c, v), "sorted set"),
        T::Hash => (collection::hash(c, v), "hash"),
        T::HashTtlPreGa => (collection::hash_ttl_pre_ga(c, v), "hash with field TTLs"),
        T::HashTtl => (
            collection::hash_ttl_from_earliest(c, v),
            "hash with field TTLs",
        ),
        T::HashTtlValkey => (collection::hash_ttl_valkey(c, v), "hash with field TTLs"),
        T::Module => (module::walk(c, v), "module value"),
        T::HashZipmap => (blob(c, Blob::Zipmap, v), "zipmap"),
        T::ListZiplist => (blob(c, Blob::Ziplist(Shape::Elements), v), "ziplist"),
        T::SetIntset => (blob(c, Blob::Intset, v), "intset"),
        T::ZsetZiplist => (blob(c, Blob::Ziplist(Shape::Scored), v), "ziplist"),
        T::HashZiplist => (blob(c, Blob::Ziplist(Shape::Fields), v), "ziplist"),
        T::SetListpack => (blob(c, Blob::Listpack(Shape::Elements), v), "listpack"),
        T::ZsetListpack => (blob(c, Blob::Listpack(Shape::Scored), v), "listpack"),
        T::HashListpack => (blob(c, Blob::Listpack(Shape::Fields), v), "listpack"),
        T::HashTtlListpackPreGa => (
            blob(c, Blob::Listpack(Shape::ExpiringFields), v),
            "listpack with field TTLs",
        ),
        // The earliest expiry in front is a hint that may be out of date; the listpack has them all.
        T::HashTtlListpack => (
            c.skip(8)
                .and_then(|()| blob(c, Blob::Listpack(Shape::ExpiringFields), v)),
            "listpack with field TTLs",
        ),
        T::ListQuicklist => (collection::quicklist(c, v), "quicklist"),
        T::ListQuicklist2 => (collection::quicklist2(c, v), "quicklist"),
        T::StreamV1 => (stream::walk(c, 1, v), "stream"),
        T::StreamV2 => (stream::walk(c, 2, v), "stream"),
        T::StreamV3 => (stream::walk(c, 3, v), "stream"),
        T::StreamV4 => (stream::walk(c, 4, v), "stream"),
        T::StreamV5 => (stream::walk(c, 5, v), "stream"),
        T::Array => (array::walk(c, v), "array"),
        T::HashTemplateListpack => (template::listpack(c, v), "hash with its field names"),
        T::HashTemplateListpackRef => (
            template::listpack_ref(c, templates, v),
            "hash of a template",
        ),
        T::HashTemplateArray => (template::array(c, v), "hash with its field names"),
        T::HashTemplateArrayRef => (template::array_ref(c, templates, v), "hash of a template"),
        T::PathHash => (collection::path_hash(c, v), "path hash"),
    };
    walked.map_err(|error| error.reading(structure))
}

fn string<C: Cursor, V: Visitor>(c: &mut C, role: Role, v: &mut V) -> Result<(), Error> {
    let header = read_string_header(c)?;
    v.string(role, header, c)
}

fn blob<C: Cursor, V: Visitor>(c: &mut C, blob: Blob<'_>, v: &mut V) -> Result<(), Error> {
    let header = read_string_header(c)?;
    v.blob(blob, header, c)
}
