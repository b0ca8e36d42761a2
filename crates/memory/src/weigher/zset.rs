//! Sorted sets.

use super::{Blob, Loaded, Score, Sum, Weight};
use crate::key::ENTRY_BYTES;
use crate::model::{Drawn, PARTS};
use crate::packed::Packed;
use crate::table::{BUCKET_BYTES, Dict, Hashtable, as_float};
use crate::{Model, Text, double};

/// A sorted set's two parts, and the head of its skip list (`src/server.h`, `zset`, `zskiplist`).
const PARTS_BYTES: u64 = 16;
const LIST_BYTES: u64 = 32;
/// The first node, which has all levels.
const FIRST_NODE_BYTES: u64 = 24 + 32 * 16;
/// An entry without a key, for a member that shares its bucket.
const KEYLESS_ENTRY_BYTES: u64 = 16;

#[derive(Debug, Clone, Default)]
pub(super) struct Zset {
    pub(super) announced: u64,
    members: u64,
    string_bytes: u64,
    /// Means and variances of nodes with members inside, in parts of a byte.
    node_parts: u64,
    node_variance_parts: u64,
    longest: u64,
    packed: Packed,
    blob: Option<ZsetBlob>,
}

#[derive(Debug, Clone, Copy)]
struct ZsetBlob {
    blob: Blob,
    bytes: u64,
    entries: Option<u64>,
}

impl Zset {
    /// A short one becomes a blob, whose size hangs on the integers in it.
    pub(super) fn wants_texts(&self, model: &Model) -> bool {
        match self.blob {
            Some(_) => self.members < model.settings.zset_max_entries,
            None => self.may_be_packed(model),
        }
    }

    fn may_be_packed(&self, model: &Model) -> bool {
        self.announced <= model.settings.zset_max_entries
            && self.longest <= model.settings.zset_max_value
    }

    /// Members of one that becomes no blob, see [`Zset::wants_texts`].
    pub(super) fn add_run(&mut self, lengths: &[u32], model: &Model) {
        if model.layout.embeds_members.is_some() {
            for &len in lengths {
                self.add_member(u64::from(len), model);
            }
            return;
        }
        self.members += lengths.len() as u64;
        self.string_bytes = self
            .string_bytes
            .saturating_add(model.strings.heap_sum(lengths));
    }

    #[inline]
    fn add_member(&mut self, len: u64, model: &Model) {
        self.members += 1;
        self.longest = self.longest.max(len);
        match model.layout.embeds_members {
            None => {
                self.string_bytes = self.string_bytes.saturating_add(model.strings.heap(len));
            }
            Some(members) => {
                let node = model.node_with(members.head, model.strings.embedded(len));
                self.node_parts = self.node_parts.saturating_add(parts(node.mean));
                self.node_variance_parts = self
                    .node_variance_parts
                    .saturating_add(parts(node.variance));
            }
        }
    }

    pub(super) fn add(&mut self, text: Text, model: &Model) {
        self.add_member(text.len, model);
        self.packed.add(text, model.layout);
    }

    pub(super) fn add_score(&mut self, score: Score, model: &Model) {
        let text = match score {
            Score::Text(text) => text,
            Score::Number(_) if !self.wants_texts(model) => return,
            Score::Number(number) => number_text(number, model.layout.short_doubles),
        };
        self.packed.add(text, model.layout);
    }

    pub(super) fn blob(
        &mut self,
        blob: Blob,
        bytes: u64,
        entries: Option<u64>,
        model: &Model,
    ) -> bool {
        self.blob = Some(ZsetBlob {
            blob,
            bytes,
            entries,
        });
        let becomes_list =
            entries.is_none_or(|entries| entries / 2 > model.settings.zset_max_entries);
        becomes_list || (blob == Blob::Ziplist && !model.layout.has_ziplists)
    }

    pub(super) fn finish(&self, model: &Model) -> Option<Weight> {
        let (bytes, loaded) = match self.blob {
            Some(it) => {
                let members = it.entries.map_or(self.members, |entries| entries / 2);
                if members > model.settings.zset_max_entries {
                    return Some(self.skip_list(true, model));
                }
                match (it.blob, model.layout.has_ziplists) {
                    (Blob::Ziplist, true) => (it.bytes, Loaded::Ziplist),
                    (Blob::Ziplist, false) => (self.packed.bytes(model.layout), Loaded::Listpack),
                    _ => (it.bytes, Loaded::Listpack),
                }
            }
            None if self.may_be_packed(model) => {
                let loaded = match model.layout.has_ziplists {
                    true => Loaded::Ziplist,
                    false => Loaded::Listpack,
                };
                (self.packed.bytes(model.layout), loaded)
            }
            None => return Some(self.skip_list(false, model)),
        };
        Some(Sum::exact(
            loaded,
            model.reported_blob(bytes),
            model.usable(bytes),
        ))
    }

    fn skip_list(&self, was_blob: bool, model: &Model) -> Weight {
        let n = self.members;
        let nodes = match model.layout.embeds_members {
            Some(_) => Drawn {
                mean: as_float(self.node_parts) / PARTS,
                variance: as_float(self.node_variance_parts) / PARTS,
            },
            None => Drawn {
                mean: as_float(n) * model.node.mean + as_float(self.string_bytes),
                variance: as_float(n) * model.node.variance,
            },
        };
        let first = model.usable(FIRST_NODE_BYTES);
        let (counted, taken) = match model.layout.embeds_members {
            Some(members) => {
                let list = match members.list {
                    0 => [members.first_node, 0],
                    list => [members.first_node, list],
                };
                let list = list.into_iter().filter(|&bytes| bytes > 0);
                (
                    PARTS_BYTES
                        + list
                            .clone()
                            .map(|it| model.reported_struct(it))
                            .sum::<u64>(),
                    model.usable(PARTS_BYTES) + list.map(|it| model.usable(it)).sum::<u64>(),
                )
            }
            None => (
                PARTS_BYTES + LIST_BYTES + first,
                model.usable(PARTS_BYTES) + model.usable(LIST_BYTES) + first,
            ),
        };
        if let Some(header) = model.layout.hashtable {
            let table = Hashtable::made_for(n);
            let chained = table.chained();
            return Sum {
                loaded: Loaded::Skiplist,
                reported: as_float(counted + header)
                    + BUCKET_BYTES * (as_float(table.buckets) + chained)
                    + nodes.mean,
                used: as_float(taken + model.usable(header) + model.usable(64 * table.buckets))
                    + BUCKET_BYTES * chained
                    + nodes.mean,
                variance: nodes.variance + BUCKET_BYTES * BUCKET_BYTES * chained,
            }
            .weight();
        }
        let dict = match was_blob && !model.layout.packs_sets {
            // Before 7.2 one by one, so that two tables may be there.
            true => Dict::grown_to(n),
            false => Dict::made_for(n),
        };
        let header = model.layout.dict;
        let next = match dict.next_buckets {
            0 => 0,
            buckets => model.usable(8 * buckets),
        };
        let reported = counted + header + 8 * (dict.buckets + dict.next_buckets) + ENTRY_BYTES * n;
        let used = taken + model.usable(header) + model.usable(8 * dict.buckets) + next;
        let (entries, variance) = match model.layout.has_keyless_pairs {
            true => (
                as_float(model.usable(KEYLESS_ENTRY_BYTES)) * dict.sharing(),
                dict.sharing_variance(),
            ),
            false => (as_float(model.usable(ENTRY_BYTES) * n), 0.0),
        };
        Sum {
            loaded: Loaded::Skiplist,
            reported: as_float(reported) + nodes.mean,
            used: as_float(used) + entries + nodes.mean,
            variance: nodes.variance + variance,
        }
        .weight()
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a size of a node, far below the limit"
)]
fn parts(bytes: f64) -> u64 {
    (bytes * PARTS).round() as u64
}

/// The text that a server makes of a score, as far as its size goes.
fn number_text(number: f64, is_shortest: bool) -> Text {
    let text = match is_shortest {
        true => double::shortest(number),
        false => double::seventeen_digits(number),
    };
    Text::of(text.as_bytes())
}
