//! What a file that is no snapshot looks like, so that the error can say it.

/// Names what the first bytes of a file look like, or `None` when nothing is recognised.
///
/// Meant for bytes that [`crate::RdbReader::new`] refused.
pub fn looks_like(bytes: &[u8]) -> Option<&'static str> {
    const MAGICS: &[(&[u8], &str)] = &[
        (b"\x1f\x8b", "a gzip file"),
        (b"\x28\xb5\x2f\xfd", "a zstd file"),
        (b"\x04\x22\x4d\x18", "an LZ4 frame"),
        (b"PK\x03\x04", "a zip archive"),
        (b"VKCS", "a compressed Valkey snapshot"),
        (b"VCS\x01", "a compressed Valkey snapshot"),
        (b"$EOF:", "a replication capture"),
        (b"#TS:", "an append-only file"),
        (b"file ", "an append-only file manifest"),
        (b"vars ", "a nodes.conf"),
    ];
    if bytes.is_empty() {
        return Some("an empty file");
    }
    if let Some((_, name)) = MAGICS.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return Some(name);
    }
    if let Some(rest) = bytes.strip_prefix(b"*") {
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits > 0
            && rest
                .get(digits..)
                .is_some_and(|rest| rest.starts_with(b"\r\n$"))
        {
            return Some("an append-only file");
        }
    }
    if let Some(rest) = bytes.strip_prefix(b"$") {
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits > 0
            && rest
                .get(digits..)
                .is_some_and(|rest| rest.starts_with(b"\r\n"))
        {
            return Some("a replication capture");
        }
    }
    let head = bytes.get(..512).unwrap_or(bytes);
    if head.iter().all(|&byte| byte == 0) {
        return Some("zeros");
    }
    if head.iter().all(|&byte| {
        byte == b'\n' || byte == b'\r' || byte == b'\t' || (0x20..0x7f).contains(&byte)
    }) {
        let json = head
            .iter()
            .find(|byte| !byte.is_ascii_whitespace())
            .is_some_and(|byte| b"[{".contains(byte));
        return Some(if json { "JSON text" } else { "text" });
    }
    None
}
