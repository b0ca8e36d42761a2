//! Looking for one key: every entry of its name, with its members.

use std::borrow::Cow;
use std::io;

use preshard_parser::source::Source;
use preshard_parser::{EntryHead, Member, Watch};
use preshard_slots::Slot;

use super::batch::Reading;
use super::streamed::Taker;
use super::{Progress, ScanOptions, scan_passing};
use crate::{Error, FileScan, KeyFacts, KeyHead};

/// A key that is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Its name.
    pub key: Box<[u8]>,
    /// The databases that it may be in; all when empty.
    pub dbs: Vec<u64>,
}

impl Wanted {
    fn is_in(&self, db: u64) -> bool {
        self.dbs.is_empty() || self.dbs.contains(&db)
    }
}

/// Sees the entries of a key that is looked for, each from its beginning to its end.
///
/// An entry that begins need not end: its value may be damaged, or a collection without elements, which
/// no server keeps.
pub trait Seeker {
    /// Bytes that are shown of each member, see [`preshard_parser::MemberOptions::head_bytes`].
    fn head_bytes(&self) -> usize;

    /// An entry of the key begins.
    ///
    /// # Errors
    /// Whatever keeps it from going on.
    fn begin(&mut self, key: &KeyHead<'_>) -> io::Result<()>;

    /// A member of the entry.
    ///
    /// # Errors
    /// Whatever keeps it from going on.
    fn member(&mut self, member: Member<'_>) -> io::Result<()>;

    /// The entry has ended, and this is what was learnt of it, as deep as can be.
    ///
    /// # Errors
    /// Whatever keeps it from going on.
    fn end(&mut self, facts: &KeyFacts<'_>) -> io::Result<()>;
}

/// Scans one snapshot as [`super::scan`] does and shows `seeker` the entries of a key.
///
/// The snapshot is read in order and never held, so that the members of a value of any length are handed out as
/// they pass. How deep [`ScanOptions`] look holds for the other keys.
///
/// # Errors
/// As [`super::scan`]; what the seeker fails with is [`Error::Sink`].
pub fn seek(
    source: &Source,
    wanted: &Wanted,
    options: &ScanOptions<'_>,
    progress: &dyn Progress,
    seeker: &mut dyn Seeker,
) -> Result<FileScan, Error> {
    let mut seeking = Seeking { wanted, seeker };
    scan_passing(source, &Reading::each_key(options), progress, &mut seeking)
}

struct Seeking<'s> {
    wanted: &'s Wanted,
    seeker: &'s mut dyn Seeker,
}

impl Taker for Seeking<'_> {
    fn keys(&mut self, keys: &[KeyFacts<'_>]) -> io::Result<()> {
        let wanted = self.wanted;
        keys.iter()
            .filter(|facts| *facts.key == *wanted.key && wanted.is_in(facts.db))
            .try_for_each(|facts| self.seeker.end(facts))
    }

    fn watch(&mut self) -> Option<&mut dyn Watch> {
        Some(self)
    }
}

impl Watch for Seeking<'_> {
    fn wants(&self, entry: &EntryHead<'_>) -> bool {
        self.wanted.is_in(entry.db)
            && entry.key.len() == self.wanted.key.len() as u64
            && entry.key.bytes().is_ok_and(|key| *key == *self.wanted.key)
    }

    fn head_bytes(&self) -> usize {
        self.seeker.head_bytes()
    }

    fn begin(&mut self, entry: &EntryHead<'_>) -> io::Result<()> {
        self.seeker.begin(&KeyHead {
            db: entry.db,
            key: Cow::Borrowed(&self.wanted.key),
            slot: Slot::of_key(&self.wanted.key),
            data_type: entry.value_type.data_type(),
            expires_at_ms: entry.expires_at_ms,
            idle_s: entry.idle_s,
            lfu: entry.freq,
            offset: entry.offset,
        })
    }

    fn member(&mut self, member: Member<'_>) -> io::Result<()> {
        self.seeker.member(member)
    }
}
