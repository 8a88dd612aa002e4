//! Tokens: JWTs that one of the configured issuers signed, and the sessions that they stand for.

use std::{sync::Arc, time::Duration};

use ssf_types::{
    audience::Audience,
    jwt::{Claims, ClaimsError, JwtError, LEEWAY, SignatureError, UnverifiedJwt},
    time::Timestamp,
    uri::Issuer,
};
use tokio::task::JoinHandle;

use super::{
    shown::identified,
    token_cache::{TokenCache, Verified},
};
use crate::{
    Receiver, Session, SessionKeys,
    client::{FetchError, Http},
    config::{IdentifierRule, TokenIssuerSettings},
    keys::{Keys, Unverified},
    revocation::issuer_form,
};

/// The types of access tokens and of ID tokens (RFC 9068 §2.1, RFC 7519 §5.1).
const TYPES: [&str; 2] = ["at+jwt", "JWT"];

/// What SETs and logout tokens have, and no token that shows who somebody is (RFC 8417 §2.2).
const EVENTS: &str = "events";

/// A token does not count.
#[derive(Debug, thiserror::Error)]
pub(in crate::daemon) enum TokenError {
    /// It is no JWT that can be read.
    #[error("the token is not a JWT")]
    Malformed(#[source] JwtError),
    /// It is none that shows who somebody is.
    #[error("the token is neither an access token nor an ID token")]
    Type,
    /// Nobody's tokens count but those of the configured issuers.
    #[error("iss is no issuer whose tokens count")]
    Issuer,
    /// It does not count here and now.
    #[error("the token does not count here and now")]
    Claims(#[source] ClaimsError),
    /// Its issuer did not sign it.
    #[error("the token is not signed with a key of its issuer")]
    Signature(#[source] SignatureError),
    /// No event could ever end it.
    #[error("no claim of the token is an identifier that a SET could name")]
    Nameless,
    /// Its issuer's keys cannot be fetched now.
    #[error("the keys of the token's issuer cannot be fetched now")]
    NotNow {
        /// When they may be.
        retry_after: Duration,
    },
}

/// What judges tokens.
pub(in crate::daemon) struct Tokens {
    issuers: Vec<TokenIssuer>,
    cache: TokenCache,
}

struct TokenIssuer {
    settings: TokenIssuerSettings,
    keys: Arc<Keys>,
    /// Fetches the keys.
    keeper: JoinHandle<()>,
}

impl Drop for TokenIssuer {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

impl TokenIssuer {
    fn start(settings: TokenIssuerSettings) -> Result<Self, FetchError> {
        let http = match &settings.jwks_url {
            Some(_) => Http::of_operator()?,
            None => Http::new(&settings.issuer)?,
        };
        let keys = Keys::of_tokens(settings.issuer.clone(), settings.jwks_url.clone(), http);
        let keys = Arc::new(keys);
        let keeper = Arc::clone(&keys);
        let keeper = tokio::spawn(async move {
            // At once, so that the first token finds them; should that fail, the next token has them fetched.
            tokio::join!(keeper.keep(), async {
                let _ = keeper.refresh().await;
            });
        });
        Ok(Self {
            settings,
            keys,
            keeper,
        })
    }
}

impl Tokens {
    /// Begins to fetch the keys of the issuers.
    pub(in crate::daemon) fn start(issuers: Vec<TokenIssuerSettings>) -> Result<Self, FetchError> {
        let issuers = issuers.into_iter().map(TokenIssuer::start);
        Ok(Self {
            issuers: issuers.collect::<Result<_, _>>()?,
            cache: TokenCache::new(rand::random()),
        })
    }

    /// The session that a token stands for, as each transmitter may end it, if the token counts.
    pub(in crate::daemon) async fn keys_of(
        &self,
        token: &str,
        now: Timestamp,
        receiver: &Receiver,
    ) -> Result<Arc<[SessionKeys]>, TokenError> {
        let hash = self.cache.hash(token);
        if let Some(found) = self.cache.find(hash)
            && self.still_counts(&found, now)
        {
            return Ok(found.keys);
        }
        let verified = self.verified(token, now, receiver).await?;
        let keys = Arc::clone(&verified.keys);
        self.cache.keep(hash, verified);
        Ok(keys)
    }

    /// What is known of an issuer of tokens, and its keys: for what it signs that is no token.
    pub(in crate::daemon) fn issuer(&self, iss: &str) -> Option<(&TokenIssuerSettings, &Keys)> {
        let mut issuers = self.issuers.iter();
        let issuer = issuers.find(|one| one.settings.issuer.as_str() == iss)?;
        Some((&issuer.settings, &issuer.keys))
    }

    /// Keys may have been withdrawn with each fetch.
    fn still_counts(&self, found: &Verified, now: Timestamp) -> bool {
        let issuer = self.issuers.get(found.issuer);
        // Of keys that were not fetched for a day, none is in use any more.
        let are_in_use = |keys: &Keys| keys.loaded() && keys.fetched() == found.fetch;
        now < found.until && issuer.is_some_and(|issuer| are_in_use(&issuer.keys))
    }

    async fn verified(
        &self,
        token: &str,
        now: Timestamp,
        receiver: &Receiver,
    ) -> Result<Verified, TokenError> {
        let jwt = UnverifiedJwt::parse(token).map_err(TokenError::Malformed)?;
        // Many products leave the type out; what must not be taken for a token has claims of its own.
        let is_token =
            jwt.header.typ.is_none() || TYPES.iter().any(|typ| jwt.header.is_of_type(typ));
        if !is_token || jwt.claims.json(EVENTS).is_some() {
            return Err(TokenError::Type);
        }
        let mut issuers = self.issuers.iter().enumerate();
        let is_issuer =
            |(_, one): &(usize, &TokenIssuer)| one.settings.issuer.as_str() == jwt.claims.iss;
        let (place, issuer) = issuers.find(is_issuer).ok_or(TokenError::Issuer)?;
        // Before the signature: nobody has keys fetched for what does not count anyway.
        check(&jwt.claims, &issuer.settings, now).map_err(TokenError::Claims)?;
        let TokenIssuerSettings {
            issuer: iss,
            identifiers,
            scopes,
            ..
        } = &issuer.settings;
        let claim = |name: &str| jwt.claims.json(name);
        let of_scope = |scope| session(claim, (iss, identifiers), scope);
        let sessions: Option<Vec<Session>> = scopes.iter().map(of_scope).collect();
        let sessions = sessions.ok_or(TokenError::Nameless)?;
        // Before the keys are looked at: should others be fetched meanwhile, the token is verified once more.
        let fetch = issuer.keys.fetched();
        issuer
            .keys
            .verify_jwt(&jwt)
            .await
            .map_err(|error| match error {
                Unverified::Never(error) | Unverified::WithoutKey(error) => {
                    TokenError::Signature(error)
                }
                Unverified::NotNow { retry_after } => TokenError::NotNow { retry_after },
            })?;
        Ok(Verified {
            keys: sessions.iter().map(|one| receiver.keys(one)).collect(),
            until: jwt.claims.exp.after(LEEWAY),
            issuer: place,
            fetch,
        })
    }
}

fn check(
    claims: &Claims,
    settings: &TokenIssuerSettings,
    now: Timestamp,
) -> Result<(), ClaimsError> {
    let Some(audience) = &settings.audience else {
        return claims.check_time(now, LEEWAY);
    };
    let audience: Vec<&str> = Audience::values(audience).collect();
    claims.check(settings.issuer.as_str(), &audience, now, LEEWAY)
}

/// The session that claims stand for, by the rules of their issuer; `None` if no SET could name it.
///
/// `claim` is the JSON text of a claim.
pub(in crate::daemon) fn session<'c>(
    claim: impl Fn(&str) -> Option<&'c str>,
    (issuer, rules): (&Issuer, &[IdentifierRule]),
    scope: &Issuer,
) -> Option<Session> {
    let moment = |name| serde_json::from_str::<Timestamp>(claim(name)?).ok();
    let auth_time = moment("auth_time");
    // Another issuer's token may be issued anew, from a session that the transmitter has ended, without anybody having
    // signed in: then only the sign-in tells when that began. Who tells neither has it end with all of its user's.
    let is_own = issuer_form(issuer) == issuer_form(scope);
    let began = if is_own { moment("iat") } else { auth_time };
    let mut session = Session::new(scope.clone(), began.unwrap_or_default());
    if let Some(auth_time) = auth_time {
        session = session.auth_time(auth_time);
    }
    let text_of = |name: &str| serde_json::from_str(claim(name)?).ok();
    identified(session, rules, issuer, text_of)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::config::IdentifierFormat;

    fn settings(issuer: &str) -> TokenIssuerSettings {
        let rule = |name: &str, member: &str, format| IdentifierRule {
            name: name.to_owned(),
            member: member.to_owned(),
            format,
        };
        TokenIssuerSettings {
            issuer: Issuer::parse(issuer).unwrap(),
            jwks_url: None,
            audience: None,
            logout_audience: None,
            scopes: vec![Issuer::parse(issuer).unwrap()],
            identifiers: vec![
                rule("sub", "user", IdentifierFormat::IssSub),
                rule("jti", "session", IdentifierFormat::JwtId),
                rule("org", "tenant", IdentifierFormat::Opaque),
            ],
        }
    }

    fn session_of(issuer: &str, more: &Value) -> Option<Session> {
        let mut claims = json!({"iss": issuer, "exp": 2_000, "iat": 1_500, "auth_time": 1_000});
        claims
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let claims = Claims::parse(claims.to_string().as_bytes()).unwrap();
        let scope = Issuer::parse("https://idp.example.com").unwrap();
        let settings = settings(issuer);
        let rules = (&settings.issuer, settings.identifiers.as_slice());
        session(|name| claims.json(name), rules, &scope)
    }

    #[test]
    fn a_session_began_when_its_token_was_issued_if_the_transmitter_issued_it() {
        for issuer in ["https://idp.example.com", "https://idp.example.com/"] {
            let session = session_of(issuer, &json!({"sub": "alice"})).unwrap();
            assert_eq!(session.began(), Timestamp::from_secs(1_500));
            assert_eq!(session.authenticated(), Some(Timestamp::from_secs(1_000)));
            assert_eq!(session.issuer().as_str(), "https://idp.example.com");
        }
    }

    #[test]
    fn a_session_of_another_issuer_began_with_the_sign_in_or_nobody_knows_when() {
        let other = "https://other.example.com";
        let session = session_of(other, &json!({"sub": "alice"})).unwrap();
        assert_eq!(session.began(), Timestamp::from_secs(1_000));
        let untold = session_of(other, &json!({"sub": "alice", "auth_time": "1000"})).unwrap();
        assert_eq!(untold.began(), Timestamp::from_secs(0));
        assert_eq!(untold.authenticated(), None);
    }

    #[test]
    fn a_claim_becomes_the_identifier_that_it_is_configured_to_be() {
        let issuer = "https://idp.example.com";
        let claims = json!({"sub": "alice", "jti": "t1", "org": "acme", "email": "a@example.com"});
        let session = session_of(issuer, &claims).unwrap();
        let found: Vec<(&str, &str)> = session
            .identifiers()
            .map(|(member, one)| (member, one.format()))
            .collect();
        assert_eq!(
            found,
            [
                ("session", "jwt_id"),
                ("tenant", "opaque"),
                ("user", "iss_sub")
            ]
        );
    }

    #[test]
    fn a_token_that_no_set_could_name_stands_for_no_session() {
        let issuer = "https://idp.example.com";
        for claims in [
            json!({}),
            json!({"sub": ""}),
            json!({"sub": 7}),
            json!({"org": "acme"}),
        ] {
            assert!(session_of(issuer, &claims).is_none(), "{claims}");
        }
    }
}
