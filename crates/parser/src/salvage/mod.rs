//! What can be kept of a damaged snapshot.
//!
//! [`survey`] divides a snapshot into parts that are what the server wrote, and gaps. Within the bounds told
//! below it takes no bytes for keys that may be anything else: the content of a value can be records as well, and a
//! place behind damage from which records follow one another need not be one where records were written. Three
//! things decide, in this order:
//!
//! 1. **The checksum.** One changed byte, or a few next to each other, can be located by it, whatever they were
//!    part of (`burst`). Then exactly the record around them is left out.
//! 2. **The counts** that a snapshot has of its own keys, for each database and, in a cluster, for each slot: see
//!    `judge` for what follows from them.
//! 3. **The order** that servers keep (`order`), which tells most false records from real ones, and the end mark,
//!    which stands at the end and nowhere else.
//!
//! # What is promised
//! * *One changed byte in a file with a checksum*: exactly the record around it is left out, and named.
//! * *One damaged value*, whatever was done to its bytes, in a file that counts its keys: no key is made up, the others
//!   that come out are unchanged. Without a checksum a neighbour may be left out as well, where the counts allow for either.
//! * *Keys that do not come out* are in a slot that a gap [touches](Touched). The gaps are held against the counts once more by a
//!   reading that shares nothing with what found them (`reconcile`): a gap touches few slots only where the file has
//!   totals of slots and all its counts agree, or where the checksum tells the very bytes that were changed.
//! * *Any bytes*: the parts and the header make up the file up to where the snapshot ends, all of a sound part can be read,
//!   and the time is linear ([`steps_max`]).
//!
//! # What cannot be told
//! * Bytes that were changed inside a name, an expiry or a string, where the checksum does not locate them, look
//!   like what was written. If there is a checksum and nothing else shows why it is wrong, a gap says that any key may
//!   be touched; beside a gap that shows, such a change goes unseen.
//! * Damage in several places of one database, or across two records, may look like one damaged value and a key that
//!   never was. Of snapshots of a few dozen keys, damaged at random in two or three values, fewer than one in fifty come out
//!   with such a key (`tests/salvage/fixtures.rs` counts them); the more keys, the fewer.
//! * A selector that was damaged gives its keys to the database in front of it, if the counts happen to fit.
//! * Files of servers before Redis 3.2 have no counts: behind damage that the checksum cannot locate, nothing of them is
//!   certain. Until Redis 4.0 the counts take in expired keys that were not written: where keys expire, they
//!   are only upper bounds.
//! * What lies behind damage is looked for in at most [`steps_max`] steps. In a file that is damaged every few kilobytes they
//!   are spent after some gaps, and the rest of the file is one gap more.
//! * Templates of hashes stand in front of all keys. Where damage may have hidden one, nothing is given from the first hash
//!   on that seems to refer to one: without its template nobody can tell where it ends.

mod burst;
mod count;
mod entrance;
mod front;
mod ground;
mod hidden;
mod judge;
mod objection;
mod order;
mod pairs;
mod probe;
mod reconcile;
mod repair;
mod run;
mod search;
mod seen;
mod several;
mod surveyor;

use std::ops::Range;

use ground::Ground;
use surveyor::Surveyor;

use crate::rdb::Framer;
use crate::reader::{Cursor as _, Reader};
use crate::{Detail, Error, Header, MeasureOptions, MeasuringReader, RdbReader, Ready};

/// What a survey must know that the bytes do not tell.
#[derive(Clone, Copy)]
pub struct Surroundings<'s> {
    /// How deep values will be measured: a value is sound if such a measurement is.
    pub detail: Detail,
    /// The slot of a key.
    pub slot_of: &'s (dyn Fn(&[u8]) -> u64 + Sync),
    /// Whether these bytes, which are not empty, may stand behind the end of a snapshot.
    pub may_follow: &'s (dyn Fn(&[u8]) -> bool + Sync),
}

/// A snapshot, divided.
#[derive(Debug)]
pub struct Survey {
    /// Family and version.
    pub header: Header,
    /// In the order of the file, from the first record on.
    pub parts: Vec<Part>,
    /// The checksum as stored and as computed, when the end of the snapshot was found and has one.
    pub checksum: Option<(u64, u64)>,
    /// Steps that it took, of which each reads a few bytes or passes over any number: at most [`steps_max`].
    /// One reading of the sound parts comes on top where there are gaps.
    pub steps: u64,
}

/// A part of a snapshot.
#[derive(Debug)]
pub enum Part {
    /// Records as they were written.
    Sound(Sound),
    /// Bytes of which nothing is certain.
    Gap(Gap),
}

/// Records that follow one another.
#[derive(Debug, Clone)]
pub struct Sound {
    /// Where they lie.
    pub range: Range<u64>,
    framer: Framer,
}

/// Damage, and what it makes uncertain.
#[derive(Debug)]
pub struct Gap {
    /// Where it lies. Empty where keys are missing and no byte of theirs is left to be found.
    pub range: Range<u64>,
    /// What showed it.
    pub error: Error,
    /// Keys that the file has and the sound parts have not, as far as that can be said of this gap alone.
    pub keys_missing: Option<u64>,
    /// Which they may be.
    pub touched: Touched,
    /// Keys that begin in it, as far as their names can be read: they may be damaged themselves.
    pub suspects: Vec<LostKey>,
    /// The bytes that would make the checksum right, where so few were changed that it tells.
    pub repair: Option<Repair>,
}

/// Which keys a gap may hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Touched {
    /// None but these: the checksum tells.
    Keys(Vec<LostKey>),
    /// Those of a range of slots, both ends included.
    Slots(u64, u64),
    /// Any.
    Any,
}

/// A key that is not among those that are certain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostKey {
    /// Its database.
    pub db: u64,
    /// Its name.
    pub name: Box<[u8]>,
}

/// Bytes that would make the checksum right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repair {
    /// Where they belong.
    pub offset: u64,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// Most steps that a survey of so many bytes takes: its time is linear in them, whatever they are.
///
/// Its memory is bounded by about 200 MiB, most of it for the places of records in runs that are compared.
pub fn steps_max(bytes: u64) -> u64 {
    search::STEPS_MIN.saturating_add(bytes.saturating_mul(search::STEPS_PER_BYTE))
}

/// Divides a snapshot into what is certain and what is not.
///
/// # Errors
/// When the bytes do not begin like a snapshot, or with a version that is not known.
pub fn survey<'a>(bytes: &'a [u8], surroundings: Surroundings<'a>) -> Result<Survey, Error> {
    let mut reader = Reader::new(bytes, 0);
    let header = Header::read(&mut reader)?;
    let ground = Ground::new(bytes, header, surroundings);
    Ok(Surveyor::new(&ground).survey(reader.offset()))
}

impl Sound {
    /// Reads the part; the reader ends with an error where the part does, unless the snapshot ends there.
    pub fn reader<'a>(&self, bytes: &'a [u8], detail: Detail) -> RdbReader<'a> {
        let end = usize::try_from(self.range.end).unwrap_or(usize::MAX);
        let start = usize::try_from(self.range.start).unwrap_or(usize::MAX);
        let part = bytes.get(start..end).unwrap_or_default();
        RdbReader::within(
            Reader::new(part, self.range.start),
            self.framer.clone(),
            detail,
        )
    }

    /// As [`Sound::reader`], and measures the values.
    pub fn measuring_reader<'a, 'm>(
        &self,
        bytes: &'a [u8],
        options: MeasureOptions<'m>,
    ) -> MeasuringReader<'a, 'm, Ready> {
        self.reader(bytes, options.detail).measuring(options)
    }
}
