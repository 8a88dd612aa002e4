//! What is wrong with a configuration.

use std::fmt;

use super::Source;

/// One thing that is wrong.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ConfigFault {
    /// The setting.
    pub key: String,
    /// Where it was set, or would be by default.
    pub source: Source,
    /// What to fix, without the value.
    pub problem: String,
}

/// All that is wrong with a configuration.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ConfigError(pub(super) Vec<ConfigFault>);

impl ConfigError {
    /// The faults, at least one.
    pub fn faults(&self) -> &[ConfigFault] {
        &self.0
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration cannot be used")?;
        for ConfigFault {
            key,
            source,
            problem,
        } in &self.0
        {
            write!(f, "\n  {key} ({source}): {problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}
