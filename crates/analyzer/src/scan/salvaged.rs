//! Scanning what can be kept of a damaged snapshot.

use preshard_parser::salvage::{self, Gap as Found, Part, Surroundings, Touched};
use preshard_parser::source::{Source, Trailing};
use preshard_slots::{Slot, SlotSet};

use super::batch::{Batch, Reading};
use super::behind::Behind;
use super::mapped::{self, Scanner};
use super::stop::Stop;
use super::tally::Tally;
use super::{Outcome, Progress, Sink, has_changed};
use crate::{Checksum, Error, FileScan, Gap, KeyName, LostKey, Repair, Salvage, Touch};

/// Scans the sound parts of a snapshot; one that is not damaged is scanned as ever.
pub(super) fn scan(
    source: &Source,
    bytes: &[u8],
    reading: &Reading<'_>,
    progress: &dyn Progress,
    sink: Option<&mut Sink<'_>>,
) -> Result<FileScan, Error> {
    let options = reading.options;
    let surroundings = Surroundings {
        detail: options.detail,
        slot_of: &|key| u64::from(Slot::of_key(key).number()),
        may_follow: &|behind| {
            let trailing = Trailing::judge(behind, behind.len() as u64, source.wrapping());
            matches!(trailing, Trailing::EndMark { .. } | Trailing::Commands)
        },
    };
    let survey = salvage::survey(bytes, surroundings)?;
    if !survey.parts.iter().any(|part| matches!(part, Part::Gap(_))) {
        return mapped::scan(source, bytes, reading, progress, sink);
    }
    let mut tally = Tally::new(source.path(), survey.header, options);
    // In which database a part lies, only its own reader knows.
    let each_key = Reading::each_key(options);
    let mut scanner = Scanner::new(source, &each_key, progress, sink);
    let mut batch = Batch::default();
    let mut salvage = Salvage::default();
    let mut stop = None;
    for part in &survey.parts {
        match part {
            Part::Sound(sound) => {
                let mut reader = sound.measuring_reader(bytes, options.measuring());
                stop = scanner.read(&mut reader, sound.range.end, &mut batch, &mut tally)?;
                if let Some(Stop::Damaged(_)) = stop {
                    break;
                }
            }
            Part::Gap(gap) => {
                tally.add_gap(gap);
                scanner.tell(gap.range.end);
                salvage.unknown_bytes += gap.range.end - gap.range.start;
                salvage.gaps.push(describe(gap));
            }
        }
    }
    let stop = match (stop, survey.parts.into_iter().next_back()) {
        (Some(stop), _) => stop,
        (None, Some(Part::Gap(gap))) => Stop::Damaged(gap.error),
        (None, _) => return mapped::scan(source, bytes, reading, progress, scanner.sink),
    };
    let behind = match &stop {
        Stop::Ended(end) => mapped::behind(source, bytes, end),
        Stop::Damaged(_) => Behind::judge(&[], 0, source.wrapping()),
    };
    let outcome = Outcome {
        checksum: match (&stop, survey.checksum) {
            (Stop::Damaged(_), _) => Checksum::NotReached,
            (Stop::Ended(_), Some((stored, computed))) => Checksum::Wrong { stored, computed },
            (Stop::Ended(end), None) => super::check::verdict(end, || 0),
        },
        bytes: bytes.len() as u64,
        behind,
        stop,
        failure: None,
        layers: super::layers::layers(source, &[], bytes.len() as u64, None),
        changed: has_changed(source),
        salvage: Some(salvage),
    };
    Ok(tally.finish(&outcome, options))
}

fn describe(gap: &Found) -> Gap {
    let lost = |key: &salvage::LostKey| LostKey {
        db: key.db,
        key: KeyName(key.name.clone()),
    };
    Gap {
        offset: gap.range.start,
        bytes: gap.range.end - gap.range.start,
        message: gap.error.to_string(),
        keys_missing: gap.keys_missing,
        lost_keys: match &gap.touched {
            Touched::Keys(keys) => keys.iter().map(lost).collect(),
            _ => gap.suspects.iter().map(lost).collect(),
        },
        touches: match &gap.touched {
            Touched::Keys(keys) => {
                Touch::Slots(keys.iter().map(|key| Slot::of_key(&key.name)).collect())
            }
            Touched::Slots(first, last) => Touch::Slots(slots(*first, *last)),
            Touched::Any => Touch::Any,
        },
        repair: gap.repair.as_ref().map(|repair| Repair {
            offset: repair.offset,
            bytes: repair.bytes.clone(),
        }),
    }
}

fn slots(first: u64, last: u64) -> SlotSet {
    let between = |slot: &Slot| (first..=last).contains(&u64::from(slot.number()));
    Slot::all().filter(between).collect()
}
