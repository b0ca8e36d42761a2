//! The tables of a plan: nodes, batches, what is held, what is oversized.

use std::collections::BTreeSet;
use std::io::{self, Write};

use preshard_planner::plan::{Batch, OversizedKey};

use super::{View, line, node_name, ways_out, write_wrapped};
use crate::figure::{count, count_or_dash, counted, cut, duration_us, percent, ranges, size};
use crate::text::grid::{Align, Grid};
use crate::text::{KEY_WIDTH, at_least, key_name, short_id};
use crate::words;

/// Rows of a list before it is cut.
const ROWS_MAX: usize = 20;
/// Batches at the head of a list that is cut.
const BATCHES_FIRST: usize = 12;
/// Batches at the end of a list that is cut: batches with heavy keys come last.
const BATCHES_LAST: usize = 5;
/// Characters of a list of slot ranges before it is cut.
const RANGES_WIDTH: usize = 48;

impl View<'_> {
    pub(super) fn nodes(&self, out: &mut dyn Write) -> io::Result<()> {
        let plan = &self.document.plan;
        writeln!(out, "\nNodes, before -> after")?;
        let mut grid = Grid::new(&[
            ("node", Align::Left),
            ("id", Align::Left),
            ("slots", Align::Right),
            ("->", Align::Right),
            ("keys", Align::Right),
            ("->", Align::Right),
            ("memory", Align::Right),
            ("->", Align::Right),
            ("share", Align::Right),
            ("->", Align::Right),
            ("ideal", Align::Right),
        ]);
        for (node, share) in plan.nodes.iter().zip(&self.document.shares) {
            let all_seen = node.known && !self.is_damaged(&node.id.0);
            let seen = |figure| at_least(all_seen, node.before.keys > 0, figure);
            let percent = |share: Option<f64>| share.map_or_else(|| "?".to_owned(), percent);
            grid.row([
                node_name(&node.id.0, &node.address).to_owned(),
                short_id(&node.id.0).to_owned(),
                count(u64::from(node.before.slots)),
                count(u64::from(node.after.slots)),
                seen(count(node.before.keys)),
                seen(count(node.after.keys)),
                seen(size(node.before.memory_bytes)),
                seen(size(node.after.memory_bytes)),
                percent(share.before),
                percent(share.after),
                percent(share.ideal),
            ]);
        }
        grid.write(out)?;
        let before: u64 = plan.nodes.iter().map(|node| node.tables_before_bytes).sum();
        let after: u64 = plan.nodes.iter().map(|node| node.tables_after_bytes).sum();
        if before.max(after) > 0 {
            let text = format!(
                "Besides, the tables that all slots of a node share: {} -> {} on all nodes together.",
                size(before),
                size(after)
            );
            write_wrapped("  ", &text, out)?;
        }
        let unknown = plan.nodes.iter().filter(|node| !node.known).count() as u64;
        if unknown > 0 {
            let text = format!(
                "What {} not known (? or >=): no part in the balance, gives and takes nothing; shares are of the others.",
                counted(unknown, "node holds is", "nodes hold is")
            );
            write_wrapped("  ", &text, out)?;
        }
        for node in &plan.nodes {
            if let Some(headroom) = node.headroom_bytes.filter(|&headroom| headroom < 0) {
                writeln!(
                    out,
                    "  {} ends {} over maxmemory",
                    line(self.name(&node.id.0)),
                    size(headroom.unsigned_abs())
                )?;
            }
        }
        Ok(())
    }

    pub(super) fn batches(&self, out: &mut dyn Write) -> io::Result<()> {
        let batches = &self.document.plan.batches;
        if batches.is_empty() {
            return Ok(());
        }
        writeln!(out, "\nBatches, in this order")?;
        let in_waves = self.document.plan.schedule.waves.len() < batches.len();
        let columns = [
            ("batch", Align::Right),
            ("wave", Align::Right),
            ("source -> target", Align::Left),
            ("slots", Align::Right),
            ("keys", Align::Right),
            ("payload", Align::Right),
            ("target peak", Align::Right),
            ("worst block", Align::Right),
            ("time", Align::Right),
        ];
        // The second column says nothing where each batch is a wave of its own.
        let shown_column = |at: usize| in_waves || at != 1;
        let columns = columns
            .iter()
            .enumerate()
            .filter(|(at, _)| shown_column(*at));
        let columns: Vec<_> = columns.map(|(_, column)| *column).collect();
        let mut grid = Grid::new(&columns);
        let mut row = |cells: [String; 9]| {
            let cells = cells.into_iter().enumerate();
            grid.row(
                cells
                    .filter(|(at, _)| shown_column(*at))
                    .map(|(_, cell)| cell),
            );
        };
        let shown = batches_shown(batches);
        let mut next = 0;
        for &at in &shown {
            if at > next {
                let mut gap: [String; 9] = Default::default();
                gap[0] = "…".to_owned();
                gap[2] = format!("{} more", count((at - next) as u64));
                row(gap);
            }
            next = at + 1;
            let batch = &batches[at];
            row([
                batch.number.to_string(),
                batch.wave.to_string(),
                self.route(batch),
                count(u64::from(batch.carries.slots)),
                count(batch.carries.keys),
                size(batch.carries.payload_bytes),
                size(batch.target_peak_bytes),
                duration_us(batch.worst_block_us),
                duration_us(batch.takes.expected_us),
            ]);
        }
        grid.write(out)?;
        self.more(batches.len(), shown.len(), out)
    }

    fn route(&self, batch: &Batch) -> String {
        format!(
            "{} -> {}",
            self.name(&batch.source.0),
            self.name(&batch.target.0)
        )
    }

    /// Keys over the budget that move all the same: whoever consented must see them.
    pub(super) fn consented(&self, out: &mut dyn Write) -> io::Result<()> {
        let plan = &self.document.plan;
        let batch_of = |key: &OversizedKey| {
            plan.batches
                .iter()
                .find(|batch| batch.moves.iter().any(|each| each.slot == key.slot))
        };
        let moving = plan.oversized.iter().filter(|key| key.moves);
        let mut moving: Vec<_> = moving
            .filter_map(|key| Some((batch_of(key)?, key)))
            .collect();
        if moving.is_empty() {
            return Ok(());
        }
        // The keys come worst first; stable, so they do so within a batch.
        moving.sort_by_key(|(batch, _)| batch.number);
        writeln!(
            out,
            "\nMoved by consent: {} over the latency budget (--allow-oversized)",
            counted(moving.len() as u64, "key is", "keys are")
        )?;
        let mut grid = Grid::new(&[
            ("batch", Align::Right),
            ("source -> target", Align::Left),
            ("slot", Align::Right),
            ("type", Align::Left),
            ("elements", Align::Right),
            ("payload", Align::Right),
            ("predicted stop", Align::Right),
            ("key", Align::Left),
        ]);
        for (batch, key) in moving.iter().take(ROWS_MAX) {
            grid.row([
                batch.number.to_string(),
                self.route(batch),
                key.slot.to_string(),
                format!("{} ({})", key.data_type, key.encoding),
                count_or_dash(key.elements),
                size(key.payload_bytes),
                duration_us(key.block_us),
                key_name(&key.key),
            ]);
        }
        grid.write(out)?;
        self.more(moving.len(), ROWS_MAX, out)
    }

    /// Whether the snapshot of a node was not read whole: of a salvaged one the most part is known, not all.
    fn is_damaged(&self, node: &str) -> bool {
        let mut inputs = self.document.inputs.iter();
        inputs.any(|input| input.node.as_deref() == Some(node) && !input.complete)
    }

    pub(super) fn held(&self, out: &mut dyn Write) -> io::Result<()> {
        let totals = &self.document.plan.totals;
        if totals.held_slots == 0 {
            return Ok(());
        }
        let groups = &self.document.held_by_reason;
        let in_the_way = groups.iter().map(|group| group.in_the_way).sum::<u32>();
        writeln!(
            out,
            "\nHeld: {} with {} of memory; {} in the way of this goal",
            counted(u64::from(totals.held_slots), "slot", "slots"),
            at_least(
                groups.iter().all(|group| group.known),
                totals.held_memory_bytes > 0,
                size(totals.held_memory_bytes)
            ),
            match in_the_way {
                0 => "none is".to_owned(),
                1 => "1 is".to_owned(),
                many => format!("{} are", count(u64::from(many))),
            }
        )?;
        let mut grid = Grid::new(&[
            ("because of", Align::Left),
            ("slots", Align::Right),
            ("in the way", Align::Right),
            ("keys", Align::Right),
            ("memory", Align::Right),
            ("payload", Align::Right),
            ("which", Align::Left),
        ]);
        for group in groups {
            let seen = |figure| at_least(group.known, group.keys > 0, figure);
            grid.row([
                words::held_reason(&group.reason).to_owned(),
                count(u64::from(group.count)),
                count(u64::from(group.in_the_way)),
                seen(count(group.keys)),
                seen(size(group.memory_bytes)),
                seen(size(group.payload_bytes)),
                cut(&ranges(&group.slots), RANGES_WIDTH),
            ]);
        }
        grid.write(out)
    }

    pub(super) fn oversized(&self, out: &mut dyn Write) -> io::Result<()> {
        let plan = &self.document.plan;
        let keys = &plan.oversized;
        if keys.is_empty() {
            return Ok(());
        }
        writeln!(
            out,
            "\nOversized: {} over the limits",
            counted(keys.len() as u64, "key is", "keys are")
        )?;
        let in_the_way: BTreeSet<u16> = plan
            .held
            .iter()
            .filter(|held| held.in_the_way)
            .map(|held| held.slot)
            .collect();
        let fate = |key: &OversizedKey| match (key.moves, in_the_way.contains(&key.slot)) {
            (true, _) => "moved",
            (false, true) => "held",
            (false, false) => "not touched",
        };
        let mut grid = Grid::new(&[
            ("key", Align::Left),
            ("node", Align::Left),
            ("slot", Align::Right),
            ("type", Align::Left),
            ("elements", Align::Right),
            ("payload", Align::Right),
            ("block", Align::Right),
            ("verdict", Align::Left),
            ("here", Align::Left),
        ]);
        for key in keys.iter().take(ROWS_MAX) {
            grid.row([
                key_name(&key.key),
                key.node
                    .as_ref()
                    .map_or("none", |id| self.name(&id.0))
                    .to_owned(),
                key.slot.to_string(),
                key.data_type.clone(),
                count_or_dash(key.elements),
                size(key.payload_bytes),
                duration_us(key.block_us),
                words::verdict(key.verdict).to_owned(),
                fate(key).to_owned(),
            ]);
        }
        grid.write(out)?;
        self.more(keys.len(), ROWS_MAX, out)?;
        writeln!(out, "  What to do:")?;
        for (remedy, keys) in remedies(keys.iter().take(ROWS_MAX)) {
            let text = format!("{}: {remedy}", cut(&keys.join(", "), 2 * KEY_WIDTH));
            write_wrapped("  - ", &text, out)?;
        }
        ways_out::write(plan.oversized.iter().take(ROWS_MAX), out)
    }
}

/// The batches that are shown: all, or the first, the last and the one with the worst block.
fn batches_shown(batches: &[Batch]) -> Vec<usize> {
    let all = 0..batches.len();
    if batches.len() <= ROWS_MAX {
        return all.collect();
    }
    let worst = all
        .clone()
        .max_by_key(|&at| (batches[at].worst_block_us, std::cmp::Reverse(at)));
    all.filter(|&at| at < BATCHES_FIRST || at >= batches.len() - BATCHES_LAST || Some(at) == worst)
        .collect()
}

/// Keys with the same remedy share its line.
fn remedies<'a>(keys: impl Iterator<Item = &'a OversizedKey>) -> Vec<(&'a str, Vec<String>)> {
    let mut remedies: Vec<(&str, Vec<String>)> = Vec::new();
    for key in keys {
        let name = key_name(&key.key);
        match remedies
            .iter_mut()
            .find(|(remedy, _)| *remedy == key.remedy)
        {
            Some((_, names)) => names.push(name),
            None => remedies.push((&key.remedy, vec![name])),
        }
    }
    remedies
}
