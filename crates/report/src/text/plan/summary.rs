//! The head of a plan: what was asked, from which backup, and what came out.

use std::io::{self, Write};

use preshard_planner::plan::{Dialect, Outcome};
use preshard_planner::{Goal, Measure};

use super::{View, write_wrapped};
use crate::figure::{count, counted, cut, duration_us, instant, percent, ranges, size, size_exact};
use crate::text::{PARTIAL, estimates_note};

/// Names in a list before it is cut.
const NAMES_MAX: usize = 8;
/// Characters of a list of slot ranges before it is cut.
const RANGES_WIDTH: usize = 60;

impl View<'_> {
    pub(super) fn summary(&self, out: &mut dyn Write) -> io::Result<()> {
        let plan = &self.document.plan;
        let totals = &plan.totals;
        write_wrapped("Backup:  ", &self.backup(), out)?;
        write_wrapped("Goal:    ", &self.goal(&plan.goal), out)?;
        writeln!(out, "Outcome: {}", outcome(&plan.outcome))?;
        if let Outcome::NotReachable { reasons } = &plan.outcome {
            for reason in reasons {
                write_wrapped("         - ", reason, out)?;
            }
        }
        if self.document.partial {
            writeln!(out, "{PARTIAL}")?;
        }
        if totals.batches > 0 {
            write_wrapped("Moves:   ", &self.moves(), out)?;
            write_wrapped("Time:    ", &self.time(), out)?;
            let memory = format!(
                "targets grow by {} as RESTORE brings it; where commands do (a migration that the server runs by \
                 itself), by some 2 % more and up to 4 KiB for each stream; sources free what their values keep to \
                 spare besides. An empty server and its buffers come on top everywhere",
                size(totals.moved.memory_bytes),
            );
            write_wrapped("Memory:  ", &memory, out)?;
        }
        let by = match plan.goal.balance_by {
            Measure::Keys => "by number of keys, ",
            Measure::Payload => "by payload, ",
            _ => "",
        };
        let balance = format!(
            "{by}the fullest node has {} more than its share now, {} when the plan has run; {} is the least that can be \
             reached around the held slots, {} if none were held",
            percent(plan.balance.imbalance_before),
            percent(plan.balance.imbalance_after),
            percent(plan.balance.imbalance_bound),
            percent(plan.balance.imbalance_bound_none_held),
        );
        write_wrapped("Balance: ", &balance, out)?;
        if totals.batches > 0 {
            write_wrapped("Least:   ", &self.least(), out)?;
        }
        let note = estimates_note(std::slice::from_ref(&self.document.estimates));
        write_wrapped("Figures: ", &note, out)
    }

    /// What moves, and by how many commands.
    fn moves(&self) -> String {
        let plan = &self.document.plan;
        let totals = &plan.totals;
        let what = format!(
            "{}, {}, {} of payload",
            counted(u64::from(totals.moved.slots), "slot", "slots"),
            counted(totals.moved.keys, "key", "keys"),
            size_exact(totals.moved.payload_bytes),
        );
        let waves = match plan.schedule.waves.len() as u64 {
            waves if waves == u64::from(totals.batches) => String::new(),
            waves => format!(" (in {})", counted(waves, "wave", "waves")),
        };
        match plan.dialect {
            Dialect::SetslotMigrate => format!(
                "{what}, in {}{waves} of {} MIGRATE calls",
                counted(u64::from(totals.batches), "batch", "batches"),
                count(totals.calls),
            ),
            dialect => format!(
                "{what}, in {}{waves} that the servers run by themselves ({})",
                counted(u64::from(totals.batches), "task", "tasks"),
                commands_of(dialect),
            ),
        }
    }

    /// How long it takes, and what that holds.
    fn time(&self) -> String {
        let plan = &self.document.plan;
        let (totals, schedule) = (&plan.totals, &plan.schedule);
        let takes = format!(
            "{} expected, {} to {}",
            duration_us(schedule.takes.expected_us),
            duration_us(schedule.takes.low_us),
            duration_us(schedule.takes.high_us),
        );
        let windows = match schedule.windows {
            None => String::new(),
            Some(windows) => format!(" in {}", counted(u64::from(windows), "window", "windows")),
        };
        if plan.dialect != Dialect::SetslotMigrate {
            return format!(
                "{takes}{windows}, a wide range, since little was measured; writes to the moving slots make it longer; a single \
                 command blocks a target for up to {}",
                duration_us(totals.worst_block_us),
            );
        }
        format!(
            "{takes}{windows}: {} of calls, pauses {} times as long, and round trips of {}; waits for replicas come on top. The \
             worst call blocks for {}, and is allowed for at {} times that",
            duration_us(totals.predicted_us),
            schedule.pause_per_block,
            duration_us(plan.limits.round_trip_us),
            duration_us(totals.worst_block_us),
            plan.limits.factor(),
        )
    }

    /// How near the plan is to the bounds, and what its own limits left out.
    fn least(&self) -> String {
        let plan = &self.document.plan;
        let amount = |value: u64| match plan.goal.balance_by {
            Measure::Keys => counted(value, "key", "keys"),
            _ => size(value),
        };
        let (moved, least) = (plan.balance.moved, plan.balance.least_moved);
        let mut text = if least == 0 {
            format!("{} move", amount(moved))
        } else {
            format!(
                "{} move, {} more than the {} that any plan moves after which the fullest node is no fuller and the \
                 emptiest no emptier",
                amount(moved),
                percent(plan.balance.moved_gap),
                amount(least),
            )
        };
        if let Some(slot) = &plan.balance.largest_slot
            && slot.imbalance_bound > plan.balance.imbalance_bound + 0.001
        {
            text.push_str(&format!(
                "; slot {} alone ({}) keeps the fullest node {} above its share",
                slot.slot,
                amount(slot.share),
                percent(slot.imbalance_bound),
            ));
        }
        if let Some(ended) = &plan.ended_early {
            text.push_str(&format!(
                "; the whole goal would move {} of {}",
                counted(u64::from(ended.slots_in_all), "slot", "slots"),
                size(ended.memory_bytes_in_all),
            ));
        }
        text
    }

    /// How many snapshots, from when, written by whom, and what told who owns the slots.
    fn backup(&self) -> String {
        let inputs = &self.document.inputs;
        let dates = || inputs.iter().filter_map(|input| input.written_at_s);
        let date = |written_at_s: i64| instant(written_at_s.saturating_mul(1_000));
        let taken = match (dates().min(), dates().max()) {
            (Some(oldest), Some(newest)) if oldest == newest => format!("of {}", date(oldest)),
            (Some(oldest), Some(newest)) => format!("of {} to {}", date(oldest), date(newest)),
            _ => "of a date that is not told".to_owned(),
        };
        let mut writers: Vec<&str> = Vec::new();
        for input in inputs {
            let writer = input.written_by.as_deref().unwrap_or("an unnamed server");
            if !writers.contains(&writer) {
                writers.push(writer);
            }
        }
        let owners = match &self.document.topology {
            Some(file) => format!("owners of the slots from {file}"),
            None => "no topology: owners of the slots told from the keys".to_owned(),
        };
        format!(
            "{} {taken}, written by {}; {owners}",
            counted(inputs.len() as u64, "snapshot", "snapshots"),
            writers.join(", ")
        )
    }

    fn goal(&self, goal: &Goal) -> String {
        let names = |ids: &[preshard_slots::NodeId]| {
            let shown: Vec<&str> = ids
                .iter()
                .take(NAMES_MAX)
                .map(|id| self.name(&id.0))
                .collect();
            names_cut(&shown, ids.len())
        };
        let mut parts = Vec::new();
        if !goal.add.is_empty() {
            parts.push(format!("add {}", names(&goal.add)));
        }
        if !goal.drain.is_empty() {
            parts.push(format!("drain {}", names(&goal.drain)));
        }
        for order in goal.moves.iter().take(NAMES_MAX) {
            parts.push(format!(
                "move slots {} from {} to {}",
                cut(&ranges(&order.slots), RANGES_WIDTH),
                self.name(&order.from.0),
                self.name(&order.to.0)
            ));
        }
        if goal.moves.len() > NAMES_MAX {
            parts.push(format!("… {} more moves", goal.moves.len() - NAMES_MAX));
        }
        if goal.rebalance {
            parts.push(
                match goal.balance_by {
                    Measure::Keys => "balance the number of keys over all nodes",
                    Measure::Payload => "balance payload over all nodes",
                    _ => "balance memory over all nodes",
                }
                .to_owned(),
            );
        }
        if !goal.keep.is_empty() {
            let kept = cut(&ranges(&goal.keep), RANGES_WIDTH);
            parts.push(format!("keep slots {kept} where they are"));
        }
        if let Some(moves) = goal.max_moves {
            let slots = counted(u64::from(moves), "slot", "slots");
            parts.push(format!("move at most {slots}"));
        }
        if let Some(bytes) = goal.max_bytes {
            parts.push(format!("move at most {}", size(bytes)));
        }
        let weights: Vec<String> = goal
            .weights
            .iter()
            .take(NAMES_MAX)
            .map(|(id, weight)| format!("{}={weight}", self.name(&id.0)))
            .collect();
        if !weights.is_empty() {
            let weights = names_cut(&weights, goal.weights.len());
            parts.push(format!("weights {weights}"));
        }
        parts.join("; ")
    }
}

/// The first names of a list, and how many there are if that is not all.
fn names_cut<N: AsRef<str>>(shown: &[N], all: usize) -> String {
    let names: Vec<&str> = shown.iter().map(AsRef::as_ref).collect();
    let names = names.join(", ");
    if all > shown.len() {
        format!("{names}, … ({} in all)", count(all as u64))
    } else {
        names
    }
}

fn commands_of(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::ClusterMigrateslots => "CLUSTER MIGRATESLOTS",
        Dialect::ClusterMigrationImport => "CLUSTER MIGRATION IMPORT",
        _ => "CLUSTER SETSLOT and MIGRATE",
    }
}

fn outcome(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Reached => "the goal is reached",
        Outcome::ReachedAroundHeld => {
            "the goal is reached as nearly as the held slots allow; see Held below"
        }
        Outcome::NothingToDo => "there is nothing to do",
        Outcome::LeftToService => {
            "left to the service; nothing that the backup shows stands in its way"
        }
        Outcome::PartlyReached => {
            "the goal is partly reached: --max-moves or --max-bytes ended the plan"
        }
        Outcome::NotReachable { .. } => "THE GOAL CANNOT BE REACHED SAFELY",
    }
}
