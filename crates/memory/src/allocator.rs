//! What an allocator hands out for a request.

use std::fmt;
use std::str::FromStr;

use crate::UnknownName;

/// An allocator with its size classes, a property of the server's build; `INFO memory` names it as `mem_allocator`, though
/// not its quantum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Allocator {
    /// jemalloc with a quantum of 8 bytes, as the sources of the servers bundle it: official builds and images.
    Je3,
    /// jemalloc 5.2 and 5.3.0 with a quantum of 16 bytes: packages of Debian and Ubuntu.
    Je4,
    /// As [`Allocator::Je3`] since jemalloc 5.3.1, which gives whole pages above four of them.
    Je3p,
    /// As [`Allocator::Je4`] since jemalloc 5.3.1.
    Je4p,
    /// The malloc of glibc, for builds with `MALLOC=libc`.
    Glibc,
}

/// Above this, jemalloc 5.3.1 hands out whole pages.
const PAGES_ABOVE_BYTES: u64 = 16 << 10;
const PAGE_BYTES: u64 = 4 << 10;
/// From here on, glibc maps each request by itself (its initial `M_MMAP_THRESHOLD`).
const MAPPED_FROM_BYTES: u64 = 128 << 10;

impl Allocator {
    /// All of them.
    pub const ALL: [Allocator; 5] = [
        Allocator::Je3,
        Allocator::Je4,
        Allocator::Je3p,
        Allocator::Je4p,
        Allocator::Glibc,
    ];

    /// The name that `--allocator` takes.
    pub fn name(self) -> &'static str {
        match self {
            Allocator::Je3 => "je3",
            Allocator::Je4 => "je4",
            Allocator::Je3p => "je3p",
            Allocator::Je4p => "je4p",
            Allocator::Glibc => "glibc",
        }
    }

    /// Bytes that a request of so many takes: what `malloc_usable_size` says of it, which is what `used_memory` counts.
    #[inline]
    pub fn usable(self, request: u64) -> u64 {
        match self {
            Allocator::Je3 => jemalloc(request, 3),
            Allocator::Je4 => jemalloc(request, 4),
            Allocator::Je3p => paged(request, 3),
            Allocator::Je4p => paged(request, 4),
            Allocator::Glibc => glibc(request),
        }
    }
}

/// Multiples of the quantum up to four of them, then four classes per doubling (jemalloc's manual, size classes). One of
/// 8 bytes is there in any case.
#[inline]
fn jemalloc(request: u64, quantum_bits: u32) -> u64 {
    if request <= 8 {
        return 8;
    }
    let doubling_bits = (request - 1).ilog2() + 1;
    let step_bits = doubling_bits.saturating_sub(3).max(quantum_bits);
    round_up(request, 1 << step_bits)
}

#[inline]
fn paged(request: u64, quantum_bits: u32) -> u64 {
    if request > PAGES_ABOVE_BYTES {
        round_up(request, PAGE_BYTES)
    } else {
        jemalloc(request, quantum_bits)
    }
}

/// Chunks of 16 bytes, at least 32, of which eight are not usable; from the threshold on whole pages, of which
/// sixteen are not.
fn glibc(request: u64) -> u64 {
    if request >= MAPPED_FROM_BYTES {
        round_up(request.saturating_add(16), PAGE_BYTES) - 16
    } else {
        round_up(request + 8, 16).max(32) - 8
    }
}

/// To a multiple of a power of two.
#[inline]
fn round_up(n: u64, step: u64) -> u64 {
    n.saturating_add(step - 1) & !(step - 1)
}

impl fmt::Display for Allocator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Allocator {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Allocator, UnknownName> {
        let known = Allocator::ALL.into_iter();
        known
            .clone()
            .find(|allocator| allocator.name() == name)
            .ok_or_else(|| UnknownName::new("allocator", name, known.map(Allocator::name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The classes that jemalloc's manual lists for these quanta, what glibc's `malloc_usable_size` answers, and what
    /// a string of 32 MiB took on Redis 7.0 and with jemalloc 5.3.1.
    #[test]
    fn requests_take_what_allocators_hand_out() {
        use Allocator::{Glibc, Je3, Je3p, Je4, Je4p};
        for (allocator, request, taken) in [
            (Je3, 0, 8),
            (Je3, 8, 8),
            (Je3, 9, 16),
            (Je3, 17, 24),
            (Je3, 57, 64),
            (Je3, 65, 80),
            (Je3, 81, 96),
            (Je3, 113, 128),
            (Je3, 129, 160),
            (Je3, 257, 320),
            (Je3, 4_097, 5_120),
            (Je3, 33_554_442, 41_943_040),
            (Je4, 1, 8),
            (Je4, 9, 16),
            (Je4, 17, 32),
            (Je4, 33, 48),
            (Je4, 65, 80),
            (Je4, 129, 160),
            (Je4p, 16_384, 16_384),
            (Je4p, 16_385, 20_480),
            (Je3p, 33_554_442, 33_558_528),
            (Glibc, 1, 24),
            (Glibc, 24, 24),
            (Glibc, 25, 40),
            (Glibc, 131_072, 135_152),
        ] {
            assert_eq!(
                allocator.usable(request),
                taken,
                "{allocator}, request of {request}"
            );
        }
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        for allocator in Allocator::ALL {
            assert_eq!(allocator.name().parse(), Ok(allocator));
        }
        assert!("tcmalloc".parse::<Allocator>().is_err());
    }

    /// A size from a file that cannot be is no reason to panic.
    #[test]
    fn no_request_is_too_large() {
        for allocator in Allocator::ALL {
            assert!(allocator.usable(u64::MAX) > 1 << 62, "{allocator}");
        }
    }
}
