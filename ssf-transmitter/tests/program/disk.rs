//! A disk that has no room, and one that does not confirm what was written: nothing is accepted that is not there.

mod failing;

use std::collections::BTreeSet;

use sea_orm::{ConnectionTrait, Database};
use serde_json::{Value, json};

use self::failing::{DiskFault, FailingDisk};
use crate::{
    cluster::Cluster,
    rig::{
        Answer, Endpoint, Installation, PATIENCE, SESSION_REVOKED, Transmitter, claims_of, client,
        event_about, stream_for, text, value,
    },
};

const ISSUER: &str = "https://tr.example.com";

/// A transmitter with a source, and a Receiver that has one stream that is pushed to and one that it polls.
struct World {
    installation: Installation,
    endpoint: Endpoint,
    source: String,
    receiver: String,
    polled: String,
    accepted: BTreeSet<String>,
}

impl World {
    async fn at(transmitter: &Transmitter, installation: Installation) -> Self {
        let output = installation.run(&["source", "add", "hr"]);
        let mut world = Self {
            source: value(&text(&output.stdout), "source_token").unwrap(),
            receiver: installation.add_receiver("rp"),
            endpoint: Endpoint::answering(202),
            polled: String::new(),
            accepted: BTreeSet::new(),
            installation,
        };
        let for_push = stream_for(&world.endpoint.url);
        assert_eq!(world.create(transmitter, &for_push).await.status, 201);
        let polled = world.create(transmitter, &for_poll()).await;
        world.polled = polled.json()["delivery"]["endpoint_url"]
            .as_str()
            .and_then(|url| url.strip_prefix(ISSUER))
            .unwrap()
            .to_owned();
        world
    }

    async fn create(&self, transmitter: &Transmitter, body: &Value) -> Answer {
        let request = client().post(transmitter.url("/ssf/stream")).json(body);
        Answer::to(request.bearer_auth(&self.receiver)).await
    }

    async fn poll(&self, transmitter: &Transmitter, body: Value) -> Answer {
        let request = client().post(transmitter.url(&self.polled)).json(&body);
        Answer::to(request.bearer_auth(&self.receiver)).await
    }

    /// Hands in an event; `None` if nobody answers.
    async fn hand_in(&mut self, transmitter: &Transmitter, user: &str) -> Option<Answer> {
        let request = client().post(transmitter.url("/ingest/events"));
        let request = request.json(&event_about(user)).bearer_auth(&self.source);
        let response = request.send().await.ok()?;
        let answer = Answer::read(response).await;
        if answer.status == 202 {
            self.accepted.insert(user.to_owned());
        }
        Some(answer)
    }

    async fn is_accepted(&mut self, transmitter: &Transmitter, user: &str) {
        let answer = self.hand_in(transmitter, user).await.unwrap();
        assert_eq!(answer.status, 202, "{}", answer.body);
    }

    /// All that was accepted is pushed, and nothing else but what `perhaps` names; the books balance.
    fn arrives(&self, perhaps: &[&str]) {
        let mut expected = self.accepted.clone();
        while !expected.is_empty() {
            let claims = claims_of(&self.endpoint.next().set);
            let user = claims["sub_id"]["email"].as_str().unwrap();
            let is_known = self.accepted.contains(user) || perhaps.contains(&user);
            assert!(is_known, "{user} was refused");
            expected.remove(user);
        }
        let ledger = self.installation.run(&["ledger"]);
        assert!(ledger.status.success(), "{}", text(&ledger.stdout));
    }

    /// Waits until the ledger says so.
    async fn told(&self, name: &str, expected: &str) {
        let waited = async {
            loop {
                let lines = text(&self.installation.run(&["ledger"]).stdout);
                if value(&lines, name).as_deref() == Some(expected) {
                    return;
                }
            }
        };
        tokio::time::timeout(PATIENCE, waited).await.unwrap();
    }
}

fn for_poll() -> Value {
    json!({
        "delivery": {"method": "urn:ietf:rfc:8936"},
        "events_requested": [SESSION_REVOKED],
    })
}

fn assert_full(answer: &Answer) {
    assert_eq!(answer.status, 507, "{}", answer.body);
    assert_eq!(answer.code(), "storage_full");
}

async fn started() -> (FailingDisk, Transmitter, World) {
    let installation = Installation::new().with("SSF_TRANSMITTER_LEASE_SECONDS", "3");
    let disk = FailingDisk::new();
    let transmitter = disk.serve(&installation, ISSUER);
    let world = World::at(&transmitter, installation).await;
    (disk, transmitter, world)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_events_and_goes_on_alone_when_there_is_room() {
    let (disk, transmitter, mut world) = started().await;
    world.is_accepted(&transmitter, "before@example.com").await;
    disk.fail(DiskFault::Full);
    for number in 0..3 {
        let user = format!("{number}@example.com");
        assert_full(&world.hand_in(&transmitter, &user).await.unwrap());
    }
    disk.recover(DiskFault::Full);
    world.is_accepted(&transmitter, "after@example.com").await;
    world.arrives(&[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_what_changes_something_and_answers_what_reads() {
    let (disk, transmitter, world) = started().await;
    let operator = transmitter.operator_token.clone().unwrap();
    disk.fail(DiskFault::Full);
    assert_full(&world.create(&transmitter, &for_poll()).await);
    let event = event_about("alice@example.com");
    let by_operator = client()
        .post(transmitter.url("/ingest/events"))
        .json(&event);
    assert_full(&Answer::to(by_operator.bearer_auth(&operator)).await);
    for path in ["/ssf/stream", "/ready"] {
        let reading = client().get(transmitter.url(path));
        let answer = Answer::to(reading.bearer_auth(&world.receiver)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    disk.recover(DiskFault::Full);
    let created = world.create(&transmitter, &for_poll()).await;
    assert_eq!(created.status, 201, "{}", created.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_that_acknowledges_on_a_full_disk_is_told_so_and_counts_when_it_is_repeated() {
    let (disk, transmitter, mut world) = started().await;
    world.is_accepted(&transmitter, "alice@example.com").await;
    let polled = world.poll(&transmitter, json!({})).await.json();
    let sets = polled["sets"].as_object().unwrap();
    let jtis: Vec<&String> = sets.keys().collect();
    assert_eq!(jtis.len(), 1);
    let settling = json!({"ack": jtis, "returnImmediately": true});
    disk.fail(DiskFault::Full);
    assert_full(&world.poll(&transmitter, settling.clone()).await);
    disk.recover(DiskFault::Full);
    let settled = world.poll(&transmitter, settling).await;
    assert_eq!(settled.status, 200, "{}", settled.body);
    // That of the poll, and that of the push.
    world.told("acknowledged", "2").await;
    world.arrives(&[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_acknowledged_while_the_disk_is_full_comes_again_under_the_same_jti() {
    let (disk, transmitter, mut world) = started().await;
    world.endpoint.answer(0);
    world.is_accepted(&transmitter, "alice@example.com").await;
    let first = claims_of(&world.endpoint.next().set);
    disk.fail(DiskFault::Full);
    world.endpoint.answer(202);
    world
        .installation
        .logged("a stream was left to its lease")
        .await;
    disk.recover(DiskFault::Full);
    let again = claims_of(&world.endpoint.next().set);
    assert_eq!(first["jti"], again["jti"]);
    world.told("acknowledged", "1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_does_not_confirm_a_write_ends_the_process_and_loses_nothing() {
    let (disk, transmitter, mut world) = started().await;
    world.is_accepted(&transmitter, "before@example.com").await;
    disk.fail(DiskFault::NotSynced);
    let doubtful = "doubtful@example.com";
    let answer = world.hand_in(&transmitter, doubtful).await;
    assert!(answer.is_none(), "nobody knows, so nobody answers");
    assert_eq!(transmitter.ended().await.code(), Some(74));
    let transmitter = world.installation.serve_with(&["--issuer", ISSUER]);
    world.is_accepted(&transmitter, "after@example.com").await;
    world.arrives(&[doubtful]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_postgresql_without_room_refuses_events_until_there_is_some() {
    let url = Cluster::of_this_run().new_database();
    let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let installation = Installation::new()
        .with("SSF_TRANSMITTER_DATABASE_URL", url.clone())
        .with("SSF_TRANSMITTER_ENCRYPTION_KEY", key);
    let transmitter = installation.serve_with(&["--issuer", ISSUER]);
    let mut world = World::at(&transmitter, installation).await;
    // What the server says when it cannot extend the file of a table.
    let full = "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$;
        CREATE TRIGGER full_disk BEFORE INSERT ON event EXECUTE FUNCTION full_disk()";
    let database = Database::connect(url).await.unwrap();
    database.execute_unprepared(full).await.unwrap();
    let refused = world.hand_in(&transmitter, "meanwhile@example.com").await;
    assert_full(&refused.unwrap());
    let room = "DROP TRIGGER full_disk ON event";
    database.execute_unprepared(room).await.unwrap();
    database.close().await.unwrap();
    world.is_accepted(&transmitter, "after@example.com").await;
    world.arrives(&[]);
}
