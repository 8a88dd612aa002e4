//! Where a Transmitter pushes to while it is judged: each case has an inbox of its own, decides how it answers there, and
//! sees what came, to the byte.
//!
//! It speaks HTTP/1.1 by itself, because a case may have a connection break off, or leave a request without an answer.

mod http;
mod inbox;
mod listening;

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use rustls::ServerConfig;
use url::Url;

pub use self::{
    inbox::{Answered, Inbox, Push, Reaction},
    listening::Door,
};
use crate::{
    authority::{Authority, AuthorityError, Flaw},
    context::locked,
    target_file::PushSettings,
};

/// What stands in front of the name of an inbox.
const PATH: &str = "push/";

/// There is no sink.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SinkError {
    /// The address cannot be listened on.
    #[error("push.listen: {0} cannot be listened on")]
    Listen(SocketAddr, #[source] io::Error),
    /// There is no certificate for its host.
    #[error("push.url: there is no certificate for its host")]
    Certificate(#[source] AuthorityError),
    /// The URL is none.
    #[error("push.url is not an http or https URL")]
    Url,
}

/// Where a Transmitter pushes to.
pub struct Sink {
    url: Url,
    authority: Option<Arc<Authority>>,
    inboxes: Inboxes,
    door: Door,
}

/// Inboxes by name.
type Inboxes = Arc<Mutex<BTreeMap<String, Arc<Inbox>>>>;

impl std::fmt::Debug for Sink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sink({})", self.url)
    }
}

impl Sink {
    /// Begins to listen; with an authority over TLS, with a certificate that it signs.
    ///
    /// # Errors
    /// The address or the URL cannot be used.
    pub async fn start(
        settings: &PushSettings,
        authority: Option<Arc<Authority>>,
    ) -> Result<Self, SinkError> {
        let inboxes = Inboxes::default();
        let door = Door::open(settings.listen, Arc::clone(&inboxes)).await?;
        let scheme = if authority.is_some() { "https" } else { "http" };
        let own = || format!("{scheme}://{}/", door.address());
        let mut url = settings.url.clone().unwrap_or_else(own);
        if !url.ends_with('/') {
            url.push('/');
        }
        let url = Url::parse(&url).map_err(|_| SinkError::Url)?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(SinkError::Url);
        }
        let sink = Self {
            url,
            authority,
            inboxes,
            door,
        };
        if let Some(authority) = &sink.authority {
            sink.door.show(sink.certified(authority, Flaw::None)?);
        }
        Ok(sink)
    }

    /// Whether it speaks TLS by itself, with an authority of its own.
    pub fn has_authority(&self) -> bool {
        self.authority.is_some()
    }

    /// Whether Transmitters reach it over TLS, whoever ends it.
    pub fn is_secure(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// An inbox of this name, and its URL.
    pub fn inbox(&self, name: &str) -> Arc<Inbox> {
        let url = inbox_url(&self.url, name);
        let inbox = Arc::new(Inbox::at(url));
        locked(&self.inboxes).insert(name.to_owned(), Arc::clone(&inbox));
        inbox
    }

    /// The inbox that this URL leads to, if it is one of here.
    pub(crate) fn inbox_at(&self, url: &str) -> Option<Arc<Inbox>> {
        let inboxes = locked(&self.inboxes);
        inboxes.get(name_in(url)?).map(Arc::clone)
    }

    /// Another door on the same host, to the same inboxes, that shows a certificate of its own; and the URL there of the
    /// inbox of this name.
    ///
    /// # Errors
    /// There is no authority, or no port.
    pub async fn door(&self, name: &str) -> Result<(Door, Url), SinkError> {
        let mut address = self.door.address();
        address.set_port(0);
        let door = Door::open(address, Arc::clone(&self.inboxes)).await?;
        let mut url = inbox_url(&self.url, name);
        url.set_port(Some(door.address().port()))
            .map_err(|()| SinkError::Url)?;
        if let Some(authority) = &self.authority {
            door.show(self.certified(authority, Flaw::None)?);
        }
        Ok((door, url))
    }

    /// A certificate of the sink's authority, for its host.
    ///
    /// # Errors
    /// There is no authority.
    pub fn certificate(&self, flaw: Flaw) -> Result<Arc<ServerConfig>, SinkError> {
        let authority = self.authority.as_ref().ok_or(SinkError::Url)?;
        self.certified(authority, flaw)
    }

    /// A certificate for its host by an authority that nobody knows.
    ///
    /// # Errors
    /// None can be made.
    pub fn certificate_of_a_stranger(&self) -> Result<Arc<ServerConfig>, SinkError> {
        let stranger = Authority::new().map_err(SinkError::Certificate)?;
        self.certified(&stranger, Flaw::None)
    }

    fn certified(&self, authority: &Authority, flaw: Flaw) -> Result<Arc<ServerConfig>, SinkError> {
        let host = self.url.host_str().unwrap_or_default();
        let config = authority.server(host, flaw);
        config.map(Arc::new).map_err(SinkError::Certificate)
    }
}

fn inbox_url(base: &Url, name: &str) -> Url {
    let mut url = base.clone();
    let path = format!("{}{PATH}{name}", base.path());
    url.set_path(&path);
    url
}

/// The name of the inbox that a path leads to.
fn name_in(path: &str) -> Option<&str> {
    let (_, name) = path.rsplit_once(PATH)?;
    Some(name)
}

#[cfg(test)]
mod tests;
