//! Receivers: who may manage streams.

use ssf_types::audience::Audience;

use super::{
    id::ReceiverId, issuer::IssuerName, profile::Profile, push_hosts::PushHosts, scope::Scopes,
};

/// Longest name of a Receiver, in bytes.
pub const NAME_BYTES_MAX: usize = 128;

/// A party that may create streams here.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Receiver {
    /// Given at registration.
    pub id: ReceiverId,
    /// Whose events it gets, and whose alone.
    pub issuer: IssuerName,
    /// What the operator calls it; no two have the same name.
    pub name: String,
    /// The `aud` of its streams and SETs (SSF 1.0 §8.1.1).
    pub audience: Audience,
    /// The most that it may do, by whatever token.
    pub scopes: Scopes,
    /// Grows when all access tokens that were issued to it have to stop.
    pub token_epoch: u64,
    /// How it speaks.
    pub profile: Profile,
    /// Where its streams may push to.
    pub push_hosts: PushHosts,
}

/// The text cannot name a Receiver.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a receiver's name has 1 to {NAME_BYTES_MAX} bytes and no control characters")]
pub struct ReceiverNameError;

impl Receiver {
    /// Describes a Receiver that may do everything with its own streams, and speaks SSF 1.0.
    ///
    /// # Errors
    /// The name is empty, longer than [`NAME_BYTES_MAX`], or has control characters.
    pub fn new(
        id: ReceiverId,
        issuer: IssuerName,
        name: impl Into<String>,
        audience: Audience,
    ) -> Result<Self, ReceiverNameError> {
        let name = name.into();
        if name.is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
            return Err(ReceiverNameError);
        }
        Ok(Self {
            id,
            issuer,
            name,
            audience,
            scopes: Scopes::all(),
            token_epoch: 0,
            profile: Profile::default(),
            push_hosts: PushHosts::any(),
        })
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn named(name: &str) -> Result<Receiver, ReceiverNameError> {
        let audience = Audience::new(["https://rp.example.com"]).unwrap();
        Receiver::new(
            ReceiverId::new(Uuid::from_u128(1)),
            IssuerName::default(),
            name,
            audience,
        )
    }

    #[test]
    fn a_name_is_kept() {
        assert_eq!(named("intranet").unwrap().name, "intranet");
    }

    #[test]
    fn a_name_that_could_split_a_line_is_refused() {
        assert_eq!(named("a\nb"), Err(ReceiverNameError));
        assert_eq!(named(""), Err(ReceiverNameError));
        assert_eq!(named(&"x".repeat(129)), Err(ReceiverNameError));
    }
}
