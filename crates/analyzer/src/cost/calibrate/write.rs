//! Fitted coefficients as a profile, and a profile as TOML.

use std::fmt::Write as _;

use super::{
    CALL, CostClass, FIRST, FitFile, Fitted, HIGH_MIN, HighFactor, KEY, LOW_MAX, LowFactor, MARK,
    Nanos, Origin, Part, Point, ProfileFile, fit_of, place, quantile,
};
use crate::cost::file::ClassFile;

/// What is kept of a class's range where too few points tell it: nothing is narrower than the base.
const POINTS_OF_RANGE_MIN: usize = 4;

/// Puts what was fitted of a part into a profile, with what it rests on.
pub(super) fn put(profile: &mut ProfileFile, part: Part, fitted: &Fitted<'_>) {
    let whole = |at: usize| fitted.coefficients[at].round().max(0.0) as u64;
    let errors = &fitted.fit.errors;
    let rests_on = format!(
        "{} %, at most {} %, {} calls",
        percent(errors.median),
        percent(errors.max),
        errors.points
    );
    match part {
        Part::Block => {
            profile.call.block_ns = whole(CALL);
            profile.call.fitted.clone_from(&rests_on);
            profile.key.block_ns = whole(KEY);
            profile.stream_pending.block_ns = whole(MARK);
            profile.key.fitted.clone_from(&rests_on);
        }
        Part::Restore => {
            profile.key.restore_ns = whole(KEY);
            profile.stream_pending.restore_ns = whole(MARK);
        }
    }
    let marked = fitted
        .points
        .iter()
        .any(|point| point.terms.iter().any(|(at, _)| *at == MARK));
    profile.stream_pending.fitted = match marked {
        true => rests_on,
        false => format!("as in {}, at the pace of all calls", fitted.base.name),
    };
    for (class, of_class) in CostClass::ALL.into_iter().zip(&fitted.fit.classes) {
        let file = profile.class.of_mut(class);
        let scale = match of_class.origin {
            Origin::Fitted => fitted.fit.pace,
            Origin::Scaled(pace) | Origin::Base(pace) => pace,
        };
        let fits = match part {
            Part::Block => {
                scale_all(&mut file.del, scale);
                scale_all(&mut file.compression, scale);
                &mut file.block
            }
            Part::Restore => &mut file.restore,
        };
        let sides = [true, false].into_iter().filter_map(|is_cached| {
            let base = fit_of(fits, is_cached)?;
            Some(side(base, class, is_cached, of_class.origin, fitted))
        });
        *fits = sides.collect();
    }
    if part == Part::Block {
        put_spread(profile, fitted);
    }
}

/// The fit of a class for values on one side of the caches.
fn side(
    base: &FitFile,
    class: CostClass,
    is_cached: bool,
    origin: Origin,
    fitted: &Fitted<'_>,
) -> FitFile {
    let at = place(class, is_cached);
    let name = &fitted.base.name;
    let own: Vec<&Point> = fitted.of_class[class.index()]
        .iter()
        .map(|&point| &fitted.points[point])
        .filter(|point| {
            point
                .terms
                .iter()
                .any(|(term, _)| (at..at + 2).contains(term))
        })
        .collect();
    let ratios: Vec<f64> = own
        .iter()
        .map(|point| {
            let here = point
                .terms
                .iter()
                .filter(|(term, _)| (at..at + 2).contains(term));
            let here: f64 = here
                .map(|&(term, times)| times * fitted.coefficients[term])
                .sum();
            let rest = point.predicted(fitted.coefficients) - here;
            ((point.ns - rest) / here.max(1.0)).max(0.0)
        })
        .collect();
    let (mut low, mut high) = match (quantile(&ratios, 0.05), quantile(&ratios, 0.95)) {
        (Some(low), Some(high)) => (low.min(LOW_MAX), high.max(HIGH_MIN)),
        _ => (base.low.0, base.high.0),
    };
    if own.len() < POINTS_OF_RANGE_MIN {
        low = low.min(base.low.0);
        high = high.max(base.high.0);
    }
    let text = match (origin, own.len()) {
        (Origin::Fitted, 0) => {
            format!("no calls on this side of the caches; as in {name}, at the pace of the class")
        }
        (Origin::Fitted, points) => {
            let errors: Vec<f64> = own
                .iter()
                .map(|point| point.error(fitted.coefficients))
                .collect();
            format!(
                "{} %, at most {} %, {points} calls",
                percent(quantile(&errors, 0.5).unwrap_or(0.0)),
                percent(errors.iter().copied().fold(0.0, f64::max))
            )
        }
        (Origin::Scaled(pace), points) => format!("{pace:.2} times {name}, {points} calls here"),
        (Origin::Base(pace), _) => format!("{pace:.2} times {name}, nothing was measured"),
    };
    FitFile {
        element_ns: coefficient(fitted.coefficients[at]),
        byte_ns: coefficient(fitted.coefficients[at + 1]),
        cached: is_cached,
        low: LowFactor(hundredths(low.clamp(0.0, 1.0), f64::floor)),
        high: HighFactor(hundredths(high.clamp(1.0, 100.0), f64::ceil)),
        fitted: text,
    }
}

fn scale_all(fits: &mut [FitFile], scale: f64) {
    for fit in fits {
        fit.element_ns = coefficient(fit.element_ns.0 * scale);
        fit.byte_ns = coefficient(fit.byte_ns.0 * scale);
        fit.fitted = format!("{scale:.2} times: {}", fit.fitted);
    }
}

/// Nine of ten calls lie within the spread of what is planned with: the larger of both sides of each class.
fn put_spread(profile: &mut ProfileFile, fitted: &Fitted<'_>) {
    let planned = |point: &Point| {
        let beside: f64 = point
            .terms
            .iter()
            .filter(|(at, _)| *at < FIRST)
            .map(|&(at, times)| times * fitted.coefficients[at])
            .sum();
        let classes = CostClass::ALL.map(|class| {
            let first = place(class, true);
            let (mut cached, mut uncached) = (0.0, 0.0);
            for &(at, times) in point
                .terms
                .iter()
                .filter(|(at, _)| (first..first + 4).contains(at))
            {
                let of_kind = (at - first) % 2;
                cached += times * fitted.coefficients[first + of_kind];
                uncached += times * fitted.coefficients[first + 2 + of_kind];
            }
            f64::max(cached, uncached)
        });
        beside + classes.iter().sum::<f64>()
    };
    let ratios: Vec<f64> = fitted
        .points
        .iter()
        .map(|point| point.ns / planned(point).max(1.0))
        .collect();
    let (Some(low), Some(high)) = (quantile(&ratios, 0.05), quantile(&ratios, 0.95)) else {
        return;
    };
    profile.spread.low = LowFactor(hundredths(low.clamp(0.0, LOW_MAX), f64::floor));
    profile.spread.high = HighFactor(hundredths(high.clamp(HIGH_MIN, 100.0), f64::ceil));
    profile.spread.fitted = format!("{} calls", ratios.len());
}

/// Four digits, which is more than any measurement bears.
fn coefficient(ns: f64) -> Nanos {
    let ns = ns.clamp(0.0, crate::CostProfile::COEFFICIENT_MAX_NS);
    Nanos(format!("{ns:.3e}").parse().unwrap_or(ns))
}

fn hundredths(factor: f64, round: fn(f64) -> f64) -> f64 {
    round(factor * 100.0) / 100.0
}

fn percent(part: f64) -> u64 {
    (part * 100.0).round() as u64
}

impl ProfileFile {
    /// The profile as TOML, which [`ProfileFile::parse`] reads back.
    pub fn to_toml(&self) -> String {
        let mut out = String::new();
        self.write_toml(&mut out)
            .expect("a string takes everything");
        out
    }

    fn write_toml(&self, out: &mut String) -> std::fmt::Result {
        writeln!(
            out,
            "# A cost profile of preshard; the built-in ones say what each entry means.\n"
        )?;
        writeln!(out, "name = {}", quoted(&self.name))?;
        writeln!(out, "measured_on = {}\n", quoted(&self.measured_on))?;
        writeln!(
            out,
            "compressed_string_ratio = {}",
            self.compressed_string_ratio
        )?;
        writeln!(out, "compact_elements_max = {}", self.compact_elements_max)?;
        writeln!(
            out,
            "uncached_elements_min = {}",
            self.uncached_elements_min
        )?;
        writeln!(out, "frees_lazily = {}", self.frees_lazily)?;
        writeln!(out, "del_basis = {}", quoted(&self.del_basis))?;
        writeln!(
            out,
            "compression_basis = {}",
            quoted(&self.compression_basis)
        )?;
        let around = |out: &mut String, low: LowFactor, high: HighFactor, fitted: &str| {
            writeln!(
                out,
                "low = {}\nhigh = {}\nfitted = {}",
                low.0,
                high.0,
                quoted(fitted)
            )
        };
        writeln!(out, "\n[spread]")?;
        around(out, self.spread.low, self.spread.high, &self.spread.fitted)?;
        writeln!(out, "\n[call]\nblock_ns = {}", self.call.block_ns)?;
        around(out, self.call.low, self.call.high, &self.call.fitted)?;
        for (name, each) in [("key", &self.key), ("stream-pending", &self.stream_pending)] {
            writeln!(
                out,
                "\n[{name}]\nblock_ns = {}\nrestore_ns = {}",
                each.block_ns, each.restore_ns
            )?;
            around(out, each.low, each.high, &each.fitted)?;
        }
        for class in CostClass::ALL {
            writeln!(out, "\n[class.{}]", class.name())?;
            self.class.of(class).write_toml(out)?;
        }
        Ok(())
    }
}

impl ClassFile {
    fn write_toml(&self, out: &mut String) -> std::fmt::Result {
        let parts = [
            ("block", &self.block),
            ("restore", &self.restore),
            ("del", &self.del),
            ("compression", &self.compression),
        ];
        for (name, fits) in parts.into_iter().filter(|(_, fits)| !fits.is_empty()) {
            writeln!(out, "{name} = [")?;
            for fit in fits {
                let cached = if fit.cached { ", cached = true" } else { "" };
                writeln!(
                    out,
                    "    {{ element_ns = {}, byte_ns = {}{cached}, low = {}, high = {}, fitted = {} }},",
                    fit.element_ns.0,
                    fit.byte_ns.0,
                    fit.low.0,
                    fit.high.0,
                    quoted(&fit.fitted)
                )?;
            }
            writeln!(out, "]")?;
        }
        Ok(())
    }
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
