//! Quantities in the words of those who read them.

/// Slots that are named before the rest is only counted.
const NAMED_MOST: usize = 8;

/// Memory in MiB, with one decimal; what is there does not become nothing.
pub(crate) fn in_mib(bytes: u64) -> String {
    let mib = bytes as f64 / f64::from(1 << 20);
    if bytes > 0 && mib < 0.05 {
        return "less than 0.1 MiB".to_owned();
    }
    format!("{mib:.1} MiB")
}

/// A ratio in per cent, with one decimal.
pub(crate) fn in_percent(ratio: f64) -> String {
    format!("{:.1} %", ratio * 100.0)
}

/// Milliseconds, rounded up to a tenth and without a decimal that says nothing.
pub(crate) fn in_ms(us: u64) -> String {
    let tenths = us.div_ceil(100);
    match tenths % 10 {
        0 => format!("{} ms", tenths / 10),
        tenth => format!("{}.{tenth} ms", tenths / 10),
    }
}

/// Slots by number, the first few of many.
pub(crate) fn slots_in_words(slots: &[u16]) -> String {
    let named: Vec<String> = slots
        .iter()
        .take(NAMED_MOST)
        .map(ToString::to_string)
        .collect();
    let named = named.join(", ");
    match slots {
        [_] => format!("slot {named}"),
        _ if slots.len() <= NAMED_MOST => format!("{} slots ({named})", slots.len()),
        _ => format!("{} slots ({named} and others)", slots.len()),
    }
}

/// A number as it was given; what nobody would write out is not written out.
pub(crate) fn number_in_words(number: f64) -> String {
    if number != 0.0 && number.is_finite() && !(1e-7..1e15).contains(&number.abs()) {
        format!("{number:e}")
    } else {
        number.to_string()
    }
}
