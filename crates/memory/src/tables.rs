//! What a node needs besides its keys: the buckets of its main tables.

use std::fmt;
use std::str::FromStr;

use crate::table::{
    BUCKET_BYTES, Dict, as_float, buckets_grown_to, buckets_made_for, buckets_of_dict,
    chained_buckets,
};
use crate::target::{Keys, Layout, SlotTable};
use crate::{Allocator, Target, UnknownName};

/// Keys of a slot, of a database or of a node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeyCounts {
    /// All keys.
    pub keys: u64,
    /// Those that expire.
    pub expiring: u64,
    /// Hashes with fields that expire.
    pub with_expiring_fields: u64,
}

impl KeyCounts {
    /// Counts other keys in.
    pub fn add(&mut self, other: KeyCounts) {
        self.keys += other.keys;
        self.expiring += other.expiring;
        self.with_expiring_fields += other.with_expiring_fields;
    }
}

/// How tables came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filling {
    /// Made for the numbers that a snapshot tells in front of its keys.
    Loaded,
    /// Key by key, as a migration fills them.
    KeyByKey,
}

/// The tables that hold the keys of a node, by server, allocator and mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tables {
    target: Target,
    layout: &'static Layout,
    allocator: Allocator,
    cluster: bool,
}

impl fmt::Display for Tables {
    /// The name of the model that they belong to, as [`crate::Model::name`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = if self.cluster {
            "cluster"
        } else {
            "standalone"
        };
        write!(f, "{}-{}-{mode}", self.target, self.allocator)
    }
}

impl FromStr for Tables {
    type Err = UnknownName;

    /// Reads what [`fmt::Display`] writes.
    fn from_str(name: &str) -> Result<Tables, UnknownName> {
        let known = Target::ALL.into_iter().flat_map(|target| {
            Allocator::ALL.into_iter().flat_map(move |allocator| {
                [true, false].map(|cluster| Tables::new(target, allocator, cluster))
            })
        });
        let mut known = known.filter(|tables| tables.to_string() == name);
        known.next().ok_or_else(|| {
            UnknownName::new(
                "memory model",
                name,
                Target::ALL.map(Target::name).into_iter(),
            )
        })
    }
}

impl Tables {
    /// Those of a server.
    pub fn new(target: Target, allocator: Allocator, cluster: bool) -> Tables {
        Tables {
            target,
            layout: target.layout(),
            allocator,
            cluster,
        }
    }

    /// The server.
    pub fn target(&self) -> Target {
        self.target
    }

    /// Its allocator.
    pub fn allocator(&self) -> Allocator {
        self.allocator
    }

    /// Whether it is in cluster mode.
    pub fn is_cluster(&self) -> bool {
        self.cluster
    }

    /// Those of the same server outside of cluster mode.
    #[must_use]
    pub fn standalone(self) -> Tables {
        Tables {
            cluster: false,
            ..self
        }
    }

    /// Whether each slot has tables of its own, which move with it: in cluster mode since Redis 7.4 and Valkey 8.0.
    pub fn are_per_slot(&self) -> bool {
        self.cluster && self.layout.slot_table.is_some()
    }

    /// What the tables of a slot take that holds these keys; 0 where slots have none of their own.
    pub fn of_slot(&self, counts: KeyCounts, filling: Filling) -> u64 {
        match self.layout.slot_table {
            Some(metadata) if self.cluster => self.own(counts, metadata, filling),
            _ => 0,
        }
    }

    /// What the tables of a database take beyond those of an empty one, where slots have none of their own; otherwise 0.
    pub fn of_database(&self, counts: KeyCounts, filling: Filling) -> u64 {
        if self.are_per_slot() {
            return 0;
        }
        let shared = self.buckets(counts.keys, filling) + self.buckets(counts.expiring, filling);
        let fields = match counts.with_expiring_fields {
            n if n > 0 && self.layout.has_expiry_index() => {
                let header = self.layout.hashtable.unwrap_or_default();
                as_float(self.allocator.usable(header + VOLATILE_METADATA))
                    + self.buckets(n, filling)
            }
            _ => 0.0,
        };
        let headers = match self.layout.slot_table {
            Some(metadata) if metadata.of_databases && counts.keys > 0 => as_float(
                self.allocator.usable(self.layout.dict + metadata.keys)
                    + self.allocator.usable(self.layout.dict + metadata.expires),
            ),
            _ => 0.0,
        };
        rounded(headers + shared + fields)
    }

    /// As [`Tables::of_database`] for a server that held `before` and holds `now`: a table that keys have left is replaced
    /// by a smaller one only when less than a tenth of its buckets has a key (`src/server.h`, `HASHTABLE_MIN_FILL`).
    pub fn of_database_since(&self, before: KeyCounts, now: KeyCounts) -> u64 {
        let kept = |before: u64, now: u64| match now.saturating_mul(10) < buckets_of_dict(before) {
            true => now,
            false => now.max(before),
        };
        let counts = KeyCounts {
            keys: kept(before.keys, now.keys),
            expiring: kept(before.expiring, now.expiring),
            with_expiring_fields: now.with_expiring_fields,
        };
        self.of_database(counts, Filling::KeyByKey)
    }

    fn own(&self, counts: KeyCounts, metadata: SlotTable, filling: Filling) -> u64 {
        if counts.keys == 0 {
            return 0;
        }
        let header = self.layout.hashtable.unwrap_or(self.layout.dict);
        let table = |n: u64, metadata: u64, filling| match n {
            0 => 0.0,
            _ => as_float(self.allocator.usable(header + metadata)) + self.buckets(n, filling),
        };
        let mut bytes = table(counts.keys, metadata.keys, filling)
            + table(counts.expiring, metadata.expires, filling);
        if metadata.of_databases && filling == Filling::Loaded && counts.expiring == 0 {
            bytes += as_float(self.allocator.usable(header + metadata.expires));
        }
        if self.layout.has_expiry_index() {
            bytes += table(
                counts.with_expiring_fields,
                metadata.keys,
                Filling::KeyByKey,
            );
        }
        rounded(bytes)
    }

    /// The buckets of a table with so many entries.
    fn buckets(&self, entries: u64, filling: Filling) -> f64 {
        if entries == 0 {
            return 0.0;
        }
        if self.layout.hashtable.is_none() {
            let table = Dict::made_for(entries);
            let sharing = match self.layout.keys {
                Keys::WithValue => {
                    as_float(self.allocator.usable(KEYLESS_ENTRY_BYTES)) * table.sharing()
                }
                _ => 0.0,
            };
            return as_float(self.allocator.usable(8 * table.buckets)) + sharing;
        }
        let buckets = match filling {
            Filling::Loaded => buckets_made_for(entries),
            Filling::KeyByKey => buckets_grown_to(entries),
        };
        as_float(self.allocator.usable(64 * buckets))
            + BUCKET_BYTES * chained_buckets(entries, buckets)
    }
}

/// An entry without a key, for a key that shares its bucket.
const KEYLESS_ENTRY_BYTES: u64 = 16;
/// Metadata of the table of hashes whose fields expire.
const VOLATILE_METADATA: u64 = 16;

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "sizes are not negative"
)]
fn rounded(bytes: f64) -> u64 {
    bytes.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A snapshot names the slots that have keys, and no others.
    #[test]
    fn a_slot_without_keys_takes_nothing() {
        for target in Target::ALL {
            let tables = Tables::new(target, Allocator::Je4, true);
            for filling in [Filling::Loaded, Filling::KeyByKey] {
                let taken = tables.of_slot(KeyCounts::default(), filling);
                assert_eq!(taken, 0, "{target} {filling:?}");
            }
        }
    }

    /// The header of the table of expiries, `us(56 + 8)`, is there for every slot that a snapshot names (Redis 8.6).
    #[test]
    fn a_named_slot_without_expiries_has_a_table_for_them() {
        let tables = Tables::new(Target::Redis86, Allocator::Je4, true);
        let counts = KeyCounts {
            keys: 1,
            ..KeyCounts::default()
        };
        let of = |filling| tables.of_slot(counts, filling);
        assert_eq!(of(Filling::Loaded), of(Filling::KeyByKey) + 64);
    }
}
