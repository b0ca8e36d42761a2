//! Slots that no reshard evens out.

use std::io::{self, Write};

use super::View;
use crate::document::{RuledSlot, TagRow};
use crate::figure::{count, percent, size};
use crate::text::grid::{Align, Grid};
use crate::text::{key_name, write_wrapped};

impl View<'_> {
    pub(super) fn ruled(&self, out: &mut dyn Write) -> io::Result<()> {
        let ruled = &self.document.ruled_slots;
        if ruled.is_empty() {
            return Ok(());
        }
        writeln!(
            out,
            "\nWhat no reshard can divide: slots of a quarter of a node and more"
        )?;
        let mut grid = Grid::new(&[
            ("slot", Align::Right),
            ("node", Align::Left),
            ("keys", Align::Right),
            ("memory", Align::Right),
            ("of a mean node", Align::Right),
            ("made of", Align::Left),
        ]);
        for slot in ruled {
            grid.row([
                slot.slot.to_string(),
                slot.owner
                    .as_ref()
                    .map_or("-", |owner| self.name(&owner.0))
                    .to_owned(),
                count(slot.keys),
                size(slot.memory_bytes),
                percent(slot.share_permille as f64 / 1_000.0),
                made_of(slot),
            ]);
        }
        grid.write(out)?;
        let advice = "Keys of one hash tag stay in one slot, and a slot on one node. What helps is other names: split the key, or \
                      take the hash tag off keys that need not be together.";
        write_wrapped("  ", advice, out)
    }
}

/// The key that is more than half of it, else the tag that is, else what is largest.
fn made_of(slot: &RuledSlot) -> String {
    let is_most = |bytes: u64| bytes > slot.memory_bytes / 2;
    if let Some(key) = &slot.largest_key
        && let Some(bytes) = key.memory_bytes
        && is_most(bytes)
    {
        return format!("key {} ({})", key_name(&key.key), size(bytes));
    }
    let Some(tags) = &slot.tags else {
        return "hash tags were not looked for".to_owned();
    };
    match tags.first() {
        Some(TagRow {
            hash_tag: Some(tag),
            memory_bytes,
            keys,
            ..
        }) => format!(
            "hash tag {} ({}, {} keys)",
            key_name(tag),
            size(*memory_bytes),
            count(*keys)
        ),
        Some(row) => format!(
            "{} keys without a hash tag ({})",
            count(row.keys),
            size(row.memory_bytes)
        ),
        None => "no keys".to_owned(),
    }
}
