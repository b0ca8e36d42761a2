//! Which memory model stands for which server, and what a snapshot takes there.

use preshard_memory::{Filling, KeyCounts, Tables, Target};
use preshard_slots::Slot;

use crate::{DatabaseRow, FileScan, FileSummary, Product, Server, SlotProfile};

/// A server line whose memory is modelled, for the server that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryTarget {
    /// The line that is modelled.
    pub target: Target,
    /// Whether it is the server's own.
    pub is_own: bool,
    /// What the choice rests on, for people: `Redis 7.0`, `Redis 8.4 has no model; uses redis-8.0`.
    pub basis: String,
}

/// Lines without a model of their own, and whose stands in: that of the line whose structures they share or come nearest.
const STAND_INS: [(Product, (u32, u32), Target); 6] = [
    // Keys lie as in 8.6, hashes and sorted sets as in 8.0, which is the more.
    (Product::Redis, (8, 2), Target::Redis80),
    (Product::Redis, (8, 4), Target::Redis80),
    // Branched off on the way from 7.2 to 7.4, with tables of slots already.
    (Product::Redict, (7, 3), Target::Redis74),
    (Product::Valkey, (7, 2), Target::Redis72),
    (Product::Valkey, (9, 0), Target::Valkey81),
    (Product::Valkey, (9, 2), Target::Valkey91),
];

/// What the keys of a snapshot take on a server that loads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LoadedMemory {
    /// The keys themselves, those whose memory is known.
    pub keys_bytes: u64,
    /// The tables that hold them.
    pub tables_bytes: u64,
    /// The same tables on a server in the mode that the snapshot was written in, as far as it tells: one that keeps tables
    /// for each slot also writes how many keys each has.
    pub tables_as_written_bytes: u64,
    /// The variance of the keys' memory, bytes squared.
    pub variance: u64,
    /// Keys whose memory cannot be known.
    pub unknown_keys: u64,
}

impl LoadedMemory {
    /// Keys and tables: what `used_memory` grows by.
    pub fn used_bytes(&self) -> u64 {
        self.keys_bytes.saturating_add(self.tables_bytes)
    }

    /// The same of the server that wrote the snapshot, were it one of this model.
    pub fn used_as_written_bytes(&self) -> u64 {
        self.keys_bytes.saturating_add(self.tables_as_written_bytes)
    }

    /// What a snapshot takes on the server whose memory was computed, once it has loaded it.
    pub(crate) fn of(summary: &FileSummary, profile: &SlotProfile) -> LoadedMemory {
        let mut memory = LoadedMemory::default();
        for row in &summary.types {
            memory.keys_bytes = memory.keys_bytes.saturating_add(row.memory_bytes_estimate);
            memory.variance = memory.variance.saturating_add(row.memory_variance);
            memory.unknown_keys += row.memory_unknown_keys;
        }
        let tables = profile.tables;
        // A file without the numbers of keys of slots leaves their tables to grow.
        let of_slots = match summary.slot_info {
            Some(_) => Filling::Loaded,
            None => Filling::KeyByKey,
        };
        let slots =
            Slot::all().map(|slot| tables.of_slot(profile.slot(slot).key_counts(), of_slots));
        let databases = |tables: Tables| {
            let rows = summary.databases.iter();
            rows.map(move |row| tables.of_database(row.key_counts(), Filling::Loaded))
        };
        memory.tables_bytes = slots.chain(databases(tables)).fold(0, u64::saturating_add);
        memory.tables_as_written_bytes = match summary.slot_info {
            None if tables.are_per_slot() => {
                databases(tables.standalone()).fold(0, u64::saturating_add)
            }
            _ => memory.tables_bytes,
        };
        memory
    }
}

impl FileScan {
    /// As [`FileSummary::loaded_memory`].
    pub fn loaded_memory(&self) -> LoadedMemory {
        self.summary.loaded_memory
    }
}

impl DatabaseRow {
    /// The numbers of keys that its tables hang on.
    pub fn key_counts(&self) -> KeyCounts {
        KeyCounts {
            keys: self.keys,
            expiring: self.expiring_keys,
            with_expiring_fields: self.keys_with_expiring_fields,
        }
    }
}

impl MemoryTarget {
    /// The model for the server that wrote a file; one that is not known is taken for Redis 7.0, whose structures are
    /// the least unlike all others.
    pub fn for_server(server: Option<&Server>) -> MemoryTarget {
        let Some(server) = server else {
            return MemoryTarget {
                target: Target::Redis70,
                is_own: false,
                basis: format!("server unknown; uses {}", Target::Redis70),
            };
        };
        let (major, minor) = server.line;
        let name = format!("{} {major}.{minor}", server.product.name());
        MemoryTarget::new(server.product, server.line, name)
    }

    /// The model for a line that is planned for, by the name of the line: `redis-7.0`. `None` for what is no line.
    pub fn for_line(name: &str) -> Option<MemoryTarget> {
        let (product, line) = name.split_once('-')?;
        let product = [Product::Redis, Product::Valkey, Product::Redict]
            .into_iter()
            .find(|known| known.name().eq_ignore_ascii_case(product))?;
        let (major, minor) = line.split_once('.')?;
        let line = (major.parse().ok()?, minor.parse().ok()?);
        Some(MemoryTarget::new(product, line, name.to_owned()))
    }

    fn new(product: Product, line: (u32, u32), name: String) -> MemoryTarget {
        let own = format!(
            "{}-{}.{}",
            product.name().to_ascii_lowercase(),
            line.0,
            line.1
        );
        if let Ok(target) = own.parse() {
            return MemoryTarget {
                target,
                is_own: true,
                basis: name,
            };
        }
        let listed = STAND_INS
            .into_iter()
            .find(|(of, at, _)| (*of, *at) == (product, line))
            .map(|(_, _, target)| target);
        let target = listed.unwrap_or(match product {
            Product::Redis if line < (7, 0) => Target::Redis62,
            Product::Redis => Target::Redis86,
            Product::Valkey => Target::Valkey91,
            Product::Redict => Target::Redis74,
        });
        MemoryTarget {
            target,
            is_own: false,
            basis: format!("{name} has no model; uses {target}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_has_its_own_model_or_one_that_stands_in() {
        for (name, target, is_own) in [
            ("redis-7.0", Target::Redis70, true),
            ("redis-8.6", Target::Redis86, true),
            ("redis-8.4", Target::Redis80, false),
            ("redis-5.0", Target::Redis62, false),
            ("redis-9.0", Target::Redis86, false),
            ("redict-7.3", Target::Redis74, false),
            ("valkey-7.2", Target::Redis72, false),
            ("valkey-8.1", Target::Valkey81, true),
            ("valkey-9.0", Target::Valkey81, false),
        ] {
            let found = MemoryTarget::for_line(name).expect(name);
            assert_eq!((found.target, found.is_own), (target, is_own), "{name}");
        }
        assert_eq!(MemoryTarget::for_line("conservative"), None);
    }
}
