//! The README is true.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use preshard_parser::RdbReader;

const README: &str = include_str!("../README.md");

fn servers() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/servers")
}

/// What stands between back quotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The rows of the table of servers: what their files say, what is read, how that is known.
fn rows() -> Vec<(&'static str, &'static str, &'static str)> {
    let rows: Vec<_> = README
        .lines()
        .skip_while(|line| !line.starts_with("| server |"))
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let [_, says, read, known_by] = cells[..] else {
                panic!("{line}");
            };
            (says, read, known_by)
        })
        .collect();
    assert!(rows.len() > 20);
    rows
}

#[test]
fn each_server_whose_files_are_named_says_what_the_table_has() {
    let mut named = BTreeSet::new();
    for (says, _, known_by) in rows() {
        let Some(folders) = known_by.strip_prefix("file:") else {
            continue;
        };
        for folder in quoted(folders) {
            named.insert(folder.to_owned());
            let mut files = 0;
            for file in fs::read_dir(servers().join(folder)).expect(folder) {
                let path = file.expect("entry").path();
                if path.extension().is_some_and(|extension| extension == "rdb") {
                    let bytes = fs::read(&path).expect("read");
                    assert_eq!(format!("`{}`", bytes[..9].escape_ascii()), says, "{folder}");
                    files += 1;
                }
            }
            assert!(files > 0, "{folder}");
        }
    }
    let folders: BTreeSet<String> = fs::read_dir(servers())
        .expect("fixtures")
        .map(|folder| folder.expect("entry").file_name())
        .map(|name| name.into_string().expect("a name"))
        .collect();
    assert_eq!(named, folders);
}

#[test]
fn versions_are_read_or_refused_as_the_table_has_it() {
    for (says, read, _) in rows() {
        for header in quoted(says) {
            let is_read = RdbReader::new(header.as_bytes()).is_ok();
            assert_eq!(is_read, !read.starts_with("nothing"), "{header}");
        }
    }
}

#[test]
fn refusals_are_quoted_as_they_are() {
    let snapshots: &[&[u8]] = &[
        b"REDIS0016",
        b"REDIS0015\x06\x01k",
        b"REDIS0015\x21\x01k",
        b"REDIS0015\x22\x01k",
        b"REDIS0015\x40\x01k",
        b"REDIS0015\x65\x01k",
        b"REDIS0009\xc9\x01k",
        b"REDIS0014\xf2",
        b"REDIS0013\x08\x01k",
        b"REDIS0015\x20\x01k\x07",
    ];
    let quoted: Vec<&str> = quoted(README).collect();
    for bytes in snapshots {
        let error = RdbReader::new(bytes)
            .and_then(|mut reader| reader.next_record())
            .expect_err("refused")
            .to_string();
        assert!(
            quoted
                .iter()
                .any(|quoted| quoted.len() > 20 && error.contains(quoted)),
            "{error}"
        );
    }
}
