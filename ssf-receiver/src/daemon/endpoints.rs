//! What others ask of the program, beside what transmitters tell it.

use std::sync::Arc;

use actix_web::web::{Data, ServiceConfig};

use super::{
    auth::{self, Auth, tokens::Tokens},
    introspection::{self, Introspection},
};
use crate::{
    Receiver,
    client::FetchError,
    config::{AuthSettings, IntrospectionSettings},
};

/// The endpoints that are configured. Clones share what is behind them.
#[derive(Clone)]
pub(super) struct Endpoints {
    auth: Option<Data<Auth>>,
    introspection: Option<Data<Introspection>>,
}

impl Endpoints {
    /// Prepares to answer, and begins to fetch the keys of those whose tokens count.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub(super) fn start(
        auth: Option<AuthSettings>,
        introspection: Option<IntrospectionSettings>,
        receiver: &Receiver,
    ) -> Result<Self, FetchError> {
        let issuers = auth.as_ref().map(|auth| auth.token_issuers.clone());
        let tokens = Tokens::start(issuers.unwrap_or_default())?;
        let tokens = Arc::new(tokens);
        let server = introspection.as_ref().map(introspection::server);
        let server = server.transpose()?;
        let introspection = introspection.zip(server.clone());
        let introspection = introspection.map(|(settings, server)| {
            let tokens = Arc::clone(&tokens);
            Introspection::new(settings, server, tokens, receiver.clone())
        });
        let auth = auth.map(|auth| Auth::new(auth, tokens, server, receiver.clone()));
        Ok(Self {
            auth: auth.map(Data::new),
            introspection: introspection.map(Data::new),
        })
    }

    /// Adds them to a server.
    pub(super) fn routes(&self, config: &mut ServiceConfig) {
        if let Some(auth) = &self.auth {
            auth::routes(auth, config);
        }
        if let Some(introspection) = &self.introspection {
            introspection::routes(introspection, config);
        }
    }
}
