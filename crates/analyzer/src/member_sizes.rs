//! How long the members of a value are.

use preshard_parser::Member;

/// What a length is that of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SizeOf {
    /// Items of a list.
    Item,
    /// Elements of an array.
    Element,
    /// Members of a set or sorted set.
    Member,
    /// Paths of a path hash.
    Path,
    /// Names of hash fields.
    Field,
    /// Values of hash fields.
    Value,
    /// Entries of a stream: names and values of their fields together.
    Entry,
    /// Entries of a stream that are deleted and still take room.
    DeletedEntry,
    /// Strings among a module's items.
    ModuleString,
}

impl SizeOf {
    /// Its name in documents: `item`, `element`, `member`, `path`, `field`, `value`, `entry`, `deleted-entry`, `module-string`.
    pub fn name(self) -> &'static str {
        match self {
            SizeOf::Item => "item",
            SizeOf::Element => "element",
            SizeOf::Member => "member",
            SizeOf::Path => "path",
            SizeOf::Field => "field",
            SizeOf::Value => "value",
            SizeOf::Entry => "entry",
            SizeOf::DeletedEntry => "deleted-entry",
            SizeOf::ModuleString => "module-string",
        }
    }
}

/// Lengths of which some number is between two powers of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SizeBucket {
    /// The least length of the bucket: 0, 1, 2, 4, 8...
    pub min_bytes: u64,
    /// The greatest: 0, 1, 3, 7, 15...
    pub max_bytes: u64,
    /// How many there are.
    pub count: u64,
    /// Their sum.
    pub bytes: u64,
}

/// Lengths counted by powers of two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SizeHistogram {
    /// Number and sum by the bits that a length has.
    by_bits: [(u64, u64); 65],
}

impl Default for SizeHistogram {
    fn default() -> SizeHistogram {
        SizeHistogram {
            by_bits: [(0, 0); 65],
        }
    }
}

impl SizeHistogram {
    /// Counts a length.
    pub fn add(&mut self, bytes: u64) {
        let bits = u64::BITS - bytes.leading_zeros();
        let (count, sum) = &mut self.by_bits[bits as usize];
        *count += 1;
        *sum = sum.saturating_add(bytes);
    }

    /// The buckets that are not empty, shortest lengths first.
    pub fn buckets(&self) -> impl Iterator<Item = SizeBucket> {
        (0u32..)
            .zip(&self.by_bits)
            .filter(|(_, (count, _))| *count > 0)
            .map(|(bits, &(count, bytes))| {
                let max_bytes = u64::MAX.checked_shr(u64::BITS - bits).unwrap_or(0);
                SizeBucket {
                    min_bytes: max_bytes - max_bytes / 2,
                    max_bytes,
                    count,
                    bytes,
                }
            })
    }
}

/// The lengths of all members of a value, by what they are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MemberSizes {
    /// In the order in which they were first met, a few at most.
    histograms: Vec<(SizeOf, SizeHistogram)>,
}

impl MemberSizes {
    /// Counts a member; what stands beside members (groups, pending entries, scores) has no length.
    pub fn add(&mut self, member: &Member<'_>) {
        match member {
            Member::Item { item, .. } => self.count(SizeOf::Item, item.len),
            Member::SetMember { member } | Member::ZsetMember { member, .. } => {
                self.count(SizeOf::Member, member.len);
            }
            Member::Field { field, value, .. } => {
                self.count(SizeOf::Field, field.len);
                self.count(SizeOf::Value, value.len);
            }
            Member::FieldName { name, .. } => self.count(SizeOf::Field, name.len),
            Member::FieldValue { value, .. } => self.count(SizeOf::Value, value.len),
            Member::ArrayElement { element, .. } => self.count(SizeOf::Element, element.len),
            Member::Path { path } => self.count(SizeOf::Path, path.len),
            Member::StreamEntry(entry) => {
                let of = match entry.deleted {
                    true => SizeOf::DeletedEntry,
                    false => SizeOf::Entry,
                };
                self.count(of, entry.bytes);
            }
            Member::ModuleString(string) => self.count(SizeOf::ModuleString, string.len),
            _ => {}
        }
    }

    /// The histograms, each with what it is of.
    pub fn histograms(&self) -> &[(SizeOf, SizeHistogram)] {
        &self.histograms
    }

    fn count(&mut self, of: SizeOf, bytes: u64) {
        let known = self.histograms.iter().position(|(each, _)| *each == of);
        let at = known.unwrap_or_else(|| {
            self.histograms.push((of, SizeHistogram::default()));
            self.histograms.len() - 1
        });
        self.histograms[at].1.add(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_in_the_bucket_that_says_so() {
        let lengths = (0..70).flat_map(|bits: u32| {
            let power = 1u64.checked_shl(bits).unwrap_or(u64::MAX);
            [power - 1, power, power.saturating_add(1)]
        });
        for bytes in lengths {
            let mut histogram = SizeHistogram::default();
            histogram.add(bytes);
            histogram.add(bytes);
            let buckets: Vec<SizeBucket> = histogram.buckets().collect();
            let [bucket] = buckets[..] else {
                panic!("{buckets:?}")
            };
            assert!(
                bucket.min_bytes <= bytes && bytes <= bucket.max_bytes,
                "{bytes}: {bucket:?}"
            );
            assert!(bucket.max_bytes / 2 < bucket.min_bytes.max(1), "{bucket:?}");
            assert_eq!((bucket.count, bucket.bytes), (2, bytes.saturating_mul(2)));
        }
    }

    #[test]
    fn buckets_do_not_overlap() {
        let mut histogram = SizeHistogram::default();
        (0..64).for_each(|bits| histogram.add(1 << bits));
        histogram.add(0);
        let buckets: Vec<SizeBucket> = histogram.buckets().collect();
        assert_eq!(buckets.len(), 65);
        assert_eq!((buckets[0].min_bytes, buckets[0].max_bytes), (0, 0));
        assert_eq!(buckets[64].max_bytes, u64::MAX);
        for pair in buckets.windows(2) {
            assert_eq!(pair[1].min_bytes, pair[0].max_bytes + 1, "{pair:?}");
        }
    }
}
