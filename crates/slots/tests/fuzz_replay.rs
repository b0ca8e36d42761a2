//! Replays the fuzz target `topology` over the inputs kept of it, and over what real clusters left behind.

#[path = "fuzz/topology.rs"]
mod topology;

use std::fs;
use std::path::{Path, PathBuf};

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for file in fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
        let path = file.expect("entry").path();
        match path.is_dir() {
            true => files_below(&path, found),
            false => found.push(path),
        }
    }
}

#[test]
fn no_seed_and_no_fixture_breaks_a_law() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (folder, least) in [
        ("fuzz/seeds/topology", 50),
        ("../../fixtures/topologies", 100),
    ] {
        let mut files = Vec::new();
        files_below(&root.join(folder), &mut files);
        files.sort();
        assert!(files.len() >= least, "{} files in {folder}", files.len());
        for file in files {
            println!("{}", file.display());
            topology::topology(&fs::read(&file).expect("readable"));
        }
    }
}
