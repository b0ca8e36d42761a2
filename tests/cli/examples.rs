//! What the manual shows as output is output.
//!
//! In the help files an example is a line `  $ preshard ...`, and what follows it with the same indent is its
//! output, up to a line without indent or the next command. In README.md it is a block that begins with `$ `. A last
//! line `...` leaves the rest out. Only standard output is shown.

use std::fs;
use std::path::Path;

use crate::run::{bless, preshard_in, root};

const HELP_FILES: [&str; 6] = [
    "crates/cli/help/calibrate.txt",
    "crates/cli/help/inspect.txt",
    "crates/cli/help/keys.txt",
    "crates/cli/help/plan.txt",
    "crates/cli/help/schema.txt",
    "crates/cli/help/slots.txt",
];

/// Ways to call the program that readers use and tests replace.
const CALLS: [&str; 2] = ["preshard ", "cargo run --release -- "];

#[test]
fn help_shows_real_output() {
    for file in HELP_FILES {
        check(file, "  ", |line| {
            !line.is_empty() && !line.starts_with("  ")
        });
    }
}

#[test]
fn the_readme_shows_real_output() {
    check("README.md", "", |line| line.starts_with("```"));
}

#[test]
fn help_fits_a_narrow_terminal() {
    for file in HELP_FILES {
        let text = fs::read_to_string(root().join(file)).expect("a help file");
        for line in text.lines() {
            let width = line.chars().count();
            assert!(width <= 100, "{file}: a line of {width} columns: {line}");
        }
    }
}

/// Runs all examples of a file, in one scratch directory that sees the fixtures.
fn check(file: &str, indent: &str, ends: fn(&str) -> bool) {
    let path = root().join(file);
    let text = fs::read_to_string(&path).expect("the file with the examples");
    let scratch = tempfile::tempdir().expect("a scratch directory");
    #[cfg(unix)]
    std::os::unix::fs::symlink(root().join("fixtures"), scratch.path().join("fixtures"))
        .expect("a link to the fixtures");

    let lines: Vec<&str> = text.lines().collect();
    let mut rewritten = String::new();
    let mut examples = 0;
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at];
        rewritten.push_str(line);
        rewritten.push('\n');
        at += 1;
        let Some(args) = command(line, indent) else {
            continue;
        };
        examples += 1;
        let mut end = at;
        while end < lines.len() && !ends(lines[end]) && command(lines[end], indent).is_none() {
            end += 1;
        }
        // An output may have empty lines, but does not end with one.
        while end > at && lines[end - 1].is_empty() {
            end -= 1;
        }
        let shown: Vec<&str> = lines[at..end]
            .iter()
            .map(|line| line.strip_prefix(indent).unwrap_or(line))
            .collect();
        let found = example_output(scratch.path(), &args, &shown);
        if !bless() {
            assert_eq!(shown.join("\n"), found.join("\n"), "{file}: {line}");
        }
        for line in found {
            rewritten.push_str(format!("{indent}{line}").trim_end());
            rewritten.push('\n');
        }
        at = end;
    }
    assert!(examples > 0, "{file} shows no example");
    if bless() && rewritten != text {
        fs::write(&path, rewritten).expect("the file is rewritten");
    }
}

/// The arguments of an example's command line.
fn command(line: &str, indent: &str) -> Option<Vec<String>> {
    let line = line.strip_prefix(indent)?.strip_prefix("$ ")?;
    let args = CALLS.iter().find_map(|call| line.strip_prefix(call))?;
    Some(args.split_whitespace().map(str::to_owned).collect())
}

/// The output of a command, cut where the example as it stands is cut.
fn example_output(scratch: &Path, args: &[String], shown: &[&str]) -> Vec<String> {
    let ran = preshard_in(scratch, args);
    assert!(
        matches!(ran.status, 0 | 4),
        "{args:?} ended with {}: {}",
        ran.status,
        ran.stderr
    );
    let mut found: Vec<String> = ran.stdout.lines().map(str::to_owned).collect();
    if let Some(cut) = shown.iter().position(|line| *line == "...") {
        found.truncate(cut);
        found.push("...".to_owned());
        found.extend(shown[cut + 1..].iter().map(|&line| line.to_owned()));
    }
    found
}
