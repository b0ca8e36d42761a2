//! Puts batches side by side where no client notices, and into windows.
//!
//! A client that talks to all nodes waits for every node that is silent, one after another: so the worst calls of the batches
//! of a wave, taken together, stay within the budget of one. Each node has part in one batch of a wave at most. A wave begins
//! with the mildest batch that is left and takes further ones in their order. It never begins before the one in front has
//! ended, so that at any time it is known what is under way.

use std::collections::{BTreeMap, VecDeque};

use crate::PlanLimits;
use crate::course::pace::Pace;
use crate::course::schedule::{Bundle, work_of_all, worst_block_us};
use crate::moves::verdict::Thresholds;
use crate::plan::TimeSpan;
use crate::survey::Survey;

/// Bundles that run side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wave {
    /// How many; they follow those of the wave before.
    pub(crate) bundles: usize,
    /// The window it runs in, counted from 1.
    pub(crate) window: u32,
    /// As long as its longest bundle.
    pub(crate) takes: TimeSpan,
}

/// The bundles in the order of their waves, and the waves.
///
/// The bundles come mildest first.
pub(crate) fn waves(
    bundles: Vec<Bundle>,
    survey: &Survey,
    limits: &PlanLimits,
    pace: &Pace,
) -> (Vec<Bundle>, Vec<Wave>) {
    let budget_us = Thresholds::new(limits).call_us;
    let most = limits.batches_side_by_side as usize;
    let mut queues: BTreeMap<(usize, usize), VecDeque<(usize, Bundle)>> = BTreeMap::new();
    for (turn, bundle) in bundles.into_iter().enumerate() {
        let pair = (bundle.from, bundle.to);
        queues.entry(pair).or_default().push_back((turn, bundle));
    }
    // A wave takes one bundle of a pair at most, so the first of each pair are all there is to look at.
    let mut firsts: BTreeMap<usize, (usize, usize)> = queues
        .iter()
        .filter_map(|(&pair, queue)| Some((queue.front()?.0, pair)))
        .collect();
    let (mut ordered, mut waves) = (Vec::new(), Vec::new());
    let mut windows = Windows::new(limits);
    while !firsts.is_empty() {
        let mut busy: Vec<usize> = Vec::new();
        let mut worst_us = 0u64;
        let begin = ordered.len();
        let mut takes = TimeSpan::default();
        let mut taken = Vec::new();
        for (&turn, &(from, to)) in &firsts {
            if taken.len() == most {
                break;
            }
            if busy.contains(&from) || busy.contains(&to) {
                continue;
            }
            let queue = queues.get_mut(&(from, to));
            let Some((_, bundle)) = queue.as_ref().and_then(|queue| queue.front()) else {
                continue;
            };
            let together_us = worst_us.saturating_add(worst_of(bundle, survey));
            if !taken.is_empty() && together_us > budget_us {
                // All that follow are worse.
                break;
            }
            busy.extend([from, to]);
            worst_us = together_us;
            takes = longer(takes, pace.time(work_of_all(survey, &bundle.slots, pace)));
            taken.push((turn, (from, to)));
            ordered.extend(
                queue
                    .and_then(VecDeque::pop_front)
                    .map(|(_, bundle)| bundle),
            );
        }
        for (turn, pair) in taken {
            firsts.remove(&turn);
            let next = queues.get(&pair).and_then(|queue| queue.front());
            firsts.extend(next.map(|&(turn, _)| (turn, pair)));
        }
        waves.push(Wave {
            bundles: ordered.len() - begin,
            window: windows.place(takes.high_us),
            takes,
        });
    }
    (ordered, waves)
}

/// The worst block of a bundle.
pub(crate) fn worst_of(bundle: &Bundle, survey: &Survey) -> u64 {
    let slots = bundle.slots.iter();
    slots
        .map(|&slot| worst_block_us(survey, slot))
        .max()
        .unwrap_or(0)
}

fn longer(one: TimeSpan, other: TimeSpan) -> TimeSpan {
    TimeSpan {
        low_us: one.low_us.max(other.low_us),
        expected_us: one.expected_us.max(other.expected_us),
        high_us: one.high_us.max(other.high_us),
    }
}

/// Windows are filled one after another with waves that surely end in them.
struct Windows {
    window_us: u64,
    number: u32,
    used_us: u64,
}

impl Windows {
    fn new(limits: &PlanLimits) -> Windows {
        Windows {
            window_us: limits
                .window_ms
                .map_or(u64::MAX, |ms| ms.saturating_mul(1_000)),
            number: 1,
            used_us: 0,
        }
    }

    fn place(&mut self, high_us: u64) -> u32 {
        let used_us = self.used_us.saturating_add(high_us);
        if used_us <= self.window_us || self.used_us == 0 {
            self.used_us = used_us;
        } else {
            self.number = self.number.saturating_add(1);
            self.used_us = high_us;
        }
        self.number
    }
}
