//! Runs the program.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a run left behind.
pub struct Ran {
    /// Exit status.
    pub status: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Ran {
    /// The exit status, or a failure that shows all that was said.
    pub fn expect_status(self, expected: i32) -> Ran {
        assert_eq!(
            self.status, expected,
            "exit status\n--- stdout\n{}\n--- stderr\n{}",
            self.stdout, self.stderr
        );
        self
    }
}

/// The root of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file of the repository.
pub fn fixture(path: &str) -> PathBuf {
    let path = root().join("fixtures").join(path);
    assert!(path.exists(), "{} is missing", path.display());
    path
}

/// Runs `preshard` in a directory.
pub fn preshard_in<A: AsRef<OsStr>>(directory: &Path, args: &[A]) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_preshard"))
        .args(args)
        .current_dir(directory)
        .env_remove("COLUMNS")
        .output()
        .expect("preshard starts");
    Ran {
        status: output.status.code().expect("no signal ended preshard"),
        stdout: String::from_utf8(output.stdout).expect("output is UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("messages are UTF-8"),
    }
}

/// Runs `preshard` at the root of the repository.
pub fn preshard<A: AsRef<OsStr>>(args: &[A]) -> Ran {
    preshard_in(root(), args)
}

/// Whether texts are to be rewritten.
pub fn bless() -> bool {
    std::env::var_os("BLESS").is_some()
}

/// All snapshots under `fixtures/`, sorted.
pub fn snapshots() -> Vec<PathBuf> {
    fn walk(directory: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(directory).expect("a fixture directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension() == Some(OsStr::new("rdb")) {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&root().join("fixtures/servers"), &mut found);
    found.sort();
    assert!(found.len() >= 150, "only {} snapshots found", found.len());
    found
}

/// A directory in which a test makes its damage.
pub struct Scratch(tempfile::TempDir);

impl Scratch {
    /// An empty one.
    pub fn new() -> Scratch {
        Scratch(tempfile::tempdir().expect("a scratch directory"))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file, and the directories it lies in.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).expect("a directory");
        }
        fs::write(&path, content).expect("a file");
        path
    }

    /// Runs `preshard` in it.
    pub fn run(&self, args: &[&str]) -> Ran {
        preshard_in(self.path(), args)
    }

    /// Runs and expects an error or warning with all of these words.
    pub fn refuses(&self, args: &[&str], status: i32, words: &[&str]) -> Ran {
        let ran = self.run(args).expect_status(status);
        for word in words {
            assert!(
                ran.stderr.contains(word),
                "{args:?}: {word:?} is not said in\n{}",
                ran.stderr
            );
        }
        assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
        ran
    }
}

/// A snapshot with keys in many slots, 18,307 bytes, 191 keys, RDB 10.
pub fn sound() -> Vec<u8> {
    fs::read(fixture("servers/redis-7.0/cluster.rdb")).expect("the snapshot")
}
