//! Hash templates of Redis 8.10 that damage has changed or hidden: hashes that refer to one must not be read with
//! another, or with none.

#[path = "../assembled/mod.rs"]
mod assembled;

use std::collections::BTreeSet;

use assembled::{Lp, entry, len, listpack, str};
use preshard_parser::crc64;

use crate::outcome::{Outcome, compare, gaps, text, whole};

const TEMPLATES: &[(u8, &[&str])] = &[
    (0, &["name", "email"]),
    (1, &["age", "mail", "name"]),
    (5, &["city", "street"]),
];

/// A file that counts its keys, and where its templates lie.
fn snapshot(checksum: bool) -> (Vec<u8>, std::ops::Range<usize>) {
    let mut bytes = b"REDIS0015\xfe\x00\xfb".to_vec();
    bytes.extend([len(24), len(0)].concat());
    let begin = bytes.len();
    for (id, names) in TEMPLATES {
        let count = names.len() as u8;
        let names: Vec<u8> = names.iter().flat_map(str).collect();
        bytes.extend([&[242, *id, count], &names[..]].concat());
    }
    let templates = begin..bytes.len();
    for number in 0..8 {
        let (id, names) = TEMPLATES[number % TEMPLATES.len()];
        let values: Vec<String> = names
            .iter()
            .map(|name| format!("{name} of {number}"))
            .collect();
        let mut packed = vec![Lp::Small(id)];
        packed.extend(values.iter().map(|value| Lp::Str(value.as_bytes())));
        let one_by_one: Vec<u8> = values.iter().flat_map(str).collect();
        bytes.extend(entry(
            30,
            &format!("packed:{number}"),
            &str(listpack(&packed)),
        ));
        bytes.extend(entry(
            32,
            &format!("listed:{number}"),
            &[vec![id], one_by_one].concat(),
        ));
        bytes.extend(entry(
            0,
            &format!("string:{number}"),
            &str(format!("text {number}")),
        ));
    }
    bytes.push(0xff);
    let sum = if checksum { crc64::checksum(&bytes) } else { 0 };
    bytes.extend(sum.to_le_bytes());
    (bytes, templates)
}

fn slot_of(_: &[u8]) -> u64 {
    0
}

/// Every byte of the templates set to several others: nothing is made up, and no hash is read as it was not written.
fn sweep(checksum: bool, mut each: impl FnMut(&str, &Outcome)) {
    let (sound, templates) = snapshot(checksum);
    let truth = whole(&sound);
    assert_eq!(truth.len(), 24);
    for at in templates {
        for changed in [0, 0xff, sound[at] ^ 1, sound[at] ^ 4, sound[at] ^ 0x40] {
            let mut bytes = sound.clone();
            bytes[at] = changed;
            if bytes != sound {
                let told = format!("{changed:#x} at {at}");
                each(&told, &compare(&truth, &BTreeSet::new(), &bytes, &slot_of));
            }
        }
    }
}

#[test]
fn hashes_of_a_damaged_template_are_not_misread() {
    let mut with_gaps = 0;
    sweep(false, |told, outcome| {
        outcome.assert_true(told);
        outcome.assert_announced(told);
        with_gaps += u64::from(gaps(&outcome.survey).next().is_some());
    });
    assert!(with_gaps > 50, "{with_gaps} damages that show");
}

/// The checksum tells what the template was.
#[test]
fn a_template_that_the_checksum_repairs_costs_no_hash() {
    sweep(true, |told, outcome| {
        outcome.assert_true(told);
        outcome.assert_none_lost(told);
        assert_eq!(gaps(&outcome.survey).count(), 1, "{told}");
    });
}

/// A template that is gone altogether.
#[test]
fn hashes_without_their_template_are_not_misread() {
    let (sound, templates) = snapshot(false);
    let truth = whole(&sound);
    let first = templates.start..templates.start + 14;
    assert_eq!(
        &sound[first.end..first.end + 2],
        [242, 1],
        "the second template"
    );
    let mut cut = sound.clone();
    cut.drain(first.clone());
    let mut zeroed = sound.clone();
    zeroed[first].fill(0);
    for bytes in [cut, zeroed] {
        let outcome = compare(&truth, &BTreeSet::new(), &bytes, &slot_of);
        assert!(outcome.invented.is_empty(), "{:?}", text(&outcome.invented));
        assert!(outcome.altered.is_empty(), "{:?}", text(&outcome.altered));
        assert!(
            outcome.unannounced.is_empty(),
            "{:?}",
            text(&outcome.unannounced)
        );
        assert!(outcome.missing >= 6, "hashes of template 0 cannot be read");
    }
}
