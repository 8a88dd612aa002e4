//! What others ask of the program, beside what transmitters tell it.

use std::sync::Arc;

use actix_web::web::{Data, ServiceConfig};
use secrecy::SecretString;
use ssf_types::uri::Issuer;

use super::{
    auth::{self, Auth, tokens::Tokens},
    backchannel_logout::{self, BackchannelLogout},
    global_revocation::{self, GlobalRevocation},
    introspection::{self, Introspection},
};
use crate::{
    Receiver,
    client::FetchError,
    config::{AuthSettings, IntrospectionSettings, TransmitterSettings},
};

/// What is configured.
pub(super) struct Asked {
    pub(super) auth: Option<AuthSettings>,
    pub(super) introspection: Option<IntrospectionSettings>,
    /// Name, issuer and secret of transmitters in whose scope sessions are ended by Global Token Revocation.
    pub(super) revocations: Vec<(String, Issuer, SecretString)>,
}

impl Asked {
    /// What is said of it in the tables of transmitters.
    pub(super) fn revocations<'t>(
        transmitters: impl IntoIterator<Item = &'t TransmitterSettings>,
    ) -> Vec<(String, Issuer, SecretString)> {
        let of_each = transmitters.into_iter().filter_map(|one| {
            let secret = one.revocation_secret.clone()?;
            Some((one.name.clone(), one.issuer.clone(), secret))
        });
        of_each.collect()
    }
}

/// The endpoints that are configured. Clones share what is behind them.
#[derive(Clone)]
pub(super) struct Endpoints {
    auth: Option<Data<Auth>>,
    introspection: Option<Data<Introspection>>,
    backchannel_logout: Option<Data<BackchannelLogout>>,
    revocations: Vec<(String, Data<GlobalRevocation>)>,
}

impl Endpoints {
    /// Prepares to answer, and begins to fetch the keys of those whose tokens count.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub(super) fn start(asked: Asked, receiver: &Receiver) -> Result<Self, FetchError> {
        let Asked {
            auth,
            introspection,
            revocations,
        } = asked;
        let issuers = auth.as_ref().map(|auth| auth.token_issuers.clone());
        let issuers = issuers.unwrap_or_default();
        let takes_logouts = issuers.iter().any(|one| one.logout_audience.is_some());
        let tokens = Tokens::start(issuers)?;
        let tokens = Arc::new(tokens);
        let server = introspection.as_ref().map(introspection::server);
        let server = server.transpose()?;
        let introspection = introspection.zip(server.clone());
        let introspection = introspection.map(|(settings, server)| {
            let tokens = Arc::clone(&tokens);
            Introspection::new(settings, server, tokens, receiver.clone())
        });
        let backchannel_logout =
            takes_logouts.then(|| BackchannelLogout::new(Arc::clone(&tokens), receiver.clone()));
        let auth = auth.map(|auth| Auth::new(auth, tokens, server, receiver.clone()));
        let revocations = revocations.into_iter().map(|(name, scope, secret)| {
            let revocation = GlobalRevocation::new(secret, scope, receiver.clone());
            (name, Data::new(revocation))
        });
        Ok(Self {
            auth: auth.map(Data::new),
            introspection: introspection.map(Data::new),
            backchannel_logout: backchannel_logout.map(Data::new),
            revocations: revocations.collect(),
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
        if let Some(logout) = &self.backchannel_logout {
            backchannel_logout::routes(logout, config);
        }
        for (name, revocation) in &self.revocations {
            global_revocation::routes((name, revocation), config);
        }
    }
}
