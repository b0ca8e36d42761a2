//! The body of the fuzz target `lzf`: decompression against an independent implementation.

use preshard_parser::{Cursor, Reader, lzf};

/// The second implementation writes into a buffer of the stated length, so that has to be bounded here.
const LEN_MAX: usize = 1 << 16;

/// Most room that a cursor may keep: a reference's reach, what is decompressed at a time, what one
/// instruction may add, and as much again, because a buffer grows by doubling.
const SCRATCH_BYTES_MAX: usize = 2 * (8_192 + 2 * 16_384 + 264 + 4_096);

/// Of `bytes` the first two are a length, the third says in which pieces a cursor reads, the rest is
/// decompressed to that length, and compressed and decompressed again.
pub fn lzf(bytes: &[u8]) {
    let [low, high, pieces, rest @ ..] = bytes else {
        return;
    };
    decompressed_as_another_does(
        rest,
        usize::from(u16::from_le_bytes([*low, *high])),
        *pieces,
    );
    there_and_back(rest, *pieces);
}

fn decompressed_as_another_does(compressed: &[u8], len: usize, pieces: u8) {
    let len = len.min(LEN_MAX);
    let mut theirs = vec![0; len];
    // The other implementation takes no empty input; the format's answer to that is plain.
    let theirs = match (compressed.is_empty(), len) {
        (true, 0) => Some(Vec::new()),
        (true, _) | (false, 0) => None,
        _ => lzf_rust::decompress(compressed, &mut theirs)
            .ok()
            .filter(|&written| written == len)
            .map(|_| theirs),
    };
    let ours = lzf::decompress(compressed, len as u64, 77);
    if let Err(error) = &ours {
        assert!(
            error.offset() >= 77 && error.offset() <= 77 + compressed.len() as u64,
            "{error} in {} bytes",
            compressed.len()
        );
    }
    assert_eq!(ours.as_ref().ok(), theirs.as_ref(), "stated length {len}");
    let (read, whole) = read_in_pieces(compressed, len, pieces);
    assert!(read.len() <= len, "{} bytes out of {len}", read.len());
    if let Ok(ours) = ours {
        assert!(whole, "a cursor refuses what can be decompressed");
        assert_eq!(read, ours);
    }
}

/// What a cursor yields before its first error or the stated end, and whether it came that far.
fn read_in_pieces(compressed: &[u8], len: usize, pieces: u8) -> (Vec<u8>, bool) {
    let (mut input, mut scratch) = (Reader::new(compressed, 77), Vec::new());
    let mut cursor = lzf::LzfCursor::new(&mut input, len as u64, &mut scratch);
    let mut read = Vec::new();
    let mut whole = true;
    let piece = 1 + usize::from(pieces) * 16;
    while read.len() < len {
        match cursor.take(piece.min(len - read.len())) {
            Ok(bytes) => read.extend_from_slice(bytes),
            Err(_) => {
                whole = false;
                break;
            }
        }
    }
    if whole {
        assert!(cursor.take(1).is_err(), "a byte behind the stated length");
    }
    assert!(
        scratch.capacity() <= SCRATCH_BYTES_MAX,
        "{}",
        scratch.capacity()
    );
    (read, whole)
}

fn there_and_back(plain: &[u8], pieces: u8) {
    let mut compressed = vec![0; plain.len() + plain.len() / 16 + 64];
    let Ok(len) = lzf_rust::compress(plain, &mut compressed) else {
        return;
    };
    compressed.truncate(len);
    let ours = lzf::decompress(&compressed, plain.len() as u64, 0).expect("sound");
    assert_eq!(ours, plain);
    let (read, whole) = read_in_pieces(&compressed, plain.len(), pieces);
    assert!(whole);
    assert_eq!(read, plain);
}
