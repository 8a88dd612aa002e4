//! What is wrong with a configuration.

use std::fmt;

use super::Source;

/// One thing that is wrong.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ConfigFault {
    /// The setting; that of a table as `transmitter.NAME.KEY`.
    pub key: String,
    /// Where it was set, or would be by default.
    pub source: Source,
    /// What to fix, without the value, which may be a secret.
    pub problem: String,
}

/// All that is wrong with a configuration: at least one thing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ConfigError(pub(super) Vec<ConfigFault>);

impl ConfigError {
    /// The faults, by their keys.
    pub fn faults(&self) -> &[ConfigFault] {
        &self.0
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration cannot be used")?;
        self.0.iter().try_for_each(|fault| {
            let (key, source, problem) = (&fault.key, &fault.source, &fault.problem);
            write!(f, "\n  {key} ({source}): {problem}")
        })
    }
}

impl std::error::Error for ConfigError {}
