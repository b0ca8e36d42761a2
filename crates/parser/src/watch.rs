//! Watching for entries in a snapshot that streams by, to see the members of their values.

use std::io;

use crate::rdb::EntryHead;
use crate::value::Member;

/// Is asked about each entry of a [`crate::RdbStream`], and sees the members of those that it wants.
pub trait Watch {
    /// Whether the members of this entry are to be handed out. May be asked more than once.
    fn wants(&self, entry: &EntryHead<'_>) -> bool;

    /// Bytes that are shown of each string, see [`crate::MemberOptions::head_bytes`].
    fn head_bytes(&self) -> usize;

    /// An entry that was wanted is next; its members follow.
    ///
    /// # Errors
    /// Whatever keeps it from going on.
    fn begin(&mut self, entry: &EntryHead<'_>) -> io::Result<()>;

    /// A member of the entry.
    ///
    /// # Errors
    /// Whatever keeps it from going on.
    fn member(&mut self, member: Member<'_>) -> io::Result<()>;
}
