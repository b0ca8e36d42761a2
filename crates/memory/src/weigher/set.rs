//! Sets.

use super::{Blob, Loaded, Sum, Weight};
use crate::packed::{self, LISTPACK_BYTES};
use crate::table::{BUCKET_BYTES, Dict, Hashtable, as_float};
use crate::{Model, Text};

use crate::key::ENTRY_BYTES;

/// An intset without integers (`src/intset.h`).
const INTSET_BYTES: u64 = 8;
/// An entry without a key, for a member that shares its bucket.
const KEYLESS_ENTRY_BYTES: u64 = 16;

#[derive(Debug, Clone, Default)]
pub(super) struct Set {
    pub(super) announced: u64,
    members: u64,
    string_bytes: u64,
    /// What is reported of these strings, where that differs.
    reported_string_bytes: u64,
    longest: u64,
    listpack_bytes: u64,
    /// Integers in front of the first member that is none.
    integers: u64,
    smallest: i64,
    greatest: i64,
    blob: Option<SetBlob>,
}

#[derive(Debug, Clone, Copy)]
struct SetBlob {
    blob: Blob,
    bytes: u64,
    /// It becomes a table.
    is_too_long: bool,
}

impl Set {
    /// Integers decide over the encoding of a set of which an intset could be made.
    pub(super) fn wants_texts(&self, model: &Model) -> bool {
        self.blob.is_none()
            && self.announced <= model.settings.set_max_intset_entries
            && (self.integers == self.members || self.may_be_packed(model))
    }

    fn may_be_packed(&self, model: &Model) -> bool {
        model.layout.packs_sets
            && self.announced <= model.settings.set_max_entries
            && self.longest <= model.settings.set_max_value
    }

    /// Members of one that becomes a table, see [`Set::wants_texts`].
    pub(super) fn add_run(&mut self, lengths: &[u32], model: &Model) {
        self.members += lengths.len() as u64;
        self.string_bytes = self
            .string_bytes
            .saturating_add(model.strings.heap_sum(lengths));
        if model.layout.keeps_totals {
            let reported = lengths
                .iter()
                .map(|&len| model.strings.reported(u64::from(len)));
            self.reported_string_bytes = self.reported_string_bytes.saturating_add(reported.sum());
        }
    }

    pub(super) fn add(&mut self, text: Text, model: &Model) {
        match text.integer {
            Some(integer) if self.integers == self.members => {
                let first = self.integers == 0;
                self.smallest = if first {
                    integer
                } else {
                    self.smallest.min(integer)
                };
                self.greatest = if first {
                    integer
                } else {
                    self.greatest.max(integer)
                };
                self.integers += 1;
            }
            _ => {}
        }
        self.members += 1;
        self.longest = self.longest.max(text.len);
        self.string_bytes = self
            .string_bytes
            .saturating_add(model.strings.heap(text.len));
        self.reported_string_bytes = self
            .reported_string_bytes
            .saturating_add(model.strings.reported(text.len));
        self.listpack_bytes = self
            .listpack_bytes
            .saturating_add(packed::listpack_entry(text));
    }

    pub(super) fn blob(
        &mut self,
        blob: Blob,
        bytes: u64,
        entries: Option<u64>,
        model: &Model,
    ) -> bool {
        let most = match blob {
            Blob::Intset => model.settings.set_max_intset_entries,
            _ => model.settings.set_max_entries,
        };
        let is_too_long = entries.is_none_or(|entries| entries > most);
        self.blob = Some(SetBlob {
            blob,
            bytes,
            is_too_long,
        });
        is_too_long
    }

    pub(super) fn finish(&self, model: &Model) -> Option<Weight> {
        if let Some(blob) = self.blob {
            if blob.is_too_long {
                return Some(self.table(None, model));
            }
            let loaded = match blob.blob {
                Blob::Intset => Loaded::Intset,
                _ => Loaded::Listpack,
            };
            let (reported, used) = (model.reported_blob(blob.bytes), model.usable(blob.bytes));
            return Some(Sum::exact(loaded, reported, used));
        }
        if self.announced > model.settings.set_max_intset_entries {
            return Some(self.table(None, model));
        }
        if self.integers == self.members {
            let bytes = INTSET_BYTES + self.members * self.integer_width();
            let (reported, used) = (model.reported_blob(bytes), model.usable(bytes));
            return Some(Sum::exact(Loaded::Intset, reported, used));
        }
        if self.may_be_packed(model) {
            let bytes = LISTPACK_BYTES.saturating_add(self.listpack_bytes);
            // A listpack made of an intset has room for as many entries, each as long as its longest.
            let made_for = self.integers.saturating_mul(self.widest_integer_entry());
            let used = model.usable(bytes.max(made_for));
            let reported = if model.layout.keeps_totals {
                bytes
            } else {
                used
            };
            return Some(Sum::exact(Loaded::Listpack, reported, used));
        }
        // Before 7.2 the table is made for the integers in front, and once more for all members.
        let grown = (!model.layout.packs_sets && self.integers > 0).then(|| {
            let mut dict = Dict::made_for(self.integers);
            dict.expand(self.members);
            dict.add(self.members - self.integers);
            dict
        });
        Some(self.table(grown, model))
    }

    fn integer_width(&self) -> u64 {
        let fits = |min: i64, max: i64| self.smallest >= min && self.greatest <= max;
        if fits(i16::MIN.into(), i16::MAX.into()) {
            2
        } else if fits(i32::MIN.into(), i32::MAX.into()) {
            4
        } else {
            8
        }
    }

    fn widest_integer_entry(&self) -> u64 {
        let entry = |integer| {
            packed::listpack_entry(Text {
                len: 0,
                integer: Some(integer),
            })
        };
        entry(self.smallest).max(entry(self.greatest))
    }

    fn table(&self, grown: Option<Dict>, model: &Model) -> Weight {
        let layout = model.layout;
        let n = self.members;
        if let Some(header) = layout.hashtable {
            let table = Hashtable::made_for(n);
            let chained = table.chained();
            return Sum {
                loaded: Loaded::Hashtable,
                reported: as_float(header + self.string_bytes)
                    + BUCKET_BYTES * (as_float(table.buckets) + chained),
                used: as_float(
                    model.usable(header) + model.usable(64 * table.buckets) + self.string_bytes,
                ) + BUCKET_BYTES * chained,
                variance: BUCKET_BYTES * BUCKET_BYTES * chained,
            }
            .weight();
        }
        let dict = grown.unwrap_or_else(|| Dict::made_for(n));
        let tables = [dict.buckets, dict.next_buckets];
        let reported = layout.dict + 8 * (tables[0] + tables[1]);
        let used: u64 = tables
            .iter()
            .filter(|&&buckets| buckets > 0)
            .map(|&buckets| model.usable(8 * buckets))
            .sum::<u64>()
            + model.usable(layout.dict + layout.keyless_metadata());
        let counted = |entry_bytes: u64| {
            let members = n * entry_bytes + self.string_bytes;
            super::averaged(OBJECT + reported, members, n.max(1)) - OBJECT
        };
        if !layout.has_keyless_entries {
            let used = used + n * model.usable(ENTRY_BYTES) + self.string_bytes;
            return Sum::exact(Loaded::Hashtable, counted(ENTRY_BYTES), used);
        }
        let sharing = dict.sharing();
        let used = as_float(used + self.string_bytes)
            + as_float(model.usable(KEYLESS_ENTRY_BYTES)) * sharing;
        let variance = dict.sharing_variance();
        let reported = match layout.counts_set_entries {
            _ if layout.keeps_totals => {
                as_float(reported + ENTRY_BYTES * n + self.reported_string_bytes)
            }
            true => as_float(counted(ENTRY_BYTES)),
            false => {
                as_float(reported + self.string_bytes) + as_float(KEYLESS_ENTRY_BYTES) * sharing
            }
        };
        Sum {
            loaded: Loaded::Hashtable,
            reported,
            used,
            variance,
        }
        .weight()
    }
}

/// The object, which servers count before they average.
const OBJECT: u64 = 16;
