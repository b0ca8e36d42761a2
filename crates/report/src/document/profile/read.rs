//! Reads saved profiles: anybody may have written them, so every number is a claim.
//!
//! What comes out is no larger than some times the text, has no sum that overflows, and agrees with itself; a changed byte
//! shows in the checksum.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use preshard_analyzer::{
    BadRows, Family, FileFacts, Header, Remark, Scanned, Server, SlotRows, Tables, Touch,
};
use preshard_slots::NodeId;

use super::{PROFILE_FORMAT, ProfileDocument, SavedBasis, SavedFile, SavedTouch, set_of};
use crate::document::FORMAT_VERSION;

/// What the beginning of a file shows of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recognised {
    /// It is no saved profile.
    Other,
    /// It is one, of this version where that can be told.
    Profile(Option<u32>),
}

/// Why a saved profile cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Its form is of another version.
    #[error(
        "format_version: expected {FORMAT_VERSION}, found {}: it was saved by another release of preshard",
        .0.map_or("none".to_owned(), |version| version.to_string())
    )]
    Version(Option<u32>),
    /// It is not written as a saved profile is: the message has line and column.
    #[error("saved profile: {0}")]
    Form(serde_json::Error),
    /// It was changed since it was saved.
    #[error(
        "saved profile: checksum: expected {computed}, as its content gives, found {found:?}: it was changed since it was saved"
    )]
    Checksum {
        /// What the content gives.
        computed: String,
        /// What the file says.
        found: String,
    },
    /// It contradicts itself, or says what cannot be.
    #[error("saved profile: file {number} ({file}): {place}: expected {expected}, found {found}")]
    Content {
        /// Which of its files, counted from 1.
        number: usize,
        /// That file's name.
        file: String,
        /// Where.
        place: String,
        /// What must be there.
        expected: String,
        /// What is.
        found: String,
    },
    /// It has no file.
    #[error("saved profile: files: expected at least one, found none")]
    Empty,
}

/// A file that was saved, ready to be joined with others.
#[derive(Debug, Clone)]
pub struct ReadFile {
    /// The node it is a backup of, where that was told.
    pub node: Option<NodeId>,
    /// The file and its keys.
    pub scanned: Scanned,
    /// The tables of its memory model.
    pub tables: Tables,
    /// How the estimates came about.
    pub basis: SavedBasis,
}

impl Recognised {
    /// Looks at the first bytes of a file; some hundred are enough.
    pub fn of(head: &[u8]) -> Recognised {
        const HEAD_BYTES: usize = 256;
        let head: Vec<u8> = head
            .iter()
            .take(HEAD_BYTES)
            .copied()
            .filter(|byte| !byte.is_ascii_whitespace())
            .collect();
        let start = format!("{{\"format\":\"{PROFILE_FORMAT}\"");
        let Some(rest) = head.strip_prefix(start.as_bytes()) else {
            return Recognised::Other;
        };
        let version = rest.strip_prefix(b",\"format_version\":").and_then(|rest| {
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            str::from_utf8(&rest[..digits]).ok()?.parse().ok()
        });
        Recognised::Profile(version)
    }
}

impl ProfileDocument {
    /// Reads a saved profile from its text.
    ///
    /// # Errors
    /// [`ReadError`] when it is none, was changed, or contradicts itself.
    pub fn read(text: &[u8]) -> Result<ProfileDocument, ReadError> {
        if let Recognised::Profile(version) = Recognised::of(text)
            && version != Some(FORMAT_VERSION)
        {
            return Err(ReadError::Version(version));
        }
        let document: ProfileDocument = serde_json::from_slice(text).map_err(ReadError::Form)?;
        if document.format_version != FORMAT_VERSION {
            return Err(ReadError::Version(Some(document.format_version)));
        }
        let computed = document.checksum_of_content();
        if document.checksum != computed {
            return Err(ReadError::Checksum {
                computed,
                found: document.checksum,
            });
        }
        Ok(document)
    }

    /// Whether it can be read again.
    ///
    /// # Errors
    /// What reading it would fail with.
    pub fn check(&self) -> Result<(), ReadError> {
        self.clone().into_files(Path::new("")).map(|_| ())
    }

    /// The files, checked; `saved_in` is the profile's own file.
    ///
    /// # Errors
    /// [`ReadError`] names the first place that cannot be.
    pub fn into_files(self, saved_in: &Path) -> Result<Vec<ReadFile>, ReadError> {
        if self.files.is_empty() {
            return Err(ReadError::Empty);
        }
        let files = self.files.into_iter().zip(1..);
        files
            .map(|(file, number)| {
                let name = file.file.clone();
                read_file(file, saved_in).map_err(|bad| ReadError::Content {
                    number,
                    file: name,
                    place: bad.place,
                    expected: bad.expected,
                    found: bad.found,
                })
            })
            .collect()
    }

    /// The checksum of all but itself.
    pub(super) fn checksum_of_content(&self) -> String {
        #[derive(serde::Serialize)]
        struct Content<'a> {
            format: &'a str,
            format_version: u32,
            tool: &'a super::Tool,
            topology: &'a Option<super::SavedTopology>,
            left_out: &'a [super::Notice],
            files: &'a [SavedFile],
            checksum: &'static str,
        }
        let content = Content {
            format: &self.format,
            format_version: self.format_version,
            tool: &self.tool,
            topology: &self.topology,
            left_out: &self.left_out,
            files: &self.files,
            checksum: "",
        };
        let mut sum = Sum(crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc64Redis));
        // Writing to a sum cannot fail, and no type here refuses to be written.
        let _ = serde_json::to_writer(&mut sum, &content);
        format!("{:016x}", sum.0.finalize())
    }
}

struct Sum(crc_fast::Digest);

impl Write for Sum {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn bad(place: impl Into<String>, expected: impl Into<String>, found: impl Into<String>) -> BadRows {
    BadRows {
        place: place.into(),
        expected: expected.into(),
        found: found.into(),
    }
}

/// The server of this product and version.
fn server((product, version): (String, String)) -> Result<Server, BadRows> {
    let field: &[u8] = match product.as_str() {
        "Valkey" => b"valkey-ver",
        _ => b"redis-ver",
    };
    Server::from_aux(field, version.as_bytes())
        .filter(|server| server.product.name() == product)
        .ok_or_else(|| {
            bad(
                "written_by",
                "a server and its version",
                format!("{product:?} {version:?}"),
            )
        })
}

fn read_file(file: SavedFile, saved_in: &Path) -> Result<ReadFile, BadRows> {
    let family = match file.rdb_family.as_str() {
        "redis" => Family::Redis,
        "valkey" => Family::Valkey,
        other => return Err(bad("rdb_family", "redis or valkey", format!("{other:?}"))),
    };
    let ranges = |place: &str, ranges: &[(u16, u16)]| {
        set_of(ranges).map_err(|(first, last)| {
            bad(
                place,
                "a range of slots from 0 to 16383",
                format!("[{first},{last}]"),
            )
        })
    };
    let tables: Tables = file.basis.memory_model.parse().map_err(|_| {
        bad(
            "basis.memory_model",
            "a memory model of this release",
            format!("{:?}", file.basis.memory_model),
        )
    })?;
    let facts = FileFacts {
        path: PathBuf::from(&file.file),
        saved_in: Some(saved_in.to_owned()),
        bytes: file.bytes,
        header: Header {
            family,
            version: file.rdb_version,
        },
        written_by: file.written_by.map(server).transpose()?,
        written_at_s: file.written_at_s,
        checksum: file.checksum.into(),
        whole: file.whole,
        keys: file.keys,
        functions: file.functions,
        importing: ranges("importing", &file.importing)?,
        damage: file.damage,
        salvaged: match &file.salvaged {
            None => None,
            Some(SavedTouch::Any) => Some(Touch::Any),
            Some(SavedTouch::Slots(slots)) => Some(Touch::Slots(ranges("salvaged", slots)?)),
        },
        changed: file.changed,
        remarks: file
            .remarks
            .into_iter()
            .map(|remark| Remark {
                name: remark.name,
                message: remark.message,
            })
            .collect(),
    };
    if facts.whole && (facts.damage.is_some() || facts.changed) {
        return Err(bad(
            "whole",
            "false, because it is damaged or was changed",
            "true",
        ));
    }
    let rows = SlotRows {
        cost_profile: file.basis.cost_profile.clone(),
        tables,
        floor_block_ns: file.floor_block_ns,
        floor_payload_bytes: file.floor_payload_bytes,
        slots: (1..)
            .zip(&file.slots)
            .map(|(number, line)| {
                line.read().map_err(|(expected, found)| {
                    bad(format!("row {number} of slots"), expected, found)
                })
            })
            .collect::<Result<_, _>>()?,
        named: (1..)
            .zip(file.named)
            .map(|(number, line)| {
                line.read().map_err(|(expected, found)| {
                    bad(format!("named key {number}"), expected, found)
                })
            })
            .collect::<Result<_, _>>()?,
        names_dropped: file.names_dropped,
    };
    rows.check()?;
    let keys = rows.slots.iter().map(|(_, facts)| facts.keys).sum::<u64>();
    if facts.keys != keys {
        return Err(bad(
            "keys",
            format!("{keys}, as its slots have"),
            facts.keys.to_string(),
        ));
    }
    Ok(ReadFile {
        node: file.node.map(NodeId),
        scanned: Scanned::saved(facts, rows),
        tables,
        basis: file.basis,
    })
}
