//! Totals per type and encoding.

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
        self.rows[self.last].add(key, reference_ms);
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

/// What is known of both, together.
fn both(left: Option<u64>, right: Option<u64>, join: impl Fn(u64, u64) -> u64) -> Option<u64> {
    Some(join(left?, right?))
}
