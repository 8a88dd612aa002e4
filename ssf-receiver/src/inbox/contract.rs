//! What every inbox has to keep, run against each of them.

mod changes;
mod forgetting;
#[cfg(feature = "redis")]
mod in_redis;
mod numbering;
mod quarantine;
#[cfg(feature = "shared")]
mod shared;
mod worklist;

use ssf_types::{id::Jti, time::Timestamp, uri::Issuer};

use super::{
    Arriving, Changes, Inbox, MemoryInbox, Quarantine, ReceivedSet, Retained, Settings,
    forgetting::Forgetting, numbering::Numbering, worklist::Worklist,
};
use crate::revocation::{
    Detail, Effect, IndexKey, Kind, Mask, Revocation, RevocationKey, SCOPES_MAX, ScopeId, State,
    Watermarks,
};

fn received(issuer: &str, jti: &str, claims: &str, at: u64) -> ReceivedSet {
    ReceivedSet {
        issuer: Issuer::parse(issuer).unwrap(),
        jti: Jti::parse(jti).unwrap(),
        claims: claims.to_owned(),
        fingerprint: IndexKey::new([7; 16]).claims(claims),
        received_at: Timestamp::from_millis(at),
        sequence: None,
        outcome: "revoked",
    }
}

fn revocation(key: u8, kind: Kind, moment: u32) -> Revocation {
    let texts = ssf_types::event::language::Texts::new([("en", "Bye")]).unwrap();
    let detail = Detail {
        event: "urn:example:event".into(),
        reason: moment.is_multiple_of(2).then(|| texts.into()),
    };
    Revocation {
        scope: ScopeId::new(3).unwrap(),
        key: RevocationKey::from_bytes([key; 16]),
        mask: Mask {
            has: ["user/email".to_owned()].into(),
            lacks: ["session/opaque".to_owned()].into(),
            about: (kind == Kind::Assurance).then(|| "NIST-AAL".to_owned()),
        },
        kind,
        state: None,
        moment,
        until: moment + 10,
        detail: detail.into(),
    }
}

const A: &str = "https://a.example.com";
const B: &str = "https://b.example.com";

async fn retain(inbox: &impl Inbox, set: ReceivedSet, revocations: &[Revocation]) -> Retained {
    let revocations = revocations.to_vec();
    let retained = inbox.retain(&[Arriving { set, revocations }]).await;
    let [retained] = retained.unwrap()[..] else {
        panic!("one answer for one SET")
    };
    retained
}

/// All revocations, in the order of their keys.
async fn all(inbox: &impl Inbox) -> Vec<Revocation> {
    let mut all = Vec::new();
    inbox.revocations(|one| all.push(one)).await.unwrap();
    all.sort_by_key(|one| (one.key, one.kind));
    assert_eq!(inbox.revocation_count().await.unwrap(), all.len());
    all
}

async fn a_set_is_retained_once(inbox: &impl Inbox) {
    let set = received(A, "1", r#"{"a":1,"b":2}"#, 1001);
    let ended = revocation(1, Kind::Ended, 5);
    let new = retain(inbox, set, std::slice::from_ref(&ended)).await;
    assert_eq!(new, Retained::New);
    let again = received(A, "1", r#"{ "b":2, "a":1 }"#, 2002);
    let duplicate = retain(inbox, again, &[revocation(9, Kind::Ended, 9)]).await;
    let received_at = Timestamp::from_millis(1001);
    assert_eq!(duplicate, Retained::Duplicate { received_at });
    assert_eq!(all(inbox).await, [ended]);
}

async fn other_claims_change_nothing(inbox: &impl Inbox) {
    let other = received(A, "1", r#"{"a":2}"#, 1001);
    let conflict = retain(inbox, other, &[revocation(9, Kind::Ended, 9)]).await;
    assert_eq!(conflict, Retained::Conflict);
    assert_eq!(all(inbox).await.len(), 1);
}

async fn another_issuer_may_use_the_same_jti(inbox: &impl Inbox) {
    let set = received(B, "1", r#"{"a":2}"#, 1001);
    let retained = retain(inbox, set, &[revocation(2, Kind::Unproven, 7)]).await;
    assert_eq!(retained, Retained::New);
    assert_eq!(all(inbox).await.len(), 2);
}

async fn revocations_of_one_key_and_kind_are_merged(inbox: &impl Inbox) {
    for (jti, earlier_or_later) in [("2", 4), ("3", 8), ("4", 6)] {
        let set = received(A, jti, "{}", 1001);
        let more = [
            revocation(1, Kind::Ended, earlier_or_later),
            revocation(1, Kind::Unproven, 3),
        ];
        assert_eq!(retain(inbox, set, &more).await, Retained::New);
    }
    let found = all(inbox).await;
    for expected in [
        revocation(1, Kind::Ended, 8),
        revocation(1, Kind::Unproven, 3),
        revocation(2, Kind::Unproven, 7),
    ] {
        assert!(found.contains(&expected), "{found:?}");
    }
    assert_eq!(found.len(), 3);
}

async fn what_is_later_to_be_forgotten_stays_so(inbox: &impl Inbox) {
    let mut late = revocation(1, Kind::Ended, 2);
    late.until = 99;
    let set = received(A, "5", "{}", 1001);
    assert_eq!(retain(inbox, set, &[late]).await, Retained::New);
    let mut expected = revocation(1, Kind::Ended, 8);
    expected.until = 99;
    assert!(all(inbox).await.contains(&expected));
}

async fn of_two_states_the_later_stays_with_all_that_it_says(inbox: &impl Inbox) {
    let state = |occurred: u32, effect| {
        let mut revocation = revocation(4, Kind::Assurance, 2 * occurred);
        revocation.state = Some(State {
            occurred: u64::from(occurred),
            toe: 7,
            arrived: 8,
            effect,
        });
        revocation
    };
    let lifted = state(30, Effect::Lifted);
    for (jti, one) in [
        ("7", state(20, Effect::Block)),
        ("8", lifted.clone()),
        ("9", state(25, Effect::StepUp)),
    ] {
        let set = received(A, jti, "{}", 1001);
        assert_eq!(retain(inbox, set, &[one]).await, Retained::New);
    }
    assert!(all(inbox).await.contains(&lifted));
}

async fn sets_that_come_together_are_answered_one_by_one(inbox: &impl Inbox) {
    let arriving = |jti, claims| Arriving {
        set: received(B, jti, claims, 3003),
        revocations: Vec::new(),
    };
    let sets = [
        arriving("6", r#"{"a":1}"#),
        arriving("1", r#"{"a":2}"#),
        arriving("6", r#"{"a":1}"#),
        arriving("6", r#"{"a":9}"#),
    ];
    let again = |millis| Retained::Duplicate {
        received_at: Timestamp::from_millis(millis),
    };
    let expected = [Retained::New, again(1001), again(3003), Retained::Conflict];
    assert_eq!(inbox.retain(&sets).await.unwrap(), expected);
}

async fn a_transmitter_keeps_its_number(inbox: &impl Inbox) {
    let issuer = |text: &str| Issuer::parse(text).unwrap();
    let both = inbox.scopes(&[issuer(A), issuer(B)]).await.unwrap();
    assert_ne!(both[0].id, both[1].id);
    let turned = inbox.scopes(&[issuer(B), issuer(A)]).await.unwrap();
    assert_eq!(turned, [both[1].clone(), both[0].clone()]);
    let many: Vec<Issuer> = (2..SCOPES_MAX)
        .map(|number| issuer(&format!("https://{number}.example.com")))
        .collect();
    assert_eq!(inbox.scopes(&many).await.unwrap().len(), many.len());
    let one_more = inbox.scopes(&[issuer("https://more.example.com")]).await;
    let why = ssf_types::error::Chain(&one_more.unwrap_err()).to_string();
    assert!(why.contains("64"), "{why}");
}

async fn what_is_forgotten_goes_with_its_watermark_which_never_falls(inbox: &impl Inbox) {
    let scope = ScopeId::new(3).unwrap();
    let at = |ended, unproven| Watermarks { ended, unproven };
    let rows = all(inbox).await.len();
    for (watermarks, most, dropped, kept) in [
        (at(98, 13), 10, 1, at(98, 13)),
        (at(5, 16), 10, 0, at(98, 16)),
        (at(99, 17), 1, 1, at(99, 17)),
        (at(99, 17), 10, 1, at(99, 17)),
    ] {
        assert_eq!(
            inbox.forget(scope, watermarks, most).await.unwrap(),
            dropped
        );
        let all = inbox.watermarks().await.unwrap();
        assert!(all.contains(&(scope, kept)), "{all:?}");
        let others = all.iter().filter(|(other, _)| *other != scope);
        assert!(others.clone().all(|(_, kept)| *kept == at(0, 0)), "{all:?}");
    }
    let left = all(inbox).await;
    assert_eq!(left.len(), rows - 3);
    assert!(left.iter().all(|one| one.state.is_some()), "{left:?}");
}

async fn settings_are_kept_and_replaced(inbox: &impl Inbox) {
    let settings = |a: &str, b: &str| -> Settings {
        [("a", a), ("b", b)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
    };
    inbox.keep_settings(&settings("1", "2")).await.unwrap();
    inbox
        .keep_settings(&[("a".to_owned(), "3".to_owned())].into())
        .await
        .unwrap();
    assert_eq!(inbox.settings().await.unwrap(), settings("3", "2"));
    let settled = inbox.setting_or("a", "4".to_owned()).await;
    assert_eq!(settled.unwrap(), "3");
    for new in ["5", "6"] {
        let settled = inbox.setting_or("c", new.to_owned()).await;
        assert_eq!(settled.unwrap(), "5");
    }
}

async fn keeps_its_contract<I>(inbox: &I)
where
    I: Inbox + Changes + Forgetting + Numbering + Quarantine + Worklist,
{
    assert_eq!(inbox.last_change().await.unwrap(), 0);
    a_set_is_retained_once(inbox).await;
    other_claims_change_nothing(inbox).await;
    another_issuer_may_use_the_same_jti(inbox).await;
    revocations_of_one_key_and_kind_are_merged(inbox).await;
    what_is_later_to_be_forgotten_stays_so(inbox).await;
    of_two_states_the_later_stays_with_all_that_it_says(inbox).await;
    sets_that_come_together_are_answered_one_by_one(inbox).await;
    a_transmitter_keeps_its_number(inbox).await;
    what_is_forgotten_goes_with_its_watermark_which_never_falls(inbox).await;
    settings_are_kept_and_replaced(inbox).await;
    quarantine::what_waits_is_kept_in_its_order_until_it_is_let_go(inbox).await;
    quarantine::what_was_given_up_has_no_token_any_more(inbox).await;
    quarantine::transmitters_have_nothing_in_common(inbox).await;
    worklist::keeps_its_contract(inbox).await;
    numbering::numbers_are_kept_with_their_sets_and_the_accounts_that_they_give(inbox).await;
    numbering::another_run_takes_the_place_of_the_one_before(inbox).await;
    forgetting::keeps_its_contract(inbox).await;
    changes::are_listed_in_their_order(inbox).await;
    changes::have_positions_that_are_given_once(inbox).await;
}

#[tokio::test]
async fn the_inbox_in_memory_keeps_its_contract() {
    keeps_its_contract(&MemoryInbox::default()).await;
}

#[cfg(feature = "postgres")]
mod postgres {
    use std::time::Duration;

    use super::*;
    use crate::{cluster::Cluster, store::SqlInbox};

    #[tokio::test(flavor = "multi_thread")]
    async fn the_inbox_in_postgresql_keeps_its_contract_and_everything_survives_reopening() {
        let url = Cluster::of_this_run().new_database();
        let before = SqlInbox::open(&url, Duration::ZERO).await.unwrap();
        keeps_its_contract(&before).await;
        let (revocations, settings) = (all(&before).await, before.settings().await.unwrap());
        let scope = ScopeId::new(1).unwrap();
        let waiting = before.waiting(scope).await.unwrap();
        let watermarks = before.watermarks().await.unwrap();
        drop(before);
        let after = SqlInbox::open(&url, Duration::ZERO).await.unwrap();
        assert_eq!(all(&after).await, revocations);
        assert_eq!(after.settings().await.unwrap(), settings);
        assert_eq!(after.waiting(scope).await.unwrap(), waiting);
        assert_eq!(after.watermarks().await.unwrap(), watermarks);
        let other = received(A, "1", r#"{"a":2}"#, 1001);
        assert_eq!(retain(&after, other, &[]).await, Retained::Conflict);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn instances_on_one_postgresql_can_rely_on_it() {
        let url = Cluster::of_this_run().new_database();
        let open = async || SqlInbox::open(&url, Duration::ZERO).await.unwrap();
        shared::keeps_its_contract(&open().await, &open().await).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_a_revocation_tells_may_be_long() {
        let url = Cluster::of_this_run().new_database();
        let inbox = SqlInbox::open(&url, Duration::ZERO).await.unwrap();
        // Random, so that nothing of it is saved by compression.
        let text = || -> String {
            let characters = (0..4000).map(|_| char::from(rand::random_range(b'!'..=b'~')));
            characters.collect()
        };
        let texts = ["de", "en", "fr"].map(|language| (language, text()));
        let texts = ssf_types::event::language::Texts::new(texts).unwrap();
        let mut ended = revocation(1, Kind::Ended, 5);
        ended.detail = Detail {
            event: "urn:example:event".into(),
            reason: Some(texts.into()),
        }
        .into();
        for jti in ["1", "2"] {
            let set = received(A, jti, "{}", 1001);
            let retained = retain(&inbox, set, std::slice::from_ref(&ended)).await;
            assert_eq!(retained, Retained::New);
        }
        assert_eq!(all(&inbox).await, [ended]);
    }
}

#[cfg(feature = "sqlite")]
mod sqlite {
    use std::time::Duration;

    use super::*;
    use crate::store::SqlInbox;

    fn url(directory: &tempfile::TempDir) -> String {
        format!("sqlite://{}", directory.path().join("inbox.db").display())
    }

    #[tokio::test]
    async fn the_inbox_in_sqlite_keeps_its_contract() {
        let directory = tempfile::tempdir().unwrap();
        keeps_its_contract(
            &SqlInbox::open(&url(&directory), Duration::ZERO)
                .await
                .unwrap(),
        )
        .await;
    }

    #[tokio::test]
    async fn everything_survives_reopening() {
        let directory = tempfile::tempdir().unwrap();
        let before = SqlInbox::open(&url(&directory), Duration::ZERO)
            .await
            .unwrap();
        keeps_its_contract(&before).await;
        let (revocations, settings) = (all(&before).await, before.settings().await);
        let scope = ScopeId::new(1).unwrap();
        let waiting = before.waiting(scope).await.unwrap();
        assert_eq!(waiting.len(), 1);
        let watermarks = before.watermarks().await.unwrap();
        drop(before);
        let after = SqlInbox::open(&url(&directory), Duration::ZERO)
            .await
            .unwrap();
        assert_eq!(all(&after).await, revocations);
        assert_eq!(after.settings().await.unwrap(), settings.unwrap());
        assert_eq!(after.waiting(scope).await.unwrap(), waiting);
        assert_eq!(after.watermarks().await.unwrap(), watermarks);
        other_claims_are_still_refused(&after).await;
    }

    #[tokio::test]
    async fn no_revocation_goes_whose_watermark_cannot_be_kept() {
        let directory = tempfile::tempdir().unwrap();
        let inbox = SqlInbox::open(&url(&directory), Duration::ZERO)
            .await
            .unwrap();
        let ended = revocation(1, Kind::Ended, 5);
        let set = received(A, "1", "{}", 1001);
        retain(&inbox, set, std::slice::from_ref(&ended)).await;
        let watermarks = Watermarks {
            ended: 99,
            unproven: 99,
        };
        // Nobody gave the transmitter this number.
        assert!(inbox.forget(ended.scope, watermarks, 10).await.is_err());
        assert_eq!(all(&inbox).await, [ended]);
    }

    async fn other_claims_are_still_refused(inbox: &SqlInbox) {
        let other = received(A, "1", r#"{"a":2}"#, 1001);
        assert_eq!(retain(inbox, other, &[]).await, Retained::Conflict);
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_new_file_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let inbox = SqlInbox::open(&url(&directory), Duration::ZERO)
            .await
            .unwrap();
        keeps_its_contract(&inbox).await;
        for file in ["inbox.db", "inbox.db-wal"] {
            let metadata = std::fs::metadata(directory.path().join(file)).unwrap();
            assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "{file}");
        }
    }

    #[tokio::test]
    async fn a_url_of_another_database_is_told_what_to_fix() {
        for (url, fix) in [
            (
                "sqlite://x?mode=rwc",
                "must be sqlite:// and a path without ?, % and :",
            ),
            ("mysql://localhost/x", "must begin with sqlite://"),
        ] {
            let error = SqlInbox::open(url, Duration::ZERO).await.unwrap_err();
            let told = ssf_types::error::Chain(&error).to_string();
            assert!(told.contains(fix), "{told}");
        }
    }

    #[tokio::test]
    async fn one_at_a_time_uses_a_file() {
        let directory = tempfile::tempdir().unwrap();
        let first = SqlInbox::open(&url(&directory), Duration::ZERO)
            .await
            .unwrap();
        let second = SqlInbox::open(&url(&directory), Duration::ZERO)
            .await
            .unwrap_err();
        let cause = std::error::Error::source(&second).unwrap().to_string();
        assert_eq!(cause, "another process uses it");
        drop(first);
        SqlInbox::open(&url(&directory), Duration::ZERO)
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn a_database_that_would_not_last_is_refused() {
        for url in ["sqlite://:memory:", "sqlite://x?mode=memory", "sqlite://"] {
            assert!(SqlInbox::open(url, Duration::ZERO).await.is_err(), "{url}");
        }
    }

    #[tokio::test]
    async fn the_file_is_written_ahead_and_flushed() {
        use sea_orm::ConnectionTrait;
        let directory = tempfile::tempdir().unwrap();
        let inbox = SqlInbox::open(&url(&directory), Duration::ZERO)
            .await
            .unwrap();
        let pragma = async |name: &str| {
            inbox
                .connection()
                .query_one_raw(sea_orm::Statement::from_string(
                    sea_orm::DbBackend::Sqlite,
                    format!("PRAGMA {name}"),
                ))
                .await
                .unwrap()
                .unwrap()
        };
        let mode: String = pragma("journal_mode").await.try_get_by_index(0).unwrap();
        let synchronous: i32 = pragma("synchronous").await.try_get_by_index(0).unwrap();
        assert_eq!((mode.as_str(), synchronous), ("wal", 2));
    }
}
