//! A second look at what the judge decided, by code of its own: do the gaps explain what the file's own counts miss?
//!
//! The sound parts are read once more, and the keys of each database compared with what it declares. A gap
//! reaches from the slot whose section was open in front of it to the last slot in front of the next totals behind it, unless
//! the counts of its section prove that no key of another is missing. Totals that no key bears out may be damaged themselves:
//! then it reaches from behind the section before. Where a file has no totals of slots, or its counts and
//! the gaps contradict each other, a gap may have held keys of any slot.

use super::count::Count;
use super::ground::Ground;
use super::order::Order;
use super::{Gap, Part, Sound, Touched};
use crate::rdb::RecordKind;
use crate::{Detail, SlotInfo};

const SLOT_LAST: u64 = 16_383;
/// An entry takes a type and two lengths at least.
const ENTRY_BYTES_MIN: u64 = 3;

/// States anew which keys each gap may have held, but for gaps that the checksum explains.
pub(super) fn reconcile(ground: &Ground<'_>, parts: &mut [Part]) {
    if !parts.iter().any(|part| matches!(part, Part::Gap(_))) {
        return;
    }
    let mut file = Seen::default();
    let mut databases = vec![Database::default()];
    for (index, part) in parts.iter().enumerate() {
        match part {
            Part::Gap(_) => {
                if let Some(database) = databases.last_mut() {
                    database.pass_gap(index);
                }
            }
            Part::Sound(sound) => read(ground, sound, &mut databases, &mut file),
        }
    }
    for database in &mut databases {
        database.close_section(SLOT_LAST);
        database.settle(ground, file.has_sections && !file.has_databases, parts);
    }
}

/// Reads a sound part; only databases with gaps are kept.
fn read(ground: &Ground<'_>, sound: &Sound, databases: &mut Vec<Database>, file: &mut Seen) {
    let mut reader = sound.reader(ground.bytes, Detail::Counts);
    while reader.offset() < sound.range.end {
        let Ok(Some(record)) = reader.next_record() else {
            return;
        };
        let Some(database) = databases.last_mut() else {
            return;
        };
        if let Some(totals) = Ground::slot_totals(&record) {
            file.has_sections = true;
            database.open_section(totals);
            continue;
        }
        match &record.kind {
            RecordKind::SelectDb { db } => {
                file.has_databases |= *db > 0;
                database.close_section(SLOT_LAST);
                match database.gaps.is_empty() {
                    true => *database = Database::default(),
                    false => databases.push(Database::default()),
                }
            }
            RecordKind::ResizeDb {
                keys,
                expiring_keys,
            } => database.declared = Some(Count::new(*keys, *expiring_keys)),
            RecordKind::Entry(_) => database.count(),
            _ => {}
        }
    }
}

/// What was seen anywhere in the file.
#[derive(Default)]
struct Seen {
    /// Totals of slots.
    has_sections: bool,
    /// More than one database: a gap may hide where the slots begin anew.
    has_databases: bool,
}

/// What is known of a database.
#[derive(Default)]
struct Database {
    declared: Option<Count>,
    found: u64,
    section: Section,
    gaps: Vec<Reached>,
    /// Gaps of the open section, the last of `gaps`.
    open_gaps: usize,
}

/// The keys from one slot's totals to the next.
#[derive(Default)]
struct Section {
    slot: u64,
    /// The least slot that it can be of, should its totals be damaged.
    slot_min: u64,
    declared: Option<u64>,
    found: u64,
}

impl Section {
    /// The first slot that the keys behind its totals may be of: a key that was read bears the totals out.
    fn begins(&self) -> u64 {
        match self.found {
            0 => self.slot_min,
            _ => self.slot,
        }
    }

    /// The first slot that the next section may be of.
    fn begins_next(&self) -> u64 {
        match (self.declared, self.found) {
            (Some(_), 1..) => self.slot.saturating_add(1),
            _ => self.slot_min,
        }
    }
}

/// A gap and the slots that it may reach.
struct Reached {
    part: usize,
    from: u64,
    to: u64,
    /// Nothing of the database is behind it: it may have held others whole.
    is_last: bool,
    /// Keys that its section misses, where this gap is the only one in it, and a key bears the section out.
    section_misses: Option<u64>,
}

impl Database {
    fn pass_gap(&mut self, part: usize) {
        self.gaps.push(Reached {
            part,
            from: self.section.begins(),
            to: SLOT_LAST,
            is_last: true,
            section_misses: None,
        });
        self.open_gaps += 1;
    }

    fn count(&mut self) {
        self.go_on();
        self.found += 1;
        self.section.found += 1;
    }

    /// Something of the database is behind its gaps.
    fn go_on(&mut self) {
        if let Some(gap) = self.gaps.last_mut() {
            gap.is_last = false;
        }
    }

    fn open_section(&mut self, totals: SlotInfo) {
        self.go_on();
        self.close_section(totals.slot.saturating_sub(1));
        self.section = Section {
            slot: totals.slot,
            slot_min: self.section.begins_next(),
            declared: Some(totals.keys),
            found: 0,
        };
    }

    /// The section ends, and the next totals are of a slot behind `last`.
    fn close_section(&mut self, last: u64) {
        let open = std::mem::take(&mut self.open_gaps);
        let section = &self.section;
        let misses = section
            .declared
            .and_then(|keys| keys.checked_sub(section.found));
        for gap in self.gaps.iter_mut().rev().take(open) {
            gap.to = last.max(gap.from);
            let is_borne_out = section.found > 0 && gap.from == section.slot;
            gap.section_misses = misses.filter(|_| open == 1 && is_borne_out);
        }
    }

    fn settle(&self, ground: &Ground<'_>, by_slots: bool, parts: &mut [Part]) {
        let balance = self.balance(ground, parts);
        let all_known = matches!(
            balance,
            Balance::Open {
                all_known: true,
                ..
            }
        );
        for reached in &self.gaps {
            let Some(Part::Gap(gap)) = parts.get_mut(reached.part) else {
                continue;
            };
            if gap.repair.is_some() {
                continue;
            }
            let hides_more = reached.is_last && gap.keys_missing.is_none();
            let Balance::Open { alone, .. } = balance else {
                gap.touched = Touched::Any;
                if let Balance::Contradiction = balance {
                    gap.keys_missing = None;
                }
                continue;
            };
            if hides_more {
                gap.touched = Touched::Any;
                continue;
            }
            if self.gaps.len() > 1 && !all_known {
                // What the judge says of one gap rests on the counts of its section, and a gap may have held others whole.
                gap.keys_missing = None;
            }
            gap.keys_missing = gap.keys_missing.or(alone);
            if !by_slots {
                gap.touched = Touched::Any;
                continue;
            }
            let of_one_slot =
                gap.keys_missing.is_some() && reached.section_misses == gap.keys_missing;
            gap.touched = match of_one_slot {
                true => Touched::Slots(reached.from, reached.from),
                false => Touched::Slots(reached.from, reached.to),
            };
        }
    }

    /// How many keys the gaps must have held, against what was said of each.
    fn balance(&self, ground: &Ground<'_>, parts: &[Part]) -> Balance {
        let gaps = || {
            self.gaps
                .iter()
                .filter_map(|reached| match parts.get(reached.part) {
                    Some(Part::Gap(gap)) => Some(gap),
                    _ => None,
                })
        };
        let order = Order::new(ground);
        let Some(declared) = self.declared.filter(|&declared| order.is_exact(declared)) else {
            return Balance::Unknown;
        };
        // Counts are claims of the file, and may be anything.
        let known = gaps().filter_map(|gap| gap.keys_missing);
        let known = known.fold(0, u64::saturating_add);
        if known.saturating_mul(ENTRY_BYTES_MIN) > ground.len() {
            return Balance::Contradiction;
        }
        let unknown: Vec<&Gap> = gaps().filter(|gap| gap.keys_missing.is_none()).collect();
        let rest = declared
            .keys
            .checked_sub(self.found)
            .and_then(|keys| keys.checked_sub(known));
        match (rest, unknown.as_slice()) {
            (Some(0), []) => Balance::Open {
                all_known: true,
                alone: None,
            },
            (Some(rest), [gap]) if self.gaps.len() == 1 && has_room(gap, rest) => Balance::Open {
                all_known: true,
                alone: Some(rest),
            },
            (Some(_), [_, ..]) if self.gaps.len() > 1 => Balance::Open {
                all_known: false,
                alone: None,
            },
            _ => Balance::Contradiction,
        }
    }
}

/// Whether so many keys find room in a gap.
fn has_room(gap: &Gap, keys: u64) -> bool {
    keys.saturating_mul(ENTRY_BYTES_MIN) <= gap.range.end - gap.range.start
}

/// What the counts of a database say of its gaps.
#[derive(Clone, Copy)]
enum Balance {
    /// They are not exact, or lost.
    Unknown,
    /// They do not fit together.
    Contradiction,
    /// They fit.
    Open {
        /// It is known of each gap how many keys are missing.
        all_known: bool,
        /// How many are missing in the only gap, where that was not known.
        alone: Option<u64>,
    },
}
