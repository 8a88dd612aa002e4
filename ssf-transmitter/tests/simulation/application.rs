//! An application that takes SETs with the product's own receiver; what it has on disk outlives its crashes.

use std::{
    io,
    sync::{Arc, Mutex},
};

use ssf_receiver::{
    Acceptance, Answer, Session,
    actions::Actions,
    guard::{self, Decision},
    inbox::{Arriving, Inbox, InboxError, MemoryInbox, Retained, Settings},
    revocation::{Index, IndexKey, Policy, Revocation, Scope, ScopeId, Watermarks},
};
use ssf_transmitter::{
    app::{ids, manage},
    domain::{issuer::IssuerName, receiver::Receiver, stream::Stream},
    ports::Clock,
    testing::MemoryStore,
};
use ssf_types::{
    audience::Audience,
    event::{EventPayload, caep::SessionRevoked},
    metadata::DefaultSubjects,
    push::PushError,
    set::{Expectation, SetError, UnverifiedSet},
    stream::{CreateStream, PushDelivery},
    time::Timestamp,
    uri::{EndpointUrl, EventTypeUri, Issuer},
};

use super::{
    chance,
    invariant::Invariant,
    oracle::{Claims, Oracle},
    process::Process,
    seal::Seal,
    world::{World, issuer},
};

/// An application, at the end of a stream of its own.
#[derive(Debug)]
pub(crate) struct Application {
    pub(crate) number: usize,
    /// Who it is to the transmitter.
    pub(crate) receiver: Receiver,
    pub(crate) stream: Stream,
    inbox: Arc<MemoryInbox>,
    life: Mutex<Arc<Life>>,
}

/// The application from its start to its crash.
#[derive(Debug)]
struct Life {
    process: Arc<Process>,
    index: Index,
}

impl Life {
    fn ends_session_of(&self, user: usize) -> bool {
        let began = Timestamp::from_secs(1_700_000_000);
        let session = Session::new(issuer(), began).email(address(user));
        let keys = self.index.key().keys(&session);
        matches!(guard::decide(&keys, &self.index), Decision::Deny(_))
    }
}

/// An answer on its way.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<String>,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn of(status: u16) -> Self {
        Self {
            status,
            retry_after: None,
            body: String::new(),
        }
    }

    pub(crate) fn refusing(error: &PushError) -> Self {
        Self {
            body: serde_json::to_string(error).unwrap(),
            ..Self::of(400)
        }
    }
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        let headers = answer.headers();
        let retry_after = headers.into_iter().find(|(name, _)| *name == "Retry-After");
        Self {
            status: answer.status(),
            retry_after: retry_after.map(|(_, value)| value),
            body: answer.body(),
        }
    }
}

/// The identifier of a user, in one of its spellings.
pub(crate) fn address(user: usize) -> String {
    format!("user-{user}@example.com")
}

fn new_index() -> Index {
    let scope = Scope {
        id: ScopeId::default(),
        issuer: issuer(),
    };
    Index::new(IndexKey::new([7; 16]), [scope])
}

impl Application {
    /// An application with a stream that it has just made.
    pub(crate) async fn new(
        (number, polls): (usize, bool),
        oracle: &Arc<Oracle>,
        store: &MemoryStore,
        now: Timestamp,
    ) -> Self {
        let audience = Audience::new([format!("https://rp{number}.example.com")]).unwrap();
        let name = format!("rp{number}");
        let main = IssuerName::default();
        let receiver = Receiver::new(ids::receiver_id(), main, name, audience).unwrap();
        let types = [EventTypeUri::parse(SessionRevoked::URI).unwrap()];
        let mut request = CreateStream::default();
        request.events_requested = Some(types.to_vec());
        if !polls {
            let endpoint = format!("https://rp{number}.example.com/events");
            let delivery = PushDelivery::new(EndpointUrl::parse(endpoint).unwrap(), None);
            request = CreateStream::push(types.to_vec(), delivery);
        }
        let all = DefaultSubjects::All;
        let stream = manage::create(store, &receiver, request, &types, 1, all, now).await;
        Self {
            number,
            receiver,
            stream: stream.unwrap(),
            inbox: Arc::default(),
            life: Mutex::new(Arc::new(Life {
                process: Arc::new(Process::new(Arc::clone(oracle))),
                index: new_index(),
            })),
        }
    }

    fn life(&self) -> Arc<Life> {
        Arc::clone(&self.life.lock().unwrap())
    }

    pub(crate) fn process(&self) -> Arc<Process> {
        Arc::clone(&self.life().process)
    }

    /// Starts anew, with what the inbox has.
    pub(crate) async fn restart(&self, oracle: &Arc<Oracle>) {
        let index = new_index();
        let each = |revocation| index.apply(&revocation);
        self.inbox.revocations(each).await.unwrap();
        *self.life.lock().unwrap() = Arc::new(Life {
            process: Arc::new(Process::new(Arc::clone(oracle))),
            index,
        });
    }

    /// Whether the session that a user began long ago is over.
    pub(crate) fn has_ended(&self, user: usize) -> bool {
        self.life().ends_session_of(user)
    }

    /// Takes a SET; `None` if the application is away, or goes away meanwhile.
    pub(crate) async fn takes(&self, world: &Arc<World>, token: String) -> Option<Reply> {
        let life = self.life();
        let (world, number) = (Arc::clone(world), self.number);
        let serving = Arc::clone(&life);
        let taking = async move { take(&world, number, &serving, &token).await };
        life.process.call(taking).await
    }
}

async fn take(world: &World, number: usize, life: &Life, token: &str) -> Reply {
    let application = &world.applications[number];
    let now = world.clock.now();
    let set = match UnverifiedSet::parse(token.as_bytes()) {
        Ok(set) => set,
        Err(error) => return Reply::refusing(&PushError::from(&error)),
    };
    let expected = Expectation::new(issuer(), application.receiver.audience.clone());
    let set = match set.verify(&Seal, &expected, now) {
        Ok(set) => set,
        // Its own clock may be wrong.
        Err(SetError::IssuedInFuture) => return Reply::of(503),
        Err(error) => return Reply::refusing(&PushError::from(&error)),
    };
    let inbox = Desk {
        world,
        application,
        process: &life.process,
    };
    let acceptance = Acceptance {
        inbox: &inbox,
        index: &life.index,
        policy: &Policy::default(),
        actions: &Actions::default(),
    };
    let answer = acceptance.accept(&set, now).await;
    if answer.is_acknowledgement() {
        let claims = Claims::of(token);
        world.oracle.acknowledges(number, &claims);
        let is_kept = world.oracle.has(number, &claims.jti);
        let user = world.oracle.user_of(&claims.txn);
        if !is_kept || user.is_some_and(|user| !life.ends_session_of(user)) {
            let fact = format!("{} is acknowledged by {number} without effect", claims.txn);
            world.oracle.breaks(Invariant::Effective, fact);
        }
    }
    life.process.step().await;
    Reply::from(answer)
}

/// How a process speaks to its inbox.
struct Desk<'a> {
    world: &'a World,
    application: &'a Application,
    process: &'a Process,
}

impl Desk<'_> {
    fn inbox(&self) -> &MemoryInbox {
        &self.application.inbox
    }
}

impl Inbox for Desk<'_> {
    async fn retain(&self, sets: &[Arriving]) -> Result<Vec<Retained>, InboxError> {
        let broken = || InboxError::new("retain a SET", io::Error::other("the disk is full"));
        self.process.step().await;
        chance::pause(0..=2).await;
        if self.world.strikes(self.world.plan.unavailable) {
            return Err(broken());
        }
        let retained = self.inbox().retain(sets).await?;
        for (arriving, retained) in sets.iter().zip(&retained) {
            if *retained == Retained::New {
                let claims = Claims::read(arriving.set.claims.as_bytes());
                self.world.oracle.retained(self.application.number, &claims);
            } else {
                self.world.oracle.repeated();
            }
        }
        self.process.step().await;
        chance::pause(0..=2).await;
        if self.world.strikes(self.world.plan.untold) {
            return Err(broken());
        }
        Ok(retained)
    }

    async fn revocation_count(&self) -> Result<usize, InboxError> {
        self.inbox().revocation_count().await
    }

    async fn revocations(&self, each: impl FnMut(Revocation) + Send) -> Result<(), InboxError> {
        self.inbox().revocations(each).await
    }

    async fn forget(
        &self,
        scope: ScopeId,
        watermarks: Watermarks,
        most: u32,
    ) -> Result<u32, InboxError> {
        self.inbox().forget(scope, watermarks, most).await
    }

    async fn watermarks(&self) -> Result<Vec<(ScopeId, Watermarks)>, InboxError> {
        self.inbox().watermarks().await
    }

    async fn scopes(&self, issuers: &[Issuer]) -> Result<Vec<Scope>, InboxError> {
        self.inbox().scopes(issuers).await
    }

    async fn settings(&self) -> Result<Settings, InboxError> {
        self.inbox().settings().await
    }

    async fn keep_settings(&self, settings: &Settings) -> Result<(), InboxError> {
        self.inbox().keep_settings(settings).await
    }

    async fn setting_or(&self, name: &str, new: String) -> Result<String, InboxError> {
        self.inbox().setting_or(name, new).await
    }
}
