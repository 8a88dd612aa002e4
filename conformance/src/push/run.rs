//! One run against a push endpoint: what all cases share, and whether it can begin.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};
use url::Url;

use super::{
    issuer::Issuer,
    keys::{Key, KeyError, Keys},
    set::{SESSION_REVOKED, Set},
};
use crate::{
    checks::shown,
    exchange::{Exchange, Request},
    run::Masks,
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
        "{url} answers a sound SET with {status} {body}: check that the receiver trusts the issuer {issuer} and can fetch its keys, that its audience is {audience}, and what it wants in Authorization"
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
    served: Option<Issuer>,
    wire: Wire,
    masks: Masks,
    run_id: u64,
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
                let foreign = Key::generate().map_err(PreflightError::Key)?;
                (Arc::new(Keys { own, foreign }), None)
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
            served,
            wire,
            run_id: given.run_id,
        });
        run.preflight(given.patience).await?;
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
        let exchange = self.send(self.request(compact.into_bytes())).await;
        Ok(match exchange.result {
            Ok(answer) if answer.status == 202 => None,
            Ok(answer) => {
                let body = String::from_utf8_lossy(&answer.body).into_owned();
                Some(PreflightError::Refused {
                    url: self.url.to_string(),
                    status: answer.status,
                    body: shown(&Value::String(self.masks.mask(&body))),
                    issuer: self.issuer.clone(),
                    audience: self.audience.clone(),
                })
            }
            Err(error) => Some(PreflightError::Unreachable {
                url: self.url.to_string(),
                reason: error.to_string(),
            }),
        })
    }

    /// A SET without a fault; `name` keeps its `jti` apart from the others of the run.
    #[expect(
        clippy::disallowed_methods,
        reason = "a SET says when it was issued, and the Receiver compares that with its clock"
    )]
    pub(super) fn sound(&self, name: &str) -> Set {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.unwrap_or_default().as_secs();
        let header = json!({ "alg": "RS256", "kid": self.keys.own.kid(), "typ": "secevent+jwt" });
        let claims = json!({
            "iss": self.issuer,
            "jti": format!("ssf-conformance-{:016x}-{name}", self.run_id),
            "iat": now,
            "aud": self.audience,
            "txn": format!("ssf-conformance-{:016x}", self.run_id),
            "sub_id": self.subject,
            "events": { SESSION_REVOKED: { "event_timestamp": now } },
        });
        let object = |value: Value| value.as_object().cloned().unwrap_or_default();
        Set::new(object(header), object(claims))
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

    pub(super) async fn send(&self, request: Request) -> Exchange {
        self.wire.send(request).await
    }

    /// The endpoint.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// As it stands in `iss`.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    pub(super) fn keys(&self) -> &Keys {
        &self.keys
    }

    pub(super) fn served(&self) -> Option<&Issuer> {
        self.served.as_ref()
    }

    pub(super) fn masks(&self) -> &Masks {
        &self.masks
    }

    pub(super) fn authorization(&self) -> Option<&str> {
        self.authorization.as_deref()
    }
}

/// Where SETs are pushed to: the URL may have a query.
fn endpoint(text: &str) -> Result<Url, PreflightError> {
    let url = Url::parse(text).map_err(|_| PreflightError::Endpoint)?;
    let plain = url.scheme() == "http" && ssf_types::uri::is_loopback(&url);
    let is_bare = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    if is_bare && (plain || url.scheme() == "https") {
        return Ok(url);
    }
    Err(PreflightError::Endpoint)
}
