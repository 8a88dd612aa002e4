//! How a receiver is put together and started.

mod terms;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

#[cfg(feature = "durable")]
use secrecy::ExposeSecret;
use secrecy::SecretString;
#[cfg(feature = "sql")]
use ssf_types::set::SetClaims;
use ssf_types::{
    audience::Audience,
    dialect::Dialect,
    secret::{AuthorizationHeader, AuthorizationHeaderError},
    uri::{EndpointUrl, EventTypeUri, Issuer, UriError},
};

#[cfg(feature = "daemon")]
pub(crate) use self::terms::events_default;
use self::terms::{Authorisation, StreamChoice, Terms, Wanted};
#[cfg(feature = "shared")]
use crate::instances::follow;
#[cfg(feature = "redis")]
use crate::publication::{RedisPublication, RedisPublicationError};
#[cfg(feature = "sql")]
use crate::{actions::Actions, plan::plan, revocation::Policy, store::Stored};
use crate::{
    actions::{Action, Trigger, UnknownLevel},
    client::{
        FetchError,
        access::{Access, OAuthClient},
        poll::PollAt,
    },
    core::Core,
    failpoint::{Failpoint, reached},
    freshness::{Hearing, WhenStale},
    inbox::{AnyInbox, Inbox, InboxError, Settings},
    receiver::Receiver,
    revocation::{Index, IndexKey, Limits, Scope, ScopeId, Unknown, issuer_form},
};

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
    /// Another Transmitter's builder names a database.
    #[error(
        "a receiver has one database, whose Transmitters are many: name it once, before and(…)"
    )]
    TwoDatabases,
    /// Another Transmitter's builder says where to publish what is revoked.
    #[cfg(feature = "redis")]
    #[error(
        "a receiver publishes in one place, whose Transmitters are many: say publish(…) once, before and(…)"
    )]
    TwoPublications,
    /// Nothing can be published where it was said.
    #[cfg(feature = "redis")]
    #[error(transparent)]
    Publication(#[from] RedisPublicationError),
    /// Two Transmitters have one issuer.
    #[error("two transmitters have the same issuer: a session could be either's")]
    SameIssuer,
    /// Two Transmitters push to one path.
    #[error("two transmitters push to the same path: give each a push endpoint of its own")]
    SamePath,
    /// Something shall follow from not hearing of a Transmitter that the receiver cannot ask for a sign of life.
    #[error(
        "when_stale(…) needs a stream that the receiver manages or polls: of one that somebody else manages, nothing tells whether it is silent"
    )]
    NeverHeard,
    /// A session may get too little old.
    #[error("session_age_max, authentication_age_max and set_age_max are at least an hour")]
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
    database: Option<DatabaseChoice>,
    #[cfg(feature = "redis")]
    publication: Option<RedisPublication>,
    /// What is wanted of the first Transmitter, which the methods are about.
    wanted: Wanted,
    others: Vec<Builder>,
}

#[derive(Debug)]
enum DatabaseChoice {
    #[cfg(feature = "durable")]
    Url(SecretString),
    Memory,
}

impl Builder {
    pub(crate) fn new(issuer: String, endpoint: Option<String>) -> Self {
        Self {
            database: None,
            #[cfg(feature = "redis")]
            publication: None,
            wanted: Wanted::new(issuer, endpoint),
            others: Vec::new(),
        }
    }

    /// Takes the SETs of another Transmitter as well, each for sessions of its own: what one revokes never concerns those of
    /// another. At most [`SCOPES_MAX`](crate::revocation::SCOPES_MAX) of them share one database.
    ///
    /// Everything but the database, and where what is revoked is published, is said of each.
    ///
    /// ```no_run
    /// # use ssf_receiver::Receiver;
    /// # async fn start(token: String, other_token: String) -> Result<(), Box<dyn std::error::Error>> {
    /// let workforce = Receiver::builder("https://idp.example.com", "https://app.example.com/ssf/workforce");
    /// let customers = Receiver::polling("https://customers.example.net").management_token(other_token);
    /// let receiver = workforce
    ///     .database("sqlite://receiver.db")
    ///     .management_token(token)
    ///     .and(customers)
    ///     .start()
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn and(mut self, other: Builder) -> Self {
        self.others.push(other);
        self
    }

    /// Reads the Transmitter's documents where a test has them.
    #[cfg(test)]
    pub(crate) fn documents(mut self, documents: Arc<crate::keys::Scripted>) -> Self {
        self.wanted.documents = Some(documents);
        self
    }

    /// Keeps everything in the SQLite file at `url`, such as `sqlite://receiver.db`, which is made if it is not there, or with
    /// the feature `postgres` in the PostgreSQL database there, such as `postgres://receiver@localhost/receiver`, which nothing
    /// but instances of one receiver should use: as many as there are, with one configuration. With the feature `redis`, the same goes
    /// for `redis://HOST:PORT/NUMBER` and `redis+unix:///PATH`, where keys begin with `ssf-inbox` unless `?prefix=NAME` is behind it, and
    /// which has to have `appendonly yes`, `appendfsync always` and `maxmemory-policy noeviction`.
    ///
    /// It holds the push secret and the claims of SETs; a file is readable by its owner alone, and one process at a time may use it.
    #[cfg(feature = "durable")]
    pub fn database(mut self, url: impl Into<String>) -> Self {
        self.database = Some(DatabaseChoice::Url(url.into().into()));
        self
    }

    /// Keeps so many revocations in memory at most, blocked accounts and the like apart, instead of a million; each takes up to
    /// 44 bytes.
    ///
    /// Beyond, the oldest tenth is forgotten, and sessions that began before that have to be renewed by a sign-in.
    pub fn revocations_max(mut self, revocations: u32) -> Self {
        self.wanted.revocations_max = revocations;
        self
    }

    /// Takes it that sessions are over at that age since they began, instead of at 30 days: what was revoked before that is
    /// forgotten. At least an hour. One that is older all the same may have to be renewed, or signed in again.
    pub fn session_age_max(mut self, age: Duration) -> Self {
        self.wanted.ages.session = age;
        self
    }

    /// Takes it that a user proves afresh who they are within that time: what asked for that before is forgotten. At least an
    /// hour.
    ///
    /// Without it, nothing of that is forgotten but for want of room. Once something is, sessions that do not register
    /// [`auth_time`](crate::Session::auth_time) are asked for a sign-in.
    pub fn authentication_age_max(mut self, age: Duration) -> Self {
        self.wanted.ages.authentication = Some(age);
        self
    }

    /// Forgets SETs that were received so long ago, instead of 90 days, once all handlers are done with them; with them go dead
    /// letters. At least an hour, and longer than the Transmitter goes on sending what it was not told to be here: a SET that comes
    /// again after that counts as new. What it revoked is kept apart, and stays.
    pub fn set_age_max(mut self, age: Duration) -> Self {
        self.wanted.ages.sets = age;
        self
    }

    /// Has the secret that the Transmitter pushes with changed by itself at that age, at least an hour, instead of only
    /// [when somebody says so](crate::Transmitter::rotate_push_secret). What was made by an earlier version counts as made at the
    /// first start with this.
    pub fn push_secret_age_max(mut self, age: Duration) -> Self {
        self.wanted.push_secret_age_max = Some(age.max(Duration::from_hours(1)));
        self
    }

    /// Publishes what is revoked in Redis, for processes that decide by themselves, in whatever language: in the order in which it
    /// came, at least once, behind everybody's back. What a reader has to know is in `docs/redis.md`; it needs
    /// [`Receiver::publication_secret`], too.
    ///
    /// A Redis that is away delays nothing and loses nothing: it gets what it missed. What it has lost is published anew.
    ///
    /// ```no_run
    /// # use ssf_receiver::{Receiver, publication::RedisPublication};
    /// # async fn start() -> Result<(), Box<dyn std::error::Error>> {
    /// let receiver = Receiver::builder(
    ///     "https://idp.example.com",
    ///     "https://app.example.com/ssf/events",
    /// )
    /// .database("sqlite://receiver.db")
    /// .management_token(std::env::var("SSF_TOKEN")?)
    /// .publish(RedisPublication::new("redis://127.0.0.1"))
    /// .start()
    /// .await?;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "redis")]
    pub fn publish(mut self, publication: RedisPublication) -> Self {
        self.publication = Some(publication);
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
        self.wanted.stream = Some(StreamChoice::Managed(token));
        self
    }

    /// Finds or makes the stream at the Transmitter, with access tokens that this client gets (RFC 6749 §4.4).
    pub fn oauth_client(mut self, client: OAuthClient) -> Self {
        let client = Authorisation::Client(Box::new(client));
        self.wanted.stream = Some(StreamChoice::Managed(client));
        self
    }

    /// Uses a stream that somebody else made: with its `aud` and the `authorization_header` that it pushes with.
    pub fn existing_stream(mut self, audience: Audience, secret: AuthorizationHeader) -> Self {
        self.wanted.stream = Some(StreamChoice::Pushed(audience, secret));
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
        self.wanted.stream = Some(StreamChoice::Polled(audience, PollAt { endpoint, access }));
        self
    }

    /// Asks for these events instead of session-revoked and credential-change.
    pub fn events(mut self, events: impl IntoIterator<Item = EventTypeUri>) -> Self {
        self.wanted.events = events.into_iter().collect();
        self
    }

    /// Reads SETs as an older draft or a vendor writes them, such as [`Dialect::OKTA`], instead of SSF 1.0 to the letter. What
    /// it deviates in is listed in `docs/dialects.md`; anything else is refused as ever.
    ///
    /// It concerns SETs alone: a stream that is set up by the receiver itself speaks SSF 1.0.
    pub fn dialect(mut self, dialect: &'static Dialect) -> Self {
        self.wanted.dialect = dialect;
        self
    }

    /// Tells which members of complex subjects the application registers for its sessions, instead of `user` and
    /// `session` (SSF 1.0 §3.3).
    pub fn members<M: Into<String>>(mut self, members: impl IntoIterator<Item = M>) -> Self {
        self.wanted.policy.members = members.into_iter().map(Into::into).collect();
        self
    }

    /// Tells what to do with members that the application does not know.
    pub fn unknown_members(mut self, unknown: Unknown) -> Self {
        self.wanted.policy.unknown = unknown;
        self
    }

    /// The same for events about a device: by default they have no effect on sessions that do not know their device, since
    /// whoever uses it may use others.
    pub fn unknown_members_of_device_events(mut self, unknown: Unknown) -> Self {
        self.wanted.policy.unknown_of_device = unknown;
        self
    }

    /// Tells what becomes of sessions while it is not known what the Transmitter has revoked lately: by default they go on.
    pub fn when_stale(mut self, when_stale: WhenStale) -> Self {
        self.wanted.when_stale = when_stale;
        self
    }

    /// Has something that an event says followed by another action than the default one (see [`Action`]).
    pub fn action(mut self, trigger: Trigger, action: Action) -> Self {
        self.wanted.actions.table.set(trigger, action);
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
        self.wanted
            .actions
            .assurance
            .want(namespace, levels, least)?;
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
    pub async fn start(mut self) -> Result<Receiver, StartError> {
        let database = self.database.take();
        #[cfg(feature = "redis")]
        let publication = self.publication.take();
        #[cfg(feature = "redis")]
        let publication = publication.map(|one| one.checked()).transpose()?;
        let wanted = self.flattened()?.into_iter();
        let terms: Vec<Terms> = wanted.map(Wanted::checked).collect::<Result<_, _>>()?;
        are_apart(&terms)?;
        let database = database.ok_or(StartError::NoDatabase)?;
        let inbox = open(database).await?;
        let settings = inbox.settings().await?;
        let issuers: Vec<Issuer> = terms.iter().map(|one| one.issuer.clone()).collect();
        let scopes = inbox.scopes(&issuers).await?;
        let key = index_key(&inbox, &settings).await?;
        #[cfg(feature = "sql")]
        plan_anew(&inbox, &key, &terms).await?;
        let ids: Vec<ScopeId> = scopes.iter().map(|scope| scope.id).collect();
        let most = ids
            .iter()
            .copied()
            .zip(terms.iter().map(|one| one.revocations_max));
        let heard: Vec<(ScopeId, Hearing)> = ids.iter().map(|id| (*id, Hearing::new())).collect();
        let served = terms.iter().zip(&heard);
        let served = served.map(|(one, (scope, hearing))| one.served(*scope, hearing));
        let served = served.collect();
        let index = loaded(&inbox, key, (scopes, most)).await?;
        let core = Arc::new(Core::new(index, inbox, served));
        let mut running = Vec::new();
        for (one, heard) in terms.into_iter().zip(heard) {
            running.push(one.run(&core, &settings, heard).await?);
        }
        let receiver = Receiver::new(core, running);
        #[cfg(feature = "shared")]
        follow::begin(&receiver).await?;
        #[cfg(feature = "redis")]
        if let Some(publication) = publication {
            publication.begin(&receiver);
        }
        Ok(receiver)
    }

    /// What is wanted of each Transmitter.
    fn flattened(self) -> Result<Vec<Wanted>, StartError> {
        let mut all = vec![self.wanted];
        for other in self.others {
            if other.database.is_some() {
                return Err(StartError::TwoDatabases);
            }
            #[cfg(feature = "redis")]
            if other.publication.is_some() {
                return Err(StartError::TwoPublications);
            }
            all.extend(other.flattened()?);
        }
        Ok(all)
    }
}

/// Checks that SETs of one Transmitter are never taken for those of another.
fn are_apart(terms: &[Terms]) -> Result<(), StartError> {
    let mut issuers = BTreeSet::new();
    let mut paths = BTreeSet::new();
    for one in terms {
        if !issuers.insert(issuer_form(&one.issuer)) {
            return Err(StartError::SameIssuer);
        }
        let path = one.endpoint.as_ref().map(|endpoint| endpoint.url().path());
        if path.is_some_and(|path| !paths.insert(path)) {
            return Err(StartError::SamePath);
        }
    }
    Ok(())
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
        #[cfg(feature = "durable")]
        DatabaseChoice::Url(url) => {
            AnyInbox::open(url.expose_secret(), crate::inbox::PREDECESSOR_PATIENCE).await
        }
        DatabaseChoice::Memory => Ok(AnyInbox::Memory(Box::default())),
    }
}

/// An index of all that the inbox has, and that knows what is missing in it.
async fn loaded(
    inbox: &AnyInbox,
    key: IndexKey,
    (scopes, most): (Vec<Scope>, impl Iterator<Item = (ScopeId, u32)>),
) -> Result<Index, InboxError> {
    let limits = Limits {
        room_for: inbox.revocation_count().await?,
        ..Limits::default()
    };
    let index = Index::with_limits(limits, key, scopes);
    for (scope, most) in most {
        index.limit(scope, most);
    }
    for (scope, watermarks) in inbox.watermarks().await? {
        index.raise(scope, watermarks);
    }
    if inbox.is_shared() {
        // It is read with what others write meanwhile.
        return Ok(index);
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
async fn plan_anew(inbox: &AnyInbox, key: &IndexKey, terms: &[Terms]) -> Result<(), InboxError> {
    let AnyInbox::Sql(inbox) = inbox else {
        return Ok(());
    };
    let unknown = (Policy::default(), Actions::default());
    let revocations = |stored: &Stored, scope| {
        let known = terms.iter().find(|one| one.issuer == stored.issuer);
        let wanted = known.map_or((&unknown.0, &unknown.1), |one| (&one.policy, &one.actions));
        let dialect = known.map_or(&Dialect::SSF_1_0, |one| one.dialect);
        let claims = SetClaims::read_verified(&stored.issuer, &stored.claims, dialect);
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

/// The secret of the index's hashes, made at the first start.
async fn index_key(inbox: &AnyInbox, settings: &Settings) -> Result<IndexKey, StartError> {
    let text = if let Some(text) = settings.get(INDEX_KEY) {
        text.clone()
    } else {
        let new = IndexKey::new(rand::random());
        inbox.setting_or(INDEX_KEY, new.to_text()).await?
    };
    IndexKey::parse(&text).ok_or(StartError::FaultySetting(INDEX_KEY))
}
