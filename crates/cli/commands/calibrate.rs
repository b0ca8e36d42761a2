//! `preshard calibrate`: a cost profile from measured durations.

use std::fs::File;
use std::io::{self, Read, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result};
use preshard_analyzer::calibration::{Calibration, Log, calibrate};
use preshard_analyzer::{CostProfile, ProfileFile};
use preshard_report::text::{calibration_line, render_calibration};

use crate::args::CalibrateArgs;
use crate::exit::{ExitStatus, Refusal};
use crate::input::shown;
use crate::options::{COST_PROFILE_BYTES_MAX, read_text};
use crate::output::{Output, cannot_write};
use crate::say;

/// Longest log: a line is some hundred bytes, and a million calls tell no more than a thousand.
const LOG_BYTES_MAX: u64 = 256 << 20;

/// Answers the question.
///
/// # Errors
/// When the log or the base profile cannot be read or used, or the output cannot be written.
pub fn run(args: &CalibrateArgs) -> Result<ExitStatus> {
    let base = base(&args.base)?;
    let source = match args.log == Path::new("-") {
        true => "standard input".to_owned(),
        false => shown(&args.log),
    };
    let text = read_log(&args.log).with_context(|| format!("cannot read {source}"))?;
    let log = Log::read(&text, &base).with_context(|| format!("cannot use {source}"))?;
    let name = name(args);
    if CostProfile::built_in_names().any(|known| known == name) {
        return Err(Refusal::usage(format!(
            "--name {name} is that of a profile that comes with the program"
        )));
    }
    let calibration = calibrate(&log, &base, &name, &source);
    let saved = args
        .output
        .output
        .as_deref()
        .filter(|path| *path != Path::new("-"));
    write(&calibration, saved)?;
    Ok(ExitStatus::Fine)
}

/// The profile goes where it was asked for; what is to be said of it goes to standard output where that is free.
fn write(calibration: &Calibration, saved_as: Option<&Path>) -> Result<()> {
    let mut out = Output::open(saved_as)?;
    out.write_all(calibration.profile.to_toml().as_bytes())
        .with_context(|| cannot_write(saved_as))?;
    out.finish()?;
    let Some(path) = saved_as else {
        say::note(&calibration_line(calibration));
        return Ok(());
    };
    let mut stdout = Output::open(None)?;
    let path = path.display().to_string();
    render_calibration(calibration, &path, &mut stdout).with_context(|| cannot_write(None))?;
    stdout.finish()
}

fn base(named: &Path) -> Result<ProfileFile> {
    if let Some(file) = named.to_str().and_then(CostProfile::measured_file) {
        return Ok(file);
    }
    if !named.exists() {
        let known: Vec<&str> = CostProfile::measured_names().collect();
        return Err(Refusal::usage(format!(
            "no file {}, and no measured cost profile of that name; known are {}",
            shown(named),
            known.join(", ")
        )));
    }
    let text = read_text(named, COST_PROFILE_BYTES_MAX)?;
    ProfileFile::parse(&text).with_context(|| format!("cannot use {}", shown(named)))
}

fn read_log(path: &Path) -> io::Result<String> {
    let source: Box<dyn Read> = match path == Path::new("-") {
        true => Box::new(io::stdin().lock()),
        false => Box::new(File::open(path)?),
    };
    let mut text = Vec::new();
    source.take(LOG_BYTES_MAX + 1).read_to_end(&mut text)?;
    if text.len() as u64 > LOG_BYTES_MAX {
        return Err(io::Error::other(format!(
            "it is longer than {} MiB: take the calls of some days",
            LOG_BYTES_MAX >> 20
        )));
    }
    String::from_utf8(text).map_err(|error| {
        let line = error.as_bytes()[..error.utf8_error().valid_up_to()]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count();
        io::Error::other(format!("line {}: no UTF-8", line + 1))
    })
}

fn name(args: &CalibrateArgs) -> String {
    args.name.clone().unwrap_or_else(|| {
        let stem = args.log.file_stem().filter(|stem| *stem != "-");
        let stem = stem.map_or("log".to_owned(), |stem| shown(Path::new(stem)));
        format!("calibrated-{stem}")
    })
}
