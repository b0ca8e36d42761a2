//! Wrappings, made by encoders that are not the reader's, and by hand where none makes them.

use std::io::Write as _;

use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};
use preshard_parser::source::{Codec, Container};

/// The mark of the captures made here.
pub const MARK: [u8; 40] = *b"0123456789abcdef0123456789abcdef01234567";

/// A wrapping: what it is called here, what is told of it, and how it is made.
pub struct Wrapping {
    pub name: &'static str,
    pub container: Container,
    pub wrap: fn(&[u8]) -> Vec<u8>,
    /// Whether it tells by a checksum that what it holds was changed.
    pub checked: bool,
}

/// All of them.
pub fn wrappings() -> Vec<Wrapping> {
    let wrapping = |name, container, wrap, checked| Wrapping {
        name,
        container,
        wrap,
        checked,
    };
    vec![
        wrapping("gzip", Container::Gzip, gzip as fn(&[u8]) -> Vec<u8>, true),
        wrapping(
            "gzip of gzip's every field",
            Container::Gzip,
            gzip_wordy,
            true,
        ),
        wrapping("gzip of stored bytes", Container::Gzip, gzip_stored, true),
        wrapping("zstd", Container::Zstd, zstd, false),
        wrapping("zstd, checked", Container::Zstd, zstd_checked, true),
        wrapping("zstd, best", Container::Zstd, zstd_best, false),
        wrapping("lz4", Container::Lz4, lz4, false),
        wrapping("lz4, checked", Container::Lz4, lz4_checked, true),
        wrapping("lz4, linked", Container::Lz4, lz4_linked, true),
        wrapping("lz4, large blocks", Container::Lz4, lz4_large, true),
        wrapping("lz4, as it was", Container::Lz4, lz4_legacy, false),
        wrapping(
            "Valkey's envelope",
            Container::ValkeyEnvelope { codec: Codec::Lz4 },
            valkey_lz4,
            true,
        ),
        wrapping(
            "Valkey's envelope, zstd",
            Container::ValkeyEnvelope { codec: Codec::Zstd },
            valkey_zstd,
            true,
        ),
    ]
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).expect("encoded");
    encoder.finish().expect("encoded")
}

/// With name, comment, and extra field; the checksum of the header is made by hand, because the encoder makes none.
fn gzip_wordy(bytes: &[u8]) -> Vec<u8> {
    let encoder = flate2::GzBuilder::new()
        .filename("dump.rdb")
        .comment("nightly, \u{fc}bernacht")
        .extra(*b"PR\x04\0\0\x01\0\0")
        .mtime(1_790_000_000);
    let mut encoder = encoder.write(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).expect("encoded");
    let mut made = encoder.finish().expect("encoded");
    let name = made.windows(9).position(|window| window == b"dump.rdb\0");
    let comment_from = name.expect("the name") + 9;
    let comment = made[comment_from..].iter().position(|&byte| byte == 0);
    let header_bytes = comment_from + comment.expect("the end of the comment") + 1;
    made[3] |= 0x02;
    let mut checksum = flate2::Crc::new();
    checksum.update(&made[..header_bytes]);
    let checksum = checksum.sum().to_le_bytes();
    made.splice(header_bytes..header_bytes, checksum[..2].iter().copied());
    made
}

pub fn gzip_stored(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    encoder.write_all(bytes).expect("encoded");
    encoder.finish().expect("encoded")
}

pub fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).expect("encoded")
}

pub fn zstd_checked(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).expect("an encoder");
    encoder.include_checksum(true).expect("set");
    encoder.write_all(bytes).expect("encoded");
    encoder.finish().expect("encoded")
}

/// In one segment, of which the header says how long it is.
fn zstd_best(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 19).expect("an encoder");
    encoder.include_contentsize(true).expect("set");
    let length = bytes.len() as u64;
    encoder.set_pledged_src_size(Some(length)).expect("set");
    encoder.write_all(bytes).expect("encoded");
    encoder.finish().expect("encoded")
}

pub fn lz4_frame(info: FrameInfo, bytes: &[u8]) -> Vec<u8> {
    let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
    encoder.write_all(bytes).expect("encoded");
    encoder.finish().expect("encoded")
}

pub fn lz4(bytes: &[u8]) -> Vec<u8> {
    lz4_frame(FrameInfo::new(), bytes)
}

fn lz4_all_checks(bytes: &[u8]) -> FrameInfo {
    FrameInfo::new()
        .block_checksums(true)
        .content_checksum(true)
        .content_size(Some(bytes.len() as u64))
}

pub fn lz4_checked(bytes: &[u8]) -> Vec<u8> {
    lz4_frame(lz4_all_checks(bytes), bytes)
}

/// As Valkey writes its frames: blocks of 64 KiB that refer to those before.
pub fn lz4_linked(bytes: &[u8]) -> Vec<u8> {
    let info = lz4_all_checks(bytes).content_size(None);
    let info = info.block_mode(BlockMode::Linked);
    lz4_frame(info.block_size(BlockSize::Max64KB), bytes)
}

fn lz4_large(bytes: &[u8]) -> Vec<u8> {
    let info = FrameInfo::new().content_checksum(true);
    lz4_frame(info.block_size(BlockSize::Max4MB), bytes)
}

/// The frames that the `lz4` tool wrote before 2014, and with `-l` since: blocks of 8 MiB with their lengths, and no end.
pub fn lz4_legacy(bytes: &[u8]) -> Vec<u8> {
    let mut made = 0x184C_2102_u32.to_le_bytes().to_vec();
    for block in bytes.chunks(8 << 20) {
        let block = lz4_flex::block::compress(block);
        made.extend((block.len() as u32).to_le_bytes());
        made.extend(block);
    }
    made
}

/// Magic, version 1, the codec, a zero, kind 1 for a snapshot (valkey `src/compression_stream.h`), then a frame.
fn valkey(codec: u8, frame: &[u8]) -> Vec<u8> {
    [&b"VCS\x01"[..], &[codec], b"\0\x01", frame].concat()
}

pub fn valkey_lz4(bytes: &[u8]) -> Vec<u8> {
    valkey(1, &lz4_linked(bytes))
}

pub fn valkey_zstd(bytes: &[u8]) -> Vec<u8> {
    valkey(2, &zstd_checked(bytes))
}

/// A frame that is passed over, by zstd and LZ4 alike.
pub fn skippable(length: u32) -> Vec<u8> {
    let mut made = 0x184D_2A53_u32.to_le_bytes().to_vec();
    made.extend(length.to_le_bytes());
    made.resize(8 + length as usize, 0xEE);
    made
}

pub fn capture_marked(bytes: &[u8]) -> Vec<u8> {
    [&b"$EOF:"[..], &MARK, b"\r\n", bytes, &MARK].concat()
}

pub fn capture_sized(bytes: &[u8]) -> Vec<u8> {
    [format!("${}\r\n", bytes.len()).as_bytes(), bytes].concat()
}
