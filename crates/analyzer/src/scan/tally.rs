//! The totals of a file, folded in file order.

use std::collections::BTreeMap;
use std::path::Path;

use preshard_memory::KeyCounts;
use preshard_parser::salvage::Gap;
use preshard_parser::{Header, ModuleId, RecordKind};
use preshard_slots::SlotSet;

use super::batch::{Batch, Place};
use super::claims::Claims;
use super::functions::Functions;
use super::imports::Imports;
use super::layers::Wrapped;
use super::ledger::Ledger;
use super::short::Short;
use super::short_rows::ShortRows;
use super::stop::Stop;
use super::types::TypeTable;
use super::unnamed::Unnamed;
use super::warnings::warnings;
use super::{Outcome, ScanOptions};
use crate::{
    Checksum, Damage, DatabaseRow, FileScan, FileSummary, KeyFacts, LoadedMemory, ModuleRow,
    SlotProfile,
};

/// Most databases, and most modules, that are listed: servers have 16 databases by default, and a file
/// that names millions must not fill the memory.
const ROWS_MAX: usize = 1_024;

/// What has been counted so far.
pub(super) struct Tally {
    summary: FileSummary,
    profile: SlotProfile,
    short_rows: ShortRows,
    unnamed: Unnamed,
    types: TypeTable,
    databases: BTreeMap<u64, DatabaseRow>,
    modules: BTreeMap<ModuleId, ModuleRow>,
    claims: Claims,
    functions: Functions,
    imports: Imports,
    ledger: Ledger,
    odd: Odd,
}

/// What stands in the file that no table shows.
#[derive(Default)]
pub(super) struct Odd {
    /// Keys of databases beyond [`ROWS_MAX`].
    pub(super) unlisted_database_keys: u64,
    /// Keys of modules beyond [`ROWS_MAX`].
    pub(super) unlisted_module_keys: u64,
    pub(super) highest_db: u64,
    /// Attributes of keys that a later one replaced.
    pub(super) replaced_attributes: u64,
    /// Attributes in front of the end.
    pub(super) attributes_without_key: u64,
    pub(super) unreadable_aux_fields: u64,
    pub(super) is_append_only_base: bool,
    /// Commands between the keys.
    pub(super) commands: u64,
}

impl Tally {
    pub(super) fn new(path: &Path, header: Header, options: &ScanOptions<'_>) -> Tally {
        Tally {
            summary: FileSummary {
                path: path.to_owned(),
                wrapping: Vec::new(),
                layers: Vec::new(),
                file_bytes: None,
                bytes: 0,
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
                detail: options.detail,
                reference_ms: options.reference_ms,
                types: Vec::new(),
                databases: Vec::new(),
                functions: 0,
                libraries: Vec::new(),
                modules: Vec::new(),
                empty_collections: 0,
                slot_info: None,
                loaded_memory: LoadedMemory::default(),
                importing: SlotSet::new(),
                checksum: Checksum::NotReached,
                damage: None,
                salvage: None,
                changed: false,
                trailing_bytes: 0,
                account: Vec::new(),
                claims: Vec::new(),
                warnings: Vec::new(),
            },
            profile: SlotProfile::new(
                options.cost.name(),
                options.memory.tables(),
                options.floor_block_ns,
                options.floor_payload_bytes,
            ),
            short_rows: ShortRows::new(options),
            unnamed: Unnamed::new(),
            types: TypeTable::default(),
            databases: BTreeMap::new(),
            modules: BTreeMap::new(),
            claims: Claims::default(),
            functions: Functions::default(),
            imports: Imports::new(),
            ledger: Ledger::default(),
            odd: Odd::default(),
        }
    }

    /// Adds a batch; batches must come in file order.
    pub(super) fn add(&mut self, batch: &Batch<'_>, options: &ScanOptions<'_>) {
        let mut from = Place::default();
        for (until, note) in &batch.notes {
            self.add_between(batch, from, *until, options);
            from = *until;
            self.add_note(note);
        }
        self.add_between(batch, from, batch.place(), options);
        self.summary.empty_collections += batch.empty_collections;
        self.odd.replaced_attributes += batch.replaced_attributes;
        self.ledger.append(&batch.ledger);
        self.claims.look_at_newest(&batch.newest);
    }

    fn add_between(
        &mut self,
        batch: &Batch<'_>,
        from: Place,
        until: Place,
        options: &ScanOptions<'_>,
    ) {
        self.add_keys(&batch.keys[from.keys..until.keys]);
        if until.shorts > from.shorts {
            self.add_shorts(
                &batch.shorts[from.shorts..until.shorts],
                &batch.short_expiries_ms[from.short_expiries..until.short_expiries],
                options,
            );
        }
    }

    fn add_shorts(&mut self, keys: &[Short], expiries_ms: &[i64], options: &ScanOptions<'_>) {
        let (rows, unnamed) = (&mut self.short_rows, &mut self.unnamed);
        let totals = rows.add(keys, options, &mut self.profile, unnamed);
        self.summary.keys += totals.keys;
        self.summary.expiring_keys += totals.expiring_keys;
        self.types
            .add_shorts(&totals, expiries_ms, options.reference_ms);
        let counts = KeyCounts {
            keys: totals.keys,
            expiring: totals.expiring_keys,
            with_expiring_fields: 0,
        };
        self.add_to_database(self.claims.database(), counts);
        self.claims.count_shorts(keys, expiries_ms);
        self.ledger.add_shorts(&totals);
    }

    fn add_keys(&mut self, keys: &[KeyFacts<'_>]) {
        for key in keys {
            self.summary.keys += 1;
            self.summary.expiring_keys += u64::from(key.expires_at_ms.is_some());
            self.types.add(key, self.summary.reference_ms);
            let expires = key.expiring();
            let counts = KeyCounts {
                keys: 1,
                expiring: expires.key.into(),
                with_expiring_fields: expires.fields.into(),
            };
            self.add_to_database(key.db, counts);
            if let Some(module) = key.value.module {
                match self.module_row(module) {
                    Some(row) => {
                        row.keys += 1;
                        row.payload_bytes += key.sizes.payload_bytes;
                    }
                    None => self.odd.unlisted_module_keys += 1,
                }
            }
            self.claims.count(key);
            match self.profile.is_above_floor(key) {
                true => self.profile.add(key),
                false => self.add_unnamed(key),
            }
        }
    }

    fn add_unnamed(&mut self, key: &KeyFacts<'_>) {
        self.unnamed.add(
            key.slot,
            key.expiring(),
            &key.sizes,
            key.cost,
            &mut self.profile,
        );
    }

    fn add_to_database(&mut self, db: u64, counts: KeyCounts) {
        match self.database_row(db) {
            Some(row) => {
                row.keys += counts.keys;
                row.expiring_keys += counts.expiring;
                row.keys_with_expiring_fields += counts.with_expiring_fields;
            }
            None => self.odd.unlisted_database_keys += counts.keys,
        }
    }

    fn add_note(&mut self, note: &RecordKind<'_>) {
        match note {
            RecordKind::Aux { name, value } => self.claims.add_aux(name, value),
            RecordKind::SelectDb { db } => {
                self.claims.select_database(*db);
                self.odd.highest_db = self.odd.highest_db.max(*db);
            }
            RecordKind::ResizeDb {
                keys,
                expiring_keys,
            } => {
                if let Some(row) = self.database_row(self.claims.database()) {
                    let repeated = row.declared.replace((*keys, *expiring_keys)).is_some();
                    self.claims.add_sizes(repeated);
                }
            }
            RecordKind::SlotInfo(info) => self.claims.add_slot_totals(*info),
            RecordKind::Function { source } => self.functions.add(source),
            RecordKind::ModuleAux { module } => {
                if let Some(row) = self.module_row(*module) {
                    row.aux_blocks += 1;
                }
            }
            RecordKind::SlotImport { ranges, .. } => self.imports.add(ranges),
            RecordKind::Update { .. } => self.odd.commands += 1,
            _ => {}
        }
    }

    /// Takes in bytes between batches of which nothing is known.
    pub(super) fn add_gap(&mut self, gap: &Gap) {
        self.ledger.add_gap(&gap.range);
        self.claims.interrupt();
        if self.summary.damage.is_none() {
            self.summary.damage = Some(Damage::new(&gap.error, self.summary.keys));
        }
    }

    fn database_row(&mut self, db: u64) -> Option<&mut DatabaseRow> {
        row(&mut self.databases, db, || DatabaseRow {
            db,
            keys: 0,
            expiring_keys: 0,
            keys_with_expiring_fields: 0,
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
    pub(super) fn finish(mut self, outcome: &Outcome, options: &ScanOptions<'_>) -> FileScan {
        self.short_rows.empty_into(options, &mut self.profile);
        self.unnamed.empty_into(&mut self.profile);
        self.profile.finish();
        let summary = &mut self.summary;
        summary.importing = self.imports.slots();
        summary.types = self.types.sorted();
        summary.databases = self.databases.into_values().collect();
        summary.modules = self.modules.into_values().collect();
        (summary.functions, summary.libraries) = self.functions.finish();
        summary.checksum = outcome.checksum;
        summary.salvage = outcome.salvage.clone();
        summary.changed = outcome.changed;
        summary.bytes = outcome.bytes;
        summary.trailing_bytes = outcome.behind.bytes;
        summary.layers = outcome.layers.iter().map(Wrapped::layer).collect();
        match &outcome.stop {
            Stop::Ended(end) => {
                let unknown = outcome
                    .salvage
                    .as_ref()
                    .map_or(0, |found| found.unknown_bytes);
                summary.bytes_read = end.offset.saturating_sub(unknown);
                self.odd.attributes_without_key = end.lost_attributes;
                let missing = outcome
                    .layers
                    .iter()
                    .find_map(|layer| layer.missing.as_ref());
                summary.damage = match (&outcome.failure, missing) {
                    (Some(failure), _) => Some(Damage::behind(summary, failure)),
                    (None, Some(missing)) => Some(Damage::missing(summary, missing)),
                    (None, None) => summary.damage.take(),
                };
            }
            Stop::Damaged(error) => {
                summary.bytes_read = match &outcome.salvage {
                    Some(found) => outcome.bytes.saturating_sub(found.unknown_bytes),
                    None => error.offset(),
                };
                summary.trailing_bytes = 0;
                if summary.damage.is_none() {
                    summary.damage = Some(Damage::new(error, summary.keys));
                }
            }
        }
        self.odd.is_append_only_base = self.claims.is_append_only_base();
        self.odd.unreadable_aux_fields = self.claims.unreadable_aux_fields();
        self.claims.finish(summary, &self.profile, outcome);
        summary.account = self.ledger.close(outcome);
        summary.warnings = warnings(summary, outcome, &self.odd);
        FileScan {
            summary: self.summary,
            profile: self.profile,
        }
    }
}

/// The row of a key, made when there is room for it.
fn row<K: Ord, R>(rows: &mut BTreeMap<K, R>, key: K, new: impl FnOnce() -> R) -> Option<&mut R> {
    if rows.len() >= ROWS_MAX && !rows.contains_key(&key) {
        return None;
    }
    Some(rows.entry(key).or_insert_with(new))
}
