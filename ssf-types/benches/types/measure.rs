//! One operation beside its yardstick.
//!
//! Machines are noisy and drift, so a ratio is not that of two means taken seconds apart: short batches of the yardstick
//! and of ours alternate, in an order that alternates too, each pair gives one ratio, and the median of these is
//! reported. The times are medians over the same batches.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::Fallible;

/// Long enough that reading the clock is lost in it, short enough that a pair sees one state of the machine.
const BATCH: Duration = Duration::from_millis(5);

/// An operation that tells whether it succeeded.
pub(crate) type Operation<'o> = Box<dyn FnMut() -> bool + 'o>;

/// Two operations that do comparable work.
pub(crate) struct Pair<'o> {
    pub(crate) ours: Operation<'o>,
    pub(crate) yardstick: Operation<'o>,
}

/// What a pair took.
pub(crate) struct Measured {
    /// Nanoseconds of one operation of ours.
    pub(crate) ours: f64,
    /// Nanoseconds of one operation of the yardstick.
    pub(crate) yardstick: f64,
    /// The median of the pairs' ratios.
    pub(crate) ratio: f64,
}

impl Pair<'_> {
    /// Measures both for as long as it is told.
    pub(crate) fn measure(&mut self, duration: Duration) -> Fallible<Measured> {
        let (ours, yardstick) = (&mut *self.ours, &mut *self.yardstick);
        let (our_repetitions, yardstick_repetitions) = (repetitions(ours), repetitions(yardstick));
        let (mut our_batches, mut yardstick_batches) = (Vec::new(), Vec::new());
        let begun = Instant::now();
        while begun.elapsed() < duration || our_batches.len() % 2 == 1 {
            let ours_first = our_batches.len() % 2 == 1;
            if ours_first {
                our_batches.push(batch(ours, our_repetitions)?);
            }
            yardstick_batches.push(batch(yardstick, yardstick_repetitions)?);
            if !ours_first {
                our_batches.push(batch(ours, our_repetitions)?);
            }
        }
        let ratios = our_batches.iter().zip(&yardstick_batches);
        Ok(Measured {
            ratio: median(ratios.map(|(ours, yardstick)| ours / yardstick).collect()),
            ours: median(our_batches),
            yardstick: median(yardstick_batches),
        })
    }
}

impl Measured {
    /// One entry of the summary; `goal` is the largest ratio that is good enough.
    pub(crate) fn entry(&self, name: &str, goal: Option<f64>) -> Value {
        json!({
            "name": name,
            "value": rounded(self.ours, 0),
            "unit": "ns",
            "per_second": rounded(1e9 / self.ours, 0),
            "yardstick": rounded(self.yardstick, 0),
            "ratio": rounded(self.ratio, 3),
            "goal": goal,
            "met": goal.map(|goal| self.ratio <= goal),
        })
    }
}

/// How many repetitions fill a batch, found while warming up.
fn repetitions(operation: &mut dyn FnMut() -> bool) -> u32 {
    let begun = Instant::now();
    let mut done = 0_u32;
    while begun.elapsed() < 20 * BATCH {
        black_box(operation());
        done += 1;
    }
    (done / 20).max(1)
}

fn batch(operation: &mut dyn FnMut() -> bool, repetitions: u32) -> Fallible<f64> {
    let begun = Instant::now();
    let mut all_succeed = true;
    for _ in 0..repetitions {
        all_succeed &= operation();
    }
    let elapsed = begun.elapsed();
    if !all_succeed {
        return Err("an operation under measurement fails".into());
    }
    Ok(elapsed.as_secs_f64() * 1e9 / f64::from(repetitions))
}

pub(crate) fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let (low, high) = (numbers.len().saturating_sub(1) / 2, numbers.len() / 2);
    match (numbers.get(low), numbers.get(high)) {
        (Some(low), Some(high)) => f64::midpoint(*low, *high),
        (None, _) | (_, None) => f64::NAN,
    }
}

pub(crate) fn rounded(number: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (number * scale).round() / scale
}
