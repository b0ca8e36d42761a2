//! The bytes of a snapshot one after the other, read and decoded by a thread of their own.

use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::container::{Leftover, Unwrapped};
use crate::limits::{STREAM_BLOCK_BYTES, STREAM_BLOCKS};

/// Reads the decoded bytes of a snapshot.
///
/// Decoding goes on while earlier bytes are looked at, at most [`STREAM_BLOCKS`] blocks of [`STREAM_BLOCK_BYTES`]
/// ahead. When the stream fails, all bytes that were decoded before come first, then the error, then the same error
/// again.
///
/// The thread ends with the stream. One that waits for a pipe ends when the pipe has something to say.
#[derive(Debug)]
pub struct SnapshotStream {
    full: Receiver<Block>,
    empty: Sender<Vec<u8>>,
    block: Block,
    at: usize,
    leftovers: Arc<Mutex<Vec<Leftover>>>,
    file_bytes_consumed: Arc<AtomicU64>,
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
        SnapshotStream::of(snapshot, leftovers, file_bytes_consumed)
    }

    fn of(
        mut snapshot: impl Read + Send + 'static,
        leftovers: Arc<Mutex<Vec<Leftover>>>,
        file_bytes_consumed: Arc<AtomicU64>,
    ) -> io::Result<SnapshotStream> {
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
        Ok(SnapshotStream {
            full,
            empty,
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
            // The thread may have ended already: then this block is not needed any more.
            let _ = self.empty.send(std::mem::take(&mut self.block.bytes));
            self.at = 0;
            self.block = self
                .full
                .recv()
                .map_err(|_| io::Error::other("the thread that decodes the snapshot ended"))?;
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
