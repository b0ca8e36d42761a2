//! What stands behind the end of a snapshot. Servers ignore it; people must not.

use crate::PartKind;

/// Bytes behind the end that are looked at to tell what they are.
pub(super) const HEAD_BYTES: usize = 128;
/// The mark that ends a diskless replication stream: forty hexadecimal digits (redis
/// `src/replication.c`, `CONFIG_RUN_ID_SIZE`).
const CAPTURE_MARK_BYTES: usize = 40;
/// Most digits of the number of arguments in front of a command: servers accept a million.
const ARGUMENT_DIGITS_MAX: usize = 7;
/// In front of commands when a server was told to write times (redis `src/aof.c`, `genAofTimestampAnnotationIfNeeded`).
const TIME_ANNOTATION: &[u8] = b"#TS:";

/// The bytes behind the end, by what they look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Behind {
    /// The end mark of a replication capture.
    pub(super) capture_end: u64,
    /// Commands, as append-only files and replication streams hold them.
    pub(super) commands: u64,
    /// Anything else.
    pub(super) other: u64,
}

impl Behind {
    /// Tells what so many bytes are that begin like this: with [`HEAD_BYTES`] of them, or all.
    pub(super) fn look(head: &[u8], bytes: u64) -> Behind {
        let mut behind = Behind::default();
        let (mut head, mut left) = (head, bytes);
        if let Some((mark, rest)) = head.split_at_checked(CAPTURE_MARK_BYTES) {
            let is_mark = mark.iter().all(u8::is_ascii_hexdigit);
            if is_mark && (rest.is_empty() || begins_like_a_command(rest)) {
                behind.capture_end = CAPTURE_MARK_BYTES as u64;
                left = left.saturating_sub(behind.capture_end);
                head = rest;
            }
        }
        if begins_like_a_command(head) {
            behind.commands = left;
        } else {
            behind.other = left;
        }
        behind
    }

    pub(super) fn bytes(&self) -> u64 {
        self.capture_end + self.commands + self.other
    }

    /// The parts of the file's account, those that are empty too.
    pub(super) fn parts(&self) -> [(PartKind, u64); 3] {
        [
            (PartKind::CaptureEnd, self.capture_end),
            (PartKind::Commands, self.commands),
            (PartKind::Trailing, self.other),
        ]
    }
}

/// `*3\r\n$...`, the form of commands in append-only files, or what may stand in front of the first.
fn begins_like_a_command(head: &[u8]) -> bool {
    if head.starts_with(TIME_ANNOTATION) {
        return true;
    }
    let Some(rest) = head.strip_prefix(b"*") else {
        return false;
    };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (1..=ARGUMENT_DIGITS_MAX).contains(&digits) && rest[digits..].starts_with(b"\r\n$")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARK: &[u8] = b"0123456789abcdef0123456789abcdef01234567";

    #[test]
    fn commands_and_marks_are_told_from_anything_else() {
        let look = |bytes: &[u8]| {
            let Behind {
                capture_end,
                commands,
                other,
            } = Behind::look(bytes, bytes.len() as u64);
            (capture_end, commands, other)
        };
        assert_eq!(look(b""), (0, 0, 0));
        assert_eq!(look(b"*1\r\n$4\r\nPING\r\n"), (0, 14, 0));
        assert_eq!(look(b"#TS:1628217470\r\n*1\r\n"), (0, 20, 0));
        assert_eq!(look(b"*1\r\n4"), (0, 0, 5));
        assert_eq!(look(b"*12345678\r\n$"), (0, 0, 12));
        assert_eq!(look(b"*\r\n$"), (0, 0, 4));
        assert_eq!(look(MARK), (40, 0, 0));
        assert_eq!(look(&MARK[1..]), (0, 0, 39));
        assert_eq!(look(&[MARK, b"*1\r\n$4\r\nPING\r\n"].concat()), (40, 14, 0));
        assert_eq!(look(&[MARK, b"89"].concat()), (0, 0, 42));
        assert_eq!(look(&[b"\n", MARK].concat()), (0, 0, 41));
    }

    /// Of a long tail only the head is looked at.
    #[test]
    fn all_that_follows_a_command_is_commands() {
        let behind = Behind::look(b"*1\r\n$4\r\n", 1 << 40);
        assert_eq!((behind.commands, behind.bytes()), (1 << 40, 1 << 40));
    }
}
