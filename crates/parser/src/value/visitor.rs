//! What may be looked at in a value.

use super::blob::Blob;
use crate::rdb::StringHeader;
use crate::reader::Cursor;
use crate::{Error, ModuleId};

/// What a string is to its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// An element: the string itself, a list item, a member, a hash field's name or value.
    Element,
    /// Part of the value without being an element: group and consumer names, ids of producers.
    Label,
}

/// Sees the parts of a value in the order of the file. By default nothing is looked at.
pub(crate) trait Visitor {
    /// Elements that the value's own counters announce.
    fn elements(&mut self, _n: u64) {}

    /// A string; its bytes are skipped by the walk.
    fn string(&mut self, _role: Role, _header: StringHeader) {}

    /// A blob that holds elements; its stored bytes are next on the cursor, and the visitor consumes
    /// exactly those.
    fn blob<C: Cursor>(
        &mut self,
        _blob: Blob,
        header: StringHeader,
        c: &mut C,
    ) -> Result<(), Error> {
        c.skip(header.stored)
    }

    /// A hash field that carries a TTL.
    fn field_ttl(&mut self) {}

    /// A consumer group with so many pending entries and consumers.
    fn group(&mut self, _pending: u64, _consumers: u64) {}

    /// The module whose items follow.
    fn module(&mut self, _module: ModuleId) {}
}

/// Looks at nothing: finds where a value ends.
pub(crate) struct Skip;

impl Visitor for Skip {}
