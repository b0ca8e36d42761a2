//! Builds snapshots by hand, byte for byte, independently of the code that reads them.
#![allow(dead_code, reason = "each test uses some of it")]

/// A length in its shortest form.
pub fn len(n: u64) -> Vec<u8> {
    match n {
        0..0x40 => vec![n as u8],
        0x40..0x4000 => vec![0x40 | (n >> 8) as u8, n as u8],
        0x4000..0x1_0000_0000 => [&[0x80], &(n as u32).to_be_bytes()[..]].concat(),
        _ => [&[0x81], &n.to_be_bytes()[..]].concat(),
    }
}

/// A string as it is.
pub fn str(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let bytes = bytes.as_ref();
    [len(bytes.len() as u64), bytes.to_vec()].concat()
}

/// A string compressed with an independent implementation of LZF.
pub fn lzf(bytes: &[u8]) -> Vec<u8> {
    let mut compressed = vec![0; bytes.len()];
    let n = lzf_rust::compress(bytes, &mut compressed).expect("compressible");
    compressed.truncate(n);
    [
        &[0xc3],
        &len(n as u64)[..],
        &len(bytes.len() as u64),
        &compressed,
    ]
    .concat()
}

/// What a listpack holds.
#[derive(Clone, Copy)]
pub enum Lp<'a> {
    Str(&'a [u8]),
    /// 0 to 127.
    Small(u8),
    Int16(i16),
}

/// A listpack with short entries only.
pub fn listpack(entries: &[Lp<'_>]) -> Vec<u8> {
    let mut body = Vec::new();
    for entry in entries {
        let encoded = match *entry {
            Lp::Str(bytes) if bytes.len() < 64 => [&[0x80 | bytes.len() as u8], bytes].concat(),
            Lp::Str(bytes) => {
                [&[0xe0 | (bytes.len() >> 8) as u8, bytes.len() as u8], bytes].concat()
            }
            Lp::Small(n) => vec![n],
            Lp::Int16(n) => [&[0xf1], &n.to_le_bytes()[..]].concat(),
        };
        let back = match encoded.len() {
            n @ 0..=127 => vec![n as u8],
            n => vec![(n >> 7) as u8, (n & 127) as u8 | 128],
        };
        body.extend(encoded);
        body.extend(back);
    }
    let total = (6 + body.len() + 1) as u32;
    let count = entries.len() as u16;
    [
        &total.to_le_bytes()[..],
        &count.to_le_bytes(),
        &body,
        &[0xff],
    ]
    .concat()
}

/// The records of a file, with the header in front and an end without checksum behind.
pub fn file(header: &str, records: &[Vec<u8>]) -> Vec<u8> {
    [header.as_bytes(), &records.concat(), &[0xff; 1], &[0; 8]].concat()
}

/// A key of the given type.
pub fn entry(value_type: u8, key: &str, value: &[u8]) -> Vec<u8> {
    [&[value_type], &str(key)[..], value].concat()
}
