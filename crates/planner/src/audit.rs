//! Recomputes every rule from a finished plan alone.

use crate::Plan;

/// A rule that a plan breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Name of the rule: one of the plan's rules, or of the laws every plan keeps (`every-slot-once`, `totals`...).
    pub rule: &'static str,
    /// Where in the plan: `batch 3, slot 17, sweep`...
    pub place: String,
    /// What the rule demands there.
    pub expected: String,
    /// What the plan has.
    pub found: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}: {}: expected {}, found {}",
            self.rule, self.place, self.expected, self.found
        )
    }
}

/// Everything that is wrong with a plan, in the order of the document; empty for a sound plan.
pub fn audit(_plan: &Plan) -> Vec<Violation> {
    todo!()
}
