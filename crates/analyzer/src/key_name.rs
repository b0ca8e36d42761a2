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

/// Why a text is none that [`KeyName::escaped`] could have written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "nothing is written as {escape} (character {at}): a backslash begins \\\\, \\n, \\r, \\t, \\0, \\', \\\", \\xNN or \\u{{...}}"
)]
pub struct NotEscaped {
    /// The escape that is none.
    pub escape: String,
    /// Which character of the text it begins with, from 1 on.
    pub at: usize,
}

impl KeyName {
    /// The name that [`KeyName::escaped`] wrote as this text; what need not be escaped may be.
    ///
    /// # Errors
    /// [`NotEscaped`], for a backslash that begins no escape.
    pub fn unescape(text: &str) -> Result<KeyName, NotEscaped> {
        let mut bytes = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some((plain, escape)) = rest.split_once('\\') {
            bytes.extend_from_slice(plain.as_bytes());
            let length = read_escape(escape, &mut bytes).ok_or_else(|| NotEscaped {
                escape: escape
                    .chars()
                    .take(1)
                    .fold("\\".to_owned(), |text, c| text + &c.to_string()),
                at: text[..text.len() - escape.len()].chars().count(),
            })?;
            rest = &escape[length..];
        }
        bytes.extend_from_slice(rest.as_bytes());
        Ok(KeyName(bytes.into()))
    }
}

impl KeyName {
    /// The name whose bytes are written in base64.
    ///
    /// # Errors
    /// [`NotBase64`], when the text is none.
    pub fn from_base64(code: &str) -> Result<KeyName, NotBase64> {
        let bytes = STANDARD.decode(code).map_err(|error| NotBase64 {
            reason: error.to_string(),
        })?;
        Ok(KeyName(bytes.into()))
    }
}

/// Why a text is no base64.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no base64: {reason}")]
pub struct NotBase64 {
    /// What is wrong with it.
    pub reason: String,
}

/// Reads what stands behind a backslash, and tells how long it is.
fn read_escape(escape: &str, bytes: &mut Vec<u8>) -> Option<usize> {
    bytes.push(match *escape.as_bytes().first()? {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'0' => 0,
        itself @ (b'\\' | b'\'' | b'"') => itself,
        b'x' => {
            let byte = hexadecimal(escape.get(1..3)?)?;
            bytes.push(byte.try_into().ok()?);
            return Some(3);
        }
        b'u' => {
            let (digits, _) = escape.strip_prefix("u{")?.split_once('}')?;
            let c = char::from_u32(hexadecimal(digits)?)?;
            bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            return Some(digits.len() + 3);
        }
        _ => return None,
    });
    Some(1)
}

fn hexadecimal(digits: &str) -> Option<u32> {
    let all = (1..=6).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    u32::from_str_radix(digits, 16).ok().filter(|_| all)
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
            Form::Base64(code) => KeyName::from_base64(&code).map_err(D::Error::custom)?.0,
        }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_escaped_reads_back(
            bytes in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..40),
                "\\PC{0,20}".prop_map(String::into_bytes),
                "[\\\\nxu{}0-9a-f\u{1b}\u{202e}\u{ad}]{0,20}".prop_map(String::into_bytes),
            ],
        ) {
            let name = KeyName(bytes.into());
            prop_assert_eq!(KeyName::unescape(&name.escaped()), Ok(name));
        }
    }

    #[test]
    fn every_escape_is_read_and_nothing_else() {
        let text = r#"a\\\n\r\t\0\'\"\x00\xfF\u{202e}\u{1F600}b"#;
        let bytes = [
            b"a\\\n\r\t\0'\"\0\xff".as_slice(),
            "\u{202e}\u{1F600}b".as_bytes(),
        ];
        assert_eq!(KeyName::unescape(text), Ok(KeyName(bytes.concat().into())));
        for (text, escape, at) in [
            ("\\", "\\", 1),
            ("a\\q", r"\q", 2),
            ("é\\x4", r"\x", 2),
            (r"\xgg", r"\x", 1),
            (r"\x+1", r"\x", 1),
            (r"\u202e", r"\u", 1),
            (r"\u{}", r"\u", 1),
            (r"\u{d800}", r"\u", 1),
            (r"\u{0000041}", r"\u", 1),
        ] {
            let refused = KeyName::unescape(text).expect_err(text);
            let escape = escape.to_owned();
            assert_eq!(refused, NotEscaped { escape, at }, "{text}");
        }
    }
}
