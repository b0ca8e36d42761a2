//! Names of keys: bytes from strangers, as documents carry them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::Error as _;
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The bytes of a key's name.
///
/// A document carries it as `{"text": "..."}` when it is valid UTF-8 and as `{"base64": "..."}`
/// otherwise, so that no name is ever changed on its way.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(pub Box<[u8]>);

impl KeyName {
    /// The name with everything escaped that a terminal or a line of text could stumble over:
    /// control characters, invalid UTF-8, backslashes and the Unicode marks that reorder text.
    pub fn escaped(&self) -> String {
        let mut out = String::with_capacity(self.0.len());
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                if c == '\\' || is_hidden(c) {
                    out.extend(c.escape_default());
                } else {
                    out.push(c);
                }
            }
            for byte in chunk.invalid() {
                out.push_str(&format!("\\x{byte:02x}"));
            }
        }
        out
    }
}

/// Whether a character acts on a terminal or hides in a text: controls, and the format characters that
/// are not drawn and change how their neighbours are (Unicode category Cf and the line and paragraph
/// separators, the ranges in use).
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

impl Serialize for KeyName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        match std::str::from_utf8(&self.0) {
            Ok(text) => map.serialize_entry("text", text)?,
            Err(_) => map.serialize_entry("base64", &STANDARD.encode(&self.0))?,
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for KeyName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<KeyName, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "lowercase", deny_unknown_fields)]
        enum Form {
            Text(String),
            Base64(String),
        }
        Ok(KeyName(match Form::deserialize(deserializer)? {
            Form::Text(text) => text.into_bytes().into(),
            Form::Base64(code) => STANDARD.decode(code).map_err(D::Error::custom)?.into(),
        }))
    }
}
