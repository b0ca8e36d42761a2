use std::io;

use preshard_parser::source::{Container, ContainerError, Problem, Source, Trailing};

use crate::made::{self, MARK, wrappings};
use crate::{open, read};

/// What of the container is wrong.
fn problem(error: &io::Error) -> &ContainerError {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    inner.unwrap_or_else(|| panic!("{error:?} tells no container"))
}

#[test]
fn a_container_cut_anywhere_gives_what_came_before_and_says_that_it_was_cut() {
    let bytes = crate::small();
    for wrapping in wrappings() {
        let whole = (wrapping.wrap)(&bytes);
        let mut longest = 0;
        for length in 0..whole.len() {
            let name = format!("{} cut at {length} of {}", wrapping.name, whole.len());
            let source = match open(&whole[..length]) {
                Ok(source) => source,
                // Nothing came out.
                Err(error) => {
                    assert_eq!(
                        error.kind(),
                        io::ErrorKind::UnexpectedEof,
                        "{name}: {error}"
                    );
                    continue;
                }
            };
            let (out, error) = read(&source);
            if source.wrapping().is_empty() {
                // The magic itself is cut, so nothing tells what it is.
                assert!(length < 4, "{name} was not recognised");
                assert!(out == whole[..length], "{name}");
                continue;
            }
            assert!(bytes.starts_with(&out), "{name}");
            assert!(
                out.len() >= longest,
                "{name} gives {} bytes, a shorter one {longest}",
                out.len()
            );
            longest = out.len();
            match error {
                Some(error) => {
                    assert_eq!(
                        error.kind(),
                        io::ErrorKind::UnexpectedEof,
                        "{name}: {error}"
                    );
                    let told = problem(&error);
                    assert_eq!(told.problem, Problem::Truncated, "{name}");
                    assert!(told.offset <= length as u64, "{name}: {error}");
                    assert_eq!(told.within, None, "{name}");
                }
                None => panic!("{name} is whole"),
            }
        }
        if !wrapping.name.starts_with("lz4") && wrapping.container.word() != "valkey-compressed-lz4"
        {
            // LZ4 and zstd give whole blocks only, and here there is one. gzip gives bytes.
            let expected = if wrapping.container == Container::Gzip {
                bytes.len()
            } else {
                0
            };
            assert!(
                longest >= expected,
                "{}: {longest} bytes at most",
                wrapping.name
            );
        }
    }
}

/// Of a snapshot of many blocks, all are kept that came before the cut.
#[test]
fn blocks_before_a_cut_are_kept() {
    let mut bytes = b"REDIS0011".to_vec();
    bytes.extend(
        (0..2_500_000_u32).flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes()),
    );
    for wrapping in wrappings() {
        if wrapping.name == "lz4, as it was" {
            continue; // One block.
        }
        let whole = (wrapping.wrap)(&bytes);
        let (out, error) = read(&open(&whole[..whole.len() * 3 / 4]).expect("opens"));
        assert!(error.is_some_and(|error| error.kind() == io::ErrorKind::UnexpectedEof));
        assert!(bytes.starts_with(&out));
        assert!(
            out.len() > bytes.len() / 3,
            "{}: {} bytes",
            wrapping.name,
            out.len()
        );
    }
}

/// A changed byte gives an error, or bytes that are no snapshot, or the same bytes: never other bytes without a word,
/// where there is a checksum to tell.
#[test]
fn a_flipped_byte_is_told_or_does_no_harm() {
    let bytes = crate::small();
    for wrapping in wrappings() {
        let whole = (wrapping.wrap)(&bytes);
        let mut told = 0;
        for at in 0..whole.len() {
            for flip in [0x01, 0xFF] {
                let name = format!("{} with byte {at} ^ {flip:#04x}", wrapping.name);
                let mut damaged = whole.clone();
                damaged[at] ^= flip;
                let source = match open(damaged) {
                    Ok(source) => source,
                    Err(error) => {
                        problem(&error);
                        told += 1;
                        continue;
                    }
                };
                let (out, error) = read(&source);
                if let Some(error) = error {
                    let offset = problem(&error).offset;
                    assert!(offset <= whole.len() as u64, "{name}: {error}");
                    told += 1;
                } else if !out.starts_with(b"REDIS") {
                    told += 1;
                } else if wrapping.checked {
                    let leftovers = source.wrapping().len();
                    assert!(out == bytes, "{name}: other bytes in {leftovers} wrappings");
                }
            }
        }
        if wrapping.checked {
            assert!(told > whole.len(), "{}: only {told} told", wrapping.name);
        }
    }
}

#[test]
fn a_failing_device_is_told_as_such_behind_what_it_gave() {
    struct Failing(io::Cursor<Vec<u8>>);
    impl io::Read for Failing {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            match self.0.read(into)? {
                0 => Err(io::Error::from_raw_os_error(5)),
                got => Ok(got),
            }
        }
    }
    let bytes = crate::small();
    for wrapping in wrappings() {
        let whole = (wrapping.wrap)(&bytes);
        for length in [whole.len() / 2, whole.len() - 1, whole.len()] {
            for wrapped in [
                whole[..length].to_vec(),
                made::capture_sized(&whole[..length]),
            ] {
                let reader = Failing(io::Cursor::new(wrapped));
                let opened = Source::of_reader("-".into(), Box::new(reader), &Default::default());
                let (out, error) = match &opened {
                    Ok(source) => read(source),
                    Err(error) => (Vec::new(), Some(io::Error::from(error.kind()))),
                };
                let error = error.expect("the device failed");
                let expected = io::Error::from_raw_os_error(5).kind();
                assert_eq!(error.kind(), expected, "{}: {error:?}", wrapping.name);
                assert!(bytes.starts_with(&out));
                if length == whole.len() {
                    assert!(out == bytes, "{}: {} bytes", wrapping.name, out.len());
                }
            }
        }
    }
}

/// The error is that of the container that is damaged, wherever it lies, and it does not go away.
#[test]
fn an_error_tells_its_container_and_is_told_again() {
    use std::io::Read as _;
    let bytes = crate::small();
    let inner = made::gzip(&bytes);
    let mut damaged = inner.clone();
    let checksum_at = inner.len() - 8;
    damaged[checksum_at] ^= 1;
    let source = open(made::zstd_checked(&damaged)).expect("opens");
    let mut stream = source.stream().expect("a stream");
    let mut out = Vec::new();
    let mut errors = Vec::new();
    for _ in 0..3 {
        let error = stream.read_to_end(&mut out).expect_err("a wrong checksum");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        let told = problem(&error);
        assert_eq!((told.container, told.within), ("gzip", Some("zstd")));
        assert_eq!(told.offset, checksum_at as u64);
        errors.push(error.to_string());
    }
    assert!(out == bytes);
    assert!(
        errors[0].contains("gzip damaged at offset"),
        "{}",
        errors[0]
    );
    assert!(errors.iter().all(|error| *error == errors[0]));

    let outer = made::zstd_checked(&inner);
    let error = read(&open(&outer[..outer.len() - 1]).expect("opens"))
        .1
        .expect("cut");
    assert_eq!(problem(&error).container, "zstd");
    assert_eq!(problem(&error).within, None);
}

/// A byte that changed in an archive of a compressed file breaks the inner one, and the checksum of the outer one says
/// when.
#[test]
fn damage_of_the_container_around_explains_that_of_the_inner_one() {
    let bytes = crate::small();
    let mut opened = 0;
    for inner in [made::gzip, made::zstd_checked, made::lz4_checked] {
        let held = inner(&bytes);
        let middle = held.len() / 2;
        let mut damaged = held.clone();
        damaged[middle] ^= 0xFF;
        // Damaged before it was wrapped: the outer one is whole, and where bytes come out its end is known.
        let outer = made::gzip_stored(&damaged);
        let error = match open(&*outer) {
            Ok(source) => {
                opened += 1;
                let mut stream = source.stream().expect("a stream");
                let read = io::Read::read_to_end(&mut stream, &mut Vec::new());
                let [end] = &stream.leftovers()[..] else {
                    panic!("{:?}", stream.leftovers());
                };
                assert_eq!((end.behind, end.at, end.bytes), (0, outer.len() as u64, 0));
                read.expect_err("damaged")
            }
            // The only block is damaged.
            Err(error) => error,
        };
        assert_eq!(problem(&error).within, Some("gzip"), "{error}");

        // Damaged afterwards.
        let mut outer = made::gzip_stored(&held);
        let place = outer.windows(held.len()).position(|window| window == held);
        outer[place.expect("stored as it is") + middle] ^= 0xFF;
        let (_, error) = match open(&*outer) {
            Ok(source) => read(&source),
            Err(error) => (Vec::new(), Some(error)),
        };
        let error = error.expect("damaged");
        let told = problem(&error);
        assert_eq!((told.container, told.within), ("gzip", None), "{error}");
        assert!(error.to_string().contains("checksum"), "{error}");
    }
    assert!(opened > 0, "nothing came out of any");
}

#[test]
fn what_stands_behind_a_container_is_counted_and_its_beginning_kept() {
    let bytes = crate::small();
    let behind = b"something else ".repeat(40);
    for wrapping in wrappings() {
        if wrapping.name == "lz4, as it was" {
            continue; // It has no end, so what follows is a block that is damaged.
        }
        for outer in [None, Some(made::gzip as fn(&[u8]) -> Vec<u8>)] {
            let followed = [(wrapping.wrap)(&bytes), behind.clone()].concat();
            let source =
                open(outer.map_or(followed.clone(), |wrap| wrap(&followed))).expect("opens");
            let mut stream = source.stream().expect("a stream");
            let mut out = Vec::new();
            io::Read::read_to_end(&mut stream, &mut out).expect("sound");
            assert!(out == bytes, "{}", wrapping.name);
            let leftovers = stream.leftovers();
            let (leftover, outside) = leftovers.split_last().expect("a container");
            assert_eq!(leftover.behind, usize::from(outer.is_some()));
            assert_eq!(leftover.at, (followed.len() - behind.len()) as u64);
            let nothing = outside.iter().map(|end| (end.behind, end.bytes));
            assert!(nothing.eq(outer.map(|_| (0, 0))), "{outside:?}");
            assert_eq!(leftover.bytes, behind.len() as u64);
            assert_eq!(leftover.first, behind[..256]);
        }
    }
}

/// A server that compresses what it sends to replicas puts the mark behind the compressed stream.
#[test]
fn the_mark_of_a_capture_is_found_behind_a_container() {
    let bytes = crate::small();
    for wrap in [made::valkey_lz4, made::valkey_zstd, made::gzip] {
        let source = open(made::capture_marked(&wrap(&bytes))).expect("opens");
        let mut stream = source.stream().expect("a stream");
        let mut out = Vec::new();
        io::Read::read_to_end(&mut stream, &mut out).expect("sound");
        assert!(out == bytes);
        let [leftover] = &stream.leftovers()[..] else {
            panic!("{:?}", stream.leftovers());
        };
        let outside = &source.wrapping()[..leftover.behind];
        assert_eq!(
            Trailing::judge(&leftover.first, leftover.bytes, outside),
            Trailing::EndMark { bytes_behind: 0 }
        );
        assert_eq!(leftover.first, MARK);
    }
}
