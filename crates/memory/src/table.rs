//! Hash tables as they stand when a value is loaded.
//!
//! Two kinds: chained tables (`src/dict.c`), a pointer for each bucket, and those of Valkey since 8.1
//! (`src/hashtable.c`), buckets of 64 bytes with seven entries, where a full one is chained to others. A table that is full
//! is replaced step by step, so that two may be there when loading ends.

/// Buckets of a chained table for so many entries.
pub(crate) fn buckets_of_dict(entries: u64) -> u64 {
    entries
        .max(DICT_BUCKETS_MIN)
        .checked_next_power_of_two()
        .unwrap_or(u64::MAX)
}

/// Buckets of Valkey's table for so many entries, if it is made for them at once (`src/hashtable.c`, `resize`).
pub(crate) fn buckets_made_for(entries: u64) -> u64 {
    match entries {
        0 => 0,
        _ => {
            let needed = (u128::from(entries) * 5 - 1) / 32 + 1;
            u64::try_from(needed)
                .ok()
                .and_then(u64::checked_next_power_of_two)
                .unwrap_or(u64::MAX)
        }
    }
}

/// Buckets of Valkey's table that has grown to so many entries one by one.
pub(crate) fn buckets_grown_to(entries: u64) -> u64 {
    match entries {
        0 => 0,
        _ => entries
            .div_ceil(ENTRIES_PER_BUCKET)
            .checked_next_power_of_two()
            .unwrap_or(u64::MAX),
    }
}

const DICT_BUCKETS_MIN: u64 = 4;
/// Bytes of a bucket of Valkey's table.
pub(crate) const BUCKET_BYTES: f64 = 64.0;
/// Entries of a bucket of Valkey's table.
const ENTRIES_PER_BUCKET: u64 = 7;
/// Entries that each further bucket of a chain holds: one place goes to the pointer.
const ENTRIES_PER_CHAINED_BUCKET: u64 = 6;

/// Buckets that are chained to others, expected, when hashes spread so many entries over so many buckets.
pub(crate) fn chained_buckets(entries: u64, buckets: u64) -> f64 {
    if entries <= ENTRIES_PER_BUCKET || buckets == 0 {
        return 0.0;
    }
    if buckets == 1 {
        return as_float((entries - ENTRIES_PER_BUCKET).div_ceil(ENTRIES_PER_CHAINED_BUCKET));
    }
    let (n, share) = (as_float(entries), 1.0 / as_float(buckets));
    let mean = n * share;
    let last = (mean + 12.0 * mean.sqrt() + 30.0).min(n);
    // Of one bucket, the probability that it has k entries: binomial, from k - 1 to k.
    let mut probability = (n * (-share).ln_1p()).exp();
    let odds = share / (1.0 - share);
    let mut chained = 0.0;
    let mut k = 0.0;
    while k < last {
        probability *= (n - k) / (k + 1.0) * odds;
        k += 1.0;
        if k > as_float(ENTRIES_PER_BUCKET) {
            let further = (k - as_float(ENTRIES_PER_BUCKET)) / as_float(ENTRIES_PER_CHAINED_BUCKET);
            chained += probability * further.ceil();
        }
    }
    as_float(buckets) * chained
}

/// Buckets with at least one entry, expected.
pub(crate) fn occupied_buckets(entries: u64, buckets: u64) -> f64 {
    if buckets <= 1 {
        return as_float(entries.min(buckets));
    }
    let empty = as_float(entries) * (-1.0 / as_float(buckets)).ln_1p();
    -as_float(buckets) * empty.exp_m1()
}

/// Counts of a file are far below 2^53.
#[expect(clippy::cast_precision_loss, reason = "expectations are no integers")]
pub(crate) fn as_float(n: u64) -> f64 {
    n as f64
}

/// A chained table while entries are added: it grows when there are as many as buckets, and each addition moves one
/// occupied bucket of the old table to the new one.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Dict {
    /// Buckets of the table that is read first, and of the one that replaces it.
    pub(crate) buckets: u64,
    pub(crate) next_buckets: u64,
    entries: u64,
    /// Entries when the table began to be replaced.
    entries_then: u64,
    /// Occupied buckets of the old table that are yet to be moved.
    left: f64,
}

impl Dict {
    /// A table made for so many entries and filled with them.
    pub(crate) fn made_for(entries: u64) -> Dict {
        let mut dict = Dict::default();
        dict.expand(entries);
        dict.add(entries);
        dict
    }

    /// A table that has grown one by one.
    pub(crate) fn grown_to(entries: u64) -> Dict {
        let mut dict = Dict::default();
        dict.add(entries);
        dict
    }

    /// Makes room for so many entries, as `dictExpand` does: not while the table is being replaced.
    pub(crate) fn expand(&mut self, entries: u64) {
        if entries <= DICT_BUCKETS_MIN || self.next_buckets > 0 || self.entries > entries {
            return;
        }
        let buckets = buckets_of_dict(entries);
        if buckets != self.buckets {
            self.resize(buckets);
        }
    }

    fn resize(&mut self, buckets: u64) {
        if self.buckets == 0 || self.entries == 0 {
            self.buckets = buckets;
        } else {
            self.next_buckets = buckets;
            self.entries_then = self.entries;
            self.left = occupied_buckets(self.entries, self.buckets);
        }
    }

    /// Adds so many entries, from one event to the next.
    pub(crate) fn add(&mut self, mut entries: u64) {
        while entries > 0 {
            if self.next_buckets > 0 {
                let moves = self.moves_left();
                if entries < moves {
                    self.left -= as_float(entries);
                    self.entries += entries;
                    return;
                }
                // The last move comes before its entry, which may find the new table full.
                self.entries += moves - 1;
                entries -= moves - 1;
                self.buckets = self.next_buckets;
                self.next_buckets = 0;
            }
            if self.entries >= self.buckets {
                self.resize(buckets_of_dict(self.entries + 1));
                if self.next_buckets > 0 {
                    self.entries += 1;
                    entries -= 1;
                    continue;
                }
            }
            let room = (self.buckets - self.entries).min(entries);
            self.entries += room;
            entries -= room;
        }
    }

    /// Entries that share a bucket with one that was there before, expected.
    pub(crate) fn sharing(&self) -> f64 {
        let n = as_float(self.entries);
        if self.next_buckets == 0 {
            return n - occupied_buckets(self.entries, self.buckets);
        }
        // What is left of the old table goes to the new one bucket by bucket: a part of the new table's buckets has what
        // was added since, the rest what was moved besides.
        let new_buckets = as_float(self.next_buckets);
        let occupied = occupied_buckets(self.entries_then, self.buckets);
        let part = self.left / occupied.max(1.0);
        let added = as_float(self.entries - self.entries_then) / new_buckets;
        let moved = as_float(self.entries_then) / new_buckets;
        let new_occupied = (1.0 - part) * new_buckets * -(-added - moved).exp_m1()
            + part * new_buckets * -(-added).exp_m1();
        (n - self.left - new_occupied).max(0.0)
    }

    /// The variance of the bytes of their entries, as it was measured on the tables of sets.
    pub(crate) fn sharing_variance(&self) -> f64 {
        16.0 * 16.0 * 0.13 * as_float(self.entries)
    }

    /// Additions until the old table is empty: the first for which less than half a bucket is left.
    fn moves_left(&self) -> u64 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "at most the number of buckets"
        )]
        let moves = (self.left - 0.5).floor().max(0.0) as u64;
        moves + 1
    }
}

/// Valkey's table while entries are added, with the same steps.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Hashtable {
    pub(crate) buckets: u64,
    pub(crate) next_buckets: u64,
    entries: u64,
    /// Entries of the old table when its replacement began.
    old_entries: u64,
    /// Buckets of the old table that are yet to be moved.
    left: u64,
}

impl Hashtable {
    pub(crate) fn made_for(entries: u64) -> Hashtable {
        let mut table = Hashtable::default();
        table.expand(entries);
        table.add(entries);
        table
    }

    pub(crate) fn expand(&mut self, entries: u64) {
        if entries >= self.entries {
            self.resize(entries);
        }
    }

    fn resize(&mut self, entries: u64) {
        let buckets = buckets_made_for(entries.max(1));
        let newest = if self.next_buckets > 0 {
            self.next_buckets
        } else {
            self.buckets
        };
        if buckets == newest {
            return;
        }
        if self.next_buckets > 0 {
            self.replaced();
        }
        if self.buckets == 0 || self.entries == 0 {
            self.buckets = buckets;
        } else {
            self.next_buckets = buckets;
            self.old_entries = self.entries;
            self.left = self.buckets;
        }
    }

    fn replaced(&mut self) {
        self.buckets = self.next_buckets;
        self.next_buckets = 0;
        self.old_entries = 0;
        self.left = 0;
    }

    /// Adds so many entries, from one event to the next.
    pub(crate) fn add(&mut self, mut entries: u64) {
        while entries > 0 {
            let newest = if self.next_buckets > 0 {
                self.next_buckets
            } else {
                self.buckets
            };
            let room = newest
                .saturating_mul(ENTRIES_PER_BUCKET)
                .saturating_sub(self.entries);
            if room == 0 {
                self.resize(self.entries + 1);
            }
            let steps = match (room, self.next_buckets) {
                // The entry for which the table was resized takes the first step already.
                (0, _) => 1,
                (room, 0) => room.min(entries),
                (room, _) => room.min(entries).min(self.left.max(1)),
            };
            if self.next_buckets > 0 {
                self.left = self.left.saturating_sub(steps);
                if self.left == 0 {
                    self.replaced();
                }
            }
            self.entries += steps;
            entries -= steps;
        }
    }

    /// Chained buckets of both tables, expected.
    pub(crate) fn chained(&self) -> f64 {
        if self.next_buckets == 0 {
            return chained_buckets(self.entries, self.buckets);
        }
        let share = as_float(self.left) / as_float(self.buckets.max(1));
        let old = as_float(self.old_entries) * share;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "at most the number of entries"
        )]
        let new = (as_float(self.entries) - old).max(0.0).round_ties_even() as u64;
        chained_buckets(self.old_entries, self.buckets) * share
            + chained_buckets(new, self.next_buckets)
    }
}
