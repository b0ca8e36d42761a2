//! What a node takes while slots come and go.

use preshard_analyzer::{KeyCounts, Tables};

use crate::plan::Holding;

/// A node's keys, and the tables that hold them all.
///
/// On servers that keep tables for each slot those are part of the slot's memory; on others the node's tables double
/// whenever its keys outgrow them, and while one replaces the other both are there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NodeMemory {
    tables: Tables,
    memory_bytes: u64,
    /// What the tables held when the plan began, and what they hold now.
    before: KeyCounts,
    now: KeyCounts,
}

fn key_counts(holding: &Holding) -> KeyCounts {
    KeyCounts {
        keys: holding.keys,
        expiring: holding.expiring_keys,
        with_expiring_fields: 0,
    }
}

/// A call's buffers on the source, in payloads: the payloads as they are made, the request, and what growing buffers leave
/// behind.
const SOURCE_BUFFERS: u128 = 3;
/// The request's buffers on the target, in tenths of a payload, as measured.
const TARGET_BUFFER_TENTHS: u128 = 23;

impl NodeMemory {
    pub(crate) fn new(tables: Tables, holding: &Holding) -> NodeMemory {
        NodeMemory {
            tables,
            memory_bytes: holding.memory_bytes,
            before: key_counts(holding),
            now: key_counts(holding),
        }
    }

    /// What slots bring.
    pub(crate) fn take(&mut self, holding: &Holding) {
        self.memory_bytes += holding.memory_bytes;
        self.now.keys += holding.keys;
        self.now.expiring += holding.expiring_keys;
    }

    /// What slots take away.
    pub(crate) fn give(&mut self, holding: &Holding) {
        self.memory_bytes -= holding.memory_bytes;
        self.now.keys -= holding.keys;
        self.now.expiring -= holding.expiring_keys;
    }

    /// The tables that all slots share.
    pub(crate) fn tables_bytes(&self) -> u64 {
        self.tables.of_database_since(self.before, self.now)
    }

    /// Keys and tables.
    pub(crate) fn used_bytes(&self) -> u64 {
        self.memory_bytes.saturating_add(self.tables_bytes())
    }

    /// The most that the node takes while it gives a slot by calls of at most so much payload.
    pub(crate) fn peak_giving(&self, call_payload_bytes: u64) -> u128 {
        u128::from(self.used_bytes()) + SOURCE_BUFFERS * u128::from(call_payload_bytes)
    }

    /// The most that it takes while it takes in `holding`; it has that when it is done.
    pub(crate) fn peak_taking(&self, holding: &Holding, call_payload_bytes: u64) -> u128 {
        let mut then = *self;
        then.take(holding);
        let replaced = match self.tables_bytes() {
            now if now < then.tables_bytes() => now,
            _ => 0,
        };
        let buffers = (TARGET_BUFFER_TENTHS * u128::from(call_payload_bytes)).div_ceil(10);
        u128::from(then.used_bytes()) + u128::from(replaced) + buffers
    }
}
