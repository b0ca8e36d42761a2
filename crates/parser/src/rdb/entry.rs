//! Entries: a key and the window of its value.

use super::{Str, Template, TemplateSource, ValueType};
use crate::Error;
use crate::reader::{Cursor as _, Reader};
use crate::value::{
    MeasureOptions, MemberOptions, MemberSink, MembersError, ValueFacts, measure, members,
};

/// Bytes that DUMP puts around a value: the type in front, version and checksum behind (redis
/// `src/cluster.c`, `createDumpPayload`).
pub(super) const DUMP_FRAME_BYTES: u64 = 11;

/// A key with its attributes; the value is a window that has been skipped, not decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Database number.
    pub db: u64,
    /// The key.
    pub key: Str<'a>,
    /// Absolute expiry, Unix milliseconds.
    pub expires_at_ms: Option<i64>,
    /// Seconds since the key was last used; files of servers with an LRU policy.
    pub idle_s: Option<u64>,
    /// Logarithmic counter of uses, 0 to 255; files of servers with an LFU policy.
    pub freq: Option<u8>,
    /// The type byte, resolved.
    pub value_type: ValueType,
    /// Bytes of the key's metadata block (Redis 8.6), its opcode included; 0 when there is none.
    pub key_meta_bytes: u64,
    /// Absolute offset of the type byte.
    pub offset: u64,
    /// The value as it lies in the file, without type byte and key.
    pub value: Value<'a>,
    /// Absolute offset of `value`.
    pub value_offset: u64,
    /// The template that the value refers to; its field names are no part of `value`.
    pub template: Option<Template>,
}

/// A key whose value has not been reached yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryHead<'a> {
    /// Database number.
    pub db: u64,
    /// The key.
    pub key: Str<'a>,
    /// Absolute expiry, Unix milliseconds.
    pub expires_at_ms: Option<i64>,
    /// As [`Entry::idle_s`].
    pub idle_s: Option<u64>,
    /// As [`Entry::freq`].
    pub freq: Option<u8>,
    /// The type byte, resolved.
    pub value_type: ValueType,
    /// As [`Entry::key_meta_bytes`].
    pub key_meta_bytes: u64,
    /// Absolute offset of the type byte.
    pub offset: u64,
    /// Absolute offset of the value.
    pub value_offset: u64,
}

impl<'a> EntryHead<'a> {
    pub(super) fn with_value(self, value: Value<'a>, template: Option<Template>) -> Entry<'a> {
        let EntryHead {
            db,
            key,
            expires_at_ms,
            idle_s,
            freq,
            value_type,
            key_meta_bytes,
            offset,
            value_offset,
        } = self;
        Entry {
            db,
            key,
            expires_at_ms,
            idle_s,
            freq,
            value_type,
            key_meta_bytes,
            offset,
            value,
            value_offset,
            template,
        }
    }
}

/// A value, as far as it is at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// Its bytes, which have been passed over, not looked into.
    Window(&'a [u8]),
    /// What was learnt of it while it streamed by, being longer than can be held.
    Measured(&'a Measured),
}

/// A value that is not at hand any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measured {
    /// Bytes that it took in the file.
    pub bytes: u64,
    /// What it is made of.
    pub facts: ValueFacts,
}

impl Value<'_> {
    /// Bytes that the value takes in the file.
    #[inline]
    pub fn stored_bytes(&self) -> u64 {
        match self {
            Value::Window(bytes) => bytes.len() as u64,
            Value::Measured(measured) => measured.bytes,
        }
    }
}

impl Entry<'_> {
    /// The length of what DUMP returns and MIGRATE carries: the value and eleven bytes, and the
    /// metadata block where there is one.
    ///
    /// Exact when the server that dumps is the one that wrote the file, with the same settings. Of a hash that
    /// refers to a template it is the most that it can be: DUMP writes the field names out, in a form that
    /// only the server's settings decide.
    pub fn payload_bytes(&self) -> u64 {
        let names_template = self.value_type == ValueType::HashTemplateArrayRef;
        let field_names = self
            .template
            .map_or(0, |template| template.payload_bytes_max(names_template));
        (self.value.stored_bytes() + DUMP_FRAME_BYTES + self.key_meta_bytes)
            .saturating_add(field_names)
    }

    /// Whether [`Entry::payload_bytes`] is the length itself, and no bound.
    pub fn payload_is_exact(&self) -> bool {
        self.template.is_none()
    }

    /// Walks the value and tells what it is made of. A value that streamed by was measured then, as deep as
    /// [`crate::RdbStream::new`] was told.
    ///
    /// # Errors
    /// Corrupt, with the offset of the first bad byte and the key, when a blob's header or, with
    /// [`crate::Detail::Elements`], any of its elements contradicts the format.
    pub fn measure<'m>(&self, options: impl Into<MeasureOptions<'m>>) -> Result<ValueFacts, Error> {
        let window = match self.value {
            Value::Window(window) => window,
            Value::Measured(measured) => return Ok(measured.facts),
        };
        let mut reader = Reader::new(window, self.value_offset);
        measure(
            &mut reader,
            self.value_type,
            self.templates(),
            options.into(),
        )
        .and_then(|facts| nothing_left(&reader).map(|()| facts))
        .map_err(|error| self.locate(error))
    }

    /// Walks the value, hands its members to `sink` in the order of the file, and tells what it is made of,
    /// as deep as [`crate::Detail::SoundElements`]. For values that stream by, see [`crate::Watch`].
    ///
    /// # Errors
    /// As [`Entry::measure`]; corrupt, when a string does not decompress or is a score and no number; unsupported,
    /// when the value streamed by; and whatever `sink` fails with.
    pub fn members(
        &self,
        options: MemberOptions<'_>,
        sink: &mut MemberSink<'_>,
    ) -> Result<ValueFacts, MembersError> {
        let Value::Window(window) = self.value else {
            let what = "members of a value that streamed by";
            return Err(Error::unsupported(self.value_offset, what).into());
        };
        let mut reader = Reader::new(window, self.value_offset);
        members(
            &mut reader,
            self.value_type,
            self.templates(),
            options,
            sink,
        )
        .and_then(|facts| Ok(nothing_left(&reader).map(|()| facts)?))
        .map_err(|error| match error {
            MembersError::Value(error) => self.locate(error).into(),
            sink => sink,
        })
    }

    fn templates(&self) -> TemplateSource<'static> {
        TemplateSource::Found(self.template)
    }

    #[cold]
    fn locate(&self, error: Error) -> Error {
        match self.key.bytes() {
            Ok(key) => error.in_entry(self.db, &key),
            Err(_) => error,
        }
    }
}

fn nothing_left(reader: &Reader<'_>) -> Result<(), Error> {
    match reader.rest().len() {
        0 => Ok(()),
        left => Err(Error::corrupt(
            reader.offset(),
            "end of the value",
            format!("{left} more bytes"),
        )),
    }
}
