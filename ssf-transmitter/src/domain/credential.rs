//! What a Receiver shows to be recognised.

use std::time::Duration;

use ssf_types::{time::Timestamp, uri::Issuer};

use super::id::Fingerprint;

/// How long what is replaced counts beside what replaces it, unless the operator says otherwise.
pub const OVERLAP_DEFAULT: Duration = Duration::from_hours(24);

/// Longest time for that: beyond it, nobody remembers that there is an old one.
pub const OVERLAP_MAX: Duration = Duration::from_hours(24 * 30);

/// Most keys that a client may register at once: two of each algorithm.
pub const CLIENT_KEYS_MAX: usize = 8;

/// What a Receiver shows to be recognised.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Credential {
    /// A token that is good for itself (RFC 6750).
    Bearer(Fingerprint),
    /// A secret with which a client gets tokens (RFC 6749 §2.3.1).
    ClientSecret(Fingerprint),
    /// Keys with which a client signs assertions to get tokens (RFC 7523): a JWKS of public keys alone.
    ClientKeys(String),
    /// The name that an external authorization server has for the client.
    External(ExternalClient),
}

/// A client of an external authorization server.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ExternalClient {
    /// The server's issuer (RFC 8414 §2).
    pub authorization_server: Issuer,
    /// The client as the server's tokens name it.
    pub client_id: String,
    /// Stands for server and client at one of our issuers, where no two Receivers have the same.
    pub fingerprint: Fingerprint,
}

impl ExternalClient {
    /// Names a client, with what stands for it at one of our issuers.
    pub fn new(authorization_server: Issuer, client_id: String, fingerprint: Fingerprint) -> Self {
        Self {
            authorization_server,
            client_id,
            fingerprint,
        }
    }
}

/// Of what kind a credential is. A Receiver has one of each kind at most, and a predecessor for a while.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum CredentialKind {
    /// See [`Credential::Bearer`].
    Bearer,
    /// See [`Credential::ClientSecret`].
    ClientSecret,
    /// See [`Credential::ClientKeys`].
    ClientKeys,
    /// See [`Credential::External`].
    External,
}

impl CredentialKind {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Bearer,
        Self::ClientSecret,
        Self::ClientKeys,
        Self::External,
    ];

    /// The kind as it is stored and listed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bearer => "bearer",
            Self::ClientSecret => "client_secret",
            Self::ClientKeys => "client_keys",
            Self::External => "external",
        }
    }

    /// Reads what [`CredentialKind::as_str`] has written; `None` for anything else.
    pub fn read(stored: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == stored)
    }
}

impl Credential {
    /// Of what kind it is.
    pub fn kind(&self) -> CredentialKind {
        match self {
            Self::Bearer(_) => CredentialKind::Bearer,
            Self::ClientSecret(_) => CredentialKind::ClientSecret,
            Self::ClientKeys(_) => CredentialKind::ClientKeys,
            Self::External(_) => CredentialKind::External,
        }
    }

    /// What it is found by; keys are found by their owner alone.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        match self {
            Self::Bearer(fingerprint) | Self::ClientSecret(fingerprint) => Some(*fingerprint),
            Self::External(client) => Some(client.fingerprint),
            Self::ClientKeys(_) => None,
        }
    }
}

/// A credential that is registered.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Registered {
    /// The credential.
    pub credential: Credential,
    /// Until when it counts, if it was replaced; for good otherwise.
    pub until: Option<Timestamp>,
}

impl Registered {
    /// A credential that counts for good, or until a moment.
    pub fn new(credential: Credential, until: Option<Timestamp>) -> Self {
        Self { credential, until }
    }

    /// Whether it counts at `now`.
    pub fn counts(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_read_as_it_was_stored() {
        for kind in CredentialKind::ALL {
            assert_eq!(CredentialKind::read(kind.as_str()), Some(kind));
        }
        assert_eq!(CredentialKind::read("password"), None);
    }

    #[test]
    fn a_credential_that_was_replaced_counts_until_its_time_is_over() {
        let at = Timestamp::from_secs;
        let keys = || Credential::ClientKeys(String::new());
        let replaced = Registered::new(keys(), Some(at(2)));
        assert!(replaced.counts(at(1)));
        assert!(!replaced.counts(at(2)));
        assert!(Registered::new(keys(), None).counts(at(2)));
    }
}
