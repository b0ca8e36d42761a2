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
            .entry((
                file.is_hostile(),
                file.counts,
                file.sections,
                file.checksum,
                wide,
            ))
            .or_default();
        row[0] += 1;
        row[1] += u64::from(gaps(&outcome.survey).next().is_some());
        row[2] += u64::from(!outcome.invented.is_empty());
        row[3] += u64::from(!outcome.lost.is_empty());
        row[4] += outcome.lost.len() as u64;
        row[5] += file.databases.iter().map(Vec::len).sum::<usize>() as u64;
        let show = |what: &str, keys: &[Told]| {
            println!(
                "case {case}: {what} {:?}",
                keys.iter()
                    .map(|told| told.name.escape_ascii().to_string())
                    .collect::<Vec<_>>()
            );
            for gap in gaps(&outcome.survey) {
                println!(
                    "  gap {:?} {:?} {:?}: {}",
                    gap.range, gap.keys_missing, gap.touched, gap.error
                );
            }
            let (mut bytes, values) = file.encode();
            let truth = whole(&bytes);
            let at = damage.apply(&mut bytes, &values).expect("damaged");
            println!(
                "  counts {} sections {} checksum {} {:?}, {} bytes",
                file.counts,
                file.sections,
                file.checksum,
                file.policy,
                bytes.len()
            );
            let all: Vec<&damaged::Key> = file.databases.iter().flatten().collect();
            for (number, (offset, told)) in truth.iter().enumerate() {
                let mark = if number == at { "*" } else { " " };
                let content = all
                    .get(number)
                    .map(|key| format!("{:?}", key.content))
                    .unwrap_or_default();
                println!(
                    "  {mark}{offset} db {} {:?} {:?} value {:?}: {:.60}",
                    told.db,
                    told.name.escape_ascii().to_string(),
                    told.facts.encoding,
                    values[number],
                    content
                );
            }
            let around = values[at].start.saturating_sub(20)
                ..(values[at].end + 10)
                    .min(values[at].start + 150)
                    .min(bytes.len());
            println!("  {:?} now {}", damage.with, bytes[around].escape_ascii());
        };
        if (file.counts || file.sections) && !outcome.invented.is_empty() && printed[0] < shown {
            printed[0] += 1;
            show("INVENTED", &outcome.invented);
        }
        let only_plain = std::env::var_os("SALVAGE_PLAIN").is_none() || !file.is_hostile();
        if only_plain
            && (file.counts || file.sections)
            && !outcome.lost.is_empty()
            && printed[1] < shown
        {
            printed[1] += 1;
            show("LOST", &outcome.lost);
        }
    }
    println!(
        "hostile counts sections checksum wide: cases, with gaps, inventing, losing, keys lost, keys"
    );
    for ((hostile, counts, sections, checksum, wide), row) in rows {
        println!("{hostile:5} {counts:5} {sections:5} {checksum:5} {wide:5}: {row:?}");
    }
}

const FIXTURES: [&str; 22] = [
    "redict-7.3/hashes.rdb",
    "redis-3.2.13/multidb.rdb",
    "redis-4.0.14/lfu.rdb",
    "redis-5.0.14/streams.rdb",
    "redis-6.2/lists.rdb",
    "redis-6.2/lru.rdb",
    "redis-7.0/keys.rdb",
    "redis-7.0/module.rdb",
    "redis-7.0/mix.rdb",
    "redis-7.2.6/streams.rdb",
    "redis-7.4.1/cluster.rdb",
    "redis-7.4.1/hfe.rdb",
    "redis-8.0/vectorset.rdb",
    "redis-8.6/hfe.rdb",
    "redis-8.6/mix.rdb",
    "redis-8.6/streams.rdb",
    "redis-8.6/sets.rdb",
    "valkey-8.0/cluster.rdb",
    "valkey-9.1/hfe.rdb",
    "valkey-9.1/module.rdb",
    "valkey-9.1/mix.rdb",
    "valkey-9.1/cluster.rdb",
];

#[test]
fn rates_of_several() {
    let Ok(cases) = std::env::var("SALVAGE_SEVERAL") else {
        return;
    };
    let mut runner = TestRunner::new_with_rng(
        ProptestConfig::default(),
        TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]),
    );
    let mut rows: BTreeMap<(usize, bool, bool, bool), [u64; 6]> = BTreeMap::new();
    let mut shown = 0;
    for case in 0..cases.parse::<u64>().expect("a number") {
        let count = 2 + (case % 2) as usize;
        let mut file = any_file().new_tree(&mut runner).expect("file").current();
        if std::env::var_os("SALVAGE_SINGLE").is_some() {
            let all: Vec<damaged::Key> = file.databases.iter().flatten().cloned().collect();
            file.databases = vec![all];
        }
        let damages = proptest::collection::vec(any_damage(), count)
            .new_tree(&mut runner)
            .expect("damages")
            .current();
        let (mut bytes, values) = file.encode();
        let truth = whole(&bytes);
        let mut damaged: Vec<u64> = Vec::new();
        for damage in &damages {
            if let Some(at) = damage.apply(&mut bytes, &values) {
                damaged.push(*truth.keys().nth(at).expect("key"));
            }
        }
        damaged.sort();
        damaged.dedup();
        if damaged.len() < 2 {
            continue;
        }
        let outcome = compare(&truth, &damaged, &bytes, &slot_of);
        let row = rows
            .entry((damaged.len(), file.is_hostile(), file.counts, file.sections))
            .or_default();
        row[0] += 1;
        row[1] += u64::from(gaps(&outcome.survey).next().is_some());
        row[2] += u64::from(!outcome.invented.is_empty());
        row[3] += u64::from(!outcome.lost.is_empty());
        row[4] += outcome.lost.len() as u64;
        row[5] += truth.len() as u64;
        if !outcome.invented.is_empty()
            && file.counts
            && shown < 6
            && gaps(&outcome.survey).any(|gap| !gap.range.is_empty())
        {
            shown += 1;
            println!(
                "case {case}: INVENTED {:?} damaged {damaged:?}",
                outcome
                    .invented
                    .iter()
                    .map(|told| told.name.escape_ascii().to_string())
                    .collect::<Vec<_>>()
            );
            for gap in gaps(&outcome.survey) {
                println!(
                    "  gap {:?} {:?} {:?}: {}",
                    gap.range, gap.keys_missing, gap.touched, gap.error
                );
            }
            println!(
                "  counts {} sections {} checksum {} {:?}, {} bytes",
                file.counts,
                file.sections,
                file.checksum,
                file.policy,
                bytes.len()
            );
            for (number, (offset, told)) in truth.iter().enumerate() {
                println!(
                    "  {}{offset} db {} {:?} {:?} value {:?} {}",
                    if damaged.contains(offset) { "*" } else { " " },
                    told.db,
                    told.name.escape_ascii().to_string(),
                    told.facts.encoding,
                    values[number],
                    told.expires_at_ms.is_some()
                );
            }
        }
    }
    println!(
        "damaged hostile counts sections: cases, with gaps, inventing, losing, keys lost, keys"
    );
    for (key, row) in rows {
        println!("{key:?}: {row:?}");
    }
}

#[test]
fn look_at_one() {
    let Ok(which) = std::env::var("SALVAGE_ONE") else {
        return;
    };
    let words: Vec<&str> = which.split(' ').collect();
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fixtures/servers")
        .join(words[0]);
    let mut bytes = std::fs::read(&path).expect("read");
    let end = bytes.len() - 8;
    bytes[end..].fill(0);
    let (from, to, with): (usize, usize, &str) = (
        words[1].parse().unwrap(),
        words[2].parse().unwrap(),
        words[3],
    );
    for at in from..to {
        match with.strip_prefix('^') {
            Some(bits) => bytes[at] ^= bits.parse::<u8>().unwrap(),
            None => bytes[at] = with.parse().unwrap(),
        }
    }
    let survey = look_with(&bytes, &redis_slot);
    for part in &survey.parts {
        println!("{part:?}");
    }
}

#[test]
fn rates_fixtures() {
    if std::env::var_os("SALVAGE_CASES").is_none() {
        return;
    }
    let only = std::env::var("SALVAGE_ONLY").unwrap_or_default();
    for name in FIXTURES.iter().filter(|name| name.contains(&only)) {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../fixtures/servers")
            .join(name);
        let Ok(sound) = std::fs::read(&path) else {
            println!("no {name}");
            continue;
        };
        let truth = whole(&sound);
        for keep_checksum in [true, false] {
            let mut rows = [0u64; 5];
            let mut shown = 0;
            let every = 1 + truth.len() / 150;
            for (at, told) in truth.iter().step_by(every) {
                let mut reader = RdbReader::new(&sound).expect("header");
                let value = loop {
                    let record = reader.next_record().expect("sound").expect("record");
                    if let RecordKind::Entry(entry) = record.kind
                        && entry.offset == *at
                    {
                        break entry.value_offset as usize
                            ..(entry.value_offset + entry.value.stored_bytes()) as usize;
                    }
                };
                for place in [0, 1, 2, 5, value.len() / 2, value.len() - 1] {
                    for change in 0..6 {
                        if place >= value.len() {
                            continue;
                        }
                        let mut bytes = sound.clone();
                        if !keep_checksum {
                            let end = bytes.len() - 8;
                            bytes[end..].fill(0);
                        }
                        let from = value.start + place;
                        match change {
                            0 => bytes[from] ^= 1,
                            1 => bytes[from] ^= 0x80,
                            2 => bytes[from] = 0,
                            3 => bytes[from] = 0xff,
                            4 => {
                                let to = (from + 6).min(value.end);
                                bytes[from..to].fill(0x5a);
                            }
                            _ => {
                                let to = (from + 60).min(value.end);
                                bytes[from..to].fill(0);
                            }
                        }
                        if bytes[value.clone()] == sound[value.clone()] {
                            continue;
                        }
                        let outcome = compare(&truth, &[*at], &bytes, &redis_slot);
                        rows[0] += 1;
                        rows[1] += u64::from(gaps(&outcome.survey).next().is_some());
                        rows[2] += u64::from(!outcome.invented.is_empty());
                        rows[3] += u64::from(!outcome.lost.is_empty());
                        rows[4] += outcome.lost.len() as u64;
                        if (!outcome.invented.is_empty()
                            || outcome.lost.len()
                                > std::env::var("SALVAGE_LOST").map_or(2, |n| n.parse().unwrap()))
                            && shown < 4
                        {
                            shown += 1;
                            println!(
                                "{name} value {value:?} of {:?} place {place} change {change}: invented {:?} lost {} of {}",
                                told.name.escape_ascii().to_string(),
                                outcome
                                    .invented
                                    .iter()
                                    .map(|t| t.name.escape_ascii().to_string())
                                    .collect::<Vec<_>>(),
                                outcome.lost.len(),
                                truth.len()
                            );
                            for gap in gaps(&outcome.survey) {
                                println!(
                                    "  gap {:?} {:?} {}",
                                    gap.range, gap.keys_missing, gap.error
                                );
                            }
                        }
                    }
                }
            }
            println!("{name:28} {keep_checksum}: {rows:?}");
        }
    }
}

/// The slot of a key, by its definition.
fn redis_slot(key: &[u8]) -> u64 {
    let tag = key.iter().position(|&byte| byte == b'{').and_then(|open| {
        let rest = &key[open + 1..];
        let close = rest.iter().position(|&byte| byte == b'}')?;
        (close > 0).then(|| &rest[..close])
    });
    damaged::crc16(tag.unwrap_or(key)) & 16_383
}
