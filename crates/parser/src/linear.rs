//! Proof by counting that reading takes time linear in the length of the input, whatever is in it.
//!
//! All that the reader does, it does between two calls of a cursor, and there in constant time; what
//! decompression adds is bounded by [`LZF_EXPANSION_MAX`] for each byte. So the calls are counted, on inputs
//! made of as many of the cheapest structures as fit. Streaming adds refilling the window, which is
//! counted by the bytes that are moved for it.

use std::cell::Cell;
use std::io::{self, Read};

use crate::limits::{LZF_EXPANSION_MAX, SLOT_IMPORT_RANGES_MAX};
use crate::rdb::{EntryHead, FrameCursor, Framer, Need, TemplateSource};
use crate::reader::{Cursor, Reader};
use crate::value::{Skip, measure, walk_value};
use crate::{Detail, Error, Header, Portion, RdbStream, RecordKind, Template, Value, ValueFacts};

/// Most calls of a cursor for each byte on one walk. The dearest byte is the length of an empty string: where it
/// lies is asked twice, it is taken and checked, and no bytes are skipped behind it.
const CALLS_PER_BYTE: u64 = 6;
/// A value is passed over, and measured as deep as either [`Detail`].
const WALKS: u64 = 3;

/// A reader that counts the calls on it, and measures values as often as anybody does.
struct Counted<'a, 'c> {
    reader: Reader<'a>,
    calls: &'c Cell<u64>,
    elements: &'c Cell<u64>,
}

impl Counted<'_, '_> {
    fn count(&self) {
        self.calls.set(self.calls.get() + 1);
    }
}

impl Cursor for Counted<'_, '_> {
    fn offset(&self) -> u64 {
        self.count();
        self.reader.offset()
    }

    fn take(&mut self, n: usize) -> Result<&[u8], Error> {
        self.count();
        self.reader.take(n)
    }

    fn skip(&mut self, n: u64) -> Result<(), Error> {
        self.count();
        self.reader.skip(n)
    }
}

impl<'a> FrameCursor<'a> for Counted<'a, '_> {
    fn stored(&mut self, stored: u64, _need: Need) -> Result<&'a [u8], Error> {
        self.count();
        self.reader.window(stored)
    }

    fn value(
        &mut self,
        head: &EntryHead<'a>,
        templates: TemplateSource<'_>,
    ) -> Result<(Value<'a>, Option<Template>), Error> {
        let value_type = head.value_type;
        let mut start = self.reader.clone();
        for detail in [Detail::Counts, Detail::Elements] {
            let reader = start.clone();
            let mut again = Counted { reader, ..*self };
            let ValueFacts { elements, .. } =
                measure(&mut again, value_type, templates, detail.into())?;
            self.elements
                .set(self.elements.get() + elements.unwrap_or(0));
        }
        let mut skip = Skip::default();
        walk_value(self, value_type, templates, &mut skip)?;
        let len = self.reader.offset() - start.offset();
        Ok((Value::Window(start.window(len)?), skip.template))
    }
}

/// Calls and elements of a whole file; what is wrong with it, if anything is.
fn calls(bytes: &[u8]) -> (u64, u64, Option<Error>) {
    let (calls, elements) = (Cell::new(0), Cell::new(0));
    let mut reader = Reader::new(bytes, 0);
    let mut framer = Framer::new(Header::read(&mut reader).expect("a header"));
    let mut counted = Counted {
        reader,
        calls: &calls,
        elements: &elements,
    };
    let error = loop {
        match framer.next_record(&mut counted) {
            Ok(Some(_)) => {}
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
    };
    (calls.get(), elements.get(), error)
}

/// A length of 32 bits.
fn length(n: u64) -> [u8; 5] {
    let [a, b, c, d] = u32::try_from(n).expect("a small file").to_be_bytes();
    [0x80, a, b, c, d]
}

/// `before`, a count, so many times `item`, and `behind`.
fn many(before: &[u8], n: u64, item: &[u8], behind: &[u8]) -> Vec<u8> {
    let items = item.repeat(usize::try_from(n).expect("a small file"));
    [before, &length(n), &items, behind].concat()
}

/// A key without name and a value of `n` items.
fn value(value_type: u8, n: u64, item: &[u8], behind: &[u8]) -> Vec<u8> {
    many(&[value_type, 0], n, item, behind)
}

/// As [`many`] without a count.
fn run(n: u64, item: &[u8], behind: &[u8]) -> Vec<u8> {
    let items = item.repeat(usize::try_from(n).expect("a small file"));
    [&items, behind].concat()
}

const REDIS: &[u8] = b"REDIS0015";
const VALKEY: &[u8] = b"VALKEY081";
const KEY: &[u8] = &[0, 0, 0];
const EMPTY_LISTPACK: &[u8] = &[7, 7, 0, 0, 0, 0, 0, 0xff];
const EMPTY_ZIPLIST: &[u8] = &[11, 11, 0, 0, 0, 10, 0, 0, 0, 0, 0, 0xff];
/// A listpack of an empty string.
const EMPTY_STRING: &[u8] = &[9, 0, 0, 0, 1, 0, 0x80, 1, 0xff];
/// A listpack of the id 0 of a template and an empty string.
const ID_AND_EMPTY_STRING: &[u8] = &[11, 0, 0, 0, 2, 0, 0, 1, 0x80, 1, 0xff];
/// The same as [`EMPTY_LISTPACK`], as literals of LZF.
const EMPTY_LISTPACK_LZF: &[u8] = &[0xc3, 8, 7, 6, 7, 0, 0, 0, 0, 0, 0xff];

/// A listpack of a master entry alone: no entries, none deleted, no fields, the end of them; in front its length.
const EMPTY_STREAM_NODE: &[u8] = &[15, 15, 0, 0, 0, 4, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0xff];

/// A compressed listpack of 7-bit integers, as long as it can be for the bytes it takes.
fn exploding_listpack(n: u64) -> Vec<u8> {
    // Each instruction copies 264 bytes from two bytes before; an integer with its back length takes two.
    let plain = 6 + 2 + 264 * n + 1;
    let size = u32::try_from(plain).expect("a small file").to_le_bytes();
    let mut compressed = vec![5, size[0], size[1], size[2], size[3], 0xff, 0xff, 1, 0, 1];
    compressed.extend([0xe0, 255, 1].repeat(usize::try_from(n).expect("a small file")));
    compressed.extend([0, 0xff]);
    [
        &[20, 0, 0xc3][..],
        &length(compressed.len() as u64),
        &length(plain),
        &compressed,
    ]
    .concat()
}

/// Files that are nothing but the cheapest structures there are, by name; `n` of them.
fn inputs(n: u64) -> Vec<(&'static str, Vec<u8>)> {
    let ranges = n.min(SLOT_IMPORT_RANGES_MAX);
    let redis: Vec<(&str, Vec<u8>)> = vec![
        ("keys", run(n, &[0, 1, b'k', 0], &[])),
        ("expiries in seconds", run(n, &[253, 0, 0, 0, 0], KEY)),
        ("expiries", run(n, &[252, 0, 0, 0, 0, 0, 0, 0, 0], KEY)),
        ("idle times", run(n, &[248, 0], KEY)),
        ("LFU counters", run(n, &[249, 0], KEY)),
        ("metadata without classes", run(n, &[243, 0], KEY)),
        ("metadata of many classes", many(&[243], n, &[0; 5], KEY)),
        ("selected databases", run(n, &[254, 0], &[])),
        ("database sizes", run(n, &[251, 0, 0], &[])),
        ("slot infos", run(n, &[244, 0, 0, 0], &[])),
        ("aux fields", run(n, &[250, 0, 0], &[])),
        (
            "compressed aux fields",
            run(n, &[250, 0xc3, 0, 0, 0xc3, 0, 0], &[]),
        ),
        ("functions", run(n, &[245, 0], &[])),
        (
            "functions of release candidates",
            run(n, &[246, 0, 0, 0, 0], &[]),
        ),
        ("module aux data", run(n, &[247, 0, 2, 0, 0], &[])),
        (
            "module aux items",
            [&[247, 0, 2, 0][..], &run(n, &[2, 0], &[0])].concat(),
        ),
        ("enterprise hints", run(n, &[121, 0], &[])),
        ("list items", value(1, n, &[0], &[])),
        ("compressed list items", value(1, n, &[0xc3, 0, 0], &[])),
        ("members with text scores", value(3, n, &[0, 253], &[])),
        ("members with scores", value(5, n, &[0; 9], &[])),
        ("fields", value(4, n, &[0, 0], &[])),
        (
            "fields with TTLs",
            [
                &[24, 0, 0, 0, 0, 0, 0, 0, 0, 0][..],
                &many(&[], n, &[0, 0, 0], &[]),
            ]
            .concat(),
        ),
        (
            "module items",
            [&[7, 0, 0][..], &run(n, &[2, 0], &[0])].concat(),
        ),
        ("empty ziplists", value(14, n, EMPTY_ZIPLIST, &[])),
        (
            "empty listpacks",
            value(18, n, &[&[2], EMPTY_LISTPACK].concat(), &[]),
        ),
        (
            "compressed empty listpacks",
            value(18, n, &[&[2], EMPTY_LISTPACK_LZF].concat(), &[]),
        ),
        ("plain nodes", value(18, n, &[1, 0], &[])),
        ("a listpack that explodes", exploding_listpack(n)),
        ("a zipmap", {
            let pairs = run(n, &[0, 0, 0], &[0xff]);
            [&[9, 0][..], &length(1 + pairs.len() as u64), &[255], &pairs].concat()
        }),
        ("stream nodes", {
            let node = [&[16][..], &[0; 16], EMPTY_STREAM_NODE].concat();
            value(26, n, &node, &[0; 14])
        }),
        ("stream groups", {
            let before = [&[26, 0, 0][..], &[0; 8]].concat();
            many(&before, n, &[0; 6], &[0; 5])
        }),
        ("stream consumers", {
            let before = [&[26, 0, 0][..], &[0; 8], &[1], &[0; 5]].concat();
            many(&before, n, &[0; 18], &[0; 5])
        }),
        ("pending entries", {
            let before = [&[26, 0, 0][..], &[0; 8], &[1], &[0; 4]].concat();
            many(&before, n, &[0; 25], &[0; 6])
        }),
        ("stream producers", {
            let before = [&[26, 0, 0][..], &[0; 8], &[0; 3]].concat();
            many(&before, n, &[0; 2], &[0; 2])
        }),
        ("entries without owner", {
            let before = [&[27, 0, 0][..], &[0; 8], &[1], &[0; 6]].concat();
            many(&before, n, &[0; 16], &[0; 5])
        }),
        ("integers of an array", {
            let before = [&[28, 0][..], &length(n), &[0]].concat();
            [before, run(n, &[0, 1, 0, 0, 0, 0, 0, 0, 0, 0], &[])].concat()
        }),
        ("hash templates", {
            let define = |id| [&[242][..], &length(id), &[1, 0]].concat();
            (0..n).flat_map(define).collect()
        }),
        ("hashes of a template", {
            [&[242, 0, 1, 0][..], &run(n, &[32, 1, b'k', 0, 0], &[])].concat()
        }),
        ("values of a template", {
            let template = many(&[242, 0], n, &[0], &[]);
            [template, vec![32, 0, 0], run(n, &[0], &[])].concat()
        }),
        ("packed hashes of a template", {
            let packed = [&[30, 1, b'k', 11][..], ID_AND_EMPTY_STRING].concat();
            [&[242, 0, 1, 0][..], &run(n, &packed, &[])].concat()
        }),
        ("hashes with their field names", {
            run(n, &[31, 1, b'k', 1, 1, 0, 0], &[])
        }),
        ("hashes with packed field names", {
            let names = [&[31, 1, b'k', 0, 9][..], EMPTY_STRING, &[0]].concat();
            run(n, &names, &[])
        }),
    ];
    let valkey: Vec<(&str, Vec<u8>)> = vec![
        ("imported ranges", many(&[243, 0], ranges, &[0, 0], &[])),
        ("slot imports", run(n, &[243, 0, 0], &[])),
        ("fields of Valkey with TTLs", value(22, n, &[0; 10], &[])),
        ("paths", value(23, n, &[0, 1, 0, 0], &[])),
        ("fields of a path", {
            many(&[23, 0, 1, 0], n, &[0, 0], &[])
        }),
        ("commands", run(n, b"\xf2*1\r\n$0\r\n\r\n", &[])),
        ("arguments", {
            let before = format!("*{}\r\n", n + 1).into_bytes();
            [&[0xf2], &before[..], &run(n + 1, b"$0\r\n\r\n", &[])].concat()
        }),
    ];
    let end = [0xff, 0, 0, 0, 0, 0, 0, 0, 0];
    let whole = |header: &[u8], inputs: Vec<(&'static str, Vec<u8>)>| {
        let complete = |(name, records): (_, Vec<u8>)| (name, [header, &records, &end].concat());
        inputs.into_iter().map(complete).collect::<Vec<_>>()
    };
    [whole(REDIS, redis), whole(VALKEY, valkey)].concat()
}

#[test]
fn no_input_takes_more_steps_than_its_length_allows() {
    const N: u64 = 20_000;
    for ((name, small), (_, large)) in inputs(N).into_iter().zip(inputs(4 * N)) {
        let [of_small, of_large] = [&small, &large].map(|bytes| {
            let (calls, elements, error) = calls(bytes);
            assert_eq!(error, None, "{name}");
            let len = bytes.len() as u64;
            assert!(
                calls <= WALKS * CALLS_PER_BYTE * len,
                "{name}: {calls} calls for {len} bytes"
            );
            // Both depths count them.
            assert!(
                elements <= 2 * LZF_EXPANSION_MAX * len,
                "{name}: {elements} elements in {len} bytes"
            );
            calls
        });
        let growth = large.len() as f64 / small.len() as f64;
        assert!(
            of_large as f64 <= of_small as f64 * growth * 1.01,
            "{name}: {of_small} calls become {of_large} when the file grows by {growth}"
        );
    }
}

/// Gives as much as is asked for, or a byte at a time, and keeps account.
struct CountedInput<'a> {
    rest: &'a [u8],
    piece: usize,
    window: usize,
    account: &'a Account,
}

#[derive(Default)]
struct Account {
    reads: Cell<u64>,
    /// Bytes that lay in the window already when it was filled up, all times together.
    moved: Cell<u64>,
}

impl Read for CountedInput<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let Account { reads, moved } = self.account;
        reads.set(reads.get() + 1);
        moved.set(moved.get() + (self.window - out.len()) as u64);
        let n = out.len().min(self.rest.len()).min(self.piece);
        let (now, rest) = self.rest.split_at(n);
        out[..n].copy_from_slice(now);
        self.rest = rest;
        Ok(n)
    }
}

#[test]
fn streaming_moves_no_byte_often() {
    const N: u64 = 20_000;
    const WINDOW: usize = 1_024;
    for (name, bytes) in inputs(N) {
        let len = bytes.len() as u64;
        for piece in [usize::MAX, 1] {
            let account = Account::default();
            let input = CountedInput {
                rest: &bytes,
                piece,
                window: WINDOW,
                account: &account,
            };
            let mut stream =
                RdbStream::with_window(input, Detail::Elements, WINDOW).expect("a header");
            let portion = Portion {
                records: 4_096,
                bytes: WINDOW as u64,
            };
            let (mut portions, mut framed) = (0, 0);
            loop {
                let mut records = Vec::new();
                stream.next_records(portion, &mut records).expect("sound");
                portions += 1;
                framed += records.len() as u64;
                match records.last().map(|record| &record.kind) {
                    Some(RecordKind::End { .. }) => break,
                    Some(_) => {}
                    None => panic!("{name}: the end is a record"),
                }
            }
            assert!(portions <= framed);
            if piece == 1 {
                assert!(
                    account.reads.get() <= len + 1,
                    "{name}: {}",
                    account.reads.get()
                );
                continue;
            }
            // A window is filled up when the record at its front is not whole: then at least what was moved is
            // consumed before the next time. So no byte is moved twice, and at most every second filling
            // is due to few bytes.
            assert!(
                account.moved.get() <= len,
                "{name}: {} of {len} moved",
                account.moved.get()
            );
            let fillings = 3 + 2 * len / WINDOW as u64;
            assert!(
                account.reads.get() <= fillings,
                "{name}: {}",
                account.reads.get()
            );
        }
    }
}
