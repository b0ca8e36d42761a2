//! What a value is made of, told from its lengths.

/// How deep a measurement looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Lengths and counts only: compact blobs are not walked and nothing is decompressed beyond a header.
    Counts,
    /// Also each element inside compact blobs, decompressing where needed.
    Elements,
}

/// What was learnt of one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValueFacts {
    /// How the value lies in the file.
    pub encoding: crate::Encoding,
    /// Elements as the server counts them (STRLEN, LLEN, SCARD, ZCARD, HLEN, XLEN); `None` for modules.
    pub elements: Option<u64>,
    /// Decoded bytes of all strings, or of the compact blobs, that make the value.
    pub content_bytes: u64,
    /// Decoded bytes of the strings that a server tries to compress when it dumps the value: strings
    /// longer than 20 bytes and whole blobs.
    pub compressible_bytes: u64,
    /// Longest element in decoded bytes (field and value count apart); `None` where it was not looked for.
    pub largest_element_bytes: Option<u64>,
    /// Compact blobs (list nodes, stream nodes; 1 for a value that is one blob).
    pub nodes: u64,
    /// Hash fields that carry a TTL, where counting them needs no walk.
    pub fields_with_ttl: u64,
    /// Stream consumer groups.
    pub groups: u64,
    /// Stream consumers, all groups.
    pub consumers: u64,
    /// Pending entries, all groups.
    pub pending: u64,
    /// The module that wrote the value.
    pub module: Option<crate::ModuleId>,
}
