//! The host behind HTTP or HTTPS, as cases use it.

use std::{
    net::{Ipv4Addr, TcpListener},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use actix_web::web;
use serde_json::Value;
use tokio::task::JoinHandle;

use super::{
    HostError, Seen, Settings,
    changes::Wanted,
    desk::{self, Desk},
    front::{Certificate, Front, FrontError, Met},
    settings::issuer_at,
};
use crate::{
    authority::AuthorityError,
    context::locked,
    peer::{Reply, server::LONG_POLL, signer::Signer, transmitter::Transmitter},
    push::{Key, Keys, LURE, Security},
    serving::{Door, Serving},
    target::Target,
    wire,
};

/// A transmitter that serves until it is dropped.
#[derive(Debug)]
pub struct Host {
    desk: Arc<Desk>,
    front: Option<Front>,
    settings: Settings,
    keys: Arc<Keys>,
    /// Ends with this.
    _serving: Serving,
    pushing: Option<JoinHandle<()>>,
}

impl Host {
    /// Serves a transmitter without streams.
    ///
    /// # Errors
    /// The address cannot be had, or the URL is none.
    pub fn start(settings: Settings) -> Result<Arc<Self>, HostError> {
        let unheard = |error| HostError::Listen(settings.address, error);
        let listener = TcpListener::bind(settings.address).map_err(unheard)?;
        let address = listener.local_addr().map_err(unheard)?;
        let target = issuer_at(settings.public.as_deref(), settings.security, address);
        let target = target.map_err(HostError::Url)?;
        let own = Key::generate().map_err(HostError::Key)?;
        let keys = Keys::of(own).and_then(Keys::and_next);
        let keys = Arc::new(keys.map_err(HostError::Key)?);
        let signer = Signer::of_run(Arc::clone(&keys)).map_err(HostError::Signer)?;
        let desk = Desk::of(&target, &settings, &keys, signer);
        let desk = web::Data::new(desk);
        let (door, front) = match settings.security {
            Security::Plain => (listener, None),
            Security::OwnAuthority => {
                let behind = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(unheard)?;
                let inside = behind.local_addr().map_err(unheard)?;
                let host = target.url().host_str().unwrap_or_default();
                let front = Front::open(listener, host, inside).map_err(|error| match error {
                    FrontError::Authority(error) => HostError::Authority(error),
                    FrontError::Listen(error) => unheard(error),
                })?;
                (behind, Some(front))
            }
        };
        let data = desk.clone();
        let serving = Serving::at([Door::plain(door)], move |app| {
            app.app_data(data.clone())
                .default_service(web::to(desk::answer));
        });
        let mut host = Self {
            desk: desk.into_inner(),
            front,
            _serving: serving.map_err(unheard)?,
            settings,
            keys,
            pushing: None,
        };
        host.pushing = Some(host.push_what_waits());
        Ok(Arc::new(host))
    }

    /// Pushes what the transmitter puts into the queues of pushed streams by itself.
    fn push_what_waits(&self) -> JoinHandle<()> {
        let desk = Arc::clone(&self.desk);
        let settings = self.settings.wire.clone();
        tokio::spawn(async move {
            loop {
                let changed = desk.transmitter.changed();
                tokio::pin!(changed);
                // From here on nothing is missed.
                changed.as_mut().enable();
                for (stream, token) in desk.transmitter.to_be_pushed() {
                    super::delivery::push(&stream, &token, &settings).await;
                }
                changed.await;
            }
        })
    }

    /// The issuer, as it stands in `iss`.
    pub fn issuer(&self) -> &str {
        self.desk.target.issuer()
    }

    /// What the SETs are made out to.
    pub fn audience(&self) -> &str {
        &self.settings.audience
    }

    /// The authority that has to be trusted, in PEM, if it is served over https.
    pub fn root(&self) -> Option<&str> {
        Some(self.front.as_ref()?.root())
    }

    /// Shows this certificate to whoever connects from now on, and ends the connections that there are.
    ///
    /// # Errors
    /// There is no such certificate.
    pub fn show(&self, certificate: Certificate) -> Result<(), AuthorityError> {
        match &self.front {
            Some(front) => front.show(certificate),
            None => Ok(()),
        }
    }

    /// Waits until somebody was shown the unsound certificate, and tells what became of that; for ever where there is no TLS.
    pub async fn met(&self) -> Met {
        match &self.front {
            Some(front) => front.met().await,
            None => std::future::pending().await,
        }
    }

    /// The longest time for which a poll is held.
    pub fn hold(&self) -> Duration {
        LONG_POLL
    }

    /// The token that the Receiver shows.
    pub fn token(&self) -> &str {
        &self.settings.token
    }

    /// The issuer, taken apart.
    pub fn target(&self) -> &Target {
        &self.desk.target
    }

    /// After which time without a sign of life the stream might be stopped.
    pub fn inactivity(&self) -> Duration {
        self.settings.inactivity
    }

    /// For how long a SET may be without an answer.
    pub fn settle(&self) -> Duration {
        self.settings.settle
    }

    /// Publishes one more key: that with which [`Signed::Next`](crate::push::Signed::Next) signs.
    pub fn publish_next_key(&self) {
        let mut jwks = locked(&self.desk.jwks);
        if let Some(next) = &self.keys.next
            && !jwks.contains(next.jwk())
        {
            jwks.push(next.jwk().clone());
        }
    }

    /// Answers the next poll in this way.
    pub fn answer_next_poll(&self, reply: Reply) {
        locked(&self.desk.instead).push_back(reply);
    }

    /// Changes the next answer of this kind before it is sent.
    pub fn change_next(&self, wanted: Wanted, change: impl FnOnce(&mut Reply) + Send + 'static) {
        self.desk.changes.push(wanted, Box::new(change));
    }

    /// Changes no answer any more.
    pub fn change_nothing(&self) {
        self.desk.changes.clear();
    }

    /// Has the Receiver's streams be gone, as if somebody had deleted them here.
    pub fn forget_streams(&self) {
        self.transmitter().forget_streams();
    }

    /// Has those of the Receiver's streams be gone that it made before the newest.
    pub fn forget_all_but_the_newest(&self) {
        self.transmitter().forget_all_but_the_newest();
    }

    /// From now on polls bring so many SETs at most, whatever they ask for.
    pub fn answer_polls_with(&self, sets: usize) {
        self.desk.sets_max.store(sets, Ordering::SeqCst);
    }

    /// All that was asked for, in order.
    pub fn log<T>(&self, look: impl FnOnce(&[Seen]) -> T) -> T {
        self.desk.log.look(look)
    }

    /// What was asked for last, and answered how, in words.
    pub fn last_asked(&self) -> String {
        self.log(|log| match log.last() {
            None => "it has asked for nothing".to_owned(),
            Some(seen) => match seen.exchange() {
                Some(exchange) => format!("the last that it asked for was {}", exchange.summary()),
                None => format!("it waits for the answer to {}", seen.asked()),
            },
        })
    }

    /// The public half of the key that signs.
    pub fn jwk(&self) -> &Value {
        self.keys.own.jwk()
    }

    /// How much was asked for.
    pub fn log_length(&self) -> usize {
        self.log(<[Seen]>::len)
    }

    /// Waits until something is found in what was asked for.
    pub async fn seen<T>(&self, find: impl FnMut(&[Seen]) -> Option<T>) -> T {
        self.desk.log.find(find).await
    }

    pub(crate) fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.keys)
    }

    /// Where the lure is, for a SET to name.
    pub(crate) fn lure(&self) -> String {
        format!("{}{LURE}", self.desk.origin.as_str().trim_end_matches('/'))
    }

    /// How often somebody asked for the lure.
    pub(crate) fn lured(&self) -> usize {
        let asks = |seen: &&Seen| seen.url().path() == LURE;
        self.log(|log| log.iter().filter(asks).count())
    }

    pub(super) fn transmitter(&self) -> &Transmitter {
        &self.desk.transmitter
    }

    pub(super) fn wire_settings(&self) -> &wire::Settings {
        &self.settings.wire
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Some(pushing) = &self.pushing {
            pushing.abort();
        }
    }
}
