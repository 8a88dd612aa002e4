//! What a refusal tells about how to be let in (RFC 6750 §3, RFC 9728 §5.1).

use super::{
    oauth::{PROTECTED_RESOURCE, well_known_url},
    site::Site,
};
use crate::domain::scope::Scope;

/// The value of `WWW-Authenticate` for those who ask at a place.
#[derive(Debug)]
pub(super) struct Challenge {
    resource_metadata: Option<String>,
}

impl Challenge {
    /// At an issuer, whose documents tell where tokens are to be had.
    pub(super) fn of(site: &Site) -> Self {
        let url = well_known_url(PROTECTED_RESOURCE, &site.issuer);
        Self {
            resource_metadata: Some(url),
        }
    }

    /// Where no document tells anything.
    pub(super) fn plain() -> Self {
        Self {
            resource_metadata: None,
        }
    }

    /// Without a token: no error, since nothing was wrong (RFC 6750 §3.1).
    pub(super) fn bare(&self) -> String {
        self.with(&[])
    }

    /// With a token that does not count, or with several.
    pub(super) fn error(&self, code: &str) -> String {
        self.with(&[("error", code)])
    }

    /// With a token that counts, and does not let its bearer do this.
    pub(super) fn insufficient(&self, least: Scope) -> String {
        let error = ("error", "insufficient_scope");
        self.with(&[error, ("scope", least.as_str())])
    }

    /// Our values and URLs have neither quotes nor backslashes.
    fn with(&self, parameters: &[(&str, &str)]) -> String {
        let metadata = self.resource_metadata.as_deref();
        let metadata = metadata.map(|url| ("resource_metadata", url));
        let all = parameters.iter().copied().chain(metadata);
        let written: Vec<String> = all
            .map(|(name, value)| format!("{name}=\"{value}\""))
            .collect();
        match written.join(", ") {
            none if none.is_empty() => "Bearer".to_owned(),
            some => format!("Bearer {some}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_tells_no_error_where_nothing_was_wrong() {
        assert_eq!(Challenge::plain().bare(), "Bearer");
        let challenge = Challenge {
            resource_metadata: Some("https://tr.example.com/x".to_owned()),
        };
        let bare = "Bearer resource_metadata=\"https://tr.example.com/x\"";
        assert_eq!(challenge.bare(), bare);
    }

    #[test]
    fn a_challenge_tells_what_was_wrong_and_what_would_be_enough() {
        let plain = Challenge::plain();
        assert_eq!(
            plain.error("invalid_token"),
            "Bearer error=\"invalid_token\""
        );
        assert_eq!(
            plain.insufficient(Scope::Manage),
            "Bearer error=\"insufficient_scope\", scope=\"ssf.manage\""
        );
    }
}
