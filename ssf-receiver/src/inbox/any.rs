//! The inbox that a receiver was built with.

use ssf_types::uri::Issuer;

use super::{Arriving, Inbox, InboxError, MemoryInbox, Retained, Settings};
use crate::revocation::{Revocation, Scope};

/// One of the inboxes there are.
#[derive(Debug)]
pub(crate) enum AnyInbox {
    Memory(MemoryInbox),
    #[cfg(feature = "sqlite")]
    Sqlite(crate::store::SqliteInbox),
}

macro_rules! any {
    ($self:expr, $inbox:ident => $call:expr) => {
        match $self {
            Self::Memory($inbox) => $call.await,
            #[cfg(feature = "sqlite")]
            Self::Sqlite($inbox) => $call.await,
        }
    };
}

impl Inbox for AnyInbox {
    async fn retain(&self, sets: &[Arriving]) -> Result<Vec<Retained>, InboxError> {
        any!(self, inbox => inbox.retain(sets))
    }

    async fn revocations(&self) -> Result<Vec<Revocation>, InboxError> {
        any!(self, inbox => inbox.revocations())
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
}
