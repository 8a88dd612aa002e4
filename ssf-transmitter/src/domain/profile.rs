//! Profiles: the dialects that Receivers speak, as far as they have to do with a transmitter.

use std::time::Duration;

use ssf_types::{dialect::Dialect, push::Acknowledge};

/// How a Receiver's requests are understood, and its answers and SETs written.
///
/// Each is one of the [dialects](ssf_types::dialect), which say what differs; dialects of Transmitters are none.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Profile {
    /// SSF 1.0 to the letter: `ssf-1.0`.
    #[default]
    Strict,
    /// The third implementer's draft of SSF: `ssf-id3`.
    SsfDraft3,
    /// The second implementer's draft of SSF: `ssf-id2`.
    SsfDraft2,
    /// The first implementer's draft, when SSF was SSE: `sse-id1`.
    SseDraft1,
    /// Apple Business Manager and Apple School Manager: `apple`.
    Apple,
    /// Google Workspace: `google-workspace`.
    GoogleWorkspace,
    /// Okta: `okta`.
    Okta,
    /// `SailPoint` Identity Security Cloud: `sailpoint`.
    SailPoint,
}

/// There is no such profile.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "there is no such profile: one of ssf-1.0, ssf-id3, ssf-id2, sse-id1, apple, google-workspace, okta, sailpoint"
)]
pub struct NoSuchProfile;

impl Profile {
    /// All of them, the strict one first.
    pub const ALL: [Self; 8] = [
        Self::Strict,
        Self::SsfDraft3,
        Self::SsfDraft2,
        Self::SseDraft1,
        Self::Apple,
        Self::GoogleWorkspace,
        Self::Okta,
        Self::SailPoint,
    ];

    /// Reads the name of a profile, which is that of its dialect.
    ///
    /// # Errors
    /// There is no profile of that name.
    pub fn parse(name: &str) -> Result<Self, NoSuchProfile> {
        let named = |profile: &Self| profile.as_str() == name;
        Self::ALL.into_iter().find(named).ok_or(NoSuchProfile)
    }

    /// The name of the profile.
    pub fn as_str(self) -> &'static str {
        self.dialect().name
    }

    /// The dialect in which SETs are written, and refusals of them read.
    pub fn dialect(self) -> &'static Dialect {
        match self {
            Self::Strict => &Dialect::SSF_1_0,
            Self::SsfDraft3 => &Dialect::SSF_ID3,
            Self::SsfDraft2 => &Dialect::SSF_ID2,
            Self::SseDraft1 => &Dialect::SSE_ID1,
            Self::Apple => &Dialect::APPLE,
            Self::GoogleWorkspace => &Dialect::GOOGLE_WORKSPACE,
            Self::Okta => &Dialect::OKTA,
            Self::SailPoint => &Dialect::SAILPOINT,
        }
    }

    /// The dialect of the management API.
    ///
    /// Okta and Google Workspace take SETs and never ask for them: whoever makes their streams does so by SSF 1.0.
    pub fn management(self) -> &'static Dialect {
        match self {
            Self::Okta | Self::GoogleWorkspace => &Dialect::SSF_1_0,
            Self::Strict
            | Self::SsfDraft3
            | Self::SsfDraft2
            | Self::SseDraft1
            | Self::Apple
            | Self::SailPoint => self.dialect(),
        }
    }

    /// Whether streams may ask for what SSF 1.0 does not have.
    pub fn is_extended(self) -> bool {
        match self {
            Self::Strict => true,
            Self::SsfDraft3
            | Self::SsfDraft2
            | Self::SseDraft1
            | Self::Apple
            | Self::GoogleWorkspace
            | Self::Okta
            | Self::SailPoint => false,
        }
    }

    /// How long after its creation a stream gets a verification that nobody has requested; `None` if it gets none.
    ///
    /// Apple waits for one, and takes it once it has read that there is a stream.
    pub fn verified_after(self) -> Option<Duration> {
        match self {
            Self::Apple => Some(Duration::from_secs(2)),
            Self::Strict
            | Self::SsfDraft3
            | Self::SsfDraft2
            | Self::SseDraft1
            | Self::GoogleWorkspace
            | Self::Okta
            | Self::SailPoint => None,
        }
    }

    /// Which answers acknowledge a push: 202 alone in the strict profile (RFC 8935 §2.2), any 2xx in all others.
    pub fn acknowledge(self) -> Acknowledge {
        match self {
            Self::Strict => Acknowledge::Strict202,
            Self::SsfDraft3
            | Self::SsfDraft2
            | Self::SseDraft1
            | Self::Apple
            | Self::GoogleWorkspace
            | Self::Okta
            | Self::SailPoint => Acknowledge::Any2xx,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_found_by_its_name_and_by_no_other() {
        for profile in Profile::ALL {
            assert_eq!(Profile::parse(profile.as_str()), Ok(profile));
            assert!(NoSuchProfile.to_string().contains(profile.as_str()));
        }
        for name in ["", "Okta", "caep-dev", "google-risc"] {
            assert_eq!(Profile::parse(name), Err(NoSuchProfile), "{name}");
        }
    }

    #[test]
    fn the_default_tolerates_and_changes_nothing() {
        let strict = Profile::default();
        assert_eq!(strict.dialect(), &Dialect::SSF_1_0);
        assert_eq!(strict.management(), &Dialect::SSF_1_0);
        assert_eq!(strict.acknowledge(), Acknowledge::Strict202);
        assert_eq!(strict.verified_after(), None);
    }

    #[test]
    fn whoever_only_takes_sets_is_managed_by_the_letter() {
        for profile in [Profile::Okta, Profile::GoogleWorkspace] {
            assert_ne!(profile.dialect(), &Dialect::SSF_1_0);
            assert_eq!(profile.management(), &Dialect::SSF_1_0);
            assert_eq!(profile.acknowledge(), Acknowledge::Any2xx);
        }
    }
}
