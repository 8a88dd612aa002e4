//! What an access token of the built-in token endpoint grants (RFC 9068 §2.2).

use std::time::Duration;

use serde_json::{Value, json};
use ssf_types::{
    jwt::{Claims, ClaimsError},
    time::Timestamp,
    uri::Issuer,
};
use uuid::Uuid;

use super::{id::ReceiverId, scope::Scopes};

/// The claim with the number that grows when all tokens of a Receiver have to stop.
const EPOCH: &str = "ssf_epoch";

/// What an access token grants.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Grant {
    /// Who may do it.
    pub receiver: ReceiverId,
    /// What it may do.
    pub scopes: Scopes,
    /// The Receiver's [`token_epoch`](super::receiver::Receiver::token_epoch) when the token was issued.
    pub epoch: u64,
}

/// Claims do not grant anything.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GrantError {
    /// They are not said by this issuer, to this issuer, for this moment.
    #[error("the token does not count here and now")]
    Claims(#[source] ClaimsError),
    /// They lack what every token of ours has.
    #[error("the token has no {0} that can be read")]
    Lacks(&'static str),
}

impl Grant {
    /// Grants `scopes` to a Receiver.
    pub fn new(receiver: ReceiverId, scopes: Scopes, epoch: u64) -> Self {
        Self {
            receiver,
            scopes,
            epoch,
        }
    }

    /// The claims of a token that `issuer` issues at `now`, for itself, for as long as `life`.
    pub fn claims(&self, issuer: &Issuer, jti: Uuid, now: Timestamp, life: Duration) -> Value {
        let client = self.receiver.to_string();
        json!({
            "iss": issuer,
            "aud": issuer,
            "sub": client,
            "client_id": client,
            "scope": self.scopes.to_string(),
            "iat": now.as_secs(),
            "exp": now.as_secs() + life.as_secs(),
            "jti": jti.simple().to_string(),
            EPOCH: self.epoch,
        })
    }

    /// Reads what such claims grant at `now`: tokens of another issuer, or for another one, grant nothing here.
    ///
    /// # Errors
    /// They grant nothing.
    pub fn read(claims: &Claims, issuer: &Issuer, now: Timestamp) -> Result<Self, GrantError> {
        let issuer = issuer.as_str();
        claims
            .check(issuer, &[issuer], now, Duration::ZERO)
            .map_err(GrantError::Claims)?;
        let receiver = claims.text("sub").and_then(|sub| ReceiverId::parse(&sub));
        Ok(Self {
            receiver: receiver.ok_or(GrantError::Lacks("sub"))?,
            scopes: Scopes::recognised(claims.scopes.iter().map(String::as_str)),
            epoch: claims.number(EPOCH).ok_or(GrantError::Lacks(EPOCH))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
    const LIFE: Duration = Duration::from_mins(10);

    fn issuer(url: &str) -> Issuer {
        Issuer::parse(url).unwrap()
    }

    fn grant() -> Grant {
        Grant::new(ReceiverId::new(Uuid::from_u128(7)), Scopes::all(), 3)
    }

    fn claims(issuer: &Issuer) -> Claims {
        let claims = grant().claims(issuer, Uuid::from_u128(1), NOW, LIFE);
        Claims::parse(claims.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn claims_grant_what_was_granted_until_their_time_is_over() {
        let here = issuer("https://tr.example.com/a");
        let claims = claims(&here);
        assert_eq!(Grant::read(&claims, &here, NOW), Ok(grant()));
        let last = NOW.after(Duration::from_secs(599));
        assert_eq!(Grant::read(&claims, &here, last), Ok(grant()));
        let over = Grant::read(&claims, &here, NOW.after(LIFE));
        assert_eq!(over, Err(GrantError::Claims(ClaimsError::Expired)));
    }

    #[test]
    fn claims_of_one_issuer_grant_nothing_at_another() {
        let claims = claims(&issuer("https://tr.example.com/a"));
        let there = Grant::read(&claims, &issuer("https://tr.example.com/b"), NOW);
        assert_eq!(there, Err(GrantError::Claims(ClaimsError::Issuer)));
    }

    #[test]
    fn claims_that_name_no_receiver_grant_nothing() {
        let here = issuer("https://tr.example.com");
        let mut claims = grant().claims(&here, Uuid::from_u128(1), NOW, LIFE);
        claims["sub"] = json!("00000000-0000-0000-0000-000000000007");
        let claims = Claims::parse(claims.to_string().as_bytes()).unwrap();
        let read = Grant::read(&claims, &here, NOW);
        assert_eq!(read, Err(GrantError::Lacks("sub")));
    }
}
