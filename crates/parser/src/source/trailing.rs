//! What stands behind a snapshot.

use super::Container;
use crate::looks_like::is_command;

/// What the bytes behind a snapshot's end are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trailing {
    /// There are none, and there need not be any.
    Nothing,
    /// The mark that ends a capture, and behind it so many bytes of what the server sent next.
    EndMark {
        /// Bytes behind the mark.
        bytes_behind: u64,
    },
    /// A capture that does not end with its mark: it was cut short, or something else stands there.
    MarkMissing,
    /// Commands: those of an append-only file behind its preamble, or those that a server sent behind the snapshot.
    Commands,
    /// Something else.
    Unknown,
}

impl Trailing {
    /// Judges `bytes` bytes behind a snapshot, the first of which are `first`.
    ///
    /// [`crate::limits::TRAILING_LOOKED_AT_BYTES`] of them are enough. `wrapping` is that of the snapshot; for what
    /// stood behind a container it is the wrapping outside of that container.
    pub fn judge(first: &[u8], bytes: u64, wrapping: &[Container]) -> Trailing {
        if let Some(Container::CaptureMarked { mark }) = wrapping.last() {
            return match first.strip_prefix(mark) {
                Some(_) => Trailing::EndMark {
                    bytes_behind: bytes.saturating_sub(mark.len() as u64),
                },
                None => Trailing::MarkMissing,
            };
        }
        if bytes == 0 {
            return Trailing::Nothing;
        }
        match is_command(first) {
            true => Trailing::Commands,
            false => Trailing::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_commands_and_nothing_are_told_apart() {
        let mark = *b"0123456789abcdef0123456789abcdef01234567";
        let marked = [Container::Gzip, Container::CaptureMarked { mark }];
        let sized = [Container::CaptureSized { bytes: 100 }];
        let judge = |first: &[u8], wrapping: &[Container]| {
            Trailing::judge(first, first.len() as u64, wrapping)
        };
        let command: &[u8] = b"*1\r\n$4\r\nPING\r\n";
        let end_mark = |bytes_behind| Trailing::EndMark { bytes_behind };

        assert_eq!(judge(&mark, &marked), end_mark(0));
        assert_eq!(judge(&[&mark, command].concat(), &marked), end_mark(14));
        assert_eq!(Trailing::judge(&mark, 5_000, &marked), end_mark(4_960));
        for first in [&b""[..], &mark[..39], command, b"0123"] {
            assert_eq!(judge(first, &marked), Trailing::MarkMissing, "{first:?}");
        }

        for wrapping in [&[][..], &sized, &[Container::Gzip], &marked[..1]] {
            assert_eq!(judge(b"", wrapping), Trailing::Nothing);
            assert_eq!(judge(command, wrapping), Trailing::Commands);
            assert_eq!(
                judge(b"\n\n*2\r\n$6\r\nSELECT\r\n", wrapping),
                Trailing::Commands
            );
            assert_eq!(
                judge(b"#TS:1700000000\r\n*2\r\n$6\r\n", wrapping),
                Trailing::Commands
            );
            for unknown in [
                &mark[..],
                b"\0\0\0\0",
                b"*x\r\n$4",
                b"*1\r\nPING",
                b"*\r\n$1",
                b"PING\r\n",
            ] {
                assert_eq!(judge(unknown, wrapping), Trailing::Unknown, "{unknown:?}");
            }
        }
    }
}
