//! The slot of a key.

/// Number of slots of a cluster (Redis Cluster specification, "Key distribution model").
pub const SLOT_COUNT: u16 = 16_384;

/// A cluster slot, `0..=16383`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(u16);

impl Slot {
    /// The slot with this number, or `None` above 16383.
    pub fn new(number: u16) -> Option<Slot> {
        (number < SLOT_COUNT).then_some(Slot(number))
    }

    /// The slot of a key: CRC16/XMODEM of its hash tag, or of the whole key, modulo 16384.
    pub fn of_key(key: &[u8]) -> Slot {
        Slot(crc16(hash_tag(key).unwrap_or(key)) % SLOT_COUNT)
    }

    /// All slots in ascending order.
    pub fn all() -> impl DoubleEndedIterator<Item = Slot> + ExactSizeIterator {
        (0..SLOT_COUNT).map(Slot)
    }

    /// The slot's number.
    pub fn number(self) -> u16 {
        self.0
    }

    /// The slot's number as an index into a table of [`SLOT_COUNT`] rows.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// The hash tag of a key: the bytes between the first `{` and the first `}` after it,
/// `None` when there is no such pair or nothing between (Redis Cluster specification, "Hash tags").
pub fn hash_tag(key: &[u8]) -> Option<&[u8]> {
    let open = key.iter().position(|&b| b == b'{')? + 1;
    let length = key[open..].iter().position(|&b| b == b'}')?;
    (length > 0).then(|| &key[open..open + length])
}

fn crc16(bytes: &[u8]) -> u16 {
    let mut crc = 0u16;
    for &byte in bytes {
        crc ^= u16::from(byte) << 8;
        for _ in 0..8 {
            crc = if crc & 0x8000 != 0 {
                (crc << 1) ^ 0x1021
            } else {
                crc << 1
            };
        }
    }
    crc
}
