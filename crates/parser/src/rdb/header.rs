//! The first nine bytes: family and version.

use crate::Error;
use crate::limits::{
    HASH_TEMPLATE_VERSION_MIN, REDIS_VERSION_MAX, VALKEY_VERSION_MAX, VALKEY_VERSION_MIN,
};
use crate::looks_like::looks_like;
use crate::reader::{Cursor as _, Reader};

const REDIS_MAGIC: &[u8] = b"REDIS";
const VALKEY_MAGIC: &[u8] = b"VALKEY";
/// Magic and version digits together (redis and valkey `src/rdb.c`, `rdbSaveRio`).
const HEADER_BYTES: usize = 9;

/// Which of the two families wrote a file. They use the same numbers for different things, so
/// every type and opcode is resolved by family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// Magic `REDIS`: Redis, Redict, and Valkey before 9.0.
    Redis,
    /// Magic `VALKEY`: Valkey 9.0 and later.
    Valkey,
}

/// Family and version of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Header {
    /// Who wrote it.
    pub family: Family,
    /// The RDB version.
    pub version: u32,
}

impl std::fmt::Display for Header {
    /// The header as it stands in the file: `REDIS0010`, `VALKEY080`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.family {
            Family::Redis => write!(f, "REDIS{:04}", self.version),
            Family::Valkey => write!(f, "VALKEY{:03}", self.version),
        }
    }
}

impl Header {
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Header, Error> {
        let start = reader.rest();
        let magic_is_cut = |magic: &[u8]| {
            start.len() < magic.len() && !start.is_empty() && magic.starts_with(start)
        };
        if !start.starts_with(REDIS_MAGIC) && !start.starts_with(VALKEY_MAGIC) {
            if magic_is_cut(REDIS_MAGIC) || magic_is_cut(VALKEY_MAGIC) {
                return Err(Error::truncated(
                    start.len() as u64,
                    (HEADER_BYTES - start.len()) as u64,
                )
                .reading("header"));
            }
            let head = start.get(..HEADER_BYTES).unwrap_or(start);
            let found = looks_like(start)
                .map_or_else(|| format!("\"{}\"", head.escape_ascii()), str::to_owned);
            return Err(Error::corrupt(0, "REDIS or VALKEY and a version", found).reading("header"));
        }
        let bytes = reader
            .take_array::<9>()
            .map_err(|error| error.reading("header"))?;
        let (family, digits) = match bytes {
            [b'R', b'E', b'D', b'I', b'S', digits @ ..] => (Family::Redis, digits.to_vec()),
            [_, _, _, _, _, _, digits @ ..] => (Family::Valkey, digits.to_vec()),
        };
        let magic_len = (HEADER_BYTES - digits.len()) as u64;
        let mut version = 0;
        for (at, &digit) in digits.iter().enumerate() {
            if !digit.is_ascii_digit() {
                let found = format!("\"{}\"", digits.escape_ascii());
                return Err(
                    Error::corrupt(magic_len + at as u64, "digits of a version", found)
                        .reading("header"),
                );
            }
            version = version * 10 + u32::from(digit - b'0');
        }
        let header = Header { family, version };
        let (known, newest) = match family {
            Family::Redis => (1..=REDIS_VERSION_MAX, REDIS_VERSION_MAX),
            Family::Valkey => (VALKEY_VERSION_MIN..=VALKEY_VERSION_MAX, VALKEY_VERSION_MAX),
        };
        if !known.contains(&version) {
            let what = format!(
                "RDB version {version} of the {} family, known are {} to {newest}",
                family.name(),
                known.start()
            );
            return Err(Error::unsupported(magic_len, what).reading("header"));
        }
        Ok(header)
    }

    /// Whether the numbers of hash templates mean hash templates.
    pub(crate) fn has_hash_templates(self) -> bool {
        self.family == Family::Redis && self.version >= HASH_TEMPLATE_VERSION_MIN
    }
}

impl Family {
    /// `Redis` or `Valkey`.
    pub fn name(self) -> &'static str {
        match self {
            Family::Redis => "Redis",
            Family::Valkey => "Valkey",
        }
    }
}
