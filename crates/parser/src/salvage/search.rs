//! Where reading can go on behind damage.
//!
//! Every offset is tried as the beginning of a record, and followed from record to record. Most tries fail at
//! once. Runs that begin at different places soon meet, because records tell where the next one begins; of
//! runs that meet only the first is kept as a [`Run`], the others are its [`Branch`]es.
//!
//! # Time
//! A place that was followed to a dead end is remembered, so that it is not followed again. A try that takes
//! long, because it seems to begin with a large collection, is put off: when the places around it lead nowhere it
//! is taken up again. All that a survey reads, in tries or otherwise, may take [`STEPS_PER_BYTE`] steps for each
//! byte of the file. What has not been found when they are spent stays unknown.

use super::ground::Ground;
use super::objection::Objection;
use super::order::{Item, Order};
use super::probe::{Work, step};
use super::run::{Begun, Branch, Closing, Fate, Mark, Run};
use super::seen::Seen;
use super::steps_max;
use crate::rdb::{Begins, Framer};

/// Steps that a survey may take for each byte of the file.
pub(super) const STEPS_PER_BYTE: u64 = 32;
/// Steps that a survey may take at least.
pub(super) const STEPS_MIN: u64 = 1 << 20;
/// Steps for the first record of a try; later records may take more, the more there are in front of them.
const TRY_STEPS: u64 = 1 << 12;
/// The same where those lead nowhere: a file may be full of what looks like the beginnings of collections.
const HASTY_TRY_STEPS: u64 = 12;
/// The same for tries that were put off, one after the other.
const PATIENT_TRY_STEPS: [u64; 3] = [1 << 18, 1 << 24, 1 << 40];
/// Tries that are put off at most.
const PUT_OFF_MAX: usize = 1 << 20;
/// Bytes after which tries that were put off are taken up again.
const SWEPT_AT_ONCE_BYTES: u64 = 1 << 20;
/// Records of a run whose places are remembered.
const MARKS_MAX: usize = 1 << 16;
/// Runs that are kept.
const RUNS_MAX: usize = 24;

/// The tries of a survey.
pub(super) struct Search {
    seen: Seen,
    pub(super) work: Work,
}

/// What a sweep found.
#[derive(Default)]
pub(super) struct Sweep {
    pub(super) runs: Vec<Run>,
    /// Where the sweep has come to.
    reached: u64,
    /// A run that ends here or in front is none that goes on.
    beyond: u64,
    /// Places that take long to try.
    put_off: Vec<u64>,
    /// Some places were not tried to the end, and will not be.
    pub(super) left_out: bool,
}

/// Where and how places are tried.
pub(super) struct Hunt<'h, 'a> {
    pub(super) ground: &'h Ground<'a>,
    pub(super) framer: &'h Framer,
    pub(super) order: &'h Order<'a>,
    /// The first place to be tried.
    pub(super) from: u64,
    /// A run must lead further than this.
    pub(super) beyond: u64,
}

impl Search {
    pub(super) fn new(ground: &Ground<'_>) -> Search {
        Search {
            seen: Seen::new(ground.len()),
            work: Work {
                left: steps_max(ground.len()),
            },
        }
    }

    /// Tries all places from the first on until a run is found that is worth reading; those of `dead` are known to
    /// lead nowhere.
    pub(super) fn sweep(&mut self, hunt: &Hunt<'_, '_>, dead: impl Iterator<Item = u64>) -> Sweep {
        self.seen.restart(hunt.from);
        dead.for_each(|offset| self.seen.insert(offset));
        let mut sweep = Sweep {
            reached: hunt.from,
            beyond: hunt.beyond,
            ..Sweep::default()
        };
        let end = hunt.ground.len();
        let share = self.work.left / 2;
        let found = self.within(share, |search| {
            while sweep.reached < end && !search.work.is_spent() {
                let until = sweep.reached.saturating_add(SWEPT_AT_ONCE_BYTES).min(end);
                if search.try_until(hunt, &mut sweep, until, TRY_STEPS)
                    || search.take_up(hunt, &mut sweep, true)
                {
                    return true;
                }
            }
            false
        });
        if !found && sweep.reached < end {
            sweep.left_out = true;
            let share = self.work.left / 2;
            self.within(share, |search| {
                search.try_until(hunt, &mut sweep, end, HASTY_TRY_STEPS)
            });
        }
        sweep
    }

    /// Goes on until `until` for branches of the runs that were found, and takes up what was put off.
    pub(super) fn complete(&mut self, hunt: &Hunt<'_, '_>, sweep: &mut Sweep, until: u64) {
        let share = self.work.left / 2;
        self.within(share, |search| {
            let end = until.min(hunt.ground.len());
            while sweep.reached < end && !search.work.is_spent() {
                search.try_until(hunt, sweep, end, TRY_STEPS);
            }
            search.take_up(hunt, sweep, false);
            sweep.left_out |= sweep.reached < end || !sweep.put_off.is_empty();
        });
    }

    /// Does something that may take so many steps.
    fn within<R>(&mut self, steps: u64, act: impl FnOnce(&mut Search) -> R) -> R {
        let reserved = self.work.left.saturating_sub(steps);
        self.work.left -= reserved;
        let result = act(self);
        self.work.left += reserved;
        result
    }

    /// Tries places until `until`; true as soon as one begins a run that is worth reading.
    fn try_until(
        &mut self,
        hunt: &Hunt<'_, '_>,
        sweep: &mut Sweep,
        until: u64,
        limit: u64,
    ) -> bool {
        while sweep.reached < until && !self.work.is_spent() {
            let at = sweep.reached;
            sweep.reached += 1;
            self.work.left -= 1;
            self.seen.advance(at);
            if self.try_at(hunt, sweep, at, limit) {
                return true;
            }
        }
        false
    }

    /// Tries again what was put off, with more patience; true when something was found that is worth reading, and
    /// that is enough.
    fn take_up(&mut self, hunt: &Hunt<'_, '_>, sweep: &mut Sweep, is_enough: bool) -> bool {
        for limit in PATIENT_TRY_STEPS {
            let mut places = std::mem::take(&mut sweep.put_off).into_iter();
            while let Some(at) = places.next() {
                if self.work.is_spent() {
                    sweep.put_off.push(at);
                    sweep.put_off.extend(places);
                    return false;
                }
                if self.try_at(hunt, sweep, at, limit) && is_enough {
                    sweep.put_off.extend(places);
                    return true;
                }
            }
        }
        false
    }

    /// Tries a place; true when it begins a run that is worth reading.
    fn try_at(&mut self, hunt: &Hunt<'_, '_>, sweep: &mut Sweep, at: u64, limit: u64) -> bool {
        let ground = hunt.ground;
        let may_begin = ground.begins(at) != Begins::Nothing;
        if !may_begin || self.seen.contains(at) || find(&sweep.runs, at).is_some() {
            return false;
        }
        let mut chain = Chain {
            framer: hunt.framer.clone(),
            order: hunt.order.clone(),
            at,
            limit,
            run: Run::at(at),
            records: 0,
        };
        match chain.follow(ground, self, &sweep.runs) {
            Outcome::Joins { run, joins } => {
                let branch = Branch {
                    slot: chain.order.section().map(|(slot, _)| slot),
                    own: chain.run.total,
                    marks: chain.run.marks,
                    joins,
                };
                if let Some(run) = sweep.runs.get_mut(run) {
                    run.branches.push(branch);
                }
                false
            }
            Outcome::Ends { settled } => {
                let mut run = chain.run;
                run.settled = settled;
                run.habit = chain.order.habit();
                if settled && run.fate != Fate::Good {
                    let places = run.marks.iter();
                    places.for_each(|mark| self.seen.insert(mark.offset));
                }
                let leads_on = run.end > sweep.beyond;
                let found = leads_on && run.is_substantial();
                if leads_on && (run.total.keys > 0 || found) {
                    keep(&mut sweep.runs, run);
                }
                found
            }
            Outcome::PutOff if sweep.put_off.len() < PUT_OFF_MAX => {
                sweep.put_off.push(at);
                false
            }
            Outcome::PutOff => {
                sweep.left_out = true;
                false
            }
        }
    }
}

/// Adds a run, and drops the one with the fewest keys if there are too many.
fn keep(runs: &mut Vec<Run>, run: Run) {
    runs.push(run);
    if runs.len() > RUNS_MAX {
        let least = runs
            .iter()
            .enumerate()
            .filter(|(_, run)| !run.is_substantial())
            .min_by_key(|(at, run)| (run.total.keys, *at));
        if let Some((at, _)) = least {
            runs.remove(at);
        }
    }
}

/// A try.
struct Chain<'a> {
    framer: Framer,
    order: Order<'a>,
    at: u64,
    limit: u64,
    run: Run,
    records: usize,
}

enum Outcome {
    Joins {
        run: usize,
        joins: usize,
    },
    /// At [`Run::end`]; `settled` when every run that meets this one ends there too.
    Ends {
        settled: bool,
    },
    /// It takes too long.
    PutOff,
}

impl<'a> Chain<'a> {
    fn follow(&mut self, ground: &Ground<'a>, search: &mut Search, runs: &[Run]) -> Outcome {
        loop {
            if self.records > 0 && self.run.closings.is_empty() {
                if let Some((run, joins)) = find(runs, self.at) {
                    return self.join(runs, run, joins);
                }
                if search.seen.contains(self.at) {
                    self.run.end = self.at;
                    return Outcome::Ends { settled: true };
                }
            }
            let allowed = self.allowance().min(search.work.left);
            let mut work = Work { left: allowed };
            let step = step(ground, &mut self.framer, self.at, &mut work);
            search.work.left -= allowed - work.left;
            let step = match step {
                Ok(Some(step)) => step,
                Ok(None) => return Outcome::Ends { settled: false },
                Err(_) if work.is_spent() => return Outcome::PutOff,
                Err(_) => {
                    self.run.end = self.at;
                    return Outcome::Ends { settled: true };
                }
            };
            let section = self.order.section();
            let item = match self.order.admit(ground, &step.record, step.facts.as_ref()) {
                Ok(item) => item,
                Err(objection) => {
                    self.run.end = self.at;
                    if objection == Objection::EarlyEnd {
                        self.run.fate = Fate::Nested;
                    }
                    return Outcome::Ends {
                        settled: objection.is_absolute(),
                    };
                }
            };
            self.take(item, section.map(|(slot, _)| slot));
            if let Some((_, scope)) = section
                && scope.whole
                && !matches!(item, Item::Key | Item::Note)
            {
                self.run.proven_keys += scope.counted.keys;
            }
            self.at = step.record.range.end;
            self.records += 1;
            if item == Item::End {
                self.run.end = self.at;
                self.run.fate = Fate::Good;
                return Outcome::Ends { settled: true };
            }
        }
    }

    /// Steps for the next record: the longer a run, the larger the record that is believed to belong to it.
    fn allowance(&self) -> u64 {
        let doublings = u32::try_from(self.records.saturating_mul(2)).unwrap_or(u32::MAX);
        self.limit
            .checked_shl(doublings.min(u64::BITS - self.limit.ilog2() - 1))
            .unwrap_or(u64::MAX)
    }

    fn take(&mut self, item: Item, slot: Option<u64>) {
        let begins = match item {
            Item::Key | Item::Note => None,
            Item::Section { slot } => Some(Begun::Section { slot }),
            Item::Database => Some(Begun::Database),
            Item::Rest | Item::End => Some(Begun::Rest),
        };
        if self.run.marks.len() < MARKS_MAX {
            self.run.marks.push(Mark {
                offset: self.at,
                before: self.run.total,
            });
        }
        if let Some(begins) = begins {
            if self.run.closings.is_empty() {
                self.run.slot = slot;
            }
            let ends_database = !matches!(begins, Begun::Section { .. });
            if self.run.closings.len() < MARKS_MAX
                || (ends_database && self.run.database_end(0).is_none())
            {
                self.run.closings.push(Closing {
                    index: self.records,
                    before: self.run.total,
                    begins,
                });
            }
        }
        self.run.total = self.order.total();
    }

    /// Joins a run, unless keys of two slots would lie in one section then, or some keys have what others have not.
    fn join(&mut self, runs: &[Run], run: usize, joins: usize) -> Outcome {
        let own = self.order.section().map(|(slot, _)| slot);
        let met = runs.get(run).and_then(|run| {
            let keys_follow =
                run.section_end(joins)?.before.keys > run.marks.get(joins)?.before.keys;
            keys_follow.then(|| run.slot(joins))?
        });
        let habit = runs.get(run).and_then(|run| run.habit);
        let differ =
            |one: Option<_>, other: Option<_>| one.is_some() && other.is_some() && one != other;
        if (own.is_some() && met.is_some() && own != met) || differ(self.order.habit(), habit) {
            self.run.end = self.at;
            return Outcome::Ends { settled: false };
        }
        Outcome::Joins { run, joins }
    }
}

/// The run, and the record in it, that begins at an offset.
fn find(runs: &[Run], at: u64) -> Option<(usize, usize)> {
    let settled = runs.iter().enumerate().filter(|(_, run)| run.settled);
    settled.into_iter().find_map(|(index, run)| {
        let mark = run
            .marks
            .binary_search_by_key(&at, |mark| mark.offset)
            .ok()?;
        Some((index, mark))
    })
}
