//! What a crash does to sessions, which is nothing.

use std::{io::Write, time::Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    common::{Transmitter, client, party::RelyingParty, signed, until},
    crashes,
    redis_server::RedisServer,
};

/// The points of receiving, and how often a process passes each before it dies there, at most.
const POINTS: [(&str, usize); 4] = [
    ("before-retain", 4),
    ("before-commit", 4),
    ("after-commit", 4),
    ("before-answer", 4),
];

/// At the start, before it serves.
const LOAD: (&str, usize) = ("load", 7);

/// SETs that are under way at once.
const AT_ONCE: usize = 4;

/// More SETs than a process takes before it dies: each of them passes each point.
const SETS_MAX: usize = 16;

/// Sessions that nobody names.
const BYSTANDERS: usize = 4;

const T: u64 = 1_615_305_159;

/// A session, and a SET that ends it.
struct Seat {
    cookie: String,
    set: String,
}

/// What is known of sessions.
#[derive(Default)]
struct Books {
    /// Their SETs were acknowledged.
    ended: Vec<Seat>,
    /// Their SETs were sent, and not answered.
    open: Vec<Seat>,
    /// Nobody has named them.
    alive: Vec<Seat>,
}

impl Books {
    /// Everybody who was named is refused, and everybody else let in.
    async fn check(&self, party: &RelyingParty) {
        for seat in &self.ended {
            assert_eq!(
                party.me(&seat.cookie).await,
                401,
                "a dead session is let in"
            );
        }
        for seat in &self.alive {
            assert_eq!(party.me(&seat.cookie).await, 200, "a session is lost");
        }
    }
}

/// Where a receiver keeps what it has taken.
enum Database {
    Sqlite(TempDir),
    Redis(RedisServer),
}

impl Database {
    fn url(&self) -> String {
        match self {
            Self::Sqlite(directory) => {
                format!(
                    "sqlite://{}",
                    directory.path().join("receiver.db").display()
                )
            }
            Self::Redis(server) => server.url(),
        }
    }

    /// What else may be gone at once goes as well.
    async fn crash(&mut self) {
        match self {
            Self::Sqlite(_) => {}
            Self::Redis(server) => {
                server.stop();
                server.start_again().await;
            }
        }
    }
}

struct Campaign {
    transmitter: Transmitter,
    database: Database,
    address: String,
    seats: usize,
    client: reqwest::Client,
    /// Of the crash that was last.
    books: Books,
    /// Of all crashes before.
    former: Books,
}

impl Campaign {
    /// Sets up a relying party with its stream.
    async fn begin(database: Database) -> Self {
        let transmitter = Transmitter::start();
        let mut campaign = Self {
            transmitter,
            database,
            address: "127.0.0.1:0".to_owned(),
            seats: 0,
            client: client(),
            books: Books::default(),
            former: Books::default(),
        };
        let mut party = campaign.start();
        campaign.address = party.address();
        let streams = &campaign.transmitter.state.streams;
        until("the receiver makes its stream", || {
            !streams.lock().unwrap().is_empty()
        })
        .await;
        let seat = campaign.seat(&party).await;
        campaign.books.open.push(seat);
        campaign.settle(&mut party).await;
        campaign
    }

    fn start(&self) -> RelyingParty {
        RelyingParty::start(
            &self.transmitter.issuer,
            &self.database.url(),
            &self.address,
        )
    }

    fn start_armed(&self, failpoint: &str) -> Option<RelyingParty> {
        let issuer = &self.transmitter.issuer;
        RelyingParty::start_armed(issuer, &self.database.url(), &self.address, failpoint)
    }

    /// Signs somebody in.
    async fn seat(&mut self, party: &RelyingParty) -> Seat {
        self.seats += 1;
        let sid = format!("s{}", self.seats);
        let person = format!("p{}", self.seats);
        let cookie = party.sign_in(&person, &sid, T).await;
        let session = json!({ "format": "opaque", "id": sid });
        let subject = json!({ "format": "complex", "session": session });
        let claims: Value = self.transmitter.claims(&sid, &subject, T);
        let set = signed(&Transmitter::header(), &claims);
        Seat { cookie, set }
    }

    /// Pushes a SET once; `None` if nobody answers.
    async fn pushed(&self, set: &str) -> Option<u16> {
        let stream = self.transmitter.stream();
        let endpoint = stream.configuration["delivery"]["endpoint_url"].as_str();
        let request = self
            .client
            .post(endpoint.unwrap())
            .header("Authorization", stream.authorization)
            .header("Content-Type", "application/secevent+jwt")
            .body(set.to_owned());
        Some(request.send().await.ok()?.status().as_u16())
    }

    /// Has a process die at a point while SETs arrive.
    async fn die_at(&mut self, failpoint: &str) {
        let mut party = self.start_armed(failpoint).unwrap();
        let mut seats = Vec::new();
        for _ in 0..SETS_MAX {
            seats.push(self.seat(&party).await);
        }
        for _ in 0..BYSTANDERS {
            let seat = self.seat(&party).await;
            self.books.alive.push(seat);
        }
        while !seats.is_empty() && !party.has_died() {
            let some = seats.split_off(seats.len() - AT_ONCE);
            let answers = some.iter().map(|seat| self.pushed(&seat.set));
            let answers = futures_util::future::join_all(answers).await;
            for (seat, answer) in some.into_iter().zip(answers) {
                match answer {
                    Some(202) => self.books.ended.push(seat),
                    // Until its keys are fetched, a receiver asks for another try.
                    Some(503) | None => self.books.open.push(seat),
                    Some(status) => panic!("a SET was answered with {status}"),
                }
            }
        }
        until("the process dies", || party.has_died()).await;
        self.books.alive.append(&mut seats);
    }

    /// Pushes again what was not answered, until it is acknowledged, as a Transmitter does.
    async fn settle(&mut self, party: &mut RelyingParty) {
        for seat in std::mem::take(&mut self.books.open) {
            let taken = async {
                while self.pushed(&seat.set).await != Some(202) {
                    tokio::task::yield_now().await;
                }
            };
            let taken = tokio::time::timeout(std::time::Duration::from_secs(20), taken).await;
            taken.expect("a SET is acknowledged once nobody dies any more");
            self.books.ended.push(seat);
        }
        assert!(!party.has_died());
    }

    /// A process that nobody kills has everything right, before and after what was not answered comes again.
    async fn recover(&mut self) {
        self.database.crash().await;
        let mut party = self.start();
        self.books.check(&party).await;
        self.settle(&mut party).await;
        self.books.check(&party).await;
        party.kill();
        let Books { ended, alive, open } = std::mem::take(&mut self.books);
        assert!(open.is_empty());
        self.former.ended.extend(ended);
        self.former.alive.extend(alive);
    }
}

#[actix_web::test]
async fn what_was_acknowledged_is_in_effect_after_a_crash_and_nobody_else_is_refused() {
    survives(Database::Sqlite(tempfile::tempdir().unwrap())).await;
}

#[actix_web::test]
async fn so_it_is_where_redis_crashes_with_the_process() {
    survives(Database::Redis(RedisServer::start().await)).await;
}

async fn survives(database: Database) {
    let mut campaign = Campaign::begin(database).await;
    for (point, passes) in POINTS {
        let began = Instant::now();
        for crash in 0..crashes() {
            let failpoint = format!("{point}:{}", 1 + crash % passes);
            campaign.die_at(&failpoint).await;
            campaign.recover().await;
        }
        tell(point, began);
    }
    let (point, passes) = LOAD;
    let began = Instant::now();
    for crash in 0..crashes() {
        let failpoint = format!("{point}:{}", 1 + crash % passes);
        assert!(campaign.start_armed(&failpoint).is_none());
        campaign.recover().await;
    }
    tell(point, began);
    let mut party = campaign.start();
    campaign.former.check(&party).await;
    party.kill();
    campaign.transmitter.stop().await;
}

fn tell(point: &str, began: Instant) {
    let line = format!(
        "receiver {point}: {} crashes in {:.1?}\n",
        crashes(),
        began.elapsed()
    );
    std::io::stdout().write_all(line.as_bytes()).unwrap();
}
