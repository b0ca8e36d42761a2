//! Reads plan documents, which anybody may have written.

use preshard_planner::Goal;
use preshard_planner::plan::{Batch, HeldSlot, NodePlan, OversizedKey, RuleReport};
use serde::Deserialize;

use super::{FORMAT_VERSION, PlanDocument};

/// Why a text is no plan that can be looked at.
#[derive(Debug, thiserror::Error)]
pub enum PlanReadError {
    /// It is no JSON, or not of the form of a plan: the message has line and column.
    #[error("plan: {0}")]
    Form(serde_json::Error),
    /// Its form is of another version.
    #[error(
        "plan: format_version: expected {FORMAT_VERSION}, found {0}: it was made by another release of preshard"
    )]
    Version(u32),
}

impl PlanDocument {
    /// Reads a plan from its text. Whether it keeps its own rules is for the audit to tell.
    ///
    /// # Errors
    /// [`PlanReadError`] when it is none.
    pub fn read(text: &[u8]) -> Result<PlanDocument, PlanReadError> {
        #[derive(Deserialize)]
        struct Version {
            format_version: u32,
        }
        let version: Version = serde_json::from_slice(text).map_err(PlanReadError::Form)?;
        if version.format_version != FORMAT_VERSION {
            return Err(PlanReadError::Version(version.format_version));
        }
        serde_json::from_slice(text).map_err(|error| PlanReadError::Form(located(text, error)))
    }
}

/// The same error with its place: where the fields of the plan are read among those of the document around it, the
/// place is lost, so they are read once more by themselves.
fn located(text: &[u8], error: serde_json::Error) -> serde_json::Error {
    #[derive(Deserialize)]
    #[allow(dead_code, reason = "read for the errors alone")]
    struct Parts {
        goal: Option<Goal>,
        nodes: Option<Vec<NodePlan>>,
        batches: Option<Vec<Batch>>,
        held: Option<Vec<HeldSlot>>,
        oversized: Option<Vec<OversizedKey>>,
        rules: Option<Vec<RuleReport>>,
    }
    match serde_json::from_slice::<Parts>(text) {
        Ok(_) => error,
        Err(located) => located,
    }
}
