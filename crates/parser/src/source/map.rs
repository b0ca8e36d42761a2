//! A file in memory.

use std::fs::File;
use std::io;
use std::ops::Range;

#[cfg(unix)]
use super::shrunk::Watched;

/// A read-only mapping of a whole file.
#[derive(Debug)]
pub(super) struct Mapping {
    /// Dropped before the mapping itself is.
    #[cfg(unix)]
    watched: Watched,
    map: memmap2::Mmap,
}

impl Mapping {
    /// Maps a file that is not empty.
    ///
    /// # Safety
    ///
    /// The mapping is shared with every other process that has the file open. Should one of them change
    /// the file, the bytes change under the reader: the parser then gives a wrong answer or an error, as
    /// it would for any damaged file, because it bounds-checks each access and keeps no assumption from
    /// one access to the next. Should the file *shrink*, zeros take the place of what is gone, see [`super::shrunk`];
    /// where there are no such signals, the operating system does not let a mapped file shrink.
    /// [`super::Source::changed`] and [`super::Source::shrunk`] tell, and [`super::Mmap::Never`] avoids the mapping
    /// altogether.
    #[expect(
        unsafe_code,
        reason = "memory maps cannot be had otherwise; the contract is documented above"
    )]
    pub(super) fn new(file: &File) -> io::Result<Mapping> {
        // SAFETY: what others do to the file while it is mapped is told above, and what it costs.
        let map = unsafe { memmap2::Mmap::map(file)? };
        #[cfg(unix)]
        map.advise(memmap2::Advice::Sequential)?;
        Ok(Mapping {
            #[cfg(unix)]
            watched: Watched::new(&map)?,
            map,
        })
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.map
    }

    /// Has the bytes of a range read and mapped, all at once instead of page by page when they are looked at. That is a
    /// favour, which a kernel may not know: then they are when they are looked at.
    pub(super) fn make_resident(&self, range: Range<usize>) {
        #[cfg(target_os = "linux")]
        let _ = self.map.advise_range(
            memmap2::Advice::PopulateRead,
            range.start,
            range.end - range.start,
        );
        #[cfg(not(target_os = "linux"))]
        let _ = range;
    }

    /// Has the bytes of a range read in, without waiting for them.
    pub(super) fn read_ahead(&self, range: Range<usize>) {
        #[cfg(unix)]
        let _ = self.map.advise_range(
            memmap2::Advice::WillNeed,
            range.start,
            range.end - range.start,
        );
        #[cfg(not(unix))]
        let _ = range;
    }

    /// Gives back the memory that the bytes of a range take in this process; they are had again from the file when they
    /// are looked at.
    #[cfg_attr(
        unix,
        expect(
            unsafe_code,
            reason = "of this advice the library cannot know that the mapping is of a file and read-only"
        )
    )]
    pub(super) fn release(&self, range: Range<usize>) {
        // SAFETY: the mapping is shared, of a file, and never written by us, so the pages that come back hold what the
        // file holds, as they would have if they had been looked at now for the first time.
        #[cfg(unix)]
        let _ = unsafe {
            self.map.unchecked_advise_range(
                memmap2::UncheckedAdvice::DontNeed,
                range.start,
                range.end - range.start,
            )
        };
        #[cfg(not(unix))]
        let _ = range;
    }

    /// Whether zeros stand in place of bytes that could not be had when they were read.
    pub(super) fn shrunk(&self) -> bool {
        #[cfg(unix)]
        let shrunk = self.watched.shrunk();
        #[cfg(not(unix))]
        let shrunk = false;
        shrunk
    }
}
