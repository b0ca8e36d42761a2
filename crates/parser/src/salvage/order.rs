//! The order that servers keep when they write a snapshot.
//!
//! A reader takes records in any order and believes any count. Behind damage that is too generous: bytes that
//! happen to decode are told from records by what a server would never have written there.

use super::count::{Count, Habit, Scope};
use super::ground::Ground;
use super::judge::MARGIN_KEYS;
use super::objection::Objection;
use crate::rdb::{Record, RecordKind, SlotInfo, Str, opcode, read_length};
use crate::reader::Cursor as _;
use crate::{DataType, ValueFacts};

/// Redis before 5.0 (RDB 9) left keys out that had expired, but counted them (redis 4.0 `src/rdb.c`,
/// `rdbSaveKeyValuePair`).
const COUNTS_EXACT_SINCE: u32 = 9;
/// There are as many slots (redis `src/cluster.h`, `CLUSTER_SLOTS`).
const SLOTS: u64 = 16_384;
/// Database numbers are ints (redis `src/server.h`).
const DB_MAX: u64 = i32::MAX as u64;
/// The only descriptions that servers write behind keys: cached scripts (redis 4.0 to 6.2 `src/rdb.c`,
/// `rdbSaveRio`).
const AUX_BEHIND_KEYS: &[u8] = b"lua";
/// A string without name and content is three bytes of zero, of which damaged files have more than servers write.
const ZEROS: [u8; 3] = [0; 3];
/// A string's type, and the length of no name.
const UNNAMED: [u8; 2] = [0; 2];

/// Which part of a snapshot it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Descriptions,
    Keys,
    BehindKeys,
}

/// Sections: the keys of one slot, behind its totals.
#[derive(Debug, Clone, Copy)]
enum Section {
    /// The file has none, as far as is known.
    Unseen,
    /// Behind the totals of a slot.
    Open { slot: u64, scope: Scope },
    /// In a section whose totals were not seen: its slot, once a key told it, is this one or a later one.
    Adrift { from: u64, slot: Option<u64> },
}

/// What has been read, as far as it restricts what may follow.
#[derive(Debug, Clone)]
pub(super) struct Order<'a> {
    stage: Stage,
    db: Option<u64>,
    /// The last record selected a database, or may have.
    selected: bool,
    /// It certainly has.
    just_selected: bool,
    /// Databases state their sizes.
    sized: bool,
    database: Scope,
    section: Section,
    /// A database had keys and no sections, so none has.
    sectionless: bool,
    exact: bool,
    last_key: Option<Str<'a>>,
    /// Keys of all databases.
    total: Count,
    habit: Habit,
    /// Behind a gap, in front of its first key.
    resumed: bool,
    /// Where the templates of hashes may lie that the file has.
    templates: TemplatesSeen,
}

/// Servers write templates in front of the keys that refer to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TemplatesSeen {
    /// Without damage so far.
    SoFar,
    /// All: there was no damage in front of the first keys.
    All,
    /// Some may lie in a gap.
    NotAll,
}

/// What an accepted record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Item {
    Key,
    /// Totals of a slot: ends a section, begins one.
    Section {
        slot: u64,
    },
    /// Ends a database, begins one.
    Database,
    /// Ends the last database.
    Rest,
    /// Anything that ends nothing.
    Note,
    /// The end of the snapshot.
    End,
}

impl<'a> Order<'a> {
    pub(super) fn new(ground: &Ground<'a>) -> Order<'a> {
        Order {
            stage: Stage::Descriptions,
            db: None,
            selected: true,
            just_selected: false,
            sized: false,
            database: Scope::default(),
            section: Section::Unseen,
            sectionless: false,
            exact: ground.header.version >= COUNTS_EXACT_SINCE,
            last_key: None,
            total: Count::default(),
            habit: Habit::default(),
            resumed: false,
            templates: match ground.header.has_hash_templates() {
                true => TemplatesSeen::SoFar,
                false => TemplatesSeen::All,
            },
        }
    }

    /// The order behind a gap: as it was in front, but for what the gap may have held.
    pub(super) fn behind_gap(&self) -> Order<'a> {
        let section = match self.section {
            Section::Unseen => Section::Unseen,
            Section::Open { slot, .. } => Section::Adrift {
                from: slot,
                slot: None,
            },
            Section::Adrift { from, slot } => Section::Adrift {
                from: slot.unwrap_or(from),
                slot: None,
            },
        };
        Order {
            selected: true,
            just_selected: false,
            database: Scope::default(),
            section,
            last_key: None,
            total: Count::default(),
            resumed: true,
            templates: match self.templates {
                TemplatesSeen::All => TemplatesSeen::All,
                _ => TemplatesSeen::NotAll,
            },
            ..self.clone()
        }
    }

    /// The order behind a gap of so many bytes that takes the last keys with it as well.
    pub(super) fn behind_cut(&self, dropped_keys: u64, gap_bytes: u64) -> Order<'a> {
        let mut database = self.database;
        database.counted.keys = database.counted.keys.saturating_sub(dropped_keys);
        database.gap_bytes += gap_bytes;
        database.whole = false;
        Order {
            database,
            ..self.behind_gap()
        }
    }

    /// Takes for normal what the record in trouble has in front of its key.
    pub(super) fn like(mut self, idle: bool, freq: bool) -> Order<'a> {
        self.habit.add(idle, freq);
        self
    }

    /// Whether keys have an idle time, and a frequency; `None` before the first.
    pub(super) fn habit(&self) -> Option<(bool, bool)> {
        (self.habit.keys > 0).then_some((self.habit.idle > 0, self.habit.freq > 0))
    }

    /// The database of the next key.
    pub(super) fn db(&self) -> u64 {
        self.db.unwrap_or(0)
    }

    /// Keys since the beginning, or since the gap.
    pub(super) fn total(&self) -> Count {
        self.total
    }

    /// The database in progress.
    pub(super) fn database(&self) -> Scope {
        self.database
    }

    /// Slot and scope of the section in progress.
    pub(super) fn section(&self) -> Option<(u64, Scope)> {
        match self.section {
            Section::Open { slot, scope } => Some((slot, scope)),
            Section::Adrift {
                slot: Some(slot), ..
            } => Some((slot, Scope::default())),
            _ => None,
        }
    }

    /// Whether the file is known to tell the totals of slots.
    pub(super) fn has_sections(&self) -> bool {
        !matches!(self.section, Section::Unseen)
    }

    /// Whether a sound file holds exactly as many keys, not only at most: where none expires, none was left out.
    pub(super) fn is_exact(&self, declared: Count) -> bool {
        self.exact || declared.expiring == 0
    }

    /// Whether hashes may refer to templates that damage hides.
    pub(super) fn may_miss_templates(&self) -> bool {
        self.templates != TemplatesSeen::All
    }

    /// Takes in a record, or says why it cannot stand here.
    pub(super) fn admit(
        &mut self,
        ground: &Ground<'a>,
        record: &Record<'a>,
        facts: Option<&ValueFacts>,
    ) -> Result<Item, Objection> {
        let selected = std::mem::replace(&mut self.selected, false);
        let must_be_sized = std::mem::replace(&mut self.just_selected, false) && self.sized;
        if must_be_sized && !matches!(record.kind, RecordKind::ResizeDb { .. }) {
            return Err(Objection::OutOfPlace("database sizes behind its selector"));
        }
        if !matches!(record.kind, RecordKind::Entry(_)) && record.offset > record.range.start {
            return Err(Objection::OutOfPlace("key behind its expiry"));
        }
        match &record.kind {
            RecordKind::Entry(entry) => {
                self.reach(Stage::Keys)?;
                if !attributes_in_order(ground, record.range.start, entry.offset) {
                    return Err(Objection::OutOfPlace("expiry, idle time or frequency, key"));
                }
                let key = entry.key.bytes().map_err(|_| Objection::BrokenKey)?;
                if let Some(last) = self.last_key.replace(entry.key)
                    && last.len() == entry.key.len()
                    && last.bytes().is_ok_and(|last| last == key)
                {
                    return Err(Objection::SameKey);
                }
                match self.has_sections() {
                    true => self.place(ground.slot_of(&key))?,
                    false => self.sectionless |= self.database.whole,
                }
                let empty = facts.is_some_and(|facts| facts.elements == Some(0))
                    && !matches!(
                        entry.value_type.data_type(),
                        DataType::String | DataType::Stream | DataType::PathHash
                    );
                if empty {
                    return Err(Objection::EmptyCollection);
                }
                if entry.key.is_empty() && opens_with_zeros(ground, record, self.resumed) {
                    return Err(Objection::Zeros);
                }
                let (idle, freq) = (entry.idle_s.is_some(), entry.freq.is_some());
                if !self.habit.allows(idle, freq) {
                    return Err(Objection::OutOfHabit);
                }
                self.resumed = false;
                self.habit.add(idle, freq);
                self.count(entry.expires_at_ms.is_some());
                Ok(Item::Key)
            }
            RecordKind::SelectDb { db } => {
                self.reach(Stage::Keys)?;
                if *db > DB_MAX || self.db.is_some_and(|last| *db <= last) {
                    return Err(Objection::OutOfPlace("selector of a later database"));
                }
                self.close_database()?;
                self.db = Some(*db);
                self.selected = true;
                self.just_selected = true;
                Ok(Item::Database)
            }
            RecordKind::ResizeDb {
                keys,
                expiring_keys,
            } => {
                self.reach(Stage::Keys)?;
                if !selected {
                    return Err(Objection::OutOfPlace("selector in front of database sizes"));
                }
                self.sized = true;
                self.database = Scope::declared(*keys, *expiring_keys);
                Ok(Item::Note)
            }
            RecordKind::SlotInfo(_) | RecordKind::Aux { .. }
                if let Some(info) = Ground::slot_totals(record) =>
            {
                self.open_section(info)
            }
            RecordKind::Aux { name, .. } => match self.stage {
                Stage::Descriptions => Ok(Item::Note),
                _ if name.bytes().is_ok_and(|name| &*name == AUX_BEHIND_KEYS) => self.leave_keys(),
                _ => Err(Objection::OutOfPlace("aux field in front of the keys")),
            },
            RecordKind::ModuleAux { .. } => match self.stage {
                Stage::Descriptions => Ok(Item::Note),
                _ => self.leave_keys(),
            },
            RecordKind::Function { .. } => match self.stage {
                Stage::Descriptions => Ok(Item::Note),
                _ => Err(Objection::OutOfPlace("function in front of the keys")),
            },
            RecordKind::EnterpriseHint { .. } => match self.resumed {
                true => Err(Objection::OutOfPlace(
                    "record of a server that is not Redis Enterprise",
                )),
                false => Ok(Item::Note),
            },
            RecordKind::End { .. } => {
                if !ground.is_end(record.range.end) {
                    return Err(Objection::EarlyEnd);
                }
                self.close_database()?;
                Ok(Item::End)
            }
            _ => Ok(Item::Note),
        }
    }

    fn reach(&mut self, stage: Stage) -> Result<(), Objection> {
        if self.stage > stage {
            return Err(Objection::OutOfPlace("nothing but the end behind the keys"));
        }
        self.stage = stage;
        Ok(())
    }

    fn leave_keys(&mut self) -> Result<Item, Objection> {
        self.close_database()?;
        self.stage = Stage::BehindKeys;
        Ok(Item::Rest)
    }

    fn count(&mut self, expiring: bool) {
        self.total.add(expiring);
        if self.templates == TemplatesSeen::SoFar && self.total.keys > MARGIN_KEYS {
            self.templates = TemplatesSeen::All;
        }
        self.database.counted.add(expiring);
        if let Section::Open { scope, .. } = &mut self.section {
            scope.counted.add(expiring);
        }
    }

    fn place(&mut self, slot: u64) -> Result<(), Objection> {
        match &mut self.section {
            Section::Unseen => Ok(()),
            Section::Open { slot: open, .. } if *open == slot => Ok(()),
            Section::Open { slot: open, .. } => Err(Objection::OtherSlot {
                slot,
                section: Some(*open),
            }),
            Section::Adrift { from, slot: told } => {
                if slot < *from || told.is_some_and(|told| told != slot) {
                    return Err(Objection::OtherSlot {
                        slot,
                        section: None,
                    });
                }
                *told = Some(slot);
                Ok(())
            }
        }
    }

    fn open_section(&mut self, info: SlotInfo) -> Result<Item, Objection> {
        self.reach(Stage::Keys)?;
        if info.slot >= SLOTS {
            return Err(Objection::OutOfPlace("slot below 16384"));
        }
        if self.sectionless {
            return Err(Objection::OutOfPlace("keys without totals of slots"));
        }
        let from = match self.section {
            Section::Unseen => 0,
            Section::Open { slot, .. } => slot + 1,
            Section::Adrift { from, slot } => slot.map_or(from, |slot| slot + 1),
        };
        if info.slot < from {
            let slot = info.slot;
            return Err(Objection::SlotOrder { slot, from });
        }
        self.close_section()?;
        self.section = Section::Open {
            slot: info.slot,
            scope: Scope::declared(info.keys, info.expiring_keys),
        };
        Ok(Item::Section { slot: info.slot })
    }

    fn close_section(&self) -> Result<(), Objection> {
        match self.section {
            Section::Open { scope, .. } => self.check(scope),
            _ => Ok(()),
        }
    }

    /// A database ends, and with it its last section; the slots begin anew in the next.
    fn close_database(&mut self) -> Result<(), Objection> {
        self.close_section()?;
        self.check(self.database)?;
        self.database = Scope::default();
        self.last_key = None;
        if self.has_sections() {
            self.section = Section::Adrift {
                from: 0,
                slot: None,
            };
        }
        Ok(())
    }

    fn check(&self, scope: Scope) -> Result<(), Objection> {
        let (Some(declared), true) = (scope.declared, scope.whole) else {
            return Ok(());
        };
        let counted = scope.counted;
        let fits = match self.is_exact(declared) {
            true => counted == declared,
            false => counted.keys <= declared.keys && counted.expiring <= declared.expiring,
        };
        match fits {
            true => Ok(()),
            false => Err(Objection::Miscount { declared, counted }),
        }
    }

    /// Gives up comparing what was read with what was declared, up to the end of this database.
    pub(super) fn stop_counting(&mut self) {
        self.database.whole = false;
        if let Section::Open { scope, .. } = &mut self.section {
            scope.whole = false;
        }
    }
}

/// Whether what stands in front of a key comes in the order of servers, nothing twice (redis `src/rdb.c`,
/// `rdbSaveKeyValuePair`).
fn attributes_in_order(ground: &Ground<'_>, from: u64, key: u64) -> bool {
    let mut reader = ground.reader(from);
    let mut last = 0;
    while reader.offset() < key {
        let Ok(byte) = reader.u8() else {
            return false;
        };
        let (rank, skipped) = match byte {
            opcode::EXPIRETIME => (1, reader.skip(4)),
            opcode::EXPIRETIME_MS => (1, reader.skip(8)),
            opcode::IDLE => (2, read_length(&mut reader).map(|_| ())),
            opcode::FREQ => (2, reader.skip(1)),
            // Metadata stands behind all of them.
            _ => return true,
        };
        if rank <= last || skipped.is_err() {
            return false;
        }
        last = rank;
    }
    true
}

/// Whether a record without a name is nothing but zeros, or, `behind_gap`, begins with some that may belong to more in
/// front of it.
fn opens_with_zeros(ground: &Ground<'_>, record: &Record<'_>, behind_gap: bool) -> bool {
    let begin = record.range.start;
    let in_front = begin.saturating_sub(ZEROS.len() as u64);
    let has = |at: u64, bytes: &[u8]| ground.reader(at).rest().starts_with(bytes);
    has(begin, &ZEROS) || (behind_gap && has(begin, &UNNAMED) && has(in_front, &ZEROS))
}
