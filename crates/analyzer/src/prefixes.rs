//! Keys summed by the beginning of their names, in bounded memory and whatever order they come in.
//!
//! Names before the first separator (`user` of `user:17`) are few where keys are named by what they are, and as many as
//! keys where they are not. When there are too many, the ones with the greater half of the hashes are given up, and so on: what is
//! kept is exact, and which ones are kept hangs on the names alone, not on their order. So two backups keep the same
//! ones, once the coarser selection of the two is applied to both.

use std::collections::BTreeMap;

use preshard_slots::hash_tag;

/// What the keys of one prefix come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PrefixSums {
    /// Keys.
    pub keys: u64,
    /// Sum of their payloads.
    pub payload_bytes: u64,
    /// Sum of their memory, where it is known; saturates.
    pub memory_bytes_estimate: u64,
    /// The largest payload of one key.
    pub largest_payload_bytes: u64,
}

/// Keys by prefix, or by hash tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefixes {
    part: Part,
    kept: BTreeMap<Box<[u8]>, PrefixSums>,
    /// Prefixes whose hash has this many leading zeros at least are kept.
    zeros: u32,
    others: PrefixSums,
    kept_max: usize,
}

/// The part of a name that keys are summed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// What stands before the first of these, and it.
    Before(u8),
    /// What decides the slot, where that is only a part.
    HashTag,
}

impl Prefixes {
    /// Most prefixes that are kept.
    pub const KEPT_MAX: usize = 65_536;
    /// Longest prefix that is told from others, in bytes; what begins alike so far is summed together.
    pub const BYTES_MAX: usize = 128;

    /// No keys yet.
    pub fn new(separator: u8) -> Prefixes {
        Prefixes::by(Part::Before(separator))
    }

    /// No keys yet, to be summed by their hash tags; those without one are together, under nothing.
    pub fn by_hash_tag() -> Prefixes {
        Prefixes::by(Part::HashTag)
    }

    fn by(part: Part) -> Prefixes {
        Prefixes {
            part,
            kept: BTreeMap::new(),
            zeros: 0,
            others: PrefixSums::default(),
            kept_max: Prefixes::KEPT_MAX,
        }
    }

    /// Counts one key.
    pub fn add(&mut self, name: &[u8], payload_bytes: u64, memory_bytes: Option<u64>) {
        let one = PrefixSums {
            keys: 1,
            payload_bytes,
            memory_bytes_estimate: memory_bytes.unwrap_or(0),
            largest_payload_bytes: payload_bytes,
        };
        let prefix = self.prefix_of(name);
        if leading_zeros(prefix) < self.zeros {
            self.others.add(&one);
            return;
        }
        match self.kept.get_mut(prefix) {
            Some(sums) => sums.add(&one),
            None => {
                self.kept.insert(prefix.into(), one);
                self.give_up_surplus();
            }
        }
    }

    /// The part of a name that counts: up to its first separator and with it, or its hash tag; nothing where there is none, so that keys that are named
    /// without one are together.
    fn prefix_of<'n>(&self, name: &'n [u8]) -> &'n [u8] {
        let prefix = match self.part {
            Part::Before(separator) => {
                let end = name.iter().position(|&byte| byte == separator);
                end.and_then(|end| name.get(..=end)).unwrap_or_default()
            }
            Part::HashTag => hash_tag(name).unwrap_or_default(),
        };
        prefix.get(..Prefixes::BYTES_MAX).unwrap_or(prefix)
    }

    fn give_up_surplus(&mut self) {
        while self.kept.len() > self.kept_max {
            self.select(self.zeros + 1);
        }
    }

    /// Gives up the prefixes that this selection leaves out.
    fn select(&mut self, zeros: u32) {
        self.zeros = self.zeros.max(zeros);
        let (zeros, others) = (self.zeros, &mut self.others);
        self.kept.retain(|prefix, sums| {
            let stays = leading_zeros(prefix) >= zeros;
            if !stays {
                others.add(sums);
            }
            stays
        });
    }

    /// Gives up what either of two has given up, so that the two can be compared.
    pub fn align(&mut self, other: &mut Prefixes) {
        let zeros = self.zeros.max(other.zeros);
        self.select(zeros);
        other.select(zeros);
    }

    /// The prefixes that are kept, in the order of their names, with exact sums.
    pub fn kept(&self) -> impl Iterator<Item = (&[u8], &PrefixSums)> {
        self.kept.iter().map(|(prefix, sums)| (&**prefix, sums))
    }

    /// The sums of one.
    pub fn get(&self, prefix: &[u8]) -> Option<&PrefixSums> {
        self.kept.get(prefix)
    }

    /// One of how many prefixes is kept.
    pub fn one_of(&self) -> u64 {
        1u64.checked_shl(self.zeros).unwrap_or(u64::MAX)
    }

    /// The keys of all prefixes that are not kept.
    pub fn others(&self) -> &PrefixSums {
        &self.others
    }
}

impl PrefixSums {
    /// Counts others in.
    pub fn add(&mut self, other: &PrefixSums) {
        self.keys += other.keys;
        self.payload_bytes = self.payload_bytes.saturating_add(other.payload_bytes);
        self.memory_bytes_estimate = self
            .memory_bytes_estimate
            .saturating_add(other.memory_bytes_estimate);
        self.largest_payload_bytes = self.largest_payload_bytes.max(other.largest_payload_bytes);
    }
}

/// Leading zeros of a hash of a prefix: FNV-1a, with the mixing of SplitMix64 behind it, whose upper bits of short names
/// would not differ otherwise.
fn leading_zeros(prefix: &[u8]) -> u32 {
    let hash = prefix.iter().fold(0xcbf2_9ce4_8422_2325u64, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mixed = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ (mixed >> 31)).leading_zeros()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(names: impl Iterator<Item = u64>, kept_max: usize) -> Prefixes {
        let mut prefixes = Prefixes {
            kept_max,
            ..Prefixes::new(b':')
        };
        for name in names {
            prefixes.add(
                format!("p{}:{name}", name % 1_000).as_bytes(),
                name,
                Some(2 * name),
            );
        }
        prefixes
    }

    #[test]
    fn keys_are_summed_by_their_hash_tags() {
        let mut tags = Prefixes::by_hash_tag();
        for name in ["a{t}1", "{t}2", "{}t", "{u", "x{u}{t}", "plain"] {
            tags.add(name.as_bytes(), 1, None);
        }
        let found: Vec<(&[u8], u64)> = tags.kept().map(|(tag, sums)| (tag, sums.keys)).collect();
        assert_eq!(found, [(&b""[..], 3), (b"t", 2), (b"u", 1)]);
    }

    #[test]
    fn what_is_kept_hangs_on_the_names_and_not_on_their_order() {
        let forward = of(0..5_000, 100);
        let backward = of((0..5_000).rev(), 100);
        assert_eq!(forward, backward);
        assert!(
            (10..=100).contains(&forward.kept.len()),
            "{}",
            forward.kept.len()
        );
        assert!((8..=64).contains(&forward.one_of()), "{}", forward.one_of());
        for (prefix, sums) in forward.kept() {
            let number: u64 = std::str::from_utf8(&prefix[1..prefix.len() - 1])
                .expect("text")
                .parse()
                .expect("a number");
            // Five keys each: 1,000 apart, with their own numbers as payload.
            assert_eq!(sums.keys, 5);
            assert_eq!(sums.payload_bytes, 5 * number + 10_000);
            assert_eq!(sums.largest_payload_bytes, number + 4_000);
        }
        let kept: u64 = forward.kept().map(|(_, sums)| sums.keys).sum();
        assert_eq!(kept + forward.others().keys, 5_000);
    }

    #[test]
    fn two_are_compared_by_the_coarser_selection() {
        let (mut few, mut many) = (of(0..50, 100), of(0..5_000, 100));
        assert_eq!(few.one_of(), 1);
        few.align(&mut many);
        assert_eq!(few.one_of(), many.one_of());
        let kept = |prefixes: &Prefixes| {
            prefixes
                .kept()
                .map(|(name, _)| name.to_vec())
                .collect::<Vec<_>>()
        };
        let of_few = kept(&few);
        assert!(of_few.iter().all(|name| kept(&many).contains(name)));
        assert_eq!(few.others().keys + of_few.len() as u64, 50);
    }

    #[test]
    fn a_prefix_ends_with_the_first_separator() {
        let prefixes = Prefixes::new(b':');
        for (name, prefix) in [
            (&b"user:17:cart"[..], &b"user:"[..]),
            (b"plain", b""),
            (b":x", b":"),
            (b"", b""),
        ] {
            assert_eq!(prefixes.prefix_of(name), prefix);
        }
        let long = [b'x'; 300];
        assert_eq!(prefixes.prefix_of(&long), b"");
        let long = [&long[..], b":"].concat();
        assert_eq!(prefixes.prefix_of(&long), &long[..Prefixes::BYTES_MAX]);
    }
}
