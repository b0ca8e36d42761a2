//! Framing: from bytes to records.

mod entry;
mod fields;
mod framer;
mod header;
mod length;
mod measuring;
mod module;
pub(crate) mod opcode;
mod reader;
mod record;
mod short;
mod since;
mod string;
mod template;
mod value_type;

pub use entry::{Entry, EntryHead, Measured, Value};
pub use header::{Family, Header};
pub use measuring::{MeasuringReader, Prepare, Ready};
pub use module::ModuleId;
pub use reader::RdbReader;
pub(crate) use reader::first_error;
pub use record::{Record, RecordKind, SlotInfo};
pub use short::ShortString;
pub use string::Str;
pub use template::Template;
pub use value_type::{DataType, Encoding, ValueType};

pub(crate) use framer::{Begins, FrameCursor, Framer, Need};
pub(crate) use length::read_length;
pub(crate) use string::{
    ENCODING_INT8, ENCODING_INT16, ENCODING_INT32, ENCODING_LZF, Form, StringHeader,
    integer_text_len, read_string_header,
};
pub(crate) use template::{TemplateSource, Templates};
