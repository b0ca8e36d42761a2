//! `cargo xtask test`: everything that can be tested, with the servers it needs.

use std::process::{Command, ExitStatus};

use anyhow::{Context, Result};

use crate::repository_root;
use crate::servers::Line;

const CANNOT_START: &str = "cannot start cargo";

/// Builds the benches, which nothing else here would do, installs the servers of the parts that are not switched off
/// and runs all tests of the workspace. A part whose server cannot be had fails with the reason; the others still run.
///
/// # Errors
/// `cargo` cannot be started.
pub fn run_tests(without: &[Line]) -> Result<ExitStatus> {
    let benches = cargo_test()
        .args(["--benches", "--no-run"])
        .status()
        .context(CANNOT_START)?;
    if !benches.success() {
        return Ok(benches);
    }
    let mut command = cargo_test();
    command.arg("--no-fail-fast");
    for line in Line::ALL {
        if without.contains(&line) {
            eprintln!("{}: switched off", line.live_part());
            command.env_remove(line.variable());
            continue;
        }
        match line.install() {
            Ok(server) => {
                eprintln!("{}: {}", line.name(), server.version());
                command.env(line.variable(), server.directory());
            }
            // The tests that need it fail, and name the variable that is missing.
            Err(error) => eprintln!("error: {error:#}"),
        }
    }
    command.arg("--");
    for line in without {
        command.args(["--skip", &line.live_part().replace(['-', '.'], "_")]);
    }
    command.status().context(CANNOT_START)
}

fn cargo_test() -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(repository_root());
    command.args(["test", "--workspace"]);
    command
}
