//! The reference Receiver that makes its stream by itself and polls it.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, TcpListener},
    time::Duration,
};

use actix_web::{App, HttpServer, dev::ServerHandle, web};
use serde_json::{Map, Value, json};
use tokio::{task::JoinHandle, time::sleep};
use url::Url;

use super::{Breaks, Manners, Pushed, ReceiverFault, Verdict, fault::LATE, sessions::Sessions};
use crate::{
    exchange::{Answer, Request},
    peer::PeerError,
    push::{Adapter, Dialect, Effects, SESSION_REVOKED, SESSIONS_REVOKED},
    target::Target,
    target_file::AdapterAddress,
    wire::{Settings, Wire, WireError},
};

const VERIFICATION: &str = "https://schemas.openid.net/secevent/ssf/event-type/verification";

/// How long a request may take to come.
const REQUEST_TIMEOUT: Duration = Duration::from_mins(1);

/// The pause where the Transmitter does not say how long it has to be.
const PAUSE: Duration = Duration::from_millis(50);

/// A reference Receiver that polls until it is dropped.
#[derive(Debug)]
pub struct Polling {
    task: JoinHandle<()>,
    hook: String,
    server: ServerHandle,
}

/// Whether its stream is there.
enum Standing {
    There,
    Gone,
}

pub(super) struct Poller {
    pub(super) issuer: Target,
    pub(super) audience: String,
    pub(super) token: String,
    pub(super) breaks: Option<Breaks>,
    pub(super) manners: Manners,
    pub(super) dialect: Option<Dialect>,
    pub(super) wire: Wire,
    pub(super) jwks: Value,
    pub(super) states: BTreeSet<String>,
    pub(super) seen: BTreeSet<String>,
    pub(super) acknowledged: Vec<String>,
    pub(super) errors: Map<String, Value>,
    /// Members of subjects that must not be left out.
    pub(super) critical: Value,
    pub(super) sessions: Sessions,
}

impl Polling {
    /// Starts the reference with one fault, or with none: it makes its stream at `issuer` with this token, and expects SETs in
    /// this dialect, if not as SSF 1.0 has them.
    ///
    /// # Errors
    /// There is no HTTP.
    pub fn start(
        issuer: Target,
        audience: &str,
        token: &str,
        fault: Option<&ReceiverFault>,
        dialect: Option<Dialect>,
    ) -> Result<Self, PeerError> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(PeerError::Listen)?;
        let address = listener.local_addr().map_err(PeerError::Listen)?;
        let breaks = fault.map(|fault| fault.breaks);
        let mut manners = Manners::default();
        if let Some(Breaks::Manner(spoil)) = breaks {
            spoil(&mut manners);
        }
        let sessions = Sessions::with(manners.misjudges);
        let told = web::Data::new(sessions.clone());
        let app = move || {
            App::new()
                .app_data(told.clone())
                .default_service(web::to(alive))
        };
        let server = HttpServer::new(app)
            .workers(1)
            .disable_signals()
            .client_request_timeout(REQUEST_TIMEOUT)
            .shutdown_timeout(0)
            .listen(listener)
            .map_err(PeerError::Listen)?
            .run();
        let handle = server.handle();
        tokio::spawn(server);
        let poller = Poller {
            wire: Wire::new(&issuer, &Settings::default()).map_err(PeerError::Wire)?,
            issuer,
            audience: audience.to_owned(),
            token: token.to_owned(),
            breaks,
            manners,
            dialect,
            jwks: Value::Null,
            states: BTreeSet::new(),
            seen: BTreeSet::new(),
            acknowledged: Vec::new(),
            errors: Map::new(),
            critical: Value::Null,
            sessions,
        };
        Ok(Self {
            task: tokio::spawn(poller.run()),
            hook: format!("http://{address}/alive"),
            server: handle,
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

impl Drop for Polling {
    fn drop(&mut self) {
        self.task.abort();
        // What this returns only tells when it is done.
        drop(self.server.stop(false));
    }
}

async fn alive(asked: web::Json<Value>, sessions: web::Data<Sessions>) -> web::Json<Value> {
    let began = asked["began"].as_u64().unwrap_or_default();
    web::Json(json!({ "alive": sessions.is_alive(&asked["sub_id"], began) }))
}

impl Poller {
    async fn run(mut self) {
        loop {
            let endpoint = loop {
                match self.set_up().await {
                    Some(endpoint) => break endpoint,
                    None => sleep(PAUSE).await,
                }
            };
            while let Standing::There = self.poll(&endpoint).await {}
            if self.manners.does_without {
                return;
            }
        }
    }

    /// Settles what came, or waits for something to come.
    async fn poll(&mut self, endpoint: &Url) -> Standing {
        let mut body = json!({});
        let settles = !self.acknowledged.is_empty() || !self.errors.is_empty();
        if settles {
            body = json!({
                "ack": self.acknowledged, "setErrs": self.errors, "maxEvents": 0, "returnImmediately": true,
            });
        }
        if std::mem::take(&mut self.manners.counts_in_words) {
            body["maxEvents"] = json!("many");
        }
        let mut request = Request::new("POST", endpoint.clone());
        for (name, value) in [
            ("content-type", "application/json"),
            ("content-language", "en"),
        ] {
            request.headers.push((name.to_owned(), value.to_owned()));
        }
        request.body = body.to_string().into_bytes();
        let Some(answer) = self.send(request).await else {
            sleep(PAUSE).await;
            return Standing::There;
        };
        if answer.status == 404 {
            return Standing::Gone;
        }
        if answer.is_success() && settles {
            self.acknowledged.clear();
            self.errors.clear();
        }
        if answer.is_success() || self.manners.reads_errors {
            self.take(&answer).await;
        }
        if !answer.is_success() {
            let told = answer.header("retry-after").next();
            let told = told.and_then(|seconds| seconds.parse().ok());
            let told = told.filter(|_| !self.manners.does_not_wait);
            sleep(told.map_or(PAUSE, Duration::from_secs)).await;
        }
        Standing::There
    }

    async fn take(&mut self, answer: &Answer) {
        let body = answer.object().unwrap_or_default();
        let sets = body.get("sets").and_then(Value::as_object);
        let sets = sets.cloned().unwrap_or_default();
        // Verifications that it asked for at the beginning come together.
        let is_new = self.seen.is_empty();
        let is_passed_over = sets.len() > 1 && self.manners.passes_over_several && !is_new;
        let mut left_alone = is_passed_over;
        for (name, token) in sets.iter().filter(|_| !is_passed_over) {
            match self.judged(name, token.as_str().unwrap_or_default()).await {
                Some(Verdict::Accepted) => self.acknowledged.push(name.clone()),
                Some(Verdict::Refused(err)) => {
                    let error = json!({ "err": err, "description": "the SET is refused" });
                    self.errors.insert(name.clone(), error);
                }
                Some(Verdict::Status(_)) | None => left_alone = true,
            }
        }
        if left_alone {
            sleep(PAUSE).await;
        }
        let is_more = body.get("moreAvailable") == Some(&Value::Bool(true));
        if is_more && !sets.is_empty() && self.manners.rests_where_there_is_more {
            sleep(LATE).await;
        }
    }

    /// What becomes of a SET; `None` if it is left alone.
    async fn judged(&mut self, name: &str, token: &str) -> Option<Verdict> {
        let mut pushed = self.taken_apart(token, &self.jwks);
        if self.jwks.is_null() {
            (pushed.is_key_known, pushed.is_verified) = (true, true);
        }
        if pushed.is_token && !pushed.is_key_known && !self.manners.keeps_its_first_keys {
            let metadata = self.ask(Request::get(self.issuer.metadata_url())).await?;
            let metadata = metadata.object().ok()?;
            let url = metadata.get("jwks_uri").and_then(Value::as_str)?;
            self.fetch_keys(Url::parse(url).ok()?).await?;
            pushed = self.taken_apart(token, &self.jwks);
        }
        if let Some(Breaks::Follows(member)) = self.breaks
            && let Some(url) = pushed.header.get(member).and_then(Value::as_str)
            && let Ok(url) = Url::parse(url)
            && let Some(answer) = self.ask(Request::get(url)).await
        {
            let jwks = serde_json::from_slice(&answer.body).unwrap_or_default();
            pushed = self.taken_apart(token, &jwks);
        }
        pushed.is_repeated = self.seen.contains(name);
        if pushed.is_repeated && self.manners.leaves_repetitions_alone {
            return None;
        }
        let mut verdict = Verdict::of(&pushed, self.issuer.issuer(), &self.audience, None);
        self.look_at_the_stream(name, &pushed, &mut verdict);
        if let Some(Breaks::Verdict(spoil)) = self.breaks {
            spoil(&pushed, &mut verdict);
        }
        let has_expired = pushed.claims.contains_key("exp");
        if verdict == Verdict::Accepted || (has_expired && self.manners.acts_before_it_judges) {
            self.act(&pushed);
        }
        if let Some(Breaks::Late(uri)) = self.breaks
            && pushed.is_about(uri)
        {
            sleep(LATE).await;
        }
        if verdict == Verdict::Accepted {
            self.seen.insert(name.to_owned());
        }
        Some(verdict)
    }

    fn taken_apart(&self, token: &str, jwks: &Value) -> Pushed {
        let mut pushed = Pushed {
            method: "POST".to_owned(),
            media_type: "application/secevent+jwt".to_owned(),
            dialect: self.dialect,
            ..Pushed::default()
        };
        pushed.take_apart(token.as_bytes(), jwks);
        pushed
    }

    /// What no push shows: the name that a SET came under, and the states that were sent.
    fn look_at_the_stream(&self, name: &str, pushed: &Pushed, verdict: &mut Verdict) {
        if *verdict != Verdict::Accepted {
            return;
        }
        if pushed.claims["jti"] != name && !self.manners.takes_any_name {
            *verdict = Verdict::Refused("invalid_request");
        }
        let state = pushed.event().filter(|(uri, _)| *uri == VERIFICATION);
        let state = state
            .and_then(|(_, event)| event.get("state"))
            .and_then(Value::as_str);
        let is_foreign = state.is_some_and(|state| !self.states.contains(state));
        if is_foreign && !self.manners.takes_any_state {
            *verdict = Verdict::Refused(if self.manners.calls_states_invalid_requests {
                "invalid_request"
            } else {
                "invalid_state"
            });
        }
    }

    fn act(&self, pushed: &Pushed) {
        if let Some(subject) = pushed.subject()
            && let Some((SESSION_REVOKED | SESSIONS_REVOKED, event)) = pushed.event()
        {
            let at = event.get("event_timestamp");
            let at = at.or_else(|| pushed.claims.get("iat"));
            let at = at.and_then(Value::as_u64).unwrap_or_default();
            self.sessions.end(&subject, at, &self.critical);
        }
    }
}
