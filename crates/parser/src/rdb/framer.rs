//! Framing: which record comes next, wherever the bytes come from.

use super::{Entry, EntryHead, Header, Record, RecordKind, Str, Value, ValueType, fields, opcode};
use super::{Template, TemplateSource, Templates, read_length, read_string_header};
use crate::limits::CHECKSUM_VERSION_MIN;
use crate::reader::Cursor;
use crate::{Error, Family};

/// A cursor from which records are framed: it hands out strings for `'a` and passes over values.
pub(crate) trait FrameCursor<'a>: Cursor + Sized {
    /// Consumes the `stored` bytes of a string and hands them out; bytes that nobody can need may be
    /// passed over, see [`Str::is_held`].
    ///
    /// # Errors
    /// Truncated, when fewer are left.
    fn stored(&mut self, stored: u64, need: Need) -> Result<&'a [u8], Error>;

    /// Passes over a value, and tells the template that it refers to.
    ///
    /// # Errors
    /// At the first byte that contradicts the layout, is not known, or is missing.
    fn value(
        &mut self,
        head: &EntryHead<'a>,
        templates: TemplateSource<'_>,
    ) -> Result<(Value<'a>, Option<Template>), Error>;

    /// Consumes a string, header and bytes.
    ///
    /// # Errors
    /// As [`FrameCursor::stored`], and corrupt for a header that is none.
    #[inline]
    fn string(&mut self, need: Need) -> Result<Str<'a>, Error> {
        let header = read_string_header(self)?;
        let offset = self.offset();
        Ok(Str::new(header, self.stored(header.stored, need)?, offset))
    }
}

/// What a record is, as far as its first byte tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begins {
    /// A key, or what stands in front of one.
    Key,
    /// Another record.
    Other,
    /// No record at all.
    Nothing,
}

impl Begins {
    pub(crate) fn with(byte: u8, header: Header) -> Begins {
        match byte {
            opcode::EXPIRETIME | opcode::EXPIRETIME_MS | opcode::IDLE | opcode::FREQ => Begins::Key,
            opcode::REDIS_KEY_META if header.family == Family::Redis => Begins::Key,
            opcode::ENTERPRISE_SLOT | opcode::ENTERPRISE_RAM_LRU => Begins::Other,
            opcode::REDIS_HASH_TEMPLATE.. => Begins::Other,
            _ if ValueType::from_byte(byte, header, 0).is_ok() => Begins::Key,
            _ => Begins::Nothing,
        }
    }
}

/// How much of a string must be at hand once its record is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// All of it, however long: a key.
    Whole,
    /// All of it unless it is longer than anybody looks at: a description.
    WhenShort,
}

/// What framing carries from one record to the next.
#[derive(Debug, Clone)]
pub(crate) struct Framer {
    header: Header,
    place: Place,
    templates: Templates,
    ended: bool,
}

/// What a record changes, once it was read whole.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    db: u64,
    pending: Attributes,
    /// The database that has had its key with the empty name.
    nameless_key_in: Option<u64>,
}

/// What stands in front of a key; cleared by the key only.
#[derive(Debug, Clone, Copy, Default)]
struct Attributes {
    expires_at_ms: Option<i64>,
    idle_s: Option<u64>,
    freq: Option<u8>,
    key_meta_bytes: u64,
    /// Opcodes read, also of those that a later one replaced.
    opcodes: u64,
}

impl Attributes {
    /// Opcodes that a later one replaced.
    fn replaced(&self) -> u64 {
        let kept = u64::from(self.expires_at_ms.is_some())
            + u64::from(self.idle_s.is_some())
            + u64::from(self.freq.is_some())
            + u64::from(self.key_meta_bytes > 0);
        self.opcodes - kept
    }
}

impl Place {
    fn select_db<'a, C: FrameCursor<'a>>(&mut self, c: &mut C) -> Result<RecordKind<'a>, Error> {
        self.db = read_length(c)?;
        Ok(RecordKind::SelectDb { db: self.db })
    }
}

impl Framer {
    pub(crate) fn new(header: Header) -> Framer {
        Framer {
            header,
            place: Place::default(),
            templates: Templates::default(),
            ended: false,
        }
    }

    pub(crate) fn header(&self) -> Header {
        self.header
    }

    /// A framer for another place of the same snapshot, in this database: nothing is pending there.
    pub(crate) fn elsewhere(&self, db: u64) -> Framer {
        Framer {
            header: self.header,
            place: Place {
                db,
                ..Place::default()
            },
            templates: self.templates.clone(),
            ended: false,
        }
    }

    /// Whether the file has defined a template so far.
    pub(crate) fn has_templates(&self) -> bool {
        !self.templates.is_empty()
    }

    /// The database that was selected last.
    pub(crate) fn db(&self) -> u64 {
        self.place.db
    }

    /// Takes it that a database was selected.
    pub(crate) fn select_db(&mut self, db: u64) {
        self.place.db = db;
    }

    /// Whether nothing is pending that belongs to the next record, and the end has not been reached.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.place.pending.opcodes == 0 && !self.ended
    }

    /// Knows a template that cannot be read where it lies.
    pub(crate) fn define(&mut self, template: Template) {
        self.templates.define(template);
    }

    /// Reads nothing more.
    pub(crate) fn end(&mut self) {
        self.ended = true;
    }

    /// Reads on after all.
    pub(crate) fn go_on(&mut self) {
        self.ended = false;
    }

    /// The next record, or `None` behind [`RecordKind::End`]. After an error all is as before, so that the
    /// record can be read again when more of it is at hand.
    #[inline]
    pub(crate) fn next_record<'a, C: FrameCursor<'a>>(
        &mut self,
        c: &mut C,
    ) -> Result<Option<Record<'a>>, Error> {
        if self.ended {
            return Ok(None);
        }
        let start = c.offset();
        let mut place = self.place;
        let (offset, kind) = self.read_record(&mut place, c)?;
        let lost_attributes = match &kind {
            RecordKind::Entry(entry) => {
                if entry.key.is_empty() {
                    place.nameless_key_in = Some(place.db);
                }
                std::mem::take(&mut place.pending).replaced()
            }
            RecordKind::End { .. } => place.pending.opcodes,
            _ => 0,
        };
        self.place = place;
        match &kind {
            RecordKind::HashTemplate(template) => self.templates.define(*template),
            RecordKind::End { .. } => self.ended = true,
            _ => {}
        }
        Ok(Some(Record {
            range: start..c.offset(),
            offset,
            lost_attributes,
            kind,
        }))
    }

    /// Whether the next record can be read, without reading it.
    pub(crate) fn peek<'a, C: FrameCursor<'a>>(&self, c: &mut C) -> Result<(), Error> {
        if self.ended {
            return Ok(());
        }
        let mut place = self.place;
        self.read_record(&mut place, c).map(|_| ())
    }

    /// Reads a record and the attributes in front of it; where it begins by itself, and what it is.
    #[inline]
    fn read_record<'a, C: FrameCursor<'a>>(
        &self,
        place: &mut Place,
        c: &mut C,
    ) -> Result<(u64, RecordKind<'a>), Error> {
        loop {
            let offset = c.offset();
            let byte = c
                .u8()
                .map_err(|error| error.reading("sequence of records"))?;
            if byte >= opcode::LOWEST {
                if self.read_attribute(&mut place.pending, c, byte, offset)? {
                    continue;
                }
                if let Some(record) = self.read_opcode(place, c, byte)? {
                    return Ok((offset, record));
                }
            }
            let entry = self.read_entry(place, c, byte, offset)?;
            return Ok((offset, RecordKind::Entry(entry)));
        }
    }

    /// Reads an opcode that belongs to the next key; false when `byte` is none.
    fn read_attribute<C: Cursor>(
        &self,
        pending: &mut Attributes,
        c: &mut C,
        byte: u8,
        offset: u64,
    ) -> Result<bool, Error> {
        match byte {
            opcode::EXPIRETIME => {
                let seconds =
                    i32::from_le_bytes(c.take_array().map_err(|error| error.reading("expiry"))?);
                pending.expires_at_ms = Some(i64::from(seconds) * 1_000);
            }
            opcode::EXPIRETIME_MS => {
                let ms =
                    i64::from_le_bytes(c.take_array().map_err(|error| error.reading("expiry"))?);
                pending.expires_at_ms = Some(ms);
            }
            opcode::IDLE => {
                pending.idle_s = Some(read_length(c).map_err(|error| error.reading("idle time"))?);
            }
            opcode::FREQ => {
                pending.freq = Some(c.u8().map_err(|error| error.reading("LFU counter"))?);
            }
            opcode::REDIS_KEY_META if self.header.family == Family::Redis => {
                fields::skip_key_meta(c).map_err(|error| error.reading("key metadata"))?;
                pending.key_meta_bytes = c.offset() - offset;
            }
            _ => return Ok(false),
        }
        pending.opcodes += 1;
        Ok(true)
    }

    /// Reads an opcode that is a record by itself; `None` when `byte` is a value type.
    fn read_opcode<'a, C: FrameCursor<'a>>(
        &self,
        place: &mut Place,
        c: &mut C,
        byte: u8,
    ) -> Result<Option<RecordKind<'a>>, Error> {
        let (record, structure) = match byte {
            opcode::AUX => (fields::read_aux(c), "aux field"),
            opcode::SELECTDB => (place.select_db(c), "database selector"),
            opcode::RESIZEDB => (fields::read_resize_db(c), "database sizes"),
            opcode::SLOT_INFO => (fields::read_slot_info(c), "slot info"),
            opcode::FUNCTION2 => (fields::read_function(c), "function library"),
            opcode::FUNCTION_PRE_GA => (fields::read_function_pre_ga(c), "function"),
            opcode::MODULE_AUX => (fields::read_module_aux(c), "module aux data"),
            opcode::VALKEY_SLOT_IMPORT if self.header.family == Family::Valkey => {
                (fields::read_slot_import(c), "slot import")
            }
            opcode::ENTERPRISE_SLOT | opcode::ENTERPRISE_RAM_LRU => (
                read_length(c).map(|_| RecordKind::EnterpriseHint { opcode: byte }),
                "Redis Enterprise field",
            ),
            opcode::REDIS_HASH_TEMPLATE if self.header.has_hash_templates() => (
                Template::read(c, &self.templates).map(RecordKind::HashTemplate),
                "hash template",
            ),
            opcode::REDIS_HASH_TEMPLATE if self.header.family == Family::Redis => {
                let what = format!(
                    "opcode 242 (hash template of Redis 8.10) in a file that says {}",
                    self.header
                );
                (Err(Error::unsupported(c.offset() - 1, what)), "opcode")
            }
            opcode::VALKEY_UPDATE => (fields::read_update(c), "command"),
            opcode::EOF => (self.read_end(c), "checksum"),
            _ => return Ok(None),
        };
        record.map(Some).map_err(|error| error.reading(structure))
    }

    fn read_end<'a, C: FrameCursor<'a>>(&self, c: &mut C) -> Result<RecordKind<'a>, Error> {
        let checksum = if self.header.version >= CHECKSUM_VERSION_MIN {
            Some(u64::from_le_bytes(c.take_array()?))
        } else {
            None
        };
        Ok(RecordKind::End { checksum })
    }

    #[inline]
    fn read_entry<'a, C: FrameCursor<'a>>(
        &self,
        place: &Place,
        c: &mut C,
        byte: u8,
        offset: u64,
    ) -> Result<Entry<'a>, Error> {
        let value_type = ValueType::from_byte(byte, self.header, offset)?;
        let key = c
            .string(Need::Whole)
            .map_err(|error| error.reading("key"))?;
        // A hole in a file, which reads as zeros, has the form of strings without name and content. Servers refuse
        // a key that comes twice (redis `src/rdb.c`, `rdbLoadRioWithLoadingCtx`).
        if key.is_empty() && place.nameless_key_in == Some(place.db) {
            let found = "a second one, as where the bytes of a file are lost and read as zeros";
            return Err(Error::corrupt(
                offset,
                "at most one key without a name in a database",
                found,
            ));
        }
        let Attributes {
            expires_at_ms,
            idle_s,
            freq,
            key_meta_bytes,
            ..
        } = place.pending;
        let head = EntryHead {
            db: place.db,
            key,
            expires_at_ms,
            idle_s,
            freq,
            value_type,
            key_meta_bytes,
            offset,
            value_offset: c.offset(),
        };
        let templates = TemplateSource::Defined(&self.templates);
        let (value, template) = c
            .value(&head, templates)
            .map_err(|error| match key.bytes() {
                Ok(bytes) => error.in_entry(head.db, &bytes),
                Err(_) => error,
            })?;
        Ok(head.with_value(value, template))
    }
}
