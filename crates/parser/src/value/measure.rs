//! What a value is made of, told from its lengths.

use super::blob::Blob;
use super::visitor::{Role, Visitor};
use super::walk_value;
use crate::limits::LZF_TRIED_ABOVE_BYTES;
use crate::lzf::LzfCursor;
use crate::rdb::{Form, StringHeader};
use crate::reader::{Bounded, Cursor};
use crate::{DataType, Encoding, Error, ModuleId, ValueType};

/// How deep a measurement looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Detail {
    /// Lengths and counts only: a blob is walked only where its header does not tell the count, and
    /// nothing is decompressed beyond a header.
    #[default]
    Counts,
    /// Also each element inside blobs, decompressing them where needed.
    Elements,
}

/// What was learnt of one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValueFacts {
    /// How the value lies in the file.
    pub encoding: Encoding,
    /// Elements as the server counts them (STRLEN, LLEN, SCARD, ZCARD, HLEN, XLEN); `None` for modules.
    pub elements: Option<u64>,
    /// Decoded bytes of all strings and blobs of the value.
    pub content_bytes: u64,
    /// Decoded bytes of those longer than 20 bytes, which a server tries to compress when it dumps the value.
    pub compressible_bytes: u64,
    /// Longest element in decoded bytes, integers as text; a hash's field names and values count apart,
    /// and so do those of a stream's entries. `None` where it was not looked for, and for modules.
    pub largest_element_bytes: Option<u64>,
    /// Blobs: list nodes, stream nodes, 1 for a value that is one blob.
    pub nodes: u64,
    /// Hash fields with a TTL, of tables only: in a blob they are not looked for.
    pub fields_with_ttl: u64,
    /// Stream consumer groups.
    pub groups: u64,
    /// Stream consumers, all groups together.
    pub consumers: u64,
    /// Pending entries, all groups together.
    pub pending: u64,
    /// The module that wrote the value.
    pub module: Option<ModuleId>,
}

/// Walks a value to its end and tells what it is made of.
pub(crate) fn measure<C: Cursor>(
    c: &mut C,
    value_type: ValueType,
    detail: Detail,
) -> Result<ValueFacts, Error> {
    let mut measure = Measure::new(value_type, detail);
    walk_value(c, value_type, &mut measure)?;
    Ok(measure.finish())
}

/// Gathers [`ValueFacts`].
struct Measure {
    data_type: DataType,
    detail: Detail,
    facts: ValueFacts,
    elements: u64,
    largest: u64,
    /// Whether a blob went by whose elements were not walked.
    unseen_elements: bool,
    decompressed: Vec<u8>,
}

impl Measure {
    fn new(value_type: ValueType, detail: Detail) -> Measure {
        Measure {
            data_type: value_type.data_type(),
            detail,
            facts: ValueFacts {
                encoding: value_type.encoding(),
                elements: None,
                content_bytes: 0,
                compressible_bytes: 0,
                largest_element_bytes: None,
                nodes: 0,
                fields_with_ttl: 0,
                groups: 0,
                consumers: 0,
                pending: 0,
                module: None,
            },
            elements: 0,
            largest: 0,
            unseen_elements: false,
            decompressed: Vec::new(),
        }
    }

    fn finish(self) -> ValueFacts {
        let told = self.data_type != DataType::Module;
        ValueFacts {
            elements: told.then_some(self.elements),
            largest_element_bytes: (told && !self.unseen_elements).then_some(self.largest),
            ..self.facts
        }
    }

    fn add_content(&mut self, len: u64) {
        self.facts.content_bytes = self.facts.content_bytes.saturating_add(len);
        if len > LZF_TRIED_ABOVE_BYTES {
            self.facts.compressible_bytes = self.facts.compressible_bytes.saturating_add(len);
        }
    }

    /// Reads a blob's header from its content, and walks it where that is needed or asked for.
    fn look_into<C: Cursor>(&mut self, blob: Blob, len: u64, content: &mut C) -> Result<(), Error> {
        let header = blob.read_header(content, len)?;
        let entries = match header.entries {
            Some(entries) if self.detail == Detail::Counts => {
                self.unseen_elements = true;
                entries
            }
            told => {
                let largest = &mut self.largest;
                let (per_element, mut at) = (blob.entries_per_element(), 0);
                // Of member and score, or field, value and TTL, the last is no element of its own.
                let unlisted = match (self.data_type, per_element) {
                    (DataType::Zset, 2) => 1,
                    (DataType::Hash, 3) => 2,
                    _ => u64::MAX,
                };
                let walked = blob.walk(content, header, &mut |len| {
                    if at % per_element != unlisted {
                        *largest = (*largest).max(len);
                    }
                    at += 1;
                })?;
                told.unwrap_or(walked)
            }
        };
        if blob != Blob::StreamNode {
            self.elements = self
                .elements
                .saturating_add(entries / blob.entries_per_element());
        }
        Ok(())
    }
}

impl Visitor for Measure {
    fn elements(&mut self, n: u64) {
        self.elements = self.elements.saturating_add(n);
    }

    fn string(&mut self, role: Role, header: StringHeader) {
        self.add_content(header.len);
        if role == Role::Element {
            self.largest = self.largest.max(header.len);
        }
        if self.data_type == DataType::String {
            self.elements = header.len;
            if let Form::Integer(_) = header.form {
                self.facts.encoding = Encoding::Int;
            }
        }
    }

    fn blob<C: Cursor>(
        &mut self,
        blob: Blob,
        header: StringHeader,
        c: &mut C,
    ) -> Result<(), Error> {
        self.facts.nodes += 1;
        self.add_content(header.len);
        let offset = c.offset();
        let mut stored = Bounded::new(c, header.stored);
        match header.form {
            Form::Raw => self.look_into(blob, header.len, &mut stored)?,
            Form::Lzf => {
                let mut decompressed = std::mem::take(&mut self.decompressed);
                let mut content = LzfCursor::new(&mut stored, header.len, &mut decompressed);
                self.look_into(blob, header.len, &mut content)?;
                self.decompressed = decompressed;
            }
            Form::Integer(n) => {
                return Err(Error::corrupt(
                    offset,
                    "blob of elements",
                    format!("the integer {n}"),
                ));
            }
        }
        stored.finish()
    }

    fn field_ttl(&mut self) {
        self.facts.fields_with_ttl += 1;
    }

    fn group(&mut self, pending: u64, consumers: u64) {
        self.facts.groups += 1;
        self.facts.pending = self.facts.pending.saturating_add(pending);
        self.facts.consumers = self.facts.consumers.saturating_add(consumers);
    }

    fn module(&mut self, module: ModuleId) {
        self.facts.module = Some(module);
    }
}
