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
    pub(crate) fn value(&self) -> f64 {
        self.nanos / self.yardstick
    }

    pub(crate) fn entry(&self) -> Value {
        json!({
            "name": self.name,
            "value": rounded(self.nanos, 0),
            "unit": "ns of CPU",
            "yardstick": rounded(self.yardstick, 0),
            "ratio": rounded(self.value(), 3),
            "goal": self.goal,
            "met": self.goal.map(|goal| self.value() <= goal),
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
