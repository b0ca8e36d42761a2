//! What a server's own tool says of a snapshot.

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::servers::Server;

/// The verdict of `redis-check-rdb` or `valkey-check-rdb`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckVerdict {
    /// What is wrong, and where the tool was; `None` when it found nothing.
    pub error: Option<CheckError>,
    /// Keys that it had read, the one in progress among them once its name was read.
    pub keys_read: u64,
}

/// An error that the tool found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckError {
    /// How far it had read; mostly the beginning of what it was reading.
    pub offset: u64,
    /// Its words.
    pub reason: String,
    /// What it was doing: `read-type`, `read-object-value`...
    pub doing: String,
}

/// Processor time after which the tool is taken to go on for ever: it needs milliseconds.
const SECONDS_MAX: &str = "5";

impl Server {
    /// Has the server's own tool check a snapshot. No verdict, when the tool does not come to an end: that
    /// of Valkey 9.1 does not on some files that are cut short.
    ///
    /// # Errors
    /// The tool is not there or cannot be started, or says neither that the file is good nor what is wrong.
    pub fn check_rdb(&self, snapshot: &Path) -> Result<Option<CheckVerdict>> {
        let script = r#"ulimit -t "$1" && exec "$0" "$2""#;
        let output = Command::new("sh")
            .args(["-c", script])
            .arg(self.check_rdb_program())
            .arg(SECONDS_MAX)
            .arg(snapshot)
            .output();
        let output = output.context("cannot start run-check-rdb")?;
        let said = String::from_utf8_lossy(&output.stdout);
        match output.status.signal() {
            Some(SIGXCPU | SIGKILL) => Ok(None),
            _ => read_verdict(&said)
                .map(Some)
                .with_context(|| format!("{} says: {said}", output.status)),
        }
    }
}

/// What ends a process that has used up its processor time, first mildly.
const SIGXCPU: i32 = 24;
const SIGKILL: i32 = 9;

fn read_verdict(said: &str) -> Result<CheckVerdict> {
    let after = |line: &str, start: &str| line.strip_prefix(start).map(str::to_owned);
    let mut keys_read = None;
    let (mut doing, mut reason) = (String::new(), None);
    let (mut is_good, mut is_error) = (false, false);
    for line in said.lines() {
        if let Some(keys) = line.strip_suffix(" keys read") {
            keys_read = after(keys, "[info] ").and_then(|keys| keys.parse().ok());
        } else if let Some(word) = after(line, "[additional info] While doing: ") {
            doing = word;
        } else if line.ends_with(r"\o/ RDB looks OK! \o/") {
            is_good = true;
        } else if line == "--- RDB ERROR DETECTED ---" {
            is_error = true;
        } else if let Some((offset, words)) = after(line, "[offset ")
            .as_deref()
            .and_then(|rest| rest.split_once("] "))
            .filter(|_| is_error && reason.is_none())
        {
            reason = Some((offset.parse()?, words.to_owned()));
        }
    }
    let error = match (is_good, reason) {
        (true, None) => None,
        (false, Some((offset, reason))) => Some(CheckError {
            offset,
            reason,
            doing,
        }),
        _ => bail!("no verdict"),
    };
    Ok(CheckVerdict {
        error,
        keys_read: keys_read.unwrap_or(0),
    })
}
