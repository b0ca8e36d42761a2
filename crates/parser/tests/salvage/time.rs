//! Time that is linear in the file, for inputs that look as if it were not: at each byte of them something
//! long seems to begin.

use std::sync::atomic::{AtomicU64, Ordering};

use preshard_parser::Detail;
use preshard_parser::salvage::{Surroundings, steps_max, survey};

use crate::anywhere::Xorshift;

const BYTES: usize = 1 << 20;

fn surveyed(name: &str, body: &[u8]) -> u64 {
    let mut bytes = b"REDIS0012\xfe\x00".to_vec();
    bytes.extend(body);
    // An end mark, and a checksum that is wrong.
    bytes.extend([0xff, 1, 0, 0, 0, 0, 0, 0, 0]);
    let (keys, ends) = (AtomicU64::new(0), AtomicU64::new(0));
    let surroundings = Surroundings {
        detail: Detail::Elements,
        slot_of: &|_| keys.fetch_add(1, Ordering::Relaxed) % 16_384,
        may_follow: &|_| ends.fetch_add(1, Ordering::Relaxed) == u64::MAX,
    };
    let survey = survey(&bytes, surroundings).expect("a header");
    let len = bytes.len() as u64;
    assert!(survey.steps <= steps_max(len), "{name}: {}", survey.steps);
    // Steps are what the survey says of itself; these calls are seen from outside.
    for calls in [keys, ends].map(AtomicU64::into_inner) {
        assert!(calls <= 2 * len, "{name}: {calls} calls");
    }
    survey.steps
}

fn repeated(pattern: &[u8]) -> Vec<u8> {
    pattern.iter().copied().cycle().take(BYTES).collect()
}

#[test]
fn time_is_linear_in_what_looks_quadratic() {
    let empty_ziplist = [11, 11, 0, 0, 0, 10, 0, 0, 0, 0, 0, 0xff];
    let mut one_list = vec![14, 1, b'k', 0x80, 0x7f, 0xff, 0xff, 0xff];
    one_list.extend(repeated(&empty_ziplist));
    let mut random = Xorshift(0x11ea);
    let small: Vec<u8> = (0..BYTES).map(|_| random.below(4) as u8).collect();
    let inputs: &[(&str, Vec<u8>)] = &[
        ("zeros", repeated(&[0])),
        ("lists in lists", repeated(&[1])),
        (
            "lists that claim 65535",
            repeated(&[1, 1, b'a', 0x80, 0, 0, 0xff, 0xff]),
        ),
        ("hashes in hashes", repeated(&[4, 1, 4, 1])),
        (
            "sets of a million nothings",
            repeated(&[2, 0, 0x80, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        ),
        ("one list of empty ziplists", one_list),
        ("empty ziplists without a list", repeated(&empty_ziplist)),
        ("selectors", repeated(&[0xfe, 0])),
        ("expiries", repeated(&[0xfc])),
        ("idle times", repeated(&[0xf8, 0])),
        ("end marks", repeated(&[0xff])),
        (
            "modules",
            repeated(&[7, 1, b'm', 0x81, 1, 2, 3, 4, 5, 6, 7, 8, 2, 5]),
        ),
        ("slots", repeated(&[244, 1, 1, 0, 0, 1, b'k', 1, b'v'])),
        ("the same key", repeated(&[0, 1, b'k', 1, b'v'])),
        ("small numbers", small),
    ];
    let mut busy = 0;
    for (name, body) in inputs {
        busy += u64::from(surveyed(name, body) > BYTES as u64);
    }
    // A survey that gives up at once proves nothing.
    assert!(busy > 10, "{busy} inputs that took a step for each byte");
}
