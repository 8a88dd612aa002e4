//! The host behind HTTP or HTTPS.

use std::{
    collections::VecDeque,
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    dev::ServerHandle,
    http::StatusCode,
    web::{self, Bytes},
};
use serde_json::{Map, Value, json};
use tokio::{sync::Notify, task::JoinHandle};
use url::Url;

use super::{
    Seen, TOKEN_PATH,
    changes::{Changes, Wanted},
    front::{Certificate, Front, FrontError, Met},
    tokens,
};
use crate::{
    authority::AuthorityError,
    context::locked,
    exchange::{Answer, Request},
    peer::{
        Asked, Caller, Operation, PeerError, REQUEST_TIMEOUT, Reply, Site,
        fault::Spoilt,
        server::{LONG_POLL, answered, headers, receiver, stream_id},
        signer::Signer,
        transmitter::{Terms, Transmitter},
    },
    push::{Key, KeyError, Keys, LURE, Security},
    target::{Target, TargetError},
    wire,
};

/// Most requests that are kept; a Receiver that asks for more in one run asks without a pause.
const LOG_MAX: usize = 100_000;

/// A type of events that it offers, and that no Receiver can know.
pub const UNKNOWN_EVENT: &str = "https://ssf-conformance.invalid/event-type/offered";

/// A member of complex subjects that is called critical, and that no Receiver can know.
pub const CRITICAL_MEMBER: &str = "ssf_conformance_place";

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

/// A transmitter that serves until it is dropped.
#[derive(Debug)]
pub struct Host {
    inner: Arc<Inner>,
    front: Option<Front>,
    settings: Settings,
    keys: Arc<Keys>,
    handle: ServerHandle,
    pushing: Option<JoinHandle<()>>,
}

struct Inner {
    target: Target,
    origin: Url,
    token: String,
    transmitter: Transmitter,
    jwks: Mutex<Vec<Value>>,
    lure: Value,
    log: Mutex<Vec<Seen>>,
    heard: Notify,
    instead: Mutex<VecDeque<Reply>>,
    sets_max: AtomicUsize,
    changes: Changes,
    /// Whether somebody has asked for a verification that is kept back.
    has_kept_back: AtomicBool,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut inner = f.debug_struct("Inner");
        inner.field("target", &self.target).finish_non_exhaustive()
    }
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
        let origin = target.issuer().trim_end_matches(TENANT);
        let own = Key::generate().map_err(HostError::Key)?;
        let keys = Keys::of(own).and_then(Keys::and_next);
        let keys = Arc::new(keys.map_err(HostError::Key)?);
        let signer = Signer::of_run(Arc::clone(&keys)).map_err(HostError::Signer)?;
        let inner = web::Data::new(Inner::new(&target, origin, &settings, (&keys, signer)));
        let data = inner.clone();
        let app = move || {
            App::new()
                .app_data(data.clone())
                .default_service(web::to(answer))
        };
        let server = HttpServer::new(app)
            .workers(1)
            .disable_signals()
            .client_request_timeout(REQUEST_TIMEOUT)
            .shutdown_timeout(0);
        let (server, front) = match settings.security {
            Security::Plain => (server.listen(listener), None),
            Security::OwnAuthority => {
                let behind = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(unheard)?;
                let inside = behind.local_addr().map_err(unheard)?;
                let host = target.url().host_str().unwrap_or_default();
                let front = Front::open(listener, host, inside).map_err(|error| match error {
                    FrontError::Authority(error) => HostError::Authority(error),
                    FrontError::Listen(error) => unheard(error),
                })?;
                (server.listen(behind), Some(front))
            }
        };
        let server = server.map_err(unheard)?.run();
        let handle = server.handle();
        tokio::spawn(server);
        let inner = inner.into_inner();
        let mut host = Self {
            inner: Arc::clone(&inner),
            front,
            settings,
            keys,
            handle,
            pushing: None,
        };
        host.pushing = Some(host.push_what_waits());
        Ok(Arc::new(host))
    }

    /// Pushes what the transmitter puts into the queues of pushed streams by itself.
    fn push_what_waits(&self) -> JoinHandle<()> {
        let inner = Arc::clone(&self.inner);
        let settings = self.settings.wire.clone();
        tokio::spawn(async move {
            loop {
                let changed = inner.transmitter.changed();
                tokio::pin!(changed);
                // From here on nothing is missed.
                changed.as_mut().enable();
                for (stream, token) in inner.transmitter.to_be_pushed() {
                    super::delivery::push(&stream, &token, &settings).await;
                }
                changed.await;
            }
        })
    }

    /// The issuer, as it stands in `iss`.
    pub fn issuer(&self) -> &str {
        self.inner.target.issuer()
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
        &self.inner.target
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
        let mut jwks = locked(&self.inner.jwks);
        if let Some(next) = &self.keys.next
            && !jwks.contains(next.jwk())
        {
            jwks.push(next.jwk().clone());
        }
    }

    /// Answers the next poll in this way.
    pub fn answer_next_poll(&self, reply: Reply) {
        locked(&self.inner.instead).push_back(reply);
    }

    /// Changes the next answer of this kind before it is sent.
    pub fn change_next(&self, wanted: Wanted, change: impl FnOnce(&mut Reply) + Send + 'static) {
        self.inner.changes.push(wanted, Box::new(change));
    }

    /// Changes no answer any more.
    pub fn change_nothing(&self) {
        self.inner.changes.clear();
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
        self.inner.sets_max.store(sets, Ordering::SeqCst);
    }

    /// All that was asked for, in order.
    pub fn log<T>(&self, look: impl FnOnce(&[Seen]) -> T) -> T {
        look(&locked(&self.inner.log))
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
    pub async fn seen<T>(&self, mut find: impl FnMut(&[Seen]) -> Option<T>) -> T {
        loop {
            let heard = self.inner.heard.notified();
            tokio::pin!(heard);
            // From here on nothing is missed.
            heard.as_mut().enable();
            if let Some(found) = self.log(&mut find) {
                return found;
            }
            heard.await;
        }
    }

    pub(crate) fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.keys)
    }

    /// Where the lure is, for a SET to name.
    pub(crate) fn lure(&self) -> String {
        format!("{}{LURE}", self.inner.origin.as_str().trim_end_matches('/'))
    }

    /// How often somebody asked for the lure.
    pub(crate) fn lured(&self) -> usize {
        let asks = |seen: &&Seen| seen.url().path() == LURE;
        self.log(|log| log.iter().filter(asks).count())
    }

    pub(super) fn transmitter(&self) -> &Transmitter {
        &self.inner.transmitter
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
        // What this returns only tells when it is done.
        drop(self.handle.stop(false));
    }
}

impl Inner {
    fn new(
        target: &Target,
        origin: &str,
        settings: &Settings,
        (keys, signer): (&Keys, Signer),
    ) -> Self {
        let mut site = Site::for_receivers(origin, target.issuer());
        site.document["critical_subject_members"] = json!([CRITICAL_MEMBER]);
        let terms = Terms {
            offers_besides: Some(UNKNOWN_EVENT),
            ..Terms::for_receivers(&settings.audience, settings.inactivity)
        };
        let mut url = target.url().clone();
        url.set_path("/");
        Self {
            target: target.clone(),
            origin: url,
            token: settings.token.clone(),
            transmitter: Transmitter::new(site, signer, Spoilt::default()).on(terms),
            jwks: Mutex::new(vec![keys.own.jwk().clone()]),
            lure: json!({ "keys": [keys.foreign.jwk()] }),
            log: Mutex::default(),
            heard: Notify::new(),
            instead: Mutex::default(),
            sets_max: AtomicUsize::new(usize::MAX),
            changes: Changes::default(),
            has_kept_back: AtomicBool::new(false),
        }
    }

    /// Writes a request down; the place that it has.
    fn note(&self, seen: Seen) -> usize {
        let mut log = locked(&self.log);
        if log.len() < LOG_MAX {
            log.push(seen);
        }
        let at = log.len() - 1;
        drop(log);
        self.heard.notify_waiters();
        at
    }

    fn note_answer(&self, at: usize, reply: &Reply, is_changed: bool) {
        let headers = reply.headers.iter();
        let answer = Answer {
            status: reply.status,
            headers: headers
                .map(|(name, value)| (name.to_lowercase(), value.clone()))
                .collect(),
            body: reply.body.clone(),
        };
        if let Some(seen) = locked(&self.log).get_mut(at) {
            seen.is_heeded = true;
            seen.is_changed = is_changed;
            seen.answer = Some((answer, Instant::now()));
        }
        self.heard.notify_waiters();
    }

    fn note_heeded(&self, at: usize) {
        if let Some(seen) = locked(&self.log).get_mut(at) {
            seen.is_heeded = true;
        }
        self.heard.notify_waiters();
    }

    /// The answer of the transmitter. What a poll says of SETs counts once, when it comes: while it waits, they may come again.
    async fn answer(&self, asked: &Asked, at: usize) -> Reply {
        if let Some(reply) = self.keep_back(asked, at) {
            return reply;
        }
        let mut asked = asked.clone();
        let sets_max = self.sets_max.load(Ordering::SeqCst);
        if asked.is(Operation::Poll) && sets_max < usize::MAX {
            asked.change(|poll| bring_at_most(poll, sets_max));
        }
        if let Some(reply) = self.transmitter.answer(&asked) {
            return reply;
        }
        self.note_heeded(at);
        let mut waiting = asked;
        waiting.change(|poll| {
            poll.remove("ack");
            poll.remove("setErrs");
        });
        answered(&self.transmitter, &waiting).await
    }

    /// Answers the first request for a verification, and keeps that back until somebody delivers it: it may be late (SSF 1.0
    /// §8.1.4.2).
    fn keep_back(&self, asked: &Asked, at: usize) -> Option<Reply> {
        if !asked.is(Operation::Verify) || asked.caller != Caller::Receiver {
            return None;
        }
        let body = asked.object()?;
        let stream = self.transmitter.newest()?;
        let is_stateful = body.get("state").is_some_and(Value::is_string);
        let is_sound = is_stateful && body.get("stream_id").is_some_and(|id| *id == stream.id);
        if !is_sound || self.has_kept_back.swap(true, Ordering::SeqCst) {
            return None;
        }
        if let Some(seen) = locked(&self.log).get_mut(at) {
            seen.is_kept_back = true;
        }
        let mut reply = Reply::error(204);
        reply.set_header("Cache-Control", "no-store");
        Some(reply)
    }

    fn origin(&self) -> &str {
        self.origin.as_str().trim_end_matches('/')
    }

    /// What a request is, as changes of answers tell them apart.
    fn wanted(&self, asked: &Asked) -> Option<Wanted> {
        if asked.path == self.target.metadata_url().path() {
            return Some(Wanted::Metadata);
        }
        asked.operation.map(Wanted::Operation)
    }

    async fn reply(&self, asked: &Asked, at: usize) -> Reply {
        let instead = asked
            .is(Operation::Poll)
            .then(|| locked(&self.instead).pop_front());
        if let Some(reply) = tokens::answer(asked, self.origin(), &self.token) {
            return reply;
        }
        match (instead.flatten(), asked.path.as_str()) {
            (Some(reply), _) => reply,
            (None, LURE) => Reply::json(&self.lure),
            (None, "/jwks.json") => Reply::json(&json!({ "keys": *locked(&self.jwks) })),
            (None, _) => {
                let mut reply = self.answer(asked, at).await;
                tokens::lead_to_resource(&mut reply, self.origin());
                reply
            }
        }
    }
}

/// Has a poll want so many SETs at most.
fn bring_at_most(poll: &mut Map<String, Value>, sets: usize) {
    let wanted = poll.get("maxEvents").and_then(Value::as_u64);
    if wanted.is_none_or(|wanted| usize::try_from(wanted).is_ok_and(|wanted| wanted > sets)) {
        poll.insert("maxEvents".to_owned(), json!(sets));
    }
}

async fn answer(request: HttpRequest, body: Bytes, inner: web::Data<Inner>) -> HttpResponse {
    let operation = Transmitter::operation(request.method().as_str(), request.path());
    let asked = Asked {
        // Nobody has events happen but the cases.
        operation: operation.filter(|operation| !operation.is_of_owner()),
        caller: receiver(&request, &inner.token),
        method: request.method().as_str().to_owned(),
        path: request.path().to_owned(),
        stream_id: stream_id(&request),
        query: request.query_string().to_owned(),
        headers: headers(&request),
        body: body.into(),
    };
    let at = inner.note(seen(&inner, &request, &asked));
    let mut reply = inner.reply(&asked, at).await;
    let is_changed = inner.changes.apply(inner.wanted(&asked), &mut reply);
    inner.note_answer(at, &reply, is_changed);
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    for (name, value) in reply.headers {
        response.append_header((name, value));
    }
    response.body(reply.body)
}

fn seen(inner: &Inner, request: &HttpRequest, asked: &Asked) -> Seen {
    let mut url = inner.origin.clone();
    url.set_path(request.path());
    let query = request.query_string();
    url.set_query((!query.is_empty()).then_some(query));
    let mut written = Request::new(&asked.method, url);
    written.headers = request
        .headers()
        .iter()
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes());
            (name.as_str().to_owned(), value.into_owned())
        })
        .collect();
    written.body = if asked.path == TOKEN_PATH {
        tokens::masked(&asked.body)
    } else {
        asked.body.clone()
    };
    Seen {
        operation: asked.operation,
        request: written,
        at: Instant::now(),
        is_heeded: false,
        is_changed: false,
        is_kept_back: false,
        answer: None,
    }
}
