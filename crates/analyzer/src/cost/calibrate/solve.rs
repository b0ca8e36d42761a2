//! Coefficients that fit measured times, near to what is known beforehand.
//!
//! What is minimised is the sum of squared relative errors, none of the coefficients below zero; a point that lies far
//! from the others counts by its error and not by its square (Huber's weights). Each coefficient is drawn to what it
//! would be by the base profile at the measured pace, weakly: where a point tells of it the point decides, and where none
//! does it stays.

/// Times of calls as sums of coefficients: of each point the places of the coefficients and how often they count.
pub(super) struct Point {
    pub(super) terms: Vec<(usize, f64)>,
    pub(super) ns: f64,
}

/// What is known of a coefficient beforehand.
#[derive(Clone, Copy)]
pub(super) struct Prior {
    pub(super) ns: f64,
    /// An error of this size in the coefficient weighs as one of a hundred per cent.
    pub(super) unit: f64,
    /// Stays as it is.
    pub(super) is_fixed: bool,
}

/// How much what is known beforehand weighs: as so many points.
const PRIOR_WEIGHT: f64 = 0.1;
const REWEIGHTINGS: usize = 12;
const SWEEPS_MAX: usize = 2_000;
/// Relative errors up to this many times their median count by their square.
const OUTLIER_MEDIANS: f64 = 1.5;
const OUTLIER_MIN: f64 = 0.05;

impl Point {
    pub(super) fn predicted(&self, coefficients: &[f64]) -> f64 {
        self.terms
            .iter()
            .map(|&(at, times)| times * coefficients[at])
            .sum()
    }

    pub(super) fn error(&self, coefficients: &[f64]) -> f64 {
        (self.predicted(coefficients) / self.ns - 1.0).abs()
    }
}

/// The coefficients.
pub(super) fn solve(points: &[Point], priors: &[Prior]) -> Vec<f64> {
    let mut coefficients: Vec<f64> = priors.iter().map(|prior| prior.ns).collect();
    let mut weights = vec![1.0; points.len()];
    for _ in 0..REWEIGHTINGS {
        descend(
            &Equations::new(points, &weights, priors),
            priors,
            &mut coefficients,
        );
        let errors: Vec<f64> = points
            .iter()
            .map(|point| point.error(&coefficients))
            .collect();
        let trusted = (OUTLIER_MEDIANS * median(&errors).unwrap_or(0.0)).max(OUTLIER_MIN);
        for (weight, error) in weights.iter_mut().zip(errors) {
            *weight = if error <= trusted {
                1.0
            } else {
                trusted / error
            };
        }
    }
    coefficients
}

/// The normal equations of the weighted problem, in units of the priors.
struct Equations {
    matrix: Vec<Vec<f64>>,
    right: Vec<f64>,
}

impl Equations {
    fn new(points: &[Point], weights: &[f64], priors: &[Prior]) -> Equations {
        let mut matrix = vec![vec![0.0; priors.len()]; priors.len()];
        let mut right = vec![0.0; priors.len()];
        for (at, prior) in priors.iter().enumerate() {
            matrix[at][at] = PRIOR_WEIGHT;
            right[at] = PRIOR_WEIGHT * prior.ns / prior.unit;
        }
        for (point, weight) in points.iter().zip(weights) {
            let scaled = |&(at, times): &(usize, f64)| times * priors[at].unit / point.ns;
            for one in &point.terms {
                right[one.0] += weight * scaled(one);
                for other in &point.terms {
                    matrix[one.0][other.0] += weight * scaled(one) * scaled(other);
                }
            }
        }
        Equations { matrix, right }
    }
}

/// One coefficient after the other to where it is best, until none moves.
fn descend(equations: &Equations, priors: &[Prior], coefficients: &mut [f64]) {
    const STILL: f64 = 1e-12;
    let mut units: Vec<f64> = coefficients
        .iter()
        .zip(priors)
        .map(|(coefficient, prior)| coefficient / prior.unit)
        .collect();
    for _ in 0..SWEEPS_MAX {
        let mut moved = 0.0f64;
        for at in (0..units.len()).filter(|&at| !priors[at].is_fixed) {
            let row = &equations.matrix[at];
            let sum: f64 = row.iter().zip(&units).map(|(a, x)| a * x).sum();
            let best = (units[at] + (equations.right[at] - sum) / row[at]).max(0.0);
            moved = moved.max((best - units[at]).abs());
            units[at] = best;
        }
        if moved < STILL {
            break;
        }
    }
    for ((coefficient, unit), prior) in coefficients.iter_mut().zip(units).zip(priors) {
        *coefficient = unit * prior.unit;
    }
}

pub(super) fn median(values: &[f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// The value below which this part of them lies, between two of them the mean by nearness.
pub(super) fn quantile(values: &[f64], part: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = part * (sorted.len().checked_sub(1)? as f64);
    let (below, above) = (
        sorted[place.floor() as usize],
        sorted[place.ceil() as usize],
    );
    Some(below + (above - below) * place.fract())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prior(ns: f64) -> Prior {
        Prior {
            ns,
            unit: ns,
            is_fixed: false,
        }
    }

    fn points(truth: &[f64], shapes: &[[f64; 2]]) -> Vec<Point> {
        shapes
            .iter()
            .map(|times| Point {
                terms: times.iter().copied().enumerate().collect(),
                ns: times.iter().zip(truth).map(|(a, b)| a * b).sum(),
            })
            .collect()
    }

    const SHAPES: [[f64; 2]; 8] = [
        [1.0, 1e3],
        [1.0, 1e4],
        [1.0, 0.0],
        [10.0, 1e5],
        [100.0, 1e3],
        [50.0, 0.0],
        [1.0, 2e5],
        [20.0, 3e4],
    ];

    #[test]
    fn exact_times_give_their_coefficients_back_whatever_was_known() {
        let truth = [5_000.0, 3.0];
        // What was known weighs as a tenth of a point, which ten of each kind leave nothing of.
        let shapes = [SHAPES; 10].concat();
        let found = solve(&points(&truth, &shapes), &[prior(9_000.0), prior(1.0)]);
        for (found, truth) in found.iter().zip(truth) {
            assert!((found / truth - 1.0).abs() < 0.05, "{found} for {truth}");
        }
    }

    #[test]
    fn a_wild_point_moves_little() {
        let truth = [5_000.0, 3.0];
        let mut points = points(&truth, &SHAPES);
        points[4].ns *= 20.0;
        let found = solve(&points, &[prior(5_000.0), prior(3.0)]);
        for (found, truth) in found.iter().zip(truth) {
            assert!((found / truth - 1.0).abs() < 0.15, "{found} for {truth}");
        }
    }

    #[test]
    fn nothing_falls_below_zero_and_what_nobody_measured_stays() {
        let points = points(&[1_000.0, -0.002], &[[1.0, 1e4], [1.0, 1e5], [1.0, 1e3]]);
        let found = solve(&points, &[prior(500.0), prior(1.0), prior(42.0)]);
        assert!(found[1] >= 0.0 && found[1] < 0.01, "{found:?}");
        assert!((found[2] - 42.0).abs() < 1e-9, "{found:?}");
    }

    #[test]
    fn quantiles_lie_between_values() {
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(quantile(&[3.0, 1.0, 2.0], 0.5), Some(2.0));
        assert_eq!(quantile(&[1.0, 2.0], 0.5), Some(1.5));
        assert_eq!(quantile(&[1.0, 2.0], 1.0), Some(2.0));
    }
}
