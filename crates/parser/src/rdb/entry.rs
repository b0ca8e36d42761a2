//! Entries: a key and the window of its value.

use super::{Str, ValueType};
use crate::Error;
use crate::reader::{Cursor as _, Reader};
use crate::value::{MeasureOptions, ValueFacts, measure};

/// Bytes that DUMP puts around a value: the type in front, version and checksum behind (redis
/// `src/cluster.c`, `createDumpPayload`).
const DUMP_FRAME_BYTES: u64 = 11;

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
    pub value: &'a [u8],
    /// Absolute offset of `value`.
    pub value_offset: u64,
}

impl Entry<'_> {
    /// The length of what DUMP returns and MIGRATE carries: the value and eleven bytes, and the
    /// metadata block where there is one.
    ///
    /// Exact when the server that dumps is the one that wrote the file, with the same settings.
    pub fn payload_bytes(&self) -> u64 {
        self.value.len() as u64 + DUMP_FRAME_BYTES + self.key_meta_bytes
    }

    /// Walks the value and tells what it is made of.
    ///
    /// # Errors
    /// Corrupt, with the offset of the first bad byte and the key, when a blob's header or, with
    /// [`crate::Detail::Elements`], any of its elements contradicts the format.
    pub fn measure(&self, options: impl Into<MeasureOptions>) -> Result<ValueFacts, Error> {
        let mut reader = Reader::new(self.value, self.value_offset);
        measure(&mut reader, self.value_type, options.into())
            .and_then(|facts| match reader.rest().len() {
                0 => Ok(facts),
                left => Err(Error::corrupt(
                    reader.offset(),
                    "end of the value",
                    format!("{left} more bytes"),
                )),
            })
            .map_err(|error| self.locate(error))
    }

    #[cold]
    fn locate(&self, error: Error) -> Error {
        match self.key.bytes() {
            Ok(key) => error.in_entry(self.db, &key),
            Err(_) => error,
        }
    }
}
