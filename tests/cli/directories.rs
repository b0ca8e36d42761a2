//! What is taken from a directory, and what is not: nothing is passed over in silence but hidden files.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::run::{Scratch, sound};

#[cfg(unix)]
fn link(to: &str, from: &Path) {
    std::os::unix::fs::symlink(to, from).expect("a link");
}

#[cfg(unix)]
#[test]
fn what_is_no_snapshot_is_named() {
    let scratch = Scratch::new();
    let within = |name: &str| scratch.path().join("backup").join(name);
    scratch.write("backup/a.rdb", sound());
    scratch.write("backup/.b.rdb.swp", sound());
    scratch.write("backup/.hidden.rdb", b"no snapshot");
    scratch.write("backup/old.zip", b"PK\x03\x04");
    scratch.write("backup/cut.gz", &b"\x1f\x8b\x08\0\0\0"[..]);
    scratch.write("backup/older/c.rdb", sound());
    link("a.rdb", &within("link.rdb"));
    link("nowhere.rdb", &within("dangling.rdb"));
    link("loop", &within("loop"));
    let _socket = std::os::unix::net::UnixListener::bind(within("socket")).expect("a socket");
    let line = concat!(
        "warning: backup: no snapshots, and not read: ",
        r#""cut.gz" (gzip truncated at offset 0x0 (0) of the file: it ends in the middle), "#,
        r#""dangling.rdb" (a link that leads nowhere), "loop" (a link that leads nowhere), "#,
        r#""old.zip", "older" (a directory), "socket" (no regular file)"#,
        "\n",
    );
    for args in [
        &["inspect", "backup", "--format", "json"][..],
        &["keys", "backup"],
        &["keys", "backup", "--key", "k"],
    ] {
        let ran = scratch.run(args);
        assert!(ran.stderr.contains(line), "{args:?}: {}", ran.stderr);
        assert!(!ran.stderr.contains("hidden"), "{args:?}: {}", ran.stderr);
        if args[0] == "inspect" {
            let document: Value = serde_json::from_str(&ran.stdout).expect("JSON");
            let files = document["files"].as_array().expect("files");
            let names: Vec<_> = files.iter().map(|file| file["file"].as_str()).collect();
            assert_eq!(names, [Some("backup/a.rdb"), Some("backup/link.rdb")]);
            assert_eq!(document["warnings"][0]["name"], "not-a-snapshot");
            assert_eq!(document["warnings"][0]["file"], "backup");
        }
    }
}

#[test]
fn topologies_and_append_only_files_are_no_strangers() {
    let scratch = Scratch::new();
    scratch.write("data/dump.rdb", sound());
    scratch.write("data/nodes.conf", "");
    scratch.write("data/appendonly.aof", "");
    let ran = scratch.run(&["keys", "data"]);
    assert!(!ran.stderr.contains("no snapshots"), "{}", ran.stderr);
}

#[test]
fn a_long_list_of_strangers_is_cut() {
    let scratch = Scratch::new();
    scratch.write("backup/a.rdb", sound());
    for number in 0..20 {
        scratch.write(&format!("backup/note{number:02}"), "text");
    }
    let ran = scratch.run(&["slots", "backup"]);
    let said = r#""note06", "note07" and 12 more"#;
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
}

#[test]
fn a_directory_without_snapshots_says_what_was_looked_for_and_what_is_there() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path().join("bare")).expect("a directory");
    let looked_for = [
        "no snapshot in this directory",
        "nodes.json",
        "nodes.conf",
        ".rdb files",
    ];
    let refused = |directory, said: &str| {
        let words = [&looked_for[..], &[said]].concat();
        scratch.refuses(&["inspect", directory], 1, &words);
    };
    refused("bare", "it holds nothing");
    scratch.write("hidden/.dump.rdb", sound());
    refused(
        "hidden",
        "it holds hidden files alone, which are left alone",
    );
    scratch.write("nested/node-1/dump.rdb", sound());
    refused("nested", r#"it holds "node-1" (a directory)"#);
}
