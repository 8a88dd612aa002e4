//! The inbox that a receiver was built with.

use std::collections::HashSet;

use ssf_types::{time::Timestamp, uri::Issuer};

use super::{
    Arriving, Inbox, InboxError, MemoryInbox, Quarantine, Retained, Settings, Waiting,
    numbering::{Numbering, Recorded},
    worklist::{Settled, Work, Worklist},
};
#[cfg(any(test, feature = "redis"))]
use super::{Change, Changes};
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
}

macro_rules! any {
    ($self:expr, $inbox:ident => $call:expr) => {
        match $self {
            Self::Memory($inbox) => $call.await,
            #[cfg(feature = "sql")]
            Self::Sql($inbox) => $call.await,
        }
    };
}

impl AnyInbox {
    /// Whether other instances may use it.
    pub(crate) fn is_shared(&self) -> bool {
        match self {
            Self::Memory(_) => false,
            #[cfg(feature = "sql")]
            Self::Sql(inbox) => inbox.is_shared(),
        }
    }

    /// The inbox, if other instances may use it.
    #[cfg(feature = "postgres")]
    pub(crate) fn shared(&self) -> Option<&crate::store::SqlInbox> {
        match self {
            Self::Sql(inbox) if inbox.is_shared() => Some(inbox),
            Self::Memory(_) | Self::Sql(_) => None,
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

#[cfg(any(test, feature = "redis"))]
impl Changes for AnyInbox {
    async fn changes(&self, after: i64, most: usize) -> Result<Vec<Change>, InboxError> {
        any!(self, inbox => inbox.changes(after, most))
    }

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
