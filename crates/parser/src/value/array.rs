//! Arrays: elements at indexes, with gaps (redis 8.8 `src/sparsearray.h` and `tests/unit/type/array.tcl`; librdb 2.3
//! reads the same).

use super::string;
use super::visitor::{Role, Visitor};
use crate::Error;
use crate::rdb::{StringHeader, read_length};
use crate::reader::Cursor;

/// What an element is (redis `src/sparsearray.h`, `AR_RDB_TAG_*`).
const TAG_STRING: u64 = 0;
const TAG_INTEGER: u64 = 1;
const TAG_FLOAT: u64 = 2;
/// A string of so few bytes that a server keeps it in place of a pointer.
const TAG_SHORT_STRING: u64 = 3;

/// How many elements, whether and where ARINSERT was last, then each element behind its index.
pub(super) fn walk<C: Cursor, V: Visitor>(c: &mut C, v: &mut V) -> Result<(), Error> {
    let n = read_length(c)?;
    v.elements(n);
    let offset = c.offset();
    match read_length(c)? {
        0 => {}
        1 => {
            read_length(c)?;
        }
        other => {
            return Err(Error::corrupt(
                offset,
                "1 where an insert index follows, or 0",
                format!("{other}"),
            ));
        }
    }
    for _ in 0..n {
        let index = read_length(c)?;
        v.array_index(index);
        let offset = c.offset();
        match read_length(c)? {
            TAG_STRING | TAG_SHORT_STRING => string(c, Role::Element, v)?,
            TAG_INTEGER => {
                let integer = i64::from_le_bytes(c.take_array()?);
                v.string(Role::Element, StringHeader::integer(integer), c)?;
            }
            TAG_FLOAT => v.float(f64::from_le_bytes(c.take_array()?)),
            other => {
                return Err(Error::corrupt(
                    offset,
                    "array element of kind 0 to 3",
                    format!("{other}"),
                ));
            }
        }
        v.element_ends()?;
    }
    Ok(())
}
