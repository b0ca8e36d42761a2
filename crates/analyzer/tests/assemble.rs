//! Files and topologies that fit, and that do not.

use std::path::PathBuf;

use preshard_analyzer::{
    AssembleError, Assembly, Checksum, Cost, Damage, Family, FileScan, FileSummary, Header,
    KeyFacts, Server, Sizes, SlotProfile, Warning, assemble,
};
use preshard_parser::{DataType, Encoding, ValueFacts};
use preshard_slots::topology::{Direction, Format, OpenSlot, Role};
use preshard_slots::{Node, NodeId, Slot, SlotSet, Topology};

fn slot(number: u16) -> Slot {
    Slot::new(number).expect("a slot")
}

fn slots(numbers: impl IntoIterator<Item = u16>) -> SlotSet {
    numbers.into_iter().map(slot).collect()
}

fn id(letter: char) -> NodeId {
    NodeId(letter.to_string().repeat(40))
}

/// A file with one key of 100 bytes of payload in each of the slots, the slots' numbers being the keys.
fn file(path: &str, numbers: impl IntoIterator<Item = u16>) -> FileScan {
    let mut profile = SlotProfile::new("cost", "memory", 1_000, 1_000);
    let mut keys = 0;
    for number in numbers {
        profile.add(&KeyFacts {
            db: 0,
            key: number.to_string().into_bytes().into(),
            slot: slot(number),
            data_type: DataType::String,
            value: ValueFacts {
                encoding: Encoding::Raw,
                elements: Some(89),
                content_bytes: 89,
                compressible_bytes: 89,
                largest_element_bytes: Some(89),
                nodes: 0,
                fields_with_ttl: 0,
                groups: 0,
                consumers: 0,
                pending: 0,
                module: None,
            },
            expires_at_ms: None,
            idle_s: None,
            lfu: None,
            sizes: Sizes {
                serialized_bytes: 89,
                payload_bytes: 100,
                memory_bytes_estimate: Some(150),
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
            keys,
            expiring_keys: 0,
            types: Vec::new(),
            databases: Vec::new(),
            functions: 0,
            modules: Vec::new(),
            empty_collections: 0,
            slot_info: None,
            importing: SlotSet::new(),
            checksum: Checksum::Verified,
            damage: None,
            trailing_bytes: 0,
            warnings: Vec::new(),
        },
        profile,
    }
}

fn node(letter: char, owned: impl IntoIterator<Item = u16>) -> Node {
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

fn topology(nodes: Vec<Node>) -> Topology {
    Topology {
        format: Format::ClusterNodes,
        nodes,
        current_epoch: None,
        cluster_errors: 0,
    }
}

/// Two primaries that share all slots.
fn two_primaries() -> Topology {
    topology(vec![node('a', 0..8_000), node('b', 8_000..16_384)])
}

fn keys_in(assembly: &Assembly, numbers: impl IntoIterator<Item = u16>) -> u64 {
    let keys = |number| assembly.profile.slot(slot(number)).keys;
    numbers.into_iter().map(keys).sum()
}

fn names(warnings: &[Warning]) -> Vec<&'static str> {
    warnings.iter().map(Warning::name).collect()
}

fn doubtful(assembly: &Assembly) -> SlotSet {
    assembly.doubts.iter().map(|(slot, _)| *slot).collect()
}

#[test]
fn files_with_ids_are_joined_with_their_nodes() {
    let assembly = assemble(
        Some(&two_primaries()),
        vec![
            (Some(id('b')), file("b.rdb", 8_000..8_010)),
            (Some(id('a')), file("a.rdb", [1, 2])),
        ],
    )
    .expect("they fit");
    assert_eq!(assembly.warnings, []);
    assert_eq!(assembly.doubts, []);
    assert!(!assembly.partial);
    assert_eq!(keys_in(&assembly, 0..16_384), 12);
    let nodes: Vec<(&NodeId, Option<usize>)> = assembly
        .nodes
        .iter()
        .map(|node| (&node.id, node.file))
        .collect();
    assert_eq!(nodes, [(&id('a'), Some(1)), (&id('b'), Some(0))]);
    assert_eq!(assembly.nodes[0].address, "10.0.0.1:7000");
    assert_eq!(assembly.files[0].path, PathBuf::from("b.rdb"));
}

#[test]
fn the_order_of_the_files_changes_no_total() {
    let files = || {
        vec![
            (Some(id('a')), file("a.rdb", 0..100)),
            (Some(id('b')), file("b.rdb", 9_000..9_100)),
        ]
    };
    let forward = assemble(Some(&two_primaries()), files()).expect("fits");
    let backward =
        assemble(Some(&two_primaries()), files().into_iter().rev().collect()).expect("fits");
    assert!(forward.profile == backward.profile);
}

#[test]
fn a_file_without_id_belongs_to_the_owner_of_most_of_its_slots() {
    let assembly = assemble(
        Some(&two_primaries()),
        vec![
            (None, file("dump.rdb", [8_001, 8_002, 3])),
            (Some(id('a')), file("a.rdb", [1])),
        ],
    )
    .expect("they fit");
    assert_eq!(assembly.nodes[1].file, Some(0));
    assert_eq!(
        names(&assembly.warnings),
        ["matched-by-slots", "foreign-keys"]
    );
    assert_eq!(
        assembly.warnings[1],
        Warning::ForeignKeys {
            file: PathBuf::from("dump.rdb"),
            node: id('b'),
            slots: slots([3]),
            keys: 1,
            payload_bytes: 100
        }
    );
    assert_eq!(doubtful(&assembly), slots([3]));
    assert_eq!(keys_in(&assembly, [3]), 0, "left out of the profile");
    assert_eq!(keys_in(&assembly, 0..16_384), 3);
    assert!(
        assembly
            .profile
            .named()
            .iter()
            .all(|key| key.slot != slot(3))
    );
}

#[test]
fn a_file_that_could_be_of_either_node_is_refused() {
    let error = assemble(
        Some(&two_primaries()),
        vec![(None, file("dump.rdb", [1, 2, 8_001, 8_002]))],
    )
    .expect_err("half and half");
    let message = error.to_string();
    for told in ["dump.rdb", "4 slots", "owns 2", &id('a').0, &id('b').0] {
        assert!(message.contains(told), "{message}");
    }
}

#[test]
fn files_without_keys_are_told_by_elimination_only() {
    let left_over = assemble(
        Some(&two_primaries()),
        vec![(None, file("a.rdb", [1])), (None, file("empty.rdb", []))],
    )
    .expect("one file, one node");
    assert_eq!(left_over.nodes[1].file, Some(1));
    assert!(!left_over.partial);

    let three = topology(vec![node('a', 0..10), node('b', 10..20), node('c', 20..30)]);
    let error = assemble(
        Some(&three),
        vec![(None, file("a.rdb", [1])), (None, file("empty.rdb", []))],
    )
    .expect_err("two nodes are left");
    assert!(
        matches!(&error, AssembleError::NodeNotTold { file, .. } if file.as_os_str() == "empty.rdb"),
        "{error}"
    );
}

#[test]
fn one_shard_twice_is_refused() {
    let twice = |first: Option<NodeId>, second: Option<NodeId>, topology: Option<&Topology>| {
        assemble(
            topology,
            vec![(first, file("x.rdb", [1])), (second, file("y.rdb", [2]))],
        )
    };
    let expected = AssembleError::SameNodeTwice {
        node: id('a'),
        first: PathBuf::from("x.rdb"),
        second: PathBuf::from("y.rdb"),
    };
    let cluster = two_primaries();
    assert_eq!(
        twice(Some(id('a')), Some(id('a')), Some(&cluster)),
        Err(expected.clone())
    );
    assert_eq!(
        twice(Some(id('a')), None, Some(&cluster)),
        Err(expected.clone())
    );
    assert_eq!(twice(None, None, Some(&cluster)), Err(expected.clone()));
    assert_eq!(twice(Some(id('a')), Some(id('a')), None), Err(expected));
}

#[test]
fn a_topology_that_does_not_match_is_refused() {
    let mut replica = node('r', []);
    replica.role = Role::Replica { of: Some(id('a')) };
    let cluster = topology(vec![node('a', 0..16_384), replica]);
    let join = |letter| assemble(Some(&cluster), vec![(Some(id(letter)), file("x.rdb", [1]))]);
    assert_eq!(
        join('z'),
        Err(AssembleError::UnknownNode {
            file: PathBuf::from("x.rdb"),
            node: id('z')
        })
    );
    assert_eq!(
        join('r'),
        Err(AssembleError::NotAPrimary {
            file: PathBuf::from("x.rdb"),
            node: id('r')
        })
    );
    let two_owners = topology(vec![node('a', 0..100), node('b', 99..200)]);
    assert_eq!(
        assemble(Some(&two_owners), vec![(Some(id('a')), file("x.rdb", [1]))]),
        Err(AssembleError::TwoOwners {
            slot: slot(99),
            first: id('a'),
            second: id('b')
        })
    );
    assert_eq!(
        assemble(Some(&two_owners), Vec::new()).map(|_| ()),
        Err(AssembleError::TwoOwners {
            slot: slot(99),
            first: id('a'),
            second: id('b'),
        })
    );
    assert_eq!(assemble(None, Vec::new()), Err(AssembleError::NoFiles));
}

#[test]
fn a_primary_without_file_makes_its_slots_doubtful() {
    let mut replica = node('r', []);
    replica.role = Role::Replica { of: Some(id('a')) };
    let cluster = topology(vec![
        node('a', 0..8_000),
        node('b', 8_000..16_384),
        node('c', []),
        replica,
    ]);
    let assembly =
        assemble(Some(&cluster), vec![(Some(id('a')), file("a.rdb", [1]))]).expect("partial");
    assert!(assembly.partial);
    assert_eq!(doubtful(&assembly), slots(8_000..16_384));
    assert_eq!(
        assembly.warnings,
        [Warning::NodeWithoutFile {
            node: id('b'),
            slots: 8_384
        }],
        "neither a replica nor an empty primary needs a file"
    );
}

#[test]
fn a_damaged_file_makes_its_nodes_slots_doubtful() {
    let mut damaged = file("a.rdb", [1, 2]);
    damaged.summary.damage = Some(Damage {
        offset: 77,
        truncated: true,
        message: "cut".to_owned(),
        in_key: None,
        keys_before: 2,
    });
    let assembly = assemble(
        Some(&two_primaries()),
        vec![
            (Some(id('a')), damaged),
            (Some(id('b')), file("b.rdb", [9_000])),
        ],
    )
    .expect("partial");
    assert!(assembly.partial);
    assert_eq!(doubtful(&assembly), slots(0..8_000));
    assert_eq!(names(&assembly.warnings), ["damaged-file"]);
}

#[test]
fn open_slots_and_imports_raise_doubts() {
    let mut source = node('a', 0..8_000);
    source.open.push(OpenSlot {
        slot: slot(5),
        direction: Direction::Migrating,
        peer: id('b'),
    });
    let mut target = node('b', 8_000..16_384);
    target.open.push(OpenSlot {
        slot: slot(6),
        direction: Direction::Importing,
        peer: id('a'),
    });
    let mut importing = file("b.rdb", [9_000, 7]);
    importing.summary.importing = slots([7]);
    let assembly = assemble(
        Some(&topology(vec![source, target])),
        vec![
            (Some(id('a')), file("a.rdb", [1])),
            (Some(id('b')), importing),
        ],
    )
    .expect("they fit");
    assert_eq!(doubtful(&assembly), slots([5, 6, 7]));
    let about = |number| {
        let of = |(doubted, why): &(Slot, String)| (*doubted == slot(number)).then(|| why.clone());
        assembly
            .doubts
            .iter()
            .filter_map(of)
            .collect::<Vec<String>>()
            .join("; ")
    };
    assert!(about(5).contains("migrating to"), "{}", about(5));
    assert!(about(6).contains("importing from"), "{}", about(6));
    assert!(
        about(7).contains("b.rdb: was being imported"),
        "{}",
        about(7)
    );
    assert_eq!(names(&assembly.warnings), ["open-slots", "foreign-keys"]);
    assert!(!assembly.partial);
}

#[test]
fn a_node_that_is_marked_failing_is_not_planned_with() {
    let mut failing = node('b', 8_000..16_384);
    failing.flags = vec!["myself".to_owned(), "fail?".to_owned()];
    let assembly = assemble(
        Some(&topology(vec![node('a', 0..8_000), failing])),
        vec![
            (Some(id('a')), file("a.rdb", [1])),
            (Some(id('b')), file("b.rdb", [9_000])),
        ],
    )
    .expect("they fit");
    assert_eq!(doubtful(&assembly), slots(8_000..16_384));
    assert_eq!(names(&assembly.warnings), ["unhealthy-node"]);
    let known: Vec<bool> = assembly.nodes.iter().map(|node| node.known).collect();
    assert_eq!(known, [true, false]);
}

#[test]
fn a_node_without_a_whole_file_is_not_taken_for_an_empty_one() {
    let mut damaged = file("b.rdb", [6_000]);
    damaged.summary.damage = Some(Damage {
        offset: 77,
        truncated: true,
        message: "cut".to_owned(),
        in_key: None,
        keys_before: 1,
    });
    let cluster = topology(vec![
        node('a', 0..5_000),
        node('b', 5_000..10_000),
        node('c', 10_000..16_384),
        node('d', []),
    ]);
    let assembly = assemble(
        Some(&cluster),
        vec![
            (Some(id('a')), file("a.rdb", [1])),
            (Some(id('b')), damaged),
        ],
    )
    .expect("partial");
    let known: Vec<bool> = assembly.nodes.iter().map(|node| node.known).collect();
    assert_eq!(
        known,
        [true, false, false, true],
        "an empty primary needs no file"
    );
    assert!(assembly.partial);
}

#[test]
fn files_that_were_mixed_up_are_refused() {
    let swapped = assemble(
        Some(&two_primaries()),
        vec![
            (Some(id('a')), file("a.rdb", 9_000..9_100)),
            (Some(id('b')), file("b.rdb", 100..200)),
        ],
    );
    assert_eq!(
        swapped,
        Err(AssembleError::WrongNode {
            file: PathBuf::from("a.rdb"),
            node: id('a'),
            foreign: 100,
            keys: 100
        })
    );
}

#[test]
fn what_a_migration_left_behind_is_no_mix_up() {
    // A new node in the middle of an import, and one that keeps the keys of slots it gave away.
    let mut importing = file("b.rdb", [100, 101, 9_000]);
    importing.summary.importing = slots(100..200);
    let abandoned = file("a.rdb", [1, 8_001, 8_002, 8_003]);
    let assembly = assemble(
        Some(&two_primaries()),
        vec![(Some(id('a')), abandoned), (Some(id('b')), importing)],
    )
    .expect("they fit");
    assert_eq!(names(&assembly.warnings), ["foreign-keys", "foreign-keys"]);
    let mut doubted = slots(100..200);
    for number in [8_001, 8_002, 8_003] {
        doubted.insert(slot(number));
    }
    assert_eq!(doubtful(&assembly), doubted);
}

#[test]
fn slots_without_owner_are_told() {
    let cluster = topology(vec![node('a', 0..16_000)]);
    let assembly = assemble(
        Some(&cluster),
        vec![(Some(id('a')), file("a.rdb", [1, 16_001]))],
    )
    .expect("fits");
    assert_eq!(
        assembly.warnings[0],
        Warning::UnassignedSlots {
            slots: slots(16_000..16_384)
        }
    );
    assert_eq!(
        names(&assembly.warnings),
        ["unassigned-slots", "foreign-keys"]
    );
    assert_eq!(doubtful(&assembly), slots([16_001]));
}

#[test]
fn without_topology_each_file_owns_the_slots_of_its_keys() {
    let assembly = assemble(
        None,
        vec![
            (None, file("x/dump.rdb", [1, 2])),
            (None, file("y/dump.rdb", [3])),
            (Some(id('c')), file("c.rdb", [])),
            (None, file("z/other.rdb", [4])),
        ],
    )
    .expect("no overlap");
    let ids: Vec<&str> = assembly
        .nodes
        .iter()
        .map(|node| node.id.0.as_str())
        .collect();
    assert_eq!(ids, ["x/dump.rdb", "y/dump.rdb", &id('c').0, "other.rdb"]);
    assert_eq!(assembly.nodes[0].slots, slots([1, 2]));
    assert_eq!(
        assembly.warnings,
        [Warning::NoTopology {
            files: 4,
            unowned: 16_384 - 4
        }]
    );
    assert_eq!(assembly.doubts, []);

    assert_eq!(
        assemble(
            None,
            vec![
                (None, file("x.rdb", [1, 2, 8])),
                (None, file("y.rdb", [3, 8, 2])),
            ],
        ),
        Err(AssembleError::SlotInTwoFiles {
            slot: slot(2),
            first: PathBuf::from("x.rdb"),
            second: PathBuf::from("y.rdb")
        })
    );
}

/// What a file was importing lies on its old owner too: the old owner's copy is the one that counts.
#[test]
fn without_topology_an_importing_file_does_not_own_what_it_imports() {
    let mut target = file("target.rdb", [1, 9]);
    target.summary.importing = slots([9]);
    let assembly = assemble(
        None,
        vec![(None, target), (None, file("source.rdb", [2, 9]))],
    )
    .expect("no conflict");
    assert_eq!(assembly.nodes[0].slots, slots([1]));
    assert_eq!(assembly.nodes[1].slots, slots([2, 9]));
    assert_eq!(keys_in(&assembly, [9]), 1);
    assert_eq!(doubtful(&assembly), slots([9]));
}

#[test]
fn files_of_different_servers_or_days_are_told() {
    let mut late = file("b.rdb", [9_000]);
    late.summary.written_by = Server::from_aux(b"redis-ver", b"7.2.6");
    late.summary.header.version = 11;
    late.summary.written_at_s = Some(1_700_000_000 + 3_601);
    let join = |b| {
        assemble(
            Some(&two_primaries()),
            vec![(Some(id('a')), file("a.rdb", [1])), (Some(id('b')), b)],
        )
        .expect("they fit")
        .warnings
    };
    assert_eq!(
        join(late),
        [
            Warning::ServersDiffer {
                servers: vec![
                    ("Redis 7.0.15, REDIS0010".to_owned(), PathBuf::from("a.rdb")),
                    ("Redis 7.2.6, REDIS0011".to_owned(), PathBuf::from("b.rdb"))
                ]
            },
            Warning::DatesFarApart {
                oldest: (PathBuf::from("a.rdb"), 1_700_000_000),
                newest: (PathBuf::from("b.rdb"), 1_700_003_601)
            }
        ]
    );
    let mut same_hour = file("b.rdb", [9_000]);
    same_hour.summary.written_at_s = Some(1_700_000_000 + 3_600);
    assert_eq!(join(same_hour), []);
    let mut undated = file("b.rdb", [9_000]);
    undated.summary.written_at_s = None;
    assert_eq!(join(undated), []);
}

#[test]
fn profiles_computed_differently_are_not_joined() {
    let mut other = file("b.rdb", [9_000]);
    other.profile = SlotProfile::new("another cost", "memory", 1_000, 1_000);
    let error = assemble(
        Some(&two_primaries()),
        vec![(Some(id('a')), file("a.rdb", [1])), (Some(id('b')), other)],
    )
    .expect_err("they differ");
    let message = error.to_string();
    assert!(message.contains("another cost"), "{message}");
}

/// Every warning says something of its own, in one line.
#[test]
fn warnings_read_as_one_line() {
    let mut target = node('b', 8_000..16_000);
    target.flags = vec!["fail".to_owned()];
    target.open.push(OpenSlot {
        slot: slot(6),
        direction: Direction::Importing,
        peer: id('a'),
    });
    let mut cluster = topology(vec![node('a', 0..8_000), target]);
    cluster.cluster_errors = 3;
    let assembly = assemble(
        Some(&cluster),
        vec![(
            Some(id('a')),
            file("a.rdb", (0..40).step_by(2).chain([9_000])),
        )],
    )
    .expect("partial");
    let shown: Vec<String> = assembly.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(shown.len(), 6, "{shown:#?}");
    for line in &shown {
        assert!(!line.contains('\n') && line.len() > 20, "{line}");
    }
    let beginnings = [
        "redis-cli counted 3 problems",
        "the topology marks node bbbb",
        "slots 6 are in the middle",
        "no node owns slots 16000-16383",
        "no file for node bbbb",
        "a.rdb: 1 key (100 bytes of payload) in slots 9000 that node aaaa",
    ];
    for (line, beginning) in shown.iter().zip(beginnings) {
        assert!(line.starts_with(beginning), "{line}, expected {beginning}");
    }
}
