//! Damage to what real servers wrote.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use preshard_parser::salvage::{Gap, Touched};

use crate::anywhere::{Hit, Kind, Xorshift, damage};
use crate::made::crc16;
use crate::outcome::{Keys, Outcome, Told, compare, gaps, text, whole};

/// Blocks of a snapshot that are lost in turn, about so many of each size.
const BLOCKS_TRIED: usize = 12;

fn slot_of(key: &[u8]) -> u64 {
    let tag = || {
        let open = key.iter().position(|&byte| byte == b'{')?;
        let tag = &key[open + 1..];
        let close = tag.iter().position(|&byte| byte == b'}')?;
        Some(&tag[..close]).filter(|tag| !tag.is_empty())
    };
    crc16(tag().unwrap_or(key)) & 16_383
}

/// Snapshots that servers wrote, by name.
fn snapshots() -> BTreeMap<String, Vec<u8>> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures");
    let listed = |folder: PathBuf| {
        let files = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        files.map(|file| file.expect("an entry").path())
    };
    let mut folders: Vec<PathBuf> = listed(fixtures.join("servers")).collect();
    folders.push(fixtures.join("clusters/shop-3x"));
    let files = folders.into_iter().flat_map(listed);
    let snapshots = files.filter(|path| path.extension().is_some_and(|ext| ext == "rdb"));
    let all: BTreeMap<String, Vec<u8>> = snapshots
        .map(|path| {
            let bytes = fs::read(&path).expect("readable");
            let name = path.strip_prefix(&fixtures).expect("a fixture");
            (name.display().to_string(), bytes)
        })
        .collect();
    assert!(all.len() > 150, "{} snapshots", all.len());
    all
}

/// Without its checksum, where it has one.
fn unchecked(sound: &[u8]) -> Vec<u8> {
    let mut bytes = sound.to_vec();
    if has_checksum(sound) {
        let end = bytes.len() - 8;
        bytes[end..].fill(0);
    }
    bytes
}

fn version(sound: &[u8]) -> u32 {
    let digits = std::str::from_utf8(&sound[6..9]).expect("digits");
    digits.parse().expect("a number")
}

/// Since Redis 2.6.
fn has_checksum(sound: &[u8]) -> bool {
    version(sound) >= 5
}

/// Since Redis 3.2 a snapshot counts its keys, until 4.0 with expired ones that it leaves out.
fn counts_exactly(sound: &[u8], truth: &Keys) -> bool {
    match version(sound) {
        ..7 => false,
        7 | 8 => !truth.values().any(Told::expires),
        _ => true,
    }
}

/// Damaged fixtures: longer ones take longer, and are damaged less often.
fn cases(
    kinds: &[Kind],
    times: usize,
    mut each: impl FnMut(&str, &[u8], &Keys, &Hit, &dyn Fn() -> Outcome),
) {
    let mut random = Xorshift(0x0f5a_17a6_e5ee_d001);
    for (name, sound) in snapshots() {
        let times = match sound.len() {
            ..20_000 => times,
            20_000..100_000 => times.div_ceil(8),
            _ => usize::from(times > 4),
        };
        for sound in [sound.clone(), unchecked(&sound)] {
            let truth = whole(&sound);
            for _ in 0..times {
                let Some((bytes, hit)) = damage(&sound, kinds, &mut random) else {
                    continue;
                };
                let told = format!("{name}, {kinds:?}, {:?}", hit.ranges);
                each(&told, &sound, &truth, &hit, &|| {
                    compare(&truth, &hit.keys, &bytes, &slot_of)
                });
            }
        }
    }
}

/// Whatever was done to one value, no key is made up, and where the file counts its keys every one that does not come
/// out is among those that are said to be touched.
#[test]
fn one_damaged_value_of_a_server_never_makes_a_key_up() {
    for kind in Kind::ALL {
        let mut judged = 0;
        cases(&[kind], 6, |told, sound, truth, hit, outcome| {
            if !hit.values_only || hit.keys.len() != 1 {
                return;
            }
            let outcome = outcome();
            judged += 1;
            assert!(
                outcome.invented.is_empty(),
                "{told}: {:?}",
                text(&outcome.invented)
            );
            if counts_exactly(sound, truth) {
                assert!(
                    outcome.altered.is_empty(),
                    "{told}: {:?}",
                    text(&outcome.altered)
                );
                outcome.assert_announced(told);
                outcome.assert_counted(told);
            }
        });
        assert!(judged > 300, "{kind:?}: {judged} cases judged");
    }
}

/// The checksum locates one changed byte, also in names, expiries, selectors and counts.
#[test]
fn one_changed_byte_of_a_server_costs_no_other_key() {
    let mut judged = 0;
    cases(&[Kind::Byte], 24, |told, sound, _, hit, outcome| {
        let in_checksum = hit.ranges.iter().any(|range| range.end > sound.len() - 8);
        if !has_checksum(sound) || sound.ends_with(&[0; 8]) || in_checksum {
            return;
        }
        let outcome = outcome();
        judged += 1;
        outcome.assert_true(told);
        outcome.assert_none_lost(told);
        assert!(gaps(&outcome.survey).next().is_some(), "{told}: unnoticed");
    });
    assert!(judged > 1_000, "{judged} cases judged");
}

/// What shows two or three damaged values may look like one damaged value and a key that was never written: the
/// counts do not tell. Where the selector of a database is damaged, a gap may hide keys of another. Both are rare, and this
/// is how rare.
#[test]
fn several_damaged_values_of_a_server_seldom_make_a_key_up() {
    let (mut judged, mut wrong) = (0, Vec::new());
    let (mut shown, mut hidden) = (0, Vec::new());
    for kinds in [
        &[Kind::Byte, Kind::Byte][..],
        &[Kind::FewBytes, Kind::Zeros],
        &[Kind::Byte, Kind::Removed, Kind::FewBytes],
    ] {
        cases(kinds, 6, |told, sound, truth, hit, outcome| {
            let outcome = outcome();
            // A changed name shows nowhere, unless the checksum is wrong for it or its slot is.
            if counts_exactly(sound, truth) && gaps(&outcome.survey).next().is_some() {
                shown += 1;
                if !outcome.unannounced.is_empty() {
                    hidden.push(format!("{told}: {:?}", text(&outcome.unannounced)));
                }
            }
            if hit.values_only {
                judged += 1;
                if !outcome.invented.is_empty() {
                    wrong.push(format!("{told}: {:?}", text(&outcome.invented)));
                }
            }
        });
    }
    assert!(
        hidden.len() * 1_000 < shown && shown > 1_500,
        "{} of {shown}: {hidden:#?}",
        hidden.len()
    );
    assert!(judged > 500, "{judged} cases judged");
    assert!(
        wrong.len() * 50 < judged,
        "{} of {judged}: {wrong:#?}",
        wrong.len()
    );
}

/// Blocks that a disk has lost: many values, names and what stands between them at once. Whatever comes of it, a key that
/// does not come out is in a slot that a gap names, and keys that never were are rare.
#[test]
fn a_lost_block_never_hides_a_key_of_a_slot_that_is_not_named() {
    let mut random = Xorshift(0x5ec7_0a5e_ed00_0001);
    let (mut judged, mut wrong, mut of_few_slots) = (0, Vec::new(), 0);
    for (name, sound) in snapshots() {
        let truth = whole(&sound);
        if !counts_exactly(&sound, &truth) {
            continue;
        }
        for block in [512, 4_096] {
            let blocks = sound.len() / block;
            for at in (1..blocks).step_by(1 + blocks / BLOCKS_TRIED) {
                let range = at * block..(at + 1) * block;
                let mut bytes = sound.clone();
                match at % 2 {
                    0 => bytes[range.clone()].fill(0),
                    _ => bytes[range.clone()].fill_with(|| random.below(256) as u8),
                }
                let outcome = compare(&truth, &Default::default(), &bytes, &slot_of);
                judged += 1;
                let told = format!("{name}, {range:?}");
                outcome.assert_announced(&told);
                if !outcome.invented.is_empty() {
                    wrong.push(format!("{told}: {:?}", text(&outcome.invented)));
                }
                let is_few = |gap: &Gap| gap.touched != Touched::Any;
                of_few_slots += u32::from(gaps(&outcome.survey).all(is_few));
            }
        }
    }
    assert!(
        judged > 500 && of_few_slots > 50,
        "{judged}, {of_few_slots}"
    );
    assert!(
        wrong.len() * 50 < judged,
        "{} of {judged}: {wrong:#?}",
        wrong.len()
    );
}
