//! The hash tag of a key.

use std::ops::Range;

/// The hash tag of a key: the bytes between the first `{` and the first `}` after it,
/// `None` when there is no such pair or nothing between (Redis Cluster specification, "Hash tags").
pub fn hash_tag(key: &[u8]) -> Option<&[u8]> {
    hash_tag_range(key).map(|range| &key[range])
}

/// Where the hash tag of a key is.
pub(crate) fn hash_tag_range(key: &[u8]) -> Option<Range<usize>> {
    let start = position(b'{', key)? + 1;
    let length = position(b'}', &key[start..])?;
    (length > 0).then(|| start..start + length)
}

/// The first position of a byte, looked for in eight at a time: most keys have no tag.
fn position(byte: u8, bytes: &[u8]) -> Option<usize> {
    let Some(last) = bytes.last_chunk() else {
        return bytes.iter().position(|&other| other == byte);
    };
    let (words, _) = bytes.as_chunks();
    for (index, word) in words.iter().enumerate() {
        if let Some(place) = position_in_word(byte, *word) {
            return Some(8 * index + place);
        }
    }
    Some(bytes.len() - 8 + position_in_word(byte, *last)?)
}

fn position_in_word(byte: u8, word: [u8; 8]) -> Option<usize> {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const TOPS: u64 = u64::from_le_bytes([0x80; 8]);
    let differences = u64::from_le_bytes(word) ^ (ONES * u64::from(byte));
    // The borrow out of a zero byte can mark bytes above it, never below: the lowest mark is sure.
    let zeros = differences.wrapping_sub(ONES) & !differences & TOPS;
    (zeros != 0).then(|| zeros.trailing_zeros() as usize / 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of the Redis Cluster specification, "Hash tags".
    #[test]
    fn hash_tags_of_the_specification() {
        assert_eq!(
            hash_tag(b"{user1000}.following"),
            Some(b"user1000".as_slice())
        );
        assert_eq!(hash_tag(b"foo{}{bar}"), None);
        assert_eq!(hash_tag(b"foo{{bar}}zap"), Some(b"{bar".as_slice()));
        assert_eq!(hash_tag(b"foo{bar}{zap}"), Some(b"bar".as_slice()));
        assert_eq!(hash_tag(b"foo}bar{"), None);
    }

    /// Against the words of the specification, one byte at a time.
    #[test]
    fn every_key_of_braces_and_others() {
        let naive = |key: &[u8]| {
            let start = key.iter().position(|&byte| byte == b'{')? + 1;
            let end = start + key[start..].iter().position(|&byte| byte == b'}')?;
            (start < end).then_some(start..end)
        };
        // One above and one below the braces: what a borrow between bytes would mix up.
        let alphabet = [b'{', b'}', b'z', b'|', b'|' | 0x80];
        for length in 0..=6u32 {
            for number in 0..5usize.pow(length) {
                let braces = (0..length).map(|place| alphabet[number / 5usize.pow(place) % 5]);
                for (before, after) in [(0, 0), (3, 0), (0, 5), (9, 9)] {
                    let key: Vec<u8> = std::iter::repeat_n(b'|', before)
                        .chain(braces.clone())
                        .chain(std::iter::repeat_n(b'z', after))
                        .collect();
                    assert_eq!(hash_tag_range(&key), naive(&key), "{}", key.escape_ascii());
                }
            }
        }
    }
}
