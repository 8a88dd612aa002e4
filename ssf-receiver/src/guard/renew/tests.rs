//! Who asks, who waits, and what is remembered.

use std::{
    future::{pending, ready},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures_util::{FutureExt, future::join_all};
use ssf_types::{time::Timestamp, uri::Issuer};

use super::*;
use crate::{
    Session,
    revocation::{Detail, IndexKey, Kind, Limits, Mask, Revocation, RevocationKey, Scope, ScopeId},
};

struct Setting {
    index: Index,
    renewals: Renewals,
    asked: AtomicUsize,
}

fn issuer() -> Issuer {
    Issuer::parse("https://idp.example.com").unwrap()
}

impl Setting {
    fn new() -> Self {
        let scope = Scope {
            id: ScopeId::default(),
            issuer: issuer(),
        };
        // Whatever is revoked is forgotten at once.
        let limits = Limits {
            room_for: 0,
            most: 1,
        };
        let setting = Self {
            index: Index::with_limits(limits, IndexKey::new([7; 16]), [scope]),
            renewals: Renewals::new([9; 16]),
            asked: AtomicUsize::new(0),
        };
        setting.forget(1);
        setting
    }

    /// Forgets that somebody else's sessions ended, all in the same second.
    fn forget(&self, number: u8) {
        self.index.apply(&Revocation {
            scope: ScopeId::default(),
            key: RevocationKey::from_bytes([number; 16]),
            mask: Mask::default(),
            kind: Kind::Ended,
            state: None,
            moment: 100,
            until: 100,
            detail: Arc::new(Detail {
                event: "urn:example:event".into(),
                reason: None,
            }),
        });
        self.index.settled();
    }

    fn session(&self, number: u32) -> SessionKeys {
        let session = Session::new(issuer(), Timestamp::from_secs(7)).sid(number.to_string());
        self.index.key().keys(&session)
    }

    async fn renew(&self, number: u32, answer: impl Future<Output = Renewed>) -> Renewed {
        let ask = || {
            self.asked.fetch_add(1, Ordering::Relaxed);
            answer
        };
        self.renewals
            .renew(&self.session(number), (&self.index, None), ask)
            .await
    }

    fn known(&self, number: u32) -> Option<Renewed> {
        self.renewals
            .known(&self.session(number), &self.index, None)
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

/// An answer that takes a moment, so that others come meanwhile.
async fn later(renewed: Renewed) -> Renewed {
    tokio::task::yield_now().await;
    renewed
}

#[tokio::test]
async fn a_hundred_that_come_together_have_it_asked_once_and_so_does_who_comes_later() {
    let setting = Setting::new();
    let all = (0..100).map(|_| setting.renew(1, later(Renewed::Confirmed)));
    let answers = join_all(all).await;
    assert_eq!(answers, [Renewed::Confirmed; 100]);
    let again = setting.renew(1, ready(Renewed::Refused)).await;
    assert_eq!((again, setting.asked()), (Renewed::Confirmed, 1));
    assert_eq!(
        setting.renew(2, ready(Renewed::Refused)).await,
        Renewed::Refused
    );
    assert_eq!(setting.asked(), 2);
}

#[tokio::test]
async fn what_was_confirmed_before_more_was_forgotten_is_asked_again_even_within_one_second() {
    let setting = Setting::new();
    setting.renew(1, ready(Renewed::Confirmed)).await;
    assert_eq!(setting.known(1), Some(Renewed::Confirmed));
    setting.forget(2);
    assert_eq!(setting.known(1), None);
    setting.renew(1, ready(Renewed::Confirmed)).await;
    assert_eq!(setting.known(1), Some(Renewed::Confirmed));
}

#[tokio::test]
async fn what_is_forgotten_while_it_is_asked_is_not_what_was_confirmed() {
    let setting = Setting::new();
    let answer = async {
        setting.forget(2);
        Renewed::Confirmed
    };
    assert_eq!(setting.renew(1, answer).await, Renewed::Confirmed);
    assert_eq!(setting.known(1), None);
}

#[tokio::test]
async fn what_was_refused_stays_so_and_what_nobody_could_tell_is_asked_again() {
    let setting = Setting::new();
    setting.renew(1, ready(Renewed::Unreachable)).await;
    assert_eq!(setting.known(1), None);
    setting.renew(1, ready(Renewed::Refused)).await;
    setting.forget(2);
    let again = setting.renew(1, ready(Renewed::Confirmed)).await;
    assert_eq!((again, setting.asked()), (Renewed::Refused, 2));
}

#[tokio::test]
async fn where_whoever_asks_goes_away_somebody_who_waits_asks() {
    let setting = Setting::new();
    let mut gone = Box::pin(setting.renew(1, pending()));
    let mut waits = Box::pin(setting.renew(1, ready(Renewed::Confirmed)));
    assert_eq!((&mut gone).now_or_never(), None);
    assert_eq!((&mut waits).now_or_never(), None);
    drop(gone);
    assert_eq!(waits.await, Renewed::Confirmed);
    assert_eq!(setting.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_does_not_come_is_waited_for_no_longer_than_the_deadline() {
    let setting = Setting::new();
    let begun = Instant::now();
    let both = join_all([setting.renew(1, pending()), setting.renew(1, pending())]).await;
    assert_eq!(both, [Renewed::Unreachable; 2]);
    assert_eq!(begun.elapsed(), DEADLINE);
    assert_eq!(setting.asked(), 1);
}

#[tokio::test]
async fn a_limited_number_of_sessions_is_asked_about_at_once() {
    let setting = Setting::new();
    let at_once = u32::try_from(AT_ONCE_MAX).unwrap();
    let mut asking: Vec<_> = (0..at_once)
        .map(|number| Box::pin(setting.renew(number, pending())))
        .collect();
    for one in &mut asking {
        assert_eq!(one.now_or_never(), None);
    }
    let more = setting.renew(at_once, ready(Renewed::Confirmed));
    assert_eq!(more.await, Renewed::Unreachable);
    assert_eq!(setting.asked(), AT_ONCE_MAX);
    drop(asking);
    let more = setting.renew(at_once, ready(Renewed::Confirmed));
    assert_eq!(more.await, Renewed::Confirmed);
}
