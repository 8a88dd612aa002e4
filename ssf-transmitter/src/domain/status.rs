//! Who may give a stream another status.

use ssf_types::stream::StreamStatus;

use super::stream::Stream;

/// Who gave a stream its status.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum StatusSetter {
    /// Its Receiver, or nobody yet.
    #[default]
    Receiver,
    /// A person who looks after the Transmitter.
    Operator,
    /// The Transmitter, by a rule of its own.
    Transmitter,
}

/// A Receiver may not give its stream another status.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StatusRefused {
    /// The operator has disabled the stream, and alone may enable it.
    #[error("the operator has disabled this stream, and has to enable it: ask there{}", told(.reason.as_deref()))]
    DisabledByOperator {
        /// What the operator gave as the reason.
        reason: Option<String>,
    },
}

fn told(reason: Option<&str>) -> String {
    reason.map_or(String::new(), |reason| format!(" ({reason})"))
}

impl StatusSetter {
    const ALL: [Self; 3] = [Self::Receiver, Self::Operator, Self::Transmitter];

    /// The setter as it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Receiver => "receiver",
            Self::Operator => "operator",
            Self::Transmitter => "transmitter",
        }
    }

    /// Reads what [`StatusSetter::as_str`] has written; `None` for anything else.
    pub fn read(stored: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|setter| setter.as_str() == stored)
    }
}

impl Stream {
    /// The stream with the status that its Receiver asks for (SSF 1.0 §8.1.2.2).
    ///
    /// A stream that the operator has disabled stays so, and the operator's. What the Transmitter or an operator has paused
    /// may go on: the Receiver knows whether it can.
    ///
    /// # Errors
    /// The operator has disabled the stream, and another status is asked for.
    pub fn as_its_receiver_asks(
        &self,
        status: StreamStatus,
        reason: Option<String>,
    ) -> Result<Self, StatusRefused> {
        match (self.status, self.status_set_by, status) {
            (StreamStatus::Disabled, StatusSetter::Operator, StreamStatus::Disabled) => {
                Ok(self.clone())
            }
            (
                StreamStatus::Disabled,
                StatusSetter::Operator,
                StreamStatus::Enabled | StreamStatus::Paused,
            ) => Err(StatusRefused::DisabledByOperator {
                reason: self.reason.clone(),
            }),
            (
                StreamStatus::Enabled | StreamStatus::Paused | StreamStatus::Disabled,
                StatusSetter::Receiver | StatusSetter::Operator | StatusSetter::Transmitter,
                _,
            ) => Ok(Self {
                status_set_by: StatusSetter::Receiver,
                ..self.with_status(status, reason)
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::stream::sample;

    const ALL: [StreamStatus; 3] = [
        StreamStatus::Enabled,
        StreamStatus::Paused,
        StreamStatus::Disabled,
    ];

    fn stream(status: StreamStatus, by: StatusSetter) -> Stream {
        let mut stream = sample().with_status(status, Some("because".into()));
        stream.status_set_by = by;
        stream
    }

    #[test]
    fn a_receiver_may_change_everything_but_what_the_operator_has_disabled() {
        for by in StatusSetter::ALL {
            for (before, after) in ALL.iter().flat_map(|one| ALL.map(|other| (*one, other))) {
                let asked = stream(before, by).as_its_receiver_asks(after, None);
                let kept = by == StatusSetter::Operator && before == StreamStatus::Disabled;
                assert_eq!(
                    asked.is_err(),
                    kept && after != before,
                    "{by:?} {before:?} {after:?}"
                );
                if !kept {
                    assert_eq!(asked, Ok(sample().with_status(after, None)));
                }
            }
        }
    }

    #[test]
    fn who_disables_what_the_operator_has_disabled_does_not_take_it_over() {
        let disabled = stream(StreamStatus::Disabled, StatusSetter::Operator);
        let again = disabled.as_its_receiver_asks(StreamStatus::Disabled, Some("mine".into()));
        assert_eq!(again.as_ref(), Ok(&disabled));
        let refused = again
            .unwrap()
            .as_its_receiver_asks(StreamStatus::Paused, None);
        assert_eq!(
            refused.unwrap_err().to_string(),
            "the operator has disabled this stream, and has to enable it: ask there (because)"
        );
    }

    #[test]
    fn a_setter_is_read_as_it_was_stored() {
        for setter in StatusSetter::ALL {
            assert_eq!(StatusSetter::read(setter.as_str()), Some(setter));
        }
        assert_eq!(StatusSetter::read("nobody"), None);
    }
}
