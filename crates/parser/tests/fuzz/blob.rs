//! The body of the fuzz target `blob`: compact encodings against a second decoder, raw and compressed.

#[path = "reference.rs"]
mod reference;

use preshard_parser::{Detail, Error, MemberOptions, RdbReader, RecordKind, ValueFacts};
use reference::{Decoded, Entry, decode};

/// How a blob is written into a file.
struct Layout {
    header: &'static [u8; 9],
    value_type: u8,
    /// In front of the blob, inside the value.
    before: &'static [u8],
    decode: fn(&[u8]) -> Option<Decoded>,
    /// Entries that make one element.
    per_element: usize,
    /// Entries of each element whose length counts for the largest element.
    listed: usize,
    nodes: u64,
}

const fn layout(
    value_type: u8,
    decode: fn(&[u8]) -> Option<Decoded>,
    per_element: usize,
    listed: usize,
) -> Layout {
    Layout {
        header: b"REDIS0012",
        value_type,
        before: &[],
        decode,
        per_element,
        listed,
        nodes: 1,
    }
}

const STREAM: u8 = 21;

/// Every value type that has a blob in it, by its number in the format.
const LAYOUTS: [Layout; 13] = [
    layout(9, decode::zipmap, 2, 2),
    layout(10, decode::ziplist, 1, 1),
    layout(11, decode::intset, 1, 1),
    layout(12, decode::ziplist, 2, 1),
    layout(13, decode::ziplist, 2, 2),
    Layout {
        before: &[2],
        nodes: 2,
        ..layout(14, decode::ziplist, 1, 1)
    },
    layout(16, decode::listpack, 2, 2),
    layout(17, decode::listpack, 2, 1),
    Layout {
        before: &[2],
        nodes: 2,
        ..layout(18, decode::listpack, 1, 1)
    },
    layout(20, decode::listpack, 1, 1),
    Layout {
        before: &[1, 16, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1],
        ..layout(STREAM, decode::listpack, 1, 1)
    },
    layout(23, decode::listpack, 3, 2),
    Layout {
        before: &[0; 8],
        ..layout(25, decode::listpack, 3, 2)
    },
];

/// The first byte says what the others are.
pub fn blob(bytes: &[u8]) {
    let [selector, blob @ ..] = bytes else {
        return;
    };
    let layout = &LAYOUTS[usize::from(*selector) % LAYOUTS.len()];
    let raw = layout.facts(&raw_string(blob));
    let compressed = layout.facts(&compressed_string(blob));
    match (&raw, &compressed) {
        (Ok(raw), Ok(compressed)) => assert_eq!(raw, compressed, "raw and compressed"),
        (Err(_), Err(_)) => {}
        _ => panic!("raw {raw:?}, compressed {compressed:?}"),
    }
    let decoded = (layout.decode)(blob);
    let Some(decoded) = decoded else {
        assert!(raw.is_err(), "{raw:?} out of a broken blob");
        return;
    };
    if let Some(facts) = layout.expected(&decoded) {
        let raw =
            raw.unwrap_or_else(|error| panic!("{error}; the second decoder reads {decoded:?}"));
        let seen = Seen {
            elements: raw.elements,
            element_bytes: raw.element_bytes,
            largest_element_bytes: raw.largest_element_bytes,
            nodes: raw.nodes,
            fields_with_ttl: raw.fields_with_ttl,
        };
        assert_eq!(seen, facts, "{decoded:?}");
    }
}

/// What both decoders tell.
#[derive(Debug, PartialEq)]
struct Seen {
    elements: Option<u64>,
    element_bytes: Option<u64>,
    largest_element_bytes: Option<u64>,
    nodes: u64,
    fields_with_ttl: u64,
}

impl Layout {
    /// What must be told of the value; `None` where a reader may refuse it: a false count, half an element, an
    /// expiry that is no integer, and the entries of a stream.
    fn expected(&self, decoded: &Decoded) -> Option<Seen> {
        let entries = &decoded.entries;
        let elements = entries.chunks(self.per_element);
        let whole = entries.len().is_multiple_of(self.per_element);
        let told = decoded.told.unwrap_or(entries.len());
        if self.value_type == STREAM || !whole || told != entries.len() {
            return None;
        }
        let mut fields_with_ttl = 0;
        for element in elements.clone() {
            match element.get(2) {
                Some(Entry::String(_)) => return None,
                Some(Entry::Integer(expiry)) => fields_with_ttl += u64::from(*expiry != 0),
                None => {}
            }
        }
        let listed = || elements.clone().flat_map(|element| &element[..self.listed]);
        let lens = || listed().map(|entry| entry.len());
        Some(Seen {
            elements: Some(self.nodes * elements.len() as u64),
            element_bytes: Some(self.nodes * lens().sum::<u64>()),
            largest_element_bytes: Some(lens().max().unwrap_or(0)),
            nodes: self.nodes,
            fields_with_ttl: self.nodes * fields_with_ttl,
        })
    }

    /// What the reader tells of a file that holds the string as its blob.
    fn facts(&self, string: &[u8]) -> Result<ValueFacts, Error> {
        let mut bytes = self.header.to_vec();
        bytes.extend([self.value_type, 1, b'k']);
        bytes.extend(self.before);
        match self.value_type {
            14 => bytes.extend([string, string].concat()),
            18 => bytes.extend([&[2], string, &[2], string].concat()),
            STREAM => bytes.extend([string, &[0; 9]].concat()),
            _ => bytes.extend(string),
        }
        let value_end = bytes.len() as u64;
        bytes.extend([0xff, 0, 0, 0, 0, 0, 0, 0, 0]);
        let mut reader = RdbReader::new(&bytes)?;
        let record = reader.next_record()?.expect("an entry");
        let RecordKind::Entry(entry) = record.kind else {
            panic!("{:?} is no entry", record.kind)
        };
        assert_eq!(
            record.range.end, value_end,
            "a blob is as long as its string"
        );
        let counted = entry.measure(Detail::Counts);
        let walked = entry.measure(Detail::Elements);
        if let Err(error) = &walked {
            assert!(
                error.offset() >= 12 && error.offset() <= value_end,
                "{error}"
            );
        }
        match (&counted, &walked) {
            (Ok(counted), Ok(walked)) => assert_eq!(
                (counted.elements, counted.content_bytes, counted.nodes),
                (walked.elements, walked.content_bytes, walked.nodes)
            ),
            (Err(error), Ok(_)) => panic!("only the shallow look fails: {error}"),
            (_, Err(_)) => {}
        }
        let options = MemberOptions {
            head_bytes: 5,
            reference_ms: None,
            memory: None,
        };
        let handed_out = entry.members(options, &mut |_| Ok(()));
        let sound = entry.measure(Detail::SoundElements);
        // Handing out members looks at scores as well, and so may refuse more.
        if let (Ok(handed_out), Ok(sound)) = (handed_out, sound)
            && handed_out.broken_nodes == sound.broken_nodes
        {
            assert_eq!(handed_out, sound, "while members are handed out");
        }
        walked
    }
}

fn length(len: usize) -> [u8; 5] {
    let [a, b, c, d] = u32::try_from(len)
        .expect("fuzzed inputs are short")
        .to_be_bytes();
    [0x80, a, b, c, d]
}

fn raw_string(bytes: &[u8]) -> Vec<u8> {
    [&length(bytes.len()), bytes].concat()
}

fn compressed_string(bytes: &[u8]) -> Vec<u8> {
    let mut compressed = vec![0; bytes.len() + bytes.len() / 16 + 64];
    match lzf_rust::compress(bytes, &mut compressed) {
        Ok(len) => compressed.truncate(len),
        Err(_) => {
            let literals = |run: &[u8]| [&[run.len() as u8 - 1], run].concat();
            compressed = bytes.chunks(32).flat_map(literals).collect();
        }
    }
    let lengths = [length(compressed.len()), length(bytes.len())].concat();
    [&[0xc3], &lengths[..], &compressed].concat()
}
