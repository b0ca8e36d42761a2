//! Commands and their output, as text.
//!
//! A case is `cases/<case>.txt`: lines that begin with `#` say what it proves, one line is the command, one is
//! `exit N`. The output is `<case>.stdout`, the messages are `<case>.stderr`; a file that does not exist
//! stands for nothing printed.

use std::fs;
use std::path::Path;

use crate::run::{bless, preshard, root};

#[test]
fn commands_print_what_was_agreed() {
    let mut wrong = Vec::new();
    let mut cases = 0;
    let mut paths: Vec<_> = fs::read_dir(root().join("tests/cli/cases"))
        .expect("tests/cli/cases")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    paths.sort();
    for path in paths {
        cases += 1;
        let text = fs::read_to_string(&path).expect("a case");
        let mut lines = text.lines().filter(|line| !line.starts_with('#'));
        let command = lines.next().expect("a command");
        let status = lines
            .next()
            .and_then(|line| line.strip_prefix("exit "))
            .expect("exit N below the command");
        let mut words = command.split_whitespace();
        assert_eq!(words.next(), Some("preshard"), "{}", path.display());
        let ran = preshard(&words.collect::<Vec<_>>());
        if ran.status.to_string() != status {
            wrong.push(format!(
                "{}: exit {}, expected {status}\n{}",
                path.display(),
                ran.status,
                ran.stderr
            ));
        }
        wrong.extend(compare(&path.with_extension("stdout"), &ran.stdout));
        wrong.extend(compare(&path.with_extension("stderr"), &ran.stderr));
    }
    assert!(cases > 10, "only {cases} cases found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn compare(path: &Path, found: &str) -> Option<String> {
    let expected = fs::read_to_string(path).unwrap_or_default();
    if expected == found {
        return None;
    }
    if bless() {
        if found.is_empty() {
            fs::remove_file(path).expect("an old output goes");
        } else {
            fs::write(path, found).expect("a new output is written");
        }
        return None;
    }
    Some(format!(
        "{}\n--- expected\n{expected}--- got\n{found}",
        path.display()
    ))
}
