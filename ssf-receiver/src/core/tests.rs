use ssf_types::{event::Event, set::SetClaims, stream::StreamStatus};
use tokio::time::{Instant, advance};

use super::*;
use crate::{
    freshness::{Freshness, Hearing, Why},
    guard::{Reason, Renewed},
    revocation::{IndexKey, Scope},
    session::Session,
};

const HEARTBEAT: Duration = Duration::from_mins(5);

/// A receiver's inside, with one Transmitter.
struct Inside {
    core: Core,
    hearing: Hearing,
    issuer: Issuer,
}

impl Inside {
    fn of(when_stale: WhenStale) -> Self {
        let issuer = Issuer::parse("https://idp.example.com").unwrap();
        let hearing = Hearing::new();
        let scope = Scope {
            id: ScopeId::default(),
            issuer: issuer.clone(),
        };
        let served = Served {
            scope: scope.id,
            issuer: issuer.clone(),
            dialect: &Dialect::SSF_1_0,
            stale: Arc::clone(hearing.deadline()),
            when_stale,
        };
        let index = Index::new(IndexKey::new([7; 16]), [scope]);
        let inbox = AnyInbox::Memory(Box::default());
        Self {
            core: Core::new(index, inbox, vec![served]),
            hearing,
            issuer,
        }
    }

    /// One that has just heard something.
    fn fresh(when_stale: WhenStale) -> Self {
        let inside = Self::of(when_stale);
        inside.hearing.heard();
        assert_eq!(inside.hearing.freshness(), Freshness::Fresh);
        inside
    }

    /// A session that began that long ago.
    fn session(&self, age: Duration) -> SessionKeys {
        let began = clock::now().before(age);
        let session = Session::new(self.issuer.clone(), began).sid("s1");
        self.core.index.key().keys(&session)
    }

    /// What is decided, and whether that is stale.
    fn decides(&self, keys: &SessionKeys) -> (Option<Reason>, bool) {
        let Decided { decision, is_stale } = self.core.decide(keys);
        match decision {
            Decision::Allow => (None, is_stale),
            Decision::Deny(denial) => (Some(denial.reason()), is_stale),
        }
    }

    async fn renewed(&self, keys: &SessionKeys, answer: Renewed) -> Renewed {
        let counts_for = self.core.renewal_counts_for(keys);
        let asked = self
            .core
            .renewals
            .renew(keys, (&self.core.index, counts_for), || async { answer });
        asked.await
    }
}

#[tokio::test(start_paused = true)]
async fn t51_whoever_hears_nothing_for_three_heartbeats_is_stale_and_the_policy_takes_effect() {
    for (when_stale, expected) in [
        (WhenStale::Open, None),
        (WhenStale::Soft, Some(Reason::Renew)),
        (WhenStale::Closed, Some(Reason::Unconfirmed)),
    ] {
        let inside = Inside::fresh(when_stale);
        let old = inside.session(Duration::from_hours(1));
        advance(2 * HEARTBEAT).await;
        advance(Duration::from_secs(299)).await;
        assert_eq!(inside.decides(&old), (None, false));
        advance(Duration::from_secs(1)).await;
        assert_eq!(inside.hearing.freshness(), Freshness::Stale(Why::Silent));
        assert_eq!(inside.decides(&old), (expected, true), "{when_stale:?}");
        inside.hearing.heard();
        assert_eq!(inside.decides(&old), (None, false));
    }
}

#[tokio::test(start_paused = true)]
async fn under_soft_a_sign_in_or_a_renewal_counts_for_a_quarter_of_an_hour() {
    let inside = Inside::fresh(WhenStale::Soft);
    advance(3 * HEARTBEAT).await;
    let recent = inside.session(Duration::from_mins(14));
    assert_eq!(inside.decides(&recent), (None, true));
    let old = inside.session(Duration::from_mins(16));
    assert_eq!(inside.decides(&old), (Some(Reason::Renew), true));
    assert_eq!(
        inside.renewed(&old, Renewed::Confirmed).await,
        Renewed::Confirmed
    );
    assert_eq!(inside.decides(&old), (None, true));
    advance(Duration::from_secs(15 * 60 + 1)).await;
    assert_eq!(inside.decides(&old), (Some(Reason::Renew), true));
    // What was answered before is not taken for an answer again.
    assert_eq!(
        inside.renewed(&old, Renewed::Refused).await,
        Renewed::Refused
    );
    assert_eq!(inside.decides(&old), (Some(Reason::Revoked), true));
}

#[tokio::test(start_paused = true)]
async fn what_is_known_to_be_revoked_is_refused_as_ever() {
    for when_stale in WhenStale::ALL {
        let inside = Inside::of(when_stale);
        inside.hearing.status_is(StreamStatus::Disabled);
        assert_eq!(inside.hearing.freshness(), Freshness::Stale(Why::Disabled));
        let other = Session::new(
            Issuer::parse("https://other.example.com").unwrap(),
            clock::now(),
        );
        let other = inside.core.index.key().keys(&other.sid("s1"));
        assert_eq!(inside.decides(&other), (Some(Reason::Revoked), false));
    }
}

#[cfg(feature = "postgres")]
#[tokio::test(start_paused = true)]
async fn those_who_decide_see_what_those_who_ask_are_told_whatever_is_learned() {
    let hearing = Hearing::new();
    let agree = |hearing: &Hearing| {
        let is_stale = matches!(hearing.freshness(), Freshness::Stale(_));
        assert_eq!(
            hearing.deadline().has_passed(),
            is_stale,
            "{:?}",
            hearing.freshness()
        );
    };
    let numbered = |seq: u64| {
        let claims = format!(
            r#"{{"iss":"https://idp.example.com","jti":"{seq}","iat":1,"aud":"a","sub_id":{{"format":"opaque","id":"s"}},"events":{{"https://schemas.openid.net/secevent/ssf/event-type/verification":{{}}}},"set_sequence":{{"epoch":"e","seq":{seq},"through":{}}}}}"#,
            seq - 1
        );
        let issuer = Issuer::parse("https://idp.example.com").unwrap();
        SetClaims::read_verified(&issuer, &claims, &Dialect::SSF_1_0).unwrap()
    };
    assert!(matches!(numbered(1).event, Event::Verification(_)));
    let stale = Freshness::Stale(Why::Gap);
    let steps: [&dyn Fn(&Hearing); 14] = [
        &|hearing| hearing.heard(),
        &|hearing| hearing.learn(&numbered(1)),
        &|hearing| hearing.learn(&numbered(3)),
        &|hearing| hearing.quarantined_are(1),
        &|hearing| hearing.heard(),
        &|hearing| hearing.status_is(StreamStatus::Disabled),
        &|hearing| hearing.status_is(StreamStatus::Enabled),
        &|hearing| hearing.learn(&numbered(2)),
        &|hearing| hearing.expect_every(2 * HEARTBEAT),
        // As one of several instances.
        &|hearing| hearing.followed(Instant::now()),
        &|hearing| hearing.told(Some(Freshness::Fresh)),
        &|hearing| hearing.told(Some(stale)),
        &|hearing| hearing.followed(Instant::now()),
        &|hearing| hearing.told(None),
    ];
    for step in steps {
        step(&hearing);
        agree(&hearing);
        for _ in 0..640 {
            advance(Duration::from_millis(1_500)).await;
            agree(&hearing);
        }
    }
}
