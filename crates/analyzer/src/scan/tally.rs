//! The totals of a file, folded in file order.

use std::collections::BTreeMap;
use std::path::Path;

use preshard_parser::{DataType, Header, ModuleId, RecordKind, SlotInfo, Str};
use preshard_slots::{SLOT_COUNT, Slot, SlotSet};

use super::batch::Batch;
use super::check::SlotInfoWatch;
use super::frontier::Stop;
use super::{Outcome, ScanOptions};
use crate::{
    AuxField, Checksum, Damage, DatabaseRow, FileScan, FileSummary, KeyFacts, ModuleRow, Server,
    SlotProfile, TypeRow, Warning,
};

/// Most databases, and most modules, that are listed: servers have 16 databases by default, and a file
/// that names millions must not fill the memory.
const ROWS_MAX: usize = 1_024;
/// Most auxiliary fields that are kept, and most bytes of each: servers write about a dozen short ones.
const AUX_FIELDS_MAX: usize = 64;
const AUX_BYTES_MAX: u64 = 1_024;
/// Cached Lua scripts of servers before 7.0: of any size, and nothing about the file.
const AUX_LUA: &[u8] = b"lua";

/// What has been counted so far.
pub(super) struct Tally {
    summary: FileSummary,
    profile: SlotProfile,
    types: TypeTable,
    databases: BTreeMap<u64, DatabaseRow>,
    modules: BTreeMap<ModuleId, ModuleRow>,
    /// Keys of databases and modules beyond [`ROWS_MAX`].
    unlisted: Unlisted,
    db: u64,
    slot_info: SlotInfoWatch,
    imports: Imports,
}

/// A row per type and encoding: a dozen, so the search is short where the last one does not fit.
#[derive(Default)]
struct TypeTable {
    rows: Vec<TypeRow>,
    last: usize,
}

/// Ranges of slots, counted at their edges so that a file full of them takes no longer than any other.
struct Imports {
    /// Per slot, ranges that begin there.
    begin: Vec<u64>,
    /// Per slot, ranges of which it is the last.
    end: Vec<u64>,
}

#[derive(Default)]
struct Unlisted {
    database_keys: u64,
    module_keys: u64,
}

impl Tally {
    pub(super) fn new(path: &Path, header: Header, options: &ScanOptions<'_>) -> Tally {
        Tally {
            summary: FileSummary {
                path: path.to_owned(),
                bytes: 0,
                bytes_read: 0,
                header,
                written_by: None,
                written_at_s: None,
                used_memory_bytes: None,
                aux: Vec::new(),
                keys: 0,
                expiring_keys: 0,
                types: Vec::new(),
                databases: Vec::new(),
                functions: 0,
                modules: Vec::new(),
                empty_collections: 0,
                slot_info: None,
                importing: SlotSet::new(),
                checksum: Checksum::NotReached,
                damage: None,
                trailing_bytes: 0,
                warnings: Vec::new(),
            },
            profile: SlotProfile::new(
                options.cost.name(),
                options.memory.name(),
                options.floor_block_ns,
                options.floor_payload_bytes,
            ),
            types: TypeTable::default(),
            databases: BTreeMap::new(),
            modules: BTreeMap::new(),
            unlisted: Unlisted::default(),
            db: 0,
            slot_info: SlotInfoWatch::default(),
            imports: Imports::new(),
        }
    }

    /// Adds batches, which must come in file order.
    pub(super) fn add(&mut self, batches: &[Batch<'_>]) {
        for batch in batches {
            let mut counted = 0;
            for (at, note) in &batch.notes {
                self.add_keys(&batch.keys[counted..*at]);
                counted = *at;
                self.add_note(note);
            }
            self.add_keys(&batch.keys[counted..]);
            self.summary.empty_collections += batch.empty_collections;
        }
    }

    fn add_keys(&mut self, keys: &[KeyFacts<'_>]) {
        for key in keys {
            self.summary.keys += 1;
            self.summary.expiring_keys += u64::from(key.expires_at_ms.is_some());
            self.types.add(key);
            self.add_to_database(key);
            if let Some(module) = key.value.module {
                match self.module_row(module) {
                    Some(row) => {
                        row.keys += 1;
                        row.payload_bytes += key.sizes.payload_bytes;
                    }
                    None => self.unlisted.module_keys += 1,
                }
            }
            self.slot_info.count(key);
            self.profile.add(key);
        }
    }

    fn add_to_database(&mut self, key: &KeyFacts<'_>) {
        match self.database_row(key.db) {
            Some(row) => {
                row.keys += 1;
                row.expiring_keys += u64::from(key.expires_at_ms.is_some());
            }
            None => self.unlisted.database_keys += 1,
        }
    }

    fn add_note(&mut self, note: &RecordKind<'_>) {
        match note {
            RecordKind::Aux { name, value } => self.add_aux(name, value),
            RecordKind::SelectDb { db } => {
                self.slot_info.close();
                self.db = *db;
            }
            RecordKind::ResizeDb {
                keys,
                expiring_keys,
            } => {
                if let Some(row) = self.database_row(self.db) {
                    row.declared = Some((*keys, *expiring_keys));
                }
            }
            RecordKind::SlotInfo(info) => self.slot_info.declare(self.db, *info),
            RecordKind::Function { .. } => self.summary.functions += 1,
            RecordKind::ModuleAux { module } => {
                if let Some(row) = self.module_row(*module) {
                    row.aux_blocks += 1;
                }
            }
            RecordKind::SlotImport { ranges, .. } => self.imports.add(ranges),
            _ => {}
        }
    }

    /// Takes in an auxiliary field. One that cannot be decoded is left out: it describes the file, and
    /// its keys can be read all the same.
    fn add_aux(&mut self, name: &Str<'_>, value: &Str<'_>) {
        if name.len() > AUX_BYTES_MAX || value.len() > AUX_BYTES_MAX {
            return;
        }
        let (Ok(name), Ok(value)) = (name.bytes(), value.bytes()) else {
            return;
        };
        let summary = &mut self.summary;
        match &*name {
            SlotInfo::AUX_NAME => {
                if let Some(info) = SlotInfo::parse(&value) {
                    self.slot_info.declare(self.db, info);
                }
                return;
            }
            AUX_LUA => return,
            b"ctime" => summary.written_at_s = number(&value),
            b"used-mem" => summary.used_memory_bytes = number(&value),
            name => {
                if let Some(server) = Server::from_aux(name, &value) {
                    summary.written_by.get_or_insert(server);
                }
            }
        }
        if summary.aux.len() < AUX_FIELDS_MAX {
            summary.aux.push(AuxField {
                name: String::from_utf8_lossy(&name).into_owned(),
                value: String::from_utf8_lossy(&value).into_owned(),
            });
        }
    }

    fn database_row(&mut self, db: u64) -> Option<&mut DatabaseRow> {
        row(&mut self.databases, db, || DatabaseRow {
            db,
            keys: 0,
            expiring_keys: 0,
            declared: None,
        })
    }

    fn module_row(&mut self, module: ModuleId) -> Option<&mut ModuleRow> {
        row(&mut self.modules, module, || ModuleRow {
            name: module.name(),
            version: u16::try_from(module.version()).unwrap_or(u16::MAX),
            keys: 0,
            payload_bytes: 0,
            aux_blocks: 0,
        })
    }

    /// The result, once the last batch was added.
    pub(super) fn finish(self, outcome: Outcome) -> FileScan {
        let Tally {
            mut summary,
            mut profile,
            types,
            databases,
            modules,
            unlisted,
            slot_info,
            imports,
            ..
        } = self;
        profile.finish();
        summary.importing = imports.slots();
        summary.types = types.sorted();
        summary.databases = databases.into_values().collect();
        summary.modules = modules.into_values().collect();
        summary.checksum = outcome.checksum;
        summary.bytes = outcome.bytes;
        match outcome.stop {
            Stop::Ended(end) => {
                summary.bytes_read = end.offset;
                summary.trailing_bytes = summary.bytes.saturating_sub(end.offset);
            }
            Stop::Damaged(error) => {
                summary.bytes_read = error.offset();
                summary.damage = Some(Damage::new(&error, summary.keys));
            }
        }
        let complete = summary.damage.is_none();
        if let Some((check, warnings)) = slot_info.finish(complete) {
            summary.slot_info = Some(check);
            summary.warnings.extend(warnings);
        }
        let mut warnings = warnings_of(&summary);
        for (what, keys) in [
            ("databases", unlisted.database_keys),
            ("modules", unlisted.module_keys),
        ] {
            if keys > 0 {
                warnings.push(Warning::Unlisted { what, keys });
            }
        }
        if outcome.changed {
            warnings.push(Warning::SourceChanged);
        }
        summary.warnings.extend(warnings);
        FileScan { summary, profile }
    }
}

impl TypeTable {
    fn add(&mut self, key: &KeyFacts<'_>) {
        let kind = (key.data_type, key.value.encoding);
        let is_of_kind = |row: &TypeRow| (row.data_type, row.encoding) == kind;
        if !self.rows.get(self.last).is_some_and(is_of_kind) {
            self.last = self.rows.iter().position(is_of_kind).unwrap_or_else(|| {
                self.rows.push(TypeRow {
                    data_type: kind.0,
                    encoding: kind.1,
                    keys: 0,
                    elements: 0,
                    serialized_bytes: 0,
                    payload_bytes: 0,
                    memory_bytes_estimate: 0,
                    memory_unknown_keys: 0,
                });
                self.rows.len() - 1
            });
        }
        let row = &mut self.rows[self.last];
        row.keys += 1;
        row.elements = row.elements.saturating_add(key.value.elements.unwrap_or(0));
        row.serialized_bytes += key.sizes.serialized_bytes;
        row.payload_bytes += key.sizes.payload_bytes;
        match key.sizes.memory_bytes_estimate {
            Some(bytes) => {
                row.memory_bytes_estimate = row.memory_bytes_estimate.saturating_add(bytes);
            }
            None => row.memory_unknown_keys += 1,
        }
    }

    fn sorted(mut self) -> Vec<TypeRow> {
        self.rows
            .sort_unstable_by_key(|row| (row.data_type, row.encoding));
        self.rows
    }
}

impl Imports {
    fn new() -> Imports {
        let slots = usize::from(SLOT_COUNT);
        Imports {
            begin: vec![0; slots],
            end: vec![0; slots],
        }
    }

    /// Adds inclusive ranges; what lies beyond the last slot is no slot.
    fn add(&mut self, ranges: &[(u64, u64)]) {
        let last_slot = u64::from(SLOT_COUNT - 1);
        for &(first, last) in ranges {
            if first <= last && first <= last_slot {
                self.begin[first as usize] += 1;
                self.end[last.min(last_slot) as usize] += 1;
            }
        }
    }

    fn slots(&self) -> SlotSet {
        let mut open = 0u64;
        let mut slots = SlotSet::new();
        for slot in Slot::all() {
            open += self.begin[slot.index()];
            if open > 0 {
                slots.insert(slot);
            }
            open -= self.end[slot.index()];
        }
        slots
    }
}

/// The row of a key, made when there is room for it.
fn row<K: Ord, R>(rows: &mut BTreeMap<K, R>, key: K, new: impl FnOnce() -> R) -> Option<&mut R> {
    if rows.len() >= ROWS_MAX && !rows.contains_key(&key) {
        return None;
    }
    Some(rows.entry(key).or_insert_with(new))
}

/// An auxiliary field that is a decimal number.
fn number<N: std::str::FromStr>(value: &[u8]) -> Option<N> {
    str::from_utf8(value).ok()?.parse().ok()
}

/// What the totals themselves give reason to say.
fn warnings_of(summary: &FileSummary) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if let Checksum::Wrong { stored, computed } = summary.checksum {
        warnings.push(Warning::WrongChecksum { stored, computed });
    }
    if summary.trailing_bytes > 0 {
        warnings.push(Warning::TrailingBytes {
            bytes: summary.trailing_bytes,
        });
    }
    if summary.empty_collections > 0 {
        warnings.push(Warning::EmptyCollections {
            keys: summary.empty_collections,
        });
    }
    if summary.damage.is_none() {
        warnings.extend(database_totals_differ(&summary.databases));
    }
    if !summary.importing.is_empty() {
        warnings.push(Warning::ImportInProgress {
            slots: summary.importing.clone(),
        });
    }
    let modules = summary
        .types
        .iter()
        .filter(|row| row.data_type == DataType::Module);
    let (keys, payload_bytes) = modules.fold((0, 0), |(keys, bytes), row| {
        (keys + row.keys, bytes + row.payload_bytes)
    });
    if keys > 0 {
        warnings.push(Warning::Modules {
            keys,
            payload_bytes,
        });
    }
    warnings
}

fn database_totals_differ(databases: &[DatabaseRow]) -> Option<Warning> {
    let mut differing = databases.iter().filter_map(|row| {
        let declares = row.declared?;
        let counted = (row.keys, row.expiring_keys);
        (declares != counted).then_some((row.db, declares, counted))
    });
    let (db, declares, counted) = differing.next()?;
    Some(Warning::DatabaseTotalsDiffer {
        databases: 1 + differing.count() as u64,
        db,
        declares,
        counted,
    })
}
