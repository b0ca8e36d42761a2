//! Damage to one value of a snapshot.

use std::ops::Range;

use proptest::collection::vec;
use proptest::prelude::*;

#[derive(Debug, Clone, Copy)]
pub enum Change {
    Flip(u8),
    Set(u8),
}

/// Damage within one value; places are parts of the value's length.
#[derive(Debug, Clone)]
pub struct Damage {
    pub key: prop::sample::Index,
    pub at: prop::sample::Index,
    /// How near the beginning of the value, where its lengths are.
    pub near_begin: bool,
    pub with: Overwrite,
}

#[derive(Debug, Clone)]
pub enum Overwrite {
    Byte(Change),
    Run(Vec<u8>),
    Fill(u8, u8),
}

pub fn any_damage() -> impl Strategy<Value = Damage> {
    let byte = prop_oneof![
        (1..=255u8).prop_map(Change::Flip),
        Just(Change::Set(0)),
        Just(Change::Set(0xff)),
        any::<u8>().prop_map(Change::Set),
    ];
    let with = prop_oneof![
        3 => byte.prop_map(Overwrite::Byte),
        2 => vec(any::<u8>(), 2..40).prop_map(Overwrite::Run),
        1 => (any::<u8>(), 2..40u8).prop_map(|(byte, len)| Overwrite::Fill(byte, len)),
    ];
    (
        any::<prop::sample::Index>(),
        any::<prop::sample::Index>(),
        any::<bool>(),
        with,
    )
        .prop_map(|(key, at, near_begin, with)| Damage {
            key,
            at,
            near_begin,
            with,
        })
}

impl Damage {
    /// Changes the bytes of one value; its number, or `None` when nothing changed.
    pub fn apply(&self, bytes: &mut [u8], values: &[Range<usize>]) -> Option<usize> {
        let key = self.key.index(values.len());
        let value = &mut bytes[values[key].clone()];
        let before = value.to_vec();
        let reach = if self.near_begin {
            value.len().min(6)
        } else {
            value.len()
        };
        let at = self.at.index(reach);
        match &self.with {
            Overwrite::Byte(Change::Flip(bits)) => value[at] ^= bits,
            Overwrite::Byte(Change::Set(byte)) => value[at] = *byte,
            Overwrite::Run(run) => {
                let len = run.len().min(value.len() - at);
                value[at..at + len].copy_from_slice(&run[..len]);
            }
            Overwrite::Fill(byte, len) => {
                let len = usize::from(*len).min(value.len() - at);
                value[at..at + len].fill(*byte);
            }
        }
        (value != before).then_some(key)
    }
}
