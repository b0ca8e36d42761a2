//! The totals of a file, folded in file order.

use std::collections::BTreeMap;

use preshard_parser::source::Source;
use preshard_parser::{DataType, Family, Header, ModuleId, RecordKind, Str};
use preshard_slots::{SLOT_COUNT, Slot, SlotSet};

use super::ScanOptions;
use super::aux_fields::{AuxFields, Meaning};
use super::batch::Batch;
use super::behind::Behind;
use super::claims::{self, Expiries, Newest, OddSizes, SlotTotals};
use super::frontier::Stop;
use super::functions::Functions;
use super::ledger::Ledger;
use crate::{
    Checksum, Claim, ClaimVerdict, Damage, DatabaseRow, FileScan, FileSummary, KeyFacts, ModuleRow,
    SlotProfile, TypeRow, Warning,
};

/// Most databases, and most modules, that are listed: servers have 16 databases by default, and a file
/// that names millions must not fill the memory.
const ROWS_MAX: usize = 1_024;
/// Databases of a server that was not told otherwise (`databases` in its configuration).
const DATABASES_DEFAULT: u64 = 16;
/// Bytes behind the end that are looked at to tell what they are.
const BEHIND_HEAD_BYTES: usize = 128;

/// What has been counted so far.
pub(super) struct Tally {
    summary: FileSummary,
    profile: SlotProfile,
    types: TypeTable,
    databases: BTreeMap<u64, DatabaseRow>,
    modules: BTreeMap<ModuleId, ModuleRow>,
    /// Keys of databases and modules beyond [`ROWS_MAX`].
    unlisted: Unlisted,
    /// The database selected last.
    db: Option<u64>,
    highest_db: u64,
    odd_sizes: OddSizes,
    aux: AuxFields,
    functions: Functions,
    slot_totals: SlotTotals,
    expiries: Expiries,
    newest: Newest,
    imports: Imports,
    ledger: Ledger,
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
    pub(super) fn new(source: &Source, header: Header, options: &ScanOptions<'_>) -> Tally {
        Tally {
            summary: FileSummary {
                path: source.path().to_owned(),
                bytes: source.bytes().len() as u64,
                bytes_read: 0,
                header,
                written_by: None,
                written_at_s: None,
                used_memory_bytes: None,
                aux: Vec::new(),
                aux_unlisted: 0,
                scripts: 0,
                keys: 0,
                expiring_keys: 0,
                expired_when_written: None,
                types: Vec::new(),
                databases: Vec::new(),
                functions: 0,
                libraries: Vec::new(),
                modules: Vec::new(),
                empty_collections: 0,
                slot_info: None,
                importing: SlotSet::new(),
                checksum: Checksum::NotReached,
                damage: None,
                changed: false,
                trailing_bytes: 0,
                account: Vec::new(),
                claims: Vec::new(),
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
            db: None,
            highest_db: 0,
            odd_sizes: OddSizes::default(),
            aux: AuxFields::default(),
            functions: Functions::default(),
            slot_totals: SlotTotals::default(),
            expiries: Expiries::default(),
            newest: Newest::default(),
            imports: Imports::new(),
            ledger: Ledger::default(),
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
            self.ledger.append(&batch.ledger);
            self.newest.append(&batch.newest);
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
            self.slot_totals.count(key);
            self.expiries.count(key);
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
                self.slot_totals.select_database();
                self.db = Some(*db);
                self.highest_db = self.highest_db.max(*db);
            }
            RecordKind::ResizeDb {
                keys,
                expiring_keys,
            } => self.add_sizes((*keys, *expiring_keys)),
            RecordKind::SlotInfo(info) => self.slot_totals.declare(self.db.unwrap_or(0), *info),
            RecordKind::Function { source } => self.functions.add(source),
            RecordKind::ModuleAux { module } => {
                if let Some(row) = self.module_row(*module) {
                    row.aux_blocks += 1;
                }
            }
            RecordKind::SlotImport { ranges, .. } => self.imports.add(ranges),
            _ => {}
        }
    }

    fn add_aux(&mut self, name: &Str<'_>, value: &Str<'_>) {
        match self.aux.add(name, value) {
            Meaning::Nothing => {}
            Meaning::WrittenAt(unix_s) => {
                self.summary.written_at_s.get_or_insert(unix_s);
                self.expiries.written_at(unix_s);
            }
            Meaning::SlotTotals(info) => self.slot_totals.declare(self.db.unwrap_or(0), info),
            Meaning::UnreadableSlotTotals => self.slot_totals.unreadable(),
        }
    }

    /// Takes in the sizes of the selected database.
    fn add_sizes(&mut self, declared: (u64, u64)) {
        self.odd_sizes.unselected += u64::from(self.db.is_none());
        let Some(row) = self.database_row(self.db.unwrap_or(0)) else {
            return;
        };
        let repeated = row.declared.replace(declared).is_some();
        self.odd_sizes.repeated += u64::from(repeated);
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
    pub(super) fn finish(mut self, source: &Source, stop: Stop, checksum: Checksum) -> FileScan {
        self.profile.finish();
        let summary = &mut self.summary;
        summary.importing = self.imports.slots();
        summary.types = self.types.sorted();
        summary.databases = self.databases.into_values().collect();
        summary.modules = self.modules.into_values().collect();
        (summary.functions, summary.libraries) = self.functions.finish();
        summary.aux = self.aux.listed;
        summary.aux_unlisted = self.aux.unlisted;
        summary.scripts = self.aux.scripts;
        summary.written_by = self.aux.server;
        summary.used_memory_bytes = self.aux.used_memory_bytes;
        summary.expired_when_written = self.expiries.expired_when_written();
        summary.checksum = checksum;
        // That the file cannot be looked at any more is reason enough to doubt what was read.
        summary.changed = source.changed().unwrap_or(true);
        let mut behind = None;
        match &stop {
            Stop::Ended(end) => {
                summary.bytes_read = end.offset;
                let rest = usize::try_from(end.offset).ok();
                let rest = rest
                    .and_then(|from| source.bytes().get(from..))
                    .unwrap_or_default();
                let head = &rest[..rest.len().min(BEHIND_HEAD_BYTES)];
                let found = Behind::look(head, summary.bytes.saturating_sub(end.offset));
                summary.trailing_bytes = found.bytes();
                behind = Some(found);
            }
            Stop::Damaged(error) => {
                summary.bytes_read = error.offset();
                summary.damage = Some(Damage::new(error, summary.keys));
            }
        }
        summary.account = self
            .ledger
            .close(summary.bytes, &stop, &behind.unwrap_or_default());
        let complete = summary.damage.is_none();
        let (slot_info, slot_claim) = self.slot_totals.finish(complete).unzip();
        summary.slot_info = slot_info;
        let told = &self.aux.told;
        summary.claims = [
            Some(claims::format_version(summary.header, &self.newest)),
            claims::server(summary.header, told, summary.written_by.as_ref()),
            claims::word_size(told, summary),
            self.expiries.claim(summary.expiring_keys),
            claims::used_memory(summary),
            claims::append_only(told, behind.as_ref()),
            claims::database_totals(&summary.databases, self.odd_sizes, complete),
            slot_claim,
        ]
        .into_iter()
        .flatten()
        .chain(self.aux.contradictions)
        .collect();
        let mut warnings = warnings_of(summary, behind);
        if self.highest_db >= DATABASES_DEFAULT {
            warnings.push(Warning::DatabaseBeyondDefault {
                db: self.highest_db,
            });
        }
        for (what, keys) in [
            ("databases", self.unlisted.database_keys),
            ("modules", self.unlisted.module_keys),
        ] {
            if keys > 0 {
                warnings.push(Warning::Unlisted { what, keys });
            }
        }
        if self.aux.unreadable > 0 {
            warnings.push(Warning::UnreadableAuxFields {
                fields: self.aux.unreadable,
            });
        }
        if summary.changed {
            warnings.push(Warning::SourceChanged);
        }
        summary.warnings = warnings;
        FileScan {
            summary: self.summary,
            profile: self.profile,
        }
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

/// What the totals themselves give reason to say.
fn warnings_of(summary: &FileSummary, behind: Option<Behind>) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if let Checksum::Wrong { stored, computed } = summary.checksum {
        warnings.push(Warning::WrongChecksum { stored, computed });
    }
    let behind = behind.unwrap_or_default();
    if behind.commands > 0 {
        warnings.push(Warning::CommandsBehind {
            bytes: behind.commands,
        });
    }
    if behind.other > 0 {
        warnings.push(Warning::TrailingBytes {
            bytes: behind.other,
        });
    }
    if summary.empty_collections > 0 {
        warnings.push(Warning::EmptyCollections {
            keys: summary.empty_collections,
        });
    }
    let differs = |claim: &&Claim| claim.verdict == ClaimVerdict::Differs;
    let differing = summary.claims.iter().filter(differs).cloned();
    warnings.extend(differing.map(Warning::ClaimDiffers));
    warnings.extend(databases_in_cluster(summary));
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

/// In cluster mode servers before Valkey 9 have database 0 only.
fn databases_in_cluster(summary: &FileSummary) -> Option<Warning> {
    let is_of_cluster = summary.slot_info.is_some() && summary.header.family == Family::Redis;
    let elsewhere = summary.databases.iter().filter(|row| row.db != 0);
    let keys = elsewhere.fold(0, |keys, row| keys + row.keys);
    (is_of_cluster && keys > 0).then_some(Warning::DatabasesInCluster { keys })
}
