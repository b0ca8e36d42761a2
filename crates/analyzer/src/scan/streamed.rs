//! Scanning a snapshot that passes by: nothing of it is held but a window.

use std::io::{self, Read};
use std::path::Path;

use preshard_parser::limits::TRAILING_LOOKED_AT_BYTES;
use preshard_parser::source::Container;
use preshard_parser::{MembersError, Portion, RdbStream, Watch};

use super::batch::{self, Batch, Reached, Reading};
use super::behind::Behind;
use super::stop::{End, Stop};
use super::tally::Tally;
use super::{Outcome, Progress, ScanOptions, Sink, check};
use crate::{Checksum, Error, KeyFacts};

/// Most records that are framed at a time, and bytes of file after which no more are.
const PORTION: Portion = Portion {
    records: 4_096,
    bytes: 8 << 20,
};

/// Takes what is found.
pub(super) trait Taker {
    /// Takes keys, in file order.
    fn keys(&mut self, keys: &[KeyFacts<'_>]) -> io::Result<()>;

    /// Whoever wants to see the members of some values while they pass.
    fn watch(&mut self) -> Option<&mut dyn Watch> {
        None
    }
}

/// Takes keys, and wants to see no members.
pub(super) struct KeysOnly<'s, 'f>(pub(super) Option<&'s mut Sink<'f>>);

impl Taker for KeysOnly<'_, '_> {
    fn keys(&mut self, keys: &[KeyFacts<'_>]) -> io::Result<()> {
        self.0.as_mut().map_or(Ok(()), |sink| sink(keys))
    }
}

/// Scans what `input` gives, a snapshot that was wrapped in `wrapping`.
pub(super) fn scan<R: Read>(
    path: &Path,
    input: R,
    wrapping: &[Container],
    reading: &Reading<'_>,
    progress: &dyn Progress,
    taker: &mut dyn Taker,
) -> Result<(Tally, Outcome), Error> {
    let options = reading.options;
    let mut stream = RdbStream::new(input, options.measuring())?;
    let mut tally = Tally::new(path, stream.header(), options);
    let mut from = 0;
    let stop = loop {
        let by_window = match taker.watch() {
            None => read_window(&mut stream, reading, &mut tally, taker),
            Some(_) => None,
        };
        let stop = match by_window {
            Some(stop) => stop?,
            None => read_records(&mut stream, options, &mut tally, taker)?,
        };
        progress.advance(stream.offset() - from);
        from = stream.offset();
        if let Some(stop) = stop {
            break stop;
        }
    };
    let checksum = match &stop {
        Stop::Ended(end) => check::verdict(end, || stream.checksum(end.checksum_bytes())),
        Stop::Damaged(_) => Checksum::NotReached,
    };
    let at = stream.offset();
    let behind = stream.behind(TRAILING_LOOKED_AT_BYTES);
    let outcome = Outcome {
        stop,
        checksum,
        bytes: at + behind.bytes,
        behind: Behind::judge(&behind.first, behind.bytes, wrapping),
        failure: behind.failure,
        layers: Vec::new(),
        changed: false,
        salvage: None,
    };
    Ok((tally, outcome))
}

/// Reads the records that lie whole in the window, if there are any; why reading stopped, if it did.
fn read_window<R: Read>(
    stream: &mut RdbStream<'_, R>,
    reading: &Reading<'_>,
    tally: &mut Tally,
    taker: &mut dyn Taker,
) -> Option<Result<Option<Stop>, Error>> {
    let read = stream.read_window(|reader| {
        let mut batch = Batch::default();
        loop {
            let reached = batch.read(reader, u64::MAX, reading, |_| true);
            tally.add(&batch, reading.options);
            let end = batch.range.end;
            if let Err(error) = taker.keys(&batch.keys) {
                return (end, Err(Error::Sink(error)));
            }
            match reached {
                Reached::Room | Reached::Unwelcome => {}
                Reached::Stop(Stop::Ended(ended)) => {
                    return (ended.offset, Ok(Stop::Ended(ended)));
                }
                Reached::Stop(damaged) => return (end, Ok(damaged)),
            }
        }
    })?;
    Some(read.map(|stop| match stop {
        Stop::Damaged(error) => stream.is_error(error).map(Stop::Damaged),
        ended => Some(ended),
    }))
}

/// Reads some records one after the other; why reading stopped, if it did.
fn read_records<R: Read>(
    stream: &mut RdbStream<'_, R>,
    options: &ScanOptions<'_>,
    tally: &mut Tally,
    taker: &mut dyn Taker,
) -> Result<Option<Stop>, Error> {
    let mut records = Vec::new();
    let mut measured: Vec<Batch<'_>> = Vec::new();
    let framed = match taker.watch() {
        None => stream.next_records(PORTION, &mut records),
        Some(watch) => match stream.next_watched(PORTION, watch, &mut records) {
            Err(MembersError::Sink(error)) => return Err(Error::Sink(error)),
            Err(MembersError::Value(error)) => Err(error),
            Ok(()) => Ok(()),
        },
    };
    let end = End::take(&mut records);
    batch::measure(&records, options, &mut measured);
    for batch in &measured {
        tally.add(batch, options);
        taker.keys(&batch.keys).map_err(Error::Sink)?;
    }
    Ok(batch::take_error(&mut measured)
        .or(framed.err())
        .map(Stop::Damaged)
        .or(end.map(Stop::Ended)))
}
