//! Tells a memory model what a value is made of while it is measured.

use std::borrow::Cow;

use preshard_memory as memory;
use preshard_memory::{Model, NAME_BYTES_MAX, Score, Text, ValueKind, Weigher, Weight};

use super::blob::{Blob, BlobHeader};
use super::member::ModuleNumber;
use super::visitor::{Role, StreamId};
use crate::limits::TAKE_MAX;
use crate::lzf::LzfCursor;
use crate::rdb::{Form, StringHeader};
use crate::reader::{Cursor, Reader};
use crate::{Error, ModuleId, ValueType};

/// Longest text of a score: `%.17g` takes 24 bytes.
const SCORE_BYTES_MAX: u64 = 48;

/// What is told, and whether.
#[derive(Debug)]
pub(super) struct Weighing<'m> {
    weigher: Option<Weigher<'m>>,
    /// Of the blob that was seen last.
    blob: StringHeader,
    inside: Inside,
}

/// Whether parts lie in a blob, and are told then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inside {
    NoBlob,
    Told,
    Untold,
}

impl<'m> Weighing<'m> {
    #[inline]
    pub(super) fn new(value_type: ValueType, model: Option<&'m Model>) -> Weighing<'m> {
        Weighing {
            weigher: match (model, kind(value_type)) {
                (Some(model), Some(kind)) => Some(Weigher::new(model, kind)),
                _ => None,
            },
            blob: StringHeader::raw(0),
            inside: Inside::NoBlob,
        }
    }

    /// Whom parts are told to that lie where the walk is now.
    #[inline]
    fn told(&mut self) -> Option<&mut Weigher<'m>> {
        match self.inside {
            Inside::NoBlob | Inside::Told => self.weigher.as_mut(),
            Inside::Untold => None,
        }
    }

    /// Whether elements may come as runs of lengths.
    #[inline]
    pub(super) fn takes_runs(&self) -> bool {
        !self.weigher.as_ref().is_some_and(Weigher::wants_texts)
    }

    #[inline]
    pub(super) fn announce(&mut self, n: u64) {
        if let Some(weigher) = &mut self.weigher {
            weigher.announce(n);
        }
    }

    pub(super) fn announce_nodes(&mut self, n: u64) {
        if let Some(weigher) = &mut self.weigher {
            weigher.announce_nodes(n);
        }
    }

    #[inline]
    pub(super) fn run<const STRINGS: usize>(&mut self, lengths: &[[u32; STRINGS]]) {
        let Some(weigher) = &mut self.weigher else {
            return;
        };
        let lengths = lengths.as_flattened();
        match STRINGS {
            1 => weigher.elements(lengths),
            _ => weigher.fields(lengths.as_chunks().0),
        }
    }

    /// How many of the stored bytes of a string must be at hand to tell it.
    #[inline]
    pub(super) fn bytes_wanted(&mut self, role: Role, header: StringHeader) -> usize {
        let Some(weigher) = self.told() else {
            return 0;
        };
        let most = match role {
            Role::Element | Role::Field | Role::FieldValue => match header.form {
                Form::Raw if header.len <= Text::INTEGER_BYTES_MAX && weigher.wants_texts() => {
                    header.len
                }
                _ => 0,
            },
            Role::Score
                if header.form == Form::Raw
                    && header.len <= SCORE_BYTES_MAX
                    && weigher.wants_texts() =>
            {
                header.len
            }
            Role::Group | Role::Consumer | Role::Producer => NAME_BYTES_MAX as u64,
            Role::ModuleString if names_element(weigher) => NAME_BYTES_MAX as u64,
            _ => 0,
        };
        // At most a few thousand.
        usize::try_from(most.min(header.stored)).unwrap_or_default()
    }

    /// A string of the format or an entry of a blob, with as many of its stored bytes as were wanted.
    #[inline]
    pub(super) fn string(&mut self, role: Role, header: StringHeader, stored: &[u8]) {
        let in_blob = self.inside == Inside::Told;
        let Some(weigher) = self.told() else {
            return;
        };
        match role {
            Role::Element => weigher.element(text(header, stored)),
            Role::Field => weigher.field(text(header, stored)),
            Role::FieldValue => weigher.field_value(text(header, stored)),
            Role::Score if in_blob => weigher.score(Score::Text(text(header, stored))),
            Role::Score if !weigher.wants_texts() => {}
            Role::Score => {
                let number = str::from_utf8(stored)
                    .ok()
                    .and_then(|text| text.parse().ok());
                match number {
                    Some(number) => weigher.score(Score::Number(number)),
                    None => weigher.fail(),
                }
            }
            Role::Group => {
                if let Some(stream) = weigher.stream() {
                    stream.group(&name(header, stored));
                }
            }
            Role::Consumer => {
                if let Some(stream) = weigher.stream() {
                    stream.consumer(&name(header, stored), header.len);
                }
            }
            Role::Producer => {
                if let Some(stream) = weigher.stream() {
                    stream.producer(&name(header, stored));
                }
            }
            Role::Message => {
                if let Some(stream) = weigher.stream() {
                    stream.message(header.len);
                }
            }
            Role::ModuleString => {
                if let Some(set) = weigher.vector_set() {
                    let name = set.wants_name().then(|| name(header, stored));
                    set.string(header.len, header.form == Form::Lzf, name.as_deref());
                }
            }
            Role::Path | Role::SharedField => {}
        }
    }

    pub(super) fn score(&mut self, score: f64) {
        if let Some(weigher) = self.told() {
            weigher.score(Score::Number(score));
        }
    }

    pub(super) fn field_expiry(&mut self, expires_at_ms: Option<i64>) {
        if let Some(weigher) = self.told() {
            weigher.field_expiry(expires_at_ms);
        }
    }

    #[inline]
    pub(super) fn element_ends(&mut self) {
        if let Some(weigher) = self.told() {
            weigher.field_ends();
        }
    }

    /// A blob goes by.
    pub(super) fn note_blob(&mut self, header: StringHeader) {
        self.blob = header;
        self.inside = Inside::NoBlob;
    }

    /// The header of the blob was read; whether its entries must be told.
    pub(super) fn begin_blob(&mut self, blob: Blob<'_>, header: BlobHeader) -> bool {
        let stored = self.blob;
        let Some(weigher) = &mut self.weigher else {
            return false;
        };
        let kind = match blob {
            Blob::Ziplist(_) => memory::Blob::Ziplist,
            Blob::Listpack(_) => memory::Blob::Listpack,
            Blob::Intset => memory::Blob::Intset,
            Blob::Zipmap => memory::Blob::Zipmap,
            Blob::StreamNode(id) => {
                if let Some(stream) = weigher.stream() {
                    stream.node(id_bytes(id), stored.len);
                }
                self.inside = Inside::Untold;
                return false;
            }
            Blob::Values(_) => return false,
        };
        let compressed = (stored.form == Form::Lzf).then_some(stored.stored);
        let wants = weigher.blob(kind, stored.len, compressed, header.entries);
        self.inside = match wants {
            true => Inside::Told,
            false => Inside::Untold,
        };
        wants
    }

    /// The walk over a blob ended behind so many entries, or too early.
    pub(super) fn end_blob(&mut self, entries: Option<u64>) {
        let inside = std::mem::replace(&mut self.inside, Inside::NoBlob);
        if let Some(weigher) = &mut self.weigher
            && inside == Inside::Told
        {
            match entries {
                Some(entries) => weigher.blob_ends(entries),
                None => weigher.fail(),
            }
        }
    }

    pub(super) fn pending(&mut self, id: StreamId) {
        if let Some(stream) = self.weigher.as_mut().and_then(Weigher::stream) {
            stream.pending(id_bytes(id));
        }
    }

    pub(super) fn owned(&mut self, id: StreamId) {
        if let Some(stream) = self.weigher.as_mut().and_then(Weigher::stream) {
            stream.owned(id_bytes(id));
        }
    }

    /// The module whose items follow; those of one are known.
    pub(super) fn module(&mut self, module: ModuleId) {
        if module != ModuleId::VECTOR_SET {
            self.weigher = None;
        }
    }

    #[inline]
    pub(super) fn module_number(&mut self, number: ModuleNumber) {
        if let Some(set) = self.weigher.as_mut().and_then(Weigher::vector_set) {
            match number {
                ModuleNumber::Unsigned(number) => set.number(number),
                _ => set.other(),
            }
        }
    }

    #[inline]
    pub(super) fn finish(&mut self) -> Option<Weight> {
        self.weigher.as_mut().and_then(Weigher::finish)
    }
}

/// Whether the string of a module that comes next is the name of an element.
fn names_element(weigher: &mut Weigher<'_>) -> bool {
    weigher.vector_set().is_some_and(|set| set.wants_name())
}

/// How values of a type are weighed, if they are.
fn kind(value_type: ValueType) -> Option<ValueKind> {
    use ValueType as T;
    Some(match value_type {
        T::String => ValueKind::String,
        T::List | T::ListZiplist => ValueKind::Items,
        T::ListQuicklist | T::ListQuicklist2 => ValueKind::Nodes,
        T::Set | T::SetIntset | T::SetListpack => ValueKind::Set,
        T::Zset | T::ZsetTextScores | T::ZsetZiplist | T::ZsetListpack => ValueKind::Zset,
        T::Hash | T::HashZipmap | T::HashZiplist | T::HashListpack => ValueKind::Hash {
            fields_expire: false,
        },
        T::HashTtlPreGa
        | T::HashTtl
        | T::HashTtlValkey
        | T::HashTtlListpackPreGa
        | T::HashTtlListpack => ValueKind::Hash {
            fields_expire: true,
        },
        T::StreamV1 | T::StreamV2 | T::StreamV3 | T::StreamV4 => ValueKind::Stream,
        T::Module => ValueKind::VectorSet,
        T::StreamV5
        | T::Array
        | T::HashTemplateListpack
        | T::HashTemplateListpackRef
        | T::HashTemplateArray
        | T::HashTemplateArrayRef
        | T::PathHash => return None,
    })
}

#[inline]
fn text(header: StringHeader, stored: &[u8]) -> Text {
    let integer = match header.form {
        Form::Integer(n) => Some(n),
        Form::Raw => memory::integer(stored),
        Form::Lzf => None,
    };
    Text {
        len: header.len,
        integer,
    }
}

/// The beginning of a name.
fn name(header: StringHeader, stored: &[u8]) -> Cow<'_, [u8]> {
    match header.form {
        Form::Raw => stored.into(),
        Form::Integer(n) => n.to_string().into_bytes().into(),
        Form::Lzf => beginning(header, stored).into(),
    }
}

/// The beginning of a compressed name, as far as the stored bytes tell it.
fn beginning(header: StringHeader, stored: &[u8]) -> Vec<u8> {
    let mut reader = Reader::new(stored, 0);
    let mut decompressed = Vec::new();
    let mut content = LzfCursor::new(&mut reader, header.len, &mut decompressed);
    let mut name = Vec::new();
    while name.len() < NAME_BYTES_MAX && (name.len() as u64) < header.len {
        match content.u8() {
            Ok(byte) => name.push(byte),
            Err(_) => break,
        }
    }
    name
}

fn id_bytes(id: StreamId) -> [u8; 16] {
    let mut bytes = [0; 16];
    let (ms, seq) = bytes.split_at_mut(8);
    ms.copy_from_slice(&id.ms.to_be_bytes());
    seq.copy_from_slice(&id.seq.to_be_bytes());
    bytes
}

/// Reads on in another cursor, and keeps the first bytes that go by.
pub(super) struct Kept<'c, C> {
    inner: &'c mut C,
    wanted: usize,
    pub(super) bytes: Vec<u8>,
}

impl<'c, C: Cursor> Kept<'c, C> {
    pub(super) fn new(inner: &'c mut C, wanted: usize) -> Kept<'c, C> {
        Kept {
            inner,
            wanted,
            bytes: Vec::new(),
        }
    }
}

impl<C: Cursor> Cursor for Kept<'_, C> {
    fn offset(&self) -> u64 {
        self.inner.offset()
    }

    fn take(&mut self, n: usize) -> Result<&[u8], Error> {
        let bytes = self.inner.take(n)?;
        let keep = (self.wanted - self.bytes.len()).min(n);
        self.bytes
            .extend_from_slice(bytes.get(..keep).unwrap_or_default());
        Ok(bytes)
    }

    fn skip(&mut self, n: u64) -> Result<(), Error> {
        let missing = self.wanted - self.bytes.len();
        let keep = usize::try_from(n).map_or(missing, |n| n.min(missing));
        let mut kept = 0;
        while kept < keep {
            let step = (keep - kept).min(TAKE_MAX);
            // What is missing of all of it is for the inner cursor to say.
            if self.take(step).is_err() {
                break;
            }
            kept += step;
        }
        self.inner.skip(n - kept as u64)
    }
}
