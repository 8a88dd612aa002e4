//! One run against a push endpoint: what all cases share, and whether it can begin.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use serde_json::{Value, json};
use tokio::time::timeout;
use url::Url;

use super::{
    dialect::Dialect,
    effects::Effects,
    issuer::Issuer,
    keys::{Key, KeyError, Keys},
    set::{SESSION_REVOKED, Set},
};
use crate::{
    checks::shown,
    deviations::Deviations,
    exchange::{Answer, Exchange, NoAnswer, Request},
    peer::host::{Host, Told},
    run::Masks,
    target_file::Limits,
    wire::{Settings, Wire, WireError},
};

/// How long to wait before the sound SET of the preflight is sent again.
const AGAIN_AFTER: Duration = Duration::from_millis(250);

/// The media type of a SET (RFC 8417 §7.1.2).
pub(super) const MEDIA_TYPE: &str = "application/secevent+jwt";

/// Who signs the SETs of a run.
#[derive(Debug)]
pub enum Signer {
    /// An issuer that is served meanwhile.
    Served(Issuer),
    /// One that the Receiver trusts already.
    Trusted {
        /// As it stands in `iss`.
        issuer: String,
        /// Its key.
        key: Key,
    },
}

impl Signer {
    /// As it stands in `iss`.
    pub fn issuer(&self) -> &str {
        match self {
            Self::Served(issuer) => issuer.issuer(),
            Self::Trusted { issuer, .. } => issuer,
        }
    }
}

/// What a run is given.
#[derive(Debug)]
pub struct Given {
    /// The push endpoint.
    pub url: String,
    /// Who signs.
    pub signer: Signer,
    /// What stands in `aud`.
    pub audience: String,
    /// What stands in `sub_id`.
    pub subject: Value,
    /// What pushes show in `Authorization`.
    pub authorization: Option<String>,
    /// Certificate authorities in PEM to trust besides those of this machine.
    pub authorities: Option<Vec<u8>>,
    /// Longest wait for an answer.
    pub request: Duration,
    /// For how long a Receiver that is not ready yet is waited for.
    pub patience: Duration,
    /// How SETs are written, if not as SSF 1.0 has it.
    pub dialect: Option<Dialect>,
    /// Cases that are known to fail.
    pub deviations: Deviations,
    /// Keeps the `jti` of this run apart from those of others.
    pub run_id: u64,
}

impl Given {
    /// What the endpoint, the signer and the audience leave open, as it is by default.
    pub fn new(url: impl Into<String>, signer: Signer, audience: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            signer,
            audience: audience.into(),
            subject: json!({ "format": "email", "email": "ssf-conformance@example.com" }),
            authorization: None,
            authorities: None,
            request: Duration::from_secs(15),
            patience: Duration::ZERO,
            dialect: None,
            deviations: Deviations::default(),
            run_id: 1,
        }
    }
}

/// What a run is given whose SETs go to the Receiver by its own stream.
#[derive(Debug)]
pub struct OverStream {
    /// Where the Receiver has its stream.
    pub host: Arc<Host>,
    /// Tells whether a session goes on.
    pub effects: Option<Effects>,
    /// For how long a Receiver that has no stream yet is waited for.
    pub patience: Duration,
    /// How long cases may take.
    pub limits: Limits,
    /// How SETs are written, if not as SSF 1.0 has it.
    pub dialect: Option<Dialect>,
    /// Cases that are known to fail.
    pub deviations: Deviations,
    /// Keeps the `jti` of this run apart from those of others.
    pub run_id: u64,
}

impl OverStream {
    /// What the host leaves open, as it is by default.
    pub fn new(host: Arc<Host>) -> Self {
        Self {
            host,
            effects: None,
            patience: Duration::ZERO,
            limits: Limits::default(),
            dialect: None,
            deviations: Deviations::default(),
            run_id: 1,
        }
    }
}

/// The endpoint cannot be judged yet.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PreflightError {
    /// The endpoint is no URL that can be pushed to.
    #[error(
        "the push endpoint has to be an https URL, or an http URL on loopback, without a user name or a fragment"
    )]
    Endpoint,
    /// There is no key to sign with.
    #[error("the signing key cannot be used")]
    Key(#[source] KeyError),
    /// There is no HTTP client.
    #[error("the push endpoint cannot be asked")]
    Wire(#[source] WireError),
    /// The Receiver has no stream.
    #[error(
        "the receiver has made no stream: {found}; check that it is told the issuer {issuer} and the token, and that it trusts the certificate"
    )]
    NoStream {
        /// The issuer.
        issuer: String,
        /// What it has asked for instead.
        found: String,
    },
    /// Nobody answers.
    #[error(
        "{url} cannot be reached ({reason}): check the address, the network and the certificate"
    )]
    Unreachable {
        /// The endpoint.
        url: String,
        /// What happened instead.
        reason: String,
    },
    /// The sound SET is refused.
    #[error(
        "{url} answers a sound SET with {status} {body}: check that the receiver trusts the issuer {issuer} and can fetch its keys, that its audience is {audience}, that it expects SETs as {written}, and what it wants in Authorization"
    )]
    Refused {
        /// The endpoint.
        url: String,
        /// The status.
        status: u16,
        /// The beginning of the answer.
        body: String,
        /// Who signed.
        issuer: String,
        /// Whom it was for.
        audience: String,
        /// How it was written.
        written: &'static str,
    },
}

/// What all cases of a run share.
pub struct PushRun {
    url: Url,
    issuer: String,
    audience: String,
    subject: Value,
    authorization: Option<String>,
    keys: Arc<Keys>,
    carrier: Carrier,
    effects: Option<Effects>,
    masks: Masks,
    limits: Limits,
    dialect: Option<Dialect>,
    deviations: Deviations,
    run_id: u64,
}

/// How SETs get to the Receiver.
enum Carrier {
    /// They are pushed to an endpoint that was named.
    Endpoint { wire: Wire, served: Option<Issuer> },
    /// They go as the Receiver wants its stream.
    Stream(Arc<Host>),
}

/// A delivery that is over.
pub(super) struct Carried {
    /// What shows how it went.
    pub(super) exchanges: Vec<Exchange>,
    /// What was said of it.
    pub(super) result: Result<Answer, NoAnswer>,
    /// The delivery in words, for evidence.
    pub(super) asked: String,
}

impl std::fmt::Debug for PushRun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut run = f.debug_struct("PushRun");
        run.field("url", &self.url).finish_non_exhaustive()
    }
}

impl PushRun {
    /// Waits until the endpoint takes a sound SET, and begins.
    ///
    /// # Errors
    /// It does not; says what to fix before anything can be judged.
    pub async fn begin(given: Given) -> Result<Arc<Self>, PreflightError> {
        let settings = Settings {
            timeout: given.request,
            extra_authorities: given.authorities,
        };
        let url = endpoint(&given.url)?;
        let wire = Wire::to(&url, &settings).map_err(PreflightError::Wire)?;
        let issuer = given.signer.issuer().to_owned();
        let (keys, served) = match given.signer {
            Signer::Served(issuer) => (issuer.keys(), Some(issuer)),
            Signer::Trusted { key: own, .. } => {
                let keys = Keys::of(own).map_err(PreflightError::Key)?;
                (Arc::new(keys), None)
            }
        };
        let run = Arc::new(Self {
            masks: Masks::new(given.authorization.as_deref()),
            url,
            issuer,
            audience: given.audience,
            subject: given.subject,
            authorization: given.authorization,
            keys,
            carrier: Carrier::Endpoint { wire, served },
            effects: None,
            limits: Limits {
                request_seconds: given.request.as_secs(),
                ..Limits::default()
            },
            dialect: given.dialect,
            deviations: given.deviations,
            run_id: given.run_id,
        });
        run.preflight(given.patience).await?;
        Ok(run)
    }

    /// Waits until the Receiver has a stream and takes a sound SET by it, and begins.
    ///
    /// # Errors
    /// It does not; says what to fix before anything can be judged.
    pub async fn over_stream(given: OverStream) -> Result<Arc<Self>, PreflightError> {
        let OverStream {
            host,
            effects,
            patience,
            limits,
            dialect,
            deviations,
            run_id,
        } = given;
        let began = Instant::now();
        let has_stream = host.seen(|_| host.delivery());
        if timeout(patience, has_stream).await.is_err() {
            return Err(PreflightError::NoStream {
                issuer: host.issuer().to_owned(),
                found: host.last_asked(),
            });
        }
        let run = Arc::new(Self {
            masks: Masks::new(
                [host.token()]
                    .into_iter()
                    .chain(effects.iter().flat_map(Effects::secrets)),
            ),
            url: host.target().url().clone(),
            issuer: host.issuer().to_owned(),
            audience: host.audience().to_owned(),
            subject: Value::Null,
            authorization: None,
            keys: host.keys(),
            carrier: Carrier::Stream(host),
            effects,
            limits,
            dialect,
            deviations,
            run_id,
        });
        run.preflight(patience.saturating_sub(began.elapsed()))
            .await?;
        Ok(run)
    }

    async fn preflight(&self, patience: Duration) -> Result<(), PreflightError> {
        let began = Instant::now();
        let mut attempt = 0;
        loop {
            let set = self.sound(&format!("preflight-{attempt}"));
            let Some(error) = self.refusal(&set).await? else {
                return Ok(());
            };
            if began.elapsed() >= patience {
                return Err(error);
            }
            attempt += 1;
            tokio::time::sleep(AGAIN_AFTER).await;
        }
    }

    /// Why a SET that is sound was not taken.
    async fn refusal(&self, set: &Set) -> Result<Option<PreflightError>, PreflightError> {
        let compact = set.compact(&self.keys);
        let compact = compact.map_err(|_| PreflightError::Key(KeyError::Refused))?;
        let carried = self.carry(self.request(compact.into_bytes())).await;
        Ok(match carried.result {
            Ok(answer) if answer.status == 202 => None,
            Ok(answer) => {
                let body = String::from_utf8_lossy(&answer.body).into_owned();
                Some(PreflightError::Refused {
                    url: self.url.to_string(),
                    status: answer.status,
                    body: shown(&Value::String(self.masks.mask(&body))),
                    issuer: self.issuer.clone(),
                    audience: self.audience.clone(),
                    written: self.dialect.map_or("SSF 1.0 has them", Dialect::as_str),
                })
            }
            Err(error) => Some(PreflightError::Unreachable {
                url: self.url.to_string(),
                reason: error.to_string(),
            }),
        })
    }

    /// Seconds since 1970.
    #[expect(
        clippy::disallowed_methods,
        reason = "a SET says when it was issued, and the Receiver compares that with its clock"
    )]
    pub(super) fn now() -> u64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        now.unwrap_or_default().as_secs()
    }

    /// A SET without a fault; `name` keeps its `jti` apart from the others of the run.
    pub(super) fn sound(&self, name: &str) -> Set {
        let now = Self::now();
        let header = json!({ "alg": "RS256", "kid": self.keys.own.kid(), "typ": "secevent+jwt" });
        let subject = match &self.carrier {
            Carrier::Endpoint { .. } => self.subject.clone(),
            // Somebody of whom nothing was said before.
            Carrier::Stream(_) => {
                let name = name.to_lowercase();
                let email = format!("{name}-{:x}@ssf-conformance.example.com", self.run_id);
                json!({ "format": "email", "email": email })
            }
        };
        let claims = json!({
            "iss": self.issuer,
            "jti": format!("ssf-conformance-{:016x}-{name}", self.run_id),
            "iat": now,
            "aud": self.audience,
            "txn": format!("ssf-conformance-{:016x}", self.run_id),
            "sub_id": subject,
            "events": { SESSION_REVOKED: { "event_timestamp": now } },
        });
        let object = |value: Value| value.as_object().cloned().unwrap_or_default();
        Set::new(object(header), object(claims)).spoken(self.dialect)
    }

    /// A push of this body, as a Transmitter makes it.
    pub(super) fn request(&self, body: Vec<u8>) -> Request {
        let mut request = Request::new("POST", self.url.clone());
        request.body = body;
        let media_type = ("content-type".to_owned(), MEDIA_TYPE.to_owned());
        request.headers.push(media_type);
        if let Some(value) = &self.authorization {
            let header = ("authorization".to_owned(), value.clone());
            request.headers.push(header);
        }
        request
    }

    /// Makes a push, or delivers the SET that would be its body by the stream.
    pub(super) async fn carry(&self, request: Request) -> Carried {
        match &self.carrier {
            Carrier::Endpoint { wire, .. } => {
                let asked = format!("{} {}", request.method, request.url);
                let exchange = wire.send(request).await;
                Carried {
                    result: exchange.result.clone(),
                    exchanges: vec![exchange],
                    asked,
                }
            }
            Carrier::Stream(host) => {
                let token = String::from_utf8_lossy(&request.body);
                let told = host.deliver(&name_of(&token), &token).await;
                told.into()
            }
        }
    }

    /// The endpoint.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// As it stands in `iss`.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// How SETs are written, if not as SSF 1.0 has it.
    pub fn dialect(&self) -> Option<Dialect> {
        self.dialect
    }

    pub(super) fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Where the Receiver has its stream, if the SETs go by that.
    pub(super) fn host(&self) -> Option<&Arc<Host>> {
        match &self.carrier {
            Carrier::Endpoint { .. } => None,
            Carrier::Stream(host) => Some(host),
        }
    }

    /// What tells whether sessions go on.
    pub(super) fn effects(&self) -> Option<&Effects> {
        self.effects.as_ref()
    }

    /// Where a key of a stranger is served, and how often it was asked for; if anything is served.
    pub(super) fn lure(&self) -> Option<(String, usize)> {
        match &self.carrier {
            Carrier::Endpoint { served, .. } => {
                let issuer = served.as_ref()?;
                Some((issuer.lure(), issuer.lured()))
            }
            Carrier::Stream(host) => Some((host.lure(), host.lured())),
        }
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Cases that are known to fail.
    pub(super) fn deviations(&self) -> &Deviations {
        &self.deviations
    }

    pub(super) fn masks(&self) -> &Masks {
        &self.masks
    }

    pub(super) fn authorization(&self) -> Option<&str> {
        self.authorization.as_deref()
    }
}

impl From<Told> for Carried {
    fn from(told: Told) -> Self {
        let Told {
            exchanges,
            result,
            asked,
        } = told;
        Self {
            exchanges,
            result,
            asked,
        }
    }
}

/// The name under which a SET is polled: its `jti`, or what stands for one that has none.
pub(super) fn name_of(token: &str) -> String {
    let claims = token.split('.').nth(1);
    let claims = claims.and_then(|part| BASE64URL.decode(part).ok());
    let claims: Option<Value> = claims.and_then(|claims| serde_json::from_slice(&claims).ok());
    let jti = claims.as_ref().and_then(|claims| claims["jti"].as_str());
    jti.unwrap_or("ssf-conformance-without-jti").to_owned()
}

/// Where SETs are pushed to: the URL may have a query.
pub(crate) fn endpoint(text: &str) -> Result<Url, PreflightError> {
    let url = Url::parse(text).map_err(|_| PreflightError::Endpoint)?;
    let plain = url.scheme() == "http" && ssf_types::uri::is_loopback(&url);
    let is_bare = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    if is_bare && (plain || url.scheme() == "https") {
        return Ok(url);
    }
    Err(PreflightError::Endpoint)
}
