//! The version of the format that brought each thing, by family (redis and valkey `src/rdb.h`, and files of
//! real servers).

use super::{RecordKind, ValueType};

impl ValueType {
    /// The first RDB version in whose files the type stands.
    pub fn since_version(self) -> u32 {
        use ValueType as T;
        match self {
            T::String | T::List | T::Set | T::ZsetTextScores | T::Hash => 1,
            T::HashZipmap | T::ListZiplist | T::SetIntset | T::ZsetZiplist => 2,
            T::HashZiplist => 4,
            T::ListQuicklist => 7,
            T::Zset | T::Module => 8,
            T::StreamV1 => 9,
            T::HashListpack | T::ZsetListpack | T::ListQuicklist2 | T::StreamV2 => 10,
            T::SetListpack | T::StreamV3 => 11,
            T::HashTtlPreGa | T::HashTtlListpackPreGa | T::HashTtl | T::HashTtlListpack => 12,
            T::StreamV4 => 13,
            T::StreamV5 | T::Array => 14,
            T::HashTemplateListpack
            | T::HashTemplateListpackRef
            | T::HashTemplateArray
            | T::HashTemplateArrayRef => 15,
            T::HashTtlValkey => 80,
            T::PathHash => 81,
        }
    }
}

impl RecordKind<'_> {
    /// The first RDB version in whose files the record stands; of an entry with its attributes. What Redis
    /// Enterprise writes belongs to no version: 1.
    pub fn since_version(&self) -> u32 {
        match self {
            RecordKind::SelectDb { .. }
            | RecordKind::EnterpriseHint { .. }
            | RecordKind::End { .. } => 1,
            RecordKind::Aux { .. } | RecordKind::ResizeDb { .. } => 7,
            RecordKind::ModuleAux { .. } => 9,
            RecordKind::Function { .. } => 10,
            RecordKind::SlotInfo(_) => 12,
            RecordKind::HashTemplate(_) => 15,
            RecordKind::SlotImport { .. } => 80,
            RecordKind::Update { .. } => 81,
            RecordKind::Entry(entry) => {
                let attributes = match entry {
                    entry if entry.key_meta_bytes > 0 => 13,
                    entry if entry.idle_s.is_some() || entry.freq.is_some() => 9,
                    _ => 1,
                };
                entry.value_type.since_version().max(attributes)
            }
        }
    }
}
