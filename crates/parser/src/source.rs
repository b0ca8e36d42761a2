//! Opens a snapshot: by memory map, or by reading it whole.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use memmap2::Mmap as Map;

/// Whether a file is mapped into memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mmap {
    /// Map regular files; read anything else, and files whose mapping fails.
    #[default]
    Auto,
    /// Always read: needs as much memory as the file is long, but a file that shrinks meanwhile
    /// cannot end the process.
    Never,
}

/// An open snapshot and its bytes.
#[derive(Debug)]
pub struct Source {
    path: PathBuf,
    file: File,
    opened: Metadata,
    data: Data,
}

#[derive(Debug)]
enum Data {
    Mapped(Map),
    Read(Vec<u8>),
}

impl Source {
    /// Opens a file.
    ///
    /// # Errors
    /// Whatever the operating system says; directories are refused as such, and devices because they
    /// need not end. Pipes are read.
    pub fn open(path: &Path, mmap: Mmap) -> io::Result<Source> {
        let file = File::open(path)?;
        let opened = file.metadata()?;
        if opened.is_dir() {
            return Err(io::Error::new(
                io::ErrorKind::IsADirectory,
                "is a directory",
            ));
        }
        if is_device(&opened) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "is a device"));
        }
        let data = match mmap {
            Mmap::Auto if opened.is_file() && opened.len() > 0 => match map(&file) {
                Ok(map) => Data::Mapped(map),
                Err(_) => Data::Read(read(&file, opened.len())?),
            },
            _ => Data::Read(read(&file, opened.len())?),
        };
        Ok(Source {
            path: path.to_owned(),
            file,
            opened,
            data,
        })
    }

    /// All bytes of the file.
    pub fn bytes(&self) -> &[u8] {
        match &self.data {
            Data::Mapped(map) => map,
            Data::Read(bytes) => bytes,
        }
    }

    /// The path it was opened by.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether length or modification time differ from when the file was opened: what was read may
    /// then be neither the old content nor the new one.
    ///
    /// # Errors
    /// When the operating system cannot tell.
    pub fn changed(&self) -> io::Result<bool> {
        let now = self.file.metadata()?;
        Ok(now.len() != self.opened.len() || now.modified()? != self.opened.modified()?)
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

/// Maps a file read-only.
///
/// # Safety
///
/// The mapping is shared with every other process that has the file open. Should one of them change
/// the file, the bytes change under the reader: the parser then gives a wrong answer or an error, as
/// it would for any damaged file, because it bounds-checks each access and keeps no assumption from
/// one access to the next. Should the file *shrink*, touching a page behind its new end raises
/// `SIGBUS`, which ends the process. Nobody can rule that out from in here: a backup that is read by
/// this tool must not be written meanwhile. [`Source::changed`] tells when it was, and
/// [`Mmap::Never`] avoids the mapping altogether.
#[expect(
    unsafe_code,
    reason = "memory maps cannot be had otherwise; the contract is documented above"
)]
fn map(file: &File) -> io::Result<Map> {
    // SAFETY: the caller of the program upholds that the backup is not being written; see above.
    let map = unsafe { Map::map(file)? };
    #[cfg(unix)]
    map.advise(memmap2::Advice::Sequential)?;
    Ok(map)
}

fn read(mut file: &File, expected_bytes: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let expected =
        usize::try_from(expected_bytes).map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
    bytes
        .try_reserve_exact(expected)
        .map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn what_need_not_end_is_refused() {
        for mmap in [Mmap::Auto, Mmap::Never] {
            let error = Source::open("/dev/zero".as_ref(), mmap).expect_err("an endless device");
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{error}");
            let error = Source::open("/".as_ref(), mmap).expect_err("a directory");
            assert_eq!(error.kind(), io::ErrorKind::IsADirectory, "{error}");
        }
    }
}
