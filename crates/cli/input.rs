//! What an INPUT is, told by its content: which snapshots it stands for, and who owns the slots.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, IsTerminal as _};
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use preshard_analyzer::KeyName;
use preshard_parser::source::{OpenOptions, Source};
use preshard_report::document::{Notice, SavedTopology};
use preshard_report::text::file_name;
use preshard_slots::{NodeId, Topology};

use crate::exit::Refusal;
use crate::owners::{FoundTopology, single_topology};
use crate::saved::{self, SavedProfile};

/// What the command line stands for.
#[derive(Debug, Default)]
pub struct Inputs {
    /// The snapshots, in the order of the command line; inside a directory by name.
    pub snapshots: Vec<Snapshot>,
    /// Who owns the slots, where something tells.
    pub topology: Option<Topology>,
    /// The file that tells it.
    pub topology_file: Option<PathBuf>,
    /// The text that tells it.
    pub topology_text: Option<Vec<u8>>,
    /// The saved profiles, each with the number of snapshots that were named before it.
    pub saved: Vec<(usize, SavedProfile)>,
    /// What was found beside the snapshots and not read.
    pub left_out: Vec<Notice>,
    /// The directories that hold a backup of a whole cluster.
    pub backups: Vec<Backup>,
}

/// A directory with the snapshots of a cluster and the topology that tells which there must be.
#[derive(Debug)]
pub struct Backup {
    /// The file that tells it.
    pub topology_file: PathBuf,
    /// Who owned the slots.
    pub topology: Topology,
    /// Its snapshots, as indices into [`Inputs::snapshots`].
    pub snapshots: Range<usize>,
}

/// A snapshot to be read.
#[derive(Debug)]
pub struct Snapshot {
    /// Where it is.
    pub path: PathBuf,
    /// The node it is a backup of, where its name or its directory tells.
    pub node: Option<NodeId>,
}

impl Snapshot {
    /// Whether it comes from standard input.
    pub fn is_stdin(&self) -> bool {
        self.path.as_os_str() == STDIN
    }
}

/// The input that stands for standard input.
const STDIN: &str = "-";

/// A file as messages name it.
pub fn shown(path: &Path) -> String {
    file_name(&path.display().to_string())
}

/// Topology of a cluster backup (`redis-cli --cluster backup`).
const BACKUP_TOPOLOGY: &str = "nodes.json";
/// Topology of a data directory.
const SERVER_TOPOLOGY: &str = "nodes.conf";
/// Magics of a snapshot.
pub const MAGICS: [&[u8]; 2] = [b"REDIS", b"VALKEY"];
/// What tools that compress add to a name, also those whose files are not read: they are told by name then.
const COMPRESSED: [&str; 6] = [".gz", ".zst", ".lz4", ".bz2", ".xz", ".zip"];
/// Length of a node id.
const NODE_ID_CHARS: usize = 40;

/// Which topology is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TopologyWish<'a> {
    /// That of each directory by itself, to see whether its backup is complete ([`Inputs::backups`]).
    Each,
    /// The one beside the snapshots, if there is any.
    Beside,
    /// The one in this file.
    File(&'a Path),
}

impl<'a> TopologyWish<'a> {
    /// The file that was named, or else what lies beside the snapshots.
    pub fn new(named: Option<&'a Path>) -> TopologyWish<'a> {
        named.map_or(TopologyWish::Beside, TopologyWish::File)
    }
}

impl Inputs {
    /// Finds out what the inputs are.
    ///
    /// # Errors
    /// When a directory cannot be listed or holds no snapshot, or when two topologies contradict each other and none was
    /// named. Whether a file is there and a snapshot is seen when it is opened.
    pub fn find(paths: &[PathBuf], wish: TopologyWish<'_>) -> Result<Inputs> {
        let mut inputs = Inputs::default();
        let mut found: Vec<FoundTopology> = Vec::new();
        for path in paths {
            if path.as_os_str() == STDIN {
                inputs.add_stdin()?;
                continue;
            }
            if path.is_dir() {
                inputs.add_directory(path, wish, &mut found)?;
            } else if let Some(profile) = saved::open(path)? {
                inputs.add_saved(profile, wish, &mut found)?;
            } else {
                inputs.snapshots.push(Snapshot {
                    path: path.clone(),
                    node: node_of_backup(path),
                });
            }
        }
        let topology = match wish {
            TopologyWish::Each => None,
            TopologyWish::Beside => single_topology(found)?,
            TopologyWish::File(path) => Some(FoundTopology::read(path)?),
        };
        if let Some(found) = topology {
            inputs.topology_file = Some(found.path);
            inputs.topology_text = Some(found.text);
            inputs.topology = Some(found.topology);
        }
        saved::tell_apart(&mut inputs.saved);
        Ok(inputs)
    }

    /// Refuses saved profiles, for a question that only keys can answer.
    ///
    /// # Errors
    /// Wrong usage, naming the first.
    pub fn refuse_saved(&self, question: &str) -> Result<()> {
        match self.saved.first() {
            None => Ok(()),
            Some((_, profile)) => Err(Refusal::usage(format!(
                "{} is a saved profile, which holds what slots hold and not the keys that `{question}` looks at: give \
                 it the snapshot",
                shown(&profile.path)
            ))),
        }
    }

    /// What told who owns the slots, to be saved.
    pub fn topology_to_save(&self) -> Option<SavedTopology> {
        let (file, text) = self
            .topology_file
            .as_ref()
            .zip(self.topology_text.as_ref())?;
        Some(SavedTopology {
            file: file.display().to_string(),
            content: KeyName(text.as_slice().into()),
        })
    }

    fn add_saved(
        &mut self,
        mut profile: SavedProfile,
        wish: TopologyWish<'_>,
        found: &mut Vec<FoundTopology>,
    ) -> Result<()> {
        let topology = profile.topology.take();
        if let Some(saved) = topology.filter(|_| wish == TopologyWish::Beside) {
            let path = PathBuf::from(saved.file);
            let text = saved.content.0.into_vec();
            let topology = Topology::parse(&text).with_context(|| {
                let file = shown(&profile.path);
                format!(
                    "{file}: the topology that was saved with it, {}, is none",
                    shown(&path)
                )
            })?;
            found.push(FoundTopology {
                path,
                text,
                topology,
            });
        }
        self.left_out.append(&mut profile.left_out);
        self.saved.push((self.snapshots.len(), profile));
        Ok(())
    }

    /// Keeps a result from taking the place of a snapshot, a saved profile or a topology: nothing is ever written to a backup.
    ///
    /// # Errors
    /// Wrong usage, when the file is one of the inputs, or holds a snapshot all the same.
    pub fn protect_from(&self, output: Option<&Path>) -> Result<()> {
        self.protect_from_option("-o", output)
    }

    /// As [`Inputs::protect_from`], for a result that another option names.
    ///
    /// # Errors
    /// Wrong usage, naming the option.
    pub fn protect_from_option(&self, option: &str, output: Option<&Path>) -> Result<()> {
        let place = output.and_then(|path| path.canonicalize().ok());
        let Some(place) = place.filter(|place| place.is_file()) else {
            return Ok(());
        };
        let saved = self.saved.iter().map(|(_, profile)| &profile.path);
        let snapshots = self.snapshots.iter().map(|snapshot| &snapshot.path);
        let of_backups = self.backups.iter().map(|backup| &backup.topology_file);
        let mut inputs = snapshots
            .chain(saved)
            .chain(of_backups)
            .chain(&self.topology_file);
        let is_input = inputs.any(|path| path.canonicalize().is_ok_and(|path| path == place));
        if is_input || holds_a_snapshot(&place) == Ok(true) {
            let what = if is_input { "an input" } else { "a snapshot" };
            return Err(Refusal::usage(format!(
                "{option} {} is {what}: nothing is ever written to a backup",
                output.unwrap_or(&place).display()
            )));
        }
        Ok(())
    }

    fn add_stdin(&mut self) -> Result<()> {
        if io::stdin().is_terminal() {
            return Err(Refusal::usage(
                "standard input is a terminal; give it a snapshot: preshard inspect - < dump.rdb",
            ));
        }
        if self.snapshots.iter().any(Snapshot::is_stdin) {
            return Err(Refusal::usage("standard input can be read only once"));
        }
        self.snapshots.push(Snapshot {
            path: STDIN.into(),
            node: None,
        });
        Ok(())
    }

    fn add_directory(
        &mut self,
        directory: &Path,
        wish: TopologyWish<'_>,
        found: &mut Vec<FoundTopology>,
    ) -> Result<()> {
        let listing = Listing::read(directory)
            .with_context(|| format!("cannot list {}", directory.display()))?;
        if listing.snapshots.is_empty() {
            bail!(
                "{}: no snapshot in this directory: expected one made by `redis-cli --cluster backup` \
                 ({BACKUP_TOPOLOGY} and redis-node-*.rdb), a data directory ({SERVER_TOPOLOGY} and dump.rdb) or .rdb \
                 files; it holds {}",
                directory.display(),
                listing.contents()
            );
        }
        let mut myself = None;
        let first = self.snapshots.len();
        let count = listing.snapshots.len();
        for name in [BACKUP_TOPOLOGY, SERVER_TOPOLOGY] {
            let path = directory.join(name);
            if !listing.names.iter().any(|each| each == OsStr::new(name)) {
                continue;
            }
            if name == SERVER_TOPOLOGY && listing.snapshots.len() == 1 {
                myself = FoundTopology::read(&path).ok().and_then(|found| {
                    let mut nodes = found.topology.nodes.into_iter();
                    nodes
                        .find(|node| node.flags.iter().any(|flag| flag == "myself"))
                        .map(|node| node.id)
                });
            }
            match wish {
                TopologyWish::Beside => {
                    found.push(FoundTopology::read(&path)?);
                }
                // A single snapshot beside nodes.conf is one server's, and nobody misses the others.
                TopologyWish::Each if name == BACKUP_TOPOLOGY || count > 1 => {
                    let found = FoundTopology::read(&path)?;
                    self.backups.push(Backup {
                        topology_file: found.path,
                        topology: found.topology,
                        snapshots: first..first + count,
                    });
                }
                TopologyWish::Each | TopologyWish::File(_) => {}
            }
            break;
        }
        for name in &listing.append_only {
            self.left_out.push(Notice {
                file: None,
                name: "append-only-file-not-read".to_owned(),
                message: format!(
                    "{}: append-only files are not read: what was written after the snapshot is not seen",
                    directory.join(name).display()
                ),
            });
        }
        if !listing.others.is_empty() {
            self.left_out.push(Notice {
                file: Some(directory.display().to_string()),
                name: "not-a-snapshot".to_owned(),
                message: format!("no snapshots, and not read: {}", listing.others()),
            });
        }
        for path in listing.snapshots {
            let node = node_of_backup(&path).or_else(|| myself.clone());
            self.snapshots.push(Snapshot { path, node });
        }
        Ok(())
    }
}

/// What lies in a directory. Hidden files are left alone: they belong to tools, and those that look like snapshots are
/// copies that somebody is about to rename.
struct Listing {
    names: Vec<OsString>,
    hidden: usize,
    snapshots: Vec<PathBuf>,
    append_only: Vec<OsString>,
    /// What is neither of these nor a topology, and why it cannot be a snapshot, where that is not plain to see.
    others: Vec<(OsString, Option<String>)>,
}

/// Most names that are told of a directory.
const NAMES_SHOWN_MAX: usize = 8;

impl Listing {
    fn read(directory: &Path) -> io::Result<Listing> {
        let mut names = Vec::new();
        for entry in fs::read_dir(directory)? {
            names.push(entry?.file_name());
        }
        let all = names.len();
        names.retain(|name| !name.as_encoded_bytes().starts_with(b"."));
        names.sort_unstable();
        let mut listing = Listing {
            hidden: all - names.len(),
            names,
            snapshots: Vec::new(),
            append_only: Vec::new(),
            others: Vec::new(),
        };
        for name in &listing.names {
            let path = directory.join(name);
            let extension = path.extension().and_then(OsStr::to_str);
            let is_topology =
                [BACKUP_TOPOLOGY, SERVER_TOPOLOGY].contains(&&*name.to_string_lossy());
            if extension == Some("aof") || name == OsStr::new("appendonlydir") {
                listing.append_only.push(name.clone());
                continue;
            }
            match holds_a_snapshot(&path) {
                Ok(true) => listing.snapshots.push(path),
                // A file that calls itself a snapshot and is none is an error for its reader to tell, not a
                // file to be passed over.
                _ if path.is_file() && stem_of_snapshot(&path).is_some() => {
                    listing.snapshots.push(path);
                }
                _ if is_topology => {}
                Ok(false) => listing.others.push((name.clone(), None)),
                Err(why) => listing.others.push((name.clone(), Some(why))),
            }
        }
        Ok(listing)
    }

    fn contents(&self) -> String {
        match (self.names.is_empty(), self.hidden) {
            (true, 0) => "nothing".to_owned(),
            (true, _) => "hidden files alone, which are left alone".to_owned(),
            (false, _) => enumerated(self.names.iter().map(|name| {
                let mut others = self.others.iter();
                let other = others.find(|(other, _)| other == name);
                described(name, other.and_then(|(_, why)| why.as_deref()))
            })),
        }
    }

    fn others(&self) -> String {
        let others = self.others.iter();
        enumerated(others.map(|(name, why)| described(name, why.as_deref())))
    }
}

/// A name, quoted because it may be anything, and what it is the name of.
fn described(name: &OsStr, what: Option<&str>) -> String {
    match what {
        Some(what) => format!("{name:?} ({what})"),
        None => format!("{name:?}"),
    }
}

/// The first few of some things, and how many more there are.
fn enumerated(things: impl ExactSizeIterator<Item = String>) -> String {
    let more = things.len().saturating_sub(NAMES_SHOWN_MAX);
    let mut shown = things.take(NAMES_SHOWN_MAX).collect::<Vec<_>>().join(", ");
    if more > 0 {
        shown.push_str(&format!(" and {more} more"));
    }
    shown
}

/// Whether what the file holds, without its wrappings, begins like a snapshot; what it is instead, where it is no file or
/// cannot be looked into. Nothing but files is opened: a pipe may wait for ever.
fn holds_a_snapshot(path: &Path) -> Result<bool, String> {
    let metadata = fs::metadata(path).map_err(|error| match path.is_symlink() {
        true => "a link that leads nowhere".to_owned(),
        false => error.to_string(),
    })?;
    if metadata.is_dir() {
        return Err("a directory".to_owned());
    }
    if !metadata.is_file() {
        return Err("no regular file".to_owned());
    }
    let source = Source::open(path, &OpenOptions::default()).map_err(|error| error.to_string())?;
    let head = source.head();
    Ok(MAGICS.iter().any(|magic| head.starts_with(magic)))
}

/// What is in front of `.rdb` in the name of a file, when its name says that it is a snapshot.
fn stem_of_snapshot(path: &Path) -> Option<&str> {
    let name = path.file_name()?.to_str()?;
    let packed = COMPRESSED
        .iter()
        .find_map(|extension| name.strip_suffix(extension));
    packed.unwrap_or(name).strip_suffix(".rdb")
}

/// The node id at the end of a name such as `redis-node-10.0.0.1-7000-<id>.rdb` (redis
/// `src/redis-cli.c`, `clusterManagerGetNodeRDBFilename`).
fn node_of_backup(path: &Path) -> Option<NodeId> {
    let (rest, id) = stem_of_snapshot(path)?.rsplit_once('-')?;
    let is_id = id.len() == NODE_ID_CHARS
        && id
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    (is_id && rest.starts_with("redis-node-")).then(|| NodeId(id.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backup_names_end_in_the_node_id() {
        let id = "0123456789abcdef0123456789abcdef01234567";
        for (name, expected) in [
            (format!("redis-node-10.0.0.1-7000-{id}.rdb"), Some(id)),
            (format!("redis-node-::1-7000-{id}.rdb"), Some(id)),
            (format!("redis-node-10.0.0.1-7000-{id}.rdb.gz"), Some(id)),
            (format!("redis-node-10.0.0.1-7000-{id}.rdb.gz.gz"), None),
            (format!("redis-node-10.0.0.1-7000-{id}.rdb.sha256"), None),
            (format!("dump-{id}.rdb"), None),
            (format!("redis-node-10.0.0.1-7000-{}.rdb", &id[1..]), None),
            ("dump.rdb".to_owned(), None),
        ] {
            assert_eq!(
                node_of_backup(Path::new(&name)).map(|node| node.0),
                expected.map(str::to_owned),
                "{name}"
            );
        }
    }
}
