//! Which server wrote a snapshot.

/// A server by product and version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Server {
    /// The product.
    pub product: Product,
    /// Major and minor version of the release line; that of the coming release for a release candidate.
    pub line: (u32, u32),
    /// The version as the file tells it.
    pub version: String,
}

/// Servers that write RDB files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Product {
    /// Redis.
    Redis,
    /// Valkey.
    Valkey,
    /// Redict.
    Redict,
}
