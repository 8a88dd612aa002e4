//! The same for issuers of tokens that are no SETs.

use ssf_types::{
    jwt::{SignatureError, UnverifiedJwt},
    uri::{EndpointUrl, Issuer},
};

use super::{Documents, Keys, Unverified};
use crate::client::Http;

impl Keys {
    /// Those of an issuer of tokens, which are at `jwks_url`, or where its metadata says.
    pub(crate) fn of_tokens(issuer: Issuer, jwks_url: Option<EndpointUrl>, http: Http) -> Self {
        Self::new(issuer, Documents::TokenIssuer(http, jwks_url), None)
    }

    /// Verifies the signature of a JWT, with newer keys if need be.
    pub(crate) async fn verify_jwt(
        &self,
        jwt: &UnverifiedJwt<'_>,
    ) -> Result<(), Unverified<SignatureError>> {
        let is_nameless = jwt.header.kid.is_none();
        let may_change = |error: &SignatureError| {
            matches!(error, SignatureError::UnknownKey)
                || is_nameless && matches!(error, SignatureError::Wrong)
        };
        self.verified(|keys| jwt.verify(keys), may_change).await
    }

    /// Number of the last fetch that succeeded: what was verified before it may have been signed with a key that was
    /// withdrawn since.
    pub(crate) fn fetched(&self) -> u64 {
        *self.fetched.borrow()
    }
}
