//! Auxiliary fields: what the server that wrote a file says of it.

use std::borrow::Cow;

use preshard_parser::{SlotInfo, Str};

use super::claims::Told;
use crate::{AuxField, Claim, ClaimKind, ClaimVerdict, Server};

/// Most fields that are listed, and most bytes of a name or a value that is shown: servers write about a dozen short
/// ones.
const FIELDS_MAX: usize = 64;
const SHOWN_BYTES_MAX: u64 = 1_024;
/// Cached Lua scripts of servers before 7.0: of any size, and nothing about the file.
const LUA: &[u8] = b"lua";
/// Fields whose value is a number.
const NUMBERS: [&str; 7] = [
    "ctime",
    "used-mem",
    "redis-bits",
    "repl-stream-db",
    "repl-offset",
    "aof-base",
    "aof-preamble",
];

/// What was learnt from the fields so far.
#[derive(Default)]
pub(super) struct AuxFields {
    pub(super) listed: Vec<AuxField>,
    /// Fields beyond those that are listed, or with a name that cannot be shown.
    pub(super) unlisted: u64,
    /// Names and values that cannot be decompressed.
    pub(super) unreadable: u64,
    /// Cached Lua scripts.
    pub(super) scripts: u64,
    pub(super) server: Option<Server>,
    pub(super) used_memory_bytes: Option<u64>,
    pub(super) told: Told,
    /// Fields that contradict each other, or cannot be true.
    pub(super) contradictions: Vec<Claim>,
}

/// What a field says that concerns more than itself.
pub(super) enum Meaning {
    Nothing,
    WrittenAt(i64),
    SlotTotals(SlotInfo),
    UnreadableSlotTotals,
}

impl AuxFields {
    /// Takes in a field. One that cannot be decoded or is too long is listed without its value: it describes the file,
    /// and the keys can be read all the same.
    pub(super) fn add(&mut self, name: &Str<'_>, value: &Str<'_>) -> Meaning {
        let Some(name) = self.decode(name) else {
            self.unlisted += 1;
            return Meaning::Nothing;
        };
        if *name == *LUA {
            self.scripts += 1;
            return Meaning::Nothing;
        }
        let decoded = self.decode(value);
        if *name == *SlotInfo::AUX_NAME {
            let info = decoded.as_deref().and_then(SlotInfo::parse);
            return info.map_or(Meaning::UnreadableSlotTotals, Meaning::SlotTotals);
        }
        let meaning = match &decoded {
            Some(value) => self.understand(&name, value),
            None => Meaning::Nothing,
        };
        self.list(AuxField {
            name: text(&name),
            value: decoded.as_deref().map(text),
            value_bytes: value.len(),
        });
        meaning
    }

    fn decode<'a>(&mut self, string: &Str<'a>) -> Option<Cow<'a, [u8]>> {
        if string.len() > SHOWN_BYTES_MAX {
            return None;
        }
        let decoded = string.bytes().ok();
        self.unreadable += u64::from(decoded.is_none());
        decoded
    }

    /// Of a field that stands twice the first counts; that the second differs is told when it is listed.
    fn understand(&mut self, name: &[u8], value: &[u8]) -> Meaning {
        let number = number(value);
        let unsigned = number.and_then(|number| u64::try_from(number).ok());
        let slot = match name {
            b"ctime" => return number.map_or(Meaning::Nothing, Meaning::WrittenAt),
            b"used-mem" => &mut self.used_memory_bytes,
            b"redis-bits" => &mut self.told.word_bits,
            b"aof-base" => &mut self.told.aof_base,
            b"aof-preamble" => &mut self.told.aof_preamble,
            b"redis-ver" | b"valkey-ver" => {
                if self.server.is_none() {
                    self.told.version = Some(format!("{} {}", text(name), text(value)));
                    self.server = Server::from_aux(name, value);
                }
                return Meaning::Nothing;
            }
            _ => return Meaning::Nothing,
        };
        *slot = slot.or(unsigned);
        Meaning::Nothing
    }

    fn list(&mut self, field: AuxField) {
        if self.listed.len() >= FIELDS_MAX {
            self.unlisted += 1;
            return;
        }
        let found = match (self.rival(&field), &field.value) {
            (Some(rival), _) => Some(format!("{} as well", assignment(rival))),
            (None, Some(value)) if is_no_number(&field.name, value) => Some("no number".to_owned()),
            (None, _) => None,
        };
        self.contradictions.extend(found.map(|found| Claim {
            kind: ClaimKind::AuxField,
            claimed: assignment(&field),
            found,
            verdict: ClaimVerdict::Differs,
        }));
        self.listed.push(field);
    }

    /// An earlier field that says something else about the same thing. Fields that are not of Redis or Valkey may stand
    /// as often as they like: KeyDB writes one for each key.
    fn rival(&self, field: &AuxField) -> Option<&AuxField> {
        let rivals: &[&str] = match field.name.as_str() {
            "redis-ver" | "valkey-ver" => &["redis-ver", "valkey-ver"],
            "repl-id" => &["repl-id"],
            name => NUMBERS
                .iter()
                .find(|&&number| number == name)
                .map_or(&[], std::slice::from_ref),
        };
        let says = |field: &AuxField| (field.name.clone(), field.value.clone());
        let is_rival =
            |other: &&AuxField| rivals.contains(&&*other.name) && says(other) != says(field);
        self.listed.iter().find(is_rival)
    }
}

fn is_no_number(name: &str, value: &str) -> bool {
    NUMBERS.contains(&name) && number(value.as_bytes()).is_none()
}

fn assignment(field: &AuxField) -> String {
    match &field.value {
        Some(value) => format!("{} = {value:?}", field.name),
        None => format!("{} of {} bytes", field.name, field.value_bytes),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A decimal number. Servers write sizes and times as `long long`.
fn number(value: &[u8]) -> Option<i64> {
    str::from_utf8(value).ok()?.parse().ok()
}
