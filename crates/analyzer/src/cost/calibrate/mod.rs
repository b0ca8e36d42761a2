//! A cost profile from measured durations.
//!
//! The times of all calls are sums of the same coefficients: one for the call, one for each key, and for each class one per
//! element and one per byte, twice where caches matter. They are found together, so that calls with many kinds of keys
//! tell as much as those with one. A base profile says what they would be on the machine that it was measured on. First
//! comes the pace at which this machine differs from that one, then the pace of each class, then, where a class has points
//! enough, its coefficients.

mod log;
mod solve;
mod write;

use super::class::CostClass;
use super::file::{FitFile, HighFactor, LowFactor, Nanos, ProfileFile};
pub use log::{Carried, Log, LogError, Measurement};
use solve::{Point, Prior, median, quantile, solve};

/// Fewer points than this do not tell elements from bytes: the class keeps its proportions.
const POINTS_MIN: usize = 3;
/// A class's pace is not taken to differ from the machine's by more than this.
const PACE_RATIO_MAX: f64 = 8.0;
/// Single points are off by as much even where fits are good.
const LOW_MAX: f64 = 0.8;
const HIGH_MIN: f64 = 1.25;

/// A profile that was fitted to measurements, and how well it fits them.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    /// The profile.
    pub profile: ProfileFile,
    /// The profile that it started from.
    pub base: String,
    /// Calls that were measured.
    pub calls: u64,
    /// Lines of the log that tell of something else, or of calls that failed.
    pub passed_over: u64,
    /// The stop of the source.
    pub block: PartFit,
    /// The stop of the target; `None` where nothing was measured of it.
    pub restore: Option<PartFit>,
}

/// How well one part is predicted.
#[derive(Debug, Clone, PartialEq)]
pub struct PartFit {
    /// How long it took here, as a multiple of what the base profile says: the median.
    pub pace: f64,
    /// Over all calls.
    pub errors: Errors,
    /// By class, all of them.
    pub classes: Vec<ClassFit>,
}

/// Relative errors of predictions: 0.2 is a fifth of what was measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Errors {
    /// Calls.
    pub points: u64,
    /// Half of the calls are no further off.
    pub median: f64,
    /// No call is further off.
    pub max: f64,
}

/// How well one class is predicted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClassFit {
    /// The class.
    pub class: CostClass,
    /// Where its coefficients come from.
    pub origin: Origin,
    /// Over the calls that it makes up most of; `None` without any.
    pub errors: Option<Errors>,
}

/// Where the coefficients of a class come from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Origin {
    /// From the measurements.
    Fitted,
    /// From the base profile, times the pace that few measurements of the class tell.
    Scaled(f64),
    /// From the base profile, times the pace of the machine where it is slower; nothing was measured of the class.
    Base(f64),
}

/// Which of the two stops.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    Block,
    Restore,
}

/// Coefficients have places: the call, the key, a mark of a stream, and four for each class.
const CALL: usize = 0;
const KEY: usize = 1;
const MARK: usize = 2;
const FIRST: usize = 3;
const PLACES: usize = FIRST + 4 * CostClass::ALL.len();

/// The place of a class's coefficient per element; that per byte is the next one.
fn place(class: CostClass, is_cached: bool) -> usize {
    FIRST + 4 * class.index() + if is_cached { 0 } else { 2 }
}

/// Fits a profile to a log. `name` is what it will be called, and `source` says where the log comes from.
///
/// A base profile with several fits for a part counts with the first of each side of the caches.
pub fn calibrate(log: &Log, base: &ProfileFile, name: &str, source: &str) -> Calibration {
    let mut profile = base.clone();
    name.clone_into(&mut profile.name);
    profile.measured_on = format!(
        "{} calls of {source}, from {} on",
        log.measurements.len(),
        base.name
    );
    let block = fit_part(log, base, &mut profile, Part::Block);
    let timed = log
        .measurements
        .iter()
        .any(|each| each.restore_ns.is_some());
    let restore = timed.then(|| fit_part(log, base, &mut profile, Part::Restore));
    Calibration {
        profile,
        base: base.name.clone(),
        calls: log.measurements.len() as u64,
        passed_over: log.passed_over,
        block,
        restore,
    }
}

fn fit_part(log: &Log, base: &ProfileFile, profile: &mut ProfileFile, part: Part) -> PartFit {
    let known = base_coefficients(base, part);
    let calls: Vec<(&Measurement, Point)> = log
        .measurements
        .iter()
        .filter_map(|call| {
            let ns = match part {
                Part::Block => Some(call.block_ns),
                Part::Restore => call.restore_ns,
            }?;
            let terms = terms(call, base, part);
            Some((call, Point { terms, ns }))
        })
        .collect();
    let ratios: Vec<f64> = calls
        .iter()
        .map(|(_, point)| point.ns / point.predicted(&known).max(1.0))
        .collect();
    let pace = median(&ratios).unwrap_or(1.0);

    let mut of_class: Vec<Vec<usize>> = vec![Vec::new(); CostClass::ALL.len()];
    for (at, (_, point)) in calls.iter().enumerate() {
        if let Some(class) = ruling_class(point, &known) {
            of_class[class.index()].push(at);
        }
    }
    let origins = CostClass::ALL.map(|class| {
        let points = of_class[class.index()].iter().map(|&at| &calls[at].1);
        let points: Vec<&Point> = points.collect();
        let class_pace = class_pace(class, &points, &known, pace);
        match points.len() {
            0 => Origin::Base(pace.max(1.0)),
            1..POINTS_MIN => Origin::Scaled(class_pace),
            _ => Origin::Fitted,
        }
        .with_pace(class_pace)
    });
    let priors = priors(&known, pace, &origins);
    let points: Vec<Point> = calls.into_iter().map(|(_, point)| point).collect();
    let coefficients = solve(&points, &priors);

    let errors = |of: &[usize]| {
        let each: Vec<f64> = of
            .iter()
            .map(|&at| points[at].error(&coefficients))
            .collect();
        Some(Errors {
            points: each.len() as u64,
            median: median(&each)?,
            max: each.iter().copied().fold(0.0, f64::max),
        })
    };
    let classes: Vec<ClassFit> = CostClass::ALL
        .into_iter()
        .map(|class| ClassFit {
            class,
            origin: origins[class.index()].1,
            errors: errors(&of_class[class.index()]),
        })
        .collect();
    let all: Vec<usize> = (0..points.len()).collect();
    let none = Errors {
        points: 0,
        median: 0.0,
        max: 0.0,
    };
    let fit = PartFit {
        pace,
        errors: errors(&all).unwrap_or(none),
        classes,
    };
    write::put(
        profile,
        part,
        &Fitted {
            base,
            fit: &fit,
            coefficients: &coefficients,
            points: &points,
            of_class: &of_class,
        },
    );
    fit
}

/// What is put into a profile.
struct Fitted<'a> {
    base: &'a ProfileFile,
    fit: &'a PartFit,
    coefficients: &'a [f64],
    points: &'a [Point],
    of_class: &'a [Vec<usize>],
}

impl Origin {
    /// With the pace that its coefficients are expected at.
    fn with_pace(self, class_pace: f64) -> (f64, Origin) {
        match self {
            Origin::Fitted => (class_pace, self),
            Origin::Scaled(pace) | Origin::Base(pace) => (pace, self),
        }
    }
}

fn fit_of(fits: &[FitFile], is_cached: bool) -> Option<&FitFile> {
    fits.iter().find(|fit| fit.cached == is_cached)
}

fn fits_of(base: &ProfileFile, class: CostClass, part: Part) -> &[FitFile] {
    let class = base.class.of(class);
    match part {
        Part::Block => &class.block,
        Part::Restore => &class.restore,
    }
}

fn base_coefficients(base: &ProfileFile, part: Part) -> Vec<f64> {
    let mut known = vec![0.0; PLACES];
    known[CALL] = if part == Part::Block {
        base.call.block_ns as f64
    } else {
        0.0
    };
    let (key, mark) = match part {
        Part::Block => (base.key.block_ns, base.stream_pending.block_ns),
        Part::Restore => (base.key.restore_ns, base.stream_pending.restore_ns),
    };
    known[KEY] = key as f64;
    known[MARK] = mark as f64;
    for class in CostClass::ALL {
        for is_cached in [true, false] {
            if let Some(fit) = fit_of(fits_of(base, class, part), is_cached) {
                let at = place(class, is_cached);
                known[at] = fit.element_ns.0;
                known[at + 1] = fit.byte_ns.0;
            }
        }
    }
    known
}

/// Of which coefficients the time of a call is the sum, and how often each counts.
fn terms(call: &Measurement, base: &ProfileFile, part: Part) -> Vec<(usize, f64)> {
    let mut times = vec![0.0; PLACES];
    times[CALL] = if part == Part::Block { 1.0 } else { 0.0 };
    for carried in &call.carried {
        times[KEY] += carried.keys as f64;
        times[MARK] += carried.marks as f64;
        let each = carried.elements / carried.keys.max(1);
        let may_be_cached = each < base.uncached_elements_min;
        let is_cached = may_be_cached && fit_of(fits_of(base, carried.class, part), true).is_some();
        let at = place(carried.class, is_cached);
        times[at] += carried.elements as f64;
        times[at + 1] += carried.bytes as f64;
    }
    let terms = times.into_iter().enumerate();
    terms.filter(|&(_, times)| times > 0.0).collect()
}

/// The class that makes up most of a call's time by what is known, its keys and marks aside.
fn ruling_class(point: &Point, known: &[f64]) -> Option<CostClass> {
    let all = point.predicted(known);
    CostClass::ALL
        .into_iter()
        .find(|&class| 2.0 * share_ns(point, class, known) > all)
}

fn share_ns(point: &Point, class: CostClass, known: &[f64]) -> f64 {
    let first = place(class, true);
    let own = point
        .terms
        .iter()
        .filter(|(at, _)| (first..first + 4).contains(at));
    own.map(|&(at, times)| times * known[at]).sum()
}

/// The pace of a class: the median of its points, drawn to the pace of the machine as if that were one more.
fn class_pace(class: CostClass, points: &[&Point], known: &[f64], pace: f64) -> f64 {
    let ratios: Vec<f64> = points
        .iter()
        .map(|point| {
            let own = share_ns(point, class, known);
            let rest = (point.predicted(known) - own) * pace;
            ((point.ns - rest) / own).clamp(pace / PACE_RATIO_MAX, pace * PACE_RATIO_MAX)
        })
        .collect();
    let Some(middle) = median(&ratios) else {
        return pace;
    };
    let n = ratios.len() as f64;
    ((n * middle.ln() + pace.ln()) / (n + 1.0)).exp()
}

fn priors(known: &[f64], pace: f64, origins: &[(f64, Origin); CostClass::ALL.len()]) -> Vec<Prior> {
    /// What weighs as a whole error where nothing is known: per element, and per byte.
    const UNIT_NS: [f64; 2] = [20.0, 1.0];
    let prior = |at: usize| {
        let (pace, is_fixed) = match at.checked_sub(FIRST) {
            None => (pace, known[at] == 0.0),
            Some(of_class) => {
                let (pace, origin) = origins[of_class / 4];
                (pace, origin != Origin::Fitted)
            }
        };
        let ns = known[at] * pace;
        let unit = match (known[at] > 0.0, at.checked_sub(FIRST)) {
            (true, _) | (_, None) => ns.max(f64::MIN_POSITIVE),
            (false, Some(of_class)) => UNIT_NS[of_class % 2] * pace,
        };
        Prior { ns, unit, is_fixed }
    };
    (0..known.len()).map(prior).collect()
}
