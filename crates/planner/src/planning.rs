//! From input and goal to a plan.

use crate::{Error, Goal, Plan, PlanInput, PlanLimits};

/// Makes a plan.
///
/// # Errors
/// [`Error`] when the question itself is wrong.
pub fn plan(_input: &PlanInput<'_>, _goal: &Goal, limits: &PlanLimits) -> Result<Plan, Error> {
    limits.validate()?;
    todo!()
}
