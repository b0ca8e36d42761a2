//! What a file says of itself, against what was read.

/// Something that a file says of itself.
///
/// Servers check next to none of it when they load a file. Where it differs from what was read, either is wrong, and the
/// file deserves a second look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// What it is about.
    pub kind: ClaimKind,
    /// What the file says; text from strangers.
    pub claimed: String,
    /// What was read; may quote the file as well.
    pub found: String,
    /// How the two compare.
    pub verdict: ClaimVerdict,
}

/// What a claim is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ClaimKind {
    /// The format's version, against the newest record in the file.
    FormatVersion,
    /// The server that wrote the file (`redis-ver`, `valkey-ver`), against the format's version.
    Server,
    /// The word size of that server (`redis-bits`), against the bytes of the values.
    WordSize,
    /// The time of writing (`ctime`), against the expiries of the keys.
    WrittenAt,
    /// The memory of the server (`used-mem`), against the estimate for the keys.
    UsedMemory,
    /// Whether the file belongs to an append-only file (`aof-preamble`, `aof-base`), against what stands behind
    /// the snapshot.
    AppendOnly,
    /// The length in front of a snapshot that was captured from replication, against its own.
    CaptureLength,
    /// An auxiliary field that contradicts another, or has a value it cannot have.
    AuxField,
    /// Keys and expiring keys of databases (RESIZEDB).
    DatabaseTotals,
    /// Keys and expiring keys of slots.
    SlotTotals,
    /// Keys with field TTLs of slots (Valkey 9).
    FieldTtlTotals,
}

/// How a claim compares with what was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimVerdict {
    /// What was read bears it out.
    Agrees,
    /// What was read contradicts it.
    Differs,
    /// What was read says nothing about it, for this reason.
    NotComparable(&'static str),
}

impl ClaimKind {
    /// Its name, as documents carry it.
    pub fn name(self) -> &'static str {
        match self {
            ClaimKind::FormatVersion => "format-version",
            ClaimKind::Server => "server",
            ClaimKind::WordSize => "word-size",
            ClaimKind::WrittenAt => "written-at",
            ClaimKind::UsedMemory => "used-memory",
            ClaimKind::AppendOnly => "append-only",
            ClaimKind::CaptureLength => "capture-length",
            ClaimKind::AuxField => "aux-field",
            ClaimKind::DatabaseTotals => "database-totals",
            ClaimKind::SlotTotals => "slot-totals",
            ClaimKind::FieldTtlTotals => "field-ttl-totals",
        }
    }

    /// What the claim is about, in words.
    pub fn topic(self) -> &'static str {
        match self {
            ClaimKind::FormatVersion => "version of the format",
            ClaimKind::Server => "server that wrote the file",
            ClaimKind::WordSize => "word size of the server",
            ClaimKind::WrittenAt => "time of writing",
            ClaimKind::UsedMemory => "memory of the server",
            ClaimKind::AppendOnly => "part in an append-only file",
            ClaimKind::CaptureLength => "length in front of the capture",
            ClaimKind::AuxField => "auxiliary field",
            ClaimKind::DatabaseTotals => "keys of databases",
            ClaimKind::SlotTotals => "keys of slots",
            ClaimKind::FieldTtlTotals => "keys with field TTLs of slots",
        }
    }

    /// What to do when it differs.
    pub(crate) fn advice(self) -> &'static str {
        match self {
            ClaimKind::FormatVersion => "servers of that version refuse the file",
            ClaimKind::Server | ClaimKind::WordSize | ClaimKind::AuxField => {
                "no server writes that: look which program made or changed the file"
            }
            ClaimKind::AppendOnly | ClaimKind::CaptureLength => {
                "look which program put them together"
            }
            ClaimKind::WrittenAt
            | ClaimKind::UsedMemory
            | ClaimKind::DatabaseTotals
            | ClaimKind::SlotTotals
            | ClaimKind::FieldTtlTotals => {
                "keys may be missing or too many: compare with another backup"
            }
        }
    }

    /// The name of the warning when it differs.
    pub(crate) fn warning_name(self) -> &'static str {
        match self {
            ClaimKind::FormatVersion => "format-version-differs",
            ClaimKind::Server => "server-differs",
            ClaimKind::WordSize => "word-size-differs",
            ClaimKind::WrittenAt => "written-at-differs",
            ClaimKind::UsedMemory => "used-memory-differs",
            ClaimKind::AppendOnly => "append-only-differs",
            ClaimKind::CaptureLength => "capture-length-differs",
            ClaimKind::AuxField => "aux-field-differs",
            ClaimKind::DatabaseTotals => "database-totals-differ",
            ClaimKind::SlotTotals => "slot-info-differs",
            ClaimKind::FieldTtlTotals => "field-ttl-totals-differ",
        }
    }
}

impl ClaimVerdict {
    /// The word that documents carry.
    pub fn name(self) -> &'static str {
        match self {
            ClaimVerdict::Agrees => "agrees",
            ClaimVerdict::Differs => "differs",
            ClaimVerdict::NotComparable(_) => "not-comparable",
        }
    }
}
