//! What a snapshot is wrapped in: each byte of the file is accounted for, and damage of a wrapping is told, whatever
//! else is wrong.

use std::fs;
use std::io::Write as _;

use serde_json::Value;

use crate::run::{Ran, Scratch, fixture, sound};
use crate::ways_in::piped;

const MARK: &[u8; 40] = b"0123456789abcdef0123456789abcdef01234567";
const COMMAND: &[u8] = b"*1\r\n$4\r\nPING\r\n";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    gzip_of(bytes, flate2::Compression::default())
}

fn gzip_of(bytes: &[u8], level: flate2::Compression) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
    encoder.write_all(bytes).expect("encoded");
    encoder.finish().expect("encoded")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).expect("encoded")
}

fn lz4(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
    encoder.write_all(bytes).expect("encoded");
    encoder.finish().expect("encoded")
}

fn sized(says: usize, bytes: &[u8]) -> Vec<u8> {
    [format!("${says}\r\n").as_bytes(), bytes].concat()
}

fn marked(bytes: &[u8]) -> Vec<u8> {
    [b"$EOF:", &MARK[..], b"\r\n", bytes].concat()
}

/// The report on a file, which `inspect` gives with a status.
fn report(content: &[u8], status: i32) -> (Value, Ran) {
    let scratch = Scratch::new();
    scratch.write("dump", content);
    let ran = scratch.run(&["inspect", "dump", "--format", "json"]);
    let ran = ran.expect_status(status);
    let mut document: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let file = document["files"][0].take();
    let layers = file["layers"].as_array().expect("layers");
    let whole = layers.iter().all(|layer| layer["whole"] == true);
    assert_eq!(
        file_bytes_by_layers(&file),
        whole.then_some(content.len() as u64),
        "{layers:#?}"
    );
    (file, ran)
}

fn bytes_of(parts: &Value) -> u64 {
    let parts = parts.as_array().expect("parts").iter();
    parts
        .map(|part| part["bytes"].as_u64().expect("bytes"))
        .sum()
}

/// The length of a file, as its layers make it; `None` when one was not read to its end.
fn file_bytes_by_layers(file: &Value) -> Option<u64> {
    let layers = file["layers"].as_array().expect("layers");
    if layers.iter().any(|layer| layer["whole"] == false) {
        return None;
    }
    let mut sum = 0;
    for layer in layers {
        sum += layer["bytes"].as_u64()? + bytes_of(&layer["behind"]);
        let name = layer["wrapping"].as_str().expect("a name");
        if !name.starts_with("replication-capture") {
            return Some(sum);
        }
    }
    assert_eq!(bytes_of(&file["account"]), file["bytes"].as_u64()?);
    Some(sum + file["bytes"].as_u64()?)
}

/// What the layers of a file have behind them, outermost first: part and bytes.
fn behind(file: &Value) -> Vec<Vec<(String, u64)>> {
    let layers = file["layers"].as_array().expect("layers").iter();
    let parts = layers.map(|layer| {
        let parts = layer["behind"].as_array().expect("parts").iter();
        let pair = |part: &Value| {
            let name = part["part"].as_str().expect("a name").to_owned();
            (name, part["bytes"].as_u64().expect("bytes"))
        };
        parts.map(pair).collect()
    });
    parts.collect()
}

#[test]
fn what_stands_behind_a_wrapping_is_named_and_the_parts_add_up_to_the_file() {
    let snapshot = sound();
    let part = |name: &str, bytes| vec![(name.to_owned(), bytes)];
    for wrap in [gzip, zstd, lz4] {
        let wrapped = wrap(&snapshot);
        let (file, _) = report(&wrapped, 0);
        assert_eq!(behind(&file), [vec![]]);
        assert_eq!(file["layers"][0]["bytes"], wrapped.len());

        let (file, ran) = report(&[&wrapped[..], b"junk behind"].concat(), 0);
        assert_eq!(behind(&file), [part("trailing", 11)]);
        assert_eq!(file["layers"][0]["bytes"], wrapped.len());
        assert_eq!(
            file["trailing_bytes"], 0,
            "none of them follow the snapshot"
        );
        assert_eq!(file["warnings"][0]["name"], "trailing-bytes");
        assert!(
            ran.stderr.contains("11 bytes after the end of the "),
            "{}",
            ran.stderr
        );

        // Two layers, each with something behind.
        let inner = [&wrapped[..], COMMAND].concat();
        let (file, _) = report(&[&gzip(&inner)[..], b"junk"].concat(), 0);
        assert_eq!(behind(&file), [part("trailing", 4), part("commands", 14)]);
        assert_eq!(file["layers"][1]["bytes"], wrapped.len());

        // A capture around it, and one in it.
        let captured = [&marked(&wrapped)[..], MARK, COMMAND].concat();
        let (file, _) = report(&captured, 0);
        let mut expected = part("capture-end", 40);
        expected.extend(part("commands", 14));
        assert_eq!(behind(&file), [vec![], expected]);
        assert_eq!(file["layers"][0]["bytes"], 47);
        let (file, _) = report(&wrap(&sized(snapshot.len(), &snapshot)), 0);
        assert_eq!(behind(&file), [vec![], vec![]]);
        assert_eq!(file["layers"][1]["bytes"], "$18307\r\n".len());
    }
    let (file, _) = report(&[&marked(&snapshot)[..], MARK, COMMAND].concat(), 0);
    assert_eq!(behind(&file), [vec![]]);
    assert_eq!(file["trailing_bytes"], 54);
}

/// Two shards in one file, by mistake: the second is not read, and that is what the warning says.
#[test]
fn another_snapshot_behind_the_first_is_called_that() {
    let scratch = Scratch::new();
    for (first, second) in [
        (sound(), sound()),
        (gzip(&sound()), gzip(&sound())),
        (gzip(&sound()), sound()),
    ] {
        scratch.write("both", [first, second].concat());
        let words = [
            "18307 bytes after the end of ",
            "begin like another snapshot",
        ];
        scratch.refuses(&["slots", "both"], 5, &words);
        let plan = ["plan", "both", "--add", "1"];
        scratch.refuses(&plan, 5, &["--allow-partial"]);
        let text = scratch.refuses(&["inspect", "both"], 5, &words).stdout;
        assert!(text.contains("NO: another snapshot follows"), "{text}");
    }
}

#[test]
fn text_names_what_stands_behind_a_wrapping() {
    let scratch = Scratch::new();
    scratch.write("dump.gz", [&gzip(&sound())[..], b"junk"].concat());
    let ran = scratch.run(&["inspect", "dump.gz"]).expect_status(0);
    let said = "yes, with 4 bytes of something else behind the gzip, not read";
    assert!(ran.stdout.contains(said), "{}", ran.stdout);
}

/// A byte that changed in a compressed file breaks the snapshot first, and the checksum of the wrapping, which explains
/// it, comes behind.
#[test]
fn damage_of_the_wrapping_is_told_behind_damage_of_the_snapshot() {
    let snapshot = sound();
    let scratch = Scratch::new();
    let mut broken = snapshot.clone();
    // The first opcode behind the header.
    broken[9] = 200;
    let stored = |bytes: &[u8]| gzip_of(bytes, flate2::Compression::none());
    // The same change, before and after it was compressed.
    let changed_before = stored(&broken);
    let mut changed_after = stored(&snapshot);
    let at = changed_after
        .windows(9)
        .position(|bytes| bytes == b"REDIS0010");
    changed_after[at.expect("stored as it is") + 9] = 200;
    let cut = &changed_after[..changed_after.len() - 3];

    let commands = [
        &["inspect", "dump"][..],
        &["keys", "dump"],
        &["keys", "dump", "--key", "x"],
        &["slots", "dump"],
        &["plan", "dump", "--add", "1"],
    ];
    for (content, words) in [
        (&changed_after[..], "gzip damaged at offset"),
        (cut, "gzip truncated at offset"),
    ] {
        scratch.write("dump", content);
        for args in commands {
            let told = ["damaged at offset 0x9 (9)", "not whole either", words];
            let args = [args, &["--mmap", "never"]].concat();
            // What is not known is refused as such.
            let told: Vec<&str> = match args[0] {
                "plan" => vec![words],
                _ => told[1..].to_vec(),
            };
            scratch.refuses(&args, 5, &told);
        }
        let ran = piped(&["inspect", "-"], content).expect_status(5);
        assert!(ran.stderr.contains(words), "{}", ran.stderr);
        let (file, _) = report(content, 5);
        assert_eq!(file["layers"][0]["whole"], false);
        assert_eq!(file["layers"][0]["bytes"], Value::Null);
    }
    scratch.write("dump", &changed_before);
    for args in commands {
        let ran = scratch.run(args).expect_status(5);
        assert!(!ran.stderr.contains("gzip"), "{args:?}: {}", ran.stderr);
    }
    let (file, _) = report(&changed_before, 5);
    assert_eq!(file["layers"][0]["whole"], true);
    assert_eq!(file["layers"][0]["bytes"], changed_before.len());
}

/// What is refused for its size may be whole for all that is known.
#[test]
fn a_wrapping_that_was_not_read_to_its_end_is_not_called_damaged() {
    let scratch = Scratch::new();
    let mut broken = sound();
    broken[9] = 200;
    broken.resize(3 << 20, 0);
    scratch.write("dump.gz", gzip(&broken));
    let args = ["inspect", "dump.gz", "--max-decompressed", "1mb"];
    let words = [
        "was not read to its end either",
        "--max-decompressed SIZE allows more",
    ];
    let ran = scratch.refuses(&args, 5, &words);
    assert!(!ran.stderr.contains("not whole"), "{}", ran.stderr);
}

/// A wrapping that is damaged so early that no snapshot is recognised in it.
#[test]
fn damage_of_the_wrapping_is_told_where_no_snapshot_comes_out() {
    let scratch = Scratch::new();
    let mut changed = gzip_of(&sound(), flate2::Compression::none());
    let at = changed.windows(5).position(|bytes| bytes == b"REDIS");
    changed[at.expect("stored as it is")] = b'X';
    scratch.write("dump.gz", &changed);
    for command in ["inspect", "keys", "slots"] {
        let words = [
            "cannot read what dump.gz holds (gzip)",
            "gzip damaged at offset",
            "checksum",
        ];
        scratch.refuses(&[command, "dump.gz"], 5, &words);
    }
}

/// From the first magic on, whatever is cut short is damaged input, and one message says where.
#[test]
fn every_cut_of_a_wrapped_snapshot_is_damage() {
    let scratch = Scratch::new();
    let snapshot = fs::read(fixture("servers/redis-7.0/keys.rdb")).expect("the snapshot");
    let whole = snapshot.len();
    let captured = [&marked(&snapshot)[..], MARK].concat();
    for (name, wrapped, magic_bytes) in [
        ("dump.rdb", snapshot.clone(), 5),
        ("dump.gz", gzip(&snapshot), 2),
        ("dump.zst", zstd(&snapshot), 4),
        ("dump.lz4", lz4(&snapshot), 4),
        ("sized", sized(whole, &snapshot), 2),
        ("marked", captured, 5),
        ("twice", gzip(&zstd(&snapshot)), 2),
    ] {
        let near_its_ends = (0..70).chain(wrapped.len() - 50..wrapped.len());
        for length in near_its_ends.chain((70..wrapped.len()).step_by(41)) {
            scratch.write(name, &wrapped[..length]);
            let expected = if length < magic_bytes { 1 } else { 5 };
            let ran = scratch.run(&["inspect", name, "--format", "json"]);
            let said = format!("{name} cut at {length}: {}", ran.stderr);
            assert_eq!(ran.status, expected, "{said}");
            assert!(ran.stderr.contains(name), "{said}");
            assert!(ran.stderr.contains(" offset 0x"), "{said}");
            assert!(!ran.stderr.contains("cannot open"), "{said}");
            let errors = ran
                .stderr
                .lines()
                .filter(|line| line.starts_with("error: "));
            // Either a file is reported on, or it is among those that cannot be read, with an error of its own.
            let document: Value = serde_json::from_str(&ran.stdout).expect("a document");
            let unreadable = document["unreadable"].as_array().expect("a list").len();
            assert_eq!(errors.count(), unreadable, "{said}");
        }
    }
}

#[test]
fn a_capture_with_less_than_it_says_is_partial() {
    let snapshot = sound();
    let held = snapshot.len();
    let words = format!(
        "replication capture cut short at offset 0x4783 (18307): it says that it holds {} bytes, and {held} are there",
        held + 1
    );
    let gzipped = gzip(&snapshot);
    let of_gzip = sized(gzipped.len() + 1, &gzipped);
    for (content, words) in [
        (sized(held + 1, &snapshot), &*words),
        (gzip(&sized(held + 1, &snapshot)), &words),
        (of_gzip, "are there"),
        (marked(&snapshot), "its mark does not stand at its end"),
        (
            [&marked(&snapshot)[..], &MARK[..7]].concat(),
            "of its mark 7 bytes stand at its end",
        ),
        (
            [&marked(&gzipped)[..], &MARK[..39]].concat(),
            "of its mark 39 bytes",
        ),
    ] {
        let (file, ran) = report(&content, 5);
        assert!(ran.stderr.contains(words), "{words}: {}", ran.stderr);
        assert_eq!(file["whole"], false);
        assert_eq!(file["damage"]["truncated"], true);
        assert_eq!(file["totals"]["keys"], 191, "every key is there");
        assert_eq!(file["checksum"]["state"], "verified");
        assert!(piped(&["keys", "-"], &content).status == 5, "{words}");
    }
}

/// Beside a file that can be read, one of which nothing is left but its damage is damage and no failure.
#[test]
fn a_wrapping_of_which_nothing_is_left_does_not_hide_the_other_files() {
    let scratch = Scratch::new();
    scratch.write("whole.rdb", sound());
    scratch.write("cut.gz", &gzip(&sound())[..12]);
    scratch.write("text", "no snapshot");
    for (args, status) in [
        (&["inspect", "whole.rdb", "cut.gz"][..], 5),
        (&["inspect", "cut.gz", "whole.rdb", "text"], 1),
        (&["inspect", "cut.gz"], 5),
    ] {
        let ran = scratch.run(args).expect_status(status);
        assert!(
            ran.stderr.contains("error: cannot read cut.gz"),
            "{}",
            ran.stderr
        );
        let has_the_other = ran.stdout.contains(" 191, 20 with an expiry");
        assert_eq!(has_the_other, args.contains(&"whole.rdb"), "{}", ran.stdout);
    }
}
