//! What raises a doubt about a slot or a node, and what is refused.

mod made_up;

use std::path::PathBuf;

use preshard_analyzer::{AssembleError, Damage, Warning, assemble};
use preshard_slots::Slot;
use preshard_slots::topology::{Direction, OpenSlot, Role};

use made_up::{doubtful, file, id, names, node, slot, slots, topology, two_primaries};

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

/// What was read of it may be neither what it was nor what it is.
#[test]
fn a_file_that_changed_makes_its_nodes_slots_doubtful() {
    let mut changed = file("a.rdb", [1, 2]);
    changed.summary.changed = true;
    let assembly = assemble(
        Some(&two_primaries()),
        vec![
            (Some(id('a')), changed),
            (Some(id('b')), file("b.rdb", [9_000])),
        ],
    )
    .expect("partial");
    assert!(assembly.partial);
    assert_eq!(doubtful(&assembly), slots(0..8_000));
    let known: Vec<bool> = assembly.nodes.iter().map(|node| node.known).collect();
    assert_eq!(known, [false, true]);
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
