//! What every inbox has to keep of SETs that wait.

use super::*;
use crate::{
    inbox::{Quarantine, Waiting},
    revocation::Fingerprint,
};

fn waiting(scope: u8, number: u8, at: u64) -> Waiting {
    Waiting {
        scope: ScopeId::new(scope).unwrap(),
        fingerprint: Fingerprint::from_bytes([number; 16]),
        token: Some(format!("header.{number}.signature").into()),
        arrived_at: Timestamp::from_millis(at),
    }
}

async fn kept(inbox: &impl Quarantine, scope: u8) -> Vec<Waiting> {
    inbox.waiting(ScopeId::new(scope).unwrap()).await.unwrap()
}

pub(super) async fn what_waits_is_kept_in_its_order_until_it_is_let_go(inbox: &impl Quarantine) {
    let [one, two, three] = [waiting(1, 7, 30), waiting(1, 8, 20), waiting(1, 9, 10)];
    inbox
        .keep_waiting(&[one.clone(), two.clone()])
        .await
        .unwrap();
    inbox
        .keep_waiting(std::slice::from_ref(&three))
        .await
        .unwrap();
    inbox.keep_waiting(&[]).await.unwrap();
    assert_eq!(
        kept(inbox, 1).await,
        [three.clone(), two.clone(), one.clone()]
    );
    let fingerprints = [two.fingerprint, waiting(1, 77, 0).fingerprint];
    inbox.let_go(one.scope, &fingerprints).await.unwrap();
    assert_eq!(kept(inbox, 1).await, [three, one]);
}

pub(super) async fn what_was_given_up_has_no_token_any_more(inbox: &impl Quarantine) {
    let mut given_up = waiting(1, 7, 30);
    given_up.token = None;
    inbox
        .keep_waiting(std::slice::from_ref(&given_up))
        .await
        .unwrap();
    assert_eq!(kept(inbox, 1).await, [waiting(1, 9, 10), given_up]);
}

pub(super) async fn transmitters_have_nothing_in_common(inbox: &impl Quarantine) {
    let other = waiting(2, 9, 40);
    inbox
        .keep_waiting(std::slice::from_ref(&other))
        .await
        .unwrap();
    inbox
        .let_go(ScopeId::new(1).unwrap(), &[other.fingerprint])
        .await
        .unwrap();
    assert_eq!(kept(inbox, 2).await, [other]);
    assert_eq!(kept(inbox, 1).await.len(), 1);
}
