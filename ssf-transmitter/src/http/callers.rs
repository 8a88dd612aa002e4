//! Whose tokens they are: each request asks the store, and those that ask at the same time ask once.

use std::sync::Arc;

use ssf_types::time::Timestamp;

use crate::{
    app::together::Together,
    domain::{
        id::Fingerprint, issuer::IssuerName, operator::Operator, receiver::Receiver, source::Source,
    },
    ports::{OperatorStore, ReceiverStore, SourceStore, StoreError},
    store::SeaStore,
};

/// An owner of a token, if it has one; several may be told of the same fault.
type Found<T> = Result<Option<T>, Arc<StoreError>>;

/// Those who present tokens that the store knows by their fingerprints.
#[derive(Debug, Default)]
pub struct Callers {
    sources: Together<Fingerprint, Found<Source>>,
    operators: Together<Fingerprint, Found<Operator>>,
    receivers: Together<(IssuerName, Fingerprint), Found<Receiver>>,
}

impl Callers {
    pub(super) async fn source(
        &self,
        store: &SeaStore,
        token: Fingerprint,
        now: Timestamp,
    ) -> Found<Source> {
        let look = || async { store.source_by_token(token, now).await.map_err(Arc::new) };
        self.sources.look(token, look).await
    }

    pub(super) async fn operator(
        &self,
        store: &SeaStore,
        token: Fingerprint,
        now: Timestamp,
    ) -> Found<Operator> {
        let look = || async { store.operator_by_token(token, now).await.map_err(Arc::new) };
        self.operators.look(token, look).await
    }

    /// The Receiver of this issuer that has a token.
    pub(super) async fn receiver(
        &self,
        store: &SeaStore,
        issuer: &IssuerName,
        token: Fingerprint,
        now: Timestamp,
    ) -> Found<Receiver> {
        let look = || async {
            let found = store.receiver_by_token(issuer, token, now);
            found.await.map_err(Arc::new)
        };
        self.receivers.look((issuer.clone(), token), look).await
    }
}
