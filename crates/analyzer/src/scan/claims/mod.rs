//! What a file claims of itself, compared with what was read.

mod expiries;
mod newest;
mod slot_totals;

use preshard_parser::{Family, Header, SlotInfo, Str};

use expiries::Expiries;
pub(super) use newest::Newest;
use slot_totals::SlotTotals;

use super::Outcome;
use super::aux_fields::{AuxFields, Meaning};
use super::behind::Behind;
use super::short::Short;
use super::stop::Stop;
use crate::{
    Claim, ClaimKind, ClaimVerdict, DatabaseRow, FileSummary, KeyFacts, LoadedMemory, Server,
    SlotProfile,
};

const NOT_READ_TO_ITS_END: &str = "the file was not read to its end";
/// More than a 32-bit server can address.
const ADDRESSABLE_32_BIT: u64 = 1 << 32;

/// Gathers what a file says of itself, and what is read that bears it out or not.
#[derive(Default)]
pub(super) struct Claims {
    aux: AuxFields,
    /// The database selected last.
    db: Option<u64>,
    odd_sizes: OddSizes,
    slot_totals: SlotTotals,
    expiries: Expiries,
    newest: Newest,
}

/// Sizes of databases that stand where no server writes them.
#[derive(Debug, Default, Clone, Copy)]
struct OddSizes {
    /// For a database that has sizes already.
    repeated: u64,
    /// Before any database was selected.
    unselected: u64,
}

/// Numbers that a server writes about itself, as the file has them.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Under which name and version the server calls itself.
    pub(super) version: Option<String>,
    /// `redis-bits`.
    pub(super) word_bits: Option<u64>,
    /// `aof-preamble`: the snapshot is the head of an append-only file.
    pub(super) aof_preamble: Option<u64>,
    /// `aof-base`: the snapshot is the first of the files that make an append-only file.
    pub(super) aof_base: Option<u64>,
}

impl Told {
    fn is_base(&self) -> bool {
        self.aof_base.is_some_and(|value| value != 0)
    }
}

impl Claims {
    pub(super) fn add_aux(&mut self, name: &Str<'_>, value: &Str<'_>) {
        match self.aux.add(name, value) {
            Meaning::Nothing => {}
            Meaning::WrittenAt(unix_s) => self.expiries.written_at(unix_s),
            Meaning::SlotTotals(info) => self.add_slot_totals(info),
            Meaning::UnreadableSlotTotals => self.slot_totals.unreadable(),
        }
    }

    pub(super) fn select_database(&mut self, db: u64) {
        self.db = Some(db);
        self.slot_totals.select_database();
    }

    /// The database that keys and totals belong to.
    pub(super) fn database(&self) -> u64 {
        self.db.unwrap_or(0)
    }

    /// Takes in that sizes were declared for the selected database, perhaps not for the first time.
    pub(super) fn add_sizes(&mut self, repeated: bool) {
        self.odd_sizes.unselected += u64::from(self.db.is_none());
        self.odd_sizes.repeated += u64::from(repeated);
    }

    pub(super) fn add_slot_totals(&mut self, declared: SlotInfo) {
        self.slot_totals.declare(self.database(), declared);
    }

    /// A gap: what was declared in front of it is not borne out by what stands behind.
    pub(super) fn interrupt(&mut self) {
        self.slot_totals.interrupt();
    }

    pub(super) fn count(&mut self, key: &KeyFacts<'_>) {
        self.slot_totals.count(key);
        self.expiries.count(key);
    }

    /// As [`Claims::count`], of keys that hold short strings and the expiries of those that have one.
    pub(super) fn count_shorts(&mut self, keys: &[Short], expiries_ms: &[i64]) {
        self.slot_totals.count_shorts(keys);
        self.expiries.count_shorts(keys.len(), expiries_ms);
    }

    /// Takes in the newest thing among the records that follow.
    pub(super) fn look_at_newest(&mut self, newest: &Newest) {
        self.newest.append(newest);
    }

    /// Auxiliary fields that could not be decompressed.
    pub(super) fn unreadable_aux_fields(&self) -> u64 {
        self.aux.unreadable
    }

    /// Whether the file calls itself the base of an append-only file.
    pub(super) fn is_append_only_base(&self) -> bool {
        self.aux.told.is_base()
    }

    /// Compares with the totals of the file, and adds what it says of itself to them.
    pub(super) fn finish(
        self,
        summary: &mut FileSummary,
        profile: &SlotProfile,
        outcome: &Outcome,
    ) {
        let complete = outcome.is_complete();
        let behind = complete.then_some(&outcome.behind);
        let told = &self.aux.told;
        summary.written_by = self.aux.server;
        summary.written_at_s = self.expiries.written_at_s();
        summary.used_memory_bytes = self.aux.used_memory_bytes;
        summary.expired_when_written = self.expiries.expired_when_written();
        let (slot_info, slot_claims) = self.slot_totals.finish(complete).unzip();
        summary.slot_info = slot_info;
        // What tables take hangs on the totals of slots, and the claim about memory on what tables take.
        summary.loaded_memory = LoadedMemory::of(summary, profile);
        let claims = [
            Some(format_version(summary.header, &self.newest)),
            server(summary.header, told, summary.written_by.as_ref()),
            word_size(told, summary),
            self.expiries.claim(summary.expiring_keys),
            used_memory(summary),
            append_only(told, behind),
            capture_length(outcome),
            database_totals(&summary.databases, self.odd_sizes, complete),
        ];
        summary.claims = claims
            .into_iter()
            .flatten()
            .chain(slot_claims.unwrap_or_default())
            .chain(self.aux.contradictions)
            .collect();
        summary.aux = self.aux.listed;
        summary.aux_unlisted = self.aux.unlisted;
        summary.scripts = self.aux.scripts;
    }
}

fn format_version(header: Header, newest: &Newest) -> Claim {
    Claim {
        kind: ClaimKind::FormatVersion,
        claimed: format_words(header),
        found: newest.describe(),
        verdict: agrees(newest.version <= header.version),
    }
}

fn server(header: Header, told: &Told, server: Option<&Server>) -> Option<Claim> {
    let claimed = told.version.clone()?;
    let mut found = format_words(header);
    let verdict = match server.map(Server::writes) {
        None => ClaimVerdict::NotComparable("the version has another form than major.minor.patch"),
        Some(None) => ClaimVerdict::NotComparable("which version this server writes is not known"),
        Some(Some(expected)) if expected == header => ClaimVerdict::Agrees,
        Some(Some(_)) if server.is_some_and(Server::is_candidate) => ClaimVerdict::NotComparable(
            "a build on the way to a release may write an older version",
        ),
        Some(Some(expected)) => {
            found = format!("{found}; that server writes {}", format_words(expected));
            ClaimVerdict::Differs
        }
    };
    Some(Claim {
        kind: ClaimKind::Server,
        claimed,
        found,
        verdict,
    })
}

fn word_size(told: &Told, summary: &FileSummary) -> Option<Claim> {
    let bits = told.word_bits?;
    let values = sum(summary, |row| row.serialized_bytes);
    let used = summary.used_memory_bytes.unwrap_or(0);
    let mut found = format!("{values} bytes of values");
    let verdict = match bits {
        32 => {
            if used >= ADDRESSABLE_32_BIT {
                found = format!("{found}, {used} bytes of memory");
            }
            agrees(values.max(used) < ADDRESSABLE_32_BIT)
        }
        64 => ClaimVerdict::NotComparable("a server of 64 bits may hold anything"),
        _ => ClaimVerdict::Differs,
    };
    Some(Claim {
        kind: ClaimKind::WordSize,
        claimed: format!("{bits} bits"),
        found,
        verdict,
    })
}

fn used_memory(summary: &FileSummary) -> Option<Claim> {
    let used = summary.used_memory_bytes?;
    let LoadedMemory {
        keys_bytes,
        tables_as_written_bytes,
        unknown_keys,
        ..
    } = summary.loaded_memory;
    let both = summary.loaded_memory.used_as_written_bytes();
    let mut found =
        format!("{keys_bytes} bytes for the keys and {tables_as_written_bytes} for their tables");
    if used > 0 {
        let tenths = u128::from(both) * 1_000 / u128::from(used);
        found = format!("{found}, {}.{} % of it", tenths / 10, tenths % 10);
    }
    if unknown_keys > 0 {
        found = format!("{found}; {unknown_keys} keys of unknown memory");
    }
    Some(Claim {
        kind: ClaimKind::UsedMemory,
        claimed: format!("{used} bytes"),
        found,
        verdict: ClaimVerdict::NotComparable(match both <= used {
            true => {
                "the rest is what an empty server takes, its buffers, and the room that values keep when commands \
                     grow them (1.5 to 3.3 % where that was measured)"
            }
            false => {
                "the keys are more than that: the server had another allocator, mode or version than the model \
                     (--allocator, --standalone, --target)"
            }
        }),
    })
}

fn append_only(told: &Told, behind: Option<&Behind>) -> Option<Claim> {
    if told.aof_preamble.is_none() && told.aof_base.is_none() {
        return None;
    }
    let commands = match behind {
        Some(behind) if !behind.is_captured => behind.commands(),
        _ => 0,
    };
    let is_preamble = told.aof_preamble.is_some_and(|value| value != 0);
    let verdict = match (behind, is_preamble, told.is_base()) {
        (None, ..) => ClaimVerdict::NotComparable(NOT_READ_TO_ITS_END),
        (Some(_), true, _) if commands == 0 => {
            ClaimVerdict::NotComparable("nothing was written since, or the commands are missing")
        }
        (Some(_), true, _) => ClaimVerdict::Agrees,
        (Some(_), false, _) if commands > 0 => ClaimVerdict::Differs,
        (Some(_), false, true) => {
            ClaimVerdict::NotComparable("the writes since are in files of their own")
        }
        (Some(_), false, false) => ClaimVerdict::Agrees,
    };
    Some(Claim {
        kind: ClaimKind::AppendOnly,
        claimed: match (is_preamble, told.is_base()) {
            (true, _) => "head of an append-only file",
            (_, true) => "base of an append-only file",
            _ => "no part of an append-only file",
        }
        .to_owned(),
        found: match commands {
            0 => "no commands behind the snapshot".to_owned(),
            bytes => format!("{bytes} bytes of commands behind the snapshot"),
        },
        verdict,
    })
}

fn capture_length(outcome: &Outcome) -> Option<Claim> {
    let announced = outcome.behind.announced_bytes?;
    let (found, verdict) = match &outcome.stop {
        Stop::Ended(end) => (
            format!("{} bytes", end.offset),
            agrees(end.offset == announced),
        ),
        Stop::Damaged(_) => (
            format!("at least {} bytes", outcome.bytes),
            ClaimVerdict::NotComparable(NOT_READ_TO_ITS_END),
        ),
    };
    Some(Claim {
        kind: ClaimKind::CaptureLength,
        claimed: format!("{announced} bytes"),
        found,
        verdict,
    })
}

fn database_totals(databases: &[DatabaseRow], odd: OddSizes, complete: bool) -> Option<Claim> {
    let declared: Vec<_> = databases
        .iter()
        .filter_map(|row| Some((row, row.declared?)))
        .collect();
    if declared.is_empty() {
        return None;
    }
    let sum = |totals: &mut dyn Iterator<Item = (u64, u64)>| {
        totals.fold((0u64, 0u64), |sum, each| {
            (sum.0.saturating_add(each.0), sum.1.saturating_add(each.1))
        })
    };
    let counted = |row: &DatabaseRow| (row.keys, row.expiring_keys);
    let claimed = sum(&mut declared.iter().map(|&(_, declared)| declared));
    let mut found = vec![keys_of_which_expiring(sum(&mut declared
        .iter()
        .map(|(row, _)| counted(row))))];
    let mut differs = odd.repeated > 0 || odd.unselected > 0;
    if complete {
        let mut differing = declared
            .iter()
            .filter(|(row, declares)| *declares != counted(row));
        if let Some((row, declares)) = differing.next() {
            differs = true;
            found.push(format!(
                "{} of {} databases differ, first db {}: {} declared, {} found",
                1 + differing.count(),
                declared.len(),
                row.db,
                keys_of_which_expiring(*declares),
                keys_of_which_expiring(counted(row)),
            ));
        }
    }
    for (count, what) in [
        (
            odd.repeated,
            "declared for a database that was declared before",
        ),
        (odd.unselected, "declared before a database was selected"),
    ] {
        if count > 0 {
            found.push(format!("{count} {what}"));
        }
    }
    Some(Claim {
        kind: ClaimKind::DatabaseTotals,
        claimed: keys_of_which_expiring(claimed),
        found: found.join("; "),
        verdict: match (differs, complete) {
            (true, _) => ClaimVerdict::Differs,
            (false, true) => ClaimVerdict::Agrees,
            (false, false) => ClaimVerdict::NotComparable(NOT_READ_TO_ITS_END),
        },
    })
}

fn agrees(agrees: bool) -> ClaimVerdict {
    match agrees {
        true => ClaimVerdict::Agrees,
        false => ClaimVerdict::Differs,
    }
}

fn sum(summary: &FileSummary, of: impl Fn(&crate::TypeRow) -> u64) -> u64 {
    summary
        .types
        .iter()
        .fold(0, |sum, row| sum.saturating_add(of(row)))
}

fn format_words(header: Header) -> String {
    let family = match header.family {
        Family::Redis => "Redis",
        Family::Valkey => "Valkey",
    };
    format!("RDB {} of the {family} family", header.version)
}

fn keys_of_which_expiring((keys, expiring): (u64, u64)) -> String {
    let s = if keys == 1 { "" } else { "s" };
    format!("{keys} key{s} ({expiring} expiring)")
}
