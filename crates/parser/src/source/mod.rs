//! Opens a snapshot, whatever it is wrapped in: by memory map, or as a stream.

mod ahead;
mod container;
mod map;
#[cfg(unix)]
mod shrunk;
mod stream;
mod trailing;

use std::fmt;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

pub use container::{Codec, Container, ContainerError, Leftover, MARK_BYTES, Problem};
pub use stream::SnapshotStream;
pub use trailing::Trailing;

use crate::limits::HEAD_BYTES;
use container::{Bounds, Unwrapped, unwrap};
use map::Mapping;

/// Whether a file is mapped into memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mmap {
    /// Map regular files that hold a snapshot as it is, or a capture of one; read anything else, and files whose
    /// mapping fails.
    #[default]
    Auto,
    /// Always read.
    Never,
}

/// How a snapshot is opened.
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenOptions {
    /// Whether it is mapped.
    pub mmap: Mmap,
    /// Most bytes that a container may decode to, however few bytes of the file they are made of. `None` for
    /// [`crate::limits::DECOMPRESSED_BYTES_MAX`] and [`crate::limits::EXPANSION_MAX`].
    pub max_decompressed_bytes: Option<u64>,
}

impl From<Mmap> for OpenOptions {
    fn from(mmap: Mmap) -> OpenOptions {
        OpenOptions {
            mmap,
            ..OpenOptions::default()
        }
    }
}

/// An open snapshot.
#[derive(Debug)]
pub struct Source {
    path: PathBuf,
    /// The file and what it was when it was opened; `None` for pipes and standard input.
    opened: Option<(Arc<File>, Metadata)>,
    options: OpenOptions,
    wrapping: Vec<Container>,
    starts: Vec<u64>,
    bytes: Bytes,
}

enum Bytes {
    /// All are at hand, from an offset of the file on.
    Mapped(Mapping, usize),
    /// They can be read as often as wanted.
    File { head: Vec<u8> },
    /// They can be read once.
    Once {
        head: Vec<u8>,
        stream: Mutex<Option<(Unwrapped, Bounds)>>,
    },
}

impl Source {
    /// Opens a file.
    ///
    /// What it is wrapped in is told by its first bytes; that it holds a snapshot is not looked at. Pipes are read
    /// so far that [`Source::head`] is known.
    ///
    /// # Errors
    /// Whatever the operating system says; directories are refused as such, and devices because they
    /// need not end. A container that is of no known kind or that holds nothing readable ([`ContainerError`]).
    pub fn open(path: &Path, options: &OpenOptions) -> io::Result<Source> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::Error::new(
                io::ErrorKind::IsADirectory,
                "is a directory",
            ));
        }
        if is_device(&metadata) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "is a device"));
        }
        if !metadata.is_file() {
            return Source::of_reader(path.to_owned(), Box::new(file), options);
        }
        let file = Arc::new(file);
        let (mut unwrapped, _) = begin(Box::new(FromStart::new(&file)), options)?;
        let prefix_bytes = unwrapped.snapshot.offset();
        let head = head(&mut unwrapped)?;
        let as_it_is = !unwrapped.wrapping.iter().any(Container::is_compressed);
        let mapping = match options.mmap {
            Mmap::Auto if as_it_is && metadata.len() > 0 => Mapping::new(&file).ok(),
            _ => None,
        };
        let bytes = match (mapping, usize::try_from(prefix_bytes)) {
            (Some(mapping), Ok(from)) => Bytes::Mapped(mapping, from),
            _ => Bytes::File { head },
        };
        Ok(Source {
            path: path.to_owned(),
            opened: Some((file, metadata)),
            options: *options,
            wrapping: unwrapped.wrapping,
            starts: unwrapped.starts,
            bytes,
        })
    }

    /// Opens standard input; its path is `-`.
    ///
    /// # Errors
    /// As [`Source::open`].
    pub fn stdin(options: &OpenOptions) -> io::Result<Source> {
        Source::of_reader("-".into(), Box::new(io::stdin()), options)
    }

    /// Opens what a reader gives, under a name.
    ///
    /// # Errors
    /// As [`Source::open`].
    pub fn of_reader(
        name: PathBuf,
        reader: Box<dyn Read + Send>,
        options: &OpenOptions,
    ) -> io::Result<Source> {
        let (mut unwrapped, bounds) = begin(reader, options)?;
        let head = head(&mut unwrapped)?;
        Ok(Source {
            path: name,
            opened: None,
            options: *options,
            wrapping: unwrapped.wrapping.clone(),
            starts: unwrapped.starts.clone(),
            bytes: Bytes::Once {
                head,
                stream: Mutex::new(Some((unwrapped, bounds))),
            },
        })
    }

    /// The path it was opened by; `-` for standard input.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it is wrapped in, outermost first.
    pub fn wrapping(&self) -> &[Container] {
        &self.wrapping
    }

    /// Where each wrapping begins in what holds it (the file, or what the container around it decodes to), and as the
    /// last where the snapshot does.
    pub fn starts(&self) -> &[u64] {
        &self.starts
    }

    /// All bytes from the snapshot's first on, when they are mapped. What stands behind the snapshot is among them.
    pub fn bytes(&self) -> Option<&[u8]> {
        match &self.bytes {
            Bytes::Mapped(mapping, from) => mapping.bytes().get(*from..),
            Bytes::File { .. } | Bytes::Once { .. } => None,
        }
    }

    /// Has some of [`Source::bytes`] read and mapped, all at once instead of page by page when they are looked at.
    /// Without effect on bytes that are not mapped.
    pub fn make_resident(&self, range: Range<usize>) {
        if let Bytes::Mapped(mapping, from) = &self.bytes {
            mapping.make_resident(from + range.start..from + range.end);
        }
    }

    /// As [`Source::make_resident`], without waiting for them and without mapping them.
    pub fn read_ahead(&self, range: Range<usize>) {
        if let Bytes::Mapped(mapping, from) = &self.bytes {
            mapping.read_ahead(from + range.start..from + range.end);
        }
    }

    /// Gives back the memory that some of [`Source::bytes`] take in this process. They may be looked at again; then they
    /// are had from the file again.
    pub fn release(&self, range: Range<usize>) {
        if let Bytes::Mapped(mapping, from) = &self.bytes {
            mapping.release(from + range.start..from + range.end);
        }
    }

    /// The snapshot's first bytes, up to [`HEAD_BYTES`]; fewer when it is shorter or damaged before.
    pub fn head(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Mapped(..) => {
                let bytes = self.bytes().unwrap_or_default();
                bytes.get(..HEAD_BYTES).unwrap_or(bytes)
            }
            Bytes::File { head } | Bytes::Once { head, .. } => head,
        }
    }

    /// The snapshot's bytes one after the other, from its first on.
    ///
    /// Needs no more memory than [`SnapshotStream`] says, what a decoder looks back on (gzip 64 KiB, LZ4 up to 24 MiB,
    /// zstd up to 128 MiB when the file was compressed so, usually 2 to 8), and 128 KiB for each wrapping.
    ///
    /// # Errors
    /// When the file cannot be read, or a pipe or standard input is asked for a second time.
    pub fn stream(&self) -> io::Result<SnapshotStream> {
        let (unwrapped, bounds) = match (&self.bytes, &self.opened) {
            (Bytes::Once { stream, .. }, _) => {
                let mut stream = stream.lock().unwrap_or_else(PoisonError::into_inner);
                stream.take().ok_or_else(|| {
                    io::Error::new(io::ErrorKind::InvalidInput, "can be read only once")
                })?
            }
            (_, Some((file, _))) => begin(Box::new(FromStart::new(file)), &self.options)?,
            (_, None) => return Err(io::ErrorKind::NotFound.into()),
        };
        SnapshotStream::new(unwrapped, bounds.file_bytes_consumed)
    }

    /// Whether [`Source::stream`] may be asked for more than once: not of pipes and standard input.
    pub fn can_be_read_again(&self) -> bool {
        !matches!(self.bytes, Bytes::Once { .. })
    }

    /// Length of the file as it lies there; `None` for pipes and standard input.
    pub fn file_bytes(&self) -> Option<u64> {
        let (_, metadata) = self.opened.as_ref()?;
        Some(metadata.len())
    }

    /// Whether length or modification time differ from when the file was opened: what was read may
    /// then be neither the old content nor the new one. Pipes and standard input do not change.
    ///
    /// # Errors
    /// When the operating system cannot tell.
    pub fn changed(&self) -> io::Result<bool> {
        let Some((file, opened)) = &self.opened else {
            return Ok(false);
        };
        let now = file.metadata()?;
        Ok(now.len() != opened.len() || now.modified()? != opened.modified()?)
    }

    /// Whether a mapped file is shorter than it was, or its device failed: zeros may then have been read in place of its
    /// bytes. What was read is to be trusted when this is false *after* it was read.
    pub fn shrunk(&self) -> bool {
        let Bytes::Mapped(mapping, _) = &self.bytes else {
            return false;
        };
        let shorter = self.opened.as_ref().is_some_and(|(file, opened)| {
            let now = file.metadata();
            now.is_ok_and(|now| now.len() < opened.len())
        });
        mapping.shrunk() || shorter
    }

    /// Whether bytes that were mapped can be believed: zeros stand for those that the file has lost meanwhile. To be
    /// asked *after* bytes were looked at and before anything is made of them.
    ///
    /// # Errors
    /// Unreadable behind `offset`, from which on the bytes were looked at since this was asked last.
    pub fn still_there(&self, offset: u64) -> Result<(), crate::Error> {
        if !self.shrunk() {
            return Ok(());
        }
        let shrunk = io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the file was cut short while it was read",
        );
        Err(crate::Error::unreadable(offset, &shrunk))
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Bytes::Mapped(..) => "Mapped",
            Bytes::File { .. } => "File",
            Bytes::Once { .. } => "Once",
        })
    }
}

fn begin(reader: Box<dyn Read + Send>, options: &OpenOptions) -> io::Result<(Unwrapped, Bounds)> {
    let bounds = Bounds {
        decompressed_bytes_max: options.max_decompressed_bytes,
        file_bytes_consumed: Arc::new(AtomicU64::new(0)),
    };
    Ok((unwrap(reader, &bounds)?, bounds))
}

/// The first bytes. A failure behind them is told when the stream comes to it; without them there is nothing to tell
/// but the failure.
fn head(unwrapped: &mut Unwrapped) -> io::Result<Vec<u8>> {
    let head = unwrapped.snapshot.ahead(HEAD_BYTES);
    let head = head.get(..HEAD_BYTES).unwrap_or(head).to_vec();
    if head.is_empty()
        && let Some(error) = unwrapped.snapshot.take_failure()
    {
        return Err(error);
    }
    Ok(head)
}

/// Reads a file from its start, whoever else reads it.
struct FromStart {
    file: Arc<File>,
    offset: u64,
}

impl FromStart {
    fn new(file: &Arc<File>) -> FromStart {
        FromStart {
            file: Arc::clone(file),
            offset: 0,
        }
    }
}

impl Read for FromStart {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        #[cfg(unix)]
        let got = std::os::unix::fs::FileExt::read_at(&*self.file, into, self.offset)?;
        #[cfg(windows)]
        let got = std::os::windows::fs::FileExt::seek_read(&*self.file, into, self.offset)?;
        self.offset += got as u64;
        Ok(got)
    }
}

#[cfg(unix)]
fn is_device(metadata: &Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    let file_type = metadata.file_type();
    file_type.is_char_device() || file_type.is_block_device()
}

#[cfg(not(unix))]
fn is_device(_: &Metadata) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn what_need_not_end_is_refused() {
        for mmap in [Mmap::Auto, Mmap::Never] {
            let options = mmap.into();
            let error =
                Source::open("/dev/zero".as_ref(), &options).expect_err("an endless device");
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{error}");
            let error = Source::open("/".as_ref(), &options).expect_err("a directory");
            assert_eq!(error.kind(), io::ErrorKind::IsADirectory, "{error}");
        }
    }
}
