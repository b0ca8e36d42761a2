//! How the program ends.

use std::process::ExitCode;

/// The exit statuses of `preshard`, all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitStatus {
    /// All is well.
    Fine = 0,
    /// An input cannot be read, an output cannot be written, or the program found itself in error.
    Failure = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// A policy is violated: a plan that was verified does not hold.
    PolicyViolated = 3,
    /// No safe plan reaches the goal; the document says why.
    NoSafePlan = 4,
    /// The result comes from a damaged or partial input, or was refused for that reason.
    Partial = 5,
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> ExitCode {
        ExitCode::from(status as u8)
    }
}

/// An error with an exit status other than [`ExitStatus::Failure`].
#[derive(Debug)]
pub struct Refusal {
    /// How the program is to end.
    pub status: ExitStatus,
    /// What is wrong, and what to do.
    pub message: String,
}

impl Refusal {
    /// How the program ends with an error.
    pub fn status_of(error: &anyhow::Error) -> ExitStatus {
        error
            .downcast_ref::<Refusal>()
            .map_or(ExitStatus::Failure, |refusal| refusal.status)
    }

    /// The command line makes no sense.
    pub fn usage(message: impl Into<String>) -> anyhow::Error {
        Refusal {
            status: ExitStatus::Usage,
            message: message.into(),
        }
        .into()
    }

    /// The input is damaged or partial, and nobody consented.
    pub fn partial(message: impl Into<String>) -> anyhow::Error {
        Refusal::damaged(message).into()
    }

    /// The input is damaged, and nothing of it is left; what is wrong with it is the cause.
    pub fn damaged(message: impl Into<String>) -> Refusal {
        Refusal {
            status: ExitStatus::Partial,
            message: message.into(),
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refusal {}
