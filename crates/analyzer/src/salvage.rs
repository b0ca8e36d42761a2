//! What is not known of a damaged file.

use std::fmt;

use preshard_slots::SlotSet;

use crate::KeyName;
use crate::warning::Ranges;

/// What is not known of a damaged file. All keys that are given are certain, as far as the file's checksum and its counts
/// of its own keys go: see [`preshard_parser::salvage`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Salvage {
    /// The gaps, in the order of the file; at least one.
    pub gaps: Vec<Gap>,
    /// Bytes in them.
    pub unknown_bytes: u64,
}

/// Bytes of which nothing is certain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// Absolute offset of the first.
    pub offset: u64,
    /// How many; 0 where keys are missing, or not certain, and nothing shows where.
    pub bytes: u64,
    /// What showed the damage.
    pub message: String,
    /// Keys that the file has and the result has not, where it is known of this gap alone.
    pub keys_missing: Option<u64>,
    /// Keys that begin there, as far as their names can be read: with a repair the keys that are missing, and no others.
    pub lost_keys: Vec<LostKey>,
    /// The slots that they may be in.
    pub touches: Touch,
    /// What would make the checksum right, where it tells.
    pub repair: Option<Repair>,
}

/// A key that may be missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostKey {
    /// Its database.
    pub db: u64,
    /// Its name.
    pub key: KeyName,
}

/// Slots of which keys may be missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Touch {
    /// No others than these.
    Slots(SlotSet),
    /// Any.
    Any,
}

/// Bytes that make the checksum right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repair {
    /// Absolute offset of the first.
    pub offset: u64,
    /// What should stand there.
    pub bytes: Vec<u8>,
}

impl Salvage {
    /// The slots of which keys may be missing; `None` when it may be any.
    pub fn slots(&self) -> Option<SlotSet> {
        let mut all = SlotSet::new();
        for gap in &self.gaps {
            match &gap.touches {
                Touch::Slots(slots) => all.extend(slots.iter()),
                Touch::Any => return None,
            }
        }
        Some(all)
    }

    /// Keys that are missing; `None` when it is not known.
    pub fn keys_missing(&self) -> Option<u64> {
        let mut missing = self.gaps.iter().map(|gap| gap.keys_missing);
        // What a file says of its keys may be anything.
        missing.try_fold(0, |sum: u64, keys| Some(sum.saturating_add(keys?)))
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.bytes {
            0 => write!(
                f,
                "not all of what is there can be certain: {}",
                self.message
            )?,
            bytes => {
                let s = if bytes == 1 { "" } else { "s" };
                let offset = self.offset;
                write!(
                    f,
                    "{bytes} byte{s} from offset {offset:#x} ({offset}) on are unknown: {}",
                    self.message
                )?;
            }
        }
        match self.keys_missing {
            Some(0) => f.write_str("; no key is missing")?,
            Some(1) => f.write_str("; 1 key is missing")?,
            Some(keys) => write!(f, "; {keys} keys are missing")?,
            None => f.write_str("; how many keys are missing is not known")?,
        }
        match &self.touches {
            Touch::Slots(slots) if slots.is_empty() => {}
            Touch::Slots(slots) => write!(f, ", of slots {}", Ranges(slots))?,
            Touch::Any => f.write_str(", of any slot")?,
        }
        if let Some(repair) = &self.repair {
            let bytes: Vec<String> = repair
                .bytes
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            write!(
                f,
                "; with {} at offset {:#x} ({}) the checksum would be right",
                bytes.join(" "),
                repair.offset,
                repair.offset
            )?;
        }
        Ok(())
    }
}
