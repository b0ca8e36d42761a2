//! Module values: typed items up to an end mark, so that any of them can be skipped (redis
//! `src/rdb.h`, `RDB_MODULE_OPCODE_*`; version 2 of the module serialisation).

use std::fmt;

use super::{read_length, read_string_header};
use crate::Error;
use crate::reader::Cursor;

const ITEM_END: u64 = 0;
const ITEM_SIGNED: u64 = 1;
const ITEM_UNSIGNED: u64 = 2;
const ITEM_FLOAT: u64 = 3;
const ITEM_DOUBLE: u64 = 4;
const ITEM_STRING: u64 = 5;

/// The 64-bit id of a module data type: nine characters of six bits, then ten bits of version
/// (redis `src/module.c`, `moduleTypeEncodeId`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModuleId(pub u64);

impl ModuleId {
    /// The name of the data type, nine characters.
    pub fn name(self) -> String {
        const ALPHABET: [u8; 64] =
            *b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let index = |position: u32| (self.0 >> (10 + 6 * position)) & 63;
        (0..9)
            .rev()
            .filter_map(|position| ALPHABET.get(usize::try_from(index(position)).ok()?))
            .map(|&c| char::from(c))
            .collect()
    }

    /// Version of the serialisation, 0 to 1023.
    pub fn version(self) -> u64 {
        self.0 & 1_023
    }
}

impl fmt::Display for ModuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} version {}", self.name(), self.version())
    }
}

/// Skips the items of a module value, its end mark included.
pub(crate) fn skip_module_items<C: Cursor>(c: &mut C) -> Result<(), Error> {
    loop {
        let offset = c.offset();
        match read_length(c)? {
            ITEM_END => return Ok(()),
            ITEM_SIGNED | ITEM_UNSIGNED => {
                read_length(c)?;
            }
            ITEM_FLOAT => c.skip(4)?,
            ITEM_DOUBLE => c.skip(8)?,
            ITEM_STRING => {
                let header = read_string_header(c)?;
                c.skip(header.stored)?;
            }
            other => {
                return Err(Error::corrupt(
                    offset,
                    "module item 0 to 5",
                    format!("{other}"),
                ));
            }
        }
    }
}
