//! What can be wrong with a snapshot, and where.

use std::{fmt, io};

/// An error at an absolute offset of the file.
///
/// The path is not in it: whoever opened the file adds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(Box<Inner>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Inner {
    kind: ErrorKind,
    offset: u64,
    structure: &'static str,
    entry: Option<(u64, Box<[u8]>)>,
}

/// Who must act: a longer file, another backup, a newer reader.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The file ends before the structure does.
    Truncated {
        /// Bytes that the structure needed beyond the end; a lower bound.
        needed: u64,
    },
    /// The bytes contradict the format.
    Corrupt {
        /// What the format wants here.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// The input, of which the snapshot is a part or the content, could not be read any further.
    Unreadable {
        /// What the source of the bytes said.
        reason: String,
        /// It ended too early, rather than being broken.
        truncated: bool,
    },
    /// Valid, as far as can be told, but not known to this reader.
    Unsupported {
        /// The version, type or opcode, by number and name.
        what: String,
    },
}

impl Error {
    #[cold]
    pub(crate) fn truncated(offset: u64, needed: u64) -> Error {
        Error::new(ErrorKind::Truncated { needed }, offset)
    }

    #[cold]
    pub(crate) fn corrupt(offset: u64, expected: &'static str, found: impl Into<String>) -> Error {
        Error::new(
            ErrorKind::Corrupt {
                expected,
                found: found.into(),
            },
            offset,
        )
    }

    #[cold]
    pub(crate) fn unsupported(offset: u64, what: impl Into<String>) -> Error {
        Error::new(ErrorKind::Unsupported { what: what.into() }, offset)
    }

    #[cold]
    pub(crate) fn unreadable(offset: u64, failure: &io::Error) -> Error {
        Error::new(ErrorKind::unreadable(failure), offset)
    }

    /// Of an error that is due to bytes that are missing, tells why they are.
    #[cold]
    pub(crate) fn because(mut self, failure: &io::Error) -> Error {
        if self.is_truncated() {
            self.0.kind = ErrorKind::unreadable(failure);
        }
        self
    }

    fn new(kind: ErrorKind, offset: u64) -> Error {
        Error(Box::new(Inner {
            kind,
            offset,
            structure: "",
            entry: None,
        }))
    }

    /// Names the structure that was being read, unless an inner one is named already.
    #[cold]
    pub(crate) fn reading(mut self, structure: &'static str) -> Error {
        if self.0.structure.is_empty() {
            self.0.structure = structure;
        }
        self
    }

    /// Names the entry that was being read.
    #[cold]
    pub(crate) fn in_entry(mut self, db: u64, key: &[u8]) -> Error {
        self.0.entry = Some((db, key.into()));
        self
    }

    /// Names no entry.
    #[cold]
    pub(crate) fn without_entry(mut self) -> Error {
        self.0.entry = None;
        self
    }

    /// Who must act.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// Absolute offset of the first bad or missing byte. Inside a compressed string it is the offset
    /// where the compressed bytes begin.
    pub fn offset(&self) -> u64 {
        self.0.offset
    }

    /// Database and key of the entry in progress.
    pub fn entry(&self) -> Option<(u64, &[u8])> {
        self.0.entry.as_ref().map(|(db, key)| (*db, &**key))
    }

    /// Whether the file simply ends too early.
    pub fn is_truncated(&self) -> bool {
        matches!(
            self.0.kind,
            ErrorKind::Truncated { .. }
                | ErrorKind::Unreadable {
                    truncated: true,
                    ..
                }
        )
    }
}

impl ErrorKind {
    fn unreadable(failure: &io::Error) -> ErrorKind {
        ErrorKind::Unreadable {
            reason: failure.to_string(),
            truncated: failure.kind() == io::ErrorKind::UnexpectedEof,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let offset = self.0.offset;
        let structure = if self.0.structure.is_empty() {
            "snapshot"
        } else {
            self.0.structure
        };
        match &self.0.kind {
            ErrorKind::Truncated { needed } => {
                let s = if *needed == 1 { "" } else { "s" };
                write!(
                    f,
                    "{structure} truncated at offset {offset:#x} ({offset}): needed {needed} more byte{s}"
                )?;
            }
            ErrorKind::Corrupt { expected, found } => {
                write!(
                    f,
                    "{structure} damaged at offset {offset:#x} ({offset}): expected {expected}, found {found}"
                )?;
            }
            ErrorKind::Unreadable { reason, .. } => {
                write!(
                    f,
                    "{structure} cannot be read behind offset {offset:#x} ({offset}): {reason}"
                )?;
            }
            ErrorKind::Unsupported { what } => {
                write!(
                    f,
                    "{structure} not supported at offset {offset:#x} ({offset}): {what}"
                )?;
            }
        }
        match &self.0.entry {
            Some((db, key)) => write!(f, ", in db {db} key \"{}\"", key.escape_ascii()),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}
