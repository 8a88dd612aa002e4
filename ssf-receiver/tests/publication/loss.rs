//! Redis is away, loses what it has, or gets less than it had: nothing is delayed here, and nothing is missing there in the end.

use std::fs;

use redis::AsyncCommands;
use ssf_receiver::guard::Decision;

use super::{
    Transmitter,
    contents::{done, ended, field, has, session},
    eventually, receiver,
    redis_server::RedisServer,
    revoked,
};

/// What the database consists of.
const FILES: [&str; 3] = ["receiver.db", "receiver.db-wal", "receiver.db-shm"];

async fn epoch(server: &RedisServer) -> Option<String> {
    field(server, "epoch").await
}

/// Waits until something is published, and tells under which epoch.
async fn first_epoch(server: &RedisServer) -> String {
    let is_there = async || epoch(server).await.is_some();
    eventually("something is published", is_there).await;
    epoch(server).await.unwrap()
}

/// Waits until all is published under another epoch.
async fn anew(server: &RedisServer, former: &str) {
    let is_another = async || epoch(server).await.is_some_and(|epoch| epoch != former);
    eventually("all is published anew", is_another).await;
}

#[actix_web::test]
async fn a_redis_that_is_away_delays_no_revocation_and_gets_it_when_it_is_back() {
    let (mut server, transmitter) = (RedisServer::start().await, Transmitter::start());
    let directory = tempfile::tempdir().unwrap();
    let receiver = receiver(&transmitter, &server, directory.path()).await;
    revoked(&transmitter, &receiver, "alice").await;
    has(&server, &receiver, "alice").await;
    let epoch_before = first_epoch(&server).await;
    server.stop();
    revoked(&transmitter, &receiver, "bob").await;
    let decision = receiver.decide(&session(&receiver, "bob"));
    assert!(matches!(decision, Decision::Deny(_)), "{decision:?}");
    server.start_again().await;
    has(&server, &receiver, "bob").await;
    // It had what it had: only what it missed was published.
    assert_eq!(epoch(&server).await, Some(epoch_before));
    transmitter.stop().await;
}

#[actix_web::test]
async fn a_receiver_starts_without_redis_and_publishes_when_it_comes() {
    let (mut server, transmitter) = (RedisServer::start().await, Transmitter::start());
    let directory = tempfile::tempdir().unwrap();
    server.stop();
    let receiver = receiver(&transmitter, &server, directory.path()).await;
    revoked(&transmitter, &receiver, "alice").await;
    server.start_again().await;
    has(&server, &receiver, "alice").await;
    transmitter.stop().await;
}

#[actix_web::test]
async fn a_process_goes_on_where_the_former_one_ended() {
    let (mut server, transmitter) = (RedisServer::start().await, Transmitter::start());
    let directory = tempfile::tempdir().unwrap();
    let former = receiver(&transmitter, &server, directory.path()).await;
    revoked(&transmitter, &former, "alice").await;
    has(&server, &former, "alice").await;
    let epoch_before = first_epoch(&server).await;
    server.stop();
    // Acknowledged, and never published by the process that has taken it.
    revoked(&transmitter, &former, "bob").await;
    super::ended(former).await;
    server.start_again().await;
    let receiver = receiver(&transmitter, &server, directory.path()).await;
    has(&server, &receiver, "bob").await;
    has(&server, &receiver, "alice").await;
    assert_eq!(epoch(&server).await, Some(epoch_before));
    transmitter.stop().await;
}

#[actix_web::test]
async fn t57_f25_what_is_flushed_is_published_anew() {
    let (server, transmitter) = (RedisServer::start().await, Transmitter::start());
    let directory = tempfile::tempdir().unwrap();
    let receiver = receiver(&transmitter, &server, directory.path()).await;
    for person in ["alice", "bob"] {
        revoked(&transmitter, &receiver, person).await;
        has(&server, &receiver, person).await;
    }
    for command in ["FLUSHALL", "FLUSHDB"] {
        let former = first_epoch(&server).await;
        done(&server, &[command]).await;
        anew(&server, &former).await;
        for person in ["alice", "bob"] {
            assert!(field(&server, &ended(&receiver, person)).await.is_some());
        }
    }
    transmitter.stop().await;
}

#[actix_web::test]
async fn t57_f25_what_is_evicted_is_evicted_as_a_whole_and_published_anew() {
    let (server, transmitter) = (RedisServer::start().await, Transmitter::start());
    let directory = tempfile::tempdir().unwrap();
    let receiver = receiver(&transmitter, &server, directory.path()).await;
    for person in ["alice", "bob"] {
        revoked(&transmitter, &receiver, person).await;
        has(&server, &receiver, person).await;
    }
    let former = first_epoch(&server).await;
    done(
        &server,
        &["CONFIG", "SET", "maxmemory-policy", "allkeys-random"],
    )
    .await;
    done(&server, &["CONFIG", "SET", "maxmemory", "8mb"]).await;
    let mut connection = server.connection().await;
    let others = vec![b'x'; 64 * 1024];
    for number in 0_u32.. {
        // Whoever uses the same Redis goes on, until it is ours that is evicted: all of it, or what is published is another.
        let _: () = connection.set(number, &others).await.unwrap();
        if epoch(&server).await.as_deref() != Some(&former) {
            break;
        }
        for person in ["alice", "bob"] {
            let name = ended(&receiver, person);
            let both: (Option<String>, Option<String>) = connection
                .hmget("ssf:revocations", &["epoch", name.as_str()])
                .await
                .unwrap();
            assert!(both.0.is_none() || both.1.is_some(), "{both:?}");
        }
    }
    done(&server, &["CONFIG", "SET", "maxmemory", "0"]).await;
    anew(&server, &former).await;
    for person in ["alice", "bob"] {
        has(&server, &receiver, person).await;
    }
    transmitter.stop().await;
}

#[actix_web::test]
async fn changes_that_are_gone_begin_anew_so_that_nobody_misses_one() {
    let (server, transmitter) = (RedisServer::start().await, Transmitter::start());
    let directory = tempfile::tempdir().unwrap();
    let receiver = receiver(&transmitter, &server, directory.path()).await;
    revoked(&transmitter, &receiver, "alice").await;
    has(&server, &receiver, "alice").await;
    for command in [
        &["DEL", "ssf:changes"][..],
        &["XTRIM", "ssf:changes", "MAXLEN", "0"],
    ] {
        let former = first_epoch(&server).await;
        done(&server, command).await;
        anew(&server, &former).await;
        has(&server, &receiver, "alice").await;
    }
    transmitter.stop().await;
}

#[actix_web::test]
async fn a_redis_that_went_back_gets_what_it_lost() {
    let (server, transmitter) = (RedisServer::start().await, Transmitter::start());
    let directory = tempfile::tempdir().unwrap();
    let receiver = receiver(&transmitter, &server, directory.path()).await;
    revoked(&transmitter, &receiver, "alice").await;
    has(&server, &receiver, "alice").await;
    // As a replica has it that did not get all before it took over.
    let mut connection = server.connection().await;
    let dump = async |connection: &mut redis::aio::MultiplexedConnection| -> [Vec<u8>; 2] {
        let mut both = redis::pipe();
        both.atomic();
        both.cmd("DUMP")
            .arg("ssf:revocations")
            .cmd("DUMP")
            .arg("ssf:changes");
        both.query_async(connection).await.unwrap()
    };
    let [revocations, changes] = dump(&mut connection).await;
    revoked(&transmitter, &receiver, "bob").await;
    has(&server, &receiver, "bob").await;
    let mut back = redis::pipe();
    back.atomic();
    for (name, value) in [("ssf:revocations", revocations), ("ssf:changes", changes)] {
        back.cmd("RESTORE")
            .arg(name)
            .arg(0)
            .arg(value)
            .arg("REPLACE");
    }
    let _: () = back.query_async(&mut connection).await.unwrap();
    assert_eq!(field(&server, &ended(&receiver, "bob")).await, None);
    has(&server, &receiver, "bob").await;
    transmitter.stop().await;
}

#[actix_web::test]
async fn a_database_that_was_put_back_is_published_anew() {
    let (server, transmitter) = (RedisServer::start().await, Transmitter::start());
    let directory = tempfile::tempdir().unwrap();
    let before = receiver(&transmitter, &server, directory.path()).await;
    revoked(&transmitter, &before, "alice").await;
    has(&server, &before, "alice").await;
    super::ended(before).await;
    let copies = FILES.map(|name| fs::read(directory.path().join(name)).ok());
    let after = receiver(&transmitter, &server, directory.path()).await;
    revoked(&transmitter, &after, "bob").await;
    has(&server, &after, "bob").await;
    let former = first_epoch(&server).await;
    super::ended(after).await;
    for (name, copy) in FILES.into_iter().zip(copies) {
        let path = directory.path().join(name);
        match copy {
            Some(copy) => fs::write(path, copy).unwrap(),
            // It goes with the last connection, or has gone.
            None => drop(fs::remove_file(path)),
        }
    }
    let receiver = receiver(&transmitter, &server, directory.path()).await;
    anew(&server, &former).await;
    revoked(&transmitter, &receiver, "carol").await;
    has(&server, &receiver, "carol").await;
    has(&server, &receiver, "alice").await;
    assert_eq!(field(&server, &ended(&receiver, "bob")).await, None);
    transmitter.stop().await;
}
