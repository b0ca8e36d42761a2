//! The body of the fuzz target `topology`: what `Topology` promises holds for any text, and an error
//! never hands a stranger's bytes to a terminal.

use std::collections::BTreeSet;

use preshard_slots::topology::Role;
use preshard_slots::{SLOT_COUNT, Slot, SlotSet, Topology};

/// Reads `text` as a topology and panics when a law is broken.
pub fn topology(text: &[u8]) {
    let topology = match Topology::parse(text) {
        Ok(topology) => topology,
        Err(error) => {
            let message = error.to_string();
            assert!(!message.is_empty());
            assert!(!message.contains(char::is_control), "{message:?}");
            return;
        }
    };
    let ids: BTreeSet<_> = topology.nodes.iter().map(|node| &node.id).collect();
    assert_eq!(ids.len(), topology.nodes.len(), "ids are unique");
    assert!(topology.primaries().next().is_some(), "a primary");
    let mut owned = SlotSet::new();
    for node in &topology.nodes {
        assert!(node.slots.is_empty() || node.role == Role::Primary);
        for slot in node.slots.iter() {
            assert!(owned.insert(slot), "slot {slot} has two owners");
            assert_eq!(
                topology.owner_of(slot).map(|owner| &owner.id),
                Some(&node.id)
            );
        }
        for open in &node.open {
            assert!(ids.contains(&open.peer), "{} is not there", open.peer);
        }
        assert!(node.open.is_sorted_by_key(|open| open.slot));
        assert_eq!(
            topology.find(&node.id.0).map(|found| &found.id),
            Ok(&node.id)
        );
        let told = [&node.host, node.hostname.as_ref().unwrap_or(&node.host)];
        let printable = |text: &&String| text.bytes().all(|byte| byte.is_ascii_graphic());
        assert!(told.iter().all(printable), "{told:?}");
    }
    let unassigned = topology.unassigned();
    assert_eq!(owned.len() + unassigned.len(), usize::from(SLOT_COUNT));
    assert!(unassigned.iter().all(|slot: Slot| !owned.contains(slot)));
    // What people's editors add.
    let mark = b"\xef\xbb\xbf";
    let bare = text.strip_prefix(mark).unwrap_or(text);
    let edited = [mark, bare, b"\n"].concat();
    assert_eq!(Topology::parse(&edited).as_ref(), Ok(&topology));
}
