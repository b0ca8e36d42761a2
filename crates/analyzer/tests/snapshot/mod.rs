//! Snapshots written by the tests themselves: only what no real server writes, or what is too large to
//! keep as a file. Forms are the plainest the format allows.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use preshard_analyzer::{
    Allocator, CostProfile, Error, FileScan, KeyName, MemoryModel, MemorySettings, Progress,
    ScanOptions, Target, Warning, scan,
};
use preshard_parser::source::{Mmap, Source};
use preshard_parser::{DataType, Detail, crc64};
use preshard_slots::Slot;

const OPCODE_SLOT_IMPORT: u8 = 243;
const OPCODE_SLOT_INFO: u8 = 244;
const OPCODE_AUX: u8 = 250;
const OPCODE_RESIZEDB: u8 = 251;
const OPCODE_EXPIRETIME_MS: u8 = 252;
const OPCODE_FREQ: u8 = 249;
const OPCODE_FUNCTION: u8 = 245;
const OPCODE_MODULE_AUX: u8 = 247;
const OPCODE_SELECTDB: u8 = 254;
const OPCODE_EOF: u8 = 255;

pub struct Snapshot(pub Vec<u8>);

#[allow(dead_code, reason = "each test file uses its own part")]
impl Snapshot {
    pub fn new(header: &str) -> Snapshot {
        Snapshot(header.as_bytes().to_vec())
    }

    pub fn length(&mut self, n: u64) -> &mut Snapshot {
        match n {
            0..64 => self.0.push(n as u8),
            64..16_384 => self.0.extend([0x40 | (n >> 8) as u8, n as u8]),
            _ => {
                self.0.push(0x81);
                self.0.extend(n.to_be_bytes());
            }
        }
        self
    }

    pub fn string(&mut self, bytes: &[u8]) -> &mut Snapshot {
        self.length(bytes.len() as u64);
        self.0.extend(bytes);
        self
    }

    pub fn byte(&mut self, byte: u8) -> &mut Snapshot {
        self.0.push(byte);
        self
    }

    pub fn aux(&mut self, name: &str, value: &str) -> &mut Snapshot {
        self.byte(OPCODE_AUX)
            .string(name.as_bytes())
            .string(value.as_bytes())
    }

    pub fn select_db(&mut self, db: u64) -> &mut Snapshot {
        self.byte(OPCODE_SELECTDB).length(db)
    }

    pub fn resize_db(&mut self, keys: u64, expiring: u64) -> &mut Snapshot {
        self.byte(OPCODE_RESIZEDB).length(keys).length(expiring)
    }

    pub fn slot_info(&mut self, slot: u64, keys: u64, expiring: u64) -> &mut Snapshot {
        self.byte(OPCODE_SLOT_INFO)
            .length(slot)
            .length(keys)
            .length(expiring)
    }

    pub fn slot_import(&mut self, ranges: &[(u64, u64)]) -> &mut Snapshot {
        self.byte(OPCODE_SLOT_IMPORT)
            .string(&[b'j'; 40])
            .length(ranges.len() as u64);
        for &(first, last) in ranges {
            self.length(first).length(last);
        }
        self
    }

    pub fn expiry(&mut self, ms: i64) -> &mut Snapshot {
        self.byte(OPCODE_EXPIRETIME_MS);
        self.0.extend(ms.to_le_bytes());
        self
    }

    pub fn freq(&mut self, freq: u8) -> &mut Snapshot {
        self.byte(OPCODE_FREQ).byte(freq)
    }

    pub fn function(&mut self, source: &str) -> &mut Snapshot {
        self.byte(OPCODE_FUNCTION).string(source.as_bytes())
    }

    /// Data of a module: id, when it was written, an unsigned item, the end.
    pub fn module_aux(&mut self) -> &mut Snapshot {
        self.byte(OPCODE_MODULE_AUX)
            .length(1 << 40)
            .length(2)
            .length(1)
            .length(2)
            .length(7)
            .length(0)
    }

    /// A string key.
    pub fn set(&mut self, key: &[u8], value: &[u8]) -> &mut Snapshot {
        self.byte(0).string(key).string(value)
    }

    /// A set key, member by member.
    pub fn set_of(&mut self, key: &[u8], members: &[&[u8]]) -> &mut Snapshot {
        self.byte(2).string(key).length(members.len() as u64);
        for member in members {
            self.string(member);
        }
        self
    }

    /// A set key whose listpack holds the given bytes between its header and its end.
    pub fn set_listpack(&mut self, key: &[u8], entries: u16, body: &[u8]) -> &mut Snapshot {
        let mut blob = (body.len() as u32 + 7).to_le_bytes().to_vec();
        blob.extend(entries.to_le_bytes());
        blob.extend(body);
        blob.push(0xff);
        self.byte(20).string(key).string(&blob)
    }

    /// Ends the snapshot with its checksum.
    pub fn end(&mut self) -> Vec<u8> {
        self.byte(OPCODE_EOF);
        let checksum = crc64::checksum(&self.0);
        self.0.extend(checksum.to_le_bytes());
        std::mem::take(&mut self.0)
    }
}

/// What a sink was handed of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub db: u64,
    pub key: KeyName,
    pub slot: Slot,
    pub data_type: DataType,
    pub elements: Option<u64>,
    pub payload_bytes: u64,
    pub memory_bytes: Option<u64>,
    pub block_ns: u64,
    pub expires_at_ms: Option<i64>,
    pub offset: u64,
}

/// Ignores progress.
pub struct Silent;

impl Progress for Silent {
    fn advance(&self, _bytes: u64) {}
}

/// The model of every scan here.
pub static MEMORY: LazyLock<MemoryModel> =
    LazyLock::new(|| MemoryModel::new(Target::Redis70, Allocator::Je3, MemorySettings::default()));

/// Floors low enough that some keys of every test are named.
pub fn options<'a>(cost: &'a CostProfile, detail: Detail) -> ScanOptions<'a> {
    ScanOptions {
        cost,
        memory: &MEMORY,
        detail,
        reference_ms: None,
        chunk_bytes: ScanOptions::CHUNK_BYTES,
        salvage: false,
        floor_block_ns: 1_000_000,
        floor_payload_bytes: 10_000,
    }
}

/// Scans a file with the profile of Redis 7.0 and returns the keys that the sink saw.
#[allow(dead_code, reason = "each test file uses its own part")]
pub fn scan_file(path: &Path, mmap: Mmap, detail: Detail) -> Result<(FileScan, Vec<Seen>), Error> {
    let cost = CostProfile::built_in("redis-7.0").expect("built in");
    let source = Source::open(path, &mmap.into()).expect("the file opens");
    let mut seen = Vec::new();
    let scan = scan(&source, &options(&cost, detail), &Silent, &mut |keys| {
        seen.extend(keys.iter().map(|key| Seen {
            db: key.db,
            key: KeyName(key.key.as_ref().into()),
            slot: key.slot,
            data_type: key.data_type,
            elements: key.value.elements,
            payload_bytes: key.sizes.payload_bytes,
            memory_bytes: key.sizes.memory_bytes_estimate,
            block_ns: key.cost.block_ns,
            expires_at_ms: key.expires_at_ms,
            offset: key.offset,
        }));
        Ok(())
    })?;
    Ok((scan, seen))
}

/// Writes the bytes to a file of their own and scans it.
#[allow(dead_code, reason = "each test file uses its own part")]
pub fn scan_bytes(bytes: &[u8], detail: Detail) -> Result<(FileScan, Vec<Seen>), Error> {
    let mut file = tempfile::NamedTempFile::new().expect("temporary file");
    file.write_all(bytes).expect("written");
    scan_file(file.path(), Mmap::Auto, detail)
}

#[allow(dead_code, reason = "each test file uses its own part")]
pub fn servers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/servers")
}

#[allow(dead_code, reason = "each test file uses its own part")]
pub fn fixture(name: &str) -> PathBuf {
    servers().join(name)
}

#[allow(dead_code, reason = "each test file uses its own part")]
pub fn warnings(scan: &FileScan) -> Vec<&'static str> {
    scan.summary.warnings.iter().map(Warning::name).collect()
}

#[allow(dead_code, reason = "each test file uses its own part")]
pub fn in_pool<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .expect("pool")
        .install(work)
}
