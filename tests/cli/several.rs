//! Several files, of which some cannot be read: the others are not lost, and every error is told.

use serde_json::Value;

use crate::documents::{assert_meets, validator};
use crate::run::{Scratch, sound};

/// Two sound files and, between them, text and a file that is not there.
const NAMES: [&str; 4] = ["a.rdb", "b.rdb", "c.rdb", "d.rdb"];

fn scratch() -> Scratch {
    let scratch = Scratch::new();
    scratch.write("a.rdb", sound());
    scratch.write("b.rdb", "hello");
    scratch.write("d.rdb", sound());
    scratch
}

#[test]
fn inspect_tells_of_the_others() {
    let scratch = scratch();
    let errors = ["error: cannot read b.rdb", "error: cannot open c.rdb"];
    let args = [&["inspect"][..], &NAMES].concat();
    let ran = scratch.refuses(&args, 1, &errors);
    for word in [
        "a.rdb\n",
        "d.rdb\n",
        "NOT READ: b.rdb: ",
        "NOT READ: c.rdb: ",
        "PARTIAL",
    ] {
        assert!(
            ran.stdout.contains(word),
            "{word:?} is not in\n{}",
            ran.stdout
        );
    }

    let ran = scratch.refuses(&[&args[..], &["--format", "json"]].concat(), 1, &errors);
    let document: Value = serde_json::from_str(&ran.stdout).expect("a document");
    assert_meets(&validator("inspect"), &document, "inspect");
    let names = |list: &str| -> Vec<Value> {
        let files = document[list].as_array().expect("a list").iter();
        files.map(|file| file["file"].clone()).collect()
    };
    assert_eq!(names("files"), ["a.rdb", "d.rdb"]);
    assert_eq!(names("unreadable"), ["b.rdb", "c.rdb"]);
    assert_eq!(document["partial"], true);
    assert_eq!(document["files"][0]["whole"], true);
}

/// What is computed over all files must not be computed without some of them.
#[test]
fn the_other_commands_refuse_and_tell_every_error() {
    let scratch = scratch();
    for command in [&["keys"][..], &["slots"], &["plan", "--rebalance"]] {
        let args = [command, &NAMES].concat();
        let errors = ["error: cannot read b.rdb", "error: cannot open c.rdb"];
        let ran = scratch.refuses(&args, 1, &errors);
        assert_eq!(ran.stdout, "");
        assert!(
            ran.stderr
                .contains("note: the answer is one over all inputs")
        );
    }
}

#[test]
fn a_document_tells_of_what_cannot_be_read_also_when_nothing_can() {
    let scratch = scratch();
    let ran = scratch.refuses(&["inspect", "b.rdb", "-f", "json"], 1, &["b.rdb"]);
    let document: Value = serde_json::from_str(&ran.stdout).expect("a document");
    assert_eq!(document["unreadable"][0]["file"], "b.rdb");
    assert_eq!(document["partial"], true);
}
