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
        let record = reader.next_record().expect("a sound part").expect("its records");
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

fn look(bytes: &[u8]) -> Survey {
    let surroundings = Surroundings {
        detail: Detail::Counts,
        slot_of: &slot_of,
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
                read(sound.reader(bytes, Detail::Counts), sound.range.end, &mut keys);
                &sound.range
            }
            Part::Gap(gap) => &gap.range,
        };
        assert!(range.start >= at && range.end <= bytes.len() as u64, "parts are in order");
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
    let survey = look(&bytes);
    let found = salvaged(&bytes, &survey);
    let is_true = |offset: &u64, told: &Told| match truth.get(offset) {
        Some(key) if *offset == damaged => key.name == told.name && key.db == told.db,
        Some(key) => key == told,
        None => false,
    };
    let invented = found.iter().filter(|(offset, told)| !is_true(offset, told));
    let lost = truth
        .iter()
        .filter(|(offset, _)| **offset != damaged && !found.contains_key(offset));
    Some(Outcome {
        invented: invented.map(|(_, told)| told.clone()).collect(),
        lost: lost.map(|(_, told)| told.clone()).collect(),
        survey,
    })
}

/// Many cases, and how many of each kind went wrong: `SALVAGE_CASES=100000 cargo test --release -p
/// preshard-parser --test salvage rates -- --nocapture`.
#[test]
fn rates() {
    let Ok(cases) = std::env::var("SALVAGE_CASES") else {
        return;
    };
    let seed = std::env::var("SALVAGE_SEED").map_or(1, |seed| seed.parse().expect("a number"));
    let shown: usize = std::env::var("SALVAGE_SHOWN").map_or(3, |n| n.parse().expect("a number"));
    let mut rng = [0u8; 32];
    rng[..8].copy_from_slice(&u64::to_le_bytes(seed));
    let mut runner = TestRunner::new_with_rng(
        ProptestConfig::default(),
        TestRng::from_seed(RngAlgorithm::ChaCha, &rng),
    );
    let mut rows: BTreeMap<(bool, bool, bool, bool, bool), [u64; 6]> = BTreeMap::new();
    let mut printed = [0; 2];
    for case in 0..cases.parse::<u64>().expect("a number") {
        let (file, damage) = (any_file(), any_damage())
            .new_tree(&mut runner)
            .expect("a case")
            .current();
        let Some(outcome) = outcome(&file, &damage) else {
            continue;
        };
        let wide = !matches!(damage.with, damaged::Overwrite::Byte(_));
        let row = rows
            .entry((file.is_hostile(), file.counts, file.sections, file.checksum, wide))
            .or_default();
        row[0] += 1;
        row[1] += u64::from(gaps(&outcome.survey).next().is_some());
        row[2] += u64::from(!outcome.invented.is_empty());
        row[3] += u64::from(!outcome.lost.is_empty());
        row[4] += outcome.lost.len() as u64;
        row[5] += file.databases.iter().map(Vec::len).sum::<usize>() as u64;
        let show = |what: &str, keys: &[Told]| {
            println!("case {case}: {what} {:?}", keys.iter().map(|told| told.name.escape_ascii().to_string()).collect::<Vec<_>>());
            for gap in gaps(&outcome.survey) {
                println!("  gap {:?} {:?} {:?}: {}", gap.range, gap.keys_missing, gap.touched, gap.error);
            }
            let (mut bytes, values) = file.encode();
            let truth = whole(&bytes);
            let at = damage.apply(&mut bytes, &values).expect("damaged");
            println!("  counts {} sections {} checksum {} {:?}, {} bytes", file.counts, file.sections, file.checksum, file.policy, bytes.len());
            let all: Vec<&damaged::Key> = file.databases.iter().flatten().collect();
            for (number, (offset, told)) in truth.iter().enumerate() {
                let mark = if number == at { "*" } else { " " };
                let content = all.get(number).map(|key| format!("{:?}", key.content)).unwrap_or_default();
                println!("  {mark}{offset} db {} {:?} {:?} value {:?}: {:.60}", told.db, told.name.escape_ascii().to_string(), told.facts.encoding, values[number], content);
            }
            let around = values[at].start.saturating_sub(20)..(values[at].end + 10).min(values[at].start + 150).min(bytes.len());
            println!("  {:?} now {}", damage.with, bytes[around].escape_ascii());
        };
        if (file.counts || file.sections) && !outcome.invented.is_empty() && printed[0] < shown {
            printed[0] += 1;
            show("INVENTED", &outcome.invented);
        }
        let only_plain = std::env::var_os("SALVAGE_PLAIN").is_none() || !file.is_hostile();
        if only_plain && (file.counts || file.sections) && !outcome.lost.is_empty() && printed[1] < shown {
            printed[1] += 1;
            show("LOST", &outcome.lost);
        }
    }
    println!("hostile counts sections checksum wide: cases, with gaps, inventing, losing, keys lost, keys");
    for ((hostile, counts, sections, checksum, wide), row) in rows {
        println!("{hostile:5} {counts:5} {sections:5} {checksum:5} {wide:5}: {row:?}");
    }
}
