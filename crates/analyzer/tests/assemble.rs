//! Files and topologies that fit, and that do not.

mod made_up;

use std::path::PathBuf;

use preshard_analyzer::{AssembleError, Server, SlotProfile, Warning, assemble};
use preshard_slots::topology::{Direction, OpenSlot, Role};
use preshard_slots::{NodeId, Topology};

use made_up::{doubtful, file, id, keys_in, names, node, slot, slots, topology, two_primaries};

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
    other.profile = SlotProfile::new("another cost", other.profile.tables, 1_000, 1_000);
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
