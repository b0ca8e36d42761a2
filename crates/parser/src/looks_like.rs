//! What a file that is no snapshot looks like, so that the error can say it.

use crate::limits::KIND_LOOKED_AT_BYTES;

/// Names what the first bytes of a file look like, or `None` when nothing is recognised.
///
/// Meant for bytes that [`crate::RdbReader::new`] refused. No more than [`KIND_LOOKED_AT_BYTES`] decide.
pub fn looks_like(bytes: &[u8]) -> Option<&'static str> {
    const MAGICS: &[(&[u8], &str)] = &[
        (b"\x1f\x8b", "a gzip file"),
        (b"\x28\xb5\x2f\xfd", "a zstd file"),
        (b"\x04\x22\x4d\x18", "an LZ4 frame"),
        (b"\x02\x21\x4c\x18", "an LZ4 frame"),
        (b"\x1f\x9d", "a file of compress"),
        (b"BZh", "a bzip2 file"),
        (b"\xfd7zXZ\0", "an xz file"),
        (b"LZIP", "an lzip file"),
        (b"\x89LZO\0", "an lzop file"),
        (b"\xff\x06\0\0sNaPpY", "a snappy file"),
        (b"PK\x03\x04", "a zip archive"),
        (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
        (b"Salted__", "a file encrypted by openssl"),
        (b"age-encryption.org/", "a file encrypted by age"),
        (b"-----BEGIN PGP MESSAGE", "a file encrypted by PGP"),
        (
            b"VKCS",
            "a compressed snapshot of a development version of Valkey 9.2",
        ),
        (b"VCS", "a compressed Valkey snapshot"),
        (b"$EOF:", "a replication capture"),
        (b"#TS:", "an append-only file"),
        (b"file ", "an append-only file manifest"),
        (b"vars ", "a nodes.conf"),
    ];
    let bytes = bytes.get(..KIND_LOOKED_AT_BYTES).unwrap_or(bytes);
    if bytes.is_empty() {
        return Some("an empty file");
    }
    if let Some((_, name)) = MAGICS.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return Some(name);
    }
    if is_command(bytes) {
        return Some("an append-only file");
    }
    if let Some(rest) = bytes.strip_prefix(b"$")
        && digits_and_line_end(rest).is_some()
    {
        return Some("a replication capture");
    }
    if is_tar(bytes) {
        return Some("a tar archive");
    }
    if bytes.iter().all(|&byte| byte == 0) {
        return Some("zeros");
    }
    if bytes.iter().all(|&byte| {
        byte == b'\n' || byte == b'\r' || byte == b'\t' || (0x20..0x7f).contains(&byte)
    }) {
        let json = bytes
            .iter()
            .find(|byte| !byte.is_ascii_whitespace())
            .is_some_and(|byte| b"[{".contains(byte));
        return Some(if json { "JSON text" } else { "text" });
    }
    None
}

/// Whether a command begins here as a server writes it: the number of its words, then the length of the first. What
/// a server sends or writes besides may stand in front: line feeds, and lines of time stamps.
pub(crate) fn is_command(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let Some(behind) = rest.strip_prefix(b"\n") {
        rest = behind;
    }
    if rest.starts_with(b"#TS:") {
        return true;
    }
    rest.strip_prefix(b"*")
        .and_then(digits_and_line_end)
        .is_some_and(|words| words.starts_with(b"$"))
}

/// What follows a number and the end of its line.
fn digits_and_line_end(bytes: &[u8]) -> Option<&[u8]> {
    let digits = bytes
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let rest = bytes.get(digits..).filter(|_| digits > 0)?;
    rest.strip_prefix(b"\r\n")
}

/// The magic of a tar archive stands behind the name and the numbers of its first file.
fn is_tar(bytes: &[u8]) -> bool {
    bytes
        .get(257..)
        .is_some_and(|rest| rest.starts_with(b"ustar"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_snapshot_has_a_name() {
        let mut tar = b"dump.rdb".to_vec();
        tar.resize(257, 0);
        tar.extend(b"ustar\x0000");
        for (bytes, name) in [
            (&b""[..], "an empty file"),
            (b"BZh91AY&SY", "a bzip2 file"),
            (b"\xfd7zXZ\0\0\x04", "an xz file"),
            (b"PK\x03\x04\x14\0", "a zip archive"),
            (&tar, "a tar archive"),
            (b"7z\xbc\xaf\x27\x1c\0\x04", "a 7z archive"),
            (b"Salted__\x01\x02\xff", "a file encrypted by openssl"),
            (
                b"VKCS\x01\x01\0\0",
                "a compressed snapshot of a development version of Valkey 9.2",
            ),
            (b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n", "an append-only file"),
            (b"#TS:1700000000\r\n*1\r\n", "an append-only file"),
            (
                b"file appendonly.aof.1.base.rdb seq 1 type b\n",
                "an append-only file manifest",
            ),
            (b"$EOF:cut", "a replication capture"),
            (b"$12\r\n", "a replication capture"),
            (b"vars currentEpoch 6 lastVoteEpoch 0\n", "a nodes.conf"),
            (b" {\"a\": 1}", "JSON text"),
            (b"SET a b\n", "text"),
            (&[0; 600], "zeros"),
        ] {
            assert_eq!(looks_like(bytes), Some(name), "{bytes:?}");
        }
        for bytes in [&b"\x01\x02\x03"[..], b"REDIS\xff", b"*2\xff", b"$x\xff"] {
            assert_eq!(looks_like(bytes), None, "{bytes:?}");
        }
    }
}
