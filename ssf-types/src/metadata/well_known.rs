//! Where metadata is.

use url::Url;

use crate::uri::Issuer;

/// What SSF 1.0 puts in front of the issuer's path (SSF 1.0 §7.2).
pub const WELL_KNOWN: &str = "/.well-known/ssf-configuration";

/// A place where the metadata of an issuer may be.
///
/// Whoever reads older Transmitters asks in the order of [`WellKnown::ALL`], takes the first document that there is, and
/// never merges two.
///
/// ```
/// # use ssf_types::{metadata::WellKnown, uri::Issuer};
/// let issuer = Issuer::parse("https://tr.example.com/issuer1/")?;
/// assert_eq!(
///     WellKnown::Ssf.url(&issuer).as_str(),
///     "https://tr.example.com/.well-known/ssf-configuration/issuer1"
/// );
/// # Ok::<(), ssf_types::uri::UriError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum WellKnown {
    /// Where SSF has it (SSF 1.0 §7.2).
    Ssf,
    /// Where the first implementer's draft had it, when SSF was SSE.
    Sse,
    /// Where RISC of 2018 had it, and where its Transmitters may keep it (SSF 1.0 §7.2.2).
    Risc,
}

impl WellKnown {
    /// All of them, the newest first.
    pub const ALL: [Self; 3] = [Self::Ssf, Self::Sse, Self::Risc];

    /// The path in front of the issuer's own.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Ssf => WELL_KNOWN,
            Self::Sse => "/.well-known/sse-configuration",
            Self::Risc => "/.well-known/risc-configuration",
        }
    }

    /// The path of the metadata of `issuer`: the prefix goes behind the authority, in front of the issuer's path, which
    /// loses its last slash (SSF 1.0 §7.2.1).
    pub fn path(self, issuer: &Issuer) -> String {
        let url = issuer.to_url();
        let path = url.path();
        format!(
            "{}{}",
            self.prefix(),
            path.strip_suffix('/').unwrap_or(path)
        )
    }

    /// The URL of the metadata of `issuer`.
    pub fn url(self, issuer: &Issuer) -> Url {
        let mut url = issuer.to_url();
        url.set_path(&self.path(issuer));
        url
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_goes_in_front_of_the_issuers_path() {
        for (issuer, url) in [
            (
                "https://tr.example.com",
                "https://tr.example.com/.well-known/ssf-configuration",
            ),
            (
                "https://tr.example.com/",
                "https://tr.example.com/.well-known/ssf-configuration",
            ),
            (
                "https://tr.example.com/a/b",
                "https://tr.example.com/.well-known/ssf-configuration/a/b",
            ),
            (
                "https://tr.example.com/a/",
                "https://tr.example.com/.well-known/ssf-configuration/a",
            ),
            (
                "http://127.0.0.1:8411/a",
                "http://127.0.0.1:8411/.well-known/ssf-configuration/a",
            ),
        ] {
            let issuer = Issuer::parse(issuer).unwrap();
            assert_eq!(WellKnown::Ssf.url(&issuer).as_str(), url);
        }
    }

    #[test]
    fn older_drafts_have_places_of_their_own() {
        let issuer = Issuer::parse("https://risc-tr.example.com/a").unwrap();
        let paths = WellKnown::ALL.map(|place| place.path(&issuer));
        assert_eq!(
            paths,
            [
                "/.well-known/ssf-configuration/a",
                "/.well-known/sse-configuration/a",
                "/.well-known/risc-configuration/a",
            ]
        );
    }
}
