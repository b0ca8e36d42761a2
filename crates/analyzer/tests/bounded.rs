//! The memory of a scan does not grow with the file, whatever the file is full of.
//!
//! The inputs are generated while they are read. They are scanned by one thread, whose allocations are
//! counted.

mod snapshot;

use std::io::{self, Read};
use std::path::Path;

use preshard_analyzer::{CostProfile, FileScan, ScanOptions, scan_stream};
use preshard_parser::Detail;
use preshard_parser::limits::HASH_TEMPLATES_MAX;
use snapshot::{Silent, Snapshot, in_pool, options};

/// Items that fill every bounded table of a scan: the longest is that of the named keys, which is cut back
/// when it is twice as long as its limit of 32,768.
const ITEMS: u64 = 70_000;

/// Most memory that a scan may take by one thread, besides the names of keys above the floors: a window
/// of 1 MiB, the records of a chunk and what is learnt of them, and a few numbers for each of 16,384 slots.
const PEAK_BYTES: u64 = 24 << 20;
/// The same with as many such names as are kept, short ones.
const PEAK_BYTES_WITH_NAMES: u64 = 32 << 20;
/// What twice the file may take more: allocations that are merely made at another moment.
const SLACK_BYTES: u64 = 64 << 10;

/// A snapshot that is made up item by item.
struct Generated<'a> {
    item: &'a dyn Fn(&mut Snapshot, u64),
    items: u64,
    made: u64,
    ended: bool,
    buffer: Snapshot,
    position: usize,
}

impl<'a> Generated<'a> {
    fn new(header: &str, items: u64, item: &'a dyn Fn(&mut Snapshot, u64)) -> Generated<'a> {
        Generated {
            item,
            items,
            made: 0,
            ended: false,
            buffer: Snapshot::new(header),
            position: 0,
        }
    }
}

impl Read for Generated<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.position == self.buffer.0.len() {
            self.buffer.0.clear();
            self.position = 0;
            if self.made < self.items {
                (self.item)(&mut self.buffer, self.made);
                self.made += 1;
            } else if !self.ended {
                self.buffer.0.extend([0xff, 0, 0, 0, 0, 0, 0, 0, 0]);
                self.ended = true;
            }
        }
        let left = &self.buffer.0[self.position..];
        let n = left.len().min(out.len());
        out[..n].copy_from_slice(&left[..n]);
        self.position += n;
        Ok(n)
    }
}

/// The most memory that the scan of so many items took at once, and what it found.
fn peak(
    header: &str,
    items: u64,
    item: &(dyn Fn(&mut Snapshot, u64) + Sync),
    options: &ScanOptions<'_>,
) -> (u64, FileScan) {
    let mut scan = None;
    let info = in_pool(1, || {
        allocation_counter::measure(|| {
            let input = Generated::new(header, items, item);
            let path = Path::new("generated");
            let result = scan_stream(path, input, options, &Silent, &mut |_| Ok(()));
            scan = Some(result.expect("a snapshot"));
        })
    });
    let scan = scan.expect("measured");
    assert_eq!(scan.summary.damage, None);
    (info.bytes_max, scan)
}

fn does_not_grow(
    name: &str,
    header: &str,
    floor: u64,
    most: u64,
    item: &(dyn Fn(&mut Snapshot, u64) + Sync),
) {
    scan_both(name, (header, ITEMS), floor, most, item);
}

/// Scans a file and one of twice as many items.
fn scan_both(
    name: &str,
    (header, items): (&str, u64),
    floor: u64,
    most: u64,
    item: &(dyn Fn(&mut Snapshot, u64) + Sync),
) {
    let cost = CostProfile::built_in("redis-7.0").expect("built in");
    let options = ScanOptions {
        floor_payload_bytes: floor,
        chunk_bytes: ScanOptions::CHUNK_BYTES,
        salvage: false,
        floor_block_ns: u64::MAX,
        ..options(&cost, Detail::Elements)
    };
    let (small, of_small) = peak(header, items, item, &options);
    let (large, of_large) = peak(header, 2 * items, item, &options);
    println!(
        "{name}: {small} bytes for a file of {}, {large} for one of {}",
        of_small.summary.bytes, of_large.summary.bytes
    );
    assert!(
        2 * of_large.summary.bytes > 3 * of_small.summary.bytes,
        "{name}"
    );
    assert!(large <= most, "{name}: {large} bytes of memory");
    assert!(
        large <= small + SLACK_BYTES,
        "{name}: {small} bytes of memory become {large} for twice the file"
    );
}

const REDIS: &str = "REDIS0015";
const VALKEY: &str = "VALKEY081";
const NO_FLOOR: u64 = u64::MAX;

fn number(i: u64) -> [u8; 8] {
    i.to_be_bytes()
}

#[test]
fn keys() {
    let plain = |file: &mut Snapshot, i| {
        file.set(&number(i), b"");
    };
    does_not_grow("keys", REDIS, NO_FLOOR, PEAK_BYTES, &plain);
    does_not_grow("named keys", REDIS, 0, PEAK_BYTES_WITH_NAMES, &plain);
    // 2,116 letters out of 27 bytes.
    let compressed = |file: &mut Snapshot, _| {
        file.byte(0).byte(0xc3).length(27).length(2_114);
        file.0.extend([1, b'a', b'a']);
        file.0.extend([0xe0, 255, 1].repeat(8));
        file.string(b"");
    };
    scan_both(
        "compressed names",
        (REDIS, ITEMS / 8),
        NO_FLOOR,
        PEAK_BYTES,
        &compressed,
    );
    let empty = |file: &mut Snapshot, i| {
        file.set_of(&number(i), &[]);
    };
    does_not_grow("empty collections", REDIS, NO_FLOOR, PEAK_BYTES, &empty);
}

#[test]
fn databases_and_slots() {
    let databases = |file: &mut Snapshot, i| {
        file.select_db(i).resize_db(9, 9).set(b"k", b"");
    };
    does_not_grow("databases", REDIS, NO_FLOOR, PEAK_BYTES, &databases);
    let slot_infos = |file: &mut Snapshot, i| {
        file.slot_info(i, 9, 9);
    };
    does_not_grow("slot infos", REDIS, NO_FLOOR, PEAK_BYTES, &slot_infos);
    let aux = |file: &mut Snapshot, i| {
        file.aux("slot-info", &format!("{},9,9", i % 16_384));
    };
    does_not_grow("slot infos of Valkey", VALKEY, NO_FLOOR, PEAK_BYTES, &aux);
    let imports = |file: &mut Snapshot, i| {
        file.slot_import(&[(i % 16_384, i % 16_384)]);
    };
    does_not_grow("slot imports", VALKEY, NO_FLOOR, PEAK_BYTES, &imports);
}

#[test]
fn descriptions() {
    let fields = |file: &mut Snapshot, i| {
        file.aux(&format!("field-{i}"), &format!("value {i}"));
    };
    does_not_grow("aux fields", REDIS, NO_FLOOR, PEAK_BYTES, &fields);
    let functions = |file: &mut Snapshot, i| {
        file.byte(245).string(format!("#!lua name=l{i}").as_bytes());
    };
    does_not_grow("functions", REDIS, NO_FLOOR, PEAK_BYTES, &functions);
    let module_aux = |file: &mut Snapshot, i: u64| {
        file.byte(247).length(i << 10).length(2).length(1).length(0);
    };
    does_not_grow("module aux data", REDIS, NO_FLOOR, PEAK_BYTES, &module_aux);
    let modules = |file: &mut Snapshot, i: u64| {
        file.byte(7).string(&number(i)).length(i << 10).length(0);
    };
    does_not_grow("modules", REDIS, NO_FLOOR, PEAK_BYTES, &modules);
}

/// As many templates as a file may define, and hashes of each.
#[test]
fn hash_templates() {
    let cost = CostProfile::built_in("redis-7.0").expect("built in");
    let most = HASH_TEMPLATES_MAX as u64;
    let item = |file: &mut Snapshot, i: u64| {
        if i < most {
            file.byte(242).length(i).length(1).string(b"f");
        } else {
            file.byte(32)
                .string(&number(i))
                .length(i % most)
                .string(b"v");
        }
    };
    let options = ScanOptions {
        floor_payload_bytes: u64::MAX,
        floor_block_ns: u64::MAX,
        ..options(&cost, Detail::Elements)
    };
    let (templates, _) = peak(REDIS, most, &item, &options);
    assert!(templates <= PEAK_BYTES + (64 << 20), "{templates} bytes");
    let (hashes, scan) = peak(REDIS, 2 * most, &item, &options);
    assert_eq!(scan.summary.keys, most);
    assert!(
        hashes <= templates + SLACK_BYTES,
        "{templates}, then {hashes} bytes"
    );
}

#[test]
fn commands_between_keys() {
    let commands = |file: &mut Snapshot, _| {
        file.byte(242);
        file.0.extend(b"*2\r\n$3\r\nDEL\r\n$1\r\nk\r\n");
    };
    does_not_grow("commands", VALKEY, NO_FLOOR, PEAK_BYTES, &commands);
}

/// The most ranges that a slot import may have, over and over: 32 KiB of file that are 256 KiB of numbers.
#[test]
fn slot_imports_of_many_ranges() {
    let cost = CostProfile::built_in("redis-7.0").expect("built in");
    let ranges = vec![(0, 0); 16_384];
    let item = |file: &mut Snapshot, _| {
        file.slot_import(&ranges);
    };
    let options = options(&cost, Detail::Counts);
    let (small, _) = peak(VALKEY, 500, &item, &options);
    let (large, _) = peak(VALKEY, 1_000, &item, &options);
    assert!(large <= PEAK_BYTES + (8 << 20), "{large} bytes");
    assert!(large <= small + SLACK_BYTES, "{small}, then {large} bytes");
}
