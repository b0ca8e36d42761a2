//! A snapshot that is cut short while it is mapped.
#![cfg(unix)]

use std::fs::{File, OpenOptions as FileOptions};
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Command;
use std::thread;

use preshard_parser::source::{OpenOptions, Source};

const FILE_BYTES: usize = 4 << 20;

/// A file that begins like a snapshot and then holds no zero.
fn filled(directory: &Path, name: &str) -> std::path::PathBuf {
    let path = directory.join(name);
    let mut bytes = vec![0xA5; FILE_BYTES];
    bytes[..9].copy_from_slice(b"REDIS0011");
    let mut file = File::create(&path).expect("created");
    file.write_all(&bytes).expect("written");
    path
}

fn cut(path: &Path, bytes: u64) {
    let file = FileOptions::new().write(true).open(path).expect("opened");
    file.set_len(bytes).expect("cut");
}

#[test]
fn reading_goes_on_and_the_loss_is_told() {
    let directory = tempfile::tempdir().expect("directory");
    for left in [0, 1, 4_096, 3 * 4_096 + 100, FILE_BYTES as u64 - 1] {
        let path = filled(directory.path(), "dump.rdb");
        let source = Source::open(&path, &OpenOptions::default()).expect("opens");
        let bytes = source.bytes().expect("mapped");
        assert_eq!(bytes.len(), FILE_BYTES);
        assert!(bytes.iter().all(|&byte| byte != 0));
        assert!(!source.shrunk());
        assert!(!source.changed().expect("metadata"));

        cut(&path, left);
        let (kept, lost) = bytes.split_at(usize::try_from(left).expect("small"));
        assert!(lost.iter().all(|&byte| byte == 0), "cut to {left}");
        assert!(kept.iter().all(|&byte| byte != 0), "cut to {left}");
        assert!(source.shrunk(), "cut to {left}");
        assert!(source.changed().expect("metadata"), "cut to {left}");
    }
}

/// Bytes that were lost stay lost: the file growing again does not make the reading right.
#[test]
fn a_file_that_grows_again_was_still_shrunk() {
    let directory = tempfile::tempdir().expect("directory");
    let path = filled(directory.path(), "dump.rdb");
    let source = Source::open(&path, &OpenOptions::default()).expect("opens");
    let bytes = source.bytes().expect("mapped");
    cut(&path, 5_000);
    assert_eq!(bytes[FILE_BYTES - 1], 0);
    filled(directory.path(), "dump.rdb");
    assert!(source.shrunk());
}

/// Mappings come and go on all threads while others lose their pages: each finds its own loss and no other.
#[test]
fn mappings_that_come_and_go_do_not_mistake_each_other() {
    let directory = tempfile::tempdir().expect("directory");
    let directory = directory.path();
    thread::scope(|scope| {
        for worker in 0..4 {
            scope.spawn(move || {
                for round in 0..100 {
                    let path = filled(directory, &format!("{worker}.rdb"));
                    let source = Source::open(&path, &OpenOptions::default()).expect("opens");
                    let bytes = source.bytes().expect("mapped");
                    let is_cut = (round + worker) % 2 == 0;
                    if is_cut {
                        cut(&path, 8_192);
                    }
                    let zeros = bytes.iter().filter(|&&byte| byte == 0).count();
                    assert_eq!(zeros, if is_cut { FILE_BYTES - 8_192 } else { 0 });
                    assert_eq!(source.shrunk(), is_cut);
                }
            });
        }
    });
}

/// A bad access that is not ours ends the process as it always did.
#[test]
fn other_bad_accesses_still_end_the_process() {
    const CHILD: &str = "PRESHARD_TEST_FOREIGN_SIGBUS";
    if let Some(directory) = std::env::var_os(CHILD) {
        touch_what_is_gone(directory.as_ref());
        return;
    }
    let directory = tempfile::tempdir().expect("directory");
    let status = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "other_bad_accesses_still_end_the_process"])
        .env(CHILD, directory.path())
        .output()
        .expect("runs")
        .status;
    assert_eq!(status.signal(), Some(libc::SIGBUS), "{status}");
}

#[expect(unsafe_code, reason = "a mapping that the crate knows nothing of")]
fn touch_what_is_gone(directory: &Path) {
    let ours = filled(directory, "ours.rdb");
    let source = Source::open(&ours, &OpenOptions::default()).expect("opens");
    let foreign = filled(directory, "foreign");
    let file = File::open(&foreign).expect("opened");
    // SAFETY: that the file is cut is what this is about.
    let map = unsafe { memmap2::Mmap::map(&file).expect("mapped") };
    cut(&ours, 0);
    assert_eq!(source.bytes().expect("mapped")[0], 0);
    cut(&foreign, 0);
    println!("read {}", map[FILE_BYTES / 2]);
}
