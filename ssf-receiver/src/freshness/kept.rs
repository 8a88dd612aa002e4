//! What is kept of the hearing besides the SETs: when something was heard last, and which losses somebody accepted.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use ssf_types::{id::Epoch, time::Timestamp, uri::Issuer};

use crate::inbox::{InboxError, Settings};

/// What the settings have of one transmitter.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Kept {
    /// When something was heard last, by the wall's clock.
    pub(crate) heard_at: Option<Timestamp>,
    /// What is not looked for any more.
    pub(crate) accepted: Option<AcceptedLoss>,
}

/// Nothing of a run up to a number is looked for any more: somebody has seen to it otherwise.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct AcceptedLoss {
    pub(crate) epoch: Epoch,
    pub(crate) through: u64,
}

impl Kept {
    /// Reads the settings; what cannot be read was not kept.
    pub(crate) fn read(settings: &Settings, issuer: &Issuer) -> Self {
        let heard = settings.get(&heard_name(issuer));
        let heard = heard.and_then(|millis| millis.parse().ok());
        let accepted = settings.get(&accepted_name(issuer));
        Self {
            heard_at: heard.map(Timestamp::from_millis),
            accepted: accepted.and_then(|text| serde_json::from_str(text).ok()),
        }
    }

    /// How long ago something was heard; `None` if that is not known, or lies ahead, since a clock was set.
    pub(super) fn heard_ago(&self, now: Timestamp) -> Option<Duration> {
        let heard_at = self.heard_at?;
        (heard_at <= now).then(|| now.since(heard_at))
    }

    /// Up to which number of a run nothing is looked for.
    pub(super) fn accepted_of(&self, epoch: &Epoch) -> u64 {
        let accepted = self.accepted.as_ref();
        let accepted = accepted.filter(|accepted| accepted.epoch == *epoch);
        accepted.map_or(0, |accepted| accepted.through)
    }
}

/// The setting that remembers when something was heard.
pub(crate) fn heard(issuer: &Issuer, at: Timestamp) -> Settings {
    [(heard_name(issuer), at.as_millis().to_string())].into()
}

impl AcceptedLoss {
    /// The setting that remembers it.
    pub(crate) fn write(&self, issuer: &Issuer) -> Result<Settings, InboxError> {
        let text = serde_json::to_string(self)
            .map_err(|error| InboxError::new("remember what was accepted", error))?;
        Ok([(accepted_name(issuer), text)].into())
    }
}

fn heard_name(issuer: &Issuer) -> String {
    format!("heard {issuer}")
}

fn accepted_name(issuer: &Issuer) -> String {
    format!("accepted_loss {issuer}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issuer() -> Issuer {
        Issuer::parse("https://idp.example.com").unwrap()
    }

    #[test]
    fn what_was_heard_and_accepted_is_read_as_it_was_written() {
        let accepted = AcceptedLoss {
            epoch: Epoch::parse("e").unwrap(),
            through: 7,
        };
        let mut settings = heard(&issuer(), Timestamp::from_millis(1_000_001));
        settings.extend(accepted.write(&issuer()).unwrap());
        let kept = Kept::read(&settings, &issuer());
        assert_eq!(kept.heard_at, Some(Timestamp::from_millis(1_000_001)));
        assert_eq!(kept.accepted, Some(accepted));
        assert_eq!(kept.accepted_of(&Epoch::parse("e").unwrap()), 7);
        assert_eq!(kept.accepted_of(&Epoch::parse("f").unwrap()), 0);
        let other = Issuer::parse("https://other.example.com").unwrap();
        assert_eq!(Kept::read(&settings, &other), Kept::default());
    }

    #[test]
    fn what_was_heard_in_the_future_was_not_heard() {
        let kept = Kept {
            heard_at: Some(Timestamp::from_secs(100)),
            accepted: None,
        };
        let ago = |now| kept.heard_ago(Timestamp::from_secs(now));
        assert_eq!(ago(100), Some(Duration::ZERO));
        assert_eq!(ago(160), Some(Duration::from_mins(1)));
        assert_eq!(ago(99), None);
    }
}
