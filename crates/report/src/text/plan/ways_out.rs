//! What the remedies of oversized keys come to, key by key.

use std::io::{self, Write};

use preshard_planner::plan::{OversizedKey, Parts, RaisedSetting, Remedy, RemedyKind};

use crate::figure::{count, count_or_dash, duration_us, size};
use crate::text::grid::{Align, Grid};
use crate::text::key_name;

/// One row for each key that can be divided, or for which settings can be raised.
pub(super) fn write<'a>(
    keys: impl Iterator<Item = &'a OversizedKey>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut grid = Grid::new(&[
        ("key", Align::Left),
        ("least parts", Align::Right),
        ("elements each", Align::Right),
        ("payload each", Align::Right),
        ("block each", Align::Right),
        ("commands", Align::Right),
        ("or cut back to", Align::Right),
        ("or raise (the stop stays)", Align::Left),
    ]);
    let mut rows = 0;
    for key in keys {
        let of = |kinds: &[RemedyKind]| {
            let mut remedies = key.remedies.iter().rev();
            remedies.find(|remedy| kinds.contains(&remedy.kind))
        };
        let parts = |remedy: Option<&Remedy>| -> Option<Parts> { remedy?.parts };
        let split = parts(of(&[RemedyKind::Split, RemedyKind::Chunk]));
        let trim = parts(of(&[RemedyKind::Trim]));
        let raised = of(&[RemedyKind::RaiseLimit, RemedyKind::RaiseNodeTimeout]);
        if split.is_none() && trim.is_none() && raised.is_none() {
            continue;
        }
        rows += 1;
        let dash = || "-".to_owned();
        let figure = |of: fn(&Parts) -> String| split.as_ref().map_or_else(dash, of);
        grid.row([
            key_name(&key.key),
            figure(|parts| count(parts.number)),
            figure(|parts| count_or_dash(parts.elements_each)),
            figure(|parts| size(parts.payload_bytes_each)),
            figure(|parts| duration_us(parts.block_us_each)),
            figure(|parts| count_or_dash(parts.commands_max)),
            count_or_dash(trim.and_then(|parts| parts.elements_each)),
            raised.map_or_else(dash, |remedy| settings(&remedy.settings)),
        ]);
    }
    if rows == 0 {
        return Ok(());
    }
    writeln!(out, "  In numbers:")?;
    grid.write(out)
}

fn settings(settings: &[RaisedSetting]) -> String {
    let each = settings.iter().map(|setting| {
        let least = match setting.limit.ends_with("_ms") {
            true => format!("{} ms", count(setting.least)),
            false => size(setting.least),
        };
        format!("{} {least}", setting.name)
    });
    each.collect::<Vec<String>>().join(", ")
}
