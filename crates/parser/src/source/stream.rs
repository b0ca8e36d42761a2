//! The bytes of a snapshot one after the other, read and decoded by a thread of their own where there is a core for it.

use std::fmt;
use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::container::{Leftover, Unwrapped};
use crate::limits::{STREAM_BLOCK_BYTES, STREAM_BLOCKS};

/// Reads the decoded bytes of a snapshot.
///
/// Where there is more than one core, decoding goes on while earlier bytes are looked at, at most [`STREAM_BLOCKS`] blocks
/// of [`STREAM_BLOCK_BYTES`] ahead. When the stream fails, all bytes that were decoded before come first, then the error, then the same error
/// again.
///
/// The thread ends with the stream. One that waits for a pipe ends when the pipe has something to say.
#[derive(Debug)]
pub struct SnapshotStream {
    decoder: Decoder,
    block: Block,
    at: usize,
    leftovers: Arc<Mutex<Vec<Leftover>>>,
    file_bytes_consumed: Arc<AtomicU64>,
}

/// Who decodes.
enum Decoder {
    /// Another thread, which gets empty blocks and gives full ones.
    Thread {
        full: Receiver<Block>,
        empty: Sender<Vec<u8>>,
    },
    /// Whoever reads: a second thread on the same core would only copy every byte once more.
    Reader(Box<dyn Read + Send>),
}

/// Decoded bytes, of which `length` are filled.
#[derive(Debug)]
struct Block {
    bytes: Vec<u8>,
    length: usize,
    then: Then,
}

/// What follows a block.
#[derive(Debug)]
enum Then {
    More,
    End,
    Failure(io::Error),
}

impl SnapshotStream {
    /// Begins to read.
    pub(super) fn new(
        unwrapped: Unwrapped,
        file_bytes_consumed: Arc<AtomicU64>,
    ) -> io::Result<SnapshotStream> {
        let Unwrapped {
            snapshot,
            leftovers,
            ..
        } = unwrapped;
        let decoder = match thread::available_parallelism() {
            Ok(cores) if cores.get() == 1 => Decoder::Reader(Box::new(snapshot)),
            _ => Decoder::thread(snapshot)?,
        };
        Ok(SnapshotStream {
            decoder,
            block: Block {
                bytes: Vec::new(),
                length: 0,
                then: Then::More,
            },
            at: 0,
            leftovers,
            file_bytes_consumed,
        })
    }

    /// Bytes of the file that were consumed so far, for those who watch it; they run ahead of what was read here.
    pub fn file_bytes_read(&self) -> u64 {
        self.file_bytes_consumed.load(Ordering::Relaxed)
    }

    /// Counts the same bytes for whoever has no hold of the stream while it is read.
    pub fn file_bytes_count(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.file_bytes_consumed)
    }

    /// The ends of the containers and what stood behind them, outermost first; known once the stream was read to its
    /// end. See [`super::Trailing::judge`] for what it may be.
    pub fn leftovers(&self) -> Vec<Leftover> {
        let leftovers = self.leftovers.lock();
        let mut leftovers = leftovers.unwrap_or_else(PoisonError::into_inner).clone();
        leftovers.sort_by_key(|leftover| leftover.behind);
        leftovers
    }
}

impl Decoder {
    /// Begins to decode.
    fn thread(mut snapshot: impl Read + Send + 'static) -> io::Result<Decoder> {
        let (empty, to_fill) = channel::<Vec<u8>>();
        let (filled, full) = channel();
        for _ in 0..STREAM_BLOCKS {
            // The receiver lives in this function.
            let _ = empty.send(Vec::new());
        }
        thread::Builder::new()
            .name("snapshot".to_owned())
            .spawn(move || {
                // Either channel closes when the stream is dropped.
                while let Ok(bytes) = to_fill.recv() {
                    let block = fill(&mut snapshot, bytes);
                    let last = !matches!(block.then, Then::More);
                    if filled.send(block).is_err() || last {
                        return;
                    }
                }
            })?;
        Ok(Decoder::Thread { full, empty })
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Decoder::Thread { .. } => "Thread",
            Decoder::Reader(_) => "Reader",
        })
    }
}

impl Read for SnapshotStream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut rest = self
                .block
                .bytes
                .get(self.at..self.block.length)
                .unwrap_or_default();
            if !rest.is_empty() {
                let got = rest.read(into)?;
                self.at += got;
                return Ok(got);
            }
            match &self.block.then {
                Then::More => {}
                Then::End => return Ok(0),
                Then::Failure(error) => return Err(again(error)),
            }
            match &mut self.decoder {
                Decoder::Thread { full, empty } => {
                    // The thread may have ended already: then this block is not needed any more.
                    let _ = empty.send(std::mem::take(&mut self.block.bytes));
                    self.at = 0;
                    self.block = full.recv().map_err(|_| {
                        io::Error::other("the thread that decodes the snapshot ended")
                    })?;
                }
                Decoder::Reader(snapshot) => match snapshot.read(into) {
                    Ok(0) if !into.is_empty() => self.block.then = Then::End,
                    Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                        self.block.then = Then::Failure(error);
                    }
                    read => return read,
                },
            }
        }
    }
}

fn fill(snapshot: &mut impl Read, mut bytes: Vec<u8>) -> Block {
    bytes.resize(STREAM_BLOCK_BYTES, 0);
    let mut length = 0;
    let then = loop {
        let Some(room) = bytes.get_mut(length..).filter(|room| !room.is_empty()) else {
            break Then::More;
        };
        match snapshot.read(room) {
            Ok(0) => break Then::End,
            Ok(got) => length += got,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => break Then::Failure(error),
        }
    };
    Block {
        bytes,
        length,
        then,
    }
}

/// The same error once more.
fn again(error: &io::Error) -> io::Error {
    match (super::ContainerError::of(error), error.raw_os_error()) {
        (Some(inner), _) => inner.clone().into(),
        (None, Some(code)) => io::Error::from_raw_os_error(code),
        (None, None) => io::Error::new(error.kind(), error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Some bytes, then an error, over and over.
    struct Failing(&'static [u8]);

    impl Read for Failing {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            match self.0.is_empty() {
                true => Err(io::Error::new(io::ErrorKind::InvalidData, "broken")),
                false => self.0.read(into),
            }
        }
    }

    fn stream(decoder: Decoder) -> SnapshotStream {
        SnapshotStream {
            decoder,
            block: Block {
                bytes: Vec::new(),
                length: 0,
                then: Then::More,
            },
            at: 0,
            leftovers: Arc::default(),
            file_bytes_consumed: Arc::default(),
        }
    }

    /// All bytes, then the error, then the same error again; or the end, and the end again.
    #[test]
    fn either_decoder_gives_what_there_is_and_then_says_why_there_is_no_more() {
        for is_thread in [false, true] {
            let decoder = |input: Failing| match is_thread {
                true => Decoder::thread(input).expect("a thread"),
                false => Decoder::Reader(Box::new(input)),
            };
            let mut failing = stream(decoder(Failing(b"some bytes")));
            let mut all = [0; 10];
            failing.read_exact(&mut all).expect("some bytes");
            assert_eq!(&all, b"some bytes");
            for _ in 0..2 {
                let error = failing.read(&mut all).expect_err("broken");
                assert_eq!(error.to_string(), "broken");
            }
            let whole = &b"whole"[..];
            let mut ending = stream(match is_thread {
                true => Decoder::thread(whole).expect("a thread"),
                false => Decoder::Reader(Box::new(whole)),
            });
            let mut read = Vec::new();
            ending.read_to_end(&mut read).expect("no error");
            assert_eq!(read, b"whole");
            assert_eq!(ending.read(&mut all).expect("no error"), 0);
        }
    }
}
