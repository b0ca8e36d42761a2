//! Makes `fixtures/clusters/<name>`: a real backup of a real cluster.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Result, bail};

use crate::answers::Answers;
use crate::cluster::Cluster;
use crate::corpus::Corpus;
use crate::servers::Line;

/// Fills a cluster of three primaries from the seed, takes a backup into the directory, and
/// writes what the live cluster said beside it, as `<directory>.answers.jsonl`.
///
/// # Errors
/// The directory exists already, or the server cannot be installed or does not do its part.
pub fn make_cluster_fixture(directory: &Path, seed: u64) -> Result<()> {
    if directory.exists() {
        bail!("{} exists: delete it first", directory.display());
    }
    let server = Line::Redis7.install()?;
    eprintln!("{}: {}", Line::Redis7.name(), server.version());
    let mut cluster = Cluster::start(&server, 3)?;
    Corpus::shop(seed).load(&mut cluster)?;
    let answers = Answers::ask(&mut cluster)?;
    fs::create_dir_all(directory)?;
    cluster.backup(directory)?;
    let mut out = BufWriter::new(File::create(directory.with_extension("answers.jsonl"))?);
    answers.write(&mut out)?;
    out.flush()?;
    eprintln!(
        "{}: {} keys of {}, seed {seed}",
        directory.display(),
        answers.keys.len(),
        server.version()
    );
    Ok(())
}
