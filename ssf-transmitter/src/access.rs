//! How those who ask show who they are: JWTs, access tokens of ours and of others, and assertions of clients.

use std::time::Duration;

mod assertion;
mod external;
mod failures;
mod token;

pub(crate) use self::{
    assertion::Assertion,
    external::{ExternalServer, ForeignClient, ForeignTokenError},
};
use crate::sealing::Sealer;

/// What the built-in token endpoint works with.
#[derive(Debug)]
#[non_exhaustive]
pub struct Granting {
    /// Issues access tokens, and checks them.
    pub tokens: AccessTokens,
    /// How long an access token counts; `None` if there is no such endpoint. Whole seconds.
    pub life: Option<Duration>,
    /// Counts clients that fail.
    pub failures: Failures,
}

impl Granting {
    /// Issues tokens that count for `life`, or none.
    pub fn new(sealer: &Sealer, life: Option<Duration>) -> Self {
        Self {
            tokens: AccessTokens::new(sealer.clone()),
            life,
            failures: Failures::default(),
        }
    }
}
pub use self::{
    assertion::{AssertionError, CheckedAssertion},
    external::ExternalServers,
    failures::Failures,
    token::{AccessTokens, TokenError},
};
