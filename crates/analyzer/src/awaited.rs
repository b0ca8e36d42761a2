//! Stands in for types of the parser until they land there; goes away then.

/// The two families of servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Magic `REDIS`.
    Redis,
    /// Magic `VALKEY`.
    Valkey,
}

/// The first nine bytes of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// By magic.
    pub family: Family,
    /// RDB version.
    pub version: u32,
}

/// An open snapshot.
pub struct Source;
