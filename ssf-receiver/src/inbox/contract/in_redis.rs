//! The contract of the inbox in Redis, and what may happen to a Redis.

use ssf_types::error::Chain;

use super::{shared, *};
use crate::{
    inbox::{ASKED_FOR, AnyInbox, Changes, LEASE, SharedInbox},
    redis_inbox::RedisInbox,
    redis_server::{RedisServer, lasting},
};

async fn opened(url: &str) -> RedisInbox {
    RedisInbox::open(url).await.unwrap()
}

async fn command(server: &RedisServer, words: &[&str]) {
    let mut command = redis::cmd(words[0]);
    command.arg(&words[1..]);
    let answer = command.query_async(&mut server.connection().await).await;
    let _: redis::Value = answer.unwrap();
}

async fn refusal(url: &str) -> String {
    let refused = RedisInbox::open(url).await.unwrap_err();
    Chain(&refused).to_string()
}

#[tokio::test]
async fn the_inbox_in_redis_keeps_its_contract_and_everything_survives_a_crash_of_redis() {
    let mut server = RedisServer::start().await;
    let before = opened(&server.url()).await;
    keeps_its_contract(&before).await;
    let (revocations, settings) = (all(&before).await, before.settings().await.unwrap());
    let scope = ScopeId::new(1).unwrap();
    let waiting = before.waiting(scope).await.unwrap();
    assert_eq!(waiting.len(), 1);
    let watermarks = before.watermarks().await.unwrap();
    let origin = before.origin().await.unwrap();
    server.stop();
    assert!(before.settings().await.is_err());
    server.start_again().await;
    // The same process goes on, and so does a new one.
    for after in [before, opened(&server.url()).await] {
        assert_eq!(all(&after).await, revocations);
        assert_eq!(after.settings().await.unwrap(), settings);
        assert_eq!(after.waiting(scope).await.unwrap(), waiting);
        assert_eq!(after.watermarks().await.unwrap(), watermarks);
        let other = received(A, "1", r#"{"a":2}"#, 1001);
        assert_eq!(retain(&after, other, &[]).await, Retained::Conflict);
        // Positions are read again: a server that came back may be another one.
        assert_ne!(after.origin().await.unwrap(), origin);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_on_one_redis_can_rely_on_it() {
    let server = RedisServer::start().await;
    let (one, other) = (opened(&server.url()).await, opened(&server.url()).await);
    shared::keeps_its_contract(&one, &other).await;
}

#[tokio::test]
async fn inboxes_with_other_prefixes_have_nothing_in_common() {
    let server = RedisServer::start().await;
    let one = opened(&server.url()).await;
    let other = opened(&format!("{}?prefix=other", server.url())).await;
    let set = || received(A, "1", "{}", 1001);
    let ended = revocation(1, Kind::Ended, 5);
    assert_eq!(retain(&one, set(), &[ended]).await, Retained::New);
    assert_eq!(all(&other).await, []);
    assert_eq!(retain(&other, set(), &[]).await, Retained::New);
}

#[tokio::test]
async fn a_redis_that_would_lose_something_is_refused_and_told_what_to_fix() {
    let server = RedisServer::start().await;
    for (setting, value, sound, fix) in [
        ("appendfsync", "everysec", "always", "appendfsync always"),
        ("appendonly", "no", "yes", "set appendonly yes"),
        (
            "maxmemory-policy",
            "allkeys-lru",
            "noeviction",
            "maxmemory-policy noeviction",
        ),
    ] {
        command(&server, &["CONFIG", "SET", setting, value]).await;
        let told = refusal(&server.url()).await;
        assert!(told.contains(fix) && told.contains(value), "{told}");
        // Somebody knows better.
        opened(&format!("{}?durability=vouched", server.url())).await;
        command(&server, &["CONFIG", "SET", setting, sound]).await;
        opened(&server.url()).await;
    }
    let user = [
        "ACL", "SETUSER", "app", "on", "nopass", "~*", "&*", "+@all", "-config",
    ];
    command(&server, &user).await;
    let told = refusal(&format!("{}?user=app&pass=s3cret", server.url())).await;
    assert!(
        told.contains("allow CONFIG GET") && !told.contains("s3cret"),
        "{told}"
    );
}

#[tokio::test]
async fn the_inbox_of_another_version_is_left_alone() {
    let server = RedisServer::start().await;
    command(&server, &["SET", "ssf-inbox:inbox", "2 abc"]).await;
    assert!(refusal(&server.url()).await.contains("another version, 2"));
}

#[tokio::test]
async fn nothing_is_acknowledged_where_redis_was_emptied_under_those_who_use_it() {
    let server = RedisServer::start().await;
    let inbox = opened(&server.url()).await;
    let arriving = |jti| {
        [Arriving {
            set: received(A, jti, "{}", 1001),
            revocations: Vec::new(),
        }]
    };
    inbox.retain(&arriving("1")).await.unwrap();
    command(&server, &["FLUSHALL"]).await;
    let told = inbox.retain(&arriving("2")).await.unwrap_err();
    assert!(
        Chain(&told).to_string().contains("start them anew"),
        "{told:?}"
    );
    assert!(inbox.origin().await.is_err(), "others follow nobody there");
    // Whoever starts has an inbox, which is not that of the others.
    let new = opened(&server.url()).await;
    new.retain(&arriving("3")).await.unwrap();
    assert!(inbox.retain(&arriving("4")).await.is_err());
    let settings = [("a".to_owned(), "1".to_owned())].into();
    assert!(inbox.keep_settings(&settings).await.is_err());
    assert!(
        new.settings().await.unwrap().is_empty(),
        "nor is anything written there"
    );
    assert_eq!(new.last_change().await.unwrap(), 0);
}

#[tokio::test]
async fn a_url_of_redis_opens_it() {
    let server = RedisServer::start().await;
    let opened = AnyInbox::open(&server.url(), std::time::Duration::ZERO).await;
    assert!(matches!(opened, Ok(AnyInbox::Redis(_))));
}

#[tokio::test]
async fn one_instance_leads_until_its_time_is_over() {
    let server = RedisServer::start().await;
    let (one, other) = (opened(&server.url()).await, opened(&server.url()).await);
    assert!(other.lead().await.unwrap());
    let lasts = lasting(&mut server.connection().await).await;
    let lease = lasts.into_iter().find(|(key, _)| key == "ssf-inbox:lead");
    let (_, left) = lease.unwrap();
    assert!(left.is_some_and(|left| left <= LEASE), "{left:?}");
    command(&server, &["PEXPIRE", "ssf-inbox:lead", "0"]).await;
    assert!(one.lead().await.unwrap());
    assert!(!other.lead().await.unwrap());
}

#[tokio::test]
async fn nothing_stays_of_what_was_asked_for() {
    let server = RedisServer::start().await;
    let inbox = opened(&server.url()).await;
    inbox
        .asked_with(ScopeId::default(), "a state")
        .await
        .unwrap();
    let lasts = lasting(&mut server.connection().await).await;
    let asked = lasts.into_iter().find(|(key, _)| key.contains(":asked:"));
    assert!(asked.unwrap().1.is_some_and(|left| left <= ASKED_FOR));
}
