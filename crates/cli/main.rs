//! The `preshard` command: looks before you reshard.
//!
//! Parses the command line, reads, asks the libraries and prints. Whatever is computed is computed in the
//! libraries; whatever is said of it is said by `preshard-report`.
#![forbid(unsafe_code)]

mod args;
mod backup;
mod commands;
mod cross_check;
mod exit;
mod goal;
mod input;
mod key_list;
mod limits;
mod number;
mod options;
mod output;
mod owners;
mod progress;
mod read;
mod ruled;
mod saved;
mod say;
mod size;
mod together;
mod what_if;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Command, CommandLine};
use exit::{ExitStatus, Refusal};

fn main() -> ExitCode {
    let line = match CommandLine::try_parse() {
        Ok(line) => line,
        Err(answer) => {
            let status = if answer.use_stderr() {
                ExitStatus::Usage
            } else {
                ExitStatus::Fine
            };
            // Nobody is left to be told when help cannot be printed.
            let _ = answer.print();
            return status.into();
        }
    };
    let result = match line.command {
        Command::Inspect(args) => commands::inspect::run(args),
        Command::Keys(args) => commands::keys::run(args),
        Command::Slots(args) => commands::slots::run(args),
        Command::Plan(args) => commands::plan::run(args),
        Command::Calibrate(args) => commands::calibrate::run(&args),
        Command::Verify(args) => commands::verify::run(args),
        Command::Diff(args) => commands::diff::run(args),
        Command::Schema(args) => commands::schema::run(&args),
    };
    match result {
        Ok(status) => status,
        // The reader of a pipe has seen enough (`preshard keys ... | head`): that is no failure.
        Err(error) if is_broken_pipe(&error) => ExitStatus::Fine,
        Err(error) => {
            say::error(&error);
            Refusal::status_of(&error)
        }
    }
    .into()
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    })
}
