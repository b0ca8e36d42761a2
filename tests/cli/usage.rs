//! Wrong usage is told by the name of the option, and names from strangers cannot steer the terminal.

use crate::run::{Scratch, fixture, sound};

#[test]
fn wrong_usage_names_the_option() {
    let scratch = Scratch::new();
    scratch.write("dump.rdb", sound());
    for (args, words) in [
        (&["plan", "dump.rdb"][..], &["--rebalance", "--add"][..]),
        (
            &["plan", "dump.rdb", "--drain", "nobody"],
            &["--drain nobody"],
        ),
        (
            &["plan", "dump.rdb", "--move", "5"],
            &["--move 5", "SLOTS:FROM->TO"],
        ),
        (
            &["plan", "dump.rdb", "--move", "99999:a->b"],
            &["--move 99999:a->b", "16383"],
        ),
        (
            &["plan", "dump.rdb", "--weights", "x"],
            &["--weights x", "NODE=W"],
        ),
        (
            &["plan", "dump.rdb", "--add", "1", "--safety-factor", "0"],
            &["--safety-factor", "factor of 1 to 1000"],
        ),
        (
            &["keys", "dump.rdb", "--latency-budget", "100"],
            &["--latency-budget", "unit"],
        ),
        (
            &["keys", "dump.rdb", "--min-payload", "big"],
            &["--min-payload", "64mb"],
        ),
        (
            &["keys", "dump.rdb", "--members"],
            &["--key <KEY>", "--key-base64 <CODE>"],
        ),
        (
            &["keys", "dump.rdb", "--key", "a\\q"],
            &["--key <KEY>", "\\q (character 2)"],
        ),
        (
            &["keys", "dump.rdb", "--key-base64", "%"],
            &["--key-base64 <CODE>", "no base64"],
        ),
        (
            &["keys", "dump.rdb", "--key", "a", "--key-base64", "YQ=="],
            &["--key <KEY>", "--key-base64 <CODE>"],
        ),
        (
            &["keys", "dump.rdb", "--key", "a", "--top", "1"],
            &["--key <KEY>", "--top <N>"],
        ),
        (
            &["keys", "dump.rdb", "--key", "a", "--member-bytes", "9"],
            &["--members"],
        ),
        (
            &["keys", "dump.rdb", "--now", "yesterday"],
            &["--now <TIME>", "Unix seconds"],
        ),
        (
            &["keys", "dump.rdb", "--top", "0"],
            &["--top", "at least 1"],
        ),
        (
            &["keys", "dump.rdb", "--top", "-3"],
            &["--top", "at least 1"],
        ),
        (&["keys", "dump.rdb", "--db", "x"], &["--db", "database"]),
        (
            &["keys", "dump.rdb", "--latency-budget", "-5s"],
            &["--latency-budget", "more than 0"],
        ),
        (
            &["keys", "dump.rdb", "--latency-budget", "0s"],
            &["--latency-budget", "more than 0"],
        ),
        (
            &["keys", "dump.rdb", "--threads", "0"],
            &["--threads", "1 to 256"],
        ),
        (
            &["keys", "dump.rdb", "--replica-buffer-hard", "0"],
            &["--replica-buffer-hard", "more than 0"],
        ),
        (
            &["keys", "dump.rdb", "--node-timeout", "500ms"],
            &["node timeout", "500 ms", "more than 1000 ms"],
        ),
        (
            &[
                "keys",
                "dump.rdb",
                "--latency-budget",
                "1ms",
                "--safety-factor",
                "50",
            ],
            &["latency budget", "1 ms"],
        ),
        (
            &["plan", "dump.rdb", "--add", "1", "--maxmemory", "8"],
            &["--maxmemory", "did you mean 8mb or 8gb?"],
        ),
        (
            &["plan", "dump.rdb", "--add", "1", "--headroom", "20"],
            &["--headroom", "0.2"],
        ),
        (
            &["plan", "dump.rdb", "--add", "1", "--keys-per-call", "ten"],
            &["--keys-per-call", "at least 1"],
        ),
        (
            &["plan", "dump.rdb", "--move", "5:dump.rdb->new-1"],
            &["--move new-1", "--add 1"],
        ),
        (
            &["plan", "dump.rdb", "--add", "1", "--weights", "new-2=3"],
            &["--weights new-2", "new-1"],
        ),
        (
            &["plan", "dump.rdb", "--drain", "dump"],
            &["--drain dump", "at least 8 characters"],
        ),
        (
            &["keys", "dump.rdb", "--target", "redis-1"],
            &["redis-1", "redis-7.0"],
        ),
        (
            &["keys", "dump.rdb", "--format", "csv", "--sort", "memory"],
            &["--sort", "--top"],
        ),
        (&["keys", "dump.rdb", "--slot", "20000"], &["--slot"]),
        (
            &["plan", "dump.rdb", "--add", "1", "-o", "-"],
            &["-o", "--format json"],
        ),
        (&["plan", "dump.rdb", "--add", "0"], &["--add 0"]),
        (&["keys"], &["INPUT"]),
        (&["frobnicate"], &["frobnicate"]),
    ] {
        let ran = scratch.refuses(args, 2, words);
        assert_eq!(ran.stdout, "", "{args:?}");
    }
}

/// Names from strangers must not reach the terminal as they are.
#[test]
fn names_cannot_steer_the_terminal() {
    let scratch = Scratch::new();
    let hostile = "evil\u{1b}[2Jname.rdb";
    scratch.write(hostile, "hello");
    let ran = scratch.refuses(&["inspect", hostile], 1, &[r"evil\u{1b}[2Jname.rdb"]);
    assert!(!ran.stderr.contains('\u{1b}'), "{:?}", ran.stderr);

    let snapshot = fixture("servers/redis-7.0/keys.rdb");
    let text = scratch.run(&["keys", snapshot.to_str().expect("a path"), "--top", "100"]);
    let csv = scratch.run(&[
        "keys",
        snapshot.to_str().expect("a path"),
        "--format",
        "csv",
    ]);
    let ndjson = scratch.run(&[
        "keys",
        snapshot.to_str().expect("a path"),
        "--format",
        "ndjson",
    ]);
    for (ran, what) in [(text, "text"), (csv, "csv"), (ndjson, "ndjson")] {
        let ran = ran.expect_status(0);
        for line in ran.stdout.lines() {
            assert!(!line.contains(char::is_control), "{what}: {line:?}");
        }
    }
}
