//! Figures that are not times of an operation beside those of another.

use serde_json::{Value, json};

use crate::measure::rounded;

/// What something of ours takes, in raw signatures or another yardstick of the same run.
pub(crate) struct Ratio {
    pub(crate) name: String,
    /// CPU time of ours, in nanoseconds.
    pub(crate) nanos: f64,
    /// CPU time of the yardstick, in nanoseconds.
    pub(crate) yardstick: f64,
    /// The largest that is good enough.
    pub(crate) goal: Option<f64>,
}

impl Ratio {
    pub(crate) fn entry(&self) -> Value {
        self.entry_of(self.nanos / self.yardstick)
    }

    /// The same with the median of the ratios of rounds, in each of which both sides saw the same machine.
    pub(crate) fn entry_of(&self, ratio: f64) -> Value {
        json!({
            "name": self.name,
            "value": rounded(self.nanos, 0),
            "unit": "ns of CPU",
            "yardstick": rounded(self.yardstick, 0),
            "ratio": rounded(ratio, 3),
            "goal": self.goal,
            "met": self.goal.map(|goal| ratio <= goal),
        })
    }
}

/// Something that is to be as much as something else, and neither more nor less.
pub(crate) struct Parity<'p> {
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) yardstick: f64,
    /// What both are counted in.
    pub(crate) unit: &'p str,
    /// How far it may be off, in parts of the yardstick.
    pub(crate) tolerance: f64,
}

impl Parity<'_> {
    pub(crate) fn entry(&self) -> Value {
        let ratio = self.value / self.yardstick;
        json!({
            "name": self.name,
            "value": rounded(self.value, 3),
            "unit": self.unit,
            "yardstick": rounded(self.yardstick, 3),
            "ratio": rounded(ratio, 3),
            "goal": 1.0,
            "tolerance": self.tolerance,
            "met": (ratio - 1.0).abs() <= self.tolerance,
        })
    }
}

/// A figure that stands for itself; `goal` is the largest that is good enough.
pub(crate) fn figure(name: &str, value: f64, unit: &str, goal: Option<f64>) -> Value {
    json!({
        "name": name,
        "value": rounded(value, 3),
        "unit": unit,
        "goal": goal,
        "met": goal.map(|goal| value <= goal),
    })
}
