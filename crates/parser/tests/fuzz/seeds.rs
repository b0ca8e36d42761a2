//! The inputs kept of each fuzz target: what reached new code, and what ever broke a law.

use std::fs;
use std::path::Path;

/// Hands every kept input of a target to its body.
pub fn replay(target: &str, body: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/seeds")
        .join(target);
    let listed =
        fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = listed.map(|file| file.expect("entry").path()).collect();
    files.sort();
    assert!(files.len() >= 10, "{} seeds of {target}", files.len());
    for file in files {
        println!("{}", file.display());
        body(&fs::read(&file).expect("readable"));
    }
}
