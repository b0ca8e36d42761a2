//! Made-up scans and topologies.

use std::path::PathBuf;

use preshard_analyzer::{
    Allocator, Assembly, Checksum, Cost, Family, FileScan, FileSummary, Header, KeyFacts,
    LoadedMemory, Server, Sizes, SlotProfile, Tables, Target, Warning,
};
use preshard_parser::{DataType, Encoding, ValueFacts};
use preshard_slots::topology::{Format, Role};
use preshard_slots::{Node, NodeId, Slot, SlotSet, Topology};

#[allow(dead_code, reason = "each test file uses its own part")]
pub fn slot(number: u16) -> Slot {
    Slot::new(number).expect("a slot")
}

#[allow(dead_code, reason = "each test file uses its own part")]
pub fn slots(numbers: impl IntoIterator<Item = u16>) -> SlotSet {
    numbers.into_iter().map(slot).collect()
}

#[allow(dead_code, reason = "each test file uses its own part")]
pub fn id(letter: char) -> NodeId {
    NodeId(letter.to_string().repeat(40))
}

/// A file with one key of 100 bytes of payload in each of the slots, the slots' numbers being the keys.
#[allow(dead_code, reason = "each test file uses its own part")]
pub fn file(path: &str, numbers: impl IntoIterator<Item = u16>) -> FileScan {
    let mut profile = SlotProfile::new(
        "cost",
        Tables::new(Target::Redis70, Allocator::Je3, true),
        1_000,
        1_000,
    );
    let mut keys = 0;
    for number in numbers {
        profile.add(&KeyFacts {
            db: 0,
            key: number.to_string().into_bytes().into(),
            slot: slot(number),
            data_type: DataType::String,
            value: ValueFacts {
                elements: Some(89),
                content_bytes: 89,
                compressible_bytes: 89,
                largest_element_bytes: Some(89),
                ..ValueFacts::empty(Encoding::Raw)
            },
            expires_at_ms: None,
            idle_s: None,
            lfu: None,
            loaded: None,
            sizes: Sizes {
                serialized_bytes: 89,
                payload_bytes: 100,
                memory_bytes_estimate: Some(150),
                memory_usage_estimate: Some(150),
                memory_variance: 0,
            },
            cost: Cost {
                block_ns: 1_000,
                restore_ns: 100,
            },
            offset: keys,
        });
        keys += 1;
    }
    profile.finish();
    FileScan {
        summary: FileSummary {
            path: PathBuf::from(path),
            wrapping: Vec::new(),
            layers: Vec::new(),
            file_bytes: None,
            bytes: 1_000,
            bytes_read: 1_000,
            header: Header {
                family: Family::Redis,
                version: 10,
            },
            written_by: Server::from_aux(b"redis-ver", b"7.0.15"),
            written_at_s: Some(1_700_000_000),
            used_memory_bytes: None,
            aux: Vec::new(),
            aux_unlisted: 0,
            scripts: 0,
            keys,
            expiring_keys: 0,
            expired_when_written: None,
            detail: preshard_analyzer::Detail::Counts,
            reference_ms: None,
            types: Vec::new(),
            databases: Vec::new(),
            functions: 0,
            libraries: Vec::new(),
            modules: Vec::new(),
            empty_collections: 0,
            slot_info: None,
            loaded_memory: LoadedMemory::default(),
            importing: SlotSet::new(),
            checksum: Checksum::Verified,
            damage: None,
            salvage: None,
            changed: false,
            trailing_bytes: 0,
            account: Vec::new(),
            claims: Vec::new(),
            warnings: Vec::new(),
        },
        profile,
    }
}

#[allow(dead_code, reason = "each test file uses its own part")]
pub fn node(letter: char, owned: impl IntoIterator<Item = u16>) -> Node {
    Node {
        id: id(letter),
        host: "10.0.0.1".to_owned(),
        hostname: None,
        port: 7000,
        role: Role::Primary,
        flags: Vec::new(),
        slots: slots(owned),
        open: Vec::new(),
        config_epoch: None,
    }
}

#[allow(dead_code, reason = "each test file uses its own part")]
pub fn topology(nodes: Vec<Node>) -> Topology {
    Topology {
        format: Format::ClusterNodes,
        nodes,
        current_epoch: None,
        cluster_errors: 0,
    }
}

/// Two primaries that share all slots.
#[allow(dead_code, reason = "each test file uses its own part")]
pub fn two_primaries() -> Topology {
    topology(vec![node('a', 0..8_000), node('b', 8_000..16_384)])
}

#[allow(dead_code, reason = "each test file uses its own part")]
pub fn keys_in(assembly: &Assembly, numbers: impl IntoIterator<Item = u16>) -> u64 {
    let keys = |number| assembly.profile.slot(slot(number)).keys;
    numbers.into_iter().map(keys).sum()
}

#[allow(dead_code, reason = "each test file uses its own part")]
pub fn names(warnings: &[Warning]) -> Vec<&'static str> {
    warnings.iter().map(Warning::name).collect()
}

#[allow(dead_code, reason = "each test file uses its own part")]
pub fn doubtful(assembly: &Assembly) -> SlotSet {
    assembly.doubts.iter().map(|(slot, _)| *slot).collect()
}
