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

use super::ground::Ground;
use super::front::{Front, Part, Trouble};
use super::order::Count;
use super::probe::Prefix;
use super::search::{Closing, Fate, Mark, Run, SUBSTANTIAL_KEYS};
use crate::rdb::{Begins, RecordKind};
use crate::Detail;

/// Keys on each side of damage to more than one value that are not trusted: that many records do not decode
/// by accident.
pub(super) const MARGIN_KEYS: u64 = 8;
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

/// What is known of the keys around damage.
pub(super) struct Verdict {
    /// In the order of the file; all but the last end where another run goes on.
    pub(super) cuts: Vec<Cut>,
    /// All possibilities were compared, so that looking longer cannot change it.
    pub(super) certain: bool,
}

/// What the judge is shown.
pub(super) struct Case<'c, 'a> {
    pub(super) ground: &'c Ground<'a>,
    pub(super) front: &'c Front<'a>,
    pub(super) trouble: &'c Trouble,
    pub(super) runs: &'c [Run],
}

/// A possibility: this record was damaged, and this place is the next sound one.
struct Pair {
    /// Number of keys in front of the damaged record, since the front began.
    damaged: u64,
    /// The record of the run from which on it holds.
    sound: usize,
}

/// A place to go on, and the keys from there to the end of the scope.
struct Entrance {
    offset: u64,
    /// The first record that it has in common with its run.
    joins: usize,
    keys: Count,
}

impl<'a> Case<'_, 'a> {
    pub(super) fn judge(&self) -> Option<Verdict> {
        let prefix = self.front.prefix(self.ground, self.front.at);
        if let Some((part, scope)) = self.front.scope()
            && let Some(declared) = scope.declared
            && (self.front.order.exact() || declared.expiring == 0)
        {
            let counts = Counts {
                part,
                declared,
                counted: scope.counted,
            };
            for run in self.runs {
                if let Some(cut) = self.one_value(&counts, run, prefix.as_ref()) {
                    return Some(Verdict {
                        cuts: vec![cut],
                        certain: true,
                    });
                }
            }
            if let Some(cuts) = self.several_values(&counts) {
                return Some(Verdict { cuts, certain: false });
            }
        }
        let cut = self
            .by_slots()
            .or_else(|| self.with_margins())
            .or_else(|| self.broken_inside())
            .or_else(|| self.next_database())?;
        Some(Verdict {
            cuts: vec![cut],
            certain: false,
        })
    }

    /// The keys that are certain when one value was damaged between the front and the run.
    fn one_value(&self, counts: &Counts, run: &Run, prefix: Option<&Prefix<'a>>) -> Option<Cut> {
        let closing = counts.closing(run).filter(|_| run.fate != Fate::Nested)?;
        let entrances = self.entrances(counts, run, closing)?;
        let pairs: Vec<Pair> = entrances
            .iter()
            .filter_map(|entrance| self.pair(counts, entrance, prefix))
            .collect();
        if !pairs.is_empty() {
            return self.agree(counts, run, closing, &pairs);
        }
        // The damage may have hit the name of the record as well, or a record that is no key.
        let at = self.front.order.total().keys;
        let lost_keys: &[u64] = match (prefix, self.ground.begins(self.front.at) == Begins::Key) {
            (Some(_), _) => &[],
            (None, true) => &[1],
            (None, false) => &[0, 1],
        };
        let pairs: Vec<Pair> = entrances
            .iter()
            .filter(|entrance| {
                let found = counts.counted.plus(entrance.keys);
                lost_keys.iter().any(|&lost| {
                    found.keys + lost == counts.declared.keys
                        && found.expiring <= counts.declared.expiring
                        && found.expiring + lost >= counts.declared.expiring
                }) && entrance.offset > self.front.at
            })
            .map(|entrance| Pair {
                damaged: at,
                sound: entrance.joins,
            })
            .collect();
        if pairs.is_empty() {
            return None;
        }
        let cut = self.agree(counts, run, closing, &pairs)?;
        Some(Cut {
            touched: counts.reach(),
            ..cut
        })
    }

    /// All places from which the run can be entered within the scope.
    fn entrances(&self, counts: &Counts, run: &Run, closing: Closing) -> Option<Vec<Entrance>> {
        let to_end = |mark: &Mark| closing.before.minus(mark.before);
        let keys_in_front = closing.before.keys > 0;
        if let Part::Section { slot } = counts.part
            && keys_in_front
            && run.slot != Some(slot)
        {
            return None;
        }
        let mut entrances: Vec<Entrance> = run
            .marks
            .iter()
            .take(closing.index + 1)
            .enumerate()
            .map(|(joins, mark)| Entrance {
                offset: mark.offset,
                joins,
                keys: to_end(mark),
            })
            .collect();
        for branch in &run.branches {
            if let Some(mark) = run.marks.get(branch.joins).filter(|_| branch.joins <= closing.index) {
                entrances.push(Entrance {
                    offset: branch.start,
                    joins: branch.joins,
                    keys: branch.own.plus(to_end(mark)),
                });
            }
        }
        Some(entrances)
    }

    /// The record that was damaged if reading goes on at this entrance.
    fn pair(
        &self,
        counts: &Counts,
        entrance: &Entrance,
        at_trouble: Option<&Prefix<'a>>,
    ) -> Option<Pair> {
        let in_front = counts.declared.keys.checked_sub(1)?.checked_sub(entrance.keys.keys)?;
        let false_keys = counts.counted.keys.checked_sub(in_front)?;
        let total = self.front.order.total();
        let damaged = total.keys.checked_sub(false_keys)?;
        let fits = |prefix: &Prefix<'a>, before: Count| {
            let expiring = before.expiring + u64::from(prefix.expiring) + entrance.keys.expiring;
            expiring == counts.declared.expiring && entrance.offset > prefix.value_offset
        };
        if false_keys == 0 {
            let fits = fits(at_trouble?, counts.counted);
            return fits.then_some(Pair {
                damaged,
                sound: entrance.joins,
            });
        }
        let mark = self.key(damaged)?;
        let prefix = self.front.prefix(self.ground, mark.offset)?;
        let before = counts.counted.minus(total.minus(mark.before));
        let fits = fits(&prefix, before) && !self.is_sturdy(mark.offset);
        fits.then_some(Pair {
            damaged,
            sound: entrance.joins,
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
        let mut framer = self.front.framer.elsewhere(self.front.order.db());
        let mut reader = self.ground.reader(at);
        let Ok(Some(record)) = framer.next_record(&mut reader) else {
            return false;
        };
        match record.kind {
            RecordKind::Entry(entry) => {
                let states_length = entry.value_type.encoding().is_compact();
                states_length && entry.measure(Detail::Elements).is_ok()
            }
            _ => false,
        }
    }

    /// What all possibilities have in common.
    fn agree(&self, counts: &Counts, run: &Run, closing: Closing, pairs: &[Pair]) -> Option<Cut> {
        let damaged = pairs.iter().map(|pair| pair.damaged).min()?;
        let sound = pairs.iter().map(|pair| pair.sound).max()?;
        let mark = run.marks.get(sound)?;
        let from = self.offset_of(damaged)?;
        let kept_in_front = counts.counted.keys - (self.front.order.total().keys - damaged);
        let kept = kept_in_front + closing.before.keys.saturating_sub(mark.before.keys);
        let mut keys = self.keys_from(damaged);
        keys.push(self.front.at);
        let behind = run.marks.get(..sound)?.iter().map(|mark| mark.offset);
        keys.extend(behind);
        keys.retain(|&offset| self.front.prefix(self.ground, offset).is_some());
        Some(Cut {
            from,
            to: mark.offset,
            trouble_at: self.front.at,
            missing: Some(counts.declared.keys - kept),
            touched: Reach::Keys(keys),
        })
    }

    /// Where the key of a number begins, or the record that is in trouble behind the last.
    fn offset_of(&self, number: u64) -> Option<u64> {
        match number == self.front.order.total().keys {
            true => Some(self.front.at),
            false => self.key(number).map(|mark| mark.offset),
        }
    }

    fn keys_from(&self, number: u64) -> Vec<u64> {
        let keys = self.front.keys.iter();
        keys.filter(|mark| mark.before.keys >= number)
            .map(|mark| mark.offset)
            .collect()
    }

    /// Damage in several places of one scope: when the front and the runs behind it, each from its first
    /// place, make up for all keys but one for each gap, no other combination can.
    fn several_values(&self, counts: &Counts) -> Option<Vec<Cut>> {
        let closing_run = self.runs.iter().position(|run| counts.closing(run).is_some())?;
        let last = self.runs.get(closing_run)?;
        let closing = counts.closing(last)?;
        let mut between: Vec<&Run> = Vec::new();
        for run in self.runs.get(..closing_run)? {
            let follows = between.last().map_or(self.front.at, |run| run.end) <= run.start();
            if run.fate == Fate::Broken && follows && between.len() < TOGETHER_MAX {
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
        if surplus > MARGIN_KEYS || between.iter().any(|run| run.total.keys <= 2 * surplus) {
            return None;
        }
        let mut cuts = Vec::new();
        let mut from = self.offset_of(self.front.order.total().keys.checked_sub(surplus)?)?;
        let mut trouble_at = self.front.at;
        let mut missing = counts.declared.keys;
        let mut kept = counts.counted.keys.checked_sub(surplus)?;
        for run in between.iter().copied().chain([last]) {
            let entered = entered(run, surplus)?;
            cuts.push(Cut {
                from,
                to: entered.offset,
                trouble_at,
                missing: None,
                touched: counts.reach(),
            });
            let is_last = std::ptr::eq(run, last);
            let end = if is_last { closing.before } else { run.total };
            kept += end.keys.checked_sub(entered.before.keys)?;
            if !is_last {
                kept = kept.checked_sub(surplus)?;
                trouble_at = run.end;
                from = match surplus {
                    0 => run.end,
                    _ => {
                        let wanted = run.total.keys - surplus;
                        run.marks.iter().find(|mark| mark.before.keys == wanted)?.offset
                    }
                };
            }
        }
        missing = missing.checked_sub(kept)?;
        if let [first, rest @ ..] = cuts.as_mut_slice() {
            // How the missing keys are spread over the gaps is not known; without a surplus it is one for each.
            let each = (surplus == 0 && missing == gaps).then_some(1);
            first.missing = each;
            rest.iter_mut().for_each(|cut| cut.missing = each);
        }
        Some(cuts)
    }

    /// In a file with the totals of slots, a run whose keys lie in their slots' sections.
    fn by_slots(&self) -> Option<Cut> {
        if !self.front.order.has_sections() {
            return None;
        }
        let run = self.runs.iter().find(|run| run.is_substantial())?;
        let entered = entered(run, 0)?;
        let slot_in_front = self.front.order.section().map_or(0, |(slot, _)| slot);
        let slot_behind = run.slot.or_else(|| self.slot_behind(run))?;
        Some(Cut {
            from: self.front.at,
            to: entered.offset,
            trouble_at: self.front.at,
            missing: None,
            touched: Reach::Slots(slot_in_front, slot_behind),
        })
    }

    /// The slot whose totals end what a run begins in.
    fn slot_behind(&self, run: &Run) -> Option<u64> {
        let at = run.marks.get(run.section_end?.index)?.offset;
        let mut framer = self.front.framer.elsewhere(0);
        let record = framer.next_record(&mut self.ground.reader(at)).ok()??;
        Ground::slot_totals(&record).map(|info| info.slot)
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
            if run.database_end.is_some() {
                break;
            }
        }
        let closing = runs.last()?.database_end?;
        let end_of = |run: &Run| match run.database_end {
            Some(_) => closing.before,
            None => run.total,
        };
        let found: u64 = runs.iter().map(|run| most_keys(run, end_of(run))).sum();
        let surplus = (scope.counted.keys + found + runs.len() as u64).saturating_sub(declared.keys);
        let margin = MARGIN_KEYS + surplus;
        let first = total.checked_sub(margin.min(scope.counted.keys))?;
        let from = self.offset_of(first)?;
        let mut kept = scope.counted.keys - (total - first);
        let (mut room, mut end, mut entrance) = (scope.gap_bytes, from, None);
        let dropped = (total - first) + margin * (2 * runs.len() as u64 - 1);
        for &run in &runs {
            let entered = entered(run, margin)?;
            entrance.get_or_insert(entered.offset);
            room += entered.offset.checked_sub(end)?;
            let keys = end_of(run).keys.checked_sub(entered.before.keys)?;
            kept += match run.database_end {
                Some(_) => keys,
                None => keys.checked_sub(margin)?,
            };
            end = run.end;
        }
        let missing = declared.keys.checked_sub(kept)?;
        let unseen = missing.saturating_sub(dropped);
        let explained = runs.iter().all(|run| {
            run.database_end.is_some() || run.total.keys >= SUBSTANTIAL_KEYS + 2 * unseen
        });
        let plausible = missing > 0 && missing <= room / ENTRY_BYTES_MIN && explained;
        let alone = runs.len() == 1 && scope.whole;
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
            run.fate == Fate::Good
                && (run.marks.iter().any(|mark| mark.offset == to)
                    || run.branches.iter().any(|branch| branch.start == to))
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
        let closing = run.database_end.filter(|closing| closing.selects)?;
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
    let keys = front.keys.iter().rev().take(suspects.min(in_database));
    keys.last().map_or(front.at, |mark| mark.offset)
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
            Part::Section { .. } => run.section_end,
            Part::Database => run.database_end,
        }
    }

    fn reach(&self) -> Reach {
        match self.part {
            Part::Section { slot } => Reach::Slots(slot, slot),
            Part::Database => Reach::Any,
        }
    }
}

/// The most keys that lie between any entrance of a run and its end.
fn most_keys(run: &Run, end: Count) -> u64 {
    let branches = run.branches.iter().filter_map(|branch| {
        let mark = run.marks.get(branch.joins)?;
        Some(branch.own.keys + end.keys.saturating_sub(mark.before.keys))
    });
    branches.fold(end.keys, u64::max)
}

/// The first record of a run that is sound if any of its branches is that begins within its first record, and
/// behind it so many keys.
fn entered(run: &Run, keys: u64) -> Option<Mark> {
    let second = run.marks.get(1).map_or(run.end, |mark| mark.offset);
    let rivals = run.branches.iter().filter(|branch| branch.start < second);
    let common = rivals.map(|branch| branch.joins).max().unwrap_or(0);
    let common = *run.marks.get(common)?;
    let wanted = common.before.keys + keys;
    run.marks.iter().find(|mark| mark.before.keys >= wanted).copied()
}
