//! A plan for people: read before it is trusted, on one or two screens.

mod limits;
mod ruled;
mod summary;
mod tables;
mod ways_out;

use std::collections::BTreeMap;
use std::io::{self, Write};

use preshard_planner::plan::{CheckedOn, Outcome, RuleStatus};

use super::{node_name, notice_line, write_wrapped};
use crate::document::PlanDocument;
use crate::figure::count;
use crate::words::line;

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
        whole: line(saved_as.unwrap_or("the JSON document (--format json, or -o FILE)")),
    };
    view.summary(out)?;
    view.limits(out)?;
    view.nodes(out)?;
    view.batches(out)?;
    view.consented(out)?;
    view.held(out)?;
    view.oversized(out)?;
    view.ruled(out)?;
    view.rules(out)?;
    view.warnings(out)?;
    view.next(saved_as, out)
}

struct View<'a> {
    document: &'a PlanDocument,
    names: BTreeMap<&'a str, &'a str>,
    whole: String,
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

    fn rules(&self, out: &mut dyn Write) -> io::Result<()> {
        let rules = &self.document.plan.rules;
        let of = |status: RuleStatus| rules.iter().filter(move |rule| rule.status == status);
        if of(RuleStatus::Bound).next().is_some() {
            writeln!(out, "\nRules that changed the plan")?;
            for rule in of(RuleStatus::Bound) {
                write_wrapped("  - ", &format!("{}: {}", rule.rule, rule.detail), out)?;
            }
        }
        self.preflight(out)
    }

    /// What is to be looked up, one line for each check, under the place where it is asked.
    fn preflight(&self, out: &mut dyn Write) -> io::Result<()> {
        let checks = &self.document.plan.preflight;
        if checks.is_empty() {
            return Ok(());
        }
        writeln!(out, "\nTo be checked on the cluster before the plan runs")?;
        let mut places: Vec<CheckedOn> = checks.iter().map(|check| check.on).collect();
        places.sort_unstable();
        places.dedup();
        for place in places {
            writeln!(out, "  {}", asked_on(place))?;
            for check in checks.iter().filter(|check| check.on == place) {
                let text = match &check.command {
                    Some(command) => format!("{command}: {}", check.expects),
                    None => check.expects.clone(),
                };
                write_wrapped("    - ", &format!("{text} ({})", check.rule), out)?;
            }
        }
        Ok(())
    }

    fn warnings(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.document.warnings.is_empty() {
            return Ok(());
        }
        writeln!(out, "\nWarnings")?;
        for notice in &self.document.warnings {
            write_wrapped("  - ", &notice_line(notice), out)?;
        }
        Ok(())
    }

    fn next(&self, saved_as: Option<&str>, out: &mut dyn Write) -> io::Result<()> {
        let next = match (&self.document.plan.outcome, saved_as) {
            (Outcome::NothingToDo, _) => "nothing: no slot has to move.".to_owned(),
            (Outcome::LeftToService, _) => {
                "let the service reshard; it chooses the slots and the order.".to_owned()
            }
            (Outcome::NotReachable { .. }, _) => {
                "deal with the obstacles above, take a new backup and plan again.".to_owned()
            }
            (_, Some(file)) => {
                format!(
                    "review {file}: for every slot it holds each call for a heavy key, and number, size and bounds of \
                     the other calls. Nothing was changed on any server."
                )
            }
            (_, None) => "keep the plan with -o plan.json. Nothing was written, and nothing was changed on any server."
                .to_owned(),
        };
        writeln!(out)?;
        write_wrapped("Next: ", &next, out)
    }
}

fn asked_on(place: CheckedOn) -> &'static str {
    match place {
        CheckedOn::Cluster => "once",
        CheckedOn::Nodes => "on every primary and replica",
        CheckedOn::Sources => "on every node that gives",
        CheckedOn::Targets => "on every node that takes",
        CheckedOn::Replicas => "on the replicas of these nodes",
        CheckedOn::Clients => "with the applications",
    }
}
