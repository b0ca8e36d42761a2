//! One damaged value in random files, whatever the values hold: whole snapshots, cut ones, runs of entries.

use std::collections::BTreeSet;

use preshard_parser::salvage::Touched;
use preshard_parser::{RdbReader, RecordKind};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

use crate::made::{File, any_file, slot_of};
use crate::outcome::{Name, Outcome, compare, gaps, look, text, whole};
use crate::overwritten::{Damage, Overwrite, any_damage};

const CASES: u64 = 1_000;

fn outcome(file: &File, damage: &Damage) -> Option<Outcome> {
    let (mut bytes, values) = file.encode();
    let truth = whole(&bytes);
    let name = name_at(&bytes, damage.apply(&mut bytes.clone(), &values)?);
    damage.apply(&mut bytes, &values)?;
    Some(compare(&truth, &BTreeSet::from([name]), &bytes, &slot_of))
}

/// The key of a number.
fn name_at(bytes: &[u8], number: usize) -> Name {
    let mut reader = RdbReader::new(bytes).expect("a header");
    let records = std::iter::from_fn(|| reader.next_record().expect("sound"));
    let mut entries = records.filter_map(|record| match record.kind {
        RecordKind::Entry(entry) => Some(entry),
        _ => None,
    });
    let entry = entries.nth(number).expect("a key");
    (entry.db, entry.key.bytes().expect("a name").into_owned())
}

/// Files and damages drawn from a seed, and what came of them.
fn cases() -> impl Iterator<Item = (u64, File, Damage, Outcome)> {
    let mut runner = TestRunner::new_with_rng(
        ProptestConfig::default(),
        TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]),
    );
    (0..CASES).filter_map(move |case| {
        let (file, damage) = (any_file(), any_damage())
            .new_tree(&mut runner)
            .expect("a case")
            .current();
        let outcome = outcome(&file, &damage)?;
        Some((case, file, damage, outcome))
    })
}

#[test]
fn one_damaged_value_never_makes_a_key_up() {
    let mut with_gaps = 0;
    for (case, _, damage, outcome) in cases() {
        let told = format!("case {case}, {:?}", damage.with);
        outcome.assert_true(&told);
        outcome.assert_announced(&told);
        outcome.assert_counted(&told);
        with_gaps += u64::from(gaps(&outcome.survey).next().is_some());
    }
    assert!(with_gaps > 300, "{with_gaps} cases with gaps");
}

/// The checksum locates one changed byte, whatever it was part of.
#[test]
fn one_changed_byte_costs_no_other_key_where_there_is_a_checksum() {
    let mut judged = 0;
    for (case, file, damage, outcome) in cases() {
        if file.checksum && matches!(damage.with, Overwrite::Byte(_)) {
            judged += 1;
            assert!(
                outcome.lost.is_empty(),
                "case {case}: {:?}",
                text(&outcome.lost)
            );
        }
    }
    assert!(judged > 200, "{judged} cases judged");
}

/// Counts are claims: several of the largest number there is, none of them borne out.
#[test]
fn counts_may_claim_any_number() {
    let most = [&[0x81][..], &u64::MAX.to_be_bytes()].concat();
    let totals = [&[0xf4][..], &[5], &most, &[0]].concat();
    for header in ["REDIS0011", "REDIS0012"] {
        let mut bytes = header.as_bytes().to_vec();
        for db in 0..3 {
            bytes.extend([0xfe, db, 0xfb]);
            bytes.extend([&most[..], &[0]].concat());
            if header == "REDIS0012" {
                bytes.extend(&totals);
            }
            bytes.extend([0, 1, b'k', 1, b'v']);
        }
        bytes.push(0xff);
        bytes.extend([0; 8]);
        let survey = look(&bytes, &|_| 5);
        assert!(gaps(&survey).next().is_some(), "{header}");
        assert!(
            gaps(&survey).all(|gap| gap.touched == Touched::Any),
            "{header}"
        );
    }
}
