//! From gap to gap through a damaged snapshot.

use std::cell::RefCell;

use super::burst::BURST_BYTES_MAX;
use super::count::Count;
use super::front::{Front, Halt, Part as ScopePart, Trouble};
use super::ground::Ground;
use super::judge::{Case, Cut, suspects_begin};
use super::objection::Objection;
use super::order::Order;
use super::probe::step;
use super::reconcile::reconcile;
use super::repair::damaged;
use super::run::{Fate, Run};
use super::search::{Hunt, Search, Sweep};
use super::{Gap, LostKey, Part, Sound, Survey, Touched, steps_max};
use crate::Error;
use crate::rdb::Framer;

/// Bytes in front of damage where its beginning is looked for.
const LOOK_BACK_BYTES: u64 = 1 << 20;
/// Keys in front of damage where its beginning is looked for.
const LOOK_BACK_KEYS: usize = 256;
/// Runs behind one another that are looked at together.
const RUNS_TOGETHER: usize = 8;
/// Records of a run that are looked into for other runs that lead into it.
const BRANCHED_RECORDS: usize = 4;
/// Keys that are named for one gap.
const NAMED_MAX: usize = 1_000;

/// Divides a snapshot into parts.
pub(super) struct Surveyor<'g, 'a> {
    ground: &'g Ground<'a>,
    search: Search,
    parts: Vec<Part>,
}

impl<'g, 'a> Surveyor<'g, 'a> {
    pub(super) fn new(ground: &'g Ground<'a>) -> Surveyor<'g, 'a> {
        Surveyor {
            ground,
            search: Search::new(ground),
            parts: Vec::new(),
        }
    }

    pub(super) fn survey(mut self, first: u64) -> Survey {
        let framer = Framer::new(self.ground.header);
        let whole = self.ground.len();
        let end = match self.ground.ends_at(whole) {
            true => {
                self.sound(&framer, first, whole);
                Some(whole)
            }
            false => self.walk(Front::new(framer, Order::new(self.ground), first)),
        };
        let checksum = end.and_then(|end| self.ground.checksum(end));
        if let Some((stored, computed)) = checksum
            && stored != computed
            && !self.parts.iter().any(|part| matches!(part, Part::Gap(_)))
        {
            self.silent_change(end.unwrap_or(whole));
        }
        reconcile(self.ground, &mut self.parts);
        Survey {
            header: self.ground.header,
            parts: self.parts,
            checksum,
            steps: steps_max(whole).saturating_sub(self.search.work.left),
        }
    }

    /// Goes from gap to gap; where the snapshot ends, if that was found.
    fn walk(&mut self, mut front: Front<'a>) -> Option<u64> {
        let first = front.start;
        loop {
            let halt = front.advance(self.ground, &mut self.search.work);
            if front.start == first
                && self.parts.is_empty()
                && let Some(end) = self.without_one(first, &front, &halt)
            {
                return Some(end);
            }
            let trouble = match halt {
                Halt::End => {
                    self.sound_front(&front, front.at);
                    return Some(front.at);
                }
                Halt::Trouble(trouble) => trouble,
            };
            front = self.behind(front, trouble)?;
        }
    }

    /// All but the one damaged record that the checksum names, if it does; the end of the snapshot.
    fn without_one(&mut self, first: u64, front: &Front<'a>, halt: &Halt) -> Option<u64> {
        let (end, until) = match halt {
            Halt::End => (front.at, front.at),
            // A change that shows at once lies in front of the byte that shows it, or there.
            Halt::Trouble(trouble) if trouble.objection.is_none() => (
                self.ground.len(),
                trouble.error.offset() + u64::from(BURST_BYTES_MAX),
            ),
            Halt::Trouble(_) => (self.ground.len(), self.ground.len()),
        };
        let damaged = damaged(self.ground, &mut self.search.work, first, end, until)?;
        self.sound(&Framer::new(self.ground.header), first, damaged.from);
        let lost: Vec<LostKey> = damaged.key.into_iter().collect();
        self.parts.push(Part::Gap(Gap {
            range: damaged.from..damaged.to,
            error: damaged.error,
            keys_missing: Some(lost.len() as u64),
            touched: Touched::Keys(lost),
            suspects: Vec::new(),
            repair: Some(damaged.repair),
        }));
        self.sound(&damaged.framer, damaged.to, damaged.end);
        Some(damaged.end)
    }

    /// Says that the checksum is wrong, and that nothing shows why.
    fn silent_change(&mut self, end: u64) {
        self.parts.push(Part::Gap(Gap {
            range: end..end,
            error: Error::corrupt(
                end.saturating_sub(8),
                "checksum of the bytes in front",
                "another",
            ),
            keys_missing: None,
            touched: Touched::Any,
            suspects: Vec::new(),
            repair: None,
        }));
    }

    /// A scope has come to its end with another number of keys than it declares, and nothing shows where.
    fn miscounted(
        &mut self,
        mut front: Front<'a>,
        trouble: Trouble,
        declared: Count,
        counted: Count,
    ) -> Front<'a> {
        let total = front.order.total().keys;
        let surplus = counted.keys > declared.keys || counted.expiring > declared.expiring;
        let (from, missing) = if surplus {
            // Which of them are keys cannot be told, so none is given; a whole database may be among them.
            let first = total - counted.keys.min(total);
            let first = front.keys.iter().find(|mark| mark.before.keys == first);
            (first.map_or(front.start, |mark| mark.offset), None)
        } else {
            (front.at, declared.keys.checked_sub(counted.keys))
        };
        self.sound_front(&front, from);
        self.parts.push(Part::Gap(Gap {
            range: from..front.at,
            error: trouble.error,
            keys_missing: missing,
            touched: Touched::Any,
            suspects: Vec::new(),
            repair: None,
        }));
        front.order.stop_counting();
        front.begin_here();
        front
    }

    /// The front behind what is wrong, if there is any.
    fn behind(&mut self, front: Front<'a>, trouble: Trouble) -> Option<Front<'a>> {
        let order = match front.prefix(self.ground, front.at) {
            Some(prefix) if front.order.habit().is_none() => {
                front.order.behind_gap().like(prefix.idle, prefix.freq)
            }
            _ => front.order.behind_gap(),
        };
        let (from, tried_from_key) = look_back(&front, &trouble);
        let mut sweep = self.look(&front, &trouble, &order, from);
        sweep.runs.sort_by_key(Run::start);
        let verdict = Case {
            ground: self.ground,
            front: &front,
            trouble: &trouble,
            runs: &sweep.runs,
            tried_from_key,
            all_tried: !sweep.left_out,
            sturdy: RefCell::default(),
        }
        .judge();
        match (verdict, trouble.objection) {
            (Some(verdict), _) => Some(self.cut(&front, &trouble, &verdict)),
            (None, Some(Objection::Miscount { declared, counted })) => {
                Some(self.miscounted(front, trouble, declared, counted))
            }
            (None, _) => {
                let from = match self.is_cut_short(&trouble) {
                    true => front.at,
                    false => suspects_begin(&front),
                };
                self.sound_front(&front, from);
                self.parts.push(Part::Gap(Gap {
                    range: from..self.ground.len(),
                    error: match from == front.at {
                        true => trouble.error,
                        false => trouble.error.without_entry(),
                    },
                    keys_missing: None,
                    touched: Touched::Any,
                    suspects: Vec::new(),
                    repair: None,
                }));
                None
            }
        }
    }

    /// Whether the file simply ends too early: what was read is what was written then.
    fn is_cut_short(&self, trouble: &Trouble) -> bool {
        const END_MARK: u8 = 0xff;
        let end_mark = self.ground.len().checked_sub(9);
        let has_end =
            end_mark.is_some_and(|at| self.ground.reader(at).rest().first() == Some(&END_MARK));
        trouble.error.is_truncated() && !has_end
    }

    /// Looks for runs behind the trouble that the front is in.
    fn look(
        &mut self,
        front: &Front<'a>,
        trouble: &Trouble,
        order: &Order<'a>,
        from: u64,
    ) -> Sweep {
        let framer = &front.framer.elsewhere(front.order.db());
        let mut hunt = Hunt {
            ground: self.ground,
            framer,
            order,
            from,
            beyond: front.at,
        };
        // What was read leads to where nothing can be read; what is only out of order may be in order elsewhere.
        let read = front.keys.iter().map(|mark| mark.offset);
        let read = read
            .chain([front.at])
            .filter(|_| trouble.objection.is_none());
        let mut all = self.search.sweep(&hunt, read);
        let until = self.branches_end(front, &all).unwrap_or(from);
        self.search.complete(&hunt, &mut all, until);
        // A run that leads into further damage says little by itself: what comes behind that does.
        for _ in 0..RUNS_TOGETHER {
            let last = all.runs.iter().max_by_key(|run| run.end);
            let Some(last) = last.filter(|run| run.fate == Fate::Broken) else {
                break;
            };
            if !last.is_substantial() || last.database_end(0).is_some() || order.has_sections() {
                break;
            }
            hunt.from = last.end.saturating_sub(LOOK_BACK_BYTES).max(last.start()) + 1;
            hunt.beyond = last.end;
            let read: Vec<u64> = last.marks.iter().map(|mark| mark.offset).collect();
            let more = self.search.sweep(&hunt, read.into_iter());
            all.left_out |= more.left_out;
            if more.runs.is_empty() {
                break;
            }
            all.runs.extend(more.runs);
        }
        all
    }

    /// Up to where branches of the last run matter: as many records behind the trouble as there are keys too many if
    /// it is taken from its beginning, and some for good measure.
    fn branches_end(&self, front: &Front<'a>, sweep: &Sweep) -> Option<u64> {
        let run = sweep.runs.last()?;
        let marks = &run.marks;
        let behind = marks.partition_point(|mark| mark.offset <= front.at);
        let wanted = behind + self.surplus(front, sweep) + BRANCHED_RECORDS;
        marks.get(wanted).or(marks.last()).map(|mark| mark.offset)
    }

    /// How many keys too many there are if the last run is taken from its beginning.
    fn surplus(&self, front: &Front<'a>, sweep: &Sweep) -> usize {
        let surplus = || {
            let (part, scope) = front.scope()?;
            let run = sweep.runs.last()?;
            let closing = match part {
                ScopePart::Section { .. } => run.section_end(0),
                ScopePart::Database => run.database_end(0),
            };
            let found = scope.counted.keys + closing?.before.keys + 1;
            usize::try_from(found.saturating_sub(scope.declared?.keys)).ok()
        };
        surplus().unwrap_or(0)
    }

    /// Records a verdict; the front behind its last gap.
    fn cut(&mut self, front: &Front<'a>, trouble: &Trouble, verdict: &[Cut]) -> Front<'a> {
        let db = front.order.db();
        let framer = front.framer.elsewhere(db);
        let mut sound = (front.begin.clone(), front.start);
        let mut gap_bytes = 0;
        for cut in verdict {
            self.sound(&sound.0, sound.1, cut.from);
            let error = match cut.trouble_at {
                at if at != front.at => self.error_at(&framer, at),
                at if at == cut.from => trouble.error.clone(),
                // The key in trouble need not be one.
                _ => trouble.error.clone().without_entry(),
            };
            self.parts.push(Part::Gap(Gap {
                range: cut.from..cut.to,
                error,
                keys_missing: cut.missing,
                touched: Touched::Any,
                suspects: self.names(front, &cut.suspects),
                repair: None,
            }));
            sound = (framer.clone(), cut.to);
            gap_bytes += cut.to - cut.from;
        }
        let from = verdict.first().map_or(front.at, |cut| cut.from);
        let dropped = front.keys.iter().filter(|mark| mark.offset >= from);
        let order = front.order.behind_cut(dropped.count() as u64, gap_bytes);
        Front::new(framer, order, sound.1)
    }

    /// What is wrong with a record, which is known not to be sound.
    fn error_at(&mut self, framer: &Framer, at: u64) -> Error {
        let read = step(self.ground, &mut framer.clone(), at, &mut self.search.work);
        let error = read.err().map(Error::without_entry);
        error.unwrap_or_else(|| {
            Error::corrupt(at, "record that can be where it is", "one that cannot")
        })
    }

    /// The names of keys that begin at these offsets, as far as they can be read.
    fn names(&self, front: &Front<'a>, keys: &[u64]) -> Vec<LostKey> {
        let name = |&offset: &u64| {
            let prefix = front.prefix(self.ground, offset)?;
            Some(LostKey {
                db: front.order.db(),
                name: prefix.key.bytes().ok()?.as_ref().into(),
            })
        };
        keys.iter().filter_map(name).take(NAMED_MAX).collect()
    }

    fn sound_front(&mut self, front: &Front<'a>, until: u64) {
        self.sound(&front.begin, front.start, until);
    }

    fn sound(&mut self, framer: &Framer, from: u64, until: u64) {
        if from < until {
            self.parts.push(Part::Sound(Sound {
                range: from..until,
                framer: framer.clone(),
            }));
        }
    }
}

/// From where on places are tried for damage that shows at the front, and the number of the first key whose
/// value may have been damaged then.
fn look_back(front: &Front<'_>, trouble: &Trouble) -> (u64, u64) {
    let in_database = usize::try_from(front.order.database().counted.keys).unwrap_or(usize::MAX);
    let keys = front.keys.iter().rev();
    let first = match trouble.objection {
        // Only the end of the scope has shown it: the damage may be anywhere in there.
        Some(Objection::Miscount { .. }) => front.keys.iter().rev().take(in_database).next_back(),
        _ => {
            let near = front.at.saturating_sub(LOOK_BACK_BYTES);
            keys.take(LOOK_BACK_KEYS.min(in_database))
                .take_while(|mark| mark.offset >= near)
                .last()
        }
    };
    match first {
        Some(mark) => (mark.offset + 1, mark.before.keys),
        None => (front.at + 1, front.order.total().keys),
    }
}
