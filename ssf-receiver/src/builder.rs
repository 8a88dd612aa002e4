//! How a receiver is put together and started.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwapOption;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
#[cfg(feature = "sql")]
use secrecy::ExposeSecret;
use secrecy::SecretString;
#[cfg(feature = "sql")]
use ssf_types::set::SetClaims;
use ssf_types::{
    audience::Audience,
    dialect::Dialect,
    event::{
        Event,
        caep::{ChangeType, CredentialChange, SessionRevoked},
    },
    secret::{AuthorizationHeader, AuthorizationHeaderError},
    uri::{EndpointUrl, EventTypeUri, Issuer, UriError},
};
use tokio::sync::watch;

use crate::{
    actions::{Action, Actions, Trigger, UnknownLevel},
    client::{
        FetchError, Http,
        access::{Access, OAuthClient},
        poll::PollAt,
    },
    deletion::Management,
    expiry::{Ages, Expiry},
    failpoint::{Failpoint, reached},
    freshness::Hearing,
    guard::Renewals,
    inbox::{AnyInbox, Inbox, InboxError, Quarantine, Settings},
    keys::{Documents, KeyMemory, Keys},
    poll::PollStatus,
    quarantine::Quarantined,
    receiver::{Receiver, Shared},
    revocation::{Index, IndexKey, Limits, Policy, Scope, ScopeId, Unknown},
    setup::{self, Setup, Source},
    stream::{Method, StreamMemory, StreamState},
    work::Handlers,
};
#[cfg(feature = "sql")]
use crate::{plan::plan, store::Stored};

const INDEX_KEY: &str = "index_key";

/// A receiver cannot be started; nothing of this passes by itself.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The issuer is not one.
    #[error("the transmitter's issuer cannot be used")]
    Issuer(#[source] UriError),
    /// The push endpoint's URL is not one.
    #[error("the push endpoint's URL cannot be used")]
    Endpoint(#[source] UriError),
    /// Nobody said where to keep SETs.
    #[error("a receiver needs a database: call database(\"sqlite://receiver.db\")")]
    NoDatabase,
    /// Nobody said how to come by a stream.
    #[error(
        "a receiver needs a stream: call management_token(…), oauth_client(…) or existing_stream(…)"
    )]
    NoStream,
    /// The stream that somebody else made does not deliver as the receiver wants it.
    #[error(
        "existing_stream(…) goes with Receiver::builder(…), and existing_poll_stream(…) with Receiver::polling(…)"
    )]
    WrongMethod,
    /// A session may get too little old.
    #[error("session_age_max and authentication_age_max are at least an hour")]
    Age,
    /// The database cannot be used.
    #[error(transparent)]
    Inbox(#[from] InboxError),
    /// The database holds a secret that cannot be read.
    #[error("the database holds a faulty {0}")]
    FaultySetting(&'static str),
    /// The push secret cannot be used.
    #[error("the push secret cannot be used")]
    Secret(#[source] AuthorizationHeaderError),
    /// The HTTP client cannot be made.
    #[error(transparent)]
    Client(#[from] FetchError),
}

/// Puts a receiver together; made by [`Receiver::builder`] or [`Receiver::polling`].
#[derive(Debug)]
#[must_use]
pub struct Builder {
    issuer: String,
    /// Where SETs are pushed; without it, they are polled.
    endpoint: Option<String>,
    events: Vec<EventTypeUri>,
    dialect: &'static Dialect,
    policy: Policy,
    actions: Actions,
    revocations_max: u32,
    ages: Ages,
    database: Option<DatabaseChoice>,
    stream: Option<StreamChoice>,
    #[cfg(test)]
    documents: Option<Arc<crate::keys::Scripted>>,
}

#[derive(Debug)]
enum DatabaseChoice {
    #[cfg(feature = "sql")]
    Sql(SecretString),
    Memory,
}

#[derive(Debug)]
enum StreamChoice {
    Managed(Authorisation),
    Pushed(Audience, AuthorizationHeader),
    Polled(Audience, PollAt),
}

/// What authorises requests to the Transmitter.
#[derive(Debug)]
enum Authorisation {
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

impl Builder {
    pub(crate) fn new(issuer: String, endpoint: Option<String>) -> Self {
        Self {
            issuer,
            endpoint,
            events: events_default(),
            dialect: &Dialect::SSF_1_0,
            policy: Policy::default(),
            actions: Actions::default(),
            revocations_max: Limits::default().most,
            ages: Ages::default(),
            database: None,
            stream: None,
            #[cfg(test)]
            documents: None,
        }
    }

    /// Reads the Transmitter's documents where a test has them.
    #[cfg(test)]
    pub(crate) fn documents(mut self, documents: Arc<crate::keys::Scripted>) -> Self {
        self.documents = Some(documents);
        self
    }

    /// Keeps everything in the SQLite file at `url`, such as `sqlite://receiver.db`, which is made if it is not there, or with
    /// the feature `postgres` in the PostgreSQL database there, such as `postgres://receiver@localhost/receiver`, which nothing
    /// else should use.
    ///
    /// It holds the push secret and the claims of SETs; a file is readable by its owner alone. One process at a time may use it.
    #[cfg(feature = "sql")]
    pub fn database(mut self, url: impl Into<String>) -> Self {
        self.database = Some(DatabaseChoice::Sql(url.into().into()));
        self
    }

    /// Keeps so many revocations in memory at most, blocked accounts and the like apart, instead of a million; each takes up to
    /// 44 bytes.
    ///
    /// Beyond, the oldest tenth is forgotten, and sessions that began before that have to be renewed by a sign-in.
    pub fn revocations_max(mut self, revocations: u32) -> Self {
        self.revocations_max = revocations;
        self
    }

    /// Takes it that sessions are over at that age since they began, instead of at 30 days: what was revoked before that is
    /// forgotten. At least an hour. One that is older all the same may have to be renewed, or signed in again.
    pub fn session_age_max(mut self, age: Duration) -> Self {
        self.ages.session = age;
        self
    }

    /// Takes it that a user proves afresh who they are within that time: what asked for that before is forgotten. At least an
    /// hour.
    ///
    /// Without it, nothing of that is forgotten but for want of room. Once something is, sessions that do not register
    /// [`auth_time`](crate::Session::auth_time) are asked for a sign-in.
    pub fn authentication_age_max(mut self, age: Duration) -> Self {
        self.ages.authentication = Some(age);
        self
    }

    /// Keeps everything in memory: for tests only, since a restart forgets what was revoked.
    pub fn in_memory(mut self) -> Self {
        self.database = Some(DatabaseChoice::Memory);
        self
    }

    /// Finds or makes the stream at the Transmitter, with this bearer token.
    pub fn management_token(mut self, token: impl Into<SecretString>) -> Self {
        let token = Authorisation::Token(token.into());
        self.stream = Some(StreamChoice::Managed(token));
        self
    }

    /// Finds or makes the stream at the Transmitter, with access tokens that this client gets (RFC 6749 §4.4).
    pub fn oauth_client(mut self, client: OAuthClient) -> Self {
        let client = Authorisation::Client(Box::new(client));
        self.stream = Some(StreamChoice::Managed(client));
        self
    }

    /// Uses a stream that somebody else made: with its `aud` and the `authorization_header` that it pushes with.
    pub fn existing_stream(mut self, audience: Audience, secret: AuthorizationHeader) -> Self {
        self.stream = Some(StreamChoice::Pushed(audience, secret));
        self
    }

    /// Polls a stream that somebody else made: with its `aud`, the `endpoint_url` where it is polled, and the bearer token
    /// for that.
    pub fn existing_poll_stream(
        mut self,
        audience: Audience,
        endpoint: EndpointUrl,
        token: impl Into<SecretString>,
    ) -> Self {
        let token = token.into();
        let access = Access::Token(token);
        self.stream = Some(StreamChoice::Polled(audience, PollAt { endpoint, access }));
        self
    }

    /// Asks for these events instead of session-revoked and credential-change.
    pub fn events(mut self, events: impl IntoIterator<Item = EventTypeUri>) -> Self {
        self.events = events.into_iter().collect();
        self
    }

    /// Reads SETs as an older draft or a vendor writes them, such as [`Dialect::OKTA`], instead of SSF 1.0 to the letter. What
    /// it deviates in is listed in `docs/dialects.md`; anything else is refused as ever.
    ///
    /// It concerns SETs alone: a stream that is set up by the receiver itself speaks SSF 1.0.
    pub fn dialect(mut self, dialect: &'static Dialect) -> Self {
        self.dialect = dialect;
        self
    }

    /// Tells which members of complex subjects the application registers for its sessions, instead of `user` and
    /// `session` (SSF 1.0 §3.3).
    pub fn members<M: Into<String>>(mut self, members: impl IntoIterator<Item = M>) -> Self {
        self.policy.members = members.into_iter().map(Into::into).collect();
        self
    }

    /// Tells what to do with members that the application does not know.
    pub fn unknown_members(mut self, unknown: Unknown) -> Self {
        self.policy.unknown = unknown;
        self
    }

    /// The same for events about a device: by default they have no effect on sessions that do not know their device, since
    /// whoever uses it may use others.
    pub fn unknown_members_of_device_events(mut self, unknown: Unknown) -> Self {
        self.policy.unknown_of_device = unknown;
        self
    }

    /// Has something that an event says followed by another action than the default one (see [`Action`]).
    pub fn action(mut self, trigger: Trigger, action: Action) -> Self {
        self.actions.table.set(trigger, action);
        self
    }

    /// Wants at least this level of assurance, of levels that are listed from the lowest to the highest
    /// (assurance-level-change, CAEP 1.0 §3.4): a lower one asks for a step-up, even after an increase.
    ///
    /// # Errors
    /// The least level is not one of them.
    pub fn assurance(
        mut self,
        namespace: impl Into<String>,
        levels: impl IntoIterator<Item = String>,
        least: &str,
    ) -> Result<Self, UnknownLevel> {
        let levels = levels.into_iter().collect();
        self.actions.assurance.want(namespace, levels, least)?;
        Ok(self)
    }

    /// Opens the database, loads what was revoked, and starts to look for the stream.
    ///
    /// Returns as soon as the guard can decide. The Transmitter may be away: the stream is set up in the background,
    /// as often as it takes; [`Receiver::ready`] waits for it and [`Receiver::status`] tells. Call it within a tokio
    /// runtime, such as that of `#[actix_web::main]`; the background tasks end with the last clone of the receiver.
    ///
    /// # Errors
    /// Says what is wrong with the configuration or the database.
    pub async fn start(self) -> Result<Receiver, StartError> {
        let issuer = Issuer::parse(self.issuer).map_err(StartError::Issuer)?;
        let endpoint = self.endpoint.map(EndpointUrl::parse).transpose();
        let endpoint = endpoint.map_err(StartError::Endpoint)?;
        let stream = self.stream.ok_or(StartError::NoStream)?;
        if !self.ages.are_sound() {
            return Err(StartError::Age);
        }
        let inbox = open(self.database.ok_or(StartError::NoDatabase)?).await?;
        let settings = inbox.settings().await?;
        let scopes = inbox.scopes(std::slice::from_ref(&issuer)).await?;
        let key = index_key(&inbox, &settings).await?;
        #[cfg(feature = "sql")]
        plan_anew(&inbox, &key, (&self.policy, &self.actions)).await?;
        let index = loaded(&inbox, self.revocations_max, key, scopes).await?;
        let memory = StreamMemory::new(&issuer, endpoint.as_ref());
        let http = Http::new(&issuer)?;
        let Chosen {
            method,
            audience,
            source,
        } = chosen(
            stream,
            endpoint,
            (&issuer, &http),
            (&inbox, &settings, &memory),
        )
        .await?;
        let documents = Documents::Web(http.clone());
        #[cfg(test)]
        let documents = self.documents.map_or(documents, Documents::Scripted);
        let remembered = KeyMemory::read(&settings, &issuer);
        let keys = Keys::new(issuer.clone(), documents, remembered);
        let (quarantined, hearing) = quarantined(&inbox, index.scope(&issuer)).await?;
        let (http, management) = managed(&source, http, &memory)?;
        let setup = Setup {
            http,
            events: self.events,
            memory,
            source,
        };
        let shared = Arc::new(Shared {
            issuer,
            method,
            dialect: self.dialect,
            policy: self.policy,
            actions: self.actions,
            index,
            renewals: Renewals::new(rand::random()),
            expiry: Expiry::new(self.ages),
            inbox,
            keys,
            audience: ArcSwapOption::from(audience.map(Arc::new)),
            stream: watch::Sender::new(StreamState::Pending { last_error: None }),
            polls: watch::Sender::new(PollStatus::default()),
            hearing,
            quarantined,
            management,
            acknowledged: watch::Sender::new(0),
            handlers: Handlers::default(),
            handed_again: watch::Sender::new(0),
        });
        let tasks = setup::spawn(&shared, setup);
        Ok(Receiver::new(shared, tasks))
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

#[cfg_attr(
    not(feature = "sql"),
    expect(
        clippy::unused_async,
        reason = "only a database outside takes time to open"
    )
)]
async fn open(choice: DatabaseChoice) -> Result<AnyInbox, InboxError> {
    match choice {
        #[cfg(feature = "sql")]
        DatabaseChoice::Sql(url) => {
            let patience = crate::store::PREDECESSOR_PATIENCE;
            let opened = crate::store::SqlInbox::open(url.expose_secret(), patience);
            opened.await.map(AnyInbox::Sql)
        }
        DatabaseChoice::Memory => Ok(AnyInbox::Memory(Box::default())),
    }
}

/// An index of all that the inbox has, and that knows what is missing in it.
async fn loaded(
    inbox: &AnyInbox,
    most: u32,
    key: IndexKey,
    scopes: Vec<Scope>,
) -> Result<Index, InboxError> {
    let limits = Limits {
        room_for: inbox.revocation_count().await?,
        most,
    };
    let index = Index::with_limits(limits, key, scopes);
    for (scope, watermarks) in inbox.watermarks().await? {
        index.raise(scope, watermarks);
    }
    let each = |revocation| {
        index.apply(&revocation);
        reached(Failpoint::Load);
    };
    inbox.revocations(each).await?;
    Ok(index)
}

/// Keeps what the SETs of a former version revoke, if that is not kept yet: as of when they were received.
#[cfg(feature = "sql")]
async fn plan_anew(
    inbox: &AnyInbox,
    key: &IndexKey,
    wanted: (&Policy, &Actions),
) -> Result<(), InboxError> {
    let AnyInbox::Sql(inbox) = inbox else {
        return Ok(());
    };
    let revocations = |stored: &Stored, scope| {
        let claims = SetClaims::read_verified(&stored.issuer, &stored.claims, &Dialect::SSF_1_0);
        let planned = claims
            .ok()
            .and_then(|claims| plan(&claims, wanted, (key, scope), stored.received_at).ok());
        planned.map(|plan| plan.revocations).unwrap_or_default()
    };
    let count = inbox.replan(revocations).await?;
    if count > 0 {
        tracing::info!(count, "the SETs of a former version were planned anew");
    }
    Ok(())
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
                    let secret = push_secret(inbox, settings, memory).await?;
                    Method::Push { endpoint, secret }
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
            method: Method::Push { endpoint, secret },
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

/// The SETs that could not be verified before this start, and what is heard of the Transmitter.
async fn quarantined(
    inbox: &AnyInbox,
    scope: Option<ScopeId>,
) -> Result<(Quarantined, Hearing), InboxError> {
    // The index was made with the number of the one transmitter that there is.
    let scope = scope.unwrap_or_default();
    let quarantined = Quarantined::new(scope, inbox.waiting(scope).await?);
    let hearing = Hearing::new();
    hearing.quarantined_are(quarantined.count());
    Ok((quarantined, hearing))
}

/// The secret of the index's hashes, made at the first start.
async fn index_key(inbox: &AnyInbox, settings: &Settings) -> Result<IndexKey, StartError> {
    if let Some(text) = settings.get(INDEX_KEY) {
        return IndexKey::parse(text).ok_or(StartError::FaultySetting(INDEX_KEY));
    }
    let key = IndexKey::new(rand::random());
    let setting = [(INDEX_KEY.to_owned(), key.to_text())].into();
    inbox.keep_settings(&setting).await?;
    Ok(key)
}

/// The secret that the Transmitter pushes with: made at the first start, and kept before anybody is told.
async fn push_secret(
    inbox: &AnyInbox,
    settings: &Settings,
    memory: &StreamMemory,
) -> Result<AuthorizationHeader, StartError> {
    let name = memory.secret_name();
    if let Some(text) = settings.get(name) {
        return AuthorizationHeader::parse(text.as_str()).map_err(StartError::Secret);
    }
    let random: [u8; 32] = rand::random();
    let text = format!("Bearer {}", BASE64URL.encode(random));
    let secret = AuthorizationHeader::parse(text.as_str()).map_err(StartError::Secret)?;
    let setting = [(name.to_owned(), text)].into();
    inbox.keep_settings(&setting).await?;
    Ok(secret)
}
