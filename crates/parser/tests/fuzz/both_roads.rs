//! Two roads to the same: a snapshot that passes by tells what one in memory does.

use std::io::{self, Read};

use preshard_parser::{
    Detail, Error, Portion, RdbReader, RdbStream, Record, RecordKind, Str, Value, crc64,
};

/// Reads `bytes` both ways, streaming in pieces of the given lengths, over and over, through a window of
/// `window_bytes`, and panics when anything differs.
pub fn read_on_both_roads(bytes: &[u8], pieces: &[u8], window_bytes: usize, detail: Detail) {
    let input = Pieces {
        rest: bytes,
        pieces: pieces.iter().cycle(),
    };
    let (mut reader, mut stream) = match (
        RdbReader::new(bytes),
        RdbStream::with_window(input, detail, window_bytes),
    ) {
        (Ok(reader), Ok(stream)) => (reader.with_detail(detail), stream),
        (Err(in_memory), Err(streamed)) => return assert_eq!(streamed, in_memory),
        (in_memory, streamed) => panic!(
            "header {:?} in memory, {:?} streamed",
            in_memory.map(|reader| reader.header()),
            streamed.map(|stream| stream.header())
        ),
    };
    assert_eq!(stream.header(), reader.header());
    let portion = Portion {
        records: 1 + pieces.len(),
        bytes: window_bytes as u64,
    };
    let mut checksum_at = None;
    loop {
        let mut records = Vec::new();
        let framed = stream.next_records(portion, &mut records);
        for streamed in &records {
            match reader.next_record() {
                Ok(Some(in_memory)) => {
                    // A value that breaks when it is measured does so in memory only once it is asked for.
                    compare(streamed, &in_memory, detail);
                    if let RecordKind::End { .. } = in_memory.kind {
                        checksum_at = Some(in_memory.offset + 1..in_memory.range.end);
                    }
                }
                other => panic!("{streamed:?} streamed, {other:?} in memory"),
            }
        }
        let done = records.is_empty();
        if let Err(streamed) = framed {
            return assert_eq!(
                Some(streamed),
                next_error(&mut reader, detail),
                "first error"
            );
        }
        if done {
            break;
        }
    }
    assert_eq!(
        reader.next_record(),
        Ok(None),
        "records after the last streamed"
    );
    let checksum_at = checksum_at.expect("a snapshot without error ends");
    assert_eq!(
        stream.checksum(checksum_at.end - checksum_at.start),
        crc64::checksum(&bytes[..checksum_at.start as usize])
    );
    let behind = stream.behind(16);
    assert!(behind.failure.is_none());
    assert_eq!(behind.bytes, reader.rest().len() as u64);
    assert_eq!(behind.first, &reader.rest()[..behind.first.len()]);
}

/// The error of the next record, or of its value once it is measured.
fn next_error(reader: &mut RdbReader<'_>, detail: Detail) -> Option<Error> {
    match reader.next_record() {
        Err(error) => Some(error),
        Ok(Some(Record {
            kind: RecordKind::Entry(entry),
            ..
        })) => entry.measure(detail).err(),
        Ok(_) => None,
    }
}

fn compare(streamed: &Record<'_>, in_memory: &Record<'_>, detail: Detail) {
    assert_eq!(streamed.range, in_memory.range);
    assert_eq!(streamed.offset, in_memory.offset);
    assert_eq!(streamed.lost_attributes, in_memory.lost_attributes);
    match (&streamed.kind, &in_memory.kind) {
        (RecordKind::Entry(streamed), RecordKind::Entry(in_memory)) => {
            assert_eq!(streamed.measure(detail), in_memory.measure(detail));
            assert_eq!(streamed.payload_bytes(), in_memory.payload_bytes());
            let mut without_value = *streamed;
            if let Value::Measured(_) = streamed.value {
                without_value.value = in_memory.value;
            }
            assert_eq!(without_value, *in_memory);
        }
        (
            RecordKind::Aux { name, value },
            RecordKind::Aux {
                name: in_memory_name,
                value: in_memory_value,
            },
        ) => {
            compare_strings(name, in_memory_name);
            compare_strings(value, in_memory_value);
        }
        (
            RecordKind::Function { source },
            RecordKind::Function {
                source: in_memory_source,
            },
        ) => compare_strings(source, in_memory_source),
        (streamed, in_memory) => assert_eq!(streamed, in_memory),
    }
}

fn compare_strings(streamed: &Str<'_>, in_memory: &Str<'_>) {
    assert_eq!(streamed.len(), in_memory.len());
    if streamed.is_held() {
        assert_eq!(streamed, in_memory);
    } else {
        assert!(streamed.bytes().is_err());
    }
}

/// Gives its bytes in pieces of the lengths that it is told; a length of 0 stands for an interrupted call.
struct Pieces<'a, I> {
    rest: &'a [u8],
    pieces: I,
}

impl<'a, I: Iterator<Item = &'a u8>> Read for Pieces<'a, I> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = match self.pieces.next() {
            None => out.len(),
            Some(0) => return Err(io::ErrorKind::Interrupted.into()),
            Some(&n) => usize::from(n),
        };
        let n = n.min(out.len()).min(self.rest.len());
        let (now, rest) = self.rest.split_at(n);
        out[..n].copy_from_slice(now);
        self.rest = rest;
        Ok(n)
    }
}
