//! Lists.

use super::{Blob, Loaded, Sum, Weight, averaged};
use crate::packed;
use crate::{Model, Text};

/// The object, which servers count before they average.
const OBJECT_BYTES: u64 = 16;
/// Sizes of nodes for `list-max-listpack-size` of -1 to -5, and of one that is bound by its number of items.
const NODE_BYTES_MAX: [u64; 5] = [4 << 10, 8 << 10, 16 << 10, 32 << 10, 64 << 10];
const COUNTED_NODE_BYTES_MAX: u64 = 8 << 10;
/// Nodes shorter than this are not compressed, nor those that would not get shorter by eight bytes
/// (`src/quicklist.c`, `MIN_COMPRESS_BYTES`, `MIN_COMPRESS_IMPROVE`).
const COMPRESSED_FROM_BYTES: u64 = 48;
/// A compressed node's length in front of it, and the improvement that there must be.
const COMPRESSED_HEAD_BYTES: u64 = 8;

#[derive(Debug, Clone)]
pub(super) struct List {
    /// Items are laid out anew, not taken over in nodes.
    is_made_anew: bool,
    /// However short, it does not become one listpack: a list of one ziplist (`src/rdb.c`, `RDB_TYPE_LIST_ZIPLIST`).
    stays_of_nodes: bool,
    announced_nodes: u64,
    nodes: u64,
    items: u64,
    /// What is counted for all nodes, and what they take, without their structures.
    reported_bytes: u64,
    used_bytes: u64,
    /// Of the first node.
    first: Option<FirstNode>,
    /// The node that is filled.
    filled: Filled,
    told: Told,
}

#[derive(Debug, Clone, Copy)]
struct FirstNode {
    bytes: u64,
    items: u64,
    is_plain: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Filled {
    bytes: u64,
    items: u64,
    last_entry_bytes: u64,
}

/// What the entries of a blob are told for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// They are not.
    Not,
    /// To be counted.
    Counted,
    /// To make a node of them, however large.
    Packed,
}

impl List {
    pub(super) fn new(is_made_anew: bool) -> List {
        List {
            is_made_anew,
            stays_of_nodes: false,
            announced_nodes: 0,
            nodes: 0,
            items: 0,
            reported_bytes: 0,
            used_bytes: 0,
            first: None,
            filled: Filled::default(),
            told: Told::Not,
        }
    }

    pub(super) fn announce_nodes(&mut self, n: u64) {
        self.announced_nodes = n;
    }

    pub(super) fn wants_texts(&self) -> bool {
        self.is_made_anew || self.told == Told::Packed
    }

    /// An item; by itself, in a list of nodes, it is a node.
    pub(super) fn add_item(&mut self, text: Text, model: &Model) {
        match self.told {
            Told::Not if !self.is_made_anew => {
                return self.add_node(text.len, None, Some(1), true, model);
            }
            Told::Counted => return,
            Told::Not | Told::Packed => {}
        }
        let entry = match model.layout.has_ziplists {
            true => packed::ziplist_entry(text, self.filled.last_entry_bytes),
            false => packed::listpack_entry(text),
        };
        if self.is_made_anew && self.filled.items > 0 && self.is_full(entry, model) {
            self.close_filled(model);
        }
        self.filled.bytes = self.filled.bytes.saturating_add(entry);
        self.filled.items += 1;
        self.filled.last_entry_bytes = entry;
    }

    fn is_full(&self, entry: u64, model: &Model) -> bool {
        let bytes = packed::empty_bytes(model.layout)
            .saturating_add(self.filled.bytes)
            .saturating_add(entry);
        match usize::try_from(-1 - model.settings.list_max_size) {
            Ok(size) => bytes > NODE_BYTES_MAX[size.min(NODE_BYTES_MAX.len() - 1)],
            Err(_) => {
                self.filled.items >= model.settings.list_max_size.unsigned_abs()
                    || bytes > COUNTED_NODE_BYTES_MAX
            }
        }
    }

    fn close_filled(&mut self, model: &Model) {
        let filled = std::mem::take(&mut self.filled);
        let bytes = packed::empty_bytes(model.layout).saturating_add(filled.bytes);
        self.add_node(bytes, None, Some(filled.items), false, model);
    }

    pub(super) fn blob(
        &mut self,
        blob: Blob,
        bytes: u64,
        compressed_bytes: Option<u64>,
        entries: Option<u64>,
        model: &Model,
    ) -> bool {
        if self.is_made_anew {
            self.stays_of_nodes = true;
            return true;
        }
        if blob == Blob::Ziplist && !model.layout.has_ziplists {
            self.told = Told::Packed;
            return true;
        }
        self.add_node(bytes, compressed_bytes, entries, false, model);
        if entries.is_none() && model.layout.averages_by_element {
            self.told = Told::Counted;
            return true;
        }
        false
    }

    pub(super) fn blob_ends(&mut self, entries: u64, model: &Model) {
        match std::mem::replace(&mut self.told, Told::Not) {
            Told::Packed => self.close_filled(model),
            Told::Counted => self.items = self.items.saturating_add(entries),
            Told::Not => {}
        }
    }

    fn add_node(
        &mut self,
        bytes: u64,
        compressed_bytes: Option<u64>,
        items: Option<u64>,
        is_plain: bool,
        model: &Model,
    ) {
        let at = self.nodes;
        self.nodes += 1;
        self.items = self.items.saturating_add(items.unwrap_or(0));
        if at == 0 {
            self.first = Some(FirstNode {
                bytes,
                items: items.unwrap_or(u64::MAX),
                is_plain,
            });
        }
        let depth = model.settings.list_compress_depth;
        let is_inner = depth > 0 && at >= depth && at + depth < self.announced_nodes;
        let compressed = compressed_bytes
            .map(|stored| stored.saturating_add(COMPRESSED_HEAD_BYTES))
            .filter(|&stored| {
                is_inner && !is_plain && bytes >= COMPRESSED_FROM_BYTES && stored <= bytes
            });
        let bytes = compressed.unwrap_or(bytes);
        self.reported_bytes = self
            .reported_bytes
            .saturating_add(model.reported_blob(bytes));
        self.used_bytes = self.used_bytes.saturating_add(model.usable(bytes));
    }

    pub(super) fn finish(&mut self, model: &Model) -> Option<Weight> {
        if self.filled.items > 0 {
            self.close_filled(model);
        }
        let first = self.first?;
        let layout = model.layout;
        let may_be_packed = layout.packs_lists && !self.stays_of_nodes && !first.is_plain;
        if may_be_packed && self.nodes == 1 && is_short(first, model) {
            let (reported, used) = (model.reported_blob(first.bytes), model.usable(first.bytes));
            return Some(Sum::exact(Loaded::Listpack, reported, used));
        }
        let structures = model.reported_struct(layout.list_node) * self.nodes;
        let samples = match layout.averages_by_element {
            true => self.items,
            false => self.nodes,
        };
        let nodes = self.reported_bytes.saturating_add(structures);
        let list = model.reported_struct(layout.list);
        let reported = match layout.keeps_totals {
            true => list.saturating_add(nodes),
            false => averaged(OBJECT_BYTES + list, nodes, samples.max(1)) - OBJECT_BYTES,
        };
        let used = model.usable(layout.list)
            + (model.usable(layout.list_node) * self.nodes).saturating_add(self.used_bytes);
        Some(Sum::exact(Loaded::Quicklist, reported, used))
    }
}

/// Whether a list of one node is no list of nodes.
fn is_short(first: FirstNode, model: &Model) -> bool {
    match usize::try_from(-1 - model.settings.list_max_size) {
        Ok(size) => first.bytes <= NODE_BYTES_MAX[size.min(NODE_BYTES_MAX.len() - 1)],
        Err(_) => first.items <= model.settings.list_max_size.unsigned_abs().max(1),
    }
}
