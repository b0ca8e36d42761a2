//! The body of the fuzz target `container`: any bytes as a wrapping, and wrapped bytes, in any pieces.

use std::io::{self, Cursor, Read, Write as _};

use preshard_parser::source::{Container, ContainerError, OpenOptions, Source};

/// Most that a wrapping may hold here.
const DECOMPRESSED_BYTES_MAX: u64 = 1 << 20;

/// What came out of a wrapping.
#[derive(Debug, PartialEq)]
struct Unwrapped {
    wrapping: Vec<Container>,
    bytes: Vec<u8>,
    error: Option<ContainerError>,
}

/// The first byte says whether the rest is wrapped first, the second in what pieces it arrives.
pub fn container(input: &[u8]) {
    let [kind, piece, rest @ ..] = input else {
        return;
    };
    let (bytes, wrapped) = match kind % 4 {
        0 => (rest.to_vec(), None),
        1 => (gzip(rest), Some(Container::Gzip)),
        2 => (
            zstd::encode_all(rest, 1).expect("encoded"),
            Some(Container::Zstd),
        ),
        _ => (lz4(rest), Some(Container::Lz4)),
    };
    let whole = unwrap(&bytes, usize::MAX);
    let in_pieces = unwrap(&bytes, 1 + usize::from(*piece));
    assert_eq!(whole, in_pieces, "in pieces of {}", 1 + piece);
    if let Some(error) = &whole.error {
        let inside = error.within.is_some() || error.offset <= bytes.len() as u64;
        assert!(inside, "{error} of {}", bytes.len());
    }
    let most = match whole.wrapping.iter().any(Container::is_compressed) {
        true => DECOMPRESSED_BYTES_MAX,
        false => bytes.len() as u64,
    };
    assert!(
        whole.bytes.len() as u64 <= most,
        "{} bytes",
        whole.bytes.len()
    );
    let Some(wrapped) = wrapped else { return };
    let bare = unwrap(rest, usize::MAX);
    if bare.error.is_none() && whole.error.is_none() {
        assert_eq!(whole.wrapping.first(), Some(&wrapped));
        assert_eq!(whole.wrapping[1..], bare.wrapping);
        assert_eq!(whole.bytes, bare.bytes, "through {wrapped}");
    }
    assert!(
        whole.error.is_none() || bare.error.is_some() || !bare.wrapping.is_empty(),
        "{:?} out of what was wrapped soundly",
        whole.error
    );
}

fn unwrap(bytes: &[u8], piece: usize) -> Unwrapped {
    let reader = Pieces(Cursor::new(bytes.to_vec()), piece);
    let options = OpenOptions {
        max_decompressed_bytes: Some(DECOMPRESSED_BYTES_MAX),
        ..OpenOptions::default()
    };
    let mut out = Vec::new();
    let (wrapping, result) = match Source::of_reader("-".into(), Box::new(reader), &options) {
        Ok(source) => {
            let mut stream = source.stream().expect("asked for once");
            let result = stream.read_to_end(&mut out).map(|_| ());
            assert!(out.starts_with(source.head()), "the head is the beginning");
            (source.wrapping().to_vec(), result)
        }
        Err(error) => (Vec::new(), Err(error)),
    };
    let of_container = |error: io::Error| {
        let inner = error.into_inner().expect("an error of ours");
        *inner
            .downcast::<ContainerError>()
            .expect("a container's error")
    };
    Unwrapped {
        wrapping,
        bytes: out,
        error: result.err().map(of_container),
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("encoded");
    encoder.finish().expect("encoded")
}

fn lz4(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
    encoder.write_all(bytes).expect("encoded");
    encoder.finish().expect("encoded")
}

/// Gives at most so many bytes at a time.
struct Pieces(Cursor<Vec<u8>>, usize);

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = into.len().min(self.1);
        self.0.read(&mut into[..n])
    }
}
