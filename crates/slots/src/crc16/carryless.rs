//! The checksum of a key by carry-less multiplication, and its hash tag by comparing sixteen bytes at a time.
//!
//! Bytes are the coefficients of a polynomial, the highest first. That of a message times x^16 leaves the
//! checksum as the remainder of the division by P; in other words the checksum is P times the part of
//! `message * x^16 / P` behind the point. Of that part the sixteen bits next to the point suffice: P times the
//! rest stays behind the point.
//!
//! A message is a sum of groups of six bytes, the `j`-th from the end times x^(48 j). So each adds to those
//! sixteen bits what its 48 bits times `WEIGHTS[j]` have there, which are the 64 bits behind the point of
//! `x^(48 j + 16) / P`: 48 and 16 are just what one multiplication of 64 bits by 64 takes. No multiplication
//! waits for another, and there is no division at the end.
//!
//! The bytes in front of a key are loaded with it and masked off, so that the length of a key decides on no
//! branch before it is longer than [`SHORT`]: a branch that guesses wrong costs more than all the rest. Wider
//! vectors do not pay for a second version of all this: on two groups of two at once, with the newer
//! `VPCLMULQDQ`, a key took 0.8 ns less.

use std::arch::x86_64::{
    __m128i, _mm_and_si128, _mm_clmulepi64_si128, _mm_cmpeq_epi8, _mm_cvtsi128_si64,
    _mm_insert_epi16, _mm_movemask_epi8, _mm_set_epi64x, _mm_set1_epi8, _mm_setr_epi8,
    _mm_setzero_si128, _mm_shuffle_epi8, _mm_xor_si128,
};
use std::ops::Range;

use super::checksum as portable_checksum;
use crate::tag::hash_tag_range;

/// Most bytes that are four groups.
const SHORT: usize = 24;
/// Most bytes that are eight groups: one window.
const LONG: usize = 48;

/// The bytes of eight groups, and four in front of them: a vector is sixteen bytes, of which twelve are two
/// groups.
type Window = [u8; 4 + LONG];
/// The bytes of four groups, and four in front of them.
type HalfWindow = [u8; 4 + SHORT];

/// Says that this machine has the instructions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Multiplier(());

impl Multiplier {
    /// `None` where the machine or its system lacks them.
    pub(crate) fn detect() -> Option<Multiplier> {
        let has_all = is_x86_feature_detected!("avx") && is_x86_feature_detected!("pclmulqdq");
        has_all.then_some(Multiplier(()))
    }

    /// Tells `each` the checksum of each key's hash tag, or of the whole key; `place` tells where in the buffer it lies.
    #[inline]
    #[expect(
        unsafe_code,
        reason = "code without these instructions cannot call code with them otherwise"
    )]
    pub(crate) fn checksums_of_keys<K>(
        self,
        buffer: &[u8],
        keys: &[K],
        place: impl Fn(&K) -> Range<usize>,
        each: impl FnMut(&K, u16),
    ) {
        // SAFETY: a value of this type comes from `detect` alone, which has seen both features.
        unsafe { checksums_of_keys(buffer, keys, place, each) }
    }

    /// The checksum of the hash tag, or of the whole, of the key that the last `length` bytes are.
    #[inline]
    #[expect(
        unsafe_code,
        reason = "code without these instructions cannot call code with them otherwise"
    )]
    pub(crate) fn checksum_of_key(self, bytes: &[u8], length: usize) -> u16 {
        // SAFETY: a value of this type comes from `detect` alone, which has seen both features.
        unsafe { checksum_of_key(bytes, length) }
    }
}

#[target_feature(enable = "avx,pclmulqdq")]
fn checksums_of_keys<K>(
    buffer: &[u8],
    keys: &[K],
    place: impl Fn(&K) -> Range<usize>,
    mut each: impl FnMut(&K, u16),
) {
    for key in keys {
        let place = place(key);
        let length = buffer[place.clone()].len();
        each(key, checksum_of_key(&buffer[..place.end], length));
    }
}

#[inline]
#[target_feature(enable = "avx,pclmulqdq")]
fn checksum_of_key(bytes: &[u8], length: usize) -> u16 {
    match checksum_of_plain_key(bytes, length) {
        Some(crc) => crc,
        None => checksum_of_other_key(bytes, length),
    }
}

/// The checksum of a key of at most [`SHORT`] bytes without an opening brace.
#[inline]
#[target_feature(enable = "avx,pclmulqdq")]
fn checksum_of_plain_key(bytes: &[u8], length: usize) -> Option<u16> {
    let window: &Window = bytes.last_chunk()?;
    if length > SHORT {
        return None;
    }
    let groups = Groups::load(near_half(window), length);
    if groups.places_of(b'{') != 0 {
        return None;
    }
    Some(remainder(groups.times(0)))
}

#[inline(never)]
#[target_feature(enable = "avx,pclmulqdq")]
fn checksum_of_other_key(bytes: &[u8], length: usize) -> u16 {
    let Some(window) = bytes.last_chunk() else {
        return checksum_of_long_key(bytes, length);
    };
    if length > SHORT {
        return checksum_of_longer_key(bytes, length);
    }
    let groups = Groups::load(near_half(window), length);
    let (openings, closings) = (groups.places_of(b'{'), groups.places_of(b'}'));
    checksum_of_tagged_key(bytes, length, openings << SHORT, closings << SHORT)
}

/// A key of more than [`SHORT`] bytes.
#[inline(never)]
#[target_feature(enable = "avx,pclmulqdq")]
fn checksum_of_longer_key(bytes: &[u8], length: usize) -> u16 {
    let Some(window) = bytes.last_chunk() else {
        return checksum_of_long_key(bytes, length);
    };
    if length > LONG {
        return checksum_of_long_key(bytes, length);
    }
    let halves = Halves::load(window, length);
    let openings = halves.places_of(b'{');
    if openings != 0 {
        let closings = halves.places_of(b'}');
        return checksum_of_tagged_key(bytes, length, openings, closings);
    }
    remainder(halves.times())
}

/// A key with braces at these places of the last window.
#[inline(never)]
#[target_feature(enable = "avx,pclmulqdq")]
fn checksum_of_tagged_key(bytes: &[u8], length: usize, openings: u64, closings: u64) -> u16 {
    match tag_between(openings, closings) {
        Some(tag) => {
            let front = bytes.len() - size_of::<Window>();
            checksum(&bytes[..front + tag.end], tag.len())
        }
        None => checksum(bytes, length),
    }
}

fn tag_between(openings: u64, closings: u64) -> Option<Range<usize>> {
    let open = openings.trailing_zeros();
    let closings = closings & u64::MAX.checked_shl(open)?;
    let start = open as usize + 1;
    let end = closings.trailing_zeros() as usize;
    (closings != 0 && start < end).then_some(start..end)
}

/// A key of any length, with anything in front of it or nothing.
#[inline(never)]
#[target_feature(enable = "avx,pclmulqdq")]
fn checksum_of_long_key(bytes: &[u8], length: usize) -> u16 {
    let (of_all, has_brace) = checksum_by_windows(bytes, length);
    let start = bytes.len() - length;
    let tag = has_brace.then(|| hash_tag_range(&bytes[start..])).flatten();
    match tag {
        Some(tag) => checksum(&bytes[..start + tag.end], tag.len()),
        None => of_all,
    }
}

/// The checksum of the last `length` bytes.
#[target_feature(enable = "avx,pclmulqdq")]
fn checksum(bytes: &[u8], length: usize) -> u16 {
    match bytes.last_chunk() {
        Some(window) if length <= SHORT => {
            remainder(Groups::load(near_half(window), length).times(0))
        }
        _ => checksum_by_windows(bytes, length).0,
    }
}

/// The checksum of the last `length` bytes, one window after the other, and whether there is an opening brace.
#[target_feature(enable = "avx,pclmulqdq")]
fn checksum_by_windows(bytes: &[u8], length: usize) -> (u16, bool) {
    let mut crc = 0;
    let mut openings = 0;
    let mut rest = length;
    while rest > 0 {
        // All windows but the first are full, and there is no checksum so far at the first.
        let taken = (rest - 1) % LONG + 1;
        rest -= taken;
        let Some(window) = bytes[..bytes.len() - rest].last_chunk() else {
            let bytes = &bytes[bytes.len() - length..];
            return (portable_checksum(bytes), bytes.contains(&b'{'));
        };
        let halves = Halves::load(window, taken);
        openings |= halves.places_of(b'{');
        crc = remainder(halves.after(crc).times());
    }
    (crc, openings != 0)
}

fn near_half(window: &Window) -> &HalfWindow {
    window.last_chunk().expect("half of a window")
}

/// The two halves of a window.
#[derive(Clone, Copy)]
struct Halves {
    far: Groups,
    near: Groups,
}

impl Halves {
    /// The last `length` bytes, and zeros in front of them.
    #[target_feature(enable = "avx,pclmulqdq")]
    fn load(window: &Window, length: usize) -> Halves {
        let far_half = window.first_chunk().expect("half of a window");
        Halves {
            far: Groups::load(far_half, length.saturating_sub(SHORT)),
            near: Groups::load(near_half(window), length.min(SHORT)),
        }
    }

    /// The same bytes where the checksum of what stands in front of all 48 is `crc`: it meets the first two.
    #[target_feature(enable = "avx,pclmulqdq")]
    fn after(self, crc: u16) -> Halves {
        let crc = _mm_insert_epi16::<2>(_mm_setzero_si128(), i32::from(crc.swap_bytes()));
        let far = Groups {
            far: _mm_xor_si128(self.far.far, crc),
            ..self.far
        };
        Halves { far, ..self }
    }

    /// Bit `i` tells whether byte `i` of the window is that byte.
    #[target_feature(enable = "avx,pclmulqdq")]
    fn places_of(self, byte: u8) -> u64 {
        self.far.places_of(byte) | (self.near.places_of(byte) << SHORT)
    }

    /// The sum of the groups times their weights.
    #[target_feature(enable = "avx,pclmulqdq")]
    fn times(self) -> __m128i {
        _mm_xor_si128(self.near.times(0), self.far.times(4))
    }
}

/// Four groups: in each vector twelve bytes, behind four that count for nothing.
#[derive(Clone, Copy)]
struct Groups {
    far: __m128i,
    near: __m128i,
}

impl Groups {
    /// The last `length` bytes, and zeros in front of them.
    #[target_feature(enable = "avx,pclmulqdq")]
    fn load(bytes: &HalfWindow, length: usize) -> Groups {
        let mask = &MASKS[length..length + bytes.len()];
        Groups {
            far: _mm_and_si128(vector(&bytes[..16]), vector(&mask[..16])),
            near: _mm_and_si128(vector(&bytes[12..]), vector(&mask[12..])),
        }
    }

    /// Bit `i` tells whether byte `i` of the half window is that byte.
    #[target_feature(enable = "avx,pclmulqdq")]
    fn places_of(self, byte: u8) -> u64 {
        let byte = _mm_set1_epi8(byte.cast_signed());
        let places = |bytes| _mm_movemask_epi8(_mm_cmpeq_epi8(bytes, byte)).cast_unsigned();
        u64::from(places(self.far)) | (u64::from(places(self.near)) << 12)
    }

    /// The sum of the groups times their weights, those of the last group being `WEIGHTS[first]`.
    #[target_feature(enable = "avx,pclmulqdq")]
    fn times(self, first: usize) -> __m128i {
        _mm_xor_si128(two_times(self.near, first), two_times(self.far, first + 2))
    }
}

#[target_feature(enable = "avx,pclmulqdq")]
fn vector(bytes: &[u8]) -> __m128i {
    let bytes = bytes.try_into().expect("a vector is sixteen bytes");
    let number = i128::from_le_bytes(bytes);
    _mm_set_epi64x((number >> 64) as i64, number as i64)
}

/// The last twelve bytes as two groups, each a number of 48 bits, times their weights.
#[target_feature(enable = "avx,pclmulqdq")]
fn two_times(bytes: __m128i, first: usize) -> __m128i {
    const ZERO: i8 = -1;
    let groups = _mm_shuffle_epi8(
        bytes,
        _mm_setr_epi8(
            15, 14, 13, 12, 11, 10, ZERO, ZERO, 9, 8, 7, 6, 5, 4, ZERO, ZERO,
        ),
    );
    let weights = _mm_set_epi64x(WEIGHTS[first + 1] as i64, WEIGHTS[first] as i64);
    _mm_xor_si128(
        _mm_clmulepi64_si128::<0x00>(groups, weights),
        _mm_clmulepi64_si128::<0x11>(groups, weights),
    )
}

/// P times the sixteen bits next to the point, cut off at the point. They are the highest of the low half of
/// the products, and P is x^16 + x^12 + x^5 + 1.
#[target_feature(enable = "avx,pclmulqdq")]
fn remainder(product: __m128i) -> u16 {
    let bits = (_mm_cvtsi128_si64(product).cast_unsigned() >> 48) as u16;
    bits ^ (bits >> 4) ^ (bits >> 11)
}

/// As many ones as a half window counts bytes, behind as many zeros as it has: so many of them as a key is long,
/// and zeros in front of them, are its mask.
static MASKS: [u8; 4 + 2 * SHORT] = {
    let mut masks = [0; 4 + 2 * SHORT];
    let (_, ones) = masks.split_at_mut(4 + SHORT);
    let mut index = 0;
    while index < ones.len() {
        ones[index] = 0xff;
        index += 1;
    }
    masks
};

/// The 64 bits behind the point of `x^(48 j + 16) / P`.
const WEIGHTS: [u64; LONG / 6] = {
    let mut weights = [0; LONG / 6];
    // Long division of a one and zeros without end.
    let mut remainder = 1u32;
    let mut bit = 0;
    while bit < 16 + 48 * 7 + 64 {
        remainder <<= 1;
        let quotient = remainder >> 16;
        remainder ^= quotient * 0x1_1021;
        let mut j = 0;
        while j < weights.len() {
            if bit >= 16 + 48 * j && bit < 16 + 48 * j + 64 {
                weights[j] = weights[j] << 1 | quotient as u64;
            }
            j += 1;
        }
        bit += 1;
    }
    weights
};
