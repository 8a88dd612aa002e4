//! The reference Receiver behind HTTP on a port of this machine.

use std::{
    collections::BTreeSet,
    fs,
    net::{Ipv4Addr, TcpListener},
    path::PathBuf,
    sync::Mutex,
};

use actix_web::{
    HttpRequest, HttpResponse,
    web::{self, Bytes, PayloadConfig},
};
use serde_json::Value;
use tokio::{sync::OnceCell, task::JoinSet};
use url::Url;

use super::{Breaks, Pushed, ReceiverFault, Verdict, fault::LATE};
use crate::{
    authority::{Authority, Flaw},
    context::locked,
    peer::{Entrance, PeerError},
    push::{Dialect, Security},
    serving::{Door, Serving},
    target::Target,
    wire::{Settings, Wire},
};

/// Most bytes that are read of a body; more than any case sends.
const READ_BYTES_MAX: usize = 32 * 1024 * 1024;

/// What a Receiver is told.
#[derive(Clone, Debug)]
pub struct Trust {
    /// Whose SETs it takes.
    pub issuer: Target,
    /// Who it is.
    pub audience: String,
    /// What pushes have to show.
    pub authorization: Option<String>,
    /// How the issuer writes SETs, if not as SSF 1.0 has it.
    pub dialect: Option<Dialect>,
    /// PEM file with authorities to trust; read when keys are fetched.
    pub ca_certificates: Option<PathBuf>,
    /// How it is served.
    pub security: Security,
}

/// A reference Receiver that serves until it is dropped.
#[derive(Debug)]
pub struct Receiver {
    endpoint: String,
    root: Option<String>,
    /// Ends with this.
    _serving: Serving,
    /// And so does this.
    _at_work: JoinSet<()>,
}

struct State {
    trust: Trust,
    fault: Option<ReceiverFault>,
    seen: Mutex<BTreeSet<String>>,
    keys: OnceCell<Value>,
}

impl Receiver {
    /// Starts the reference with one fault, or with none.
    ///
    /// # Errors
    /// There is no port.
    pub fn start(trust: Trust, fault: Option<&ReceiverFault>) -> Result<Self, PeerError> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(PeerError::Listen)?;
        let address = listener.local_addr().map_err(PeerError::Listen)?;
        let security = trust.security;
        let entrance = match fault.map(|fault| fault.breaks) {
            Some(Breaks::Entrance(entrance)) => entrance,
            Some(_) | None => Entrance::Sound,
        };
        let state = web::Data::new(State {
            trust,
            fault: fault.copied(),
            seen: Mutex::default(),
            keys: OnceCell::new(),
        });
        let mut at_work = JoinSet::new();
        let (door, root) = match security {
            Security::Plain => (Door::plain(listener), None),
            Security::OwnAuthority => {
                let authority = Authority::new().map_err(PeerError::Certificate)?;
                let tls = authority.server(&address.ip().to_string(), Flaw::None);
                let tls = tls.map_err(PeerError::Certificate)?;
                let behind = entrance.in_front(listener, &mut at_work);
                let behind = behind.map_err(PeerError::Listen)?;
                let root = authority.root().to_owned();
                (Door::of(behind.tls, Some(tls)), Some(root))
            }
        };
        let serving = Serving::at([door], move |app| {
            app.app_data(state.clone())
                .app_data(bodies())
                .default_service(web::to(answer));
        });
        Ok(Self {
            endpoint: format!("{}://{address}/push", security.scheme()),
            root,
            _serving: serving.map_err(PeerError::Listen)?,
            _at_work: at_work,
        })
    }

    /// Its push endpoint.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The authority that has to be trusted, in PEM, if it is served over TLS.
    pub fn root(&self) -> Option<&str> {
        self.root.as_deref()
    }
}

async fn answer(request: HttpRequest, body: Bytes, state: web::Data<State>) -> HttpResponse {
    let Some(jwks) = state.keys().await else {
        return HttpResponse::ServiceUnavailable().finish();
    };
    let mut pushed = brought(&request);
    pushed.dialect = state.trust.dialect;
    pushed.take_apart(&body, jwks);
    let breaks = state.fault.map(|fault| fault.breaks);
    if let Some(Breaks::Follows(member)) = breaks
        && let Some(jwks) = followed(&pushed, member).await
    {
        pushed.take_apart(&body, &jwks);
    }
    let jti = pushed.claims.get("jti").and_then(Value::as_str);
    let jti = jti.unwrap_or_default().to_owned();
    pushed.is_repeated = locked(&state.seen).contains(&jti);
    let mut verdict = state.verdict(&pushed);
    if let Some(Breaks::Verdict(spoil)) = breaks {
        spoil(&pushed, &mut verdict);
    }
    if verdict == Verdict::Accepted {
        locked(&state.seen).insert(jti);
    }
    if let Some(Breaks::Late(uri)) = breaks
        && pushed.is_about(uri)
    {
        tokio::time::sleep(LATE).await;
    }
    let mut reply = verdict.reply();
    if let Some(Breaks::Answer(spoil)) = breaks {
        spoil(&pushed, &mut reply);
    }
    reply.into()
}

/// How bodies are read: all that cases send.
pub(super) fn bodies() -> PayloadConfig {
    PayloadConfig::new(READ_BYTES_MAX)
}

/// What shows of a push but for its body.
pub(super) fn brought(request: &HttpRequest) -> Pushed {
    let header = |name: &str| {
        let value = request.headers().get(name)?;
        Some(value.to_str().ok()?.to_owned())
    };
    let media_type = header("content-type").unwrap_or_default();
    let bare = media_type.split(';').next().unwrap_or_default();
    Pushed {
        method: request.method().as_str().to_owned(),
        media_type: bare.trim().to_lowercase(),
        authorization: header("authorization"),
        accept_language: header("accept-language"),
        ..Pushed::default()
    }
}

impl State {
    fn verdict(&self, pushed: &Pushed) -> Verdict {
        let Trust {
            issuer,
            audience,
            authorization,
            dialect: _,
            ca_certificates: _,
            security: _,
        } = &self.trust;
        Verdict::of(pushed, issuer.issuer(), audience, authorization.as_deref())
    }

    /// The keys that the issuer publishes. They do not change while a run goes on.
    async fn keys(&self) -> Option<&Value> {
        let fetch = async || {
            let file = self.trust.ca_certificates.as_ref();
            let settings = Settings {
                extra_authorities: file.map(fs::read).transpose().map_err(|_| ())?,
                ..Settings::default()
            };
            let metadata = fetched(self.trust.issuer.metadata_url(), &settings).await;
            let metadata = metadata.ok_or(())?;
            let url = metadata["jwks_uri"]
                .as_str()
                .and_then(|url| Url::parse(url).ok());
            fetched(url.ok_or(())?, &settings).await.ok_or(())
        };
        self.keys.get_or_try_init(fetch).await.ok()
    }
}

/// The keys at the place that the header names.
async fn followed(pushed: &Pushed, member: &str) -> Option<Value> {
    let url = Url::parse(pushed.header.get(member)?.as_str()?).ok()?;
    fetched(url, &Settings::default()).await
}

async fn fetched(url: Url, settings: &Settings) -> Option<Value> {
    let wire = Wire::to(&url, settings).ok()?;
    serde_json::from_slice(&wire.document(url).await.ok()?).ok()
}
