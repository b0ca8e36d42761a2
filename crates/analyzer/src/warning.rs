//! What deserves attention, with its numbers.

use std::path::PathBuf;

use preshard_parser::source::Container;
use preshard_slots::{NodeId, SlotSet};

use crate::{Claim, Gap};

/// Something in a file, or between files, that a reader of the results must know.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Warning {
    /// The checksum does not fit the bytes.
    WrongChecksum {
        /// What the file says.
        stored: u64,
        /// What its bytes give.
        computed: u64,
    },
    /// Nothing tells whether bytes have changed since the server wrote them.
    NoChecksum {
        /// The version of the format when it has none; `None` when the server was told not to compute it.
        version: Option<u32>,
    },
    /// The file goes on after the end of the snapshot, or of what that is wrapped in, nobody knows with what.
    TrailingBytes {
        /// How far.
        bytes: u64,
        /// What the snapshot is wrapped in and they follow; `None` when they follow the snapshot itself.
        container: Option<Container>,
        /// They begin like a snapshot: several were put into one file.
        begins_snapshot: bool,
    },
    /// Not only the snapshot is damaged: what it is wrapped in cannot be read to its end either.
    WrappingDamaged {
        /// What is wrong with it, and where.
        reason: String,
        /// It is damaged, rather than refused for its size or unreadable for the device.
        damaged: bool,
    },
    /// Commands stand behind the snapshot, or behind what that is wrapped in.
    CommandsBehind {
        /// How far.
        bytes: u64,
    },
    /// The file is the base of an append-only file: later writes are in files of their own.
    WritesElsewhere,
    /// A capture of replication lacks the mark at its end.
    CaptureMarkMissing,
    /// Bytes of a damaged file of which nothing is known.
    Gap(Gap),
    /// More such bytes than are told one by one.
    MoreGaps {
        /// In how many places.
        gaps: u64,
        /// How many bytes.
        bytes: u64,
    },
    /// The file was written to while it was read.
    SourceChanged,
    /// Collections with no elements were left out.
    EmptyCollections {
        /// Their number.
        keys: u64,
    },
    /// Something that the file says of itself is not so.
    ClaimDiffers(Claim),
    /// The file names a database that a server with default settings does not have.
    DatabaseBeyondDefault {
        /// The highest database it names.
        db: u64,
    },
    /// A file of a cluster holds keys in other databases than 0, which no cluster of its server has.
    DatabasesInCluster {
        /// Their number.
        keys: u64,
    },
    /// Expiries, idle times, LFU counters or metadata that no key has.
    LostAttributes {
        /// Replaced by another in front of the same key.
        replaced: u64,
        /// At the end, where no key follows.
        without_key: u64,
    },
    /// Auxiliary fields that cannot be decompressed.
    UnreadableAuxFields {
        /// Their number.
        fields: u64,
    },
    /// More databases or modules than are listed.
    Unlisted {
        /// What there are too many of.
        what: &'static str,
        /// Keys that belong to those not listed.
        keys: u64,
    },
    /// An import was running when the file was written.
    ImportInProgress {
        /// The slots whose keys are partial copies.
        slots: SlotSet,
    },
    /// Values of modules: their memory and their cost cannot be known.
    Modules {
        /// Keys with such a value.
        keys: u64,
        /// Sum of their payloads.
        payload_bytes: u64,
    },
    /// Values of types that were not measured: their memory is not known and their cost a guess.
    Unmeasured {
        /// Keys with such a value.
        keys: u64,
        /// Sum of their payloads.
        payload_bytes: u64,
    },
    /// Hashes whose field names stand in templates: only a bound of their payload can be told.
    PayloadBounds {
        /// Their number.
        keys: u64,
    },
    /// Commands between the keys, which change keys that were told before.
    CommandsBetweenKeys {
        /// Their number.
        commands: u64,
    },
    /// Keys in slots that the file's node does not own.
    ForeignKeys {
        /// The file.
        file: PathBuf,
        /// Its node.
        node: NodeId,
        /// The slots.
        slots: SlotSet,
        /// Keys in them.
        keys: u64,
        /// Sum of their payloads.
        payload_bytes: u64,
    },
    /// No topology: who owns a slot was told from the keys.
    NoTopology {
        /// Files, each taken for a shard.
        files: usize,
        /// Slots without a key, owned by nobody.
        unowned: usize,
    },
    /// A node was recognised by the slots of its keys.
    MatchedBySlots {
        /// The file.
        file: PathBuf,
        /// The node.
        node: NodeId,
    },
    /// There is no file for a node that owns slots.
    NodeWithoutFile {
        /// The node.
        node: NodeId,
        /// Its slots.
        slots: usize,
    },
    /// What is missing of a damaged file lies in some slots of its node.
    SalvagedFile {
        /// The file.
        file: PathBuf,
        /// The node.
        node: NodeId,
        /// The slots.
        slots: SlotSet,
    },
    /// A file ends early: its node's slots are known in part only.
    DamagedFile {
        /// The file.
        file: PathBuf,
        /// The node.
        node: NodeId,
    },
    /// The topology calls a node anything but healthy.
    UnhealthyNode {
        /// The node.
        node: NodeId,
        /// Its flags of concern.
        flags: Vec<String>,
    },
    /// `redis-cli` had found problems in the cluster when it took the backup.
    ClusterErrors {
        /// Their number.
        errors: u64,
    },
    /// Slots in the middle of a migration.
    OpenSlots {
        /// The slots.
        slots: SlotSet,
    },
    /// Slots that no node owns.
    UnassignedSlots {
        /// The slots.
        slots: SlotSet,
    },
    /// The files come from different servers.
    ServersDiffer {
        /// Each server (or "RDB n" where it is not told) and its first file.
        servers: Vec<(String, PathBuf)>,
    },
    /// The files were written far apart.
    DatesFarApart {
        /// The oldest and its time, Unix seconds.
        oldest: (PathBuf, i64),
        /// The newest and its time, Unix seconds.
        newest: (PathBuf, i64),
    },
}

impl Warning {
    /// The warning's name, as documents carry it.
    pub fn name(&self) -> &'static str {
        match self {
            Warning::WrongChecksum { .. } => "wrong-checksum",
            Warning::NoChecksum { .. } => "no-checksum",
            Warning::TrailingBytes { .. } => "trailing-bytes",
            Warning::WrappingDamaged { .. } => "wrapping-damaged",
            Warning::CommandsBehind { .. } => "commands-behind",
            Warning::WritesElsewhere => "writes-elsewhere",
            Warning::CaptureMarkMissing => "capture-mark-missing",
            Warning::Gap(_) => "gap",
            Warning::MoreGaps { .. } => "more-gaps",
            Warning::SourceChanged => "source-changed",
            Warning::EmptyCollections { .. } => "empty-collections",
            Warning::ClaimDiffers(claim) => claim.kind.warning_name(),
            Warning::DatabaseBeyondDefault { .. } => "database-beyond-default",
            Warning::DatabasesInCluster { .. } => "databases-in-cluster",
            Warning::LostAttributes { .. } => "lost-attributes",
            Warning::UnreadableAuxFields { .. } => "unreadable-aux-fields",
            Warning::Unlisted { .. } => "unlisted",
            Warning::ImportInProgress { .. } => "import-in-progress",
            Warning::Modules { .. } => "modules",
            Warning::Unmeasured { .. } => "unmeasured",
            Warning::PayloadBounds { .. } => "payload-bounds",
            Warning::CommandsBetweenKeys { .. } => "commands-between-keys",
            Warning::ForeignKeys { .. } => "foreign-keys",
            Warning::NoTopology { .. } => "no-topology",
            Warning::MatchedBySlots { .. } => "matched-by-slots",
            Warning::NodeWithoutFile { .. } => "node-without-file",
            Warning::SalvagedFile { .. } => "salvaged-file",
            Warning::DamagedFile { .. } => "damaged-file",
            Warning::UnhealthyNode { .. } => "unhealthy-node",
            Warning::ClusterErrors { .. } => "cluster-errors",
            Warning::OpenSlots { .. } => "open-slots",
            Warning::UnassignedSlots { .. } => "unassigned-slots",
            Warning::ServersDiffer { .. } => "servers-differ",
            Warning::DatesFarApart { .. } => "dates-far-apart",
        }
    }
}

/// `0-5,7` for a set of slots; at most eight ranges, then how many more.
pub(crate) struct Ranges<'a>(pub(crate) &'a SlotSet);

impl std::fmt::Display for Ranges<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const SHOWN_MAX: usize = 8;
        let ranges = self.0.ranges();
        for (index, range) in ranges.iter().take(SHOWN_MAX).enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            let (first, last) = (range.first.number(), range.last.number());
            if first == last {
                write!(f, "{first}")?;
            } else {
                write!(f, "{first}-{last}")?;
            }
        }
        match ranges.len().saturating_sub(SHOWN_MAX) {
            0 => Ok(()),
            more => write!(f, " and {more} more ranges"),
        }
    }
}

/// `1 key`, `2 keys`.
struct Counted(u64, &'static str);

impl std::fmt::Display for Counted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let s = if self.0 == 1 { "" } else { "s" };
        write!(f, "{} {}{s}", self.0, self.1)
    }
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Warning::WrongChecksum { stored, computed } => write!(
                f,
                "wrong checksum: the file says {stored:016x}, its bytes give {computed:016x}; a server would \
                 refuse the file, and any figure may be wrong: take a new backup"
            ),
            Warning::NoChecksum { version } => {
                f.write_str("no checksum: ")?;
                match version {
                    Some(version) => write!(f, "RDB {version} has none")?,
                    None => f.write_str("the server was told not to compute it")?,
                }
                f.write_str(", so bytes that have changed since may go unnoticed")
            }
            Warning::TrailingBytes {
                bytes,
                container,
                begins_snapshot,
            } => {
                let bytes = Counted(*bytes, "byte");
                match container {
                    None => write!(f, "{bytes} after the end of the snapshot not read")?,
                    Some(container) => {
                        write!(f, "{bytes} after the end of the {container} not read")?;
                    }
                }
                match begins_snapshot {
                    true => f.write_str(
                        ": they begin like another snapshot; put each into a file of its own",
                    ),
                    false => Ok(()),
                }
            }
            Warning::WrappingDamaged { reason, damaged } => {
                f.write_str(match damaged {
                    true => "what the snapshot is wrapped in is not whole either, which may be why the snapshot is damaged",
                    false => "what the snapshot is wrapped in was not read to its end either",
                })?;
                write!(f, ": {reason}")
            }
            Warning::CommandsBehind { bytes } => write!(
                f,
                "the state after the snapshot is in {} of commands behind it, which are not read",
                Counted(*bytes, "byte")
            ),
            Warning::WritesElsewhere => f.write_str(
                "the file is the base of an append-only file: the writes since are in the files beside it, which are \
                 not read",
            ),
            Warning::CaptureMarkMissing => f.write_str(
                "the capture does not end with its mark: it was cut short behind the snapshot, or something else \
                 stands there",
            ),
            Warning::Gap(gap) => gap.fmt(f),
            Warning::MoreGaps { gaps, bytes } => write!(
                f,
                "{bytes} more bytes are unknown, in {gaps} places: the inspect document has them all"
            ),
            Warning::SourceChanged => f.write_str(
                "the file was written to while it was read: what was read may be neither its old content nor its new \
                 one; work on a copy that nobody writes",
            ),
            Warning::EmptyCollections { keys } => write!(
                f,
                "{} without elements not counted: servers drop them when they load the file",
                Counted(*keys, "collection")
            ),
            Warning::ClaimDiffers(claim) => write!(
                f,
                "{}: the file says {}; what was read: {}; {}",
                claim.kind.topic(),
                claim.claimed,
                claim.found,
                claim.kind.advice()
            ),
            Warning::DatabaseBeyondDefault { db } => write!(
                f,
                "database {db} is in the file: a server loads it only when its setting `databases` is at least {} (16 \
                 by default)",
                db.saturating_add(1)
            ),
            Warning::DatabasesInCluster { keys } => write!(
                f,
                "{} in other databases than 0, and slot totals as only a cluster has them: no cluster of this server \
                 has other databases; look where the file comes from",
                Counted(*keys, "key")
            ),
            Warning::LostAttributes {
                replaced,
                without_key,
            } => {
                f.write_str("expiries or other attributes that no key has:")?;
                if *replaced > 0 {
                    write!(f, " {replaced} replaced by another for the same key")?;
                }
                if *without_key > 0 {
                    let comma = if *replaced > 0 { "," } else { "" };
                    write!(f, "{comma} {without_key} with no key behind")?;
                }
                f.write_str("; no server writes that: keys may be missing")
            }
            Warning::UnreadableAuxFields { fields } => write!(
                f,
                "{} cannot be decompressed: a server would refuse the file; take a new backup",
                Counted(*fields, "auxiliary field")
            ),
            Warning::Unlisted { what, keys } => write!(
                f,
                "too many {what} to list: {} counted of those that are not",
                Counted(*keys, "key")
            ),
            Warning::ImportInProgress { slots } => write!(
                f,
                "an import was running when the file was written: its keys of slots {} are partial copies",
                Ranges(slots)
            ),
            Warning::Modules {
                keys,
                payload_bytes,
            } => write!(
                f,
                "module values in {} ({} of payload): their memory is unknown but for vector sets on Redis 8, \
                 and their cost is taken as that of the worst type of the same payload",
                Counted(*keys, "key"),
                Counted(*payload_bytes, "byte")
            ),
            Warning::Unmeasured {
                keys,
                payload_bytes,
            } => write!(
                f,
                "arrays or path hashes in {} ({} of payload): no server that has them was measured; their memory is \
                 unknown, and their cost is taken as that of the worst type of the same payload",
                Counted(*keys, "key"),
                Counted(*payload_bytes, "byte")
            ),
            Warning::PayloadBounds { keys } => write!(
                f,
                "the payload of {} is the most that it can be: the field names stand in templates, and how DUMP \
                 writes them out depends on the server's settings",
                Counted(*keys, "key")
            ),
            Warning::CommandsBetweenKeys { commands } => write!(
                f,
                "{} between the keys not carried out: a server sends writes along that way while it saves, so keys \
                 may have changed after they were told here",
                Counted(*commands, "command")
            ),
            Warning::ForeignKeys {
                file,
                node,
                slots,
                keys,
                payload_bytes,
            } => write!(
                f,
                "{}: {} ({} of payload) in slots {} that node {} does not own, left out of every total; the slots \
                 are held: look for an unfinished migration",
                file.display(),
                Counted(*keys, "key"),
                Counted(*payload_bytes, "byte"),
                Ranges(slots),
                node.0
            ),
            Warning::NoTopology { files, unowned } => {
                let shards = match files {
                    1 => "the file is taken for a shard that owns",
                    _ => "each file is taken for a shard that owns",
                };
                write!(f, "no topology: {shards} the slots of its keys")?;
                if *unowned > 0 {
                    write!(f, ", and {unowned} slots without a key have no owner")?;
                }
                f.write_str("; state it with --topology")
            }
            Warning::MatchedBySlots { file, node } => write!(
                f,
                "{}: taken for the backup of node {} because of the slots of its keys",
                file.display(),
                node.0
            ),
            Warning::NodeWithoutFile { node, slots } => write!(
                f,
                "no file for node {}, which owns {slots} slots: nothing is known of them, they are held",
                node.0
            ),
            Warning::SalvagedFile { file, node, slots } if slots.is_empty() => write!(
                f,
                "{}: damaged, but no key of node {} is missing",
                file.display(),
                node.0
            ),
            Warning::SalvagedFile { file, node, slots } => write!(
                f,
                "{}: damaged; keys of slots {} may be missing: what node {} holds there is not known, they are held",
                file.display(),
                Ranges(slots),
                node.0
            ),
            Warning::DamagedFile { file, node } => write!(
                f,
                "{}: read in part only: what else the slots of node {} hold is not known, they are held",
                file.display(),
                node.0
            ),
            Warning::UnhealthyNode { node, flags } => write!(
                f,
                "the topology marks node {} as {}: run `--cluster check` before any plan",
                node.0,
                flags.join(", ")
            ),
            Warning::ClusterErrors { errors } => write!(
                f,
                "redis-cli counted {errors} problems in the cluster when it took the backup: run `--cluster check` \
                 before any plan"
            ),
            Warning::OpenSlots { slots } => write!(
                f,
                "slots {} are in the middle of a migration: repair that first, they are held",
                Ranges(slots)
            ),
            Warning::UnassignedSlots { slots } => {
                write!(f, "no node owns slots {}", Ranges(slots))
            }
            Warning::ServersDiffer { servers } => {
                f.write_str("the files were written by different servers:")?;
                for (index, (server, file)) in servers.iter().enumerate() {
                    let comma = if index > 0 { "," } else { "" };
                    write!(f, "{comma} {server} ({})", file.display())?;
                }
                f.write_str("; a newer server's keys may be refused by an older one")
            }
            Warning::DatesFarApart { oldest, newest } => write!(
                f,
                "{} was written {} minutes before {}: keys may have moved between them",
                oldest.0.display(),
                (newest.1 - oldest.1) / 60,
                newest.0.display()
            ),
        }
    }
}
