//! Who works on which part of a file.
//!
//! A file is divided into chunks of equal length. One thread reads it as it must be read, from its first record on: the
//! *chain*. The others take chunks in front of it, compute their checksums, and guess where in them a record begins, so
//! that they can read on from there. What came of a guess counts only when the chain arrives at the very offset at
//! which it began; otherwise it is thrown away. So the chain alone decides what the file says, and guesses decide no more
//! than how soon.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use preshard_parser::crc64;

use super::batch::Batch;

/// Chunks in front of the chain that may be taken, besides one for each thread: as many as keep all busy while the chain
/// takes in what they found.
const SPARE_CHUNKS: usize = 2;
/// Memory that all may take together for what was read and waits for the chain.
const HELD_BYTES: usize = 24 << 20;
/// Bytes of the file that all may have mapped together, about.
const RESIDENT_BYTES: usize = 64 << 20;
/// Bounds of what one thread maps at a time: more saves nothing, and less costs more calls than it is worth.
const RESIDENT_BYTES_MAX: usize = 4 << 20;
const RESIDENT_BYTES_MIN: usize = 512 << 10;
/// Most chunks of which nothing is guessed after guesses that came to nothing.
const PAUSE_MAX: u32 = 64;

/// The chunks of a file.
pub(super) struct Lanes<'a> {
    pub(super) bytes: &'a [u8],
    chunk_bytes: usize,
    threads: usize,
    state: Mutex<State<'a>>,
    changed: Condvar,
}

struct State<'a> {
    /// The chunk in which the chain is.
    chain: usize,
    /// Whether somebody has taken a chunk.
    taken: Vec<bool>,
    checksums: Vec<Option<u64>>,
    guesses: HashMap<usize, Guess<'a>>,
    /// Guesses that came to nothing, since the last that did not.
    failed: u32,
    /// Chunks of which nothing is to be guessed before the next guess.
    pause: u32,
    done: bool,
}

/// What became of the guess at a chunk.
enum Guess<'a> {
    /// A beginning is being looked for.
    Sought(Arc<AtomicBool>),
    /// Records are being read from this offset on.
    Running(u64, Arc<AtomicBool>),
    Found(Run<'a>),
}

/// Records that were read from a guessed beginning on.
pub(super) struct Run<'a> {
    pub(super) range: Range<u64>,
    pub(super) batches: Vec<Batch<'a>>,
    /// The database that was selected last, unless none was.
    pub(super) db: Option<u64>,
}

/// A chunk that somebody has taken.
pub(super) struct Taken {
    pub(super) chunk: usize,
    /// Whether a beginning is to be guessed in it.
    pub(super) guess: Option<Arc<AtomicBool>>,
}

impl<'a> Lanes<'a> {
    pub(super) fn new(bytes: &'a [u8], chunk_bytes: usize, threads: usize) -> Lanes<'a> {
        let chunk_bytes = chunk_bytes.max(1);
        let chunks = bytes.len().div_ceil(chunk_bytes);
        Lanes {
            bytes,
            chunk_bytes,
            threads,
            state: Mutex::new(State {
                chain: 0,
                taken: vec![false; chunks],
                checksums: vec![None; chunks],
                guesses: HashMap::new(),
                failed: 0,
                pause: 0,
                done: false,
            }),
            changed: Condvar::new(),
        }
    }

    /// Chunks in front of the chain that may be taken.
    fn ahead(&self) -> usize {
        self.threads + SPARE_CHUNKS
    }

    /// Memory that what was read of one chunk may take while it waits for the chain.
    pub(super) fn held_bytes_max(&self) -> usize {
        HELD_BYTES / self.ahead()
    }

    /// Bytes of the file that one thread maps at a time.
    pub(super) fn resident_bytes(&self) -> usize {
        (RESIDENT_BYTES / self.threads / 2).clamp(RESIDENT_BYTES_MIN, RESIDENT_BYTES_MAX)
    }

    pub(super) fn chunk_at(&self, at: usize) -> usize {
        at / self.chunk_bytes
    }

    pub(super) fn range(&self, chunk: usize) -> Range<usize> {
        let start = chunk.saturating_mul(self.chunk_bytes).min(self.bytes.len());
        start..start.saturating_add(self.chunk_bytes).min(self.bytes.len())
    }

    /// Number of chunks.
    pub(super) fn chunks(&self) -> usize {
        self.bytes.len().div_ceil(self.chunk_bytes)
    }

    /// The offset behind a chunk, and none behind the last: what is missing there is missing from the file.
    pub(super) fn end_of(&self, chunk: usize) -> u64 {
        match self.range(chunk).end {
            end if end < self.bytes.len() => end as u64,
            _ => u64::MAX,
        }
    }

    /// Takes a chunk in front of the chain, waiting until there is one when `wait` says so; `None` when there is none.
    pub(super) fn take(&self, wait: bool) -> Option<Taken> {
        let mut state = self.lock();
        loop {
            if state.done {
                return None;
            }
            let first = state.chain + 1;
            let end = (first + self.ahead()).min(state.taken.len());
            if let Some(chunk) = (first..end).find(|&chunk| !state.taken[chunk]) {
                state.taken[chunk] = true;
                let guess = state.pause == 0;
                state.pause = state.pause.saturating_sub(1);
                let abandoned = guess.then(|| Arc::new(AtomicBool::new(false)));
                if let Some(abandoned) = &abandoned {
                    let sought = Guess::Sought(Arc::clone(abandoned));
                    state.guesses.insert(chunk, sought);
                }
                return Some(Taken {
                    chunk,
                    guess: abandoned,
                });
            }
            if !wait || end == state.taken.len() {
                return None;
            }
            state = self.wait(state);
        }
    }

    /// Takes a chunk for the chain, which has come so far; false when somebody else has it.
    pub(super) fn take_for_chain(&self, chunk: usize) -> bool {
        let mut state = self.lock();
        if state.advance(chunk) {
            self.changed.notify_all();
        }
        state
            .taken
            .get_mut(chunk)
            .is_some_and(|taken| !std::mem::replace(taken, true))
    }

    /// Notes the checksum of a chunk.
    pub(super) fn set_checksum(&self, chunk: usize, value: u64) {
        self.lock().checksums[chunk] = Some(value);
    }

    /// The guess at a chunk begins at this offset.
    pub(super) fn begin(&self, taken: &Taken, offset: u64) {
        if let Some(abandoned) = &taken.guess {
            self.settle(taken.chunk, Guess::Running(offset, Arc::clone(abandoned)));
        }
    }

    /// The guess at a chunk came to this.
    pub(super) fn end(&self, taken: &Taken, run: Run<'a>) {
        self.settle(taken.chunk, Guess::Found(run));
    }

    /// The guess at a chunk came to nothing.
    pub(super) fn give_up(&self, chunk: usize) {
        let mut state = self.lock();
        if state.guesses.remove(&chunk).is_some() {
            state.fail();
        }
        self.changed.notify_all();
    }

    /// Whatever the chain did not abandon is kept.
    fn settle(&self, chunk: usize, guess: Guess<'a>) {
        let mut state = self.lock();
        if let Some(place) = state.guesses.get_mut(&chunk) {
            *place = guess;
        }
        self.changed.notify_all();
    }

    /// The chain has arrived in a chunk: chunks further on may be taken. Where somebody has guessed that a record begins
    /// in this one, and reads on from there or has done so.
    pub(super) fn arrive(&self, chunk: usize) -> Option<u64> {
        let mut state = self.lock();
        if state.advance(chunk) {
            self.changed.notify_all();
        }
        loop {
            match state.guesses.get(&chunk) {
                None => return None,
                Some(Guess::Running(offset, _)) => return Some(*offset),
                Some(Guess::Found(run)) => return Some(run.range.start),
                Some(Guess::Sought(_)) => state = self.wait(state),
            }
        }
    }

    /// The chain has found that records do not begin where it was guessed.
    pub(super) fn refuse(&self, chunk: usize) {
        let mut state = self.lock();
        if let Some(guess) = state.guesses.remove(&chunk) {
            guess.abandon();
            state.fail();
        }
    }

    /// Takes what was read from a guessed beginning on, which the chain has found to be one. `wait` says to wait as long as
    /// somebody is reading.
    pub(super) fn accept(&self, chunk: usize, wait: bool) -> Accepted<'a> {
        let mut state = self.lock();
        loop {
            match state.guesses.remove(&chunk) {
                None => return Accepted::Nothing,
                Some(Guess::Found(run)) => {
                    state.failed = 0;
                    return Accepted::Run(run);
                }
                Some(guess) => {
                    state.guesses.insert(chunk, guess);
                }
            }
            if !wait {
                return Accepted::NotYet;
            }
            state = self.wait(state);
        }
    }

    /// Nothing more is needed of anybody.
    pub(super) fn finish(&self) {
        let mut state = self.lock();
        state.done = true;
        for (_, guess) in state.guesses.drain() {
            guess.abandon();
        }
        self.changed.notify_all();
    }

    /// The checksum of the bytes in front of `until`, all chunks of which the chain has passed.
    pub(super) fn checksum(&self, until: usize) -> u64 {
        let whole = self.chunk_at(until);
        let by_chunk = crc64::Combine::with_second_len(self.chunk_bytes as u64);
        let mut value = 0;
        for chunk in 0..whole {
            let known = self.lock().checksums[chunk];
            let of_chunk = known.unwrap_or_else(|| crc64::checksum(&self.bytes[self.range(chunk)]));
            value = by_chunk.combine(value, of_chunk);
        }
        let rest = &self.bytes[self.range(whole).start..until];
        crc64::combine(value, crc64::checksum(rest), rest.len() as u64)
    }

    fn lock(&self) -> MutexGuard<'_, State<'a>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'l>(&self, state: MutexGuard<'l, State<'a>>) -> MutexGuard<'l, State<'a>> {
        self.changed
            .wait(state)
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the chain gets of a guess that was right.
pub(super) enum Accepted<'a> {
    Run(Run<'a>),
    /// It is still being read.
    NotYet,
    /// Whoever read it gave up.
    Nothing,
}

impl State<'_> {
    /// The chain has come to this chunk: nobody needs guesses at those in front. Whether it was not there before.
    fn advance(&mut self, chunk: usize) -> bool {
        if chunk <= self.chain {
            return false;
        }
        self.chain = chunk;
        self.guesses.retain(|&guessed, guess| {
            let is_ahead = guessed >= chunk;
            if !is_ahead {
                guess.abandon();
            }
            is_ahead
        });
        true
    }

    /// Guesses that come to nothing cost their time, and where one did others will: the next are put off.
    fn fail(&mut self) {
        self.failed = self.failed.saturating_add(1);
        self.pause = 1u32
            .checked_shl(self.failed)
            .map_or(PAUSE_MAX, |pause| pause.min(PAUSE_MAX));
    }
}

impl Guess<'_> {
    fn abandon(&self) {
        if let Guess::Sought(abandoned) | Guess::Running(_, abandoned) = self {
            abandoned.store(true, Ordering::Relaxed);
        }
    }
}
