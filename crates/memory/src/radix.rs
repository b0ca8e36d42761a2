//! Radix trees (`src/rax.c`), sized from their keys in order, without holding the tree.
//!
//! The shape of a tree follows from its keys alone. A node stands where a key ends, where keys part, and at the start of
//! each run of bytes that all keys below share; such a run is one compressed node. Keys come in order, so a node is whole
//! once a key comes that does not lie below it: no more is held than the places on the way to the last key.

use smallvec::{SmallVec, smallvec};

use crate::{Allocator, Model};

/// Longest beginning of a key that is compared; no consumer has a name that long.
pub(crate) const COMPARED_BYTES_MAX: usize = 4_096;
/// Bytes of the ids that most trees hold.
const ID_BYTES: usize = 16;
/// A node's header, in front of one byte for each child (`raxNode`).
const NODE_HEADER_BYTES: u64 = 4;
const POINTER_BYTES: u64 = 8;
/// A radix tree's header, and the same with the size that it keeps.
const TREE_BYTES: u64 = 24;
const SIZED_TREE_BYTES: u64 = 32;

/// What a tree takes, its header left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct RadixSize {
    pub(crate) nodes: u64,
    pub(crate) keys: u64,
    /// Of all nodes, as the allocator hands them out.
    pub(crate) node_bytes: u64,
}

impl RadixSize {
    /// The whole tree.
    pub(crate) fn used_bytes(self, model: &Model) -> u64 {
        let header = match model.layout.has_sized_trees() {
            true => SIZED_TREE_BYTES,
            false => TREE_BYTES,
        };
        model.usable(header) + self.node_bytes
    }
}

/// A place on the way to the last key where a node begins.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    /// Bytes of key above it.
    depth: u16,
    /// Ways down from here, the one to the last key included: at most one for each byte.
    children: u16,
    /// Bytes of the first of these, once all below it is counted. Until a second way down is there, they may be a run
    /// that begins here.
    first_run: u16,
    is_key: bool,
}

/// Sizes a radix tree while its keys go by in order.
#[derive(Debug, Clone)]
pub(crate) struct RadixTree {
    allocator: Allocator,
    last: SmallVec<[u8; ID_BYTES]>,
    /// From the root to the last key.
    way: SmallVec<[Place; ID_BYTES + 1]>,
    size: RadixSize,
}

impl RadixTree {
    pub(crate) fn new(allocator: Allocator) -> RadixTree {
        RadixTree {
            allocator,
            last: SmallVec::new(),
            way: smallvec![Place::default()],
            size: RadixSize::default(),
        }
    }

    /// Adds a key behind all others; one that comes again changes nothing.
    pub(crate) fn add(&mut self, key: &[u8]) {
        let key = &key[..key.len().min(COMPARED_BYTES_MAX)];
        if self.size.keys > 0 && key == self.last.as_slice() {
            return;
        }
        let pairs = key.iter().zip(&self.last);
        let shared = pairs.take_while(|(new, last)| new == last).count();
        self.climb_to(depth(shared));
        self.size.keys += 1;
        self.last.clear();
        self.last.extend_from_slice(key);
        let Some(mut place) = self.way.pop() else {
            return;
        };
        if depth(key.len()) == place.depth {
            place.is_key = true;
            self.way.push(place);
            return;
        }
        place.children += 1;
        if place.children == 2 {
            self.run_below_branch(place.first_run);
        }
        self.way.push(place);
        self.way.push(Place {
            depth: depth(key.len()),
            is_key: true,
            ..Place::default()
        });
    }

    /// Keys so far.
    pub(crate) fn keys(&self) -> u64 {
        self.size.keys
    }

    /// Counts what lies below this depth on the way to the last key, and makes a place there.
    fn climb_to(&mut self, depth: u16) {
        while let Some(place) = self.way.pop() {
            if place.depth <= depth {
                self.way.push(place);
                return;
            }
            self.close(place);
            match self.way.last_mut() {
                Some(above) if above.depth >= depth => {
                    let run = place.depth - above.depth;
                    if above.children == 1 {
                        above.first_run = run;
                    } else {
                        self.run_below_branch(run);
                    }
                }
                // The keys part within the run that leads here.
                _ => self.way.push(Place {
                    depth,
                    children: 1,
                    first_run: place.depth - depth,
                    is_key: false,
                }),
            }
        }
    }

    /// Counts the node at a place.
    fn close(&mut self, place: Place) {
        match place.children {
            1 => self.node(place.first_run, place.first_run > 1, place.is_key),
            children => self.node(children, false, place.is_key),
        }
    }

    /// Counts the node of a run whose first byte the branch above it holds.
    fn run_below_branch(&mut self, run: u16) {
        if run > 1 {
            self.node(run - 1, run > 2, false);
        }
    }

    /// A node with so many bytes of key: those of a run, which has one child, or one for each child.
    fn node(&mut self, key_bytes: u16, is_run: bool, is_key: bool) {
        let key_bytes = u64::from(key_bytes);
        let head = (NODE_HEADER_BYTES + key_bytes).next_multiple_of(POINTER_BYTES);
        let children = if is_run { 1 } else { key_bytes };
        let bytes = head + POINTER_BYTES * (children + u64::from(is_key));
        self.size.nodes += 1;
        self.size.node_bytes += self.allocator.usable(bytes);
    }

    /// The size of the tree with the keys so far.
    pub(crate) fn finish(mut self) -> RadixSize {
        self.climb_to(0);
        if let Some(root) = self.way.pop() {
            self.close(root);
        }
        self.size
    }
}

/// Bytes of a key, of which no more than [`COMPARED_BYTES_MAX`] are looked at.
fn depth(bytes: usize) -> u16 {
    u16::try_from(bytes).unwrap_or(u16::MAX)
}
