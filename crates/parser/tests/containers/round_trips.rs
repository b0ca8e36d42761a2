use std::io::{self, Read};

use preshard_parser::source::{Container, OpenOptions, Source};
use proptest::prelude::*;

use crate::made::{self, MARK, wrappings};
use crate::{decoded, open, read, snapshots};

#[test]
fn every_snapshot_of_every_server_comes_out_of_every_container() {
    for (path, bytes) in snapshots() {
        for wrapping in wrappings() {
            let (out, told) = decoded((wrapping.wrap)(&bytes));
            let path = path.display();
            assert!(
                out == bytes,
                "{} of {path}: {} bytes",
                wrapping.name,
                out.len()
            );
            assert_eq!(told, [wrapping.container], "{} of {path}", wrapping.name);
        }
    }
}

#[test]
fn a_capture_holds_the_snapshot_and_what_stood_behind_it() {
    for (path, bytes) in snapshots() {
        let (out, told) = decoded(made::capture_marked(&bytes));
        assert_eq!(told, [Container::CaptureMarked { mark: MARK }]);
        assert!(out == [&bytes[..], &MARK].concat(), "{}", path.display());
        let (out, told) = decoded(made::capture_sized(&bytes));
        let sized = bytes.len() as u64;
        assert_eq!(told, [Container::CaptureSized { bytes: sized }]);
        assert!(out == bytes, "{}", path.display());
    }
}

/// Two wrappings around each other, all pairs.
#[test]
fn wrappings_go_around_each_other() {
    let bytes = crate::small();
    for outer in wrappings() {
        for inner in wrappings() {
            let wrapped = (outer.wrap)(&(inner.wrap)(&bytes));
            let (out, told) = decoded(wrapped);
            assert!(out == bytes, "{} of {}", outer.name, inner.name);
            assert_eq!(told, [outer.container.clone(), inner.container]);
        }
        let (out, told) = decoded((outer.wrap)(&made::capture_sized(&bytes)));
        assert!(out == bytes, "{} of a capture", outer.name);
        assert_eq!(told.len(), 2);
        // As a replica gets it from a server that compresses what it sends.
        let (out, told) = decoded(made::capture_sized(&(outer.wrap)(&bytes)));
        assert!(out == bytes, "a capture of {}", outer.name);
        assert_eq!(told.len(), 2);
    }
}

#[test]
fn four_wrappings_are_taken_off_and_five_refused() {
    let bytes = crate::small();
    let mut wrapped = bytes.clone();
    for depth in 1..=4 {
        wrapped = made::gzip(&wrapped);
        let (out, told) = decoded(wrapped.clone());
        assert!(out == bytes);
        assert_eq!(told.len(), depth);
    }
    let error = open(made::zstd(&wrapped)).expect_err("five times");
    assert_eq!(error.kind(), io::ErrorKind::Unsupported);
    let message = error.to_string();
    assert!(message.contains("more than 4 times"), "{message}");
}

/// Members and frames, one after the other, are one snapshot; so tools write them that compress in parallel.
#[test]
fn frames_that_follow_each_other_are_one_snapshot() {
    let bytes = crate::small();
    let third = bytes.len() / 3;
    let pieces = [
        &bytes[..third],
        &[],
        &bytes[third..third + 1],
        &bytes[third + 1..],
    ];
    for wrapping in wrappings() {
        if matches!(wrapping.container, Container::ValkeyEnvelope { .. }) {
            continue;
        }
        let wrapped: Vec<u8> = pieces.into_iter().flat_map(wrapping.wrap).collect();
        let (out, told) = decoded(wrapped);
        assert!(out == bytes, "{}", wrapping.name);
        assert_eq!(told, [wrapping.container]);
    }
    // Old and new frames of one format.
    let mixed = [
        made::lz4_legacy(&bytes[..third]),
        made::lz4(&bytes[third..2 * third]),
        made::lz4_legacy(&bytes[2 * third..]),
    ];
    assert!(decoded(mixed.concat()).0 == bytes);
}

#[test]
fn frames_to_be_skipped_are_skipped_wherever_they_stand() {
    let bytes = crate::small();
    let half = bytes.len() / 2;
    for wrap in [made::zstd, made::zstd_checked, made::lz4, made::lz4_legacy] {
        let wrapped = [
            made::skippable(0),
            made::skippable(500_000),
            wrap(&bytes[..half]),
            made::skippable(300_000),
            wrap(&bytes[half..]),
            made::skippable(1),
        ];
        assert!(decoded(wrapped.concat()).0 == bytes);
    }
}

/// Larger than any buffer on the way, and of bytes that hardly compress: blocks of full size, and some stored as they are.
#[test]
fn megabytes_come_out_as_they_went_in() {
    let mut bytes = b"REDIS0011".to_vec();
    let mut state = 1_u64;
    while bytes.len() < 19 << 20 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let word = (state >> 33).to_le_bytes();
        let repeats = if state >> 60 == 0 { 5_000 } else { 1 };
        for _ in 0..repeats {
            bytes.extend_from_slice(&word[..3]);
        }
    }
    for wrapping in wrappings() {
        if wrapping.name == "zstd, best" {
            continue; // It takes its time to make, and is read as any other.
        }
        let (out, _) = decoded((wrapping.wrap)(&bytes));
        assert!(out == bytes, "{}", wrapping.name);
    }
}

/// Gives its bytes in pieces of the lengths of a list, over and over, and is interrupted between them.
struct Pieces {
    bytes: io::Cursor<Vec<u8>>,
    lengths: Vec<usize>,
    at: usize,
}

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.at += 1;
        if self.at.is_multiple_of(5) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let length = self.lengths[self.at % self.lengths.len()].clamp(1, into.len());
        self.bytes.read(&mut into[..length])
    }
}

fn pieces(bytes: Vec<u8>, lengths: Vec<usize>) -> Source {
    let reader = Pieces {
        bytes: io::Cursor::new(bytes),
        lengths,
        at: 0,
    };
    Source::of_reader("-".into(), Box::new(reader), &OpenOptions::default()).expect("opens")
}

#[test]
fn readers_may_give_a_byte_at_a_time() {
    let bytes = crate::small();
    for wrapping in wrappings() {
        for wrapped in [
            (wrapping.wrap)(&bytes),
            made::gzip(&(wrapping.wrap)(&bytes)),
            made::capture_sized(&(wrapping.wrap)(&bytes)),
        ] {
            let source = pieces(wrapped, vec![1]);
            let (out, error) = read(&source);
            assert!(error.is_none(), "{}: {error:?}", wrapping.name);
            assert!(out == bytes, "{}", wrapping.name);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever it holds, whatever is around it, and in whatever pieces it comes and is asked for.
    #[test]
    fn what_goes_in_comes_out(
        held in prop::collection::vec(prop_oneof![Just(0_u8), any::<u8>()], 0..5_000),
        repeated in 1_usize..60,
        around in prop::collection::vec((0_usize..13, 1_usize..4), 0..4),
        lengths in prop::collection::vec(prop_oneof![1_usize..4, 1_usize..70_000], 1..9),
        asked in prop_oneof![1_usize..10, 1_usize..2_000_000],
    ) {
        let mut bytes = b"VALKEY080".to_vec();
        bytes.extend(held.repeat(repeated));
        let all = wrappings();
        let mut wrapped = bytes.clone();
        let mut expected = Vec::new();
        for (which, frames) in around {
            let wrapping = &all[which];
            let frames = match wrapping.container {
                Container::ValkeyEnvelope { .. } => 1,
                _ => frames,
            };
            let length = wrapped.len().div_ceil(frames);
            wrapped = wrapped.chunks(length).flat_map(wrapping.wrap).collect();
            expected.insert(0, wrapping.container.clone());
        }
        let source = pieces(wrapped, lengths);
        prop_assert_eq!(source.wrapping(), expected);
        prop_assert_eq!(source.head(), &bytes[..bytes.len().min(64 * 1_024)]);
        let mut stream = source.stream().expect("a stream");
        let mut out = Vec::new();
        let mut buffer = vec![0; asked];
        loop {
            match stream.read(&mut buffer).expect("sound") {
                0 => break,
                got => out.extend_from_slice(&buffer[..got]),
            }
        }
        prop_assert!(out == bytes);
        let leftovers = stream.leftovers();
        let ends: Vec<_> = leftovers.iter().map(|end| (end.behind, end.bytes)).collect();
        let compressed = source.wrapping().iter().enumerate();
        let compressed = compressed.filter(|(_, container)| container.is_compressed());
        let expected: Vec<_> = compressed.map(|(index, _)| (index, 0)).collect();
        prop_assert_eq!(ends, expected);
    }
}
