//! Keys: what the key, its expiry and a string value take.

use crate::Model;
use crate::target::Keys;
use crate::weigher::{Loaded, Weight};

/// What a key takes, with all that belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Footprint {
    /// What `used_memory` grows by when it is loaded, buckets of the main tables left out (see [`crate::Tables`]).
    pub used_bytes: u64,
    /// What `MEMORY USAGE key SAMPLES 0` answers.
    pub reported_bytes: u64,
    /// The variance of the used bytes, bytes squared, and of the reported ones where they count what is drawn by lot; 0 where
    /// nothing is.
    pub variance: u64,
    /// How the server keeps the value.
    pub loaded: Loaded,
}

/// Of a value, or of an object, how much is reported and how much used.
#[derive(Debug, Clone, Copy, Default)]
struct Bytes {
    reported: u64,
    used: u64,
}

/// An object (`src/server.h`, `robj`).
pub(crate) const OBJECT_BYTES: u64 = 16;
/// An object of Valkey 9 without the pointer to its value.
const OBJECT_HEAD_BYTES: u64 = 8;
/// An entry of a chained table.
pub(crate) const ENTRY_BYTES: u64 = 24;
/// An entry of Valkey 8.0 without the key, but with the header byte of the key's string.
const KEYED_ENTRY_BYTES: u64 = 17;
/// What a key takes in the tree of slots and keys, beside its name: an estimate, the only one of this crate, since the
/// tree's shape hangs on what all names of a slot have in common. Within a fifth of the trees of 20,000 and 200,000 names of
/// four shapes.
const AROUND_NAME_IN_TREE_BYTES: u64 = 32;
/// Room for an expiry in an object.
const EXPIRY_BYTES: u64 = 8;
/// Longest string that lies in its object (`src/object.c`, `OBJ_ENCODING_EMBSTR_SIZE_LIMIT`).
pub(crate) const EMBEDDED_MAX: u64 = 44;
/// Object, header and final zero of such a string; the object alone and the zero, which Redis 6.2 reports.
pub(crate) const AROUND_EMBEDDED_BYTES: u64 = 20;
const AROUND_EMBEDDED_REPORTED_6_2: u64 = 18;
/// Header and final zero of a string in an object of Valkey.
const AROUND_VALUE_BYTES: u64 = 4;
/// Keys from this length on leave room for an expiry whether they have one or not (valkey `src/object.c`).
const ROOM_FOR_EXPIRY_FROM: u64 = 128;

impl Model {
    /// What a key of so many bytes takes with its value.
    #[inline]
    pub fn footprint(&self, key_bytes: u64, expires: bool, value: &Weight) -> Footprint {
        let (bytes, variance, loaded) = match *value {
            Weight::String { bytes } => {
                let (bytes, loaded) = self.string(key_bytes, expires, bytes);
                (bytes, 0, loaded)
            }
            Weight::Integer { is_small } => {
                (self.integer(key_bytes, expires, is_small), 0, Loaded::Int)
            }
            Weight::Collection {
                reported_bytes,
                used_bytes,
                variance,
                loaded,
            } => {
                let object = self.object(key_bytes, expires);
                let bytes = Bytes {
                    reported: object.reported.saturating_add(reported_bytes),
                    used: object.used.saturating_add(used_bytes),
                };
                (bytes, variance, loaded)
            }
        };
        let key = self.key(key_bytes, expires);
        Footprint {
            used_bytes: bytes.used.saturating_add(key.used),
            reported_bytes: bytes.reported.saturating_add(key.reported),
            variance,
            loaded,
        }
    }

    /// Key, object and expiry in one, with so many bytes of value.
    fn with_value(&self, key_bytes: u64, expires: bool, value_bytes: u64) -> u64 {
        let has_room = expires || key_bytes >= ROOM_FOR_EXPIRY_FROM;
        let room = if has_room { EXPIRY_BYTES } else { 0 };
        let size = self.with_key(key_bytes, OBJECT_BYTES + room);
        self.usable(size.saturating_add(value_bytes))
    }

    /// What of the key lies outside the object.
    fn key(&self, key_bytes: u64, expires: bool) -> Bytes {
        let expiry = if expires { self.usable(ENTRY_BYTES) } else { 0 };
        match self.layout.keys {
            Keys::Apart { links, counted } => {
                let name = self.strings.heap(key_bytes);
                let (links, counted) = match self.settings.cluster {
                    true => (links, counted),
                    false => (0, 0),
                };
                let tree = match self.layout.has_slot_tree && self.settings.cluster {
                    true => key_bytes.saturating_add(AROUND_NAME_IN_TREE_BYTES),
                    false => 0,
                };
                let used = name.saturating_add(self.usable(ENTRY_BYTES + links) + expiry);
                Bytes {
                    reported: name.saturating_add(ENTRY_BYTES + counted),
                    used: used.saturating_add(tree),
                }
            }
            Keys::InEntry => {
                let entry = self.strings.embedded(key_bytes);
                let entry = self.usable(entry.saturating_add(KEYED_ENTRY_BYTES));
                Bytes {
                    reported: entry,
                    used: entry.saturating_add(expiry),
                }
            }
            Keys::InObject { .. } | Keys::WithValue => Bytes::default(),
        }
    }

    /// The object, with the key where that lies in it.
    fn object(&self, key_bytes: u64, expires: bool) -> Bytes {
        match self.layout.keys {
            Keys::Apart { .. } | Keys::InEntry => Bytes {
                reported: OBJECT_BYTES,
                used: self.usable(OBJECT_BYTES),
            },
            Keys::InObject { since_9 } => {
                let used = self.keyed_object(key_bytes, expires);
                Bytes {
                    reported: if since_9 { used } else { OBJECT_BYTES },
                    used,
                }
            }
            Keys::WithValue => {
                let used = self.with_value(key_bytes, expires, 0);
                Bytes {
                    reported: used,
                    used,
                }
            }
        }
    }

    /// An object with its key, and with its expiry where there is room or must be.
    fn keyed_object(&self, key_bytes: u64, expires: bool) -> u64 {
        let has_room = key_bytes >= ROOM_FOR_EXPIRY_FROM;
        let room = if has_room { EXPIRY_BYTES } else { 0 };
        let size = self.with_key(key_bytes, OBJECT_BYTES + room);
        let bytes = self.usable(size);
        if expires && !has_room && bytes - size < EXPIRY_BYTES {
            return self.usable(size + EXPIRY_BYTES);
        }
        bytes
    }

    /// So many bytes with a key behind them, in front of which stands the size of its header.
    fn with_key(&self, key_bytes: u64, head: u64) -> u64 {
        let key = self.strings.embedded(key_bytes);
        key.saturating_add(1 + head)
    }

    fn integer(&self, key_bytes: u64, expires: bool, is_small: bool) -> Bytes {
        let object = self.object(key_bytes, expires);
        let is_shared = is_small
            && self.settings.shares_integers
            && matches!(self.layout.keys, Keys::Apart { .. } | Keys::InEntry);
        match is_shared {
            true => Bytes { used: 0, ..object },
            false => object,
        }
    }

    fn string(&self, key_bytes: u64, expires: bool, bytes: u64) -> (Bytes, Loaded) {
        match self.layout.keys {
            Keys::Apart { .. } | Keys::InEntry if bytes <= EMBEDDED_MAX => {
                let used = self.usable(AROUND_EMBEDDED_BYTES + bytes);
                let reported = match self.layout.has_ziplists {
                    true => AROUND_EMBEDDED_REPORTED_6_2 + bytes,
                    false => used,
                };
                (Bytes { reported, used }, Loaded::Embstr)
            }
            Keys::Apart { .. } | Keys::InEntry => {
                let object = self.object(key_bytes, expires);
                (self.beside(object, bytes), Loaded::Raw)
            }
            Keys::InObject { since_9 } => self.string_with_key(key_bytes, expires, bytes, since_9),
            Keys::WithValue => {
                // Neither the expiry nor the length of the key's header enters into this.
                let around = OBJECT_BYTES + 3 + AROUND_VALUE_BYTES;
                let together = key_bytes.saturating_add(bytes).saturating_add(around);
                if bytes <= EMBEDDED_MAX && together <= 64 {
                    let used = self.with_value(key_bytes, expires, AROUND_VALUE_BYTES + bytes);
                    let reported = used;
                    return (Bytes { reported, used }, Loaded::Embstr);
                }
                let object = self.object(key_bytes, expires);
                (self.beside(object, bytes), Loaded::Raw)
            }
        }
    }

    /// A string of its own beside its object.
    fn beside(&self, object: Bytes, bytes: u64) -> Bytes {
        let string = self.strings.heap(bytes);
        let reported = match self.layout.keeps_totals {
            true => self.strings.reported(bytes),
            false => string,
        };
        Bytes {
            reported: object.reported.saturating_add(reported),
            used: object.used.saturating_add(string),
        }
    }

    /// A string whose object holds the key, and the string too where both are short. The loader makes an object of the
    /// string alone, then one with the key, then one with the expiry: a string that was moved out on the way does not
    /// come back in (valkey `src/object.c`, `objectSetKeyAndExpire`).
    fn string_with_key(
        &self,
        key_bytes: u64,
        expires: bool,
        bytes: u64,
        since_9: bool,
    ) -> (Bytes, Loaded) {
        let fits = |expiry: u64| {
            let around = AROUND_VALUE_BYTES + expiry;
            match since_9 {
                true => {
                    let key = self.with_key(key_bytes, OBJECT_HEAD_BYTES);
                    bytes <= 255 && key.saturating_add(around + bytes) <= 128
                }
                false => {
                    let key = key_bytes.saturating_add(OBJECT_BYTES + 3);
                    key.saturating_add(around).saturating_add(bytes) <= 64
                }
            }
        };
        let is_short = match since_9 {
            true => bytes.saturating_add(OBJECT_HEAD_BYTES + AROUND_VALUE_BYTES) <= 128,
            false => bytes <= EMBEDDED_MAX,
        };
        let mut object = self.object(key_bytes, expires);
        if is_short && fits(0) {
            let value = AROUND_VALUE_BYTES + bytes;
            let size = match since_9 {
                true => self.with_key(key_bytes, OBJECT_HEAD_BYTES + value.max(8)),
                false => self.with_key(key_bytes, OBJECT_BYTES + value),
            };
            let within = self.usable(size);
            let has_room = within - size >= EXPIRY_BYTES;
            if !expires || has_room || fits(EXPIRY_BYTES) {
                let used = match expires && !has_room {
                    true => self.usable(size + EXPIRY_BYTES),
                    false => within,
                };
                let reported = used;
                return (Bytes { reported, used }, Loaded::Embstr);
            }
            // Moved out by the expiry, for which room is left then in any case.
            object.used = self.usable(self.with_key(key_bytes, OBJECT_BYTES + EXPIRY_BYTES));
            if since_9 {
                object.reported = object.used;
            }
        }
        (self.beside(object, bytes), Loaded::Raw)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Allocator, Settings, Target};

    /// Lists of the largest keys pass over short strings on the strength of this, see `Disregard` of the analyzer.
    #[test]
    fn a_string_never_takes_less_when_it_or_its_key_grows() {
        for target in Target::ALL {
            for allocator in Allocator::ALL {
                let model = Model::new(target, allocator, Settings::default());
                let used = |key_bytes, expires, bytes| {
                    let value = Weight::String { bytes };
                    model.footprint(key_bytes, expires, &value).used_bytes
                };
                for bytes in 0..700 {
                    let most = used(63, true, bytes);
                    let place = format!("{target} {allocator}, {bytes} bytes");
                    assert!(most <= used(63, true, bytes + 1), "{place}");
                    for key_bytes in 1..=63 {
                        let others = [used(key_bytes, false, bytes), used(key_bytes, true, bytes)];
                        assert!(
                            others.iter().all(|&it| it <= most),
                            "{place}, key of {key_bytes}"
                        );
                    }
                }
            }
        }
    }
}
