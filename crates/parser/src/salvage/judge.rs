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

use super::count::Count;
use super::entrance::Entrance;
use super::front::{Front, Part, Trouble};
use super::ground::Ground;
use super::objection::Objection;
use super::run::{Begun, Closing, Fate, Mark, Run};
use crate::rdb::RecordKind;

/// Keys on each side of damage to more than one value that are not trusted: that many records do not decode
/// by accident.
pub(super) const MARGIN_KEYS: u64 = 8;

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
    /// Where keys begin that may be missing, in the database in front of the gap.
    pub(super) suspects: Vec<u64>,
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

    /// The counts of the scope in which the trouble lies.
    pub(super) fn counts(&self) -> Option<Counts> {
        let (part, scope) = self.front.scope()?;
        let declared = scope.declared?;
        self.front.order.is_exact(declared).then_some(Counts {
            part,
            declared,
            counted: scope.counted,
        })
    }

    /// A key of the front by its number.
    pub(super) fn key(&self, number: u64) -> Option<Mark> {
        let keys = &self.front.keys;
        let first = keys.front()?.before.keys;
        let at = usize::try_from(number.checked_sub(first)?).ok()?;
        keys.get(at).copied()
    }

    /// Where the key of a number begins, or the record that is in trouble behind the last.
    pub(super) fn offset_of(&self, number: u64) -> Option<u64> {
        match number == self.front.order.total().keys {
            true => Some(self.front.at),
            false => self.key(number).map(|mark| mark.offset),
        }
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
            suspects: vec![self.front.at],
        })
    }

    /// The next database that counts its keys.
    pub(super) fn next_database(&self) -> Option<Cut> {
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
            suspects: Vec::new(),
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

/// What the file declares of the scope in which the trouble lies.
pub(super) struct Counts {
    pub(super) part: Part,
    pub(super) declared: Count,
    /// Keys in front of the trouble.
    pub(super) counted: Count,
}

impl Counts {
    /// The record of a run that ends the scope.
    pub(super) fn closing(&self, run: &Run) -> Option<Closing> {
        match self.part {
            Part::Section { .. } => run.section_end(0),
            Part::Database => run.database_end(0),
        }
    }
}
