//! A first memory model.

use preshard_parser::{DataType, Encoding, ValueFacts};

use super::MemoryModel;

/// The sizes of a Redis 7.0 on its bundled jemalloc, from means: every element counts as the mean of its
/// value, every blob as the mean blob.
///
/// Rough: for other servers, for lengths that vary within a value and for streams it is tens of percent
/// off, sometimes more for a single key. Good enough to compare shards, not to fill one to the brim.
/// Modules, arrays and path hashes have no estimate.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rough1;

/// A value object (redis `src/server.h`, `robj`).
const OBJECT: u64 = 16;
/// A table entry: key, value, next (`src/dict.c`, `dictEntry`).
const ENTRY: u64 = 24;
/// A table's header (`src/dict.h`, `dict`).
const TABLE: u64 = 56;
/// A pointer to an entry.
const BUCKET: u64 = 8;
/// Buckets per key of the database's table, which has between one and two.
const DATABASE_BUCKETS: (u64, u64) = (3, 2);
/// Strings up to this length lie inside their object (`src/object.c`, `OBJ_ENCODING_EMBSTR_SIZE_LIMIT`).
const EMBEDDED_MAX: u64 = 44;
/// Object and string header of such a string, and its final zero.
const EMBEDDED: u64 = 20;
/// A list and a node of it (`src/quicklist.h`).
const LIST: u64 = 40;
/// A sorted set's two parts and the head of its skip list with all levels (`src/t_zset.c`).
const ZSET: u64 = 16 + 32 + 640;
/// A skip list node: the mean over the random levels, on this allocator.
const ZSET_NODE_MEAN: u64 = 46;
/// A stream (`src/stream.h`).
const STREAM: u64 = 80;
/// A stream node's part of the radix tree: its key is 16 bytes, most of them shared.
const STREAM_NODE: u64 = 48;
/// A consumer group with its trees.
const GROUP: u64 = 160;
/// A consumer with its tree and a short name.
const CONSUMER: u64 = 160;
/// A pending entry: 24 bytes, and a node in the tree of its group and of its consumer.
const PENDING: u64 = 24 + 2 * 32;

impl MemoryModel for Rough1 {
    fn name(&self) -> &str {
        "rough-1"
    }

    fn estimate(
        &self,
        key_len: u64,
        has_expiry: bool,
        value: &ValueFacts,
        data_type: DataType,
    ) -> Option<u64> {
        let entries = 1 + u64::from(has_expiry);
        let buckets = entries * BUCKET * DATABASE_BUCKETS.0 / DATABASE_BUCKETS.1;
        let key = string(key_len)
            .saturating_add(entries * ENTRY)
            .saturating_add(buckets);
        Some(key.saturating_add(value_bytes(value, data_type)?))
    }
}

fn value_bytes(value: &ValueFacts, data_type: DataType) -> Option<u64> {
    let content = value.content_bytes;
    let n = value.elements?;
    if value.encoding.is_compact() && data_type != DataType::List {
        return Some(OBJECT.saturating_add(usable(content)));
    }
    let bytes = match data_type {
        DataType::String if value.encoding == Encoding::Int => OBJECT,
        DataType::String if content <= EMBEDDED_MAX => usable(EMBEDDED + content),
        DataType::String => OBJECT.saturating_add(string(content)),
        DataType::List => {
            let nodes = value.nodes.max(1);
            let node = LIST.saturating_add(usable(content.div_ceil(nodes)));
            (OBJECT + LIST).saturating_add(node.saturating_mul(nodes))
        }
        DataType::Set => table(n, string(mean(content, n))),
        DataType::Hash => {
            let pair = string(mean(content, n.saturating_mul(2))).saturating_mul(2);
            table(n, pair)
        }
        DataType::Zset => {
            let member = string(mean(content, n)) + ZSET_NODE_MEAN;
            table(n, member).saturating_add(ZSET)
        }
        DataType::Stream => {
            let nodes = value.nodes;
            let node = STREAM_NODE.saturating_add(usable(mean(content, nodes)));
            (OBJECT + STREAM)
                .saturating_add(node.saturating_mul(nodes))
                .saturating_add(value.groups.saturating_mul(GROUP))
                .saturating_add(value.consumers.saturating_mul(CONSUMER))
                .saturating_add(value.pending.saturating_mul(PENDING))
        }
        DataType::Module | DataType::Array | DataType::PathHash => return None,
    };
    Some(bytes)
}

/// An object that is a table of `n` elements of so many bytes each, buckets included.
fn table(n: u64, element_bytes: u64) -> u64 {
    let buckets = n.max(4).checked_next_power_of_two().unwrap_or(u64::MAX);
    let elements = n.saturating_mul(ENTRY.saturating_add(element_bytes));
    (OBJECT + TABLE)
        .saturating_add(usable(buckets.saturating_mul(BUCKET)))
        .saturating_add(elements)
}

fn mean(sum: u64, n: u64) -> u64 {
    sum.checked_div(n).unwrap_or(0)
}

/// A string of its own (`src/sds.c`): header, bytes and a final zero.
fn string(len: u64) -> u64 {
    let header = match len {
        0 => 3,
        1..32 => 1,
        32..256 => 3,
        256..65_536 => 5,
        _ => 9,
    };
    usable(len.saturating_add(header + 1))
}

/// What jemalloc with a quantum of eight hands out for a request: multiples of 8 up to 64, then four
/// sizes per doubling.
fn usable(request: u64) -> u64 {
    let request = request.max(1);
    let step = if request <= 64 {
        8
    } else {
        let doubling = (request - 1).ilog2() + 1;
        1u64 << (doubling - 3)
    };
    request.checked_next_multiple_of(step).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The classes that jemalloc's manual lists for this quantum.
    #[test]
    fn requests_are_rounded_to_the_size_classes_of_jemalloc() {
        for (request, class) in [
            (0, 8),
            (1, 8),
            (8, 8),
            (9, 16),
            (57, 64),
            (64, 64),
            (65, 80),
            (80, 80),
            (81, 96),
            (113, 128),
            (129, 160),
            (161, 192),
            (257, 320),
            (4_097, 5_120),
            (33_554_440, 41_943_040),
        ] {
            assert_eq!(usable(request), class, "request of {request}");
        }
    }
}
