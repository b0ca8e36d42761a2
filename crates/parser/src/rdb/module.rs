//! Modules: their ids, and what they keep outside values.

use std::fmt;

use crate::Error;
use crate::reader::Cursor;
use crate::value::{Skip, walk_items};

/// The 64-bit id of a module data type: nine characters of six bits, then ten bits of version
/// (redis `src/module.c`, `moduleTypeEncodeId`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModuleId(pub u64);

impl ModuleId {
    /// Vector sets (redis 8.0 `modules/vector-sets`), `vectorset` version 0.
    pub const VECTOR_SET: ModuleId = ModuleId(0xbde7_2da2_bb1e_b400);

    /// The name of the data type, nine characters.
    pub fn name(self) -> String {
        const ALPHABET: [u8; 64] =
            *b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let index = |position: u32| (self.0 >> (10 + 6 * position)) & 63;
        (0..9)
            .rev()
            .filter_map(|position| ALPHABET.get(usize::try_from(index(position)).ok()?))
            .map(|&c| char::from(c))
            .collect()
    }

    /// Version of the serialisation, 0 to 1023.
    pub fn version(self) -> u64 {
        self.0 & 1_023
    }
}

impl fmt::Display for ModuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} version {}", self.name(), self.version())
    }
}

/// Skips the items of a module, their end mark included.
pub(crate) fn skip_module_items<C: Cursor>(c: &mut C) -> Result<(), Error> {
    walk_items(c, &mut Skip::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vector_sets_have_the_id_of_their_name() {
        assert_eq!(ModuleId::VECTOR_SET.to_string(), "vectorset version 0");
    }
}
