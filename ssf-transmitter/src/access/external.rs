//! Tokens of external authorization servers: JWTs are checked here with the server's keys (RFC 9068 §4), others by asking
//! the server (RFC 7662).

mod answers;
mod discovery;
mod introspection;
mod outbound;

use std::sync::Arc;

use ssf_types::{
    jwt::{ClaimsError, LEEWAY, SignatureError, UnverifiedJwt},
    time::Timestamp,
    uri::Issuer,
};

pub(crate) use self::introspection::Introspection;
use self::{
    discovery::{DiscoverError, Discovery},
    introspection::{IntrospectError, Terms},
    outbound::Outbound,
};
use crate::{
    domain::{
        authorization_server::AuthorizationServer,
        introspection::NotVouchedError,
        issuer::{IssuerName, Issuers},
        push_address::PushAddresses,
        scope::Scopes,
    },
    outbound::{ClientError, TrustAnchors},
};

/// A client of an authorization server, whoever that is here.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ForeignClient {
    /// The client as the server names it.
    pub(crate) client_id: String,
    /// What the server lets it do here.
    pub(crate) scopes: Scopes,
}

/// A token of an authorization server lets nobody in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ForeignTokenError {
    /// It is a JWT of another type.
    #[error("typ is not that of an access token")]
    Type,
    /// It does not count here and now.
    #[error("the token does not count here and now")]
    Claims(#[source] ClaimsError),
    /// The server's keys did not sign it.
    #[error("the token is not signed with a key of the authorization server")]
    Signature(#[source] SignatureError),
    /// The server does not vouch for it.
    #[error("the authorization server does not vouch for the token")]
    NotVouched(#[source] NotVouchedError),
    /// It names no client.
    #[error("the token names no client")]
    Nameless,
    /// Whether it counts cannot be told now.
    #[error("the authorization server's keys cannot be had")]
    Keys(#[source] DiscoverError),
    /// Whether it counts cannot be told now.
    #[error("the authorization server cannot be asked")]
    Introspection(#[source] Arc<IntrospectError>),
}

impl ForeignTokenError {
    /// Whether nothing is wrong with the token, as far as anybody knows: it may count later.
    pub(crate) fn is_for_now(&self) -> bool {
        match self {
            Self::Keys(_) | Self::Introspection(_) => true,
            Self::Type
            | Self::Claims(_)
            | Self::Signature(_)
            | Self::NotVouched(_)
            | Self::Nameless => false,
        }
    }
}

/// The authorization servers whose tokens count here.
#[derive(Debug, Default)]
pub struct ExternalServers(Vec<ExternalServer>);

impl ExternalServers {
    /// Prepares for tokens of these servers at our issuers; none is asked anything before the first of its tokens comes, and
    /// none anywhere but at `addresses`, or on this machine if the configuration names it there without TLS.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn prepare(
        servers: &[AuthorizationServer],
        issuers: &Issuers,
        addresses: &PushAddresses,
        trust: &TrustAnchors,
    ) -> Result<Self, ClientError> {
        if servers.is_empty() {
            return Ok(Self::default());
        }
        let outbound = Outbound::new(addresses, trust)?;
        // The configuration names none but issuers that there are.
        let prepare = |server: &AuthorizationServer| {
            let here = issuers.of(&server.for_issuer)?;
            Some(ExternalServer::new(server.clone(), here, &outbound))
        };
        Ok(Self(servers.iter().filter_map(prepare).collect()))
    }

    /// Those whose tokens count at the issuer of this name.
    pub(crate) fn at(&self, name: &IssuerName) -> impl Iterator<Item = &ExternalServer> {
        let counts = move |server: &&ExternalServer| server.settings.for_issuer == *name;
        self.0.iter().filter(counts)
    }
}

/// An authorization server whose tokens count at one of our issuers.
#[derive(Debug)]
pub(crate) struct ExternalServer {
    settings: AuthorizationServer,
    audience: String,
    discovery: Discovery,
    introspection: Option<Introspection>,
}

impl ExternalServer {
    fn new(settings: AuthorizationServer, here: &Issuer, outbound: &Outbound) -> Self {
        let audience = settings.audience.as_deref();
        let audience = audience.unwrap_or(here.as_str()).to_owned();
        let discovery = Discovery::new(settings.issuer.clone(), outbound);
        let introspection = settings.introspection.clone().map(|client| {
            let terms = Terms {
                issuer: settings.issuer.clone(),
                audience: audience.clone(),
                client_claim: settings.client_claim.clone(),
            };
            let outbound = outbound.of(&settings.issuer);
            Introspection::new(client, terms, outbound, discovery.clone())
        });
        Self {
            settings,
            audience,
            discovery,
            introspection,
        }
    }

    /// The server's issuer.
    pub(crate) fn issuer(&self) -> &Issuer {
        &self.settings.issuer
    }

    /// What asks the server about tokens that cannot be checked here, if it is asked at all.
    pub(crate) fn introspection(&self) -> Option<&Introspection> {
        self.introspection.as_ref()
    }

    /// Whether a JWT is of the type that is checked here.
    pub(crate) fn has_type_of(&self, jwt: &UnverifiedJwt<'_>) -> bool {
        jwt.header.is_of_type(&self.settings.token_type)
    }

    /// Checks a JWT that says to be of this server.
    pub(crate) async fn check(
        &self,
        jwt: &UnverifiedJwt<'_>,
        now: Timestamp,
    ) -> Result<ForeignClient, ForeignTokenError> {
        if !self.has_type_of(jwt) {
            return Err(ForeignTokenError::Type);
        }
        let claims = &jwt.claims;
        // Before the signature: nobody fetches keys for what does not count anyway.
        claims
            .check(self.issuer().as_str(), &[&self.audience], now, LEEWAY)
            .map_err(ForeignTokenError::Claims)?;
        let client_id = claims.text(&self.settings.client_claim);
        let client_id = client_id.ok_or(ForeignTokenError::Nameless)?;
        self.verify(jwt).await?;
        Ok(ForeignClient {
            client_id,
            scopes: Scopes::recognised(claims.scopes.iter().map(String::as_str)),
        })
    }

    /// Checks the signature, with keys that were fetched since if it may be that of a new key.
    async fn verify(&self, jwt: &UnverifiedJwt<'_>) -> Result<(), ForeignTokenError> {
        let published = self.discovery.current().await;
        let published = published.map_err(ForeignTokenError::Keys)?;
        let mut verified = jwt.verify(&published.keys);
        let is_of_known_key = jwt
            .header
            .kid
            .as_ref()
            .is_some_and(|kid| published.keys.has(kid));
        if let Err(SignatureError::UnknownKey | SignatureError::Wrong) = verified
            && !is_of_known_key
        {
            let newer = self.discovery.newer_than(Some(published)).await;
            verified = jwt.verify(&newer.map_err(ForeignTokenError::Keys)?.keys);
        }
        verified.map_err(ForeignTokenError::Signature)
    }
}

#[cfg(test)]
mod tests;
