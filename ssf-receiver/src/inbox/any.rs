//! The inbox that a receiver was built with.

use std::collections::HashSet;
#[cfg(feature = "durable")]
use std::time::Duration;

use ssf_types::{time::Timestamp, uri::Issuer};

#[cfg(feature = "shared")]
use super::{AnyShared, Change, Changes};
use super::{
    Arriving, Inbox, InboxError, MemoryInbox, Quarantine, Retained, Settings, Waiting,
    forgetting::{Forgetting, Forgotten, Over},
    numbering::{Numbering, Recorded},
    worklist::{Settled, Work, Worklist},
};
use crate::{
    revocation::{Fingerprint, Revocation, Scope, ScopeId, Watermarks},
    work::{Again, DeadLetter, HandlerName},
};

/// One of the inboxes there are.
#[derive(Debug)]
pub(crate) enum AnyInbox {
    Memory(Box<MemoryInbox>),
    #[cfg(feature = "sql")]
    Sql(crate::store::SqlInbox),
    #[cfg(feature = "redis")]
    Redis(crate::redis_inbox::RedisInbox),
}

macro_rules! any {
    ($self:expr, $inbox:ident => $call:expr) => {
        match $self {
            Self::Memory($inbox) => $call.await,
            #[cfg(feature = "sql")]
            Self::Sql($inbox) => $call.await,
            #[cfg(feature = "redis")]
            Self::Redis($inbox) => $call.await,
        }
    };
}

/// How the URLs begin of the databases there are.
#[cfg(feature = "durable")]
const URL_PREFIXES: &[&str] = &[
    #[cfg(feature = "sqlite")]
    "sqlite://",
    #[cfg(feature = "postgres")]
    "postgres://",
    #[cfg(feature = "redis")]
    "redis://",
];

/// The URL is of none of the databases there are.
#[cfg(feature = "durable")]
pub(crate) fn unknown_url() -> InboxError {
    let prefixes = URL_PREFIXES.join(" or ");
    InboxError::new("be opened", format!("its URL must begin with {prefixes}"))
}

impl AnyInbox {
    /// Opens the database at `url`, and brings it up to date.
    ///
    /// Another process that uses a file gets `patience` to end.
    #[cfg(feature = "durable")]
    pub(crate) async fn open(url: &str, patience: Duration) -> Result<Self, InboxError> {
        #[cfg(feature = "redis")]
        if crate::redis_inbox::is_meant(url) {
            return crate::redis_inbox::RedisInbox::open(url)
                .await
                .map(Self::Redis);
        }
        #[cfg(feature = "sql")]
        return crate::store::SqlInbox::open(url, patience)
            .await
            .map(Self::Sql);
        #[cfg(not(feature = "sql"))]
        {
            let _ = patience;
            Err(unknown_url())
        }
    }

    /// Whether other instances may use it.
    pub(crate) fn is_shared(&self) -> bool {
        match self {
            Self::Memory(_) => false,
            #[cfg(feature = "sql")]
            Self::Sql(inbox) => inbox.is_shared(),
            #[cfg(feature = "redis")]
            Self::Redis(_) => true,
        }
    }

    /// The inbox, if other instances may use it.
    #[cfg(feature = "shared")]
    pub(crate) fn shared(&self) -> Option<AnyShared<'_>> {
        match self {
            Self::Memory(_) => None,
            #[cfg(feature = "sql")]
            Self::Sql(inbox) => inbox.shared(),
            #[cfg(feature = "redis")]
            Self::Redis(inbox) => Some(AnyShared::Redis(inbox)),
        }
    }
}

impl Inbox for AnyInbox {
    async fn retain(&self, sets: &[Arriving]) -> Result<Vec<Retained>, InboxError> {
        any!(self, inbox => inbox.retain(sets))
    }

    async fn revocation_count(&self) -> Result<usize, InboxError> {
        any!(self, inbox => inbox.revocation_count())
    }

    async fn revocations(&self, each: impl FnMut(Revocation) + Send) -> Result<(), InboxError> {
        any!(self, inbox => inbox.revocations(each))
    }

    async fn forget(
        &self,
        scope: ScopeId,
        watermarks: Watermarks,
        most: u32,
    ) -> Result<u32, InboxError> {
        any!(self, inbox => inbox.forget(scope, watermarks, most))
    }

    async fn watermarks(&self) -> Result<Vec<(ScopeId, Watermarks)>, InboxError> {
        any!(self, inbox => inbox.watermarks())
    }

    async fn scopes(&self, issuers: &[Issuer]) -> Result<Vec<Scope>, InboxError> {
        any!(self, inbox => inbox.scopes(issuers))
    }

    async fn settings(&self) -> Result<Settings, InboxError> {
        any!(self, inbox => inbox.settings())
    }

    async fn keep_settings(&self, settings: &Settings) -> Result<(), InboxError> {
        any!(self, inbox => inbox.keep_settings(settings))
    }

    async fn setting_or(&self, name: &str, new: String) -> Result<String, InboxError> {
        any!(self, inbox => inbox.setting_or(name, new))
    }
}

#[cfg(feature = "shared")]
impl Changes for AnyInbox {
    async fn changes(&self, after: i64, most: usize) -> Result<Vec<Change>, InboxError> {
        any!(self, inbox => inbox.changes(after, most))
    }

    #[cfg(any(test, feature = "redis"))]
    async fn last_change(&self) -> Result<i64, InboxError> {
        any!(self, inbox => inbox.last_change())
    }

    async fn origin(&self) -> Result<String, InboxError> {
        any!(self, inbox => inbox.origin())
    }
}

impl Quarantine for AnyInbox {
    async fn waiting(&self, scope: ScopeId) -> Result<Vec<Waiting>, InboxError> {
        any!(self, inbox => inbox.waiting(scope))
    }

    async fn keep_waiting(&self, waiting: &[Waiting]) -> Result<(), InboxError> {
        any!(self, inbox => inbox.keep_waiting(waiting))
    }

    async fn let_go(&self, scope: ScopeId, fingerprints: &[Fingerprint]) -> Result<(), InboxError> {
        any!(self, inbox => inbox.let_go(scope, fingerprints))
    }
}

impl Numbering for AnyInbox {
    async fn recorded(&self, issuer: &Issuer) -> Result<Option<Recorded>, InboxError> {
        any!(self, inbox => inbox.recorded(issuer))
    }
}

impl Forgetting for AnyInbox {
    async fn forget_sets(&self, over: &Over, after: i64) -> Result<Forgotten, InboxError> {
        any!(self, inbox => inbox.forget_sets(over, after))
    }
}

impl Worklist for AnyInbox {
    async fn enlist(&self, handler: &HandlerName) -> Result<i64, InboxError> {
        any!(self, inbox => inbox.enlist(handler))
    }

    async fn fresh(&self, after: i64, limit: u64) -> Result<Vec<Work>, InboxError> {
        any!(self, inbox => inbox.fresh(after, limit))
    }

    async fn due(
        &self,
        handler: &HandlerName,
        now: Timestamp,
        limit: u64,
        under_way: &HashSet<i64>,
    ) -> Result<Vec<Work>, InboxError> {
        any!(self, inbox => inbox.due(handler, now, limit, under_way))
    }

    async fn next_due(
        &self,
        handler: &HandlerName,
        under_way: &HashSet<i64>,
    ) -> Result<Option<Timestamp>, InboxError> {
        any!(self, inbox => inbox.next_due(handler, under_way))
    }

    async fn settle(
        &self,
        handler: &HandlerName,
        done: i64,
        settled: &[Settled],
    ) -> Result<(), InboxError> {
        any!(self, inbox => inbox.settle(handler, done, settled))
    }

    async fn dead(&self, handler: &HandlerName, limit: u64) -> Result<Vec<DeadLetter>, InboxError> {
        any!(self, inbox => inbox.dead(handler, limit))
    }

    async fn again(
        &self,
        handler: &HandlerName,
        which: &Again,
        now: Timestamp,
    ) -> Result<u64, InboxError> {
        any!(self, inbox => inbox.again(handler, which, now))
    }
}
