//! Who may look after the transmitter, and who may hand in events.

use std::{collections::HashMap, future::Future};

use ssf_types::time::Timestamp;

use super::{FirstWrite, StoreError};
use crate::domain::{
    backlog::Backlog,
    id::{Fingerprint, OperatorId, SourceId},
    operator::Operator,
    quota::OwnQuota,
    source::Source,
};

/// The operators. A change counts at once, on every node.
pub trait OperatorStore {
    /// Adds an operator that presents the token with this fingerprint, unless there ever was a first one.
    fn add_first_operator(
        &self,
        operator: &Operator,
        token: Fingerprint,
        now: Timestamp,
    ) -> impl Future<Output = Result<FirstWrite, StoreError>> + Send;

    /// Adds an operator that presents the token with this fingerprint.
    fn add_operator(
        &self,
        operator: &Operator,
        token: Fingerprint,
        now: Timestamp,
    ) -> impl Future<Output = Result<Named, StoreError>> + Send;

    /// The operator that presents the token with this fingerprint, if the token counts at `now`.
    fn operator_by_token(
        &self,
        token: Fingerprint,
        now: Timestamp,
    ) -> impl Future<Output = Result<Option<Operator>, StoreError>> + Send;

    /// All operators, by name.
    fn operators(&self) -> impl Future<Output = Result<Vec<Operator>, StoreError>> + Send;

    /// Gives an operator another token; those that it had count until `until`, at most.
    fn rotate_operator(
        &self,
        id: OperatorId,
        token: Fingerprint,
        now: Timestamp,
        until: Timestamp,
    ) -> impl Future<Output = Result<Existing, StoreError>> + Send;

    /// Removes an operator with its tokens.
    fn remove_operator(
        &self,
        id: OperatorId,
    ) -> impl Future<Output = Result<Existing, StoreError>> + Send;
}

/// The sources. A change counts at once, on every node.
pub trait SourceStore {
    /// Adds a source that presents the token with this fingerprint.
    fn add_source(
        &self,
        source: &Source,
        token: Fingerprint,
        now: Timestamp,
    ) -> impl Future<Output = Result<Named, StoreError>> + Send;

    /// The source that presents the token with this fingerprint, if the token counts at `now`.
    fn source_by_token(
        &self,
        token: Fingerprint,
        now: Timestamp,
    ) -> impl Future<Output = Result<Option<Source>, StoreError>> + Send;

    /// All sources, by name.
    fn sources(&self) -> impl Future<Output = Result<Vec<Source>, StoreError>> + Send;

    /// Gives a source another token; those that it had count until `until`, at most.
    fn rotate_source(
        &self,
        id: SourceId,
        token: Fingerprint,
        now: Timestamp,
        until: Timestamp,
    ) -> impl Future<Output = Result<Existing, StoreError>> + Send;

    /// Gives a source another quota, or the one that all others have.
    fn set_quota(
        &self,
        id: SourceId,
        quota: OwnQuota,
    ) -> impl Future<Output = Result<Existing, StoreError>> + Send;

    /// What waits of what each source has handed in: events that are not fanned out, and deliveries that are pending
    /// or held. A source of which nothing waits may be absent.
    fn backlogs(
        &self,
    ) -> impl Future<Output = Result<HashMap<SourceId, Backlog>, StoreError>> + Send;

    /// Removes a source with its tokens; the events that it handed in stay.
    fn remove_source(
        &self,
        id: SourceId,
    ) -> impl Future<Output = Result<Existing, StoreError>> + Send;
}

/// What came of adding something under a name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Named {
    /// It is there.
    Added,
    /// There was one with this name, and it is unchanged.
    NameTaken,
}

/// What came of changing something that should be there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Existing {
    /// It is so now.
    Changed,
    /// There is none.
    NotFound,
}
