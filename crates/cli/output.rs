//! Where results go: standard output, or a file that appears whole or not at all.

use std::fs::File;
use std::io::{self, BufWriter, StdoutLock, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use tempfile::NamedTempFile;

/// A result in the making.
pub enum Output {
    /// Standard output.
    Stdout(BufWriter<StdoutLock<'static>>),
    /// A regular file: written beside its place, then renamed into it.
    File {
        /// The file so far, under another name.
        file: BufWriter<NamedTempFile>,
        /// Its place.
        place: PathBuf,
    },
    /// A pipe or a device, which cannot be renamed into place and must not be replaced.
    Special {
        /// What is written to.
        file: BufWriter<File>,
        /// Where it is.
        place: PathBuf,
    },
}

/// What is said when an output cannot be written; `None` and `-` are standard output.
pub fn cannot_write(path: Option<&Path>) -> String {
    match path.filter(|path| *path != Path::new("-")) {
        None => "cannot write standard output".to_owned(),
        Some(path) => format!("cannot write {}", path.display()),
    }
}

impl Output {
    /// Opens the output; `None` and `-` are standard output.
    ///
    /// # Errors
    /// When the directory cannot be written to.
    pub fn open(path: Option<&Path>) -> Result<Output> {
        let Some(path) = path.filter(|path| *path != Path::new("-")) else {
            return Ok(Output::Stdout(BufWriter::new(io::stdout().lock())));
        };
        let failed = || cannot_write(Some(path));
        // A link is followed, so that what it points at is replaced and not the link.
        let place = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        match place.metadata() {
            Ok(metadata) if metadata.is_dir() => {
                Err(io::Error::from(io::ErrorKind::IsADirectory)).with_context(failed)
            }
            Ok(metadata) if !metadata.is_file() => {
                let file = File::options()
                    .write(true)
                    .open(&place)
                    .with_context(failed)?;
                Ok(Output::Special {
                    file: BufWriter::new(file),
                    place,
                })
            }
            _ => {
                let directory = match place.parent() {
                    Some(parent) if parent != Path::new("") => parent,
                    _ => Path::new("."),
                };
                let mut builder = tempfile::Builder::new();
                builder.prefix(".preshard-");
                #[cfg(unix)]
                {
                    use std::os::unix::fs::PermissionsExt as _;
                    // What an ordinary new file would get; the umask is applied to it.
                    builder.permissions(std::fs::Permissions::from_mode(0o666));
                }
                let file = builder.tempfile_in(directory).with_context(failed)?;
                Ok(Output::File {
                    file: BufWriter::new(file),
                    place,
                })
            }
        }
    }

    /// Writes what is still buffered, and puts a file in its place.
    ///
    /// # Errors
    /// When that fails; the place is untouched then.
    pub fn finish(self) -> Result<()> {
        match self {
            Output::Stdout(mut out) => out.flush().with_context(|| cannot_write(None)),
            Output::Special { mut file, place } => {
                file.flush().with_context(|| cannot_write(Some(&place)))
            }
            Output::File { file, place } => {
                let failed = || cannot_write(Some(&place));
                let file = file
                    .into_inner()
                    .map_err(io::IntoInnerError::into_error)
                    .with_context(failed)?;
                file.as_file().sync_all().with_context(failed)?;
                file.persist(&place)
                    .map_err(|error| error.error)
                    .with_context(failed)?;
                Ok(())
            }
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Output::Stdout(out) => out.write(bytes),
            Output::File { file, .. } => file.write(bytes),
            Output::Special { file, .. } => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Output::Stdout(out) => out.flush(),
            Output::File { file, .. } => file.flush(),
            Output::Special { file, .. } => file.flush(),
        }
    }
}
