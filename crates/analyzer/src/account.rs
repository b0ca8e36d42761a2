//! Which bytes of a snapshot are what.

/// One part of a snapshot. The parts of a file add up to its length, also where it is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// What it is.
    pub kind: PartKind,
    /// Records, or keys, or pieces, that it is made of.
    pub count: u64,
    /// The bytes they take, in the file as it lies there.
    pub bytes: u64,
}

/// What bytes of a snapshot are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum PartKind {
    /// Magic and version.
    Header,
    /// Auxiliary fields, but for those that hold slot totals.
    AuxFields,
    /// Database selectors, and the sizes that the file declares for databases.
    Databases,
    /// Slot totals, in records or in auxiliary fields.
    SlotTotals,
    /// Functions.
    Functions,
    /// Data of modules beside the keys.
    ModuleAux,
    /// Field names that hashes share (Redis 8.10).
    HashTemplates,
    /// Slot imports that were in progress.
    SlotImports,
    /// Commands between the keys (Valkey 9.2).
    Updates,
    /// Fields that Redis Enterprise writes between keys.
    EnterpriseFields,
    /// Records that have no part of their own here.
    OtherRecords,
    /// Expiry, idle time, LFU counter and metadata of keys.
    KeyAttributes,
    /// The type byte of each key.
    TypeBytes,
    /// Names of keys, with their lengths.
    KeyNames,
    /// Values of keys.
    Values,
    /// Collections without elements, whole: they are no keys.
    EmptyCollections,
    /// The end mark, and the checksum where the format has one.
    End,
    /// From the record that could not be read to the end of the file.
    Unread,
    /// The end mark of a replication capture, behind the snapshot.
    CaptureEnd,
    /// Commands behind the snapshot: writes that came after it.
    Commands,
    /// Anything else behind the snapshot.
    Trailing,
}

impl PartKind {
    /// All of them, in the order of documents.
    pub const ALL: [PartKind; 21] = [
        PartKind::Header,
        PartKind::AuxFields,
        PartKind::Databases,
        PartKind::SlotTotals,
        PartKind::Functions,
        PartKind::ModuleAux,
        PartKind::HashTemplates,
        PartKind::SlotImports,
        PartKind::Updates,
        PartKind::EnterpriseFields,
        PartKind::OtherRecords,
        PartKind::KeyAttributes,
        PartKind::TypeBytes,
        PartKind::KeyNames,
        PartKind::Values,
        PartKind::EmptyCollections,
        PartKind::End,
        PartKind::Unread,
        PartKind::CaptureEnd,
        PartKind::Commands,
        PartKind::Trailing,
    ];

    /// Its name, as documents carry it.
    pub fn name(self) -> &'static str {
        match self {
            PartKind::Header => "header",
            PartKind::AuxFields => "aux-fields",
            PartKind::Databases => "databases",
            PartKind::SlotTotals => "slot-totals",
            PartKind::Functions => "functions",
            PartKind::ModuleAux => "module-aux",
            PartKind::HashTemplates => "hash-templates",
            PartKind::SlotImports => "slot-imports",
            PartKind::Updates => "updates",
            PartKind::EnterpriseFields => "enterprise-fields",
            PartKind::OtherRecords => "other-records",
            PartKind::KeyAttributes => "key-attributes",
            PartKind::TypeBytes => "type-bytes",
            PartKind::KeyNames => "key-names",
            PartKind::Values => "values",
            PartKind::EmptyCollections => "empty-collections",
            PartKind::End => "end",
            PartKind::Unread => "unread",
            PartKind::CaptureEnd => "capture-end",
            PartKind::Commands => "commands",
            PartKind::Trailing => "trailing",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ledgers find a part's line by its place.
    #[test]
    fn all_parts_stand_in_their_order() {
        for (at, kind) in PartKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, at, "{}", kind.name());
        }
    }
}
