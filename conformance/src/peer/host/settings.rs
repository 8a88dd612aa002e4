//! What a host is told, and why it cannot be started.

use std::{io, net::SocketAddr, time::Duration};

use crate::{
    authority::AuthorityError,
    peer::PeerError,
    push::{KeyError, Security},
    target::{Target, TargetError},
    wire,
};

/// The path of the issuer.
const TENANT: &str = "/tenant";

/// What a host is told.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it listens.
    pub address: SocketAddr,
    /// The origin under which it is reached, if that is another one.
    pub public: Option<String>,
    /// How it is served.
    pub security: Security,
    /// The token that the Receiver shows.
    pub token: String,
    /// What its SETs are made out to.
    pub audience: String,
    /// After which time without a sign of life the stream might be stopped.
    pub inactivity: Duration,
    /// For how long a SET may be without an answer.
    pub settle: Duration,
    /// How it pushes.
    pub wire: wire::Settings,
}

/// The host cannot be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// The address is taken, or not this machine's.
    #[error("{0} cannot be listened on")]
    Listen(SocketAddr, #[source] io::Error),
    /// The public origin is none.
    #[error("the public URL cannot be used")]
    Url(#[source] TargetError),
    /// There is no certificate.
    #[error("the issuer cannot be served over https")]
    Authority(#[source] AuthorityError),
    /// There is no key.
    #[error("there is no key to sign with")]
    Key(#[source] KeyError),
    /// There is nobody to sign with it.
    #[error("there is nobody to sign")]
    Signer(#[source] PeerError),
}

/// The issuer of a host at this address, which may be reached under a public origin.
pub(crate) fn issuer_at(
    public: Option<&str>,
    security: Security,
    address: SocketAddr,
) -> Result<Target, TargetError> {
    let own = || format!("{}://{address}", security.scheme());
    let origin = public.map_or_else(own, str::to_owned);
    Target::parse(&format!("{}{TENANT}", origin.trim_end_matches('/')))
}

/// The origin of such an issuer.
pub(in crate::peer) fn origin_of(target: &Target) -> &str {
    target.issuer().trim_end_matches(TENANT)
}
