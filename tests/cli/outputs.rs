//! Files appear whole or not at all, and pipes may close early.

use std::fs;
use std::process::{Command, Stdio};

use crate::run::{Scratch, fixture, preshard, preshard_in, sound};

#[test]
fn a_result_replaces_the_file_that_was_there() {
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let out = scratch.path().join("keys.csv");
    fs::write(&out, "old").expect("an old file");
    let snapshot = fixture("servers/redis-7.0/keys.rdb");
    let ran = preshard(&[
        "keys".as_ref(),
        snapshot.as_os_str(),
        "--format=csv".as_ref(),
        "-o".as_ref(),
        out.as_os_str(),
    ])
    .expect_status(0);
    assert_eq!(ran.stdout, "");
    let written = fs::read_to_string(&out).expect("the result");
    assert!(
        written.starts_with("database,type,key,size_in_bytes,"),
        "{written}"
    );
    let left: Vec<_> = fs::read_dir(scratch.path())
        .expect("the directory")
        .collect();
    assert_eq!(left.len(), 1, "something else was left behind: {left:?}");
}

/// A typing mistake must not cost a backup.
#[test]
fn nothing_is_written_over_an_input_or_a_snapshot() {
    let scratch = Scratch::new();
    let id = "0123456789abcdef0123456789abcdef01234567";
    scratch.write("backup/dump.rdb", sound());
    scratch.write(
        "backup/nodes.json",
        format!(
            r#"[{{"name":"{id}","host":"10.0.0.1","port":7000,"replicate":null,"slots":[[0,16383]],"slots_count":16384,"flags":"master","current_epoch":1}}]"#
        ),
    );
    scratch.write("cut.rdb", &sound()[..9_000]);
    let gzip = fs::read(fixture("wrapped/gnu-gzip-1.12.gz")).expect("the fixture");
    scratch.write("other", gzip);
    fs::hard_link(
        scratch.path().join("backup/dump.rdb"),
        scratch.path().join("hard.rdb"),
    )
    .expect("a link");
    #[cfg(unix)]
    std::os::unix::fs::symlink("backup/dump.rdb", scratch.path().join("soft")).expect("a link");
    let outputs = [
        ("cut.rdb", "an input"),
        ("./backup/../cut.rdb", "an input"),
        ("backup/nodes.json", "an input"),
        ("backup/dump.rdb", "an input"),
        ("hard.rdb", "a snapshot"),
        ("other", "a snapshot"),
        #[cfg(unix)]
        ("soft", "an input"),
    ];
    for (output, what) in outputs {
        let before = fs::read(scratch.path().join(output)).expect("readable");
        for command in [
            &["inspect"][..],
            &["keys"],
            &["keys", "--key", "k"],
            &["slots", "--topology", "backup/nodes.json"],
            &["plan", "--add", "1", "--topology", "backup/nodes.json"],
        ] {
            let args = [command, &["backup", "cut.rdb", "-o", output]].concat();
            let said = format!("-o {output} is {what}");
            scratch.refuses(&args, 2, &[&said, "ever written to a backup"]);
            let after = fs::read(scratch.path().join(output)).expect("readable");
            assert!(after == before, "{args:?}");
        }
    }
}

#[test]
fn a_run_that_fails_leaves_the_old_file_alone() {
    let scratch = tempfile::tempdir().expect("a scratch directory");
    fs::write(scratch.path().join("out"), "old").expect("an old file");
    fs::write(scratch.path().join("empty.rdb"), "").expect("an empty file");
    let args = ["keys", "empty.rdb", "--format=ndjson", "-o", "out"];
    preshard_in(scratch.path(), &args).expect_status(1);
    let left = fs::read_to_string(scratch.path().join("out")).expect("the old file");
    assert_eq!(left, "old");
}

#[cfg(unix)]
#[test]
fn a_device_is_written_to_and_not_replaced() {
    use std::os::unix::fs::FileTypeExt as _;
    let snapshot = fixture("servers/redis-7.0/keys.rdb");
    preshard(&[
        "keys".as_ref(),
        snapshot.as_os_str(),
        "-o".as_ref(),
        "/dev/null".as_ref(),
    ])
    .expect_status(0);
    let metadata = fs::metadata("/dev/null").expect("/dev/null");
    assert!(
        metadata.file_type().is_char_device(),
        "/dev/null was replaced"
    );
}

#[test]
fn a_pipe_that_closes_early_ends_the_program_quietly() {
    let backup = fixture("clusters/shop-3x");
    let backup = backup.to_str().expect("a path");
    for args in [
        &["keys", backup, "--format=ndjson"][..],
        &["keys", backup, "--format=csv"],
        &["keys", backup],
        &["slots", backup, "--format=csv"],
        &["slots", backup, "--format=json"],
        &["inspect", backup],
        &["plan", backup, "--rebalance"],
        &["schema", "plan"],
    ] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_preshard"))
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("preshard starts");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("preshard ends");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {stderr}");
        assert!(!stderr.contains("error"), "{args:?}: {stderr}");
    }
}

/// `preshard keys ... 2>&1 | head`: nobody reads what is said either.
#[test]
fn messages_that_nobody_reads_are_no_failure() {
    let snapshot = fixture("servers/redis-8.6/module.rdb");
    for args in [&["keys", "--format=ndjson"][..], &["inspect"]] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let status = Command::new(env!("CARGO_BIN_EXE_preshard"))
            .args(args)
            .arg(&snapshot)
            .stdout(Stdio::null())
            .stderr(writer)
            .status()
            .expect("preshard ends");
        assert_eq!(status.code(), Some(0), "{args:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_device_is_called_by_its_name() {
    let backup = fixture("clusters/shop-3x");
    let backup = backup.to_str().expect("a path");
    for args in [
        &["keys", backup, "--format=ndjson"][..],
        &["keys", backup, "--format=csv"],
        &["keys", backup],
        &["slots", backup],
        &["inspect", backup],
        &["plan", backup, "--rebalance"],
    ] {
        let ran = preshard(&[args, &["-o", "/dev/full"]].concat()).expect_status(1);
        assert!(
            ran.stderr.starts_with("error: cannot write /dev/full\n"),
            "{args:?}: {}",
            ran.stderr
        );
        assert!(!ran.stderr.contains("cannot read"), "{}", ran.stderr);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_a_failure() {
    let backup = fixture("clusters/shop-3x");
    for format in ["--format=ndjson", "--format=csv", "--format=text"] {
        let full = fs::File::options()
            .write(true)
            .open("/dev/full")
            .expect("/dev/full");
        let output = Command::new(env!("CARGO_BIN_EXE_preshard"))
            .args(["keys".as_ref(), backup.as_os_str(), format.as_ref()])
            .stdout(full)
            .output()
            .expect("preshard ends");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{format}: {stderr}");
        assert_eq!(
            stderr.lines().next(),
            Some("error: cannot write standard output"),
            "{format}: {stderr}"
        );
        assert!(stderr.contains("No space left"), "{format}: {stderr}");
        assert!(!stderr.contains("cannot read"), "{format}: {stderr}");
    }
}
