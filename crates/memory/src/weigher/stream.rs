//! Streams.

use super::{Loaded, Sum, Weight};
use crate::Model;
use crate::radix::{COMPARED_BYTES_MAX, RadixSize, RadixTree};

/// Longest beginning of a group's or consumer's name that is looked at.
pub const NAME_BYTES_MAX: usize = COMPARED_BYTES_MAX;
/// A pending entry (`src/stream.h`, `streamNACK`).
const PENDING_BYTES: u64 = 24;
/// What MEMORY USAGE counts for a node of a radix tree, and for a key of it, where it does not look (`src/object.c`,
/// `streamRadixTreeMemoryUsage`).
const COUNTED_FOR_NODE: u64 = 4 + 30 * 8;
const COUNTED_FOR_KEY: u64 = 16;
/// A radix tree's header, and the same with the size that it keeps (Valkey since 8.1).
const TREE_BYTES: u64 = 24;
const TREE_WITH_SIZE_BYTES: u64 = 32;

/// Sizes a stream while its parts go by.
#[derive(Debug, Clone)]
pub struct Stream<'m> {
    model: &'m Model,
    reported_bytes: u64,
    used_bytes: u64,
    nodes: RadixTree,
    groups: Option<RadixTree>,
    consumers: Option<RadixTree>,
    /// Pending entries of the group, or of the consumer, that is in progress.
    pending: Option<RadixTree>,
}

impl<'m> Stream<'m> {
    pub(super) fn new(model: &'m Model) -> Stream<'m> {
        Stream {
            model,
            reported_bytes: model.layout.stream,
            used_bytes: model.usable(model.layout.stream),
            nodes: RadixTree::new(model.allocator),
            groups: None,
            consumers: None,
            pending: None,
        }
    }

    fn add(&mut self, reported: u64, used: u64) {
        self.reported_bytes = self.reported_bytes.saturating_add(reported);
        self.used_bytes = self.used_bytes.saturating_add(used);
    }

    /// A node of so many bytes, whose first entry has this id.
    pub fn node(&mut self, id: [u8; 16], bytes: u64) {
        self.nodes.add(&id);
        let used = self.model.usable(bytes);
        self.add(used, used);
    }

    /// A consumer group by the beginning of its name.
    pub fn group(&mut self, name: &[u8]) {
        self.end_group();
        let group = self.model.layout.group;
        self.add(group, self.model.usable(group));
        let allocator = self.model.allocator;
        self.groups
            .get_or_insert_with(|| RadixTree::new(allocator))
            .add(name);
        self.consumers = Some(RadixTree::new(allocator));
        self.pending = Some(RadixTree::new(allocator));
    }

    /// An entry that is pending in the group.
    pub fn pending(&mut self, id: [u8; 16]) {
        if let Some(pending) = &mut self.pending {
            pending.add(&id);
        }
        self.add(PENDING_BYTES, self.model.usable(PENDING_BYTES));
    }

    /// A consumer of the group, by the beginning of its name and the bytes of all of it.
    pub fn consumer(&mut self, name: &[u8], name_bytes: u64) {
        self.end_pending();
        let consumer = self.model.layout.consumer;
        let used = self
            .model
            .usable(consumer)
            .saturating_add(self.model.strings.heap(name_bytes));
        self.add(consumer.saturating_add(name_bytes), used);
        if let Some(consumers) = &mut self.consumers {
            consumers.add(name);
        }
        self.pending = Some(RadixTree::new(self.model.allocator));
    }

    /// A pending entry that the consumer owns, which is there already.
    pub fn owned(&mut self, id: [u8; 16]) {
        if let Some(pending) = &mut self.pending {
            pending.add(&id);
        }
    }

    fn end_pending(&mut self) {
        if let Some(pending) = self.pending.take() {
            let (reported, used) = self.tree(pending.finish());
            self.add(reported, used);
        }
    }

    fn end_group(&mut self) {
        self.end_pending();
        if let Some(consumers) = self.consumers.take() {
            let (_, used) = self.tree(consumers.finish());
            self.add(0, used);
        }
    }

    fn tree(&self, size: RadixSize) -> (u64, u64) {
        match self.model.layout.hashtable {
            Some(_) => {
                let used = self.model.usable(TREE_WITH_SIZE_BYTES) + size.node_bytes;
                (used, used)
            }
            None => {
                let counted = COUNTED_FOR_KEY * size.keys + COUNTED_FOR_NODE * size.nodes;
                (counted, self.model.usable(TREE_BYTES) + size.node_bytes)
            }
        }
    }

    pub(super) fn finish(mut self) -> Weight {
        self.end_group();
        if let Some(groups) = self.groups.take() {
            let (_, used) = self.tree(groups.finish());
            self.add(0, used);
        }
        let nodes = std::mem::replace(&mut self.nodes, RadixTree::new(self.model.allocator));
        let (reported, used) = self.tree(nodes.finish());
        self.add(reported, used);
        Sum::exact(Loaded::Stream, self.reported_bytes, self.used_bytes)
    }
}
