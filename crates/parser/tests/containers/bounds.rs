use std::io::{self, Read as _};

use preshard_parser::limits::EXPANSION_FREE_BYTES;
use preshard_parser::source::{ContainerError, OpenOptions, Problem};

use crate::{decoded, made, open, open_with, read};

/// Bytes that come out before an error, and the error.
fn refused(bytes: Vec<u8>, options: &OpenOptions) -> (u64, io::Error) {
    let source = match open_with(bytes, options) {
        Ok(source) => source,
        Err(error) => return (0, error),
    };
    let mut stream = source.stream().expect("a stream");
    let mut out = 0;
    let mut buffer = vec![0; 1 << 16];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => panic!("{out} bytes and no error"),
            Ok(got) => out += got as u64,
            Err(error) => return (out, error),
        }
    }
}

fn total(bytes: Vec<u8>, options: &OpenOptions) -> u64 {
    let source = open_with(bytes, options).expect("opens");
    let mut stream = source.stream().expect("a stream");
    io::copy(&mut stream, &mut io::sink()).expect("sound")
}

const ZEROS: usize = 16 << 20;

/// gzip's own format keeps the ratio below 1,032, so it is the total alone that stops it.
#[test]
fn gzip_of_nothing_but_zeros_is_read_up_to_the_most_that_was_stated() {
    let bytes = made::gzip(&vec![0; ZEROS]).repeat(20);
    let held = 20 * ZEROS as u64;
    assert!(held / bytes.len() as u64 > 900, "it hardly expands");
    assert_eq!(total(bytes.clone(), &OpenOptions::default()), held);
    for max in [held - 1, held / 2, 1_000_000] {
        let options = OpenOptions {
            max_decompressed_bytes: Some(max),
            ..OpenOptions::default()
        };
        let (out, error) = refused(bytes.clone(), &options);
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge, "{error}");
        assert!(error.to_string().contains(&max.to_string()), "{error}");
        assert_eq!(out, max, "all that is allowed comes out");
    }
    let options = OpenOptions {
        max_decompressed_bytes: Some(held),
        ..OpenOptions::default()
    };
    assert_eq!(total(bytes, &options), held);
}

#[test]
fn zstd_of_nothing_but_zeros_is_stopped_by_the_ratio_unless_a_size_is_stated() {
    let bytes = made::zstd(&vec![0; ZEROS]).repeat(20);
    let held = 20 * ZEROS as u64;
    let (out, error) = refused(bytes.clone(), &OpenOptions::default());
    assert_eq!(error.kind(), io::ErrorKind::FileTooLarge, "{error}");
    assert!(
        error.to_string().contains("zstd refused at offset"),
        "{error}"
    );
    assert_eq!(out, EXPANSION_FREE_BYTES);
    let options = OpenOptions {
        max_decompressed_bytes: Some(held),
        ..OpenOptions::default()
    };
    assert_eq!(total(bytes, &options), held);
}

/// What is decoded in the middle counts as well: 100 MB of members that hold nothing give nothing, and take their time.
#[test]
fn bombs_between_two_layers_are_stopped() {
    let nothing = made::gzip(b"");
    let members = nothing.repeat((100 << 20) / nothing.len());
    let (out, error) = refused(made::zstd(&members), &OpenOptions::default());
    assert_eq!(error.kind(), io::ErrorKind::FileTooLarge, "{error}");
    assert_eq!(out, 0);
}

/// The header of a frame, then one block that holds five bytes as they are.
fn zstd_frame(header: &[u8]) -> Vec<u8> {
    [
        &0xFD2F_B528_u32.to_le_bytes(),
        header,
        &[5 << 3 | 1, 0, 0],
        b"REDIS",
    ]
    .concat()
}

/// RFC 8878, 3.1.1.1.2: exponent in the upper five bits, mantissa in the lower three.
#[test]
fn windows_are_read_up_to_what_zstd_itself_reads() {
    let exponent = |log: u8| (log - 10) << 3;
    assert_eq!(decoded(zstd_frame(&[0x00, exponent(27)])).0, b"REDIS");
    for window in [
        exponent(27) + 1,
        exponent(28),
        exponent(31),
        exponent(41) + 7,
    ] {
        let error = open(zstd_frame(&[0x00, window])).expect_err("too much");
        assert_eq!(error.kind(), io::ErrorKind::Unsupported, "{error}");
        let message = error.to_string();
        assert!(message.contains("--long"), "{message}");
        assert!(message.contains("134217728"), "{message}");
    }
    // A frame of one segment is its own window, as long as it says.
    let single = |length: u64| zstd_frame(&[&[0xE0][..], &length.to_le_bytes()].concat());
    assert_eq!(decoded(single(5)).0, b"REDIS");
    for length in [(1 << 27) + 1, u64::MAX] {
        let error = open(single(length)).expect_err("too much");
        assert_eq!(error.kind(), io::ErrorKind::Unsupported, "{error}");
    }
}

#[test]
fn frames_that_need_a_dictionary_are_refused_by_name() {
    let zstd = zstd_frame(&[0x01, 0x40, 0x07]);
    // Version 1, independent blocks, with a dictionary.
    let lz4 = lz4_header(&[0x61, 0x40, 0x07, 0, 0, 0]);
    for bytes in [zstd, lz4] {
        let error = open(bytes).expect_err("a dictionary");
        assert_eq!(error.kind(), io::ErrorKind::Unsupported, "{error}");
        assert!(error.to_string().contains("dictionary"), "{error}");
    }
}

#[test]
fn envelopes_of_valkey_that_are_not_known_are_refused_where_they_say_so() {
    let whole = made::valkey_lz4(&crate::small());
    for (at, byte) in [(3, 2), (4, 3), (5, 1), (6, 2)] {
        let mut other = whole.clone();
        other[at] = byte;
        let error = open(made::gzip(&other)).expect_err("not known");
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
        let told: &ContainerError = inner.expect("a container");
        assert!(matches!(told.problem, Problem::Unsupported(_)), "{error}");
        assert_eq!((told.offset, told.within), (at as u64, Some("gzip")));
    }
}

/// The header of an LZ4 frame with its checksum, which is that of the reference's own.
fn lz4_header(descriptor: &[u8]) -> Vec<u8> {
    let [_, checksum, ..] = twox_hash::XxHash32::oneshot(0, descriptor).to_le_bytes();
    [&0x184D_2204_u32.to_le_bytes(), descriptor, &[checksum]].concat()
}

/// The lengths in these headers are as large as can be, and hardly anything follows.
#[test]
fn claims_without_anything_behind_them_end_where_the_file_does() {
    use io::ErrorKind::{InvalidData, UnexpectedEof};
    let huge_lz4 = lz4_header(&[&[0x68, 0x70][..], &[0xFF; 8]].concat());
    let linked_lz4 = lz4_header(&[0x40, 0x70]);
    let huge_skip = [&0x184D_2A50_u32.to_le_bytes()[..], &[0xFF; 4]].concat();
    for (kind, bytes) in [
        (UnexpectedEof, huge_lz4.clone()),
        (UnexpectedEof, [&huge_lz4[..], &[0, 0, 0x40, 0]].concat()),
        (InvalidData, [&huge_lz4[..], &[1, 0, 0x40, 0]].concat()),
        (
            UnexpectedEof,
            [&linked_lz4[..], &[0, 0, 0x40, 0x80]].concat(),
        ),
        (
            InvalidData,
            [made::lz4_legacy(b"REDIS"), vec![0xFF; 4]].concat(),
        ),
        (
            UnexpectedEof,
            [made::zstd(b"REDIS"), huge_skip.clone()].concat(),
        ),
        (UnexpectedEof, [made::lz4(b"REDIS"), huge_skip].concat()),
        (UnexpectedEof, b"VCS\x01\x01\0\x01".to_vec()),
        (InvalidData, b"VCS\x01\x02\0\x01REDIS0011".to_vec()),
        (UnexpectedEof, made::skippable(20_000)),
        (
            InvalidData,
            [made::skippable(20_000), b"REDIS0011".to_vec()].concat(),
        ),
        (
            UnexpectedEof,
            b"\x1f\x8b\x08\x04\0\0\0\0\0\xff\xff\xff".to_vec(),
        ),
    ] {
        let mut told = None;
        let taken = allocation_counter::measure(|| {
            // All of it is looked at when it is opened.
            told = Some(match open(&*bytes) {
                Ok(source) => read(&source).1.expect("an end too early").kind(),
                Err(error) => error.kind(),
            });
        });
        assert_eq!(told, Some(kind), "{bytes:x?}");
        // The window of linked blocks of 4 MiB, which the format has no larger ones of, and what is looked at ahead.
        assert!(
            taken.bytes_max < 9 << 20,
            "{} bytes for {bytes:x?}",
            taken.bytes_max
        );
    }
}

/// Frames of a few bytes whose headers speak of windows of megabytes. Were each given its window anew, this would not
/// end in an hour.
#[test]
fn a_million_small_frames_are_read_as_fast_as_their_bytes() {
    const BYTES: usize = 4 << 20;
    let block = lz4_flex::block::compress(b"R");
    let block = [&(block.len() as u32).to_le_bytes()[..], &block].concat();
    let lz4_frame =
        |descriptor: &[u8]| [lz4_header(descriptor), block.clone(), vec![0; 4]].concat();
    let window = |log: u8| zstd_frame(&[0x00, (log - 10) << 3]);
    for (frames, held) in [
        (lz4_frame(&[0x60, 0x70]), 1),
        (
            [lz4_frame(&[0x40, 0x70]), lz4_frame(&[0x60, 0x40])].concat(),
            2,
        ),
        (made::lz4_legacy(b"R"), 1),
        ([window(27), window(10)].concat(), 10),
        (made::gzip(b"R"), 1),
        ([made::gzip(b""), made::gzip(b"RE")].concat(), 2),
    ] {
        let count = BYTES / frames.len();
        let held_bytes = total(frames.repeat(count), &OpenOptions::default());
        assert_eq!(held_bytes, held * count as u64);
    }
}
