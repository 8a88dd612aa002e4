//! The faults, one after the other.

use std::{
    future::Future,
    pin::Pin,
    time::{Duration, Instant},
};

use serde_json::json;
use tokio::time::sleep;

use crate::{
    absence::Absence,
    cluster::Cluster,
    database::Server,
    failing::{DiskFault, FailingDisk},
    found::Found,
    receiver::{Manner, Receiver},
    rig::{Answer, Installation, Transmitter, client},
    world::{ISSUER, LOOK, World, blocking, create, until},
};

type Scene = fn() -> Pin<Box<dyn Future<Output = Found>>>;

/// All of them, by name.
pub(crate) const ALL: [(&str, Scene); 8] = [
    ("database stands still", || Box::pin(database_stops())),
    ("database is killed", || Box::pin(database_is_killed())),
    ("disk is full", || Box::pin(disk_is_full())),
    (
        "disk confirms nothing",
        || Box::pin(disk_confirms_nothing()),
    ),
    ("receiver is away", || Box::pin(receiver_is_away())),
    ("receiver fails half", || Box::pin(receiver_fails_half())),
    ("receiver drips", || Box::pin(receiver_drips())),
    (
        "stream has two owners",
        || Box::pin(stream_has_two_owners()),
    ),
];

/// Events that wait while a Receiver is away, and how many come with one request.
const BACKLOG: usize = 20_000;
const SUBMISSION: usize = 1000;

/// How often it is measured how long an event takes.
const MEASUREMENTS: usize = 25;

/// Requests for ten SETs, at most, where every second one fails.
///
/// At least every second request is taken, so that there are at most two for each SET, whatever it is that fails. What there
/// may be beyond is for SETs that come again although they were taken: one in ten.
const REQUESTS_FOR_TEN: u64 = 22;

const SECOND: Duration = Duration::from_secs(1);

/// Signatures that cost little, so that there is more load, and leases that pass soon.
fn installation() -> Installation {
    Installation::new()
        .with("SSF_TRANSMITTER_SIGNING_ALGORITHM", "ES256")
        .with("SSF_TRANSMITTER_LEASE_SECONDS", "3")
}

/// One whose database several nodes share, with the server of it.
fn shared() -> (Server, Installation) {
    let url = Cluster::of_this_run().new_database();
    let server = Server::of(&url);
    let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let installation = installation()
        .with("SSF_TRANSMITTER_DATABASE_URL", url)
        .with("SSF_TRANSMITTER_ENCRYPTION_KEY", key);
    (server, installation)
}

fn start(installation: &Installation) -> Transmitter {
    installation.serve_with(&["--issuer", ISSUER])
}

async fn database_stops() -> Found {
    let (server, installation) = shared();
    let node = start(&installation);
    let world = World::at(&node, installation).await;
    let stopping = async {
        sleep(2 * SECOND).await;
        let stopped = server.stop();
        let from = Instant::now();
        sleep(5 * SECOND).await;
        let until = Instant::now();
        drop(stopped);
        Absence { from, until }
    };
    let ((), absence) = tokio::join!(world.source.load(9 * SECOND), stopping);
    let goes_on = world.source.goes_on().await;
    let mut found = world
        .found("SIGSTOP of PostgreSQL, SIGCONT after 5 s")
        .await;
    found.check(goes_on, "nothing is accepted afterwards");
    let requests = world.source.requests();
    absence.check_noticed(&mut found, &requests);
    absence.check_complete(&mut found, &requests);
    found
}

async fn database_is_killed() -> Found {
    let (server, installation) = shared();
    let node = start(&installation);
    let world = World::at(&node, installation).await;
    let killing = async {
        sleep(2 * SECOND).await;
        let from = Instant::now();
        blocking(move || server.crash()).await;
        let until = Instant::now();
        Absence { from, until }
    };
    let ((), absence) = tokio::join!(world.source.load(6 * SECOND), killing);
    let goes_on = world.source.goes_on().await;
    let mut found = world.found("SIGKILL of PostgreSQL, and a start").await;
    found.check(goes_on, "nothing is accepted afterwards");
    absence.check_noticed(&mut found, &world.source.requests());
    found
}

async fn disk_is_full() -> Found {
    let (disk, installation) = (FailingDisk::new(), installation());
    let node = disk.serve(&installation, ISSUER);
    let world = World::at(&node, installation).await;
    world.source.load(SECOND).await;
    disk.fail(DiskFault::Full);
    let mut answers = Vec::new();
    for _ in 0..50 {
        answers.push(world.source.hand_in(1).await);
        sleep(SECOND / 10).await;
    }
    disk.recover(DiskFault::Full);
    let goes_on = world.source.goes_on().await;
    world.source.load(SECOND).await;
    let mut found = world.found("no room for 5 s (`ENOSPC`), SQLite").await;
    let refused = answers.iter().all(|status| *status == 507);
    found.check(refused, format!("without room, it answers {answers:?}"));
    found.check(goes_on, "nothing is accepted when there is room again");
    found
}

async fn disk_confirms_nothing() -> Found {
    let (disk, installation) = (FailingDisk::new(), installation());
    let node = disk.serve(&installation, ISSUER);
    let world = World::at(&node, installation).await;
    world.source.load(SECOND).await;
    disk.fail(DiskFault::NotSynced);
    let status = world.source.hand_in(1).await;
    let ended = node.ended().await;
    let node = start(&world.installation);
    world.source.go_to(node.address);
    let goes_on = world.source.goes_on().await;
    world.source.load(SECOND).await;
    let mut found = world
        .found("`fsync` fails (`EIO`), and a start, SQLite")
        .await;
    found.check(
        status == 0,
        format!("what may be lost was answered {status}"),
    );
    found.check(ended.code() == Some(74), format!("it ended with {ended}"));
    found.check(goes_on, "nothing is accepted after the start");
    found
}

async fn receiver_is_away() -> Found {
    let installation = installation();
    let node = start(&installation);
    let world = World::at(&node, installation).await;
    world.receiver.be(Manner::Away);
    let mut refused = 0;
    for _ in 0..BACKLOG / SUBMISSION {
        refused += u64::from(world.source.hand_in(SUBMISSION).await != 202);
    }
    let arrived = world.receiver.events();
    world.receiver.be(Manner::Takes);
    let injected = "no connection while 20,000 events come in";
    let mut found = world.found(injected).await;
    found.check(refused == 0, format!("{refused} submissions were refused"));
    found.check(arrived == 0, format!("it was not away: {arrived} arrived"));
    found
}

async fn receiver_fails_half() -> Found {
    let installation = installation();
    let node = start(&installation);
    let world = World::at(&node, installation).await;
    world.receiver.be(Manner::TakesHalf);
    world.source.load(5 * SECOND).await;
    let injected = "every second answer is 500, for one SET at most three times";
    let mut found = world.found(injected).await;
    let requests = world.receiver.requests();
    let (sets, failed) = world.receiver.look(|taken| (taken.sets(), taken.failed()));
    let told = format!("{requests} requests for {sets} SETs, {failed} of which failed");
    println!("{told}");
    found.check(failed > 0, "no answer was an error");
    found.check(10 * requests <= REQUESTS_FOR_TEN * sets, told);
    found
}

/// Registers a Receiver with a stream.
async fn joined(world: &World, node: &Transmitter, number: usize) -> Receiver {
    let operator = node.operator_token.as_ref().unwrap();
    let name = format!("rp{number}");
    let audience = format!("https://{name}.example.com");
    let request = client().post(node.url("/operator/v1/receivers"));
    let request = request.json(&json!({"name": name, "audience": [audience]}));
    let answer = Answer::to(request.bearer_auth(operator)).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let token = answer.json()["token"].as_str().unwrap().to_owned();
    let receiver = Receiver::new(&name, &world.published);
    create(node, &token, &receiver).await;
    receiver
}

/// How long it takes until an event has come to all of them: the median.
async fn latency(world: &World, receivers: &[Receiver]) -> Duration {
    let mut times = Vec::new();
    for _ in 0..MEASUREMENTS {
        let goal = world.source.answers().accepted.len() + 1;
        let began = Instant::now();
        assert_eq!(world.source.hand_in(1).await, 202);
        let have_it = || receivers.iter().all(|one| one.events() >= goal);
        assert!(until(LOOK, have_it).await, "an event has not come to all");
        times.push(began.elapsed());
    }
    times.sort_unstable();
    times[times.len() / 2]
}

async fn receiver_drips() -> Found {
    let installation = installation();
    let node = start(&installation);
    let world = World::at(&node, installation).await;
    let mut all = vec![world.receiver.clone()];
    for number in 1..100 {
        all.push(joined(&world, &node, number).await);
    }
    let (slow, others) = all.split_last().unwrap();
    let before = latency(&world, others).await;
    slow.be(Manner::Drips);
    let asked = slow.requests();
    let meanwhile = latency(&world, others).await;
    let dripped = slow.requests() - asked;
    slow.be(Manner::Takes);
    let injected = "one of 100 receivers drips its answers, a byte a second";
    let mut found = world.found_at(&all, injected).await;
    println!("an event comes to the other 99 in {before:.0?}, then in {meanwhile:.0?}");
    let told = format!("the others wait {meanwhile:?}, and {before:?} without it");
    found.check(meanwhile <= before + before / 2 + SECOND / 10, told);
    found.check(dripped > 0, "nothing was sent to the one that drips");
    found
}

async fn set_status(world: &World, node: &Transmitter, status: &str) -> u16 {
    let body = json!({"stream_id": world.stream, "status": status});
    let request = client().post(node.url("/ssf/status")).json(&body);
    Answer::to(request.bearer_auth(&world.token)).await.status
}

async fn stream_has_two_owners() -> Found {
    let (_, installation) = shared();
    let first = start(&installation);
    let world = World::at(&first, installation).await;
    world.source.load(SECOND).await;
    // The first one keeps the stream, with something on the wire and more to come.
    world.receiver.be(Manner::Thinks);
    let before = world.receiver.requests();
    world.source.load(SECOND).await;
    assert!(until(LOOK, || world.receiver.requests() > before).await);
    first.signal("STOP");
    let second = start(&world.installation);
    world.source.go_to(second.address);
    world.source.load(SECOND).await;
    world.receiver.be(Manner::Takes);
    let accepted = world.source.answers().accepted.len();
    let took_over = until(LOOK, || world.receiver.events() >= accepted).await;
    let paused = set_status(&world, &second, "paused").await;
    let moment = Instant::now();
    world.source.load(SECOND).await;
    first.signal("CONT");
    // The first one has all the time to go on with what it thinks that it owns.
    world.source.load(5 * SECOND).await;
    let last = world.receiver.look(|taken| taken.last);
    let enabled = set_status(&world, &second, "enabled").await;
    let injected = "SIGSTOP of the owner for longer than its lease, SIGCONT";
    let mut found = world.found(injected).await;
    found.check(took_over, "the second node did not take over");
    let both = found.repeated > 0;
    found.check(
        both,
        "what the first one had on the wire did not come again",
    );
    let statuses = format!("pausing is answered {paused}, enabling {enabled}");
    found.check((paused, enabled) == (200, 200), statuses);
    let began_later = last.is_some_and(|last| last > moment);
    found.check(
        !began_later,
        "an attempt began after the pause was answered",
    );
    found
}
