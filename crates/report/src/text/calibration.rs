//! How well a cost profile fits what was measured.

use std::io::{self, Write};

use preshard_analyzer::calibration::{Calibration, ClassFit, Errors, Origin, PartFit};

use super::grid::{Align, Grid};
use super::write_wrapped;
use crate::figure::count;
use crate::words::file_name;

/// Writes how well a profile fits the calls that it was made from; it was saved as `saved_as`.
///
/// # Errors
/// Whatever the writer fails with.
pub fn render_calibration(
    calibration: &Calibration,
    saved_as: &str,
    out: &mut dyn Write,
) -> io::Result<()> {
    let passed = match calibration.passed_over {
        0 => String::new(),
        lines => format!("; {} other lines passed over", count(lines)),
    };
    write_wrapped(
        "Profile: ",
        &format!(
            "{}, from {} on; saved as {}",
            calibration.profile.name(),
            calibration.base,
            file_name(saved_as)
        ),
        out,
    )?;
    write_wrapped(
        "Calls:   ",
        &format!("{}{passed}", count(calibration.calls)),
        out,
    )?;
    write_wrapped(
        "Block:   ",
        &sentence(&calibration.block, &calibration.base),
        out,
    )?;
    let restore = match &calibration.restore {
        Some(part) => sentence(part, &calibration.base),
        None => format!("not measured, as in {}", calibration.base),
    };
    write_wrapped("RESTORE: ", &restore, out)?;
    writeln!(out)?;

    let columns = [
        ("class", Align::Left),
        ("calls", Align::Right),
        ("block off by", Align::Right),
        ("at most", Align::Right),
        ("RESTORE off by", Align::Right),
        ("at most", Align::Right),
        ("coefficients of the block", Align::Left),
    ];
    let mut grid = Grid::new(&columns);
    for (at, class) in calibration.block.classes.iter().enumerate() {
        let restore = calibration.restore.as_ref();
        let [median, max] = errors(class.errors);
        let [restore_median, restore_max] =
            errors(restore.and_then(|part| part.classes[at].errors));
        grid.row([
            class.class.name().to_owned(),
            count(class.errors.map_or(0, |errors| errors.points)),
            median,
            max,
            restore_median,
            restore_max,
            origin(class),
        ]);
    }
    grid.write(out)?;
    write_wrapped(
        "",
        "Off by: half of the calls are predicted no worse; at most: none is. A call counts for the class that it mostly \
         carried.",
        out,
    )
}

/// The same in one line.
pub fn calibration_line(calibration: &Calibration) -> String {
    let restore = calibration.restore.as_ref().map_or(String::new(), |part| {
        format!("; RESTORE: {}", sentence(part, &calibration.base))
    });
    format!(
        "{} from {} calls; block: {}{restore}; with -o all classes are told",
        calibration.profile.name(),
        count(calibration.calls),
        sentence(&calibration.block, &calibration.base)
    )
}

fn sentence(part: &PartFit, base: &str) -> String {
    format!(
        "{} off by the median, {} at most; {:.2} times what {base} says",
        percent(part.errors.median),
        percent(part.errors.max),
        part.pace
    )
}

fn errors(errors: Option<Errors>) -> [String; 2] {
    match errors {
        None => ["-".to_owned(), "-".to_owned()],
        Some(errors) => [percent(errors.median), percent(errors.max)],
    }
}

fn origin(class: &ClassFit) -> String {
    match class.origin {
        Origin::Fitted => "fitted".to_owned(),
        Origin::Scaled(pace) => format!("{pace:.2} times the base: too few calls"),
        Origin::Base(pace) => format!("{pace:.2} times the base: no calls"),
    }
}

fn percent(part: f64) -> String {
    format!("{:.0} %", part * 100.0)
}
