//! A snapshot that is one long list.

use std::io::{self, Write};

use preshard_parser::crc64;

/// How the list lies in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Listpacks of 8 KiB, as servers since 7.0 write them.
    Packed,
    /// Element by element, as Redis 2 did.
    Linked,
    /// Nodes of one element of a gibibyte.
    Plain,
}

impl Form {
    /// All forms.
    pub const ALL: [Form; 3] = [Form::Packed, Form::Linked, Form::Plain];

    /// The form's name.
    pub fn name(self) -> &'static str {
        match self {
            Form::Packed => "packed",
            Form::Linked => "linked",
            Form::Plain => "plain",
        }
    }
}

/// A list of so many bytes, or a few more.
#[derive(Debug, Clone, Copy)]
pub struct BigList {
    form: Form,
    /// Nodes; elements of a linked list.
    nodes: u64,
}

const ELEMENT_BYTES: usize = 1_000;
const ELEMENTS_PER_NODE: usize = 8;
/// Two bytes in front of an element of a listpack tell its length, and two behind it.
const LISTPACK_BYTES: usize = 6 + ELEMENTS_PER_NODE * (ELEMENT_BYTES + 4) + 1;
const PLAIN_NODE_BYTES: u64 = 1 << 30;

const TYPE_LIST: u8 = 1;
const TYPE_QUICKLIST2: u8 = 18;
const CONTAINER_PLAIN: u8 = 1;
const CONTAINER_PACKED: u8 = 2;
const OPCODE_EOF: u8 = 255;

impl BigList {
    /// A list of about `bytes` bytes.
    pub fn new(form: Form, bytes: u64) -> BigList {
        let node_bytes = match form {
            Form::Packed => LISTPACK_BYTES as u64,
            Form::Linked => ELEMENT_BYTES as u64,
            Form::Plain => PLAIN_NODE_BYTES,
        };
        BigList {
            form,
            nodes: bytes.div_ceil(node_bytes),
        }
    }

    /// How many elements it has.
    pub fn elements(self) -> u64 {
        match self.form {
            Form::Packed => self.nodes * ELEMENTS_PER_NODE as u64,
            Form::Linked | Form::Plain => self.nodes,
        }
    }

    /// Writes the snapshot.
    ///
    /// # Errors
    /// Whatever `out` has.
    pub fn write(self, out: impl Write) -> io::Result<()> {
        let mut out = Summed {
            out,
            sum: crc64::Running::new(),
        };
        out.write_all(b"REDIS0011")?;
        let value_type = match self.form {
            Form::Linked => TYPE_LIST,
            Form::Packed | Form::Plain => TYPE_QUICKLIST2,
        };
        out.write_all(&[value_type, 3])?;
        out.write_all(b"big")?;
        out.write_all(&length(self.nodes))?;
        let mut text = Text::new();
        let mut piece = Vec::new();
        for _ in 0..self.nodes {
            match self.form {
                Form::Packed => {
                    piece.clear();
                    piece.push(CONTAINER_PACKED);
                    piece.extend(length(LISTPACK_BYTES as u64));
                    listpack(&mut text, &mut piece);
                    out.write_all(&piece)?;
                }
                Form::Linked => {
                    piece.clear();
                    piece.extend(length(ELEMENT_BYTES as u64));
                    piece.extend(text.next(ELEMENT_BYTES));
                    out.write_all(&piece)?;
                }
                Form::Plain => {
                    out.write_all(&[CONTAINER_PLAIN])?;
                    out.write_all(&length(PLAIN_NODE_BYTES))?;
                    let step = 1 << 20;
                    for _ in 0..PLAIN_NODE_BYTES / step {
                        out.write_all(text.next(step as usize))?;
                    }
                }
            }
        }
        out.write_all(&[OPCODE_EOF])?;
        let checksum = out.sum.value();
        out.write_all(&checksum.to_le_bytes())?;
        out.flush()
    }
}

/// A length of 64 bits.
fn length(n: u64) -> [u8; 9] {
    let mut bytes = [0x81; 9];
    bytes[1..].copy_from_slice(&n.to_be_bytes());
    bytes
}

fn listpack(text: &mut Text, out: &mut Vec<u8>) {
    out.extend((LISTPACK_BYTES as u32).to_le_bytes());
    out.extend((ELEMENTS_PER_NODE as u16).to_le_bytes());
    for _ in 0..ELEMENTS_PER_NODE {
        out.extend([0xe0 | (ELEMENT_BYTES >> 8) as u8, ELEMENT_BYTES as u8]);
        out.extend(text.next(ELEMENT_BYTES));
        let size = ELEMENT_BYTES + 2;
        out.extend([(size >> 7) as u8, size as u8 | 0x80]);
    }
    out.push(0xff);
}

/// Words in an order of chance that is the same at every run; they compress about as text does.
struct Text {
    words: Vec<u8>,
    random: u64,
}

impl Text {
    const LONGEST: usize = 1 << 20;
    const BYTES: usize = 4 << 20;

    fn new() -> Text {
        let mut text = Text {
            words: Vec::with_capacity(Text::BYTES + 16),
            random: 0x9e37_79b9_7f4a_7c15,
        };
        while text.words.len() < Text::BYTES {
            let number = text.random() % 5_000;
            text.words.extend(format!("{number:x}w ").into_bytes());
        }
        text
    }

    fn next(&mut self, len: usize) -> &[u8] {
        let places = Text::BYTES - Text::LONGEST;
        let from = (self.random() % places as u64) as usize;
        &self.words[from..from + len]
    }

    /// Marsaglia's xorshift.
    fn random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }
}

/// Sums up what is written.
struct Summed<W> {
    out: W,
    sum: crc64::Running,
}

impl<W: Write> Write for Summed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.sum.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use preshard_parser::{Detail, RdbReader, RecordKind};

    #[test]
    fn it_is_a_sound_snapshot_of_one_list() {
        for (form, bytes) in [(Form::Packed, 1_000_000), (Form::Linked, 1_000_000)] {
            let list = BigList::new(form, bytes);
            let mut file = Vec::new();
            list.write(&mut file).expect("written");
            let mut reader = RdbReader::new(&file).expect("a header");
            let record = reader.next_record().expect("sound").expect("the list");
            let RecordKind::Entry(entry) = record.kind else {
                panic!("{:?}", record.kind)
            };
            let facts = entry.measure(Detail::Elements).expect("sound");
            assert_eq!(facts.elements, Some(list.elements()));
            assert!(facts.content_bytes >= bytes && facts.content_bytes < bytes + 10_000);
            let end = reader.next_record().expect("sound").expect("the end");
            let checksum = crc64::checksum(&file[..file.len() - 8]);
            let checksum = Some(checksum);
            assert_eq!(end.kind, RecordKind::End { checksum });
        }
    }
}
