//! Which keys around damage are certain.
//!
//! What can be read on both sides of damage need not be what the server wrote there. A length that was made
//! smaller lets the rest of a value be read as records; a value may end in bytes that are records by
//! themselves, flush with what follows it. No reading of the bytes can tell, but the file's own counts can: a
//! database, and in a cluster each slot, states how many keys it has, and how many of them expire.
//!
//! The reasoning supposes that one value was damaged, and nothing else between two scopes that are counted. Then
//! the file consists of the records in front of the damaged one, the damaged one, and the records from some
//! place behind it on; and these are as many as the file says. All pairs of a record that may be the damaged
//! one and a place where reading may go on are looked at, and those with the right number of keys, and of
//! expiring keys, are kept: what happened is one of them. A key is certain when it is in all of them.
//!
//! Where no pair has the right number, more than one value was damaged. Then keys next to the damage are left
//! out, [`MARGIN_KEYS`] on each side, and what is further away is taken for certain if the missing keys may have
//! lain in the gap. Where the file does not count its keys, nothing behind damage is certain.

use std::cell::RefCell;
use std::collections::HashMap;

use super::front::{Front, Part, Trouble};
use super::ground::Ground;
use super::order::{Count, Objection};
use super::probe::Prefix;
use super::search::{Begun, Branch, Closing, Fate, Mark, Run, SUBSTANTIAL_KEYS};
use crate::Detail;
use crate::rdb::{Begins, Encoding, Entry, FrameCursor as _, Need, RecordKind, Str, Value, opcode};
use crate::reader::{Cursor as _, Reader};

/// Keys on each side of damage to more than one value that are not trusted: that many records do not decode
/// by accident.
pub(super) const MARGIN_KEYS: u64 = 8;
/// Keys of a run between two damaged places, at least: among the many short ones that are accidents some
/// always have the right number.
const RUN_KEYS_MIN: u64 = 8;
/// Possibilities that are compared, and records that are compared for each.
const PAIRS_MAX: usize = 1_024;
const AGREED_RECORDS_MAX: usize = 1 << 14;
/// Bytes of a gap that are searched for the selector of a database: in more, the same bytes come by chance.
const GAP_SEARCHED_BYTES: u64 = 16 << 10;
/// Databases without keys that may lie between two others; servers have 16 by default.
const DATABASES_SKIPPED_MAX: u64 = 16;
/// An entry takes a type, two lengths, and next to nothing else.
const ENTRY_BYTES_MIN: u64 = 3;
/// Damaged places in one database that are counted together, at most.
const TOGETHER_MAX: usize = 8;

/// Where reading stops and goes on.
#[derive(Debug, Clone)]
pub(super) struct Cut {
    /// The first record that is not certain.
    pub(super) from: u64,
    /// The next one that is.
    pub(super) to: u64,
    /// Where the record lies that could not be read.
    pub(super) trouble_at: u64,
    /// Keys that the gap took from the file, if that is known.
    pub(super) missing: Option<u64>,
    pub(super) touched: Reach,
}

/// Which keys a gap may have held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reach {
    /// Those that begin at these offsets, in the database in front of the gap.
    Keys(Vec<u64>),
    /// Keys of these slots.
    Slots(u64, u64),
    Any,
}

/// What is known of the keys around damage: gaps in the order of the file; all but the last end where another
/// run goes on.
pub(super) type Verdict = Vec<Cut>;

/// What the judge is shown.
pub(super) struct Case<'c, 'a> {
    pub(super) ground: &'c Ground<'a>,
    pub(super) front: &'c Front<'a>,
    pub(super) trouble: &'c Trouble,
    pub(super) runs: &'c [Run],
    /// The first key of the front behind which all places were tried.
    pub(super) tried_from_key: u64,
    /// No place was left out because it takes too long.
    pub(super) all_tried: bool,
    /// What [`Case::is_sturdy`] has found.
    pub(super) sturdy: RefCell<HashMap<u64, bool>>,
}

/// A possibility: this record was damaged, and this place is the next sound one.
struct Pair<'c> {
    /// Number of keys in front of the damaged record, since the front began.
    damaged: u64,
    sound: Entrance<'c>,
    /// Keys from there to the end of the scope.
    keys_behind: u64,
}

/// A place to go on.
#[derive(Clone, Copy)]
struct Entrance<'c> {
    run: &'c Run,
    /// Set where the place does not lie in the run, but leads into it.
    branch: Option<&'c Branch>,
    /// The first record of the run that is read.
    joins: usize,
}

impl<'c> Entrance<'c> {
    /// All places from which a run can be entered, up to a record of it.
    fn all(run: &'c Run, last: usize) -> impl Iterator<Item = Entrance<'c>> {
        let inside = (0..run.marks.len()).map(move |joins| Entrance {
            run,
            branch: None,
            joins,
        });
        let branches = run.branches.iter().map(move |branch| Entrance {
            run,
            branch: Some(branch),
            joins: branch.joins,
        });
        inside
            .chain(branches)
            .filter(move |entrance| entrance.joins <= last)
    }

    /// The records from here on, as far as they are remembered.
    fn marks(self) -> impl Iterator<Item = &'c Mark> {
        let own = self.branch.map_or(&[][..], |branch| &branch.marks);
        own.iter().chain(self.run.marks.iter().skip(self.joins))
    }

    /// The same, each with the keys between here and there.
    fn counted_marks(self) -> impl Iterator<Item = (&'c Mark, u64)> {
        let own = self.branch.map_or(&[][..], |branch| &branch.marks);
        let own_keys = self.branch.map_or(0, |branch| branch.own.keys);
        let joined = self.run.marks.get(self.joins..).unwrap_or_default();
        let first = joined.first().map_or(0, |mark| mark.before.keys);
        let own = own.iter().map(|mark| (mark, mark.before.keys));
        own.chain(
            joined
                .iter()
                .map(move |mark| (mark, own_keys + mark.before.keys - first)),
        )
    }

    fn offset(self) -> Option<u64> {
        self.marks().next().map(|mark| mark.offset)
    }

    /// Whether a record begins at an offset.
    fn has(self, offset: u64) -> bool {
        let own = self.branch.map_or(&[][..], |branch| &branch.marks);
        let joined = self.run.marks.get(self.joins..).unwrap_or_default();
        [own, joined].iter().any(|marks| {
            marks
                .binary_search_by_key(&offset, |mark| mark.offset)
                .is_ok()
        })
    }

    /// Keys up to a record of the run that ends a scope.
    fn keys_to(self, closing: Closing) -> Option<Count> {
        let joined = closing.before.minus(self.run.marks.get(self.joins)?.before);
        Some(joined.plus(self.branch.map_or(Count::default(), |branch| branch.own)))
    }

    /// Keys up to where the run has so many.
    fn keys_up_to(self, end: Count) -> Option<u64> {
        let joined = end
            .keys
            .checked_sub(self.run.marks.get(self.joins)?.before.keys)?;
        Some(joined + self.branch.map_or(0, |branch| branch.own.keys))
    }

    /// Keys up to the end of the scope of which this is the middle, if it can be.
    fn keys(self, part: Part) -> Option<Count> {
        match part {
            Part::Database => self.keys_to(self.run.database_end(self.joins)?),
            Part::Section { slot } => {
                let keys = self.keys_to(self.run.section_end(self.joins)?)?;
                let theirs = self
                    .branch
                    .and_then(|branch| branch.slot)
                    .or_else(|| self.run.slot(self.joins));
                (keys.keys == 0 || theirs == Some(slot)).then_some(keys)
            }
        }
    }
}

impl<'a> Case<'_, 'a> {
    pub(super) fn judge(&self) -> Option<Verdict> {
        if !self.front.order.may_miss_templates() {
            return self.gaps();
        }
        // What shows behind a template may be what is left of it.
        if self.front.order.total().keys == 0 && self.front.framer.has_templates() {
            return None;
        }
        let hides_none = |cuts: &Verdict| !cuts.iter().any(|cut| self.hides_reference(cut));
        let in_front_of_keys = self.in_front_of_keys().map(|cut| vec![cut]);
        in_front_of_keys.or_else(|| self.gaps().filter(hides_none))
    }

    fn gaps(&self) -> Option<Verdict> {
        if let Some(counts) = self.counts().filter(|_| self.all_tried) {
            let cut = self.one_value(&counts);
            if let Some(cut) = cut.filter(|cut| !self.hides_selector(cut)) {
                return Some(vec![cut]);
            }
            if let Some(cuts) = self.several_values(&counts) {
                return Some(cuts);
            }
        }
        if let Some(Objection::Miscount { .. }) = self.trouble.objection {
            return None;
        }
        let stays = |cut: &Cut| !self.hides_selector(cut);
        let by_slots = || self.by_slots().filter(stays);
        let with_margins = || self.with_margins().filter(stays);
        let cut = by_slots()
            .or_else(with_margins)
            .or_else(|| self.broken_inside())
            .or_else(|| self.next_database())?;
        Some(vec![cut])
    }

    /// Whether a hash that refers to a template seems to begin in a gap. If the template is lost, nobody can tell where the
    /// hash ends, and its id and its values can be records: a 0, a name and a string.
    fn hides_reference(&self, cut: &Cut) -> bool {
        (cut.from..cut.to).any(|at| self.ground.begins_template_reference(at))
    }

    /// Damage in front of all keys, where reading goes on there as well, to the end and with the right counts: then no
    /// template is lost that a key refers to.
    fn in_front_of_keys(&self) -> Option<Cut> {
        let run = self.runs.iter().find(|run| run.fate == Fate::Good)?;
        let behind = |mark: &Mark| mark.offset > self.front.at;
        let is_key = |mark: &Mark| self.ground.begins(mark.offset) == Begins::Key;
        let joins = run.marks.iter().position(behind)?;
        let first = run.marks.get(joins).filter(|mark| !is_key(mark))?;
        let entrance = Entrance {
            run,
            branch: None,
            joins,
        };
        let is_counted = match self.counts() {
            Some(counts) => {
                counts.counted.keys == 0 && entrance.keys(counts.part) == Some(counts.declared)
            }
            None => self
                .next_database()
                .is_some_and(|next| next.to >= first.offset),
        };
        (is_counted && self.front.order.total().keys == 0).then_some(Cut {
            from: self.front.at,
            to: first.offset,
            trouble_at: self.front.at,
            missing: None,
            touched: Reach::Any,
        })
    }

    /// The counts of the scope in which the trouble lies.
    fn counts(&self) -> Option<Counts> {
        let (part, scope) = self.front.scope()?;
        let declared = scope.declared?;
        self.front.order.is_exact(declared).then_some(Counts {
            part,
            declared,
            counted: scope.counted,
        })
    }

    /// The keys that are certain when one value was damaged.
    fn one_value(&self, counts: &Counts) -> Option<Cut> {
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
            return (surplus <= tried || tried_all).then(|| self.agree(counts, &pairs, None))?;
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
        self.agree(counts, &pairs, Some(counts.reach()))
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

    /// A key of the front by its number.
    fn key(&self, number: u64) -> Option<Mark> {
        let keys = &self.front.keys;
        let first = keys.front()?.before.keys;
        let at = usize::try_from(number.checked_sub(first)?).ok()?;
        keys.get(at).copied()
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
    fn agree(&self, counts: &Counts, pairs: &[Pair<'_>], touched: Option<Reach>) -> Option<Cut> {
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
            touched: touched.unwrap_or(Reach::Keys(keys)),
        })
    }

    /// Whether a short gap seems to hold the selector of a later database, in a file that has several: then what
    /// follows may belong to that.
    fn hides_selector(&self, cut: &Cut) -> bool {
        let (db, len) = (self.front.order.db(), cut.to - cut.from);
        let goes_on = self.runs.iter().any(|run| {
            let end = run.database_end(0);
            end.is_some_and(|end| end.begins == Begun::Database)
        });
        if len > GAP_SEARCHED_BYTES || !(db > 0 || goes_on) {
            return false;
        }
        let end = usize::try_from(len).unwrap_or(0);
        let gap = self.ground.reader(cut.from).rest();
        let gap = gap.get(..end).unwrap_or_default();
        gap.windows(3).any(|bytes| match bytes {
            [opcode::SELECTDB, next, opcode::RESIZEDB] => {
                (db + 1..=db + DATABASES_SKIPPED_MAX).contains(&u64::from(*next))
            }
            _ => false,
        })
    }

    /// Where the key of a number begins, or the record that is in trouble behind the last.
    fn offset_of(&self, number: u64) -> Option<u64> {
        match number == self.front.order.total().keys {
            true => Some(self.front.at),
            false => self.key(number).map(|mark| mark.offset),
        }
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

    /// Damage in several places of one scope: when the front and the runs behind it, each from its first
    /// place, make up for all keys but one for each gap, no other combination can.
    fn several_values(&self, counts: &Counts) -> Option<Vec<Cut>> {
        let closing_run = self
            .runs
            .iter()
            .position(|run| counts.closing(run).is_some())?;
        let last = self.runs.get(closing_run)?;
        let closing = counts.closing(last)?;
        let mut between: Vec<&Run> = Vec::new();
        for run in self.runs.get(..closing_run)? {
            let follows = between.last().map_or(self.front.at, |run| run.end) <= run.start();
            let is_run = run.fate == Fate::Broken && run.total.keys >= RUN_KEYS_MIN;
            if is_run && follows && between.len() < TOGETHER_MAX {
                between.push(run);
            }
        }
        let alone = between.iter().map(|&run| vec![run]);
        let sets = std::iter::once(between.clone()).chain(alone);
        sets.filter(|set| !set.is_empty())
            .find_map(|set| self.exactly(counts, &set, last, closing))
    }

    fn exactly(
        &self,
        counts: &Counts,
        between: &[&Run],
        last: &Run,
        closing: Closing,
    ) -> Option<Vec<Cut>> {
        let gaps = between.len() as u64 + 1;
        let wanted = counts.declared.keys.checked_sub(gaps)?;
        let mut found = counts.counted.keys + most_keys(last, closing.before);
        for run in between {
            found += most_keys(run, run.total);
        }
        let surplus = found.checked_sub(wanted)?;
        if surplus > MARGIN_KEYS
            || between
                .iter()
                .any(|run| run.total.keys < RUN_KEYS_MIN + 2 * surplus)
        {
            return None;
        }
        let mut cuts = Vec::new();
        let mut from = self.offset_of(self.front.order.total().keys.checked_sub(surplus)?)?;
        let mut trouble_at = self.front.at;
        let mut kept = counts.counted.keys.checked_sub(surplus)?;
        for run in between.iter().copied().chain([last]) {
            let is_last = std::ptr::eq(run, last);
            let end = if is_last { closing.before } else { run.total };
            let entered = entered(run, end, from, surplus)?;
            cuts.push(Cut {
                from,
                to: entered.offset,
                trouble_at,
                missing: None,
                touched: counts.reach(),
            });
            kept += entered.keys;
            if !is_last {
                kept = kept.checked_sub(surplus)?;
                trouble_at = run.end;
                from = end_without(run, surplus)?;
            }
        }
        let missing = counts.declared.keys.checked_sub(kept)?;
        // How the missing keys are spread over the gaps is not known, unless it is one for each.
        let each = (surplus == 0 && missing == gaps).then_some(1);
        cuts.iter_mut().for_each(|cut| cut.missing = each);
        Some(cuts)
    }

    /// In a file with the totals of slots, a run whose keys lie in their slots' sections.
    fn by_slots(&self) -> Option<Cut> {
        if !self.front.order.has_sections() {
            return None;
        }
        let run = self.runs.iter().find(|run| run.is_substantial())?;
        let end = run.database_end(0).map_or(run.total, |end| end.before);
        let entered = entered(run, end, self.front.at, 0)?;
        let slot_in_front = self.front.order.section().map_or(0, |(slot, _)| slot);
        let slot_behind = run.slot(0).or(match run.section_end(0)?.begins {
            Begun::Section { slot } => Some(slot),
            _ => None,
        })?;
        let cut = Cut {
            from: self.front.at,
            to: entered.offset,
            trouble_at: self.front.at,
            missing: None,
            touched: Reach::Slots(slot_in_front, slot_behind),
        };
        let database = self.front.order.database();
        let Some(declared) = database.declared else {
            return Some(cut);
        };
        // The keys that are missing must find room in the gap, or the gap has hidden the end of the database.
        let missing = declared
            .keys
            .checked_sub(database.counted.keys + entered.keys);
        let room = (cut.to - cut.from + database.gap_bytes) / ENTRY_BYTES_MIN;
        match run.database_end(0) {
            Some(_) => missing
                .is_some_and(|missing| missing <= room)
                .then_some(cut),
            None => missing.is_some().then_some(cut),
        }
    }

    /// Damage of unknown extent in a database that is counted: the runs that follow one another there are
    /// its keys if those that are missing find room in the gaps.
    fn with_margins(&self) -> Option<Cut> {
        let scope = self.front.order.database();
        let declared = scope.declared?;
        let total = self.front.order.total().keys;
        let mut runs: Vec<&Run> = Vec::new();
        for run in self.runs.iter().filter(|run| run.is_substantial()) {
            if runs.last().is_none_or(|last| last.end <= run.start()) {
                runs.push(run);
            }
            if run.database_end(0).is_some() {
                break;
            }
        }
        let closing = runs.last()?.database_end(0)?;
        let end_of = |run: &Run| match run.database_end(0) {
            Some(_) => closing.before,
            None => run.total,
        };
        let found: u64 = runs.iter().map(|run| most_keys(run, end_of(run))).sum();
        let surplus =
            (scope.counted.keys + found + runs.len() as u64).saturating_sub(declared.keys);
        let margin = MARGIN_KEYS + surplus;
        let first = total.checked_sub(margin.min(scope.counted.keys))?;
        let from = self.offset_of(first)?;
        let mut kept = scope.counted.keys - (total - first);
        let (mut room, mut end, mut entrance) = (scope.gap_bytes, from, None);
        let dropped = (total - first) + margin * (2 * runs.len() as u64 - 1);
        for &run in &runs {
            let entered = entered(run, end_of(run), end, margin)?;
            entrance.get_or_insert(entered.offset);
            room += entered.offset.checked_sub(end)?;
            kept += match run.database_end(0) {
                Some(_) => entered.keys,
                None => entered.keys.checked_sub(margin)?,
            };
            end = run.end;
        }
        let missing = declared.keys.checked_sub(kept)?;
        let unseen = missing.saturating_sub(dropped);
        let explained = runs.iter().all(|run| {
            run.database_end(0).is_some() || run.total.keys >= SUBSTANTIAL_KEYS + 2 * unseen
        });
        let plausible = missing > 0 && missing <= room / ENTRY_BYTES_MIN && explained;
        let alone = runs.len() == 1 && scope.whole && self.front.order.is_exact(declared);
        plausible.then_some(Cut {
            from,
            to: entrance?,
            trouble_at: self.front.at,
            missing: alone.then_some(missing),
            touched: Reach::Any,
        })
    }

    /// A value that is broken inside and can be framed, in a file that does not count its keys.
    fn broken_inside(&self) -> Option<Cut> {
        let to = self.trouble.framed_end?;
        let is_sound = self.runs.iter().any(|run| {
            let mut entrances = Entrance::all(run, usize::MAX);
            run.fate == Fate::Good && entrances.any(|entrance| entrance.offset() == Some(to))
        });
        is_sound.then(|| Cut {
            from: self.front.at,
            to,
            trouble_at: self.front.at,
            missing: Some(1),
            touched: Reach::Keys(vec![self.front.at]),
        })
    }

    /// The next database that counts its keys.
    fn next_database(&self) -> Option<Cut> {
        let run = self.runs.iter().find(|run| run.is_substantial())?;
        let closing = run
            .database_end(0)
            .filter(|closing| closing.begins == Begun::Database)?;
        let to = run.marks.get(closing.index)?.offset;
        let sizes = run.marks.get(closing.index + 1)?.offset;
        let mut framer = self.front.framer.elsewhere(0);
        let record = framer.next_record(&mut self.ground.reader(sizes)).ok()??;
        let RecordKind::ResizeDb { .. } = record.kind else {
            return None;
        };
        Some(Cut {
            from: suspects_begin(self.front),
            to,
            trouble_at: self.front.at,
            missing: None,
            touched: Reach::Any,
        })
    }
}

/// Where the keys in front of damage begin that may be bytes of a damaged value.
pub(super) fn suspects_begin(front: &Front<'_>) -> u64 {
    let suspects = usize::try_from(MARGIN_KEYS).unwrap_or(usize::MAX);
    let in_database = usize::try_from(front.order.database().counted.keys).unwrap_or(usize::MAX);
    let mut keys = front.keys.iter().rev().take(suspects.min(in_database));
    keys.next_back().map_or(front.at, |mark| mark.offset)
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

/// What the file declares of the scope in which the trouble lies.
struct Counts {
    part: Part,
    declared: Count,
    /// Keys in front of the trouble.
    counted: Count,
}

impl Counts {
    /// The record of a run that ends the scope.
    fn closing(&self, run: &Run) -> Option<Closing> {
        match self.part {
            Part::Section { .. } => run.section_end(0),
            Part::Database => run.database_end(0),
        }
    }

    fn reach(&self) -> Reach {
        match self.part {
            Part::Section { slot } => Reach::Slots(slot, slot),
            Part::Database => Reach::Any,
        }
    }
}

/// The most keys that lie between an entrance of a run and its end.
fn most_keys(run: &Run, end: Count) -> u64 {
    let entrances = Entrance::all(run, usize::MAX);
    let keys = entrances.filter_map(|entrance| entrance.keys_up_to(end));
    keys.max().unwrap_or(0)
}

/// Where the last keys of a run begin, so many of them; its end for none.
fn end_without(run: &Run, keys: u64) -> Option<u64> {
    if keys == 0 {
        return Some(run.end);
    }
    let wanted = run.total.keys.checked_sub(keys)?;
    let mark = run.marks.iter().find(|mark| mark.before.keys == wanted);
    mark.map(|mark| mark.offset)
}

/// A place to go on behind an entrance.
struct Entered {
    offset: u64,
    /// Keys from there to the end.
    keys: u64,
}

/// Where to go on when a run is entered so that it has the most keys, and so many of them are left out: not in
/// front of `from`.
fn entered(run: &Run, end: Count, from: u64, left_out: u64) -> Option<Entered> {
    let places = || Entrance::all(run, usize::MAX).filter(|each| each.offset() >= Some(from));
    let most = places().filter_map(|each| each.keys_up_to(end)).max()?;
    let mut best = places().filter(|each| each.keys_up_to(end) == Some(most));
    let first = best.next()?;
    let rest: Vec<Entrance<'_>> = best.collect();
    let common = |offset: u64| rest.iter().all(|other| other.has(offset));
    let mut common_keys = None;
    for (mark, keys_before) in first.counted_marks() {
        if common_keys.is_none() && common(mark.offset) {
            common_keys = Some(keys_before);
        }
        if common_keys.is_some_and(|in_front| keys_before >= in_front + left_out) {
            return Some(Entered {
                offset: mark.offset,
                keys: most.checked_sub(keys_before)?,
            });
        }
    }
    None
}
