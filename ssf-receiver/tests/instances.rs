//! Several instances on one database, PostgreSQL or Redis: what one of them takes counts at all, and one that does not hear of it says so.

#![cfg(all(feature = "actix", feature = "postgres", feature = "redis"))]
#![expect(clippy::unwrap_used, reason = "a helper of tests panics as they do")]

#[expect(
    clippy::expect_used,
    reason = "the cluster ends the run where it cannot be had"
)]
#[path = "../../ssf-transmitter/tests/store/postgres/cluster.rs"]
mod cluster;
mod common;
#[expect(
    clippy::expect_used,
    dead_code,
    reason = "a server that is not there ends the run, and the tests of sessions use the rest"
)]
#[path = "sessions/redis_server.rs"]
mod redis_server;

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, atomic::Ordering},
    time::{Duration, Instant},
};

use actix_web::{App, HttpServer, Responder, web};
use cluster::Cluster;
use common::{
    AUDIENCE, TOKEN, Transmitter, builder, client, email,
    polls::{Reply, Seen},
    signed, until,
};
use redis_server::RedisServer;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use ssf_receiver::{Freshness, HandedSet, Receiver, Why, guard::Decision};
use ssf_types::{
    audience::Audience, secret::AuthorizationHeader, set::MEDIA_TYPE, time::Timestamp,
};

const T: u64 = 1_615_305_159;

/// Where all of them are reached, behind something that balances load.
const ENDPOINT: &str = "http://127.0.0.1:9/push";

/// What instances share.
enum Database {
    Postgres(String),
    Redis(RedisServer),
}

impl Database {
    fn postgres() -> Self {
        Self::Postgres(Cluster::of_this_run().new_database())
    }

    async fn redis() -> Self {
        Self::Redis(RedisServer::start().await)
    }

    fn url(&self) -> String {
        match self {
            Self::Postgres(url) => url.clone(),
            Self::Redis(server) => server.url(),
        }
    }

    /// Makes a user of its own; returns the URL for it.
    async fn url_to_cut(&self) -> String {
        match self {
            Self::Postgres(url) => {
                self.execute(&["CREATE ROLE cut SUPERUSER LOGIN"]).await;
                url.replace("postgres@", "cut@")
            }
            Self::Redis(server) => {
                self.execute(&["ACL SETUSER cut on nopass ~* &* +@all"])
                    .await;
                format!("{}?user=cut&pass=x", server.url())
            }
        }
    }

    /// Cuts that user off, now and when it comes again.
    async fn cut(&self) {
        self.execute(match self {
            Self::Postgres(_) => &[
                "ALTER ROLE cut NOLOGIN",
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'cut'",
            ],
            Self::Redis(_) => &["ACL SETUSER cut off", "CLIENT KILL USER cut"],
        })
        .await;
    }

    async fn let_in(&self) {
        self.execute(match self {
            Self::Postgres(_) => &["ALTER ROLE cut LOGIN"],
            Self::Redis(_) => &["ACL SETUSER cut on"],
        })
        .await;
    }

    async fn execute(&self, commands: &[&str]) {
        match self {
            Self::Postgres(url) => {
                let administrator = sea_orm::Database::connect(url).await.unwrap();
                for command in commands {
                    administrator.execute_unprepared(command).await.unwrap();
                }
            }
            Self::Redis(server) => {
                let mut administrator = server.connection().await;
                for command in commands {
                    let mut words = command.split(' ');
                    let mut asked = redis::cmd(words.next().unwrap());
                    words.for_each(|word| {
                        asked.arg(word);
                    });
                    let done: redis::Value = asked.query_async(&mut administrator).await.unwrap();
                    drop(done);
                }
            }
        }
    }
}

/// Each of these with PostgreSQL and with Redis.
macro_rules! with_each_database {
    ($($name:ident)+) => {
        mod on_postgres {
            $(#[actix_web::test] async fn $name() { super::$name(super::Database::postgres()).await; })+
        }
        mod on_redis {
            $(#[actix_web::test] async fn $name() { super::$name(super::Database::redis().await).await; })+
        }
    };
}

with_each_database! {
    what_one_instance_takes_counts_at_the_others_within_a_second_and_at_one_that_starts
    instances_agree_upon_one_stream_and_each_takes_what_another_asked_for
    one_instance_polls_what_counts_at_all_until_another_takes_its_place
    one_instance_calls_handlers_whoever_took_the_set_until_another_takes_its_place
    an_instance_that_stood_still_says_stale_until_it_has_caught_up
}

async fn instance(transmitter: &Transmitter, database: &str) -> Receiver {
    let started = builder(transmitter).database(database).start().await;
    let receiver = started.unwrap();
    receiver.ready().await;
    receiver
}

fn is_refused(receiver: &Receiver, sid: &str) -> bool {
    let session = receiver.session(Timestamp::from_secs(T));
    let session = session.email(format!("{sid}@example.com"));
    match receiver.decide(&session) {
        Decision::Allow => false,
        Decision::Deny(_) => true,
    }
}

/// A SET that ends the sessions of somebody.
fn ended(transmitter: &Transmitter, person: &str) -> String {
    let subject = email(&format!("{person}@example.com"));
    let claims = transmitter.claims(&format!("end-of-{person}"), &subject, T + 1);
    signed(&Transmitter::header(), &claims)
}

async fn take(receiver: &Receiver, authorization: &str, set: &str) {
    let answer = receiver.accept(Some(authorization), Some(MEDIA_TYPE), set.as_bytes());
    assert_eq!(answer.await.status(), 202);
}

async fn what_one_instance_takes_counts_at_the_others_within_a_second_and_at_one_that_starts(
    database: Database,
) {
    let transmitter = Transmitter::start();
    let url = database.url();
    let one = instance(&transmitter, &url).await;
    let other = instance(&transmitter, &url).await;
    for person in ["alice", "bob", "carol"] {
        assert!(!is_refused(&other, person));
        take(&one, "Bearer x", &ended(&transmitter, person)).await;
        let taken = Instant::now();
        until("it counts at the other", || is_refused(&other, person)).await;
        assert!(taken.elapsed() < Duration::from_secs(1));
    }
    assert!(!is_refused(&other, "dave"));
    // Whatever the other instances do: a new one knows all of it before it serves.
    let started = builder(&transmitter).database(&url).start().await;
    let new = started.unwrap();
    for person in ["alice", "bob", "carol"] {
        assert!(is_refused(&new, person));
    }
    assert!(!is_refused(&new, "dave"));
    transmitter.stop().await;
}

async fn instances_agree_upon_one_stream_and_each_takes_what_another_asked_for(database: Database) {
    let transmitter = Transmitter::start();
    let url = database.url();
    let start = || {
        let builder = Receiver::builder(&transmitter.issuer, ENDPOINT);
        builder.management_token(TOKEN).database(&url).start()
    };
    let (one, two, three) = tokio::join!(start(), start(), start());
    let instances = [one.unwrap(), two.unwrap(), three.unwrap()];
    for receiver in &instances {
        receiver.ready().await;
    }
    let state = &transmitter.state;
    until("a verification is asked for", || {
        !state.verifications.lock().unwrap().is_empty()
    })
    .await;
    let stream = transmitter.stream();
    let asked = state.verifications.lock().unwrap()[0].clone();
    // Be it the one that asked or not: all know of it.
    let set = |jti| verification(&transmitter, jti, &asked["state"]);
    take(&instances[0], &stream.authorization, &set("v0")).await;
    for receiver in &instances {
        until("it is fresh", || {
            receiver.status().freshness == Freshness::Fresh
        })
        .await;
    }
    for (receiver, jti) in instances.iter().zip(["v0", "v1", "v2"]) {
        take(receiver, &stream.authorization, &set(jti)).await;
    }
    let foreign = verification(&transmitter, "v9", &json!("a guess"));
    for receiver in &instances {
        let answer = receiver
            .accept(
                Some(&stream.authorization),
                Some(MEDIA_TYPE),
                foreign.as_bytes(),
            )
            .await;
        assert_eq!(answer.status(), 400);
    }
    // One of them asked, and one of them made the stream.
    assert_eq!(state.verifications.lock().unwrap().len(), 1);
    assert_eq!(state.created.load(Ordering::SeqCst), 1);
    transmitter.stop().await;
}

/// A verification with this state.
fn verification(transmitter: &Transmitter, jti: &str, state: &Value) -> String {
    let stream = transmitter.stream();
    let claims = json!({
        "iss": transmitter.issuer, "jti": jti, "iat": T, "aud": AUDIENCE,
        "sub_id": { "format": "opaque", "id": stream.id },
        "events": {
            "https://schemas.openid.net/secevent/ssf/event-type/verification": { "state": state },
        },
    });
    signed(&Transmitter::header(), &claims)
}

async fn one_instance_polls_what_counts_at_all_until_another_takes_its_place(database: Database) {
    let transmitter = Transmitter::start();
    let url = database.url();
    let mut instances = Vec::new();
    for _ in 0..2 {
        let builder = Receiver::polling(&transmitter.issuer).management_token(TOKEN);
        let receiver = builder.database(&url).start().await.unwrap();
        receiver.ready().await;
        instances.push(receiver);
    }
    let polls = &transmitter.state.polls;
    polls.answer(Reply::sets([(
        "end-of-alice",
        ended(&transmitter, "alice"),
    )]));
    for receiver in &instances {
        until("it counts", || is_refused(receiver, "alice")).await;
    }
    let acknowledging = |poll: &Seen| poll.acknowledged() == ["end-of-alice"];
    polls.find("it is acknowledged", acknowledging).await;
    let answered = |receiver: &Receiver| receiver.status().polls.unwrap().answered;
    instances.sort_by_key(answered);
    // One of them had all the answers.
    assert_eq!(answered(&instances[0]), 0);
    instances.pop().unwrap().stop().await;
    polls.answer(Reply::sets([("end-of-bob", ended(&transmitter, "bob"))]));
    let other = instances.pop().unwrap();
    until("it counts", || is_refused(&other, "bob")).await;
    assert!(answered(&other) > 0);
    other.stop().await;
    transmitter.stop().await;
}

/// Who called a handler, with which SET.
type Calls = Arc<Mutex<Vec<(usize, String)>>>;

async fn one_instance_calls_handlers_whoever_took_the_set_until_another_takes_its_place(
    database: Database,
) {
    let transmitter = Transmitter::start();
    let url = database.url();
    let calls = Calls::default();
    let mut instances = BTreeMap::new();
    for number in 0..2 {
        let receiver = instance(&transmitter, &url).await;
        let seen = Arc::clone(&calls);
        let handler = move |set: HandedSet| {
            let call = (number, set.claims.jti.to_string());
            seen.lock().unwrap().push(call);
            std::future::ready(Ok::<_, std::io::Error>(()))
        };
        receiver.handle("crm", handler).await.unwrap();
        instances.insert(number, receiver);
    }
    for (number, receiver) in &instances {
        take(
            receiver,
            "Bearer x",
            &ended(&transmitter, &format!("p{number}")),
        )
        .await;
        let so_far = number + 1;
        until("it is handed over", || {
            calls.lock().unwrap().len() == so_far
        })
        .await;
    }
    let leader = calls.lock().unwrap()[0].0;
    let expected = ["end-of-p0", "end-of-p1"].map(|jti| (leader, jti.to_owned()));
    assert_eq!(*calls.lock().unwrap(), expected);
    instances.remove(&leader).unwrap().stop().await;
    let (other, receiver) = instances.pop_first().unwrap();
    take(&receiver, "Bearer x", &ended(&transmitter, "p2")).await;
    // What the former one had not stored may be repeated before.
    let call = (other, "end-of-p2".to_owned());
    until("it is handed over", || {
        calls.lock().unwrap().contains(&call)
    })
    .await;
    transmitter.stop().await;
}

/// An instance that is a process of its own.
struct Process {
    child: Child,
    url: String,
}

impl Process {
    fn start(transmitter: &Transmitter, database: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "an_instance", "--ignored", "--nocapture"])
            .env("SSF_TEST_ISSUER", &transmitter.issuer)
            .env("SSF_TEST_DATABASE", database)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let url = lines
            .map(Result::unwrap)
            .find_map(|line| line.strip_prefix("listening on ").map(str::to_owned));
        Self {
            child,
            url: url.unwrap(),
        }
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status();
        assert!(sent.unwrap().success());
    }

    /// Whether it says that it is cut off, and whether it refuses the session afterwards.
    async fn look(&self, sid: &str) -> (bool, bool) {
        let answer = client().get(format!("{}/{sid}", self.url)).send().await;
        let answer: Value =
            serde_json::from_slice(&answer.unwrap().bytes().await.unwrap()).unwrap();
        (
            answer["cut_off"].as_bool().unwrap(),
            answer["refused"].as_bool().unwrap(),
        )
    }

    /// Looks until something is so.
    async fn until(&self, sid: &str, wanted: impl Fn((bool, bool)) -> bool) {
        common::eventually(sid, async || wanted(self.look(sid).await)).await;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn an_instance_that_stood_still_says_stale_until_it_has_caught_up(database: Database) {
    let transmitter = Transmitter::start();
    let url = database.url();
    let one = instance(&transmitter, &url).await;
    let other = instance(&transmitter, &url).await;
    let third = Process::start(&transmitter, &database.url_to_cut().await);
    third
        .until("alice", |looked| looked == (false, false))
        .await;
    third.signal("-STOP");
    // So that it cannot catch up before it is asked.
    database.cut().await;
    take(&one, "Bearer x", &ended(&transmitter, "alice")).await;
    let taken = Instant::now();
    until("it counts at the other", || is_refused(&other, "alice")).await;
    assert!(taken.elapsed() < Duration::from_secs(1));
    third.signal("-CONT");
    third.until("alice", |(is_cut_off, _)| is_cut_off).await;
    assert_eq!(third.look("alice").await, (true, false));
    database.let_in().await;
    third
        .until("alice", |(is_cut_off, is_refused)| {
            assert!(is_cut_off || is_refused);
            !is_cut_off
        })
        .await;
    assert_eq!(third.look("alice").await, (false, true));
    assert_eq!(third.look("bob").await, (false, false));
    drop(third);
    transmitter.stop().await;
}

#[ignore = "a process of the test that stops it"]
#[actix_web::test]
async fn an_instance() {
    let of = |name| std::env::var(name).unwrap();
    let secret = AuthorizationHeader::parse("Bearer x").unwrap();
    let receiver = Receiver::builder(of("SSF_TEST_ISSUER"), ENDPOINT)
        .existing_stream(Audience::new([AUDIENCE]).unwrap(), secret)
        .database(of("SSF_TEST_DATABASE"))
        .start()
        .await
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let app = move || {
        App::new()
            .app_data(web::Data::new(receiver.clone()))
            .route("/{sid}", web::get().to(look))
    };
    let server = HttpServer::new(app).workers(1).listen(listener).unwrap();
    writeln!(std::io::stdout(), "\nlistening on http://{address}").unwrap();
    server.run().await.unwrap();
}

async fn look(receiver: web::Data<Receiver>, sid: web::Path<String>) -> impl Responder {
    // First: what was seen by then has to count below.
    let freshness = receiver.status().freshness;
    web::Json(json!({
        "cut_off": freshness == Freshness::Stale(Why::CutOff),
        "refused": is_refused(&receiver, &sid),
    }))
}
