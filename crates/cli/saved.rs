//! Saved profiles among the inputs.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use preshard_parser::source::{OpenOptions, Source};
use preshard_report::ProfileDocument;
use preshard_report::document::{Notice, ReadFile, Recognised, SavedTopology};

use crate::input::shown;

/// A saved profile, read and checked.
#[derive(Debug)]
pub struct SavedProfile {
    /// The file it is in.
    pub path: PathBuf,
    /// The snapshots it was made from.
    pub files: Vec<ReadFile>,
    /// Who owned the slots, until somebody takes it.
    pub topology: Option<SavedTopology>,
    /// What was found beside those snapshots and not read.
    pub left_out: Vec<Notice>,
}

/// Longest text of a saved profile: the longest names in the greatest number come to 45 MB, and rows to 150 MB where every
/// slot has a key in each bin of cost, which none has.
const TEXT_BYTES_MAX: u64 = 256 << 20;

/// Reads a saved profile, wrapped like a snapshot or not; `None` for a file that begins like something else, or cannot be
/// opened: who takes it for a snapshot tells why.
///
/// # Errors
/// When it is a saved profile that cannot be used.
pub fn open(path: &Path) -> Result<Option<SavedProfile>> {
    // Nothing but files is opened to find out what it is: a pipe could be read only once.
    if !fs::metadata(path).is_ok_and(|metadata| metadata.is_file()) {
        return Ok(None);
    }
    let Ok(source) = Source::open(path, &OpenOptions::default()) else {
        return Ok(None);
    };
    if Recognised::of(source.head()) == Recognised::Other {
        return Ok(None);
    }
    let failed = || format!("cannot read {}", shown(path));
    let mut text = Vec::new();
    source
        .stream()
        .and_then(|stream| stream.take(TEXT_BYTES_MAX + 1).read_to_end(&mut text))
        .with_context(failed)?;
    if text.len() as u64 > TEXT_BYTES_MAX {
        bail!(
            "cannot read {}: it is longer than the {TEXT_BYTES_MAX} bytes that a saved profile may have",
            shown(path)
        );
    }
    let mut document = ProfileDocument::read(&text).with_context(failed)?;
    drop(text);
    let topology = document.topology.take();
    let left_out = std::mem::take(&mut document.left_out);
    Ok(Some(SavedProfile {
        path: path.to_owned(),
        files: document.into_files(path).with_context(failed)?,
        topology,
        left_out,
    }))
}

/// Names files apart that were called alike where they were scanned: each host has its `dump.rdb`.
pub fn tell_apart(saved: &mut [(usize, SavedProfile)]) {
    let (mut seen, mut twice) = (BTreeSet::new(), BTreeSet::new());
    for file in saved.iter().flat_map(|(_, profile)| &profile.files) {
        let path = &file.scanned.file.path;
        if !seen.insert(path.clone()) {
            twice.insert(path.clone());
        }
    }
    for (_, profile) in saved {
        let saved_in = profile.path.display().to_string();
        for file in &mut profile.files {
            let path = &mut file.scanned.file.path;
            if twice.contains(path) {
                *path = PathBuf::from(format!("{saved_in}: {}", path.display()));
            }
        }
    }
}
