//! What stands between keys: the operands of opcodes that are records by themselves.

use super::framer::{FrameCursor, Need};
use super::module::skip_module_items;
use super::{ModuleId, RecordKind, SlotInfo, Str, StringHeader, opcode, read_length};
use crate::Error;
use crate::limits::SLOT_IMPORT_RANGES_MAX;
use crate::reader::Cursor;

pub(super) fn read_aux<'a, C: FrameCursor<'a>>(c: &mut C) -> Result<RecordKind<'a>, Error> {
    Ok(RecordKind::Aux {
        name: c.string(Need::WhenShort)?,
        value: c.string(Need::WhenShort)?,
    })
}

pub(super) fn read_resize_db<'a, C: FrameCursor<'a>>(c: &mut C) -> Result<RecordKind<'a>, Error> {
    let keys = read_length(c)?;
    Ok(RecordKind::ResizeDb {
        keys,
        expiring_keys: read_length(c)?,
    })
}

pub(super) fn read_slot_info<'a, C: FrameCursor<'a>>(c: &mut C) -> Result<RecordKind<'a>, Error> {
    let slot = read_length(c)?;
    let keys = read_length(c)?;
    Ok(RecordKind::SlotInfo(SlotInfo {
        slot,
        keys,
        expiring_keys: read_length(c)?,
        keys_with_field_ttl: None,
    }))
}

pub(super) fn read_function<'a, C: FrameCursor<'a>>(c: &mut C) -> Result<RecordKind<'a>, Error> {
    Ok(RecordKind::Function {
        source: c.string(Need::WhenShort)?,
    })
}

/// Name, engine, an optional description, code.
pub(super) fn read_function_pre_ga<'a, C: FrameCursor<'a>>(
    c: &mut C,
) -> Result<RecordKind<'a>, Error> {
    c.string(Need::WhenShort)?;
    c.string(Need::WhenShort)?;
    if read_length(c)? != 0 {
        c.string(Need::WhenShort)?;
    }
    Ok(RecordKind::Function {
        source: c.string(Need::WhenShort)?,
    })
}

pub(super) fn read_module_aux<'a, C: FrameCursor<'a>>(c: &mut C) -> Result<RecordKind<'a>, Error> {
    let module = ModuleId(read_length(c)?);
    let offset = c.offset();
    match read_length(c)? {
        opcode::MODULE_OPCODE_UINT => {}
        other => {
            return Err(Error::corrupt(
                offset,
                "module item 2 in front of the time",
                format!("{other}"),
            ));
        }
    }
    read_length(c)?;
    skip_module_items(c)?;
    Ok(RecordKind::ModuleAux { module })
}

pub(super) fn read_slot_import<'a, C: FrameCursor<'a>>(c: &mut C) -> Result<RecordKind<'a>, Error> {
    let job = c.string(Need::WhenShort)?;
    let offset = c.offset();
    let count = read_length(c)?;
    if count > SLOT_IMPORT_RANGES_MAX {
        let found = format!("{count} ranges");
        return Err(Error::corrupt(offset, "at most one range a slot", found));
    }
    let mut ranges = Vec::new();
    for _ in 0..count {
        let first = read_length(c)?;
        ranges.push((first, read_length(c)?));
    }
    Ok(RecordKind::SlotImport { job, ranges })
}

/// A command as clients send it (valkey 9.2 `src/rdb.c`, `RDB_OPCODE_UPDATE`): how many arguments, then each with
/// its length.
pub(super) fn read_update<'a, C: FrameCursor<'a>>(c: &mut C) -> Result<RecordKind<'a>, Error> {
    let offset = c.offset();
    let arguments = read_number_line(c, b'*')?;
    if arguments == 0 {
        return Err(Error::corrupt(offset, "name of a command", "no arguments"));
    }
    let len = read_number_line(c, b'$')?;
    let offset = c.offset();
    let command = Str::new(
        StringHeader::raw(len),
        c.stored(len, Need::WhenShort)?,
        offset,
    );
    read_line_end(c)?;
    for _ in 1..arguments {
        let len = read_number_line(c, b'$')?;
        c.skip(len)?;
        read_line_end(c)?;
    }
    Ok(RecordKind::Update { command, arguments })
}

/// A decimal number behind `mark`, up to the end of its line.
fn read_number_line<C: Cursor>(c: &mut C, mark: u8) -> Result<u64, Error> {
    let offset = c.offset();
    let corrupt = |offset, found: u8| {
        let found = format!("byte {found:#04x}");
        Error::corrupt(offset, "number of arguments or bytes on a line", found)
    };
    match c.u8()? {
        first if first == mark => {}
        other => return Err(corrupt(offset, other)),
    }
    let mut number: Option<u64> = None;
    loop {
        let offset = c.offset();
        let byte = c.u8()?;
        let digit = u64::from(byte.wrapping_sub(b'0'));
        number = match (byte, number) {
            (b'0'..=b'9', None) => Some(digit),
            (b'0'..=b'9', Some(number)) => number
                .checked_mul(10)
                .and_then(|number| number.checked_add(digit))
                .ok_or_else(|| corrupt(offset, byte))
                .map(Some)?,
            (b'\r', Some(number)) => {
                return match c.u8()? {
                    b'\n' => Ok(number),
                    other => Err(corrupt(offset + 1, other)),
                };
            }
            (other, _) => return Err(corrupt(offset, other)),
        };
    }
}

fn read_line_end<C: Cursor>(c: &mut C) -> Result<(), Error> {
    let offset = c.offset();
    match c.take_array()? {
        [b'\r', b'\n'] => Ok(()),
        other => Err(Error::corrupt(
            offset,
            "end of the line",
            format!("\"{}\"", other.escape_ascii()),
        )),
    }
}

/// A count, then for each class four bytes of specification and module items (redis 8.6 `src/rdb.c`).
pub(super) fn skip_key_meta<C: Cursor>(c: &mut C) -> Result<(), Error> {
    for _ in 0..read_length(c)? {
        c.skip(4)?;
        skip_module_items(c)?;
    }
    Ok(())
}
