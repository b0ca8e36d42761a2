//! A plan for people: read before it is trusted, on one or two screens.

use std::collections::BTreeMap;
use std::io::{self, Write};

use preshard_planner::Goal;
use preshard_planner::plan::{Outcome, OversizedKey, RuleStatus};

use super::grid::{Align, Grid, write_pairs};
use super::{KEY_WIDTH, estimates_note, key_name, node_name, short_id, write_wrapped};
use crate::document::PlanDocument;
use crate::figure::{
    count, counted, cut, duration_us, percent, ranges, size, size_exact, size_or_dash,
};
use crate::words;

/// Rows of a list before it is cut.
const ROWS_MAX: usize = 20;
/// Characters of a list of slot ranges before it is cut.
const RANGES_WIDTH: usize = 60;

/// Writes the summary of a plan.
///
/// `saved_as` names the file that holds the whole document, if one was written: cut lists refer to it.
///
/// # Errors
/// Whatever the writer fails with.
pub fn render_plan(
    document: &PlanDocument,
    saved_as: Option<&str>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let view = View {
        document,
        names: document
            .plan
            .nodes
            .iter()
            .map(|node| (node.id.0.as_str(), node_name(&node.id.0, &node.address)))
            .collect(),
        whole: saved_as.unwrap_or("the JSON document (--format json, or -o FILE)"),
    };
    view.summary(out)?;
    view.limits(out)?;
    view.nodes(out)?;
    view.batches(out)?;
    view.held(out)?;
    view.oversized(out)?;
    view.rules(out)?;
    view.next(saved_as, out)
}

struct View<'a> {
    document: &'a PlanDocument,
    names: BTreeMap<&'a str, &'a str>,
    whole: &'a str,
}

impl View<'_> {
    fn name<'a>(&'a self, id: &'a str) -> &'a str {
        self.names.get(id).copied().unwrap_or(id)
    }

    fn more(&self, total: usize, shown: usize, out: &mut dyn Write) -> io::Result<()> {
        if total > shown {
            let rest = count((total - shown) as u64);
            writeln!(out, "  … {rest} more in {}", self.whole)?;
        }
        Ok(())
    }

    fn summary(&self, out: &mut dyn Write) -> io::Result<()> {
        let plan = &self.document.plan;
        let totals = &plan.totals;
        writeln!(out, "Goal:    {}", self.goal(&plan.goal))?;
        writeln!(out, "Outcome: {}", outcome(&plan.outcome))?;
        if let Outcome::NotReachable { reasons } = &plan.outcome {
            for reason in reasons {
                write_wrapped("         - ", reason, out)?;
            }
        }
        if self.document.partial {
            writeln!(
                out,
                "PARTIAL: made from a damaged or incomplete backup; see the warnings"
            )?;
        }
        if totals.batches > 0 {
            let moves = format!(
                "{}, {}, {} of payload, in {} of {} MIGRATE calls",
                counted(u64::from(totals.moved.slots), "slot", "slots"),
                counted(totals.moved.keys, "key", "keys"),
                size_exact(totals.moved.payload_bytes),
                counted(u64::from(totals.batches), "batch", "batches"),
                count(totals.calls),
            );
            write_wrapped("Moves:   ", &moves, out)?;
            let time = format!(
                "{} predicted for all calls, pauses not counted; the worst call blocks for {}, and is allowed for at {} \
                 times that",
                duration_us(totals.predicted_us),
                duration_us(totals.worst_block_us),
                plan.limits.safety_factor,
            );
            write_wrapped("Time:    ", &time, out)?;
        }
        let balance = format!(
            "the fullest node has {} more than its share now, {} when the plan has run; {} is the least that can be \
             reached around the held slots, {} if none were held",
            percent(plan.balance.imbalance_before),
            percent(plan.balance.imbalance_after),
            percent(plan.balance.imbalance_bound),
            percent(plan.balance.imbalance_bound_none_held),
        );
        write_wrapped("Balance: ", &balance, out)?;
        let note = estimates_note(std::slice::from_ref(&self.document.estimates));
        write_wrapped("Figures: ", &note, out)
    }

    fn goal(&self, goal: &Goal) -> String {
        let names = |ids: &[preshard_slots::NodeId]| {
            let names: Vec<&str> = ids.iter().map(|id| self.name(&id.0)).collect();
            names.join(", ")
        };
        let mut parts = Vec::new();
        if !goal.add.is_empty() {
            parts.push(format!("add {}", names(&goal.add)));
        }
        if !goal.drain.is_empty() {
            parts.push(format!("drain {}", names(&goal.drain)));
        }
        for order in &goal.moves {
            parts.push(format!(
                "move slots {} from {} to {}",
                cut(&ranges(&order.slots), RANGES_WIDTH),
                self.name(&order.from.0),
                self.name(&order.to.0)
            ));
        }
        if goal.rebalance {
            parts.push("balance memory over all nodes".to_owned());
        }
        let weights: Vec<String> = goal
            .weights
            .iter()
            .map(|(id, weight)| format!("{}={weight}", self.name(&id.0)))
            .collect();
        if !weights.is_empty() {
            parts.push(format!("weights {}", weights.join(", ")));
        }
        parts.join("; ")
    }

    fn limits(&self, out: &mut dyn Write) -> io::Result<()> {
        let limits = &self.document.plan.limits;
        writeln!(out, "\nLimits in force")?;
        let mut pairs = vec![
            (
                "latency budget",
                format!(
                    "{} ms for the predicted block of a call, times safety factor {}",
                    count(limits.latency_budget_ms),
                    limits.safety_factor
                ),
            ),
            (
                "cluster-node-timeout",
                format!("{} ms", count(limits.cluster_node_timeout_ms)),
            ),
            (
                "keys in one call",
                format!("at most {}", count(u64::from(limits.keys_per_call_max))),
            ),
            (
                "slots in one batch",
                format!("at most {}", count(u64::from(limits.slots_per_batch_max))),
            ),
            ("proto-max-bulk-len", size(limits.proto_max_bulk_bytes)),
            (
                "client-query-buffer-limit",
                size(limits.client_query_buffer_bytes),
            ),
            (
                "replica output buffer",
                format!(
                    "{} hard, {} soft",
                    size(limits.replica_buffer_hard_bytes),
                    size(limits.replica_buffer_soft_bytes)
                ),
            ),
        ];
        pairs.push((
            "maxmemory",
            match limits.maxmemory_bytes {
                Some(bytes) => format!(
                    "{}, of which {} stays free",
                    size_exact(bytes),
                    percent(limits.headroom)
                ),
                None => "not stated (--maxmemory): room on the targets is not checked".to_owned(),
            },
        ));
        if limits.allow_oversized {
            pairs.push((
                "oversized keys",
                "may be moved (--allow-oversized)".to_owned(),
            ));
        }
        write_pairs(out, &pairs)
    }

    fn nodes(&self, out: &mut dyn Write) -> io::Result<()> {
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
            grid.row([
                node_name(&node.id.0, &node.address).to_owned(),
                short_id(&node.id.0).to_owned(),
                count(u64::from(node.before.slots)),
                count(u64::from(node.after.slots)),
                count(node.before.keys),
                count(node.after.keys),
                size(node.before.memory_bytes),
                size(node.after.memory_bytes),
                percent(share.before),
                percent(share.after),
                percent(share.ideal),
            ]);
        }
        grid.write(out)?;
        for node in &plan.nodes {
            if let Some(headroom) = node.headroom_bytes.filter(|&headroom| headroom < 0) {
                writeln!(
                    out,
                    "  {} ends {} over maxmemory",
                    self.name(&node.id.0),
                    size(headroom.unsigned_abs())
                )?;
            }
        }
        Ok(())
    }

    fn batches(&self, out: &mut dyn Write) -> io::Result<()> {
        let batches = &self.document.plan.batches;
        if batches.is_empty() {
            return Ok(());
        }
        writeln!(out, "\nBatches, in this order")?;
        let mut grid = Grid::new(&[
            ("batch", Align::Right),
            ("source -> target", Align::Left),
            ("slots", Align::Right),
            ("keys", Align::Right),
            ("payload", Align::Right),
            ("worst block", Align::Right),
            ("time", Align::Right),
        ]);
        for batch in batches.iter().take(ROWS_MAX) {
            grid.row([
                batch.number.to_string(),
                format!(
                    "{} -> {}",
                    self.name(&batch.source.0),
                    self.name(&batch.target.0)
                ),
                count(u64::from(batch.carries.slots)),
                count(batch.carries.keys),
                size(batch.carries.payload_bytes),
                duration_us(batch.worst_block_us),
                duration_us(batch.predicted_us),
            ]);
        }
        grid.write(out)?;
        self.more(batches.len(), ROWS_MAX, out)
    }

    fn held(&self, out: &mut dyn Write) -> io::Result<()> {
        let totals = &self.document.plan.totals;
        if totals.held_slots == 0 {
            return Ok(());
        }
        writeln!(
            out,
            "\nHeld: {} with {} of memory stay where they are",
            counted(u64::from(totals.held_slots), "slot", "slots"),
            size(totals.held_memory_bytes)
        )?;
        let mut grid = Grid::new(&[
            ("because of", Align::Left),
            ("slots", Align::Right),
            ("keys", Align::Right),
            ("memory", Align::Right),
            ("payload", Align::Right),
            ("which", Align::Left),
        ]);
        for group in &self.document.held_by_reason {
            grid.row([
                words::held_reason(&group.reason).to_owned(),
                count(u64::from(group.count)),
                count(group.keys),
                size(group.memory_bytes),
                size(group.payload_bytes),
                cut(&ranges(&group.slots), RANGES_WIDTH),
            ]);
        }
        grid.write(out)
    }

    fn oversized(&self, out: &mut dyn Write) -> io::Result<()> {
        let keys = &self.document.plan.oversized;
        if keys.is_empty() {
            return Ok(());
        }
        writeln!(
            out,
            "\nOversized: {} cannot be moved within the limits",
            counted(keys.len() as u64, "key", "keys")
        )?;
        let mut grid = Grid::new(&[
            ("key", Align::Left),
            ("slot", Align::Right),
            ("type", Align::Left),
            ("elements", Align::Right),
            ("payload", Align::Right),
            ("memory", Align::Right),
            ("block", Align::Right),
            ("verdict", Align::Left),
        ]);
        for key in keys.iter().take(ROWS_MAX) {
            grid.row([
                key_name(&key.key),
                key.slot.to_string(),
                format!("{} ({})", key.data_type, key.encoding),
                crate::figure::count_or_dash(key.elements),
                size(key.payload_bytes),
                size_or_dash(key.memory_bytes),
                duration_us(key.block_us),
                words::verdict(key.verdict).to_owned(),
            ]);
        }
        grid.write(out)?;
        self.more(keys.len(), ROWS_MAX, out)?;
        writeln!(out, "  What to do:")?;
        for (remedy, keys) in remedies(keys.iter().take(ROWS_MAX)) {
            let text = format!("{}: {remedy}", cut(&keys.join(", "), 2 * KEY_WIDTH));
            write_wrapped("  - ", &text, out)?;
        }
        Ok(())
    }

    fn rules(&self, out: &mut dyn Write) -> io::Result<()> {
        let rules = &self.document.plan.rules;
        let of = |status: RuleStatus| rules.iter().filter(move |rule| rule.status == status);
        if of(RuleStatus::Bound).next().is_some() {
            writeln!(out, "\nRules that changed the plan")?;
            for rule in of(RuleStatus::Bound) {
                write_wrapped("  - ", &format!("{}: {}", rule.rule, rule.detail), out)?;
            }
        }
        if of(RuleStatus::Unverified).next().is_some() {
            writeln!(out, "\nTo be checked on the cluster before the plan runs")?;
            for rule in of(RuleStatus::Unverified) {
                write_wrapped("  - ", &format!("{}: {}", rule.rule, rule.detail), out)?;
            }
        }
        Ok(())
    }

    fn next(&self, saved_as: Option<&str>, out: &mut dyn Write) -> io::Result<()> {
        let next = match (&self.document.plan.outcome, saved_as) {
            (Outcome::NothingToDo, _) => "nothing: no slot has to move.".to_owned(),
            (Outcome::NotReachable { .. }, _) => {
                "deal with the obstacles above, take a new backup and plan again.".to_owned()
            }
            (_, Some(file)) => {
                format!("review {file}: it holds every call of every slot. Nothing was changed on any server.")
            }
            (_, None) => "keep the plan with -o plan.json. Nothing was written, and nothing was changed on any server."
                .to_owned(),
        };
        writeln!(out)?;
        write_wrapped("Next: ", &next, out)
    }
}

fn outcome(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Reached => "the goal is reached",
        Outcome::ReachedAroundHeld => {
            "the goal is reached as nearly as the held slots allow; see Held below"
        }
        Outcome::NothingToDo => "there is nothing to do",
        Outcome::NotReachable { .. } => "THE GOAL CANNOT BE REACHED SAFELY",
    }
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
