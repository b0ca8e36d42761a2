//! Hashes.

use std::collections::BTreeMap;

use super::{Blob, Loaded, Sum, Weight, averaged};
use crate::key::ENTRY_BYTES;
use crate::packed::Packed;
use crate::radix::RadixTree;
use crate::table::{BUCKET_BYTES, Dict, Hashtable, as_float};
use crate::{Model, Text};

/// What a listpack whose fields expire has in front (redis 7.4 `src/t_hash.c`, `listpackEx`).
const EXPIRING_LISTPACK_BYTES: u64 = 32;
/// The same of Redis 8.6.
const EXPIRING_LISTPACK_8_6_BYTES: u64 = 24;
/// Metadata of a table whose fields expire (`dictExpireMetadata`).
const EXPIRING_TABLE_BYTES: u64 = 32;
/// Longest field and value that lie in one allocation (valkey `src/t_hash.c`).
const PAIR_BYTES_MAX: u64 = 128;
/// The header byte of a value there, its length and a final zero.
const AROUND_VALUE_BYTES: u64 = 4;
const POINTER_BYTES: u64 = 8;
const EXPIRY_BYTES: u64 = 8;
/// The same where it lies in an index of buckets (Redis 8.6).
const BUCKETED_EXPIRY_BYTES: u64 = 16;
/// An entry without a key, for a field that shares its bucket.
const KEYLESS_ENTRY_BYTES: u64 = 16;
/// The object, which servers count before they average.
const OBJECT_BYTES: u64 = 16;
/// Entries of a listpack for the expiry of a field without one.
const NO_EXPIRY: i64 = 0;
/// Windows of expiries that are told apart; more are taken to be as full as these.
const WINDOWS_MAX: usize = 1 << 16;

#[derive(Debug, Clone, Default)]
pub(super) struct Hash {
    pub(super) announced: u64,
    /// Of the field in progress.
    pub(super) name: Text,
    pub(super) value: Text,
    pub(super) expires_at_ms: Option<i64>,
    fields_expire: bool,
    fields: u64,
    pair_bytes: u64,
    /// What is reported of these pairs, where that differs.
    reported_pair_bytes: u64,
    packed: Packed,
    longest: u64,
    /// The first field whose name or value is too long for a blob.
    first_long: Option<u64>,
    /// Of the fields that have one, if any.
    expiries: Option<Box<Expiries>>,
    blob: Option<HashBlob>,
}

#[derive(Debug, Clone, Copy)]
struct HashBlob {
    blob: Blob,
    bytes: u64,
    entries: Option<u64>,
}

/// How a table came to be.
enum Made {
    /// For all fields at once.
    AtOnce,
    /// Field by field.
    Grown,
    /// From a blob, at this field.
    From(u64),
}

impl Hash {
    pub(super) fn new(fields_expire: bool) -> Hash {
        Hash {
            fields_expire,
            ..Hash::default()
        }
    }

    /// A short one becomes a blob, whose size hangs on the integers in it, up to the first field that is too long.
    pub(super) fn wants_texts(&self, model: &Model) -> bool {
        match self.blob {
            Some(_) => self.fields <= model.settings.hash_max_entries,
            None => self.may_be_packed(model),
        }
    }

    fn may_be_packed(&self, model: &Model) -> bool {
        let always_table = self.fields_expire && model.layout.is_valkey;
        !always_table
            && self.announced <= model.settings.hash_max_entries
            && self.first_long.is_none()
    }

    pub(super) fn add_run(&mut self, lengths: &[[u32; 2]], model: &Model) {
        self.fields += lengths.len() as u64;
        if model.layout.keeps_totals {
            for &[name, value] in lengths {
                self.add_reported(Pair::new(name.into(), value.into(), 0, model), model);
            }
        }
        let bytes: u64 = match model.layout.has_pairs() {
            true => lengths
                .iter()
                .map(|&[name, value]| Pair::new(name.into(), value.into(), 0, model).used(model))
                .sum(),
            false => model.strings.fields_sum(lengths),
        };
        self.pair_bytes = self.pair_bytes.saturating_add(bytes);
    }

    pub(super) fn add_field(&mut self, model: &Model) {
        let (name, value) = (self.name, self.value);
        let expiry = self.expires_at_ms.take();
        let longest = name.len.max(value.len);
        if longest > model.settings.hash_max_value && self.first_long.is_none() {
            self.first_long = Some(self.fields);
        }
        self.fields += 1;
        self.longest = self.longest.max(longest);
        let bytes = match (model.layout.has_pairs(), expiry) {
            (true, _) => {
                let expiry_bytes = match expiry {
                    Some(_) if model.layout.keeps_totals => BUCKETED_EXPIRY_BYTES,
                    Some(_) => EXPIRY_BYTES,
                    None => 0,
                };
                let pair = Pair::new(name.len, value.len, expiry_bytes, model);
                self.add_reported(pair, model);
                pair.used(model)
            }
            (false, None) => model
                .strings
                .field(name.len)
                .saturating_add(model.strings.heap(value.len)),
            (false, Some(_)) => model
                .strings
                .field_with_ttl(name.len)
                .saturating_add(model.strings.heap(value.len)),
        };
        self.pair_bytes = self.pair_bytes.saturating_add(bytes);
        self.packed.add(name, model.layout);
        self.packed.add(value, model.layout);
        if self.fields_expire {
            let integer = Some(expiry.unwrap_or(NO_EXPIRY));
            self.packed.add(Text { len: 0, integer }, model.layout);
        }
        if let Some(expiry) = expiry {
            self.expiries
                .get_or_insert_default()
                .add(expiry, model.layout.has_expiry_index());
        }
    }

    fn add_reported(&mut self, pair: Pair, model: &Model) {
        self.reported_pair_bytes = self
            .reported_pair_bytes
            .saturating_add(pair.reported(model));
    }

    pub(super) fn blob(
        &mut self,
        blob: Blob,
        bytes: u64,
        entries: Option<u64>,
        model: &Model,
    ) -> bool {
        self.blob = Some(HashBlob {
            blob,
            bytes,
            entries,
        });
        let is_made_anew = match blob {
            Blob::Zipmap => true,
            Blob::Ziplist => !model.layout.has_ziplists,
            Blob::Listpack | Blob::Intset => false,
        };
        let most = model.settings.hash_max_entries;
        is_made_anew || entries.is_none_or(|entries| entries / self.entries_per_field() > most)
    }

    fn entries_per_field(&self) -> u64 {
        if self.fields_expire { 3 } else { 2 }
    }

    pub(super) fn finish(&self, model: &Model) -> Option<Weight> {
        let packs = match model.layout.has_ziplists {
            true => Loaded::Ziplist,
            false => Loaded::Listpack,
        };
        if let Some(it) = self.blob {
            let per_field = self.entries_per_field();
            let fields = it
                .entries
                .map_or(self.fields, |entries| entries / per_field);
            let is_too_long = fields > model.settings.hash_max_entries;
            return Some(match it.blob {
                Blob::Zipmap if is_too_long || self.longest > model.settings.hash_max_value => {
                    self.table(&Made::Grown, model)
                }
                Blob::Ziplist if is_too_long && !model.layout.presizes => {
                    self.table(&Made::Grown, model)
                }
                _ if is_too_long => self.table(&Made::AtOnce, model),
                Blob::Zipmap => self.one_blob(packs, self.packed.bytes(model.layout), model),
                Blob::Ziplist if !model.layout.has_ziplists => {
                    self.one_blob(packs, self.packed.bytes(model.layout), model)
                }
                Blob::Ziplist => self.one_blob(Loaded::Ziplist, it.bytes, model),
                Blob::Listpack | Blob::Intset => self.one_blob(Loaded::Listpack, it.bytes, model),
            });
        }
        if self.may_be_packed(model) {
            return Some(self.one_blob(packs, self.packed.bytes(model.layout), model));
        }
        let is_long = self.announced > model.settings.hash_max_entries;
        let made = match (self.fields_expire, model.layout.is_valkey) {
            (true, true) => Made::AtOnce,
            (true, false) if is_long => Made::Grown,
            (false, _) if is_long => Made::AtOnce,
            _ => self.first_long.map_or(Made::AtOnce, Made::From),
        };
        Some(self.table(&made, model))
    }

    fn one_blob(&self, loaded: Loaded, bytes: u64, model: &Model) -> Weight {
        let (reported, used) = (model.reported_blob(bytes), model.usable(bytes));
        match self.fields_expire {
            false => Sum::exact(loaded, reported, used),
            true => {
                let head = match model.layout.keeps_totals {
                    true => EXPIRING_LISTPACK_8_6_BYTES,
                    false => model.usable(EXPIRING_LISTPACK_BYTES),
                };
                let used = used.saturating_add(model.usable(head));
                Sum::exact(Loaded::ListpackEx, reported.saturating_add(head), used)
            }
        }
    }

    fn table(&self, made: &Made, model: &Model) -> Weight {
        match model.layout.hashtable {
            Some(header) => self.hashtable(header + model.layout.hash_metadata, made, model),
            None => self.dict(made, model),
        }
    }

    fn hashtable(&self, header: u64, made: &Made, model: &Model) -> Weight {
        let n = self.fields;
        let mut table = Hashtable::default();
        match *made {
            Made::AtOnce => table = Hashtable::made_for(n),
            Made::Grown => table.add(n),
            Made::From(first) => {
                if first > 0 {
                    table.expand(first);
                }
                table.add(first + 1);
                table.expand(n - first - 1);
                table.add(n - first - 1);
            }
        }
        let chained = table.chained();
        let buckets = table.buckets + table.next_buckets;
        let index = match &self.expiries {
            Some(expiries) if model.layout.has_expiry_index() => expiries.index(model),
            _ => 0.0,
        };
        let next = match table.next_buckets {
            0 => 0,
            buckets => model.usable(64 * buckets),
        };
        let used = model.usable(header) + model.usable(64 * table.buckets) + next;
        let rest = BUCKET_BYTES * chained + as_float(self.pair_bytes) + index;
        Sum {
            loaded: Loaded::Hashtable,
            reported: as_float(header) + BUCKET_BYTES * as_float(buckets) + rest,
            used: as_float(used) + rest,
            variance: BUCKET_BYTES * BUCKET_BYTES * chained,
        }
        .weight()
    }

    fn dict(&self, made: &Made, model: &Model) -> Weight {
        let n = self.fields;
        let presizes = model.layout.presizes;
        let mut dict = Dict::default();
        match *made {
            Made::AtOnce => dict = Dict::made_for(n),
            Made::Grown => dict.add(n),
            Made::From(first) => {
                if presizes {
                    dict.expand(first);
                }
                // With expiries the table is made in front of the field, without behind it.
                let in_front = first + u64::from(!self.fields_expire);
                dict.add(in_front);
                // Up to 8.0, it is then made for the fields that are left, not for all.
                dict.expand(match model.layout.keeps_totals {
                    true => n,
                    false => n - first - 1,
                });
                dict.add(n - in_front);
            }
        }
        let header = model.layout.dict;
        let metadata = match self.fields_expire {
            true => EXPIRING_TABLE_BYTES,
            false => model.layout.keyless_metadata(),
        };
        let next = match dict.next_buckets {
            0 => 0,
            buckets => model.usable(8 * buckets),
        };
        let tables = header + 8 * (dict.buckets + dict.next_buckets);
        let reported = match model.layout.keeps_totals {
            true => (tables + ENTRY_BYTES * n).saturating_add(self.reported_pair_bytes),
            false => {
                let entries = self.pair_bytes.saturating_add(ENTRY_BYTES * n);
                averaged(OBJECT_BYTES + tables, entries, n.max(1)) - OBJECT_BYTES
            }
        };
        let used = model.usable(header + metadata) + model.usable(8 * dict.buckets) + next;
        let (entries, variance) = match model.layout.has_keyless_pairs {
            true => (
                as_float(model.usable(KEYLESS_ENTRY_BYTES)) * dict.sharing(),
                dict.sharing_variance(),
            ),
            false => (as_float(model.usable(ENTRY_BYTES) * n), 0.0),
        };
        let index = self
            .expiries
            .as_ref()
            .map_or(0.0, |expiries| expiries.buckets(model));
        Sum {
            loaded: Loaded::Hashtable,
            reported: as_float(reported),
            used: as_float(used) + entries + as_float(self.pair_bytes) + index,
            variance,
        }
        .weight()
    }
}

/// A field with its value, on servers that put both into one allocation where they are short.
#[derive(Debug, Clone, Copy)]
struct Pair {
    /// The allocation of the field, with the value where that lies in it.
    field: u64,
    /// A value of its own.
    value: Option<u64>,
}

impl Pair {
    #[inline]
    fn new(name: u64, value: u64, expiry_bytes: u64, model: &Model) -> Pair {
        let strings = &model.strings;
        let field = match expiry_bytes {
            0 => strings.embedded(name),
            bytes => strings.embedded_with_flags(name).saturating_add(bytes),
        };
        let together = field
            .saturating_add(AROUND_VALUE_BYTES)
            .saturating_add(value);
        if together <= PAIR_BYTES_MAX {
            return Pair {
                field: together,
                value: None,
            };
        }
        let field = strings.embedded_with_flags(name);
        Pair {
            field: field.saturating_add(expiry_bytes + POINTER_BYTES),
            value: Some(value),
        }
    }

    #[inline]
    fn used(self, model: &Model) -> u64 {
        let value = self.value.map_or(0, |len| model.strings.heap(len));
        model.usable(self.field).saturating_add(value)
    }

    /// As a sum that the server keeps counts it.
    #[inline]
    fn reported(self, model: &Model) -> u64 {
        let value = self.value.map_or(0, |len| model.strings.reported(len));
        self.field.saturating_add(value)
    }
}

/// The expiries of fields.
#[derive(Debug, Clone, Default)]
struct Expiries {
    fields: u64,
    /// Fields by the end of the window that their expiry lies in.
    windows: BTreeMap<i64, u64>,
    /// Fields of windows that found no room there.
    elsewhere: u64,
}

/// A window of the index of expiries (valkey 9 `src/vset.c`): 8.192 seconds.
const WINDOW_MS: i64 = 8_192;
/// Fields up to which the index is one vector, and a vector of two.
const VECTOR_FIELDS_MAX: u64 = 127;
const VECTOR_OF_TWO_BYTES: u64 = 24;
/// A radix tree's header with its metadata (valkey `src/rax.h`).
const TREE_BYTES: u64 = 32;
/// Fields of a segment of Redis's index where expiries are spread, as they were measured, and the sizes of a segment and
/// of the index (redis 7.4 `src/ebuckets.c`).
const SEGMENT_FIELDS: f64 = 11.0;
const SEGMENT_BYTES: f64 = 48.0;
const LIST_FIELDS_MAX: u64 = 16;
const INDEX_BYTES: u64 = 40;

impl Expiries {
    fn add(&mut self, expires_at_ms: i64, is_indexed: bool) {
        self.fields += 1;
        if !is_indexed {
            return;
        }
        let window = (expires_at_ms & !(WINDOW_MS - 1)).saturating_add(WINDOW_MS);
        if self.windows.len() < WINDOWS_MAX || self.windows.contains_key(&window) {
            *self.windows.entry(window).or_default() += 1;
        } else {
            self.elsewhere += 1;
        }
    }

    /// The index of Valkey 9.
    fn index(&self, model: &Model) -> f64 {
        if self.fields <= VECTOR_FIELDS_MAX {
            return as_float(vector(self.fields, model));
        }
        let mut tree = RadixTree::new(model.allocator);
        for window in self.windows.keys() {
            tree.add(&window.to_be_bytes());
        }
        let vectors: u64 = self.windows.values().map(|&n| vector(n, model)).sum();
        let told = as_float(vectors + tree.finish().node_bytes);
        let fields = as_float(self.fields);
        as_float(model.usable(TREE_BYTES)) + told * fields / (fields - as_float(self.elsewhere))
    }

    /// The index of Redis.
    fn buckets(&self, model: &Model) -> f64 {
        if self.fields <= LIST_FIELDS_MAX {
            return 0.0;
        }
        let segment = as_float(model.usable(16)) + SEGMENT_BYTES;
        as_float(model.usable(INDEX_BYTES)) + as_float(self.fields) / SEGMENT_FIELDS * segment
    }
}

/// A vector of pointers; a single one stands in the place of the vector.
fn vector(fields: u64, model: &Model) -> u64 {
    match fields {
        0 | 1 => 0,
        2 => VECTOR_OF_TWO_BYTES,
        n => model.usable(8 + 8 * n),
    }
}
