//! Rows and named keys as arrays: sixteen thousand times the names of their fields would be most of the file.

use preshard_analyzer::{
    Cost, CostBin, CostHistogram, DataType, Encoding, KeyName, NamedKey, Sizes, SlotFacts,
};
use preshard_slots::Slot;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::key_record::KeyNameSchema;

/// One slot: `[slot, keys, expiring_keys, keys_with_expiring_fields, serialized_bytes, payload_bytes,
/// memory_bytes_estimate, memory_variance, memory_unknown_keys, block_ns, largest_payload_bytes, worst_block_ns, bins]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SlotLine(
    u16,
    u64,
    u64,
    u64,
    u64,
    u64,
    u64,
    u64,
    u64,
    u64,
    u64,
    u64,
    Vec<BinLine>,
);

/// Keys of like cost that are not listed by name: `[bin, keys, payload_bytes_max, restore_ns_max]`. Bins of predicted blocks
/// are linear below eight nanoseconds, then eight for each doubling.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BinLine(u16, u64, u64, u64);

/// One key: `[db, key, type, encoding, elements, expires_at_ms, serialized_bytes, payload_bytes, memory_bytes_estimate,
/// memory_usage_estimate, memory_variance, block_ns, restore_ns, offset]`. Its slot is that of its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NameLine(
    u64,
    #[schemars(with = "KeyNameSchema")] KeyName,
    String,
    String,
    Option<u64>,
    Option<i64>,
    u64,
    u64,
    Option<u64>,
    Option<u64>,
    u64,
    u64,
    u64,
    u64,
);

impl SlotLine {
    pub(super) fn new(slot: Slot, facts: &SlotFacts) -> SlotLine {
        let SlotFacts {
            keys,
            expiring_keys,
            keys_with_expiring_fields,
            serialized_bytes,
            payload_bytes,
            memory_bytes_estimate,
            memory_variance,
            memory_unknown_keys,
            block_ns,
            largest_payload_bytes,
            worst_block_ns,
            unnamed,
        } = facts;
        SlotLine(
            slot.number(),
            *keys,
            *expiring_keys,
            *keys_with_expiring_fields,
            *serialized_bytes,
            *payload_bytes,
            *memory_bytes_estimate,
            *memory_variance,
            *memory_unknown_keys,
            *block_ns,
            *largest_payload_bytes,
            *worst_block_ns,
            unnamed
                .bins()
                .iter()
                .map(|bin| {
                    BinLine(
                        bin.index(),
                        bin.keys,
                        bin.payload_bytes_max,
                        bin.restore_ns_max,
                    )
                })
                .collect(),
        )
    }

    /// The slot and its row, or what was expected and found.
    pub(super) fn read(&self) -> Result<(Slot, SlotFacts), (&'static str, String)> {
        let slot =
            Slot::new(self.0).ok_or_else(|| ("a slot from 0 to 16383", self.0.to_string()))?;
        let bins = self.12.iter().map(|bin| {
            let refuse = || {
                let found = format!("[{},{},{},{}]", bin.0, bin.1, bin.2, bin.3);
                ("a bin of 0 to 495 with at least one key", found)
            };
            CostBin::new(bin.0, bin.1, bin.2, bin.3).ok_or_else(refuse)
        });
        let unnamed = CostHistogram::from_bins(bins.collect::<Result<_, _>>()?)
            .ok_or_else(|| ("bins that ascend", "bins out of order".to_owned()))?;
        let facts = SlotFacts {
            keys: self.1,
            expiring_keys: self.2,
            keys_with_expiring_fields: self.3,
            serialized_bytes: self.4,
            payload_bytes: self.5,
            memory_bytes_estimate: self.6,
            memory_variance: self.7,
            memory_unknown_keys: self.8,
            block_ns: self.9,
            largest_payload_bytes: self.10,
            worst_block_ns: self.11,
            unnamed,
        };
        Ok((slot, facts))
    }
}

impl NameLine {
    pub(super) fn new(key: &NamedKey) -> NameLine {
        let NamedKey {
            db,
            key,
            slot: _,
            data_type,
            encoding,
            elements,
            expires_at_ms,
            sizes,
            cost,
            offset,
        } = key;
        NameLine(
            *db,
            key.clone(),
            data_type.name().to_owned(),
            encoding.name().to_owned(),
            *elements,
            *expires_at_ms,
            sizes.serialized_bytes,
            sizes.payload_bytes,
            sizes.memory_bytes_estimate,
            sizes.memory_usage_estimate,
            sizes.memory_variance,
            cost.block_ns,
            cost.restore_ns,
            *offset,
        )
    }

    /// The key, or what was expected and found.
    pub(super) fn read(self) -> Result<NamedKey, (&'static str, String)> {
        let data_type =
            DataType::from_name(&self.2).ok_or(("the name of a type", format!("{:?}", self.2)))?;
        let encoding = Encoding::from_name(&self.3)
            .ok_or(("the name of an encoding", format!("{:?}", self.3)))?;
        Ok(NamedKey {
            db: self.0,
            slot: Slot::of_key(&self.1.0),
            key: self.1,
            data_type,
            encoding,
            elements: self.4,
            expires_at_ms: self.5,
            sizes: Sizes {
                serialized_bytes: self.6,
                payload_bytes: self.7,
                memory_bytes_estimate: self.8,
                memory_usage_estimate: self.9,
                memory_variance: self.10,
            },
            cost: Cost {
                block_ns: self.11,
                restore_ns: self.12,
            },
            offset: self.13,
        })
    }
}
