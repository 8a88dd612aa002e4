//! What is wanted of one Transmitter, and how it begins to be served.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwapOption;
use secrecy::SecretString;
use ssf_types::{
    audience::Audience,
    dialect::Dialect,
    event::{
        Event,
        caep::{ChangeType, CredentialChange, SessionRevoked},
    },
    secret::AuthorizationHeader,
    uri::{EndpointUrl, EventTypeUri, Issuer},
};
use tokio::sync::watch;

use super::StartError;
use crate::{
    actions::Actions,
    client::{
        FetchError, Http,
        access::{Access, OAuthClient},
        poll::PollAt,
    },
    core::{Core, Served},
    deletion::Management,
    expiry::{Ages, Expiry},
    freshness::{Hearing, WhenStale},
    inbox::{AnyInbox, Inbox, Quarantine, Settings},
    keys::{Documents, KeyMemory, Keys},
    poll::PollStatus,
    push_secret::{Held, PushSecrets, new_text},
    quarantine::Quarantined,
    revocation::{Limits, Policy, ScopeId},
    setup::{self, Setup, Source},
    stream::{Method, StreamMemory, StreamState},
    transmitter::{Running, Shared},
};

/// What is wanted of one Transmitter, as far as it was said.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) issuer: String,
    /// Where SETs are pushed; without it, they are polled.
    pub(super) endpoint: Option<String>,
    pub(super) events: Vec<EventTypeUri>,
    pub(super) dialect: &'static Dialect,
    pub(super) policy: Policy,
    pub(super) actions: Actions,
    pub(super) revocations_max: u32,
    pub(super) ages: Ages,
    pub(super) push_secret_age_max: Option<Duration>,
    pub(super) when_stale: WhenStale,
    pub(super) stream: Option<StreamChoice>,
    #[cfg(test)]
    pub(super) documents: Option<Arc<crate::keys::Scripted>>,
}

/// The same, after a look at it.
pub(super) struct Terms {
    pub(super) issuer: Issuer,
    pub(super) endpoint: Option<EndpointUrl>,
    pub(super) events: Vec<EventTypeUri>,
    pub(super) dialect: &'static Dialect,
    pub(super) policy: Policy,
    pub(super) actions: Actions,
    pub(super) revocations_max: u32,
    pub(super) ages: Ages,
    pub(super) push_secret_age_max: Option<Duration>,
    pub(super) when_stale: WhenStale,
    pub(super) stream: StreamChoice,
    #[cfg(test)]
    pub(super) documents: Option<Arc<crate::keys::Scripted>>,
}

impl Wanted {
    pub(super) fn new(issuer: String, endpoint: Option<String>) -> Self {
        Self {
            issuer,
            endpoint,
            events: events_default(),
            dialect: &Dialect::SSF_1_0,
            policy: Policy::default(),
            actions: Actions::default(),
            revocations_max: Limits::default().most,
            ages: Ages::default(),
            push_secret_age_max: None,
            when_stale: WhenStale::default(),
            stream: None,
            #[cfg(test)]
            documents: None,
        }
    }

    /// Checks what was said.
    pub(super) fn checked(self) -> Result<Terms, StartError> {
        let issuer = Issuer::parse(self.issuer).map_err(StartError::Issuer)?;
        let endpoint = self.endpoint.map(EndpointUrl::parse).transpose();
        let endpoint = endpoint.map_err(StartError::Endpoint)?;
        let stream = self.stream.ok_or(StartError::NoStream)?;
        if !self.ages.are_sound() {
            return Err(StartError::Age);
        }
        let is_mute = matches!(stream, StreamChoice::Pushed(..));
        if is_mute && self.when_stale != WhenStale::Open {
            return Err(StartError::NeverHeard);
        }
        Ok(Terms {
            issuer,
            endpoint,
            events: self.events,
            dialect: self.dialect,
            policy: self.policy,
            actions: self.actions,
            revocations_max: self.revocations_max,
            ages: self.ages,
            push_secret_age_max: self.push_secret_age_max,
            when_stale: self.when_stale,
            stream,
            #[cfg(test)]
            documents: self.documents,
        })
    }
}

#[derive(Debug)]
pub(super) enum StreamChoice {
    Managed(Authorisation),
    Pushed(Audience, AuthorizationHeader),
    Polled(Audience, PollAt),
}

/// What authorises requests to the Transmitter.
#[derive(Debug)]
pub(super) enum Authorisation {
    Token(SecretString),
    Client(Box<OAuthClient>),
}

impl Authorisation {
    fn of(self, issuer: &Issuer, http: &Http) -> Access {
        match self {
            Self::Token(token) => Access::Token(token),
            Self::Client(client) => Access::of_client(*client, issuer, http),
        }
    }
}

/// How SETs will come, and for whom, as far as that is known.
struct Chosen {
    method: Method,
    audience: Option<Audience>,
    source: Source,
}

impl Terms {
    /// What has to be known of the Transmitter in order to decide.
    pub(super) fn served(&self, scope: ScopeId, hearing: &Hearing) -> Served {
        Served {
            scope,
            issuer: self.issuer.clone(),
            dialect: self.dialect,
            stale: Arc::clone(hearing.deadline()),
            when_stale: self.when_stale,
        }
    }

    /// Begins to serve the Transmitter.
    pub(super) async fn run(
        self,
        core: &Arc<Core>,
        settings: &Settings,
        (scope, hearing): (ScopeId, Hearing),
    ) -> Result<Running, StartError> {
        let inbox = &core.inbox;
        let memory = StreamMemory::new(&self.issuer, self.endpoint.as_ref());
        let http = Http::new(&self.issuer)?;
        let Chosen {
            method,
            audience,
            source,
        } = chosen(
            self.stream,
            self.endpoint,
            (&self.issuer, &http),
            (inbox, settings, &memory),
        )
        .await?;
        let documents = Documents::Web(http.clone());
        #[cfg(test)]
        let documents = self.documents.map_or(documents, Documents::Scripted);
        let remembered = KeyMemory::read(settings, &self.issuer);
        let keys = Keys::new(self.issuer.clone(), documents, remembered);
        let quarantined = Quarantined::new(scope, inbox.waiting(scope).await?);
        hearing.quarantined_are(quarantined.count());
        let (http, management) = managed(&source, http, &memory)?;
        let setup = Setup {
            http,
            events: self.events,
            memory,
            source,
        };
        let shared = Arc::new(Shared {
            core: Arc::clone(core),
            issuer: self.issuer,
            method,
            dialect: self.dialect,
            policy: self.policy,
            actions: self.actions,
            expiry: Expiry::new(self.ages),
            keys,
            audience: ArcSwapOption::from(audience.map(Arc::new)),
            stream: watch::Sender::new(StreamState::Pending { last_error: None }),
            polls: watch::Sender::new(PollStatus::default()),
            hearing,
            quarantined,
            management,
            push_secret_age_max: self.push_secret_age_max,
            acknowledged: 0.into(),
        });
        // Where there are several instances, the leading one does, when it begins to lead.
        if !core.inbox.is_shared() {
            shared.resume().await?;
        }
        let tasks = setup::spawn(&shared, setup);
        Ok(Running { shared, tasks })
    }
}

/// What asks the Transmitter, and what manages the stream if we do.
fn managed(
    source: &Source,
    http: Http,
    memory: &StreamMemory,
) -> Result<(Http, Option<Management>), FetchError> {
    match source {
        Source::Managed { access, .. } => {
            let management = Management {
                http: http.clone(),
                access: access.clone(),
                memory: memory.clone(),
            };
            Ok((http, Some(management)))
        }
        Source::Pushed => Ok((http, None)),
        // No document leads there, but the operator.
        Source::Polled(_) => Ok((Http::of_operator()?, None)),
    }
}

/// What a stream asks for unless told otherwise.
pub(crate) fn events_default() -> Vec<EventTypeUri> {
    let change = CredentialChange::new("password", ChangeType::Update);
    let events = [SessionRevoked::default().into(), Event::from(change)];
    events.iter().map(Event::uri).collect()
}

/// Brings together where SETs are to be delivered and which stream shall do it.
async fn chosen(
    stream: StreamChoice,
    endpoint: Option<EndpointUrl>,
    (issuer, http): (&Issuer, &Http),
    (inbox, settings, memory): (&AnyInbox, &Settings, &StreamMemory),
) -> Result<Chosen, StartError> {
    match (stream, endpoint) {
        (StreamChoice::Managed(authorisation), endpoint) => {
            let remembered = memory.read(settings)?;
            let method = match endpoint {
                Some(endpoint) => {
                    let secrets = push_secrets(inbox, settings, memory).await?;
                    Method::Push { endpoint, secrets }
                }
                None => Method::Poll,
            };
            Ok(Chosen {
                method,
                audience: remembered.as_ref().map(|stream| stream.audience.clone()),
                source: Source::Managed {
                    access: authorisation.of(issuer, http),
                    remembered,
                },
            })
        }
        (StreamChoice::Pushed(audience, secret), Some(endpoint)) => Ok(Chosen {
            method: Method::Push {
                endpoint,
                secrets: PushSecrets::new(Held::only(secret)),
            },
            audience: Some(audience),
            source: Source::Pushed,
        }),
        (StreamChoice::Polled(audience, at), None) => Ok(Chosen {
            method: Method::Poll,
            audience: Some(audience),
            source: Source::Polled(at),
        }),
        (StreamChoice::Pushed(..), None) | (StreamChoice::Polled(..), Some(_)) => {
            Err(StartError::WrongMethod)
        }
    }
}

/// The secret that the Transmitter pushes with: made at the first start, and kept before anybody is told; with that which is to take
/// its place, or has.
async fn push_secrets(
    inbox: &AnyInbox,
    settings: &Settings,
    memory: &StreamMemory,
) -> Result<PushSecrets, StartError> {
    let (name, change) = memory.secret_names();
    let text = if let Some(text) = settings.get(name) {
        text.clone()
    } else {
        inbox.setting_or(name, new_text()).await?
    };
    let current = AuthorizationHeader::parse(text).map_err(StartError::Secret)?;
    let change = settings.get(change).map(String::as_str);
    Ok(PushSecrets::new(Held::with_change(current, change)))
}
