//! What comes out of a damaged snapshot, compared with what was in it.

use std::collections::{BTreeMap, BTreeSet};

use preshard_parser::salvage::{Gap, LostKey, Part, Surroundings, Survey, Touched};
use preshard_parser::salvage::{steps_max, survey};
use preshard_parser::{Detail, RdbReader, RecordKind, ValueFacts};

/// All that a reader is told of a key.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    expires_at_ms: Option<i64>,
    idle_s: Option<u64>,
    freq: Option<u8>,
    payload_bytes: u64,
    facts: ValueFacts,
}

impl Told {
    pub fn expires(&self) -> bool {
        self.expires_at_ms.is_some()
    }
}

/// Database and name.
pub type Name = (u64, Vec<u8>);

pub type Keys = BTreeMap<Name, Told>;

pub type SlotOf<'s> = &'s (dyn Fn(&[u8]) -> u64 + Sync);

/// What became of the keys of a damaged file.
pub struct Outcome {
    /// Keys that came out and never were in the file, or came out twice.
    pub invented: Vec<Name>,
    /// Keys that were not damaged and came out with other facts.
    pub altered: Vec<Name>,
    /// Keys that were not damaged and did not come out.
    pub lost: Vec<Name>,
    /// Keys that did not come out, and that no gap says to be touched.
    pub unannounced: Vec<Name>,
    /// Keys that did not come out, damaged or not.
    pub missing: u64,
    pub survey: Survey,
}

impl Outcome {
    /// No key was made up, and those that came out are what they were.
    pub fn assert_true(&self, told: &str) {
        let invented = text(&self.invented);
        assert!(invented.is_empty(), "{told}: invented {invented:?}");
        let altered = text(&self.altered);
        assert!(altered.is_empty(), "{told}: altered {altered:?}");
    }

    /// Every key that did not come out may be missing by what a gap says.
    pub fn assert_announced(&self, told: &str) {
        let unannounced = text(&self.unannounced);
        assert!(
            unannounced.is_empty(),
            "{told}: unannounced {unannounced:?}"
        );
    }

    /// No key is missing but damaged ones.
    pub fn assert_none_lost(&self, told: &str) {
        let lost = text(&self.lost);
        assert!(lost.is_empty(), "{told}: lost {lost:?}");
    }

    /// The number of missing keys is right where it is told.
    pub fn assert_counted(&self, told: &str) {
        let known: Option<u64> = gaps(&self.survey).map(|gap| gap.keys_missing).sum();
        let is_right = known.is_none_or(|known| known == self.missing);
        assert!(is_right, "{told}: {known:?} of {}", self.missing);
    }
}

fn read(mut reader: RdbReader<'_>, until: u64, mut each: impl FnMut(Name, Told)) {
    while reader.offset() < until {
        let record = reader.next_record().expect("a sound part");
        if let RecordKind::Entry(entry) = record.expect("its records").kind {
            let name = entry.key.bytes().expect("a sound name").into_owned();
            let told = Told {
                expires_at_ms: entry.expires_at_ms,
                idle_s: entry.idle_s,
                freq: entry.freq,
                payload_bytes: entry.payload_bytes(),
                facts: entry.measure(Detail::Counts).expect("a sound value"),
            };
            each((entry.db, name), told);
        }
    }
    assert_eq!(reader.offset(), until, "a part ends with a record");
}

/// The keys of a sound snapshot.
pub fn whole(bytes: &[u8]) -> Keys {
    let mut keys = Keys::new();
    let reader = RdbReader::new(bytes).expect("a header");
    read(reader, bytes.len() as u64, |name, told| {
        assert!(keys.insert(name, told).is_none(), "names are distinct");
    });
    keys
}

pub fn look(bytes: &[u8], slot_of: SlotOf<'_>) -> Survey {
    let surroundings = Surroundings {
        detail: Detail::Counts,
        slot_of,
        may_follow: &|_| false,
    };
    let survey = survey(bytes, surroundings).expect("a header");
    assert!(survey.steps <= steps_max(bytes.len() as u64));
    survey
}

pub fn gaps(survey: &Survey) -> impl Iterator<Item = &Gap> {
    survey.parts.iter().filter_map(|part| match part {
        Part::Gap(gap) => Some(gap),
        Part::Sound(_) => None,
    })
}

/// The keys that come out of the sound parts, and those of them that come out again.
fn salvaged(bytes: &[u8], survey: &Survey) -> (Keys, Vec<Name>) {
    let (mut keys, mut again) = (Keys::new(), Vec::new());
    let mut at = 9;
    for part in &survey.parts {
        let range = match part {
            Part::Sound(sound) => {
                let reader = sound.reader(bytes, Detail::Counts);
                read(reader, sound.range.end, |name, told| {
                    if keys.insert(name.clone(), told).is_some() {
                        again.push(name);
                    }
                });
                &sound.range
            }
            Part::Gap(gap) => &gap.range,
        };
        assert_eq!(range.start, at, "parts are neighbours");
        at = range.end;
    }
    assert_eq!(at, bytes.len() as u64, "parts make up the file");
    (keys, again)
}

/// What comes out of a damaged file; of the keys in `damaged` anything may.
pub fn compare(
    truth: &Keys,
    damaged: &BTreeSet<Name>,
    bytes: &[u8],
    slot_of: SlotOf<'_>,
) -> Outcome {
    let survey = look(bytes, slot_of);
    let (found, mut invented) = salvaged(bytes, &survey);
    let unknown = found.keys().filter(|name| !truth.contains_key(*name));
    invented.extend(unknown.cloned());
    let differ = |name: &Name| {
        let (was, is) = (truth.get(name), found.get(name));
        is.is_some() && was.is_some() && was != is
    };
    let sound = || truth.keys().filter(|name| !damaged.contains(*name));
    let missing = || truth.keys().filter(|name| !found.contains_key(*name));
    let is_announced = |(db, name): &Name| {
        gaps(&survey).any(|gap| match &gap.touched {
            Touched::Any => true,
            Touched::Slots(first, last) => (*first..=*last).contains(&slot_of(name)),
            Touched::Keys(keys) => {
                let is_it = |key: &LostKey| key.db == *db && *key.name == **name;
                keys.iter().any(is_it)
            }
        })
    };
    Outcome {
        altered: sound().filter(|name| differ(name)).cloned().collect(),
        lost: missing()
            .filter(|name| !damaged.contains(*name))
            .cloned()
            .collect(),
        unannounced: missing()
            .filter(|name| !is_announced(name))
            .cloned()
            .collect(),
        missing: missing().count() as u64,
        invented,
        survey,
    }
}

/// Names, as text.
pub fn text(names: &[Name]) -> Vec<String> {
    let text = |(db, name): &Name| format!("db {db} {}", name.escape_ascii());
    names.iter().map(text).collect()
}
