//! Several damaged values, or damage of unknown extent.

use super::entrance::{end_without, entered, most_keys};
use super::judge::{Case, Counts, Cut, MARGIN_KEYS};
use super::run::{Begun, Closing, Fate, Run, SUBSTANTIAL_KEYS};

/// Keys of a run between two damaged places, at least: among the many short ones that are accidents some
/// always have the right number.
const RUN_KEYS_MIN: u64 = 8;
/// An entry takes a type, two lengths, and next to nothing else.
const ENTRY_BYTES_MIN: u64 = 3;
/// Damaged places in one database that are counted together, at most.
const TOGETHER_MAX: usize = 8;

impl Case<'_, '_> {
    /// Damage in several places of one scope: when the front and the runs behind it, each from its first
    /// place, make up for all keys but one for each gap, no other combination can.
    pub(super) fn several_values(&self, counts: &Counts) -> Option<Vec<Cut>> {
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
                suspects: Vec::new(),
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

    /// In a file with the totals of slots, the first totals of a run whose keys lie in their slots' sections.
    pub(super) fn by_slots(&self) -> Option<Cut> {
        if !self.front.order.has_sections() {
            return None;
        }
        let run = self.runs.iter().find(|run| run.is_substantial())?;
        // What stands in front of the first totals has no count that would tell real keys from false ones.
        let (closing, to) = run.closings.iter().find_map(|closing| {
            let to = run.marks.get(closing.index)?.offset;
            (to > self.front.at).then_some((closing, to))
        })?;
        let Begun::Section { .. } = closing.begins else {
            return None;
        };
        let end = run.database_end(0).map_or(run.total, |end| end.before);
        let keys_behind = end.keys.checked_sub(closing.before.keys)?;
        let cut = Cut {
            from: self.front.at,
            to,
            trouble_at: self.front.at,
            missing: None,
            suspects: Vec::new(),
        };
        let database = self.front.order.database();
        let Some(declared) = database.declared else {
            return Some(cut);
        };
        // The keys that are missing must find room in the gap, or the gap has hidden the end of the database.
        let missing = declared
            .keys
            .checked_sub(database.counted.keys + keys_behind);
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
    pub(super) fn with_margins(&self) -> Option<Cut> {
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
            suspects: Vec::new(),
        })
    }
}
