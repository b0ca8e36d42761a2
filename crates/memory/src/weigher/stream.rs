//! Streams.

use super::{Loaded, Sum, Weight};
use crate::Model;
use crate::radix::{COMPARED_BYTES_MAX, RadixSize, RadixTree};
use crate::table::{Dict, as_float};

/// Longest beginning of a group's or consumer's name that is looked at.
pub const NAME_BYTES_MAX: usize = COMPARED_BYTES_MAX;
/// What MEMORY USAGE counts for a node of a radix tree, and for a key of it, where it does not look (`src/object.c`,
/// `streamRadixTreeMemoryUsage`).
const COUNTED_FOR_NODE: u64 = 4 + 30 * 8;
const COUNTED_FOR_KEY: u64 = 16;
/// Redis 8.6 (`src/stream.h`, `src/adlist.h`): a node of a group's list of pending entries, and the list of the groups
/// in which an entry is pending.
const LIST_NODE_BYTES: u64 = 24;
const LIST_BYTES: u64 = 48;
/// Ids of pending entries of several groups that are told apart; more are taken to be as much alike as these.
const IDS_MAX: usize = 1 << 16;
/// Redis 8.6 (`src/t_stream.c`): a producer, a message of it without its id, and what the table of its messages takes.
const PRODUCER_BYTES: u64 = 24;
const MESSAGE_BYTES: u64 = 32;
const ENTRY_BYTES: u64 = 24;
/// The name of the key, once more, in the table of streams with producers: taken for a short one.
const KEY_NAME_BYTES: u64 = 32;

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
    /// Ids that are pending in any group.
    ids: Ids,
    producers: Option<RadixTree>,
    /// Messages of the producer in progress.
    messages: u64,
}

/// Ids of pending entries, of which several groups may have the same.
#[derive(Debug, Clone, Default)]
struct Ids {
    kept: Vec<[u8; 16]>,
    all: u64,
}

impl<'m> Stream<'m> {
    pub(super) fn new(model: &'m Model) -> Stream<'m> {
        Stream {
            model,
            reported_bytes: model.reported_struct(model.layout.stream),
            used_bytes: model.usable(model.layout.stream),
            nodes: RadixTree::new(model.allocator),
            groups: None,
            consumers: None,
            pending: None,
            ids: Ids::default(),
            producers: None,
            messages: 0,
        }
    }

    fn add(&mut self, reported: u64, used: u64) {
        self.reported_bytes = self.reported_bytes.saturating_add(reported);
        self.used_bytes = self.used_bytes.saturating_add(used);
    }

    fn add_struct(&mut self, bytes: u64) {
        self.add(self.model.reported_struct(bytes), self.model.usable(bytes));
    }

    /// A node of so many bytes, whose first entry has this id.
    pub fn node(&mut self, id: [u8; 16], bytes: u64) {
        self.nodes.add(&id);
        let used = self.model.usable(bytes);
        let reported = match self.model.layout.keeps_totals {
            true => bytes,
            false => used,
        };
        self.add(reported, used);
    }

    /// A consumer group by the beginning of its name.
    pub fn group(&mut self, name: &[u8]) {
        self.end_group();
        self.add_struct(self.model.layout.group);
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
        self.add_struct(self.model.layout.pending);
        if self.model.layout.keeps_totals {
            self.add(0, self.model.usable(LIST_NODE_BYTES));
            self.ids.all += 1;
            if self.ids.kept.len() < IDS_MAX {
                self.ids.kept.push(id);
            }
        }
    }

    /// A consumer of the group, by the beginning of its name and the bytes of all of it.
    pub fn consumer(&mut self, name: &[u8], name_bytes: u64) {
        self.end_pending();
        self.add_struct(self.model.layout.consumer);
        let reported = match self.model.layout.keeps_totals {
            true => self.model.strings.reported(name_bytes),
            false => name_bytes,
        };
        self.add(reported, self.model.strings.heap(name_bytes));
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

    /// A producer whose messages are remembered, by the beginning of its name (Redis 8.6).
    pub fn producer(&mut self, name: &[u8]) {
        self.end_group();
        self.end_producer();
        self.add_struct(PRODUCER_BYTES);
        let allocator = self.model.allocator;
        self.producers
            .get_or_insert_with(|| RadixTree::new(allocator))
            .add(name);
    }

    /// A message of the producer, with an id of so many bytes.
    pub fn message(&mut self, id_bytes: u64) {
        self.add_struct(MESSAGE_BYTES.saturating_add(id_bytes));
        self.messages += 1;
    }

    fn end_producer(&mut self) {
        let messages = std::mem::take(&mut self.messages);
        if messages == 0 {
            return;
        }
        let table = Dict::grown_to(messages);
        let used = [table.buckets, table.next_buckets]
            .into_iter()
            .filter(|&buckets| buckets > 0)
            .map(|buckets| self.model.usable(8 * buckets))
            .sum::<u64>()
            + self.model.usable(self.model.layout.dict)
            + self.model.usable(ENTRY_BYTES) * messages;
        self.add(0, used);
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
            self.add_names(consumers);
        }
    }

    /// A tree of names, which only servers that keep totals count.
    fn add_names(&mut self, names: RadixTree) {
        let (reported, used) = self.tree(names.finish());
        match self.model.layout.keeps_totals {
            true => self.add(reported, used),
            false => self.add(0, used),
        }
    }

    fn tree(&self, size: RadixSize) -> (u64, u64) {
        let used = size.used_bytes(self.model);
        let reported = match self.model.layout.has_sized_trees() {
            true => used,
            false => COUNTED_FOR_KEY * size.keys + COUNTED_FOR_NODE * size.nodes,
        };
        (reported, used)
    }

    /// The tree of all ids that are pending in any group, with the list of these groups for each.
    fn add_ids(&mut self) {
        let mut ids = std::mem::take(&mut self.ids);
        if ids.all == 0 {
            return;
        }
        ids.kept.sort_unstable();
        let mut tree = RadixTree::new(self.model.allocator);
        for id in &ids.kept {
            tree.add(id);
        }
        let lists = self.model.usable(LIST_BYTES) * tree.keys();
        let (reported, used) = self.tree(tree.finish());
        let more = as_float(ids.all) / as_float(ids.kept.len() as u64);
        self.add(scaled(reported, more), scaled(used + lists, more));
    }

    pub(super) fn finish(&mut self) -> Weight {
        self.end_group();
        self.end_producer();
        if let Some(groups) = self.groups.take() {
            self.add_names(groups);
        }
        self.add_ids();
        if let Some(producers) = self.producers.take() {
            let (_, used) = self.tree(producers.finish());
            let name = self.model.usable(LIST_NODE_BYTES) + self.model.usable(KEY_NAME_BYTES);
            self.add(0, used + name);
        }
        let nodes = std::mem::replace(&mut self.nodes, RadixTree::new(self.model.allocator));
        let (reported, used) = self.tree(nodes.finish());
        self.add(reported, used);
        Sum::exact(Loaded::Stream, self.reported_bytes, self.used_bytes)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "sizes are not negative"
)]
fn scaled(bytes: u64, factor: f64) -> u64 {
    (as_float(bytes) * factor).round() as u64
}
