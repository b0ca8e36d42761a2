//! What was measured on real servers, as the tests compare predictions with it; and values of any kind.
#![allow(dead_code, reason = "each test binary uses a part")]

use preshard_analyzer::CostProfile;
use preshard_parser::{DataType, Encoding, ValueFacts};
use proptest::prelude::*;

/// Medians of single MIGRATE calls on real servers: the whole table of the measuring campaign.
pub const MEASURED: &str = include_str!("../data/migrate-measured.csv");

pub fn rows(csv: &str) -> impl Iterator<Item = Vec<&str>> {
    csv.lines().skip(1).map(|line| line.split(',').collect())
}

pub fn number(cell: &str) -> u64 {
    cell.parse()
        .unwrap_or_else(|_| panic!("a number, not {cell:?}"))
}

pub fn ns_of_ms(cell: &str) -> f64 {
    cell.parse::<f64>().expect("milliseconds") * 1e6
}

pub fn profile(name: &str) -> CostProfile {
    CostProfile::built_in(name).unwrap_or_else(|| panic!("no profile {name}"))
}

pub fn facts(
    encoding: Encoding,
    elements: u64,
    content_bytes: u64,
    compressible_bytes: u64,
) -> ValueFacts {
    ValueFacts {
        elements: Some(elements),
        content_bytes,
        compressible_bytes,
        ..ValueFacts::empty(encoding)
    }
}

/// A measured case: its value as a file would tell it, and what the server took.
pub struct Case<'a> {
    pub name: String,
    pub server: &'a str,
    pub data_type: DataType,
    pub value: ValueFacts,
    pub payload_bytes: u64,
    pub migrate_ns: f64,
    pub restore_ns: f64,
    /// Elements; of strings how many 32-byte elements they would be, as every element takes at least that.
    pub n: u64,
}

pub fn cases() -> Vec<Case<'static>> {
    rows(MEASURED)
        .map(|row| {
            let [server, kind, elements, element_bytes, encoding, dump_bytes] = row[..6] else {
                panic!("{row:?}");
            };
            let each = number(element_bytes);
            let dump = number(dump_bytes);
            let n = if elements.is_empty() {
                each
            } else {
                number(elements)
            };
            let long = if each > 20 { n * each } else { 0 };
            let compact = matches!(encoding, "listpack" | "intset");
            let blob = match encoding {
                "intset" => Encoding::Intset,
                _ => Encoding::Listpack,
            };
            let (data_type, value) = match kind {
                "string" | "stringz" => (DataType::String, facts(Encoding::Raw, n, n, n)),
                "list" => (DataType::List, facts(Encoding::Quicklist, n, dump, dump)),
                "stream" => (DataType::Stream, facts(Encoding::Stream, n, dump, dump)),
                // Half of the entries are pending: 16 + 8 + 1 bytes with their group, 16 with their consumer.
                "streamg" => (
                    DataType::Stream,
                    ValueFacts {
                        groups: 1,
                        consumers: 1,
                        pending: n / 2,
                        ..facts(Encoding::Stream, n, dump - n / 2 * 41, dump - n / 2 * 41)
                    },
                ),
                "set" | "intset" if compact => {
                    (DataType::Set, facts(blob, n, dump - 13, dump - 13))
                }
                "set" | "intset" => (DataType::Set, facts(Encoding::HashTable, n, n * each, long)),
                "hash" if compact => (DataType::Hash, facts(blob, n, dump - 13, dump - 13)),
                "hash" => (
                    DataType::Hash,
                    facts(Encoding::HashTable, n, n * (each + 10), long),
                ),
                "hashttl" => (
                    DataType::Hash,
                    ValueFacts {
                        fields_with_ttl: n,
                        ..facts(Encoding::HashTable, n, n * (each + 10), long)
                    },
                ),
                "zset" if compact => (DataType::Zset, facts(blob, n, dump - 13, dump - 13)),
                "zset" => (DataType::Zset, facts(Encoding::SkipList, n, n * each, long)),
                other => panic!("kind {other}"),
            };
            Case {
                name: format!("{server} {kind} {elements} {element_bytes}"),
                server,
                data_type,
                value,
                payload_bytes: dump,
                migrate_ns: ns_of_ms(row[7]),
                restore_ns: ns_of_ms(row[9]),
                n: if elements.is_empty() { n / 32 } else { n },
            }
        })
        .collect()
}

pub fn any_value() -> impl Strategy<Value = (DataType, ValueFacts, u64)> {
    let kinds = prop::sample::select(vec![
        (DataType::String, Encoding::Raw),
        (DataType::String, Encoding::Int),
        (DataType::List, Encoding::Quicklist),
        (DataType::Set, Encoding::HashTable),
        (DataType::Set, Encoding::Intset),
        (DataType::Hash, Encoding::HashTable),
        (DataType::Hash, Encoding::ListpackEx),
        (DataType::Zset, Encoding::SkipList),
        (DataType::Zset, Encoding::Ziplist),
        (DataType::Stream, Encoding::Stream),
        (DataType::Module, Encoding::Module),
    ]);
    let size = || prop_oneof![0..2_000u64, 0..100_000_000u64, any::<u64>()];
    (kinds, size(), size(), size(), size(), size()).prop_map(
        |((data_type, encoding), elements, content, compressible, pending, payload)| {
            let value = ValueFacts {
                pending,
                fields_with_ttl: pending % 2,
                ..facts(encoding, elements, content, compressible.min(content))
            };
            (data_type, value, payload)
        },
    )
}
