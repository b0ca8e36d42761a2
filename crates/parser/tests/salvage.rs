//! What is kept of damaged snapshots, and what must never come out of them.

mod damaged;

use std::collections::BTreeMap;

use damaged::{Damage, File, any_damage, any_file, slot_of};
use preshard_parser::salvage::{Gap, Part, Surroundings, Survey, survey};
use preshard_parser::{Detail, RdbReader, RecordKind, ValueFacts};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

/// All that a reader is told of a key, by where it lies.
#[derive(Debug, Clone, PartialEq)]
struct Told {
    db: u64,
    name: Vec<u8>,
    expires_at_ms: Option<i64>,
    idle_s: Option<u64>,
    freq: Option<u8>,
    payload_bytes: u64,
    facts: ValueFacts,
}

type Keys = BTreeMap<u64, Told>;

fn read(mut reader: RdbReader<'_>, until: u64, keys: &mut Keys) {
    while reader.offset() < until {
        let record = reader
            .next_record()
            .expect("a sound part")
            .expect("its records");
        let RecordKind::Entry(entry) = record.kind else {
            continue;
        };
        let told = Told {
            db: entry.db,
            name: entry.key.bytes().expect("a sound name").into_owned(),
            expires_at_ms: entry.expires_at_ms,
            idle_s: entry.idle_s,
            freq: entry.freq,
            payload_bytes: entry.payload_bytes(),
            facts: entry.measure(Detail::Counts).expect("a sound value"),
        };
        keys.insert(entry.offset, told);
    }
}

fn whole(bytes: &[u8]) -> Keys {
    let mut keys = Keys::new();
    let reader = RdbReader::new(bytes).expect("a header");
    read(reader, bytes.len() as u64, &mut keys);
    keys
}

fn look_with(bytes: &[u8], slot_of: &(dyn Fn(&[u8]) -> u64 + Sync)) -> Survey {
    let surroundings = Surroundings {
        detail: Detail::Counts,
        slot_of,
        may_follow: &|_| false,
    };
    survey(bytes, surroundings).expect("a header")
}

fn salvaged(bytes: &[u8], survey: &Survey) -> Keys {
    let mut keys = Keys::new();
    let mut at = 0;
    for part in &survey.parts {
        let range = match part {
            Part::Sound(sound) => {
                read(
                    sound.reader(bytes, Detail::Counts),
                    sound.range.end,
                    &mut keys,
                );
                &sound.range
            }
            Part::Gap(gap) => &gap.range,
        };
        assert!(
            range.start >= at && range.end <= bytes.len() as u64,
            "parts are in order"
        );
        at = range.end;
    }
    keys
}

fn gaps(survey: &Survey) -> impl Iterator<Item = &Gap> {
    survey.parts.iter().filter_map(|part| match part {
        Part::Gap(gap) => Some(gap),
        Part::Sound(_) => None,
    })
}

/// What became of the keys of a damaged file.
struct Outcome {
    /// Keys that came out and are none, or not as they were.
    invented: Vec<Told>,
    /// Keys other than the damaged one that did not come out.
    lost: Vec<Told>,
    survey: Survey,
}

fn outcome(file: &File, damage: &Damage) -> Option<Outcome> {
    let (mut bytes, values) = file.encode();
    let truth = whole(&bytes);
    let damaged = damage.apply(&mut bytes, &values)?;
    let damaged = *truth.keys().nth(damaged).expect("the damaged key");
    Some(compare(&truth, &[damaged], &bytes, &slot_of))
}

/// What comes out of the damaged bytes of a file, compared with what was in it; keys whose values were damaged need
/// not come out, and may come out with other facts.
fn compare(
    truth: &Keys,
    damaged: &[u64],
    bytes: &[u8],
    slot_of: &(dyn Fn(&[u8]) -> u64 + Sync),
) -> Outcome {
    let survey = look_with(bytes, slot_of);
    let found = salvaged(bytes, &survey);
    let is_true = |offset: &u64, told: &Told| match truth.get(offset) {
        Some(key) if damaged.contains(offset) => key.name == told.name && key.db == told.db,
        Some(key) => key == told,
        None => false,
    };
    let invented = found.iter().filter(|(offset, told)| !is_true(offset, told));
    let lost = truth
        .iter()
        .filter(|(offset, _)| !damaged.contains(offset) && !found.contains_key(offset));
    Outcome {
        invented: invented.map(|(_, told)| told.clone()).collect(),
        lost: lost.map(|(_, told)| told.clone()).collect(),
        survey,
    }
}

/// Files and damages drawn from a seed, and what came of them.
fn cases(number: u64) -> impl Iterator<Item = (u64, File, Damage, Outcome)> {
    let mut runner = TestRunner::new_with_rng(
        ProptestConfig::default(),
        TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]),
    );
    (0..number).filter_map(move |case| {
        let (file, damage) = (any_file(), any_damage())
            .new_tree(&mut runner)
            .expect("a case")
            .current();
        let outcome = outcome(&file, &damage)?;
        Some((case, file, damage, outcome))
    })
}

fn names(keys: &[Told]) -> Vec<String> {
    keys.iter()
        .map(|told| told.name.escape_ascii().to_string())
        .collect()
}

/// Whatever the values hold (whole snapshots, cut ones, runs of entries), with counts in the file or without.
#[test]
fn one_damaged_value_never_makes_a_key_up() {
    let mut with_gaps = 0;
    for (case, _, damage, outcome) in cases(1_000) {
        assert!(
            outcome.invented.is_empty(),
            "case {case}, {:?}: {:?}",
            damage.with,
            names(&outcome.invented)
        );
        with_gaps += u64::from(gaps(&outcome.survey).next().is_some());
    }
    assert!(with_gaps > 300, "{with_gaps} cases with gaps");
}

/// The checksum locates one changed byte, whatever it was part of. Where a file has none, its counts tell, unless values
/// hold entries themselves.
#[test]
fn one_changed_byte_costs_no_other_key() {
    let mut judged = 0;
    for (case, file, damage, outcome) in cases(1_000) {
        let is_byte = matches!(damage.with, damaged::Overwrite::Byte(_));
        if is_byte && (file.checksum || (file.counts && !file.is_hostile())) {
            judged += 1;
            assert!(
                outcome.lost.is_empty(),
                "case {case}, {:?}: {:?}",
                damage.with,
                names(&outcome.lost)
            );
        }
    }
    assert!(judged > 200, "{judged} cases judged");
}
