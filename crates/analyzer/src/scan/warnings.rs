//! What deserves attention in one file.

use preshard_parser::source::{ContainerError, Trailing};
use preshard_parser::{DataType, Encoding, ErrorKind, Family};

use super::Outcome;
use super::stop::Stop;
use super::tally::Odd;
use crate::{Checksum, Claim, ClaimVerdict, FileSummary, Salvage, TypeRow, Warning};

/// Databases of a server that was not told otherwise (`databases` in its configuration).
const DATABASES_DEFAULT: u64 = 16;

/// Gaps of a damaged file that are told one by one.
const GAPS_TOLD_MAX: usize = 16;

/// What a file gives reason to say.
pub(super) fn warnings(summary: &FileSummary, outcome: &Outcome, odd: &Odd) -> Vec<Warning> {
    let mut warnings = Vec::new();
    match summary.checksum {
        Checksum::Wrong { stored, computed } => {
            warnings.push(Warning::WrongChecksum { stored, computed });
        }
        Checksum::Off => warnings.push(Warning::NoChecksum { version: None }),
        Checksum::Absent => warnings.push(Warning::NoChecksum {
            version: Some(summary.header.version),
        }),
        Checksum::Verified | Checksum::NotReached => {}
    }
    if let Some(salvage) = &summary.salvage {
        warnings.extend(gaps(salvage));
    }
    warnings.extend(wrapping_damaged(outcome));
    warnings.extend(behind(outcome));
    if odd.is_append_only_base {
        warnings.push(Warning::WritesElsewhere);
    }
    if summary.empty_collections > 0 {
        warnings.push(Warning::EmptyCollections {
            keys: summary.empty_collections,
        });
    }
    let differs = |claim: &&Claim| claim.verdict == ClaimVerdict::Differs;
    let differing = summary.claims.iter().filter(differs).cloned();
    warnings.extend(differing.map(Warning::ClaimDiffers));
    warnings.extend(databases_in_cluster(summary));
    if !summary.importing.is_empty() {
        warnings.push(Warning::ImportInProgress {
            slots: summary.importing.clone(),
        });
    }
    warnings.extend(of_types(summary));
    if odd.commands > 0 {
        warnings.push(Warning::CommandsBetweenKeys {
            commands: odd.commands,
        });
    }
    if odd.highest_db >= DATABASES_DEFAULT {
        warnings.push(Warning::DatabaseBeyondDefault { db: odd.highest_db });
    }
    for (what, keys) in [
        ("databases", odd.unlisted_database_keys),
        ("modules", odd.unlisted_module_keys),
    ] {
        if keys > 0 {
            warnings.push(Warning::Unlisted { what, keys });
        }
    }
    if odd.replaced_attributes + odd.attributes_without_key > 0 {
        warnings.push(Warning::LostAttributes {
            replaced: odd.replaced_attributes,
            without_key: odd.attributes_without_key,
        });
    }
    if odd.unreadable_aux_fields > 0 {
        warnings.push(Warning::UnreadableAuxFields {
            fields: odd.unreadable_aux_fields,
        });
    }
    if summary.changed {
        warnings.push(Warning::SourceChanged);
    }
    warnings
}

/// What cannot be known, or not exactly, of keys of some types.
fn of_types(summary: &FileSummary) -> Vec<Warning> {
    let keys_of = |is_meant: fn(&TypeRow) -> bool| {
        let rows = summary.types.iter().filter(|row| is_meant(row));
        rows.fold((0, 0), |(keys, bytes), row| {
            (keys + row.keys, bytes + row.payload_bytes)
        })
    };
    let mut warnings = Vec::new();
    let (keys, payload_bytes) = keys_of(|row| row.data_type == DataType::Module);
    if keys > 0 {
        warnings.push(Warning::Modules {
            keys,
            payload_bytes,
        });
    }
    let (keys, payload_bytes) =
        keys_of(|row| matches!(row.data_type, DataType::Array | DataType::PathHash));
    if keys > 0 {
        warnings.push(Warning::Unmeasured {
            keys,
            payload_bytes,
        });
    }
    let (keys, _) = keys_of(|row| {
        matches!(
            row.encoding,
            Encoding::TemplateListpack | Encoding::TemplateArray
        )
    });
    if keys > 0 {
        warnings.push(Warning::PayloadBounds { keys });
    }
    warnings
}

/// What is unknown, gap by gap; of many gaps the first, and the rest together.
fn gaps(salvage: &Salvage) -> Vec<Warning> {
    let told = salvage.gaps.len().min(GAPS_TOLD_MAX);
    let (told, rest) = salvage.gaps.split_at(told);
    let mut warnings: Vec<Warning> = told.iter().cloned().map(Warning::Gap).collect();
    if !rest.is_empty() {
        warnings.push(Warning::MoreGaps {
            gaps: rest.len() as u64,
            bytes: rest.iter().map(|gap| gap.bytes).sum(),
        });
    }
    warnings
}

/// What stands behind the snapshot, and behind what it is wrapped in.
fn behind(outcome: &Outcome) -> Vec<Warning> {
    let mut warnings = Vec::new();
    // Behind damage, what may be the rest of the snapshot and what stands behind it cannot be told apart.
    let snapshot = matches!(outcome.stop, Stop::Ended(_)).then_some((None, &outcome.behind));
    let layers = outcome.layers.iter().rev();
    let layers = layers.filter_map(|layer| Some((Some(&layer.container), layer.behind.as_ref()?)));
    for (container, behind) in snapshot.into_iter().chain(layers) {
        if behind.commands() > 0 {
            warnings.push(Warning::CommandsBehind {
                bytes: behind.commands(),
            });
        }
        // One that is cut is told as damage, and what was not read to its end may well go on as it must.
        let must_be_marked = !behind.mark_is_cut && outcome.failure.is_none();
        if behind.trailing == Trailing::MarkMissing && must_be_marked {
            warnings.push(Warning::CaptureMarkMissing);
        }
        if behind.other() > 0 {
            warnings.push(Warning::TrailingBytes {
                bytes: behind.other(),
                container: container.cloned(),
                begins_snapshot: behind.begins_snapshot,
            });
        }
    }
    warnings
}

/// Why the wrapping of a damaged snapshot could not be read to its end, where that is not the damage itself.
fn wrapping_damaged(outcome: &Outcome) -> Option<Warning> {
    let (Stop::Damaged(error), Some(failure)) = (&outcome.stop, &outcome.failure) else {
        return None;
    };
    let reason = failure.to_string();
    let is_the_damage =
        matches!(error.kind(), ErrorKind::Unreadable { reason: told, .. } if *told == reason);
    (!is_the_damage).then(|| Warning::WrappingDamaged {
        damaged: ContainerError::of(failure).is_some_and(ContainerError::is_damage),
        reason,
    })
}

/// In cluster mode servers before Valkey 9 have database 0 only.
fn databases_in_cluster(summary: &FileSummary) -> Option<Warning> {
    let is_of_cluster = summary.slot_info.is_some() && summary.header.family == Family::Redis;
    let elsewhere = summary.databases.iter().filter(|row| row.db != 0);
    let keys = elsewhere.fold(0, |keys, row| keys + row.keys);
    (is_of_cluster && keys > 0).then_some(Warning::DatabasesInCluster { keys })
}
