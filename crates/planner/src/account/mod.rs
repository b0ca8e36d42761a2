//! What a plan says of itself: figures, outcome, rules, keys in the way, what to do about them and what to look up.

pub(crate) mod document;
pub(crate) mod outcome;
pub(crate) mod oversized;
pub(crate) mod parts;
pub(crate) mod preflight;
pub(crate) mod remedies;
pub(crate) mod remedy;
pub(crate) mod rule_report;
pub(crate) mod rules;
