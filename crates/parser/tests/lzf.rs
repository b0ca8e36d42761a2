//! LZF against an independent implementation, whole and piecewise.

use preshard_parser::{Cursor as _, Reader, lzf};
use proptest::prelude::*;

/// Bytes that compress: runs and copies of what came before.
fn compressible() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec((any::<u8>(), 1..40usize, 0..9_000usize), 1..200).prop_map(|pieces| {
        let mut bytes: Vec<u8> = Vec::new();
        for (byte, len, back) in pieces {
            match bytes.len().checked_sub(back + 1) {
                Some(from) if byte % 2 == 0 => {
                    for i in 0..len * 8 {
                        bytes.push(bytes[from + i]);
                    }
                }
                _ => bytes.extend((0..len).map(|i| byte.wrapping_mul(i as u8 | 1))),
            }
        }
        bytes
    })
}

fn compress(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = vec![0; bytes.len() + bytes.len() / 16 + 64];
    let len = lzf_rust::compress(bytes, &mut out).ok()?;
    out.truncate(len);
    Some(out)
}

proptest! {
    #[test]
    fn decompresses_what_another_implementation_compressed(bytes in compressible()) {
        if let Some(compressed) = compress(&bytes) {
            let got = lzf::decompress(&compressed, bytes.len() as u64, 0).expect("sound");
            prop_assert_eq!(got, bytes);
        }
    }

    #[test]
    fn agrees_with_another_implementation_on_arbitrary_input(compressed in prop::collection::vec(any::<u8>(), 1..200), len in 1..4_000usize) {
        let mut theirs = vec![0; len];
        let theirs = lzf_rust::decompress(&compressed, &mut theirs).ok().filter(|&n| n == len).map(|_| theirs);
        let ours = lzf::decompress(&compressed, len as u64, 0).ok();
        prop_assert_eq!(ours, theirs);
    }

    #[test]
    fn a_cursor_reads_the_same_bytes_in_any_pieces(bytes in compressible(), pieces in prop::collection::vec((any::<bool>(), 1..600usize), 1..400)) {
        if let Some(compressed) = compress(&bytes) {
            let (mut input, mut scratch) = (Reader::new(&compressed, 0), Vec::new());
            let mut cursor = lzf::LzfCursor::new(&mut input, bytes.len() as u64, &mut scratch);
            let mut at = 0;
            for (look, n) in pieces {
                let n = n * 7;
                let whole = at + n <= bytes.len();
                if look {
                    match cursor.take(n) {
                        Ok(got) => prop_assert_eq!(got, &bytes[at..at + n]),
                        Err(_) => prop_assert!(!whole),
                    }
                } else {
                    prop_assert_eq!(cursor.skip(n as u64).is_ok(), whole);
                }
                if !whole {
                    break;
                }
                at += n;
            }
        }
    }
}

#[test]
fn a_prefix_reads_no_further_than_it_must() {
    let bytes = vec![b'x'; 1 << 20];
    let compressed = compress(&bytes).expect("compresses");
    let (mut input, mut scratch) = (Reader::new(&compressed, 0), Vec::new());
    let mut cursor = lzf::LzfCursor::new(&mut input, bytes.len() as u64, &mut scratch);
    assert_eq!(cursor.take(6).expect("six bytes"), b"xxxxxx");
    let read = compressed.len() - input.rest().len();
    assert!(
        read <= 8,
        "read {read} of {} compressed bytes for six bytes of a listpack header",
        compressed.len()
    );
}

/// Found by fuzzing: an instruction that yields more than the stated length is damage, as it is when the
/// string is decompressed whole, and no byte behind that length is handed out.
#[test]
fn a_cursor_stops_at_the_stated_length() {
    // The letter a, then ten copies of it; said to be six bytes.
    let compressed = [0, b'a', 0xe0, 1, 0];
    assert!(lzf::decompress(&compressed, 6, 0).is_err());
    let (mut input, mut scratch) = (Reader::new(&compressed, 0), Vec::new());
    let mut cursor = lzf::LzfCursor::new(&mut input, 6, &mut scratch);
    assert_eq!(cursor.take(1).expect("a literal"), b"a");
    assert!(cursor.take(1).is_err());
    let (mut input, mut scratch) = (Reader::new(&compressed, 0), Vec::new());
    let mut cursor = lzf::LzfCursor::new(&mut input, 11, &mut scratch);
    assert_eq!(cursor.take(11).expect("as long as it says"), [b'a'; 11]);
    assert!(cursor.take(1).is_err());
}
