//! What the program publishes in Redis.

use redis::AsyncCommands;

use crate::{
    common::{Transmitter, email, push, signed},
    eventually,
    redis_server::RedisServer,
    rig::{Answer, Daemon, Installation, text},
};

const T: u64 = 1_615_305_159;

async fn taken(transmitter: &Transmitter, daemon: &Daemon) {
    let claims = transmitter.claims("1", &email("alice@example.com"), T);
    let set = signed(&Transmitter::header(), &claims);
    let authorization = transmitter.stream().authorization;
    let answer = push(&daemon.endpoint, &authorization, set).await;
    assert_eq!(Answer::read(answer).await.status, 202);
}

/// Waits until a revocation is published under a prefix.
async fn published(server: &RedisServer, prefix: &str) {
    let is_published = async || {
        let mut connection = server.connection().await;
        let all = format!("{prefix}:revocations");
        let names: Vec<String> = connection.hkeys(all).await.unwrap();
        names.iter().any(|name| name.contains(".ended"))
    };
    eventually("it is published", is_published).await;
}

#[actix_web::test]
async fn what_the_program_takes_is_published_and_the_secret_is_left_for_its_readers() {
    let (server, transmitter) = (RedisServer::start().await, Transmitter::start());
    let installation = Installation::of(&transmitter)
        .with("REDIS_URL", &server.url())
        .with("REDIS_PREFIX", "app")
        .with("REDIS_SECRET_FILE", "readers.secret");
    let daemon = installation.serve().await;
    daemon.ready().await;
    let path = installation.path("readers.secret");
    let secret = std::fs::read_to_string(&path).unwrap();
    assert_eq!(secret.trim_end().len(), 32);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    taken(&transmitter, &daemon).await;
    published(&server, "app").await;
    let is_told = |answer: &Answer| {
        let metrics = &answer.body;
        metrics.contains("ssf_receiver_publication_behind 0")
    };
    daemon.probe_until("/metrics", is_told).await;
    assert!(!installation.log().contains(secret.trim_end()));
    daemon.kill().await;
    // Another start finds the secret there, and leaves it.
    let daemon = installation.serve().await;
    assert_eq!(std::fs::read_to_string(&path).unwrap(), secret);
    drop(daemon);
    transmitter.stop().await;
}

#[actix_web::test]
async fn what_was_acknowledged_before_a_crash_is_published_after_it() {
    let (mut server, transmitter) = (RedisServer::start().await, Transmitter::start());
    let installation = Installation::of(&transmitter).with("REDIS_URL", &server.url());
    let daemon = installation.serve().await;
    daemon.ready().await;
    server.stop();
    taken(&transmitter, &daemon).await;
    let is_told = |answer: &Answer| {
        let metrics = &answer.body;
        metrics.contains("ssf_receiver_publication_behind 1")
    };
    daemon.probe_until("/metrics", is_told).await;
    daemon.kill().await;
    server.start_again().await;
    let daemon = installation.serve().await;
    published(&server, "ssf").await;
    drop(daemon);
    transmitter.stop().await;
}

#[actix_web::test]
async fn a_secret_that_cannot_be_left_is_told_with_its_path() {
    let transmitter = Transmitter::start();
    let installation = Installation::of(&transmitter)
        .with("REDIS_URL", "redis+unix:///nowhere")
        .with("REDIS_SECRET_FILE", "nowhere/readers.secret");
    let ended = installation.run(&["serve"]).await;
    assert!(!ended.status.success());
    let told = text(&ended.stderr);
    assert!(told.contains("nowhere/readers.secret"), "{told}");
    transmitter.stop().await;
}
