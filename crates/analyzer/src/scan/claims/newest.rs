//! The newest thing in a file, by the version of the format that brought it.

use preshard_parser::{Record, RecordKind};

/// What no older version of the format can hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::scan) struct Newest {
    /// The version that brought it.
    pub(in crate::scan) version: u32,
    /// The first of that version in the file.
    first: Option<(String, u64)>,
}

impl Newest {
    /// Whether anything was seen. What any version can hold tells nothing more then.
    pub(in crate::scan) fn is_told(&self) -> bool {
        self.version > 0
    }

    pub(in crate::scan) fn look_at(&mut self, record: &Record<'_>) {
        let version = record.kind.since_version();
        if version > self.version {
            *self = Newest {
                version,
                first: Some((name(&record.kind), record.range.start)),
            };
        }
    }

    /// Takes in what was seen behind.
    pub(in crate::scan) fn append(&mut self, other: &Newest) {
        if other.version > self.version {
            self.clone_from(other);
        }
    }

    /// What it is and where, in words.
    pub(in crate::scan) fn describe(&self) -> String {
        match &self.first {
            Some((name, offset)) => format!(
                "nothing newer than version {} (first {name} at offset {offset:#x})",
                self.version
            ),
            None => "nothing that any version lacks".to_owned(),
        }
    }
}

fn name(kind: &RecordKind<'_>) -> String {
    match kind {
        RecordKind::Entry(entry) => {
            let (data_type, encoding) = (entry.value_type.data_type(), entry.value_type.encoding());
            format!("a {} in encoding {}", data_type.name(), encoding.name())
        }
        RecordKind::Aux { .. } => "an aux field".to_owned(),
        RecordKind::ResizeDb { .. } => "database sizes".to_owned(),
        RecordKind::SlotInfo(_) => "slot totals".to_owned(),
        RecordKind::Function { .. } => "a function".to_owned(),
        RecordKind::ModuleAux { .. } => "data of a module".to_owned(),
        RecordKind::SlotImport { .. } => "a slot import".to_owned(),
        _ => "another record".to_owned(),
    }
}
