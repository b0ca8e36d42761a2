//! The magics of the wrappings.

use super::{Codec, Container, MARK_BYTES, Problem};

/// Bytes that are looked at: a capture begins with a line feed for every second that the server took to save.
pub(super) const LOOKED_AT_BYTES: usize = 8 * 1_024;

/// First bytes of a gzip member.
pub(super) const GZIP: &[u8] = b"\x1f\x8b";
/// First bytes of a zstd frame.
pub(super) const ZSTD: [u8; 4] = 0xFD2F_B528_u32.to_le_bytes();
/// First bytes of an LZ4 frame.
pub(super) const LZ4: [u8; 4] = 0x184D_2204_u32.to_le_bytes();
/// First bytes of a frame of the old `lz4` tool.
pub(super) const LZ4_LEGACY: [u8; 4] = 0x184C_2102_u32.to_le_bytes();
/// First bytes of a frame that both formats skip, without the low four bits, which are free.
const SKIPPABLE: u32 = 0x184D_2A50;
/// First bytes of a compressed snapshot of Valkey; then version, codec, a zero and what the stream is.
const VALKEY: &[u8] = b"VCS";
const VALKEY_HEADER_BYTES: usize = 7;
const CAPTURE_ANSWERED: &[u8] = b"+FULLRESYNC ";
const CAPTURE_MARKED: &[u8] = b"$EOF:";
const CAPTURE: &str = "replication capture";

/// What the first bytes are.
pub(super) enum Recognised {
    /// No wrapping that is known: a snapshot, or nothing to read.
    Plain,
    /// A wrapping, and how many bytes stand in front of what it holds (or its first frame).
    Wrapped(Container, usize),
    /// A wrapping of a kind that is not read, and where it says so.
    Refused(&'static str, usize, Problem),
}

/// Whether a frame begins here that zstd and LZ4 skip.
pub(super) fn is_skippable(head: &[u8]) -> bool {
    head.first_chunk()
        .is_some_and(|magic| u32::from_le_bytes(*magic) & !0xF == SKIPPABLE)
}

/// Looks at the first bytes of a layer, behind the frames that are to be skipped.
pub(super) fn recognise(head: &[u8]) -> Recognised {
    if head.starts_with(GZIP) {
        return Recognised::Wrapped(Container::Gzip, 0);
    }
    if head.starts_with(&ZSTD) {
        return Recognised::Wrapped(Container::Zstd, 0);
    }
    if head.starts_with(&LZ4) || head.starts_with(&LZ4_LEGACY) {
        return Recognised::Wrapped(Container::Lz4, 0);
    }
    if head.starts_with(VALKEY) {
        return valkey(head);
    }
    capture(head).unwrap_or(Recognised::Plain)
}

fn valkey(head: &[u8]) -> Recognised {
    const NAME: &str = "compressed Valkey snapshot";
    const VERSION: u8 = 1;
    const KIND_SNAPSHOT: u8 = 1;
    let refuse =
        |offset, what: String| Recognised::Refused(NAME, offset, Problem::Unsupported(what));
    let Some(&[_, _, _, version, codec, reserved, kind]) =
        head.first_chunk::<VALKEY_HEADER_BYTES>()
    else {
        return Recognised::Refused(NAME, head.len(), Problem::Truncated);
    };
    if version != VERSION {
        return refuse(
            3,
            format!("version {version} of its envelope, known is {VERSION}"),
        );
    }
    let codec = match codec {
        1 => Codec::Lz4,
        2 => Codec::Zstd,
        other => return refuse(4, format!("codec {other}, known are 1 (LZ4) and 2 (zstd)")),
    };
    if reserved != 0 {
        return refuse(5, format!("{reserved} in a byte that is reserved"));
    }
    if kind != KIND_SNAPSHOT {
        return refuse(
            6,
            format!("a stream of kind {kind}, a snapshot is of kind {KIND_SNAPSHOT}"),
        );
    }
    Recognised::Wrapped(Container::ValkeyEnvelope { codec }, VALKEY_HEADER_BYTES)
}

/// A capture of what a server sends to a replica: the answer to PSYNC where that was captured too, a line feed for
/// every second of saving, then `$EOF:<mark>` or `$<bytes>` (redis `src/replication.c`, `replicationSendNewlineToMaster`
/// and `syncCommand`).
fn capture(head: &[u8]) -> Option<Recognised> {
    let cut = || Some(Recognised::Refused(CAPTURE, head.len(), Problem::Truncated));
    let mut rest = head;
    if rest.starts_with(CAPTURE_ANSWERED) {
        let Some(end) = rest.iter().position(|&byte| byte == b'\n') else {
            return cut();
        };
        rest = rest.get(end + 1..)?;
        let begins = rest.trim_ascii_start();
        if CAPTURE_MARKED.starts_with(begins) {
            return cut();
        }
    }
    while let Some(behind) = rest.strip_prefix(b"\n") {
        rest = behind;
    }
    let (container, rest) = if let Some(marked) = rest.strip_prefix(CAPTURE_MARKED) {
        match marked.split_first_chunk::<MARK_BYTES>() {
            Some((mark, rest)) => (Container::CaptureMarked { mark: *mark }, rest),
            None if marked.iter().all(u8::is_ascii_alphanumeric) => return cut(),
            None => return None,
        }
    } else {
        let sized = rest.strip_prefix(b"$")?;
        let digits = sized
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let (number, rest) = sized.split_at_checked(digits)?;
        let bytes = std::str::from_utf8(number).ok()?.parse().ok()?;
        (Container::CaptureSized { bytes }, rest)
    };
    if b"\r\n".starts_with(rest) && rest.len() < 2 {
        return cut();
    }
    let rest = rest.strip_prefix(b"\r\n")?;
    Some(Recognised::Wrapped(container, head.len() - rest.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(head: &[u8]) -> Option<(Container, usize)> {
        match recognise(head) {
            Recognised::Wrapped(container, behind) => Some((container, behind)),
            _ => None,
        }
    }

    #[test]
    fn captures_may_begin_with_the_answer_to_psync_and_with_line_feeds() {
        let id = "8371b4fb1155b71f4a04d3e1bc3e18c4a990aeeb";
        let mark = *b"abcdef0123456789abcdef0123456789abcdef01";
        let marked = format!("$EOF:{}\r\n", std::str::from_utf8(&mark).expect("ASCII"));
        for front in [
            String::new(),
            "\n".to_owned(),
            "\n".repeat(600),
            format!("+FULLRESYNC {id} 4077\r\n"),
            format!("+FULLRESYNC {id} 4077\r\n\n\n"),
        ] {
            let head = format!("{front}{marked}REDIS0011");
            let behind = front.len() + marked.len();
            assert_eq!(
                wrapped(head.as_bytes()),
                Some((Container::CaptureMarked { mark }, behind)),
                "{head:?}"
            );
            let head = format!("{front}$88\r\nREDIS0011");
            assert_eq!(
                wrapped(head.as_bytes()),
                Some((Container::CaptureSized { bytes: 88 }, front.len() + 5)),
                "{head:?}"
            );
        }
        for head in [
            "$EOF:abc\r\n",
            "$\r\n",
            "$12\n",
            "$99999999999999999999999\r\n",
            "$3\r\r\n",
        ] {
            assert_eq!(wrapped(head.as_bytes()), None, "{head:?}");
        }
    }

    #[test]
    fn captures_that_are_cut_in_front_of_the_snapshot_are_told_as_such() {
        let front = "+FULLRESYNC 8371b4fb1155b71f4a04d3e1bc3e18c4a990aeeb 4077\r\n\n\n";
        let marked = "$EOF:abcdef0123456789abcdef0123456789abcdef01\r";
        for (whole, told_from) in [
            (format!("{front}{marked}"), "+FULLRESYNC ".len()),
            (format!("{front}$8813\r"), "+FULLRESYNC ".len()),
            (marked.to_owned(), "$EOF:".len()),
            ("$8813\r".to_owned(), "$8".len()),
        ] {
            for length in 0..=whole.len() {
                let cut = &whole.as_bytes()[..length];
                match recognise(cut) {
                    Recognised::Refused(_, offset, Problem::Truncated) => {
                        assert_eq!(offset, length, "{cut:?}");
                        assert!(length >= told_from, "{cut:?}");
                    }
                    Recognised::Plain => assert!(length < told_from, "{cut:?}"),
                    _ => panic!("{cut:?}"),
                }
            }
        }
    }

    #[test]
    fn envelopes_of_unknown_kinds_are_refused_where_they_say_so() {
        let known = *b"VCS\x01\x01\x00\x01";
        assert_eq!(
            wrapped(&known),
            Some((Container::ValkeyEnvelope { codec: Codec::Lz4 }, 7))
        );
        for (at, other) in [(3, 2), (4, 0), (4, 3), (5, 1), (6, 0), (6, 2)] {
            let mut head = known;
            head[at] = other;
            match recognise(&head) {
                Recognised::Refused(_, offset, Problem::Unsupported(_)) => assert_eq!(offset, at),
                _ => panic!("byte {at} = {other} was taken"),
            }
        }
        assert!(matches!(
            recognise(&known[..6]),
            Recognised::Refused(_, 6, Problem::Truncated)
        ));
    }
}
