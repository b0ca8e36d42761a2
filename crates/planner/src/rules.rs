//! The table of rules: each has a number, a name that documents carry, what it demands, and the
//! fact about the servers behind it.
//!
//! The numbers leave gaps for nobody: rules that later work adds take the next ones. What a rule
//! decides is computed where it is needed ([`crate::verdict`], calls, schedule) and once more, from the
//! finished plan alone, by [`crate::audit`].

/// A rule of safe slot migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rule {
    BlockBudget,
    RestoreFailoverClock,
    TimeoutFromSilence,
    PayloadLimits,
    MemoryHeadroom,
    BatchByTime,
    Order,
    PinNotMove,
}

impl Rule {
    /// All rules in the order of their numbers.
    pub(crate) const ALL: [Rule; 8] = [
        Rule::BlockBudget,
        Rule::RestoreFailoverClock,
        Rule::TimeoutFromSilence,
        Rule::PayloadLimits,
        Rule::MemoryHeadroom,
        Rule::BatchByTime,
        Rule::Order,
        Rule::PinNotMove,
    ];

    /// The name that documents carry.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Rule::BlockBudget => "block-budget",
            Rule::RestoreFailoverClock => "restore-failover-clock",
            Rule::TimeoutFromSilence => "timeout-from-silence",
            Rule::PayloadLimits => "payload-limits",
            Rule::MemoryHeadroom => "memory-headroom",
            Rule::BatchByTime => "batch-by-time",
            Rule::Order => "order",
            Rule::PinNotMove => "pin-not-move",
        }
    }
}
