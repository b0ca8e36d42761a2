//! How one slot moves: by which commands, in which calls, and what in it must not.

pub(crate) mod calls;
pub(crate) mod dialect;
pub(crate) mod stream;
pub(crate) mod verdict;
