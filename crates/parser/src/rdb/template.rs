//! Hash templates: field names that a file tells once and many hashes refer to (redis 8.10 `src/t_hash.c`,
//! "Hash template registry internals", and `tests/unit/type/hash-templates.tcl`).

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use super::{read_length, read_string_header};
use crate::Error;
use crate::limits::HASH_TEMPLATES_MAX;
use crate::reader::Cursor;
use crate::value::ValueFacts;

/// Bytes of a listpack around its entries: the header and the end mark.
const LISTPACK_FRAME_BYTES: u64 = 7;

/// The field names that some hashes share, as far as reading those hashes needs them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Template {
    /// What hashes call it by.
    pub id: u64,
    /// Most bytes that the field names add to what DUMP returns of a hash. DUMP writes them out, one by one
    /// or as a listpack, depending on the server's settings, and compresses the listpack where that helps.
    pub inline_bytes_max: u64,
    /// Length of all field names together.
    pub field_bytes: u64,
    /// How many field names.
    pub fields: NonZeroU32,
    /// Length of the longest.
    pub longest_field_bytes: u32,
}

impl Template {
    /// Reads what stands behind the opcode: the id, how many field names, the names.
    pub(super) fn read<C: Cursor>(c: &mut C, defined: &Templates) -> Result<Template, Error> {
        let offset = c.offset();
        let id = read_length(c)?;
        if defined.by_id.contains_key(&id) {
            let found = format!("{id} a second time");
            return Err(Error::corrupt(offset, "id of a new template", found));
        }
        if defined.by_id.len() >= HASH_TEMPLATES_MAX {
            let what = format!("more than {HASH_TEMPLATES_MAX} templates");
            return Err(Error::unsupported(offset, what));
        }
        let offset = c.offset();
        let count = read_length(c)?;
        let names_offset = c.offset();
        let (mut longest, mut sum) = (0, 0u64);
        let mut listpack = LISTPACK_FRAME_BYTES;
        for _ in 0..count {
            let header = read_string_header(c)?;
            c.skip(header.stored)?;
            longest = header.len.max(longest);
            sum = sum.saturating_add(header.len);
            listpack = listpack.saturating_add(listpack_entry_bytes_max(header.len));
        }
        let (Ok(fields), Ok(longest_field_bytes)) = (u32::try_from(count), u32::try_from(longest))
        else {
            let what = format!("{count} field names, the longest of {longest} bytes");
            return Err(Error::unsupported(offset, what));
        };
        let Some(fields) = NonZeroU32::new(fields) else {
            return Err(Error::corrupt(offset, "at least one field name", "none"));
        };
        // In front of the names stands their form and, of names one by one, their number.
        let one_by_one = length_bytes(count) + (c.offset() - names_offset);
        let packed = length_bytes(listpack) + listpack;
        Ok(Template {
            id,
            inline_bytes_max: 1 + one_by_one.max(packed),
            field_bytes: sum,
            fields,
            longest_field_bytes,
        })
    }

    /// Most bytes that DUMP returns of a hash beyond its value as it lies in the file, where a value that is
    /// no listpack names its template in front.
    pub(super) fn payload_bytes_max(&self, names_template: bool) -> u64 {
        let named = if names_template {
            length_bytes(self.id)
        } else {
            0
        };
        self.inline_bytes_max.saturating_sub(named)
    }
}

/// The templates that a file has defined so far: at most [`HASH_TEMPLATES_MAX`], of which the names themselves
/// are not kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Templates {
    /// Shared, because framers are copied to try places behind damage.
    by_id: Arc<HashMap<u64, Template>>,
}

impl Templates {
    pub(super) fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    pub(super) fn define(&mut self, template: Template) {
        Arc::make_mut(&mut self.by_id).insert(template.id, template);
    }
}

/// Where a hash finds its template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TemplateSource<'t> {
    /// Among those that the file has defined in front of it.
    Defined(&'t Templates),
    /// It was found when the hash was framed.
    Found(Option<Template>),
}

impl TemplateSource<'_> {
    /// The template of a value that was measured, and so found it.
    pub(crate) fn of(self, facts: &ValueFacts) -> Option<Template> {
        self.get(facts.template?, 0).ok()
    }

    /// The template that the reference at `offset` names.
    pub(crate) fn get(self, id: u64, offset: u64) -> Result<Template, Error> {
        let template = match self {
            TemplateSource::Defined(templates) => templates.by_id.get(&id).copied(),
            TemplateSource::Found(template) => template.filter(|template| template.id == id),
        };
        template.ok_or_else(|| {
            let found = format!("{id}, which none has");
            Error::corrupt(offset, "id of a template defined in front", found)
        })
    }
}

/// Bytes of the shortest form of a length.
fn length_bytes(n: u64) -> u64 {
    match n {
        0..0x40 => 1,
        0x40..0x4000 => 2,
        0x4000..0x1_0000_0000 => 5,
        _ => 9,
    }
}

/// Bytes of a listpack's entry that is a string; one that looks like an integer takes fewer.
fn listpack_entry_bytes_max(len: u64) -> u64 {
    let head = match len {
        0..64 => 1,
        64..4_096 => 2,
        _ => 5,
    };
    let back = match head + len {
        0..128 => 1,
        128..16_383 => 2,
        16_383..2_097_151 => 3,
        2_097_151..268_435_455 => 4,
        _ => 5,
    };
    (head + back).saturating_add(len)
}
