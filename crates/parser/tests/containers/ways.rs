use std::io::{self, Read, Write as _};
use std::sync::mpsc;

use preshard_parser::source::{Mmap, OpenOptions, Source};

use crate::made::{self, MARK, wrappings};
use crate::{read, snapshots};

#[test]
fn files_are_told_by_their_content_and_read_alike_mapped_or_not() {
    let directory = tempfile::tempdir().expect("a directory");
    for (at, (_, bytes)) in snapshots().into_iter().enumerate().step_by(7) {
        let mut files = vec![
            ("plain", bytes.clone()),
            ("capture", made::capture_sized(&bytes)),
            ("marked", made::capture_marked(&bytes)),
        ];
        files.extend(
            wrappings()
                .into_iter()
                .map(|each| (each.name, (each.wrap)(&bytes))),
        );
        for (name, content) in files {
            // Names that say something else.
            let path = directory.path().join(format!("{at}.rdb.gz"));
            std::fs::write(&path, &content).expect("written");
            let mut held = bytes.clone();
            if name == "marked" {
                held.extend(MARK);
            }
            let as_it_is = ["plain", "capture", "marked"].contains(&name);
            for mmap in [Mmap::Auto, Mmap::Never] {
                let source = Source::open(&path, &mmap.into()).expect("opens");
                assert_eq!(source.path(), path);
                assert_eq!(source.file_bytes(), Some(content.len() as u64));
                assert_eq!(source.head(), &held[..held.len().min(64 * 1_024)]);
                let mapped = mmap == Mmap::Auto && as_it_is;
                assert_eq!(source.bytes(), mapped.then_some(&held[..]), "{name}");
                // As often as wanted.
                for _ in 0..2 {
                    let (out, error) = read(&source);
                    assert!(error.is_none() && out == held, "{name}: {error:?}");
                }
                assert!(!source.changed().expect("metadata"));
                assert!(!source.shrunk());
            }
        }
    }
}

#[test]
fn an_empty_file_is_empty_either_way() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    for mmap in [Mmap::Auto, Mmap::Never] {
        let source = Source::open(file.path(), &mmap.into()).expect("opens");
        assert_eq!(source.head(), b"");
        assert!(source.bytes().is_none_or(<[u8]>::is_empty));
        let (out, error) = read(&source);
        assert!(out.is_empty() && error.is_none());
    }
}

#[cfg(unix)]
#[test]
fn pipes_are_read_once() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    assert!(made.expect("mkfifo").success());
    let bytes = crate::small();
    for wrapping in wrappings() {
        let content = (wrapping.wrap)(&bytes);
        let writer = std::thread::spawn({
            let path = path.clone();
            move || {
                let mut pipe = std::fs::File::create(path).expect("opened");
                pipe.write_all(&content).expect("written");
            }
        });
        let source = Source::open(&path, &OpenOptions::default()).expect("opens");
        writer.join().expect("written");
        assert_eq!(source.bytes(), None);
        assert_eq!(source.file_bytes(), None);
        assert_eq!(source.wrapping(), [wrapping.container]);
        assert_eq!(source.head(), bytes);
        let (out, error) = read(&source);
        assert!(out == bytes && error.is_none(), "{error:?}");
        let error = source.stream().expect_err("a second time");
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert!(!source.changed().expect("nothing to change"));
    }
}

/// Endless, and tells when it is dropped.
struct Endless(
    #[allow(dead_code, reason = "to be dropped")] mpsc::Sender<()>,
    u64,
);

impl Read for Endless {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        into.fill(b'R');
        self.1 += into.len() as u64;
        Ok(into.len())
    }
}

#[test]
fn a_stream_that_is_dropped_ends_its_thread() {
    for taken in [0, 1, 3_000_000] {
        let (dropped, told) = mpsc::channel();
        let reader = Box::new(Endless(dropped, 0));
        let source = Source::of_reader("-".into(), reader, &OpenOptions::default());
        let source = source.expect("opens");
        let mut stream = source.stream().expect("a stream");
        stream.read_exact(&mut vec![0; taken]).expect("bytes");
        drop(stream);
        // The sender goes with the reader, which goes with the thread. It would wait for ever otherwise.
        assert_eq!(told.recv(), Err(mpsc::RecvError));
    }
}

/// The thread does not run away: it decodes no more than its blocks hold, and waits.
#[test]
fn decoding_runs_ahead_by_no_more_than_its_blocks() {
    struct Counted(mpsc::Sender<usize>);
    impl Read for Counted {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            into.fill(b'R');
            let _ = self.0.send(into.len());
            Ok(into.len())
        }
    }
    let (read, told) = mpsc::channel();
    let reader = Box::new(Counted(read));
    let source = Source::of_reader("-".into(), reader, &OpenOptions::default()).expect("opens");
    let mut stream = source.stream().expect("a stream");
    const TAKEN: usize = 10 << 20;
    stream.read_exact(&mut vec![0; TAKEN]).expect("bytes");
    drop(stream);
    let all: usize = told.iter().sum();
    // Four blocks of a MiB, and what was looked at ahead.
    assert!(
        all <= TAKEN + (4 << 20) + (256 << 10),
        "{all} bytes read for {TAKEN}"
    );
}

#[test]
fn how_much_of_the_file_was_read_is_told() {
    let (_, bytes) = snapshots().swap_remove(0);
    let content = made::gzip(&bytes);
    let source = crate::open(content.clone()).expect("opens");
    let mut stream = source.stream().expect("a stream");
    io::copy(&mut stream, &mut io::sink()).expect("sound");
    assert_eq!(stream.file_bytes_read(), content.len() as u64);
}
