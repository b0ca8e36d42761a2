//! One key, as one line of NDJSON.

use std::borrow::Cow;

use preshard_analyzer::{CostProfile, DataType, KeyFacts, KeyName};
use preshard_planner::plan::Verdict;
use preshard_slots::hash_tag;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Millis, deviation};

/// How a key's name is written: as text when it is UTF-8, in base64 otherwise.
#[derive(JsonSchema)]
#[schemars(rename = "KeyName", rename_all = "lowercase")]
#[expect(dead_code, reason = "stands for KeyName in the schema, never built")]
pub(super) enum KeyNameSchema {
    Text(String),
    Base64(String),
}

/// One key of a snapshot: one line of `preshard keys --format ndjson`.
///
/// The fields, their names and their order are stable; a value that is not known is `null`, never
/// left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyRecord<'a> {
    /// Database number.
    pub db: u64,
    /// The key's name.
    #[schemars(with = "KeyNameSchema")]
    pub key: KeyName,
    /// Data type, the server's word: `string`, `list`, `set`, `zset`, `hash`, `stream`, `array`,
    /// `pathhash`, `module`.
    #[serde(rename = "type")]
    pub data_type: Cow<'a, str>,
    /// How the value lies in the file, the server's word: `raw`, `int`, `listpack`, `quicklist`...
    pub encoding: Cow<'a, str>,
    /// Elements as the server counts them (STRLEN, LLEN, SCARD, ZCARD, HLEN, XLEN, ARCOUNT, PHCARD); `null` for
    /// modules.
    pub elements: Option<u64>,
    /// The cluster slot that the name hashes to.
    #[schemars(range(max = 16_383))]
    pub slot: u16,
    /// The part of the name that decides the slot, where it is only a part: what stands between the first
    /// `{` and the next `}`.
    #[schemars(with = "Option<KeyNameSchema>")]
    pub hash_tag: Option<KeyName>,
    /// Absolute expiry, Unix milliseconds; `null` when the key does not expire.
    pub expires_at_ms: Option<i64>,
    /// The value as it lies in this file.
    pub serialized_bytes: u64,
    /// What DUMP returns and MIGRATE carries. Exact, but for a hash with a `template`: of that it is the most that it can
    /// be.
    pub payload_bytes: u64,
    /// What `used_memory` of the server that is planned for grows by when it loads the key; `null` where it cannot be
    /// known (modules, arrays, path hashes).
    pub memory_bytes_estimate: Option<u64>,
    /// How long one MIGRATE of this key alone stops the source, before any safety factor.
    pub block_ms_estimate: Millis,
    /// Seconds since last use, where the file tells.
    pub idle_s: Option<u64>,
    /// LFU counter, where the file tells.
    pub lfu: Option<u8>,
    /// The file, as it was named on the command line or found in a directory named there.
    pub file: Cow<'a, str>,
    /// Absolute offset of the value's type byte in the file.
    pub offset: u64,
    /// What can be done with the key under the limits in force.
    pub verdict: Verdict,
    /// The longest element: bytes of a string, an item, a member, a field's name or value; integers as text.
    /// `null` where it was not looked for, where a blob is broken inside, and for modules.
    pub largest_element_bytes: Option<u64>,
    /// All elements together, without scores; of a stream the fields and values of entries that are not deleted.
    /// `null` likewise.
    pub element_bytes: Option<u64>,
    /// Blobs of the value that are broken inside: most servers load them, and fail on them later.
    pub broken_nodes: u64,
    /// Hash fields with a TTL, whether past or not; `null` for other types.
    pub fields_with_ttl: Option<u64>,
    /// Of these, fields whose expiry was past when the file was written, or at the time that `--now` states; `null`
    /// where neither is known, and for other types.
    pub fields_expired: Option<u64>,
    /// The earliest expiry of a field, Unix milliseconds.
    pub first_field_expiry_ms: Option<i64>,
    /// The latest expiry of a field, Unix milliseconds.
    pub last_field_expiry_ms: Option<i64>,
    /// Consumer groups of a stream; `null` for other types.
    pub groups: Option<u64>,
    /// Consumers of all its groups.
    pub consumers: Option<u64>,
    /// Entries that its groups delivered and nobody acknowledged.
    pub pending: Option<u64>,
    /// Of these, entries that no consumer owns because one gave them back (Redis 8.8).
    pub unowned: Option<u64>,
    /// Entries of a stream that are deleted and still take room.
    pub deleted_entries: Option<u64>,
    /// What the file calls the template that has the names of a hash's fields (Redis 8.10); `null` where they stand in
    /// the value.
    pub template: Option<u64>,
    /// The module that wrote the value; `null` for other types.
    pub module: Option<ModuleRef>,
    /// What MEMORY USAGE (SAMPLES 0) answers of that server (see `memory_bytes_estimate`), which is not the memory that the key takes; `null` likewise.
    pub memory_usage_estimate: Option<u64>,
    /// The standard deviation of both, in bytes: what the server draws by lot. 0 where nothing is; `null` likewise.
    pub memory_deviation_bytes: Option<u64>,
    /// How that server keeps the value, in the word of OBJECT ENCODING; `null` likewise.
    pub loaded_encoding: Option<Cow<'a, str>>,
    /// The least that the block may turn out to be: the errors that were measured, and a value that lies in the caches.
    pub block_ms_low: Millis,
    /// The most.
    pub block_ms_high: Millis,
}

/// The module that wrote a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModuleRef {
    /// Name of its data type, nine characters.
    pub name: String,
    /// Version of its encoding.
    pub version: u64,
}

impl<'a> KeyRecord<'a> {
    /// The record of a key.
    ///
    /// `cost` is the profile that predicted the times of `facts`: the record tells the block of a whole call.
    pub fn new(
        facts: &KeyFacts<'_>,
        file: &'a str,
        cost: &CostProfile,
        verdict: Verdict,
    ) -> KeyRecord<'a> {
        let range = cost.range(facts.data_type, &facts.value, facts.sizes.payload_bytes);
        let (call_low_ns, call_high_ns) = cost.call_range_ns();
        let of_call = |key_ns: u64, call_ns: u64| Millis::from_ns(key_ns.saturating_add(call_ns));
        let value = &facts.value;
        let of = |data_type, n| (facts.data_type == data_type).then_some(n);
        KeyRecord {
            db: facts.db,
            key: KeyName(facts.key.as_ref().into()),
            data_type: facts.data_type.name().into(),
            encoding: value.encoding.name().into(),
            elements: value.elements,
            slot: facts.slot.number(),
            hash_tag: hash_tag(&facts.key).map(|tag| KeyName(tag.into())),
            expires_at_ms: facts.expires_at_ms,
            serialized_bytes: facts.sizes.serialized_bytes,
            payload_bytes: facts.sizes.payload_bytes,
            memory_bytes_estimate: facts.sizes.memory_bytes_estimate,
            block_ms_estimate: of_call(facts.cost.block_ns, cost.call_fixed_ns()),
            idle_s: facts.idle_s,
            lfu: facts.lfu,
            file: file.into(),
            offset: facts.offset,
            verdict,
            largest_element_bytes: value.largest_element_bytes,
            element_bytes: value.element_bytes,
            broken_nodes: value.broken_nodes,
            fields_with_ttl: of(DataType::Hash, value.fields_with_ttl),
            fields_expired: value.fields_expired.and_then(|n| of(DataType::Hash, n)),
            first_field_expiry_ms: value.first_field_expiry_ms,
            last_field_expiry_ms: value.last_field_expiry_ms,
            groups: of(DataType::Stream, value.groups),
            consumers: of(DataType::Stream, value.consumers),
            pending: of(DataType::Stream, value.pending),
            unowned: of(DataType::Stream, value.unowned),
            deleted_entries: of(DataType::Stream, value.deleted_entries),
            template: value.template,
            module: value.module.map(|module| ModuleRef {
                name: module.name(),
                version: module.version(),
            }),
            memory_usage_estimate: facts.sizes.memory_usage_estimate,
            memory_deviation_bytes: facts
                .sizes
                .memory_bytes_estimate
                .map(|_| deviation(facts.sizes.memory_variance)),
            loaded_encoding: facts.loaded.map(|loaded| loaded.name().into()),
            block_ms_low: of_call(range.low.block_ns, call_low_ns),
            block_ms_high: of_call(range.high.block_ns, call_high_ns),
        }
    }
}
