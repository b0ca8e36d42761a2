//! The framing loop.

use super::module::skip_module_items;
use super::opcode;
use super::{Entry, Header, ModuleId, Record, RecordKind, SlotInfo, Str, ValueType, read_length};
use crate::limits::CHECKSUM_VERSION_MIN;
use crate::reader::{Cursor as _, Reader};
use crate::value::{Skip, walk_value};
use crate::{Error, Family};

/// Yields the records of a snapshot in file order.
///
/// Opcodes are taken in any order, as servers do. After an error or the end it yields nothing more.
#[derive(Debug, Clone)]
pub struct RdbReader<'a> {
    reader: Reader<'a>,
    header: Header,
    db: u64,
    pending: Attributes,
    ended: bool,
}

/// What stands in front of a key; cleared by the key only.
#[derive(Debug, Clone, Default)]
struct Attributes {
    expires_at_ms: Option<i64>,
    idle_s: Option<u64>,
    freq: Option<u8>,
    key_meta_bytes: u64,
}

impl<'a> RdbReader<'a> {
    /// Reads the header of a snapshot.
    ///
    /// # Errors
    /// When the bytes do not begin like a snapshot, or with a version that is not known.
    pub fn new(bytes: &'a [u8]) -> Result<RdbReader<'a>, Error> {
        let mut reader = Reader::new(bytes, 0);
        let header = Header::read(&mut reader)?;
        Ok(RdbReader {
            reader,
            header,
            db: 0,
            pending: Attributes::default(),
            ended: false,
        })
    }

    /// Family and version.
    pub fn header(&self) -> Header {
        self.header
    }

    /// Absolute offset of the next byte to be framed.
    pub fn offset(&self) -> u64 {
        self.reader.offset()
    }

    /// The bytes behind what was framed; after the end, what stands behind the snapshot.
    pub fn rest(&self) -> &'a [u8] {
        self.reader.rest()
    }

    /// The next record, or `None` after [`RecordKind::End`].
    ///
    /// # Errors
    /// At the first byte that contradicts the format, is not known, or is missing.
    #[inline]
    pub fn next_record(&mut self) -> Result<Option<Record<'a>>, Error> {
        if self.ended {
            return Ok(None);
        }
        let start = self.reader.offset();
        let kind = self.read_record().inspect_err(|_| self.ended = true)?;
        self.ended = matches!(kind, RecordKind::End { .. });
        Ok(Some(Record {
            range: start..self.reader.offset(),
            kind,
        }))
    }

    #[inline]
    fn read_record(&mut self) -> Result<RecordKind<'a>, Error> {
        loop {
            let offset = self.reader.offset();
            let byte = self
                .reader
                .u8()
                .map_err(|error| error.reading("sequence of records"))?;
            if byte >= opcode::LOWEST {
                if self.read_attribute(byte, offset)? {
                    continue;
                }
                if let Some(record) = self.read_opcode(byte)? {
                    return Ok(record);
                }
            }
            return self.read_entry(byte, offset).map(RecordKind::Entry);
        }
    }

    /// Reads an opcode that belongs to the next key; false when `byte` is none.
    fn read_attribute(&mut self, byte: u8, offset: u64) -> Result<bool, Error> {
        let reader = &mut self.reader;
        match byte {
            opcode::EXPIRETIME => {
                let seconds = i32::from_le_bytes(
                    reader
                        .take_array()
                        .map_err(|error| error.reading("expiry"))?,
                );
                self.pending.expires_at_ms = Some(i64::from(seconds) * 1_000);
            }
            opcode::EXPIRETIME_MS => {
                let ms = i64::from_le_bytes(
                    reader
                        .take_array()
                        .map_err(|error| error.reading("expiry"))?,
                );
                self.pending.expires_at_ms = Some(ms);
            }
            opcode::IDLE => {
                self.pending.idle_s =
                    Some(read_length(reader).map_err(|error| error.reading("idle time"))?);
            }
            opcode::FREQ => {
                self.pending.freq =
                    Some(reader.u8().map_err(|error| error.reading("LFU counter"))?);
            }
            opcode::REDIS_KEY_META if self.header.family == Family::Redis => {
                skip_key_meta(reader).map_err(|error| error.reading("key metadata"))?;
                self.pending.key_meta_bytes = reader.offset() - offset;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Reads an opcode that is a record by itself; `None` when `byte` is a value type.
    fn read_opcode(&mut self, byte: u8) -> Result<Option<RecordKind<'a>>, Error> {
        let (record, structure) = match byte {
            opcode::AUX => (self.read_aux(), "aux field"),
            opcode::SELECTDB => (self.read_select_db(), "database selector"),
            opcode::RESIZEDB => (self.read_resize_db(), "database sizes"),
            opcode::SLOT_INFO => (self.read_slot_info(), "slot info"),
            opcode::FUNCTION2 => (self.read_function(), "function library"),
            opcode::FUNCTION_PRE_GA => (self.read_function_pre_ga(), "function"),
            opcode::MODULE_AUX => (self.read_module_aux(), "module aux data"),
            opcode::VALKEY_SLOT_IMPORT if self.header.family == Family::Valkey => {
                (self.read_slot_import(), "slot import")
            }
            opcode::ENTERPRISE_SLOT | opcode::ENTERPRISE_RAM_LRU => (
                read_length(&mut self.reader).map(|_| RecordKind::EnterpriseHint { opcode: byte }),
                "Redis Enterprise field",
            ),
            opcode::REUSED_242 => {
                let name = match self.header.family {
                    Family::Redis => "hash template of Redis 8.10",
                    Family::Valkey => "update of a forkless save of Valkey 9.2",
                };
                let what = format!("opcode 242 ({name}) in a file that says {}", self.header);
                (
                    Err(Error::unsupported(self.reader.offset() - 1, what)),
                    "opcode",
                )
            }
            opcode::EOF => (self.read_end(), "checksum"),
            _ => return Ok(None),
        };
        record.map(Some).map_err(|error| error.reading(structure))
    }

    fn read_aux(&mut self) -> Result<RecordKind<'a>, Error> {
        Ok(RecordKind::Aux {
            name: Str::read(&mut self.reader)?,
            value: Str::read(&mut self.reader)?,
        })
    }

    fn read_select_db(&mut self) -> Result<RecordKind<'a>, Error> {
        self.db = read_length(&mut self.reader)?;
        Ok(RecordKind::SelectDb { db: self.db })
    }

    fn read_resize_db(&mut self) -> Result<RecordKind<'a>, Error> {
        let keys = read_length(&mut self.reader)?;
        Ok(RecordKind::ResizeDb {
            keys,
            expiring_keys: read_length(&mut self.reader)?,
        })
    }

    fn read_slot_info(&mut self) -> Result<RecordKind<'a>, Error> {
        let slot = read_length(&mut self.reader)?;
        let keys = read_length(&mut self.reader)?;
        Ok(RecordKind::SlotInfo(SlotInfo {
            slot,
            keys,
            expiring_keys: read_length(&mut self.reader)?,
        }))
    }

    fn read_function(&mut self) -> Result<RecordKind<'a>, Error> {
        Ok(RecordKind::Function {
            source: Str::read(&mut self.reader)?,
        })
    }

    /// Name, engine, an optional description, code.
    fn read_function_pre_ga(&mut self) -> Result<RecordKind<'a>, Error> {
        Str::read(&mut self.reader)?;
        Str::read(&mut self.reader)?;
        if read_length(&mut self.reader)? != 0 {
            Str::read(&mut self.reader)?;
        }
        Ok(RecordKind::Function {
            source: Str::read(&mut self.reader)?,
        })
    }

    fn read_module_aux(&mut self) -> Result<RecordKind<'a>, Error> {
        let module = ModuleId(read_length(&mut self.reader)?);
        let offset = self.reader.offset();
        match read_length(&mut self.reader)? {
            opcode::MODULE_OPCODE_UINT => {}
            other => {
                return Err(Error::corrupt(
                    offset,
                    "module item 2 in front of the time",
                    format!("{other}"),
                ));
            }
        }
        read_length(&mut self.reader)?;
        skip_module_items(&mut self.reader)?;
        Ok(RecordKind::ModuleAux { module })
    }

    fn read_slot_import(&mut self) -> Result<RecordKind<'a>, Error> {
        let job = Str::read(&mut self.reader)?;
        let count = read_length(&mut self.reader)?;
        let mut ranges = Vec::new();
        for _ in 0..count {
            let first = read_length(&mut self.reader)?;
            ranges.push((first, read_length(&mut self.reader)?));
        }
        Ok(RecordKind::SlotImport { job, ranges })
    }

    fn read_end(&mut self) -> Result<RecordKind<'a>, Error> {
        let checksum = if self.header.version >= CHECKSUM_VERSION_MIN {
            Some(u64::from_le_bytes(self.reader.take_array()?))
        } else {
            None
        };
        Ok(RecordKind::End { checksum })
    }

    #[inline]
    fn read_entry(&mut self, byte: u8, offset: u64) -> Result<Entry<'a>, Error> {
        let value_type = ValueType::from_byte(byte, self.header, offset)?;
        let key = Str::read(&mut self.reader).map_err(|error| error.reading("key"))?;
        let value_offset = self.reader.offset();
        let mut rest = self.reader.clone();
        walk_value(&mut self.reader, value_type, &mut Skip).map_err(|error| match key.bytes() {
            Ok(bytes) => error.in_entry(self.db, &bytes),
            Err(_) => error,
        })?;
        let value = rest.window(self.reader.offset() - value_offset)?;
        let Attributes {
            expires_at_ms,
            idle_s,
            freq,
            key_meta_bytes,
        } = std::mem::take(&mut self.pending);
        Ok(Entry {
            db: self.db,
            key,
            expires_at_ms,
            idle_s,
            freq,
            value_type,
            key_meta_bytes,
            offset,
            value,
            value_offset,
        })
    }
}

/// A count, then for each class four bytes of specification and module items (redis 8.6 `src/rdb.c`).
fn skip_key_meta(reader: &mut Reader<'_>) -> Result<(), Error> {
    for _ in 0..read_length(reader)? {
        reader.skip(4)?;
        skip_module_items(reader)?;
    }
    Ok(())
}
