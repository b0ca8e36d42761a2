//! Module values: typed items up to an end mark, so that any of them can be skipped (redis
//! `src/rdb.h`, `RDB_MODULE_OPCODE_*`; version 2 of the module serialisation).

use super::member::ModuleNumber;
use super::string;
use super::visitor::{Role, Visitor};
use crate::rdb::read_length;
use crate::reader::Cursor;
use crate::{Error, ModuleId};

const ITEM_END: u64 = 0;
const ITEM_SIGNED: u64 = 1;
const ITEM_UNSIGNED: u64 = 2;
const ITEM_FLOAT: u64 = 3;
const ITEM_DOUBLE: u64 = 4;
const ITEM_STRING: u64 = 5;

pub(super) fn walk<C: Cursor, V: Visitor>(c: &mut C, v: &mut V) -> Result<(), Error> {
    v.module(ModuleId(read_length(c)?))?;
    walk_items(c, v)
}

/// Walks the items of a module to their end mark.
pub(crate) fn walk_items<C: Cursor, V: Visitor>(c: &mut C, v: &mut V) -> Result<(), Error> {
    loop {
        let offset = c.offset();
        match read_length(c)? {
            ITEM_END => return Ok(()),
            ITEM_SIGNED => {
                let bits = read_length(c)?;
                v.module_number(ModuleNumber::Signed(bits.cast_signed()))?;
            }
            ITEM_UNSIGNED => {
                let number = read_length(c)?;
                v.module_number(ModuleNumber::Unsigned(number))?;
            }
            ITEM_FLOAT => {
                let number = f32::from_le_bytes(c.take_array()?);
                v.module_number(ModuleNumber::Float(number))?;
            }
            ITEM_DOUBLE => {
                let number = f64::from_le_bytes(c.take_array()?);
                v.module_number(ModuleNumber::Double(number))?;
            }
            ITEM_STRING => string(c, Role::ModuleString, v)?,
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
