//! Strings as servers keep them (`src/sds.c`).

use crate::Allocator;
use crate::target::Layout;

/// Bytes up to which the sizes of strings are looked up.
const LOOKED_UP_BYTES: usize = 512;

/// What strings take: a header whose size hangs on their length, the bytes, and a final zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Strings {
    allocator: Allocator,
    /// Longest strings that have a header of 3 bytes, and of 5.
    limits: (u64, u64),
    heap: Box<[u32; LOOKED_UP_BYTES]>,
    field: Box<[u32; LOOKED_UP_BYTES]>,
    /// Fields of hashes have headers of their own.
    has_fields: bool,
}

impl Strings {
    pub(crate) fn new(layout: &Layout, allocator: Allocator) -> Strings {
        let limits = match layout.has_exact_headers {
            true => (252, 65_530),
            false => (255, 65_535),
        };
        let mut strings = Strings {
            allocator,
            limits,
            heap: Box::new([0; LOOKED_UP_BYTES]),
            field: Box::new([0; LOOKED_UP_BYTES]),
            has_fields: layout.has_mstr_fields,
        };
        for len in 0..LOOKED_UP_BYTES {
            let (heap, field) = (
                strings.computed(len as u64),
                strings.computed_field(len as u64),
            );
            strings.heap[len] = u32::try_from(heap).unwrap_or(u32::MAX);
            strings.field[len] = u32::try_from(field).unwrap_or(u32::MAX);
        }
        strings
    }

    /// A string in an allocation of its own, made by loading.
    #[inline]
    pub(crate) fn heap(&self, len: u64) -> u64 {
        match self.heap.get(usize::try_from(len).unwrap_or(usize::MAX)) {
            Some(&bytes) => u64::from(bytes),
            None => self.computed(len),
        }
    }

    /// Strings of these lengths, all together.
    #[inline]
    pub(crate) fn heap_sum(&self, lengths: &[u32]) -> u64 {
        match are_looked_up(lengths) {
            true => lengths.iter().map(|&len| looked_up(&self.heap, len)).sum(),
            false => lengths.iter().map(|&len| self.heap(len.into())).sum(),
        }
    }

    /// Names of hash fields without a TTL and values of these lengths, all together.
    #[inline]
    pub(crate) fn fields_sum(&self, lengths: &[[u32; 2]]) -> u64 {
        match are_looked_up(lengths.as_flattened()) {
            true => lengths
                .iter()
                .map(|&[name, value]| looked_up(&self.field, name) + looked_up(&self.heap, value))
                .sum(),
            false => lengths
                .iter()
                .map(|&[name, value]| self.field(name.into()) + self.heap(value.into()))
                .sum(),
        }
    }

    /// What Redis 8.6 reports of a string in an allocation of its own (`src/sds.h`, `sdsAllocSize`): the shortest have no
    /// room in their headers for what they were handed out.
    #[inline]
    pub(crate) fn reported(&self, len: u64) -> u64 {
        match len {
            1..32 => len + 2,
            _ => self.heap(len),
        }
    }

    fn computed(&self, len: u64) -> u64 {
        let header = match len {
            0 => 3,
            _ => self.header(len),
        };
        self.allocator.usable(len.saturating_add(header + 1))
    }

    /// Bytes of a string inside another allocation.
    #[inline]
    pub(crate) fn embedded(&self, len: u64) -> u64 {
        len.saturating_add(self.header(len) + 1)
    }

    /// The same where the header may not be the shortest, which has no flags to spare.
    #[inline]
    pub(crate) fn embedded_with_flags(&self, len: u64) -> u64 {
        len.saturating_add(self.header(len).max(3) + 1)
    }

    #[inline]
    fn header(&self, len: u64) -> u64 {
        match len {
            ..32 => 1,
            _ if len <= self.limits.0 => 3,
            _ if len <= self.limits.1 => 5,
            _ if len < u64::from(u32::MAX) => 9,
            _ => 17,
        }
    }

    /// The name of a hash field without a TTL.
    #[inline]
    pub(crate) fn field(&self, len: u64) -> u64 {
        match self.field.get(usize::try_from(len).unwrap_or(usize::MAX)) {
            Some(&bytes) => u64::from(bytes),
            None => self.computed_field(len),
        }
    }

    fn computed_field(&self, len: u64) -> u64 {
        match self.has_fields {
            true => self.mstr(len, 0),
            false => self.computed(len),
        }
    }

    /// The name of a hash field with a TTL, which stands in front of it.
    pub(crate) fn field_with_ttl(&self, len: u64) -> u64 {
        match self.has_fields {
            true => self.mstr(len, FIELD_TTL_BYTES),
            false => self.computed(len),
        }
    }

    /// A string with metadata in front (redis 7.4 `src/mstr.h`).
    fn mstr(&self, len: u64, metadata_bytes: u64) -> u64 {
        let header = match len {
            ..32 => 1,
            32..65_536 => 3,
            _ => 9,
        };
        self.allocator
            .usable(len.saturating_add(header + 1 + metadata_bytes))
    }
}

/// Whether all sizes of these can be looked up: one answer for many, so that looking up takes no branch.
#[inline]
fn are_looked_up(lengths: &[u32]) -> bool {
    let longest = lengths.iter().fold(0, |longest, &len| longest.max(len));
    (longest as usize) < LOOKED_UP_BYTES
}

#[inline]
fn looked_up(sizes: &[u32; LOOKED_UP_BYTES], len: u32) -> u64 {
    u64::from(sizes[len as usize % LOOKED_UP_BYTES])
}

/// Metadata of a field that expires, with its flags (redis 7.4 `src/t_hash.c`, `mstrFieldMetadata`; measured as 18).
const FIELD_TTL_BYTES: u64 = 18;
