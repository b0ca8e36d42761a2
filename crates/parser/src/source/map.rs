//! A file in memory.

use std::fs::File;
use std::io;

/// A read-only mapping of a whole file.
#[derive(Debug)]
pub(super) struct Mapping {
    map: memmap2::Mmap,
}

impl Mapping {
    /// Maps a file.
    ///
    /// # Safety
    ///
    /// The mapping is shared with every other process that has the file open. Should one of them change
    /// the file, the bytes change under the reader: the parser then gives a wrong answer or an error, as
    /// it would for any damaged file, because it bounds-checks each access and keeps no assumption from
    /// one access to the next. Should the file *shrink*, touching a page behind its new end raises
    /// `SIGBUS`, which ends the process.
    #[expect(
        unsafe_code,
        reason = "memory maps cannot be had otherwise; the contract is documented above"
    )]
    pub(super) fn new(file: &File) -> io::Result<Mapping> {
        // SAFETY: the caller of the program upholds that the backup is not being written; see above.
        let map = unsafe { memmap2::Mmap::map(file)? };
        #[cfg(unix)]
        map.advise(memmap2::Advice::Sequential)?;
        Ok(Mapping { map })
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.map
    }

    /// Whether bytes of it were asked for that the file has no more.
    pub(super) fn shrunk(&self) -> bool {
        false
    }
}
