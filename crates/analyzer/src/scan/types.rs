//! Totals per type and encoding.

use preshard_parser::{DataType, Encoding};

use super::short_rows::ShortTotals;
use crate::{KeyFacts, TypeRow};

/// A row per type and encoding: a dozen, so the search is short where the last one does not fit.
#[derive(Default)]
pub(super) struct TypeTable {
    rows: Vec<TypeRow>,
    last: usize,
}

impl TypeTable {
    /// Adds a key; `reference_ms` is the time before which expiries are past, the same for all keys.
    pub(super) fn add(&mut self, key: &KeyFacts<'_>, reference_ms: Option<i64>) {
        self.row((key.data_type, key.value.encoding), reference_ms)
            .add(key, reference_ms);
    }

    /// Adds keys that hold short strings, and the expiries of those that have one.
    pub(super) fn add_shorts(
        &mut self,
        totals: &ShortTotals,
        expiries_ms: &[i64],
        reference_ms: Option<i64>,
    ) {
        self.row((DataType::String, Encoding::Raw), reference_ms)
            .add_shorts(totals, expiries_ms, reference_ms);
    }

    fn row(&mut self, kind: (DataType, Encoding), reference_ms: Option<i64>) -> &mut TypeRow {
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
                    memory_variance: 0,
                    element_bytes: Some(0),
                    largest_element_bytes: Some(0),
                    broken_keys: 0,
                    expired_keys: reference_ms.map(|_| 0),
                    fields_with_ttl: 0,
                    fields_expired: reference_ms.map(|_| 0),
                    groups: 0,
                    consumers: 0,
                    pending: 0,
                    deleted_entries: 0,
                });
                self.rows.len() - 1
            });
        }
        &mut self.rows[self.last]
    }

    pub(super) fn sorted(mut self) -> Vec<TypeRow> {
        self.rows
            .sort_unstable_by_key(|row| (row.data_type, row.encoding));
        self.rows
    }
}

impl TypeRow {
    fn add(&mut self, key: &KeyFacts<'_>, reference_ms: Option<i64>) {
        let value = &key.value;
        self.keys += 1;
        self.elements = self.elements.saturating_add(value.elements.unwrap_or(0));
        self.serialized_bytes += key.sizes.serialized_bytes;
        self.payload_bytes += key.sizes.payload_bytes;
        match key.sizes.memory_bytes_estimate {
            Some(bytes) => {
                self.memory_bytes_estimate = self.memory_bytes_estimate.saturating_add(bytes);
            }
            None => self.memory_unknown_keys += 1,
        }
        self.memory_variance = self
            .memory_variance
            .saturating_add(key.sizes.memory_variance);
        self.element_bytes = both(self.element_bytes, value.element_bytes, u64::saturating_add);
        self.largest_element_bytes = both(
            self.largest_element_bytes,
            value.largest_element_bytes,
            u64::max,
        );
        self.broken_keys += u64::from(value.broken_nodes > 0);
        if let (Some(expired), Some(reference), Some(expiry)) =
            (&mut self.expired_keys, reference_ms, key.expires_at_ms)
        {
            *expired += u64::from(expiry < reference);
        }
        self.fields_with_ttl = self.fields_with_ttl.saturating_add(value.fields_with_ttl);
        self.fields_expired = both(
            self.fields_expired,
            value.fields_expired,
            u64::saturating_add,
        );
        self.groups = self.groups.saturating_add(value.groups);
        self.consumers = self.consumers.saturating_add(value.consumers);
        self.pending = self.pending.saturating_add(value.pending);
        self.deleted_entries = self.deleted_entries.saturating_add(value.deleted_entries);
    }
}

impl TypeRow {
    fn add_shorts(&mut self, totals: &ShortTotals, expiries_ms: &[i64], reference_ms: Option<i64>) {
        self.keys += totals.keys;
        self.elements = self.elements.saturating_add(totals.value_bytes);
        self.serialized_bytes += totals.serialized_bytes;
        self.payload_bytes += totals.payload_bytes;
        self.memory_bytes_estimate = self
            .memory_bytes_estimate
            .saturating_add(totals.memory_bytes_estimate);
        self.memory_unknown_keys += totals.memory_unknown_keys;
        let (all, largest) = (totals.value_bytes, totals.largest_value_bytes);
        self.element_bytes = both(self.element_bytes, Some(all), u64::saturating_add);
        self.largest_element_bytes = both(self.largest_element_bytes, Some(largest), u64::max);
        if let (Some(expired), Some(reference)) = (&mut self.expired_keys, reference_ms) {
            let is_past = |expiry: &&i64| **expiry < reference;
            *expired += expiries_ms.iter().filter(is_past).count() as u64;
        }
    }
}

/// What is known of both, together.
fn both(left: Option<u64>, right: Option<u64>, join: impl Fn(u64, u64) -> u64) -> Option<u64> {
    Some(join(left?, right?))
}
