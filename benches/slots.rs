//! How long does it take to find the slot of a key?
//!
//! Keys lie in a buffer, 100 bytes from one to the next as in a file of small values, and there are so many that
//! no branch predictor learns their lengths by heart. A group for each set of keys: of one length, of lengths
//! from 14 to 20 and from 8 to 48 bytes, and such with a hash tag.
//! - `bytewise`: the baseline, one look into one table for each byte, as the servers do it.
//! - `slice`: `Slot::of_key`, which knows nothing but the key.
//! - `buffer`: `SlotHasher::of_key_in`, which may load what stands in front of the key.
//!
//! Times are for fifty thousand keys. Run with `cargo bench --bench slots`.

#[path = "corpus/random.rs"]
#[allow(dead_code, reason = "only numbers are needed here")]
mod random;

use std::hint::black_box;
use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use preshard_slots::{SLOT_COUNT, Slot, SlotHasher, hash_tag};
use random::Random;

const KEYS: usize = 50_000;
const STRIDE: usize = 100;

struct Keys {
    buffer: Vec<u8>,
    places: Vec<Range<u32>>,
}

impl Keys {
    fn new(lengths: RangeInclusive<usize>, tagged: bool) -> Keys {
        let mut random = Random::new("slots");
        let stride = STRIDE.max(lengths.end() + 30);
        let mut buffer: Vec<u8> = (0..(KEYS + 1) * stride)
            .map(|_| b'0' + random.below(10) as u8)
            .collect();
        let spread = (lengths.end() - lengths.start() + 1) as u64;
        let places = (1..=KEYS)
            .map(|index| {
                let start = index * stride - 64;
                let end = start + lengths.start() + random.below(spread) as usize;
                if tagged {
                    let open = start + random.below(4) as usize;
                    buffer[open] = b'{';
                    buffer[open + 5 + random.below(5) as usize] = b'}';
                }
                start as u32..end as u32
            })
            .collect();
        Keys { buffer, places }
    }

    /// The sum of all slots, so that none of them is left out.
    fn sum(&self, slot_of: impl Fn(&[u8], Range<usize>) -> u16) -> u64 {
        let slots = self
            .places
            .iter()
            .map(|place| slot_of(&self.buffer, place.start as usize..place.end as usize));
        slots.map(u64::from).sum()
    }
}

fn table() -> [u16; 256] {
    std::array::from_fn(|byte| {
        (0..8).fold((byte as u16) << 8, |crc, _| {
            (crc << 1) ^ ((crc >> 15) * 0x1021)
        })
    })
}

fn slots(criterion: &mut Criterion) {
    let table = table();
    let bytewise = |buffer: &[u8], place: Range<usize>| {
        let key = &buffer[place];
        let counted = hash_tag(key).unwrap_or(key);
        let crc = counted.iter().fold(0u16, |crc, &byte| {
            (crc << 8) ^ table[usize::from((crc >> 8) as u8 ^ byte)]
        });
        crc % SLOT_COUNT
    };
    let slice = |buffer: &[u8], place| Slot::of_key(&buffer[place]).number();
    let hasher = black_box(SlotHasher::detect());
    let buffer = |buffer: &[u8], place| hasher.of_key_in(buffer, place).number();

    let fixed =
        [8, 12, 17, 24, 40, 64, 200].map(|length| (length.to_string(), length..=length, false));
    let mixed = [("14-to-20", 14..=20), ("8-to-48", 8..=48)]
        .map(|(name, lengths)| (name.to_owned(), lengths, false));
    let tagged = [("tagged-14-to-20", 14..=20), ("tagged-25-to-48", 25..=48)]
        .map(|(name, lengths)| (name.to_owned(), lengths, true));
    for (name, lengths, is_tagged) in fixed.into_iter().chain(mixed).chain(tagged) {
        let keys = Keys::new(lengths, is_tagged);
        assert_eq!(keys.sum(bytewise), keys.sum(slice));
        assert_eq!(keys.sum(bytewise), keys.sum(buffer));
        let mut group = criterion.benchmark_group(format!("slots/{name}"));
        group
            .sample_size(20)
            .warm_up_time(Duration::from_millis(200))
            .measurement_time(Duration::from_millis(500))
            .throughput(Throughput::Elements(KEYS as u64));
        group.bench_function("bytewise", |bencher| bencher.iter(|| keys.sum(bytewise)));
        group.bench_function("slice", |bencher| bencher.iter(|| keys.sum(slice)));
        group.bench_function("buffer", |bencher| bencher.iter(|| keys.sum(buffer)));
    }
}

criterion_group!(benches, slots);
criterion_main!(benches);
