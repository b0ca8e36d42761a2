//! The places from which a run can be read.

use super::count::Count;
use super::front::Part;
use super::run::{Branch, Closing, Mark, Run};

/// A place to go on.
#[derive(Clone, Copy)]
pub(super) struct Entrance<'c> {
    pub(super) run: &'c Run,
    /// Set where the place does not lie in the run, but leads into it.
    pub(super) branch: Option<&'c Branch>,
    /// The first record of the run that is read.
    pub(super) joins: usize,
}

impl<'c> Entrance<'c> {
    /// All places from which a run can be entered, up to a record of it.
    pub(super) fn all(run: &'c Run, last: usize) -> impl Iterator<Item = Entrance<'c>> {
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
    pub(super) fn marks(self) -> impl Iterator<Item = &'c Mark> {
        let own = self.branch.map_or(&[][..], |branch| &branch.marks);
        own.iter().chain(self.run.marks.iter().skip(self.joins))
    }

    /// The same, each with the keys between here and there.
    pub(super) fn counted_marks(self) -> impl Iterator<Item = (&'c Mark, u64)> {
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

    pub(super) fn offset(self) -> Option<u64> {
        self.marks().next().map(|mark| mark.offset)
    }

    /// Whether a record begins at an offset.
    pub(super) fn has(self, offset: u64) -> bool {
        let own = self.branch.map_or(&[][..], |branch| &branch.marks);
        let joined = self.run.marks.get(self.joins..).unwrap_or_default();
        [own, joined].iter().any(|marks| {
            marks
                .binary_search_by_key(&offset, |mark| mark.offset)
                .is_ok()
        })
    }

    /// Keys up to a record of the run that ends a scope.
    pub(super) fn keys_to(self, closing: Closing) -> Option<Count> {
        let joined = closing.before.minus(self.run.marks.get(self.joins)?.before);
        Some(joined.plus(self.branch.map_or(Count::default(), |branch| branch.own)))
    }

    /// Keys up to where the run has so many.
    pub(super) fn keys_up_to(self, end: Count) -> Option<u64> {
        let joined = end
            .keys
            .checked_sub(self.run.marks.get(self.joins)?.before.keys)?;
        Some(joined + self.branch.map_or(0, |branch| branch.own.keys))
    }

    /// Keys up to the end of the scope of which this is the middle, if it can be.
    pub(super) fn keys(self, part: Part) -> Option<Count> {
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

/// The most keys that lie between an entrance of a run and its end.
pub(super) fn most_keys(run: &Run, end: Count) -> u64 {
    let entrances = Entrance::all(run, usize::MAX);
    let keys = entrances.filter_map(|entrance| entrance.keys_up_to(end));
    keys.max().unwrap_or(0)
}

/// Where the last keys of a run begin, so many of them; its end for none.
pub(super) fn end_without(run: &Run, keys: u64) -> Option<u64> {
    if keys == 0 {
        return Some(run.end);
    }
    let wanted = run.total.keys.checked_sub(keys)?;
    let mark = run.marks.iter().find(|mark| mark.before.keys == wanted);
    mark.map(|mark| mark.offset)
}

/// A place to go on behind an entrance.
pub(super) struct Entered {
    pub(super) offset: u64,
    /// Keys from there to the end.
    pub(super) keys: u64,
}

/// Where to go on when a run is entered so that it has the most keys, and so many of them are left out: not in
/// front of `from`.
pub(super) fn entered(run: &Run, end: Count, from: u64, left_out: u64) -> Option<Entered> {
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
