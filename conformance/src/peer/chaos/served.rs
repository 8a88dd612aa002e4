//! The hostile transmitter behind HTTP or HTTPS.

mod trouble;

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use actix_web::{
    HttpRequest, HttpResponse,
    web::{self, Bytes},
};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::{
    task::JoinHandle,
    time::{sleep, timeout},
};

use self::trouble::Trouble;
use super::{Account, Chosen, Journal, Kind, Mischief, Patience, events};
use crate::{
    authority::{Authority, Flaw},
    peer::{
        Asked, Caller, Members, Operation, Reply, Site,
        fault::Spoilt,
        host::{HostError, issuer_at},
        pusher,
        server::{LONG_POLL, answered_within, asked, receiver},
        signer::Signer,
        transmitter::{Terms, Transmitter},
    },
    push::Security,
    serving::{Door, Serving},
    target::Target,
};

/// After which time without a sign of life the streams might be stopped; they are not.
const INACTIVITY: Duration = Duration::from_hours(24);

/// Why streams are paused.
const REASON: &str = "ssf-conformance pauses the stream for a moment";

/// One event in so many pauses a stream.
const PAUSES: u64 = 6;

/// What a hostile transmitter is told.
#[derive(Debug)]
pub struct Settings {
    /// Where it listens.
    pub address: SocketAddr,
    /// The origin under which it is reached, if that is another one.
    pub public: Option<String>,
    /// Who vouches for its certificate; without, it is served over plain http.
    pub authority: Option<Authority>,
    /// The token that Receivers show.
    pub token: String,
    /// What SETs are made out to.
    pub audience: String,
    /// Authorities in PEM to trust, besides those of this machine, where it pushes to.
    pub authorities: Option<Vec<u8>>,
    /// What it does.
    pub chosen: Chosen,
}

/// The hostile transmitter cannot be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServedError {
    /// It cannot be served, as any transmitter of the tester.
    #[error(transparent)]
    Host(HostError),
    /// There is nothing to push with.
    #[error("there is nothing to push with; check the certificates that are to be trusted")]
    Client(#[source] reqwest::Error),
}

/// A hostile transmitter that serves until it is dropped.
#[derive(Debug)]
pub struct Served {
    inner: Arc<Inner>,
    issuer: String,
    /// Ends with this.
    _serving: Serving,
    pushing: JoinHandle<()>,
}

struct Inner {
    transmitter: Arc<Transmitter>,
    mischief: Arc<Mischief>,
    token: String,
    seed: u64,
    happened: AtomicU64,
    patience: Patience,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut inner = f.debug_struct("Inner");
        inner
            .field("mischief", &self.mischief)
            .finish_non_exhaustive()
    }
}

impl Served {
    /// Serves a transmitter without streams, and tells each exchange.
    ///
    /// # Errors
    /// The address cannot be had, the URL is none, or something is amiss with certificates or keys.
    pub fn start(settings: &Settings, journal: Journal) -> Result<Self, ServedError> {
        let unheard = |error| ServedError::Host(HostError::Listen(settings.address, error));
        let listener = TcpListener::bind(settings.address).map_err(unheard)?;
        let address = listener.local_addr().map_err(unheard)?;
        let security = match &settings.authority {
            None => Security::Plain,
            Some(_) => Security::OwnAuthority,
        };
        let target = issuer_at(settings.public.as_deref(), security, address);
        let target = target.map_err(|error| ServedError::Host(HostError::Url(error)))?;
        let inner = Inner::new(&target, settings, journal).map_err(ServedError::Host)?;
        let client = pusher::client(
            settings.authorities.as_deref().unwrap_or_default(),
            inner.transmitter.spoilt().rules(),
        );
        let client = client.map_err(ServedError::Client)?;
        let inner = web::Data::new(inner);
        let data = inner.clone();
        let host = target.url().host_str().unwrap_or_default();
        let tls = settings.authority.as_ref();
        let tls = tls.map(|authority| authority.server(host, Flaw::None));
        let tls = tls.transpose();
        let tls = tls.map_err(|error| ServedError::Host(HostError::Authority(error)))?;
        let serving = Serving::at([Door::of(listener, tls)], move |app| {
            app.app_data(data.clone()).default_service(web::to(answer));
        });
        let serving = serving.map_err(unheard)?;
        let inner = inner.into_inner();
        Ok(Self {
            pushing: tokio::spawn(pusher::run(Arc::clone(&inner.transmitter), client)),
            inner,
            issuer: target.issuer().to_owned(),
            _serving: serving,
        })
    }

    /// The issuer, as it stands in `iss`.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Has the next event happen, of a type that some stream brings and about somebody of its own; whether there was such a stream.
    pub fn event(&self) -> bool {
        let types = self.inner.transmitter.types_delivered();
        let number = self.inner.happened.load(Ordering::Relaxed);
        let Some(event) = events::event(self.inner.seed, number, &types) else {
            return false;
        };
        self.inner.happened.fetch_add(1, Ordering::Relaxed);
        self.inner.emit(&event).is_success()
    }

    /// What happened, and what became of the SETs.
    pub fn account(&self) -> Account {
        self.inner.mischief.account()
    }

    /// Waits for a while until every SET was acknowledged, or refused.
    pub async fn settle(&self, patience: Duration) -> Account {
        // What waits then is told by the account.
        let _ = timeout(patience, self.inner.mischief.nothing_waits()).await;
        self.account()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.pushing.abort();
    }
}

impl Inner {
    fn new(target: &Target, settings: &Settings, journal: Journal) -> Result<Self, HostError> {
        let chosen = settings.chosen.clone();
        let seed = chosen.seed;
        let (mischief, keys) = Mischief::new(chosen, journal)
            .with_keys()
            .map_err(HostError::Key)?;
        let mischief = Arc::new(mischief);
        let spoilt = Spoilt::with(Arc::clone(&mischief));
        let mut site = Site::for_receivers(target);
        spoilt.site(&mut site);
        let signer = Signer::turning(keys).map_err(HostError::Signer)?;
        let transmitter = Transmitter::new(site, signer, spoilt);
        let terms = Terms::for_receivers(&settings.audience, INACTIVITY);
        Ok(Self {
            transmitter: Arc::new(transmitter.on(terms)),
            mischief,
            token: settings.token.clone(),
            seed,
            happened: AtomicU64::new(0),
            patience: Patience::default(),
        })
    }

    fn emit(&self, event: &Value) -> Reply {
        let reply = self.hook("/hook/emit", event);
        if let Some(line) = named(event).filter(|_| reply.is_success()) {
            self.mischief.journal().tell(&format!("event {line}"));
            self.perhaps_pause();
        }
        reply
    }

    /// Answers a hook, as it would be asked over HTTP.
    fn hook(&self, path: &str, body: &Value) -> Reply {
        let asked = Asked {
            operation: Transmitter::operation("POST", path),
            caller: Caller::Nobody,
            method: "POST".to_owned(),
            path: path.to_owned(),
            stream_id: None,
            query: String::new(),
            headers: Vec::new(),
            body: body.to_string().into_bytes(),
        };
        let reply = self.transmitter.answer(&asked);
        reply.unwrap_or_else(|| Reply::error(404))
    }

    fn perhaps_pause(&self) {
        let enabled = self.transmitter.enabled();
        let Some(mut chance) = self.mischief.chance(Kind::StatusChanges) else {
            return;
        };
        let picked = chance.number();
        let at = usize::try_from(picked / PAUSES).unwrap_or_default() % enabled.len().max(1);
        let Some(id) = enabled.get(at).filter(|_| picked.is_multiple_of(PAUSES)) else {
            return;
        };
        self.mischief.strike(Kind::StatusChanges);
        self.mischief
            .journal()
            .tell(&format!("stream {id} is paused"));
        let paused = json!({ "stream_id": id, "status": "paused", "reason": REASON });
        self.hook("/hook/status", &paused);
        let transmitter = Arc::clone(&self.transmitter);
        let (mischief, id) = (Arc::clone(&self.mischief), id.clone());
        tokio::spawn(async move {
            sleep(Duration::from_millis(200 + chance.number() % 700)).await;
            // A Receiver may have decided otherwise meanwhile.
            if transmitter.is_paused(&id, REASON) {
                mischief.journal().tell(&format!("stream {id} is enabled"));
                transmitter.enable(&id);
            }
        });
    }

    /// What a new stream begins with.
    async fn begin(&self, reply: &Reply) {
        let stream = reply.value();
        let Some(id) = stream["stream_id"].as_str() else {
            return;
        };
        let is_early = self.mischief.chance(Kind::EarlyPush).is_some()
            && stream["delivery"]["method"] == "urn:ietf:rfc:8935";
        let is_unasked = self.mischief.chance(Kind::UnaskedVerifications).is_some();
        if !is_early && !is_unasked {
            return;
        }
        self.mischief.strike(if is_early {
            Kind::EarlyPush
        } else {
            Kind::UnaskedVerifications
        });
        self.mischief.note_unanswered(id, is_early);
        self.transmitter.verify_unasked(id);
        if is_early {
            pusher::offered(&self.transmitter).await;
            self.mischief.note_unanswered(id, false);
        }
    }

    async fn reply(&self, asked: &Asked) -> Reply {
        match asked.operation {
            Some(Operation::Emit) => self.emit(&asked.object().unwrap_or_default().into()),
            Some(Operation::Decide) => {
                self.hook("/hook/status", &asked.object().unwrap_or_default().into())
            }
            Some(Operation::Poll) => {
                let early = self.mischief.chance(Kind::EmptyAnswers);
                let Some(mut chance) = early else {
                    return answered_within(&self.transmitter, asked, LONG_POLL).await;
                };
                let patience = Duration::from_millis(100 + chance.number() % 800);
                let began = Instant::now();
                let reply = answered_within(&self.transmitter, asked, patience).await;
                if began.elapsed() >= patience {
                    self.mischief.strike(Kind::EmptyAnswers);
                }
                reply
            }
            _ => {
                let reply = answered_within(&self.transmitter, asked, LONG_POLL).await;
                if asked.is(Operation::Create) && reply.is_success() {
                    self.begin(&reply).await;
                }
                reply
            }
        }
    }
}

/// Event types, for a line.
fn named(event: &Value) -> Option<String> {
    let types: Vec<_> = event["events"].as_object()?.keys().cloned().collect();
    Some(types.join(" "))
}

async fn answer(request: HttpRequest, body: Bytes, inner: web::Data<Inner>) -> HttpResponse {
    let began = Instant::now();
    let caller = receiver(&request, &inner.token);
    let asked = asked(&request, body, caller);
    let is_hook = asked.operation.is_some_and(Operation::is_of_owner);
    if is_hook {
        return inner.reply(&asked).await.into();
    }
    let mut trouble = Trouble::of(&asked, &inner.mischief, &inner.patience);
    if let Some(pause) = trouble.pause {
        sleep(pause).await;
    }
    let mut reply = if let Some(reply) = trouble.instead.take() {
        reply
    } else {
        let mut reply = inner.reply(&asked).await;
        inner.transmitter.spoilt().answer(&asked, &mut reply);
        reply
    };
    let line = line(&asked, &reply, &trouble.kinds, began.elapsed());
    inner.mischief.journal().tell(&line);
    if trouble.breaks_off && reply.is_success() {
        let half = reply.body.len() / 2;
        reply.body.truncate(half);
        return broken_off(reply);
    }
    reply.into()
}

/// What there is of an answer, and then nothing any more.
fn broken_off(reply: Reply) -> HttpResponse {
    let body = Bytes::from(reply.body);
    let pieces = [
        Ok(body),
        Err(io::Error::from(io::ErrorKind::ConnectionAborted)),
    ];
    let mut response = HttpResponse::Ok();
    response.content_type("application/json");
    response.streaming(stream::iter(pieces))
}

/// One exchange, without what is secret.
fn line(asked: &Asked, reply: &Reply, kinds: &[Kind], took: Duration) -> String {
    let mut line = format!("{} {}", asked.method, asked.path);
    if let Some(id) = &asked.stream_id {
        line = format!("{line} of {id}");
    }
    line = format!("{line} → {} ({} ms)", reply.status, took.as_millis());
    if asked.is(Operation::Poll) && reply.is_success() {
        let body = asked.object().unwrap_or_default();
        let acknowledged = body
            .get("ack")
            .and_then(Value::as_array)
            .map_or(0, Vec::len);
        let refused = body
            .get("setErrs")
            .and_then(Value::as_object)
            .map_or(0, Members::len);
        let brought = reply.value()["sets"].as_object().map_or(0, Members::len);
        line = format!("{line}: {acknowledged} acknowledged, {refused} refused, {brought} brought");
    }
    if !kinds.is_empty() {
        let names: Vec<_> = kinds.iter().map(|kind| kind.name()).collect();
        line = format!("{line} [{}]", names.join(", "));
    }
    line
}
