//! Framing: from bytes to records.

mod entry;
mod header;
mod length;
mod module;
mod opcode;
mod reader;
mod record;
mod since;
mod string;
mod value_type;

pub use entry::Entry;
pub use header::{Family, Header};
pub use module::ModuleId;
pub use reader::RdbReader;
pub use record::{Record, RecordKind, SlotInfo};
pub use string::Str;
pub use value_type::{DataType, Encoding, ValueType};

pub(crate) use length::read_length;
pub(crate) use module::skip_module_items;
pub(crate) use string::{Form, StringHeader, integer_text_len, read_string_header};
