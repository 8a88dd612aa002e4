//! One run against a Receiver: what all cases share.

mod carrier;
mod given;
mod preflight;

use std::{
    sync::Arc,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};
use tokio::time::timeout;
use url::Url;

pub(super) use self::carrier::Carried;
use self::carrier::Carrier;
pub(crate) use self::preflight::endpoint;
pub use self::{
    given::{Given, OverStream, Signer},
    preflight::PreflightError,
};
use super::{
    dialect::Dialect,
    effects::Effects,
    keys::Keys,
    set::{SESSION_REVOKED, Set},
};
use crate::{
    deviations::Deviations,
    exchange::Request,
    peer::host::Host,
    run::Masks,
    target_file::Limits,
    wire::{Settings, Wire},
};

/// The media type of a SET (RFC 8417 §7.1.2).
pub(super) const MEDIA_TYPE: &str = "application/secevent+jwt";

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
