//! Why a record cannot be where it is.

use super::count::Count;
use crate::Error;

/// Why a record cannot be where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Objection {
    OutOfPlace(&'static str),
    EarlyEnd,
    EmptyCollection,
    /// Nothing but zeros.
    Zeros,
    BrokenKey,
    /// The key in front has the same name.
    SameKey,
    /// A key lacks what every key in front of it has, or the other way round.
    OutOfHabit,
    /// A key of another slot than the keys around it.
    OtherSlot {
        slot: u64,
        section: Option<u64>,
    },
    /// Sections whose slots do not ascend.
    SlotOrder {
        slot: u64,
        from: u64,
    },
    /// A complete database or section with another number of keys than it declares.
    Miscount {
        declared: Count,
        counted: Count,
    },
}

impl Objection {
    /// Whether it stands wherever reading began.
    pub(super) fn is_absolute(self) -> bool {
        !matches!(
            self,
            Objection::SameKey
                | Objection::Zeros
                | Objection::OutOfHabit
                | Objection::Miscount { .. }
                | Objection::OtherSlot { section: None, .. }
                | Objection::OutOfPlace(_)
        )
    }

    /// As an error at the record's first byte.
    #[cold]
    pub(super) fn error(self, offset: u64) -> Error {
        let (expected, found) = match self {
            Objection::OutOfPlace(expected) => (expected, "another record".to_owned()),
            Objection::EarlyEnd => (
                "end mark at the end of the snapshot",
                "one in front of other bytes".to_owned(),
            ),
            Objection::EmptyCollection => ("elements", "an empty collection".to_owned()),
            Objection::Zeros => ("record", "nothing but zeros".to_owned()),
            Objection::BrokenKey => ("key", "compressed bytes that are broken".to_owned()),
            Objection::SameKey => ("key of another name", "the same key again".to_owned()),
            Objection::OutOfHabit => ("key like those before", "another".to_owned()),
            Objection::OtherSlot { slot, .. } => {
                ("key of the slot in progress", format!("one of slot {slot}"))
            }
            Objection::SlotOrder { slot, from } => (
                "ascending slots",
                format!("slot {slot} where {from} is the least"),
            ),
            Objection::Miscount { declared, counted } => (
                "as many keys as declared",
                format!(
                    "{} ({} expiring) of {} ({})",
                    counted.keys, counted.expiring, declared.keys, declared.expiring
                ),
            ),
        };
        Error::corrupt(offset, expected, found).reading("sequence of records")
    }
}
