//! What every inbox has to keep, run against each of them.

use ssf_types::{id::Jti, time::Timestamp, uri::Issuer};

use super::{Inbox, MemoryInbox, ReceivedSet, Retained};
use crate::revocation::{Cut, IndexKey, Mask, Revocation, RevocationKey, Thresholds};

fn received(issuer: &str, jti: &str, claims: &str, at: u64) -> ReceivedSet {
    ReceivedSet {
        issuer: Issuer::parse(issuer).unwrap(),
        jti: Jti::parse(jti).unwrap(),
        claims: claims.to_owned(),
        fingerprint: IndexKey::new([7; 16]).claims(claims),
        received_at: Timestamp::from_millis(at),
        outcome: "revoked",
    }
}

fn revocation(key: u8, began_before: Option<u64>, authenticated_before: Option<u64>) -> Revocation {
    let cut = |before| {
        let texts = ssf_types::event::language::Texts::new([("en", "Bye")]).unwrap();
        Cut {
            before,
            event: "urn:example:event".into(),
            reason: Some(texts.into()),
        }
    };
    Revocation {
        key: RevocationKey::from_bytes([key; 16]),
        mask: Mask {
            has: ["user".to_owned()].into(),
            lacks: ["session".to_owned()].into(),
        },
        thresholds: Thresholds {
            began_before: began_before.map(cut),
            authenticated_before: authenticated_before.map(cut),
        },
    }
}

const A: &str = "https://a.example.com";
const B: &str = "https://b.example.com";

async fn a_set_is_retained_once(inbox: &impl Inbox) {
    let set = received(A, "1", r#"{"a":1,"b":2}"#, 1001);
    let new = inbox.retain(&set, &[revocation(1, Some(5), None)]).await;
    assert_eq!(new.unwrap(), Retained::New);
    let again = received(A, "1", r#"{ "b":2, "a":1 }"#, 2002);
    let duplicate = inbox.retain(&again, &[revocation(9, Some(9), None)]).await;
    assert_eq!(
        duplicate.unwrap(),
        Retained::Duplicate {
            received_at: Timestamp::from_millis(1001)
        }
    );
    assert_eq!(
        inbox.revocations().await.unwrap(),
        [revocation(1, Some(5), None)]
    );
}

async fn other_claims_change_nothing(inbox: &impl Inbox) {
    let other = received(A, "1", r#"{"a":2}"#, 1001);
    let conflict = inbox.retain(&other, &[revocation(9, Some(9), None)]).await;
    assert_eq!(conflict.unwrap(), Retained::Conflict);
    assert_eq!(inbox.revocations().await.unwrap().len(), 1);
}

async fn another_issuer_may_use_the_same_jti(inbox: &impl Inbox) {
    let set = received(B, "1", r#"{"a":2}"#, 1001);
    let retained = inbox.retain(&set, &[revocation(2, None, Some(7))]).await;
    assert_eq!(retained.unwrap(), Retained::New);
    assert_eq!(inbox.revocations().await.unwrap().len(), 2);
}

async fn revocations_of_one_key_are_merged(inbox: &impl Inbox) {
    for (jti, earlier_or_later) in [("2", 4), ("3", 8), ("4", 6)] {
        let set = received(A, jti, "{}", 1001);
        let more = [
            revocation(1, Some(earlier_or_later), None),
            revocation(1, None, Some(3)),
        ];
        assert_eq!(inbox.retain(&set, &more).await.unwrap(), Retained::New);
    }
    let found = inbox.revocations().await.unwrap();
    assert!(found.contains(&revocation(1, Some(8), Some(3))));
    assert!(found.contains(&revocation(2, None, Some(7))));
    assert_eq!(found.len(), 2);
}

async fn settings_are_kept_and_replaced(inbox: &impl Inbox) {
    let settings = |a: &str, b: &str| {
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
}

async fn keeps_its_contract(inbox: &impl Inbox) {
    a_set_is_retained_once(inbox).await;
    other_claims_change_nothing(inbox).await;
    another_issuer_may_use_the_same_jti(inbox).await;
    revocations_of_one_key_are_merged(inbox).await;
    settings_are_kept_and_replaced(inbox).await;
}

#[tokio::test]
async fn the_inbox_in_memory_keeps_its_contract() {
    keeps_its_contract(&MemoryInbox::default()).await;
}

#[cfg(feature = "sqlite")]
mod sqlite {
    use std::time::Duration;

    use super::*;
    use crate::store::SqliteInbox;

    fn url(directory: &tempfile::TempDir) -> String {
        format!("sqlite://{}", directory.path().join("inbox.db").display())
    }

    #[tokio::test]
    async fn the_inbox_in_sqlite_keeps_its_contract() {
        let directory = tempfile::tempdir().unwrap();
        keeps_its_contract(
            &SqliteInbox::open(&url(&directory), Duration::ZERO)
                .await
                .unwrap(),
        )
        .await;
    }

    #[tokio::test]
    async fn everything_survives_reopening() {
        let directory = tempfile::tempdir().unwrap();
        let before = SqliteInbox::open(&url(&directory), Duration::ZERO)
            .await
            .unwrap();
        keeps_its_contract(&before).await;
        let (revocations, settings) = (before.revocations().await, before.settings().await);
        drop(before);
        let after = SqliteInbox::open(&url(&directory), Duration::ZERO)
            .await
            .unwrap();
        assert_eq!(after.revocations().await.unwrap(), revocations.unwrap());
        assert_eq!(after.settings().await.unwrap(), settings.unwrap());
        other_claims_are_still_refused(&after).await;
    }

    async fn other_claims_are_still_refused(inbox: &SqliteInbox) {
        let other = received(A, "1", r#"{"a":2}"#, 1001);
        let conflict = inbox.retain(&other, &[]).await.unwrap();
        assert_eq!(conflict, Retained::Conflict);
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_new_file_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let inbox = SqliteInbox::open(&url(&directory), Duration::ZERO)
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
        let error = SqliteInbox::open("postgres://localhost/x", Duration::ZERO)
            .await
            .unwrap_err();
        assert_eq!(
            ssf_types::error::Chain(&error).to_string(),
            "the receiver's database cannot be opened: its URL must be sqlite:// and a path without ?, % and :"
        );
    }

    #[tokio::test]
    async fn one_at_a_time_uses_a_file() {
        let directory = tempfile::tempdir().unwrap();
        let first = SqliteInbox::open(&url(&directory), Duration::ZERO)
            .await
            .unwrap();
        let second = SqliteInbox::open(&url(&directory), Duration::ZERO)
            .await
            .unwrap_err();
        let cause = std::error::Error::source(&second).unwrap().to_string();
        assert_eq!(cause, "another process uses it");
        drop(first);
        SqliteInbox::open(&url(&directory), Duration::ZERO)
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn a_database_that_would_not_last_is_refused() {
        for url in ["sqlite://:memory:", "sqlite://x?mode=memory", "sqlite://"] {
            assert!(
                SqliteInbox::open(url, Duration::ZERO).await.is_err(),
                "{url}"
            );
        }
    }

    #[tokio::test]
    async fn the_file_is_written_ahead_and_flushed() {
        use sea_orm::ConnectionTrait;
        let directory = tempfile::tempdir().unwrap();
        let inbox = SqliteInbox::open(&url(&directory), Duration::ZERO)
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
