//! One run: what all cases share, and what they leave behind.

mod judging;
mod masks;
mod preflight;
mod streams;

use std::sync::Arc;

use serde_json::{Map, Value};
use url::Url;

pub(crate) use self::preflight::{CLOCKS_APART_MAX, clock_apart, refused};
use self::streams::Streams;
pub use self::{
    judging::{Outset, judge},
    masks::Masks,
    preflight::PreflightError,
};
use crate::{
    authority::Authority,
    case::{Case, Stop},
    chance::Chance,
    context::Gatherings,
    exchange::{Exchange, Recording, Request},
    sink::Sink,
    target::Target,
    target_file::{Secrets, TargetFile, Token},
    wire::{Settings, Wire},
};

/// What a run is given.
#[derive(Clone)]
pub struct Given {
    /// The target file.
    pub file: TargetFile,
    /// The secrets that it names.
    pub secrets: Secrets,
    /// Certificate authorities in PEM to trust besides those of this machine.
    pub authorities: Option<Vec<u8>>,
    /// The authority that vouches for where the tester takes pushes.
    pub push_authority: Option<Arc<Authority>>,
}

/// What all cases of one run share.
pub struct Run {
    file: TargetFile,
    secrets: Secrets,
    masks: Masks,
    seed: u64,
    description: String,
    wire: Wire,
    discovery: Recording,
    streams: Streams,
    gatherings: Gatherings,
    sink: Option<Sink>,
}

impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut run = f.debug_struct("Run");
        run.field("issuer", &self.file.issuer);
        run.field("seed", &self.seed).finish_non_exhaustive()
    }
}

impl Run {
    /// Looks whether the target can be judged at all, and begins.
    ///
    /// # Errors
    /// Says what to fix before anything can be judged.
    pub async fn begin(given: Given, outset: Outset) -> Result<Arc<Self>, PreflightError> {
        let Given {
            file,
            secrets,
            authorities,
            push_authority,
        } = given;
        let issuer = Target::parse(&file.issuer).map_err(PreflightError::Issuer)?;
        let settings = Settings {
            timeout: file.limits.request(),
            extra_authorities: authorities,
        };
        let (wire, discovery) = preflight::discover(issuer, &settings).await?;
        let sink = match &file.push {
            Some(push) => Some(Sink::start(push, push_authority).await),
            None => None,
        };
        let run = Self {
            sink: sink.transpose().map_err(PreflightError::Sink)?,
            masks: Masks::new(secrets.all()),
            description: format!(
                "ssf-conformance {}",
                Chance::of(outset.run_id, "run").word()
            ),
            seed: outset.seed,
            streams: Streams::default(),
            gatherings: Gatherings::default(),
            file,
            secrets,
            wire,
            discovery,
        };
        preflight::credentials(&run).await?;
        Ok(Arc::new(run))
    }

    /// The target, as its file describes it.
    pub fn target(&self) -> &TargetFile {
        &self.file
    }

    /// What discovery recorded.
    pub fn discovery(&self) -> &Recording {
        &self.discovery
    }

    /// The seed of the run's chance.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    pub(crate) fn issuer(&self) -> &Target {
        self.discovery.target()
    }

    pub(crate) fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// The SETs that cases share.
    pub(crate) fn gatherings(&self) -> &Gatherings {
        &self.gatherings
    }

    /// How the Transmitter is spoken to.
    pub(crate) fn wire(&self) -> &Wire {
        &self.wire
    }

    /// Where the Transmitter pushes to.
    ///
    /// # Errors
    /// The target file has no such place.
    pub(crate) fn sink(&self) -> Result<&Sink, Stop> {
        let sink = self.sink.as_ref();
        sink.ok_or_else(|| Stop::not_configured("needs a place to push to (push)"))
    }

    pub(crate) fn masks(&self) -> &Masks {
        &self.masks
    }

    /// What the streams of this run are called, and those of no other.
    pub(crate) fn description(&self) -> &str {
        &self.description
    }

    /// Makes a request for a case, and keeps in mind what stream it made.
    pub(crate) async fn send(&self, request: Request, case: &'static Case) -> Exchange {
        let exchange = self.wire.send(request).await;
        self.masks.learn(&exchange);
        let configuration = self.configuration_endpoint();
        self.streams
            .note(&exchange, configuration.as_ref(), case.id);
        exchange
    }

    /// Deletes what a case left behind.
    pub(crate) async fn clean_up_after(&self, case: &'static Case) {
        let left = self.streams.of(case.id);
        self.delete(left).await;
    }

    /// The streams that a case has at the moment.
    pub(crate) fn streams_of(&self, case: &'static Case) -> Vec<String> {
        let made = self.streams.of(case.id);
        made.into_iter().map(|made| made.id).collect()
    }

    /// Deletes what a case has, but for these.
    pub(crate) async fn clean_up_but(&self, case: &'static Case, kept: &[String]) {
        let mut made = self.streams.of(case.id);
        made.retain(|made| !kept.contains(&made.id));
        self.delete(made).await;
    }

    /// Deletes what the run left behind, also what it never saw the answer of.
    ///
    /// Returns the streams that could not be deleted.
    pub async fn clean_up(&self) -> Vec<String> {
        self.delete(self.streams.all()).await;
        let token = self.secrets.token(Token::Receiver);
        if let (Some(url), Some(token)) = (self.configuration_endpoint(), token) {
            let unseen = self
                .streams
                .unseen(&self.wire, url, token, &self.description);
            self.delete(unseen.await).await;
        }
        self.streams.all().into_iter().map(|made| made.id).collect()
    }

    async fn delete(&self, left: Vec<streams::Made>) {
        let Some(url) = self.configuration_endpoint() else {
            return;
        };
        for made in left {
            self.streams.delete(&self.wire, url.clone(), made).await;
        }
    }

    fn configuration_endpoint(&self) -> Option<Url> {
        let metadata = self.discovery.document().ok()?;
        endpoint(self.issuer(), metadata, "configuration_endpoint").ok()
    }
}

/// The URL that the metadata has for something, if it may be asked.
pub(crate) fn endpoint(
    issuer: &Target,
    metadata: &Map<String, Value>,
    member: &str,
) -> Result<Url, Stop> {
    let Some(value) = metadata.get(member) else {
        return Err(Stop::not_offered(format!("the metadata has no {member}")));
    };
    // The parser forgives https:/path, and takes the path for a host.
    let text = value.as_str().filter(|text| text.contains("://"));
    let url = text.and_then(|text| Url::parse(text).ok());
    match url {
        Some(url) if issuer.may_lead_to(&url) => Ok(url),
        Some(url) => Err(Stop::blocked(format!("{member}: {url} is not https"))),
        None => Err(Stop::blocked(format!("{member} is not a URL"))),
    }
}
