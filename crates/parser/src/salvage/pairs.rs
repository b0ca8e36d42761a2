//! One damaged value: all that may have happened, and what it has in common.

use super::count::Count;
use super::entrance::Entrance;
use super::judge::{Case, Counts, Cut};
use super::objection::Objection;
use super::probe::Prefix;
use super::run::{Fate, Run};
use crate::Detail;
use crate::rdb::{Begins, Encoding, Entry, FrameCursor as _, Need, RecordKind, Str, Value};
use crate::reader::{Cursor as _, Reader};

/// Possibilities that are compared, and records that are compared for each.
const PAIRS_MAX: usize = 1_024;
const AGREED_RECORDS_MAX: usize = 1 << 14;

/// A possibility: this record was damaged, and this place is the next sound one.
struct Pair<'c> {
    /// Number of keys in front of the damaged record, since the front began.
    damaged: u64,
    sound: Entrance<'c>,
    /// Keys from there to the end of the scope.
    keys_behind: u64,
}

impl<'a> Case<'_, 'a> {
    /// The keys that are certain when one value was damaged.
    pub(super) fn one_value(&self, counts: &Counts) -> Option<Cut> {
        let good: Vec<&Run> = self
            .runs
            .iter()
            .filter(|run| run.fate == Fate::Good)
            .collect();
        if let Some(cut) = self.one_value_in(counts, &good) {
            return Some(cut);
        }
        // Where further damage lies behind the scope, no run leads to the end.
        let broken = self.runs.iter().filter(|run| run.fate == Fate::Broken);
        broken
            .into_iter()
            .find_map(|run| self.one_value_in(counts, &[run]))
    }

    fn one_value_in(&self, counts: &Counts, runs: &[&Run]) -> Option<Cut> {
        // What is in the wrong place was not damaged itself, unless its value has become empty.
        let prefix = match self.trouble.objection {
            None | Some(Objection::EmptyCollection) => {
                self.front.prefix(self.ground, self.front.at)
            }
            Some(_) => None,
        };
        // Totals that were read and found right, of a slot or a database, are no content of the damaged value.
        let entrances = || {
            runs.iter().copied().flat_map(|run| {
                let last = counts.closing(run).map_or(0, |closing| closing.index);
                Entrance::all(run, last)
            })
        };
        let pairs: Vec<Pair<'_>> = entrances()
            .filter_map(|entrance| self.pair(counts, entrance, prefix.as_ref()))
            .collect();
        if !pairs.is_empty() {
            let most = entrances().filter_map(|entrance| entrance.keys(counts.part));
            let most = most.map(|keys| keys.keys).max()?;
            let surplus = (counts.counted.keys + most + 1).saturating_sub(counts.declared.keys);
            // As many keys as there are too many may be false in front of the trouble.
            let tried = self.front.order.total().keys - self.tried_from_key;
            let tried_all = tried >= self.front.order.database().counted.keys;
            return (surplus <= tried || tried_all).then(|| self.agree(counts, &pairs))?;
        }
        // The damage may have hit the name of the record as well, or a record that is no key.
        let lost_keys: &[u64] = match (&prefix, self.ground.begins(self.front.at)) {
            (Some(_), _) => &[],
            _ if matches!(self.trouble.objection, Some(Objection::Miscount { .. })) => &[],
            (None, Begins::Key) => &[1],
            (None, _) => &[0, 1],
        };
        let pairs: Vec<Pair<'_>> = entrances()
            .filter_map(|entrance| self.nameless_pair(counts, entrance, lost_keys))
            .collect();
        self.agree(counts, &pairs)
    }

    /// The record that was damaged if reading goes on at this entrance.
    fn pair<'c>(
        &self,
        counts: &Counts,
        sound: Entrance<'c>,
        at_trouble: Option<&Prefix<'a>>,
    ) -> Option<Pair<'c>> {
        let behind = sound.keys(counts.part)?;
        let in_front = counts
            .declared
            .keys
            .checked_sub(1)?
            .checked_sub(behind.keys)?;
        let false_keys = counts.counted.keys.checked_sub(in_front)?;
        let total = self.front.order.total();
        let damaged = total.keys.checked_sub(false_keys)?;
        let offset = sound.offset()?;
        let fits = |prefix: &Prefix<'a>, before: Count| {
            let expiring = before.expiring + u64::from(prefix.expiring) + behind.expiring;
            expiring == counts.declared.expiring && offset > prefix.value_offset
        };
        if !self.fits_database(sound, damaged + 1) {
            return None;
        }
        let is_damaged = match false_keys {
            0 => fits(at_trouble?, counts.counted),
            _ => {
                let mark = self.key(damaged)?;
                let prefix = self.front.prefix(self.ground, mark.offset)?;
                let before = counts.counted.minus(total.minus(mark.before));
                fits(&prefix, before) && !self.is_sturdy(mark.offset)
            }
        };
        is_damaged.then_some(Pair {
            damaged,
            sound,
            keys_behind: behind.keys,
        })
    }

    /// The same where the record in trouble was damaged and does not tell its name, and was so many keys.
    fn nameless_pair<'c>(
        &self,
        counts: &Counts,
        sound: Entrance<'c>,
        lost_keys: &[u64],
    ) -> Option<Pair<'c>> {
        let behind = sound.keys(counts.part)?;
        let found = counts.counted.plus(behind);
        let total = self.front.order.total().keys;
        let fits = |&lost: &u64| {
            found.keys + lost == counts.declared.keys
                && found.expiring <= counts.declared.expiring
                && found.expiring + lost >= counts.declared.expiring
                && self.fits_database(sound, total + lost)
        };
        let fits = sound.offset()? > self.front.at && lost_keys.iter().any(fits);
        fits.then_some(Pair {
            damaged: total,
            sound,
            keys_behind: behind.keys,
        })
    }

    /// Whether a database, of which one slot is looked at, has the right number of keys: so many up to the damaged one.
    fn fits_database(&self, sound: Entrance<'_>, keys_since_begin: u64) -> bool {
        let database = self.front.order.database();
        let declared = database.declared.filter(|_| database.whole);
        let Some(declared) = declared.filter(|&declared| self.front.order.is_exact(declared))
        else {
            return true;
        };
        let in_front = self.front.order.total().keys - database.counted.keys;
        let end = sound.run.database_end(sound.joins);
        end.and_then(|end| sound.keys_to(end))
            .is_some_and(|behind| {
                (keys_since_begin + behind.keys).checked_sub(in_front) == Some(declared.keys)
            })
    }

    /// Whether the value at an offset states its own length and is sound all through, so that no change of
    /// some bytes can have made it longer or shorter.
    fn is_sturdy(&self, at: u64) -> bool {
        if let Some(&known) = self.sturdy.borrow().get(&at) {
            return known;
        }
        let is_sturdy = self.looks_sturdy(at);
        self.sturdy.borrow_mut().insert(at, is_sturdy);
        is_sturdy
    }

    fn looks_sturdy(&self, at: u64) -> bool {
        let mut framer = self.front.framer.elsewhere(self.front.order.db());
        let mut reader = self.ground.reader(at);
        let Ok(Some(record)) = framer.next_record(&mut reader) else {
            return false;
        };
        match record.kind {
            RecordKind::Entry(entry) => {
                // All integers of an intset are alike: bytes that were put in or taken away do not show.
                let encoding = entry.value_type.encoding();
                let states_length = encoding.is_compact() && encoding != Encoding::Intset;
                states_length
                    && entry.measure(Detail::Elements).is_ok()
                    && blob(&entry).is_some_and(|blob| blob.bytes().is_ok())
            }
            _ => false,
        }
    }

    /// What all possibilities have in common.
    fn agree(&self, counts: &Counts, pairs: &[Pair<'_>]) -> Option<Cut> {
        if pairs.len() > PAIRS_MAX {
            return None;
        }
        let damaged = pairs.iter().map(|pair| pair.damaged).min()?;
        // Fewer keys may be sound than were looked at only if all were looked at.
        if damaged < self.tried_from_key {
            return None;
        }
        let from = self.offset_of(damaged)?;
        let (first, rest) = pairs.split_first()?;
        let behind = first.sound.marks().filter(|mark| mark.offset >= from);
        let agreed = behind
            .take(AGREED_RECORDS_MAX)
            .find(|mark| rest.iter().all(|pair| pair.sound.has(mark.offset)))?;
        let skipped = first
            .sound
            .marks()
            .take_while(|mark| mark.offset < agreed.offset);
        let skipped: Vec<u64> = skipped.map(|mark| mark.offset).collect();
        let is_key = |offset: &u64| self.front.prefix(self.ground, *offset).is_some();
        let keys_skipped = skipped.iter().filter(|offset| is_key(offset)).count() as u64;
        let kept_behind = first.keys_behind.saturating_sub(keys_skipped);
        let kept_in_front = counts.counted.keys - (self.front.order.total().keys - damaged);
        // What lies between the last record that may be the damaged one and the trouble is none in any case.
        let last = pairs.iter().map(|pair| pair.damaged).max()?;
        let mut keys = self.keys_between(damaged, last);
        keys.extend(pairs.iter().flat_map(|pair| {
            let marks = pair.sound.marks();
            marks
                .map(|mark| mark.offset)
                .take_while(|&offset| offset < agreed.offset)
        }));
        keys.retain(is_key);
        keys.sort_unstable();
        keys.dedup();
        Some(Cut {
            from,
            to: agreed.offset,
            trouble_at: self.front.at,
            missing: counts
                .declared
                .keys
                .checked_sub(kept_in_front + kept_behind),
            suspects: keys,
        })
    }

    /// Where keys begin, by their numbers, both included; behind the last is the record in trouble.
    fn keys_between(&self, first: u64, last: u64) -> Vec<u64> {
        let keys = self.front.keys.iter();
        let between = keys.filter(|mark| (first..=last).contains(&mark.before.keys));
        let mut offsets: Vec<u64> = between.map(|mark| mark.offset).collect();
        if last == self.front.order.total().keys {
            offsets.push(self.front.at);
        }
        offsets
    }
}

/// The one blob that a value of a compact encoding is.
fn blob<'a>(entry: &Entry<'a>) -> Option<Str<'a>> {
    let Value::Window(window) = entry.value else {
        return None;
    };
    let mut reader = Reader::new(window, entry.value_offset);
    reader.skip(entry.value_type.bytes_before_blob()).ok()?;
    reader.string(Need::Whole).ok()
}
