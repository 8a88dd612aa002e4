//! The reference Receiver that makes its stream by itself, behind HTTP on a port of this machine.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{Ipv4Addr, TcpListener},
};

use actix_web::{
    HttpRequest, HttpResponse,
    web::{self, Bytes},
};
use serde_json::{Map, Value, json};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};
use url::Url;

use super::{
    Breaks, Manners, ReceiverFault,
    owner::Owner,
    server::{bodies, brought},
    sessions::Sessions,
    taking::Push,
};
use crate::{
    chance::Chance,
    peer::{PeerError, host::Delivery},
    push::{Adapter, Dialect, Effects},
    serving::{Door, Serving},
    target::Target,
    target_file::AdapterAddress,
    wire::{Settings, Wire, WireError},
};

/// How many pushes wait at once.
const PUSHES_MAX: usize = 16;

/// What a Receiver with a stream is told.
#[derive(Clone, Debug)]
pub struct Orders {
    /// Where it makes its stream.
    pub issuer: Target,
    /// Who it is.
    pub audience: String,
    /// What it shows there.
    pub token: String,
    /// What that is.
    pub access: Access,
    /// How it wants its SETs.
    pub delivery: Delivery,
    /// How they are written, if not as SSF 1.0 has it.
    pub dialect: Option<Dialect>,
    /// Authorities in PEM to trust besides those of this machine.
    pub authorities: Option<Vec<u8>>,
}

/// What a Receiver was given to show.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Access {
    /// A token.
    #[default]
    Token,
    /// The secret of a client, for which it gets a token.
    Secret,
}

/// A reference Receiver that has its stream until it is dropped.
#[derive(Debug)]
pub struct WithStream {
    task: JoinHandle<()>,
    hook: String,
    /// Ends with this.
    _serving: Serving,
}

impl WithStream {
    /// Starts the reference with one fault, or with none.
    ///
    /// # Errors
    /// There is no HTTP.
    pub fn start(orders: Orders, fault: Option<&ReceiverFault>) -> Result<Self, PeerError> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(PeerError::Listen)?;
        let address = listener.local_addr().map_err(PeerError::Listen)?;
        let at = |path: &str| format!("http://{address}/{path}");
        let breaks = fault.map(|fault| fault.breaks);
        let mut manners = Manners::default();
        if let Some(Breaks::Manner(spoil)) = breaks {
            spoil(&mut manners);
        }
        let sessions = Sessions::with(manners.misjudges);
        let (sender, pushes) = mpsc::channel(PUSHES_MAX);
        let (told, sender) = (web::Data::new(sessions.clone()), web::Data::new(sender));
        let serving = Serving::at([Door::plain(listener)], move |app| {
            app.app_data(told.clone())
                .app_data(sender.clone())
                .app_data(bodies())
                .route("/alive", web::post().to(alive))
                .route("/push", web::to(push));
        });
        let serving = serving.map_err(PeerError::Listen)?;
        let no_url = |_| PeerError::Wire(WireError::NoUrl);
        let secret = (orders.delivery == Delivery::Push && !manners.is_open).then(|| {
            let mut chance = Chance::of(u64::from(address.port()), &orders.token);
            format!("Bearer {}", chance.word())
        });
        let wire = wire(&orders, &manners).map_err(PeerError::Wire)?;
        let owner = Owner {
            wire,
            breaks,
            manners,
            push_url: Url::parse(&at("push")).map_err(no_url)?,
            pushes,
            secret,
            jwks: Value::Null,
            has_tended: false,
            shown: (orders.access == Access::Token).then(|| orders.token.clone()),
            states: BTreeMap::new(),
            seen: BTreeSet::new(),
            acknowledged: Vec::new(),
            errors: Map::new(),
            critical: Value::Null,
            sessions,
            orders,
        };
        Ok(Self {
            task: tokio::spawn(owner.run()),
            hook: at("alive"),
            _serving: serving,
        })
    }

    /// Where a hook tells whether its sessions go on.
    pub fn hook(&self) -> &str {
        &self.hook
    }

    /// What tells whether its sessions go on.
    ///
    /// # Errors
    /// There is no HTTP client.
    pub fn effects(&self) -> Result<Effects, WireError> {
        let url = Url::parse(&self.hook).map_err(|_| WireError::NoUrl)?;
        let address = AdapterAddress::Hook {
            url: self.hook.clone(),
            token_env: None,
        };
        Ok(Effects {
            register: None,
            alive: Adapter {
                address,
                token: None,
            },
            wire: Wire::to(&url, &Settings::default())?,
        })
    }
}

/// How it asks; what it overlooks shows where there are authorities to trust.
fn wire(orders: &Orders, manners: &Manners) -> Result<Wire, WireError> {
    let settings = Settings {
        extra_authorities: orders.authorities.clone(),
        ..Settings::default()
    };
    let tls = manners.overlooks.zip(orders.authorities.as_deref());
    match tls.and_then(|(overlooks, authorities)| overlooks.tls(authorities)) {
        Some(tls) => Wire::over(tls, orders.issuer.url(), &settings),
        None => Wire::new(&orders.issuer, &settings),
    }
}

impl Drop for WithStream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn alive(asked: web::Json<Value>, sessions: web::Data<Sessions>) -> web::Json<Value> {
    let began = asked["began"].as_u64().unwrap_or_default();
    web::Json(json!({ "alive": sessions.is_alive(&asked["sub_id"], began) }))
}

async fn push(
    request: HttpRequest,
    body: Bytes,
    pushes: web::Data<mpsc::Sender<Push>>,
) -> HttpResponse {
    let (answer, answered) = oneshot::channel();
    let brought = brought(&request);
    let push = Push {
        brought,
        body,
        answer,
    };
    if pushes.send(push).await.is_err() {
        return HttpResponse::ServiceUnavailable().finish();
    }
    match answered.await {
        Ok(reply) => reply.into(),
        Err(_) => HttpResponse::ServiceUnavailable().finish(),
    }
}
