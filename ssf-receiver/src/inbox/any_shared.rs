//! The inbox that the instances of a receiver share.

use std::time::Duration;

use super::{
    InboxError,
    shared::{Line, LineError, SharedInbox},
};
use crate::revocation::ScopeId;

/// One of the inboxes that several instances may use.
#[derive(Clone, Copy, Debug)]
pub(crate) enum AnyShared<'i> {
    #[cfg(feature = "postgres")]
    Sql(&'i crate::store::SqlInbox),
    #[cfg(feature = "redis")]
    Redis(&'i crate::redis_inbox::RedisInbox),
}

/// The line that it has.
#[derive(Debug)]
pub(crate) enum AnyLine {
    #[cfg(feature = "postgres")]
    Sql(crate::store::PostgresLine),
    #[cfg(feature = "redis")]
    Redis(crate::redis_inbox::RedisLine),
}

macro_rules! any {
    ($self:expr, $one:ident => $call:expr) => {
        match $self {
            #[cfg(feature = "postgres")]
            Self::Sql($one) => $call.await,
            #[cfg(feature = "redis")]
            Self::Redis($one) => $call.await,
        }
    };
}

impl Line for AnyLine {
    async fn hear(&mut self) -> Result<(), LineError> {
        any!(self, line => line.hear())
    }

    async fn ask(&mut self) -> Result<(), LineError> {
        any!(self, line => line.ask())
    }
}

impl SharedInbox for AnyShared<'_> {
    type Line = AnyLine;

    async fn line(&self) -> Result<AnyLine, LineError> {
        match self {
            #[cfg(feature = "postgres")]
            Self::Sql(inbox) => inbox.line().await.map(AnyLine::Sql),
            #[cfg(feature = "redis")]
            Self::Redis(inbox) => inbox.line().await.map(AnyLine::Redis),
        }
    }

    async fn lead(&self) -> Result<bool, InboxError> {
        any!(self, inbox => inbox.lead())
    }

    async fn step_down(&self) -> Result<(), InboxError> {
        any!(self, inbox => inbox.step_down())
    }

    async fn report(&self, scope: ScopeId, says: &str) -> Result<(), InboxError> {
        any!(self, inbox => inbox.report(scope, says))
    }

    async fn reported(&self, scope: ScopeId) -> Result<Option<(String, Duration)>, InboxError> {
        any!(self, inbox => inbox.reported(scope))
    }

    async fn asked_with(&self, scope: ScopeId, state: &str) -> Result<(), InboxError> {
        any!(self, inbox => inbox.asked_with(scope, state))
    }

    async fn was_asked(&self, scope: ScopeId, state: &str) -> Result<bool, InboxError> {
        any!(self, inbox => inbox.was_asked(scope, state))
    }

    async fn last_row(&self) -> Result<i64, InboxError> {
        any!(self, inbox => inbox.last_row())
    }
}
