//! Goals beside each other, and growth, as CSV.

use std::io::{self, Write};

use super::{io_error, optional, text_cell};
use crate::document::CompareDocument;

/// Columns of a comparison of goals.
const GOAL_COLUMNS: [&str; 20] = [
    "goal",
    "outcome",
    "shards",
    "moved_slots",
    "moved_keys",
    "moved_memory_bytes",
    "moved_payload_bytes",
    "batches",
    "calls",
    "takes_low_us",
    "takes_expected_us",
    "takes_high_us",
    "worst_block_us",
    "imbalance_after",
    "fullest_target",
    "fullest_target_memory_bytes",
    "fullest_target_headroom_bytes",
    "held_slots",
    "held_memory_bytes",
    "reasons",
];

/// Writes goals as CSV, one row each.
///
/// # Errors
/// Whatever the writer fails with.
pub fn render_compare(document: &CompareDocument, out: &mut dyn Write) -> io::Result<()> {
    let mut rows = csv::Writer::from_writer(out);
    rows.write_record(GOAL_COLUMNS).map_err(io_error)?;
    for row in &document.goals {
        let fullest = row.fullest_target.as_ref();
        let headroom = fullest.and_then(|target| target.headroom_bytes);
        rows.write_record([
            text_cell(&row.goal),
            row.outcome.clone(),
            row.shards.to_string(),
            row.moved.slots.to_string(),
            row.moved.keys.to_string(),
            row.moved.memory_bytes.to_string(),
            row.moved.payload_bytes.to_string(),
            row.batches.to_string(),
            row.calls.to_string(),
            row.takes.low_us.to_string(),
            row.takes.expected_us.to_string(),
            row.takes.high_us.to_string(),
            row.worst_block_us.to_string(),
            row.imbalance_after.to_string(),
            fullest
                .map(|target| text_cell(&target.node))
                .unwrap_or_default(),
            optional(fullest.map(|target| target.memory_bytes)),
            headroom.map(|bytes| bytes.to_string()).unwrap_or_default(),
            row.held_slots.to_string(),
            row.held_memory_bytes.to_string(),
            text_cell(&row.reasons.join("; ")),
        ])
        .map_err(io_error)?;
    }
    rows.flush()
}
