//! The checksum of a file, compared.

use super::stop::End;
use crate::Checksum;

/// Compares what `computed` comes to with the checksum at a snapshot's end, if there is one.
pub(super) fn verdict(end: &End, computed: impl FnOnce() -> u64) -> Checksum {
    match end.stored {
        None => Checksum::Absent,
        Some(0) => Checksum::Off,
        Some(stored) => match computed() {
            computed if computed == stored => Checksum::Verified,
            computed => Checksum::Wrong { stored, computed },
        },
    }
}
