//! Damage to what real servers wrote.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::anywhere::{Kind, Xorshift, damage};
use crate::made::crc16;
use crate::outcome::{compare, gaps, text, whole};

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

#[test]
fn rates() {
    #[derive(Default, Debug)]
    struct Rate {
        cases: u64,
        invented_v: u64,
        invented_n: u64,
        invented_o: u64,
        altered_v: u64,
        altered_o: u64,
        lost_v: u64,
        lost_o: u64,
        lost_keys: u64,
        keys: u64,
        unannounced_v: u64,
        unannounced_o: u64,
        mis_v: u64,
        mis_n: u64,
        mis_o: u64,
    }
    let seeds: u64 = std::env::var("SEEDS").map_or(2, |s| s.parse().unwrap());
    let most: usize = std::env::var("MOST").map_or(20_000, |s| s.parse().unwrap());
    let least: usize = std::env::var("LEAST").map_or(0, |s| s.parse().unwrap());
    let mut rates: BTreeMap<(bool, Vec<Kind>), Rate> = BTreeMap::new();
    let mut random = Xorshift(0x5eed_0f_5a17_a6e5);
    let mut printed = 0;
    for (name, sound) in snapshots() {
        if sound.len() > most || sound.len() < least {
            continue;
        }
        for checksum in [true, false] {
            let mut sound = sound.clone();
            if sound[5..9] < b"0005"[..] {
                if checksum {
                    continue;
                }
            } else if !checksum {
                let end = sound.len() - 8;
                sound[end..].fill(0);
            }
            let truth = whole(&sound);
            if truth.is_empty() {
                continue;
            }
            let mut sets: Vec<Vec<Kind>> = Kind::ALL.iter().map(|&k| vec![k]).collect();
            sets.push(vec![Kind::Byte, Kind::Byte]);
            sets.push(vec![Kind::FewBytes, Kind::Zeros]);
            sets.push(vec![Kind::Byte, Kind::Removed, Kind::FewBytes]);
            for set in &sets {
                for seed in 0..seeds {
                    let Some((bytes, hit)) = damage(&sound, set, &mut random) else {
                        continue;
                    };
                    if &bytes[..9] != &sound[..9] {
                        continue;
                    }
                    let o =
                        std::panic::catch_unwind(|| compare(&truth, &hit.keys, &bytes, &slot_of));
                    let Ok(o) = o else {
                        println!("PANIC {name} {checksum} {set:?} {seed}");
                        fs::write(format!("/tmp/salv/panic-{}.rdb", bytes.len()), &bytes).unwrap();
                        continue;
                    };
                    let r = rates.entry((checksum, set.clone())).or_default();
                    r.cases += 1;
                    r.keys += truth.len() as u64;
                    let v = hit.values_only;
                    if !o.invented.is_empty() {
                        if v {
                            r.invented_v += 1
                        } else if hit.names {
                            r.invented_n += 1
                        } else {
                            r.invented_o += 1
                        }
                    }
                    if !o.altered.is_empty() {
                        if v {
                            r.altered_v += 1
                        } else {
                            r.altered_o += 1
                        }
                    }
                    if !o.lost.is_empty() {
                        if v {
                            r.lost_v += 1
                        } else {
                            r.lost_o += 1
                        }
                        r.lost_keys += o.lost.len() as u64;
                    }
                    if !o.unannounced.is_empty() {
                        if v {
                            r.unannounced_v += 1
                        } else {
                            r.unannounced_o += 1
                        }
                    }
                    let known: Option<u64> = gaps(&o.survey).map(|gap| gap.keys_missing).sum();
                    let mis = known.is_some_and(|k| k != o.missing);
                    if mis {
                        if v {
                            r.mis_v += 1
                        } else if hit.names {
                            r.mis_n += 1
                        } else {
                            r.mis_o += 1
                        }
                    }
                    let bad = (!o.invented.is_empty() && !hit.names)
                        || !o.altered.is_empty()
                        || (v && !o.unannounced.is_empty())
                        || (v && mis)
                        || (set.len() == 1
                            && v
                            && checksum
                            && set[0] == Kind::Byte
                            && !o.lost.is_empty());
                    if bad && printed < 25 {
                        printed += 1;
                        let file = format!("/tmp/salv/case-{printed}.rdb");
                        fs::write(&file, &bytes).unwrap();
                        fs::write(format!("/tmp/salv/case-{printed}.sound.rdb"), &sound).unwrap();
                        println!(
                            "{file} {name} {checksum} {set:?} v {v} n {} invented {:?} altered {:?} unannounced {:?}",
                            hit.names,
                            text(&o.invented).iter().take(3).collect::<Vec<_>>(),
                            text(&o.altered).iter().take(3).collect::<Vec<_>>(),
                            text(&o.unannounced).iter().take(3).collect::<Vec<_>>()
                        );
                        println!(
                            "   hit {:?}",
                            hit.keys
                                .iter()
                                .take(4)
                                .map(|(d, n)| format!("{d} {}", n.escape_ascii()))
                                .collect::<Vec<_>>()
                        );
                        for p in o.survey.parts.iter().take(8) {
                            match p {
                                preshard_parser::salvage::Part::Sound(s) => {
                                    println!("   sound {:?}", s.range)
                                }
                                preshard_parser::salvage::Part::Gap(g) => println!(
                                    "   gap {:?} {} missing {:?} touched {}",
                                    g.range,
                                    g.error,
                                    g.keys_missing,
                                    &format!("{:?}", g.touched)
                                        .chars()
                                        .take(150)
                                        .collect::<String>()
                                ),
                            }
                        }
                    }
                }
            }
        }
    }
    for ((c, k), r) in rates {
        println!("{c} {k:?} {r:?}");
    }
}
