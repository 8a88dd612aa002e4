//! Two nodes on one PostgreSQL database are started anew one after the other, the first with a step of the schema to take,
//! while events come in: nothing is lost, and nothing is made up.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use sea_orm::{ConnectionTrait, Database};
use serde_json::json;

use crate::cluster::Cluster;
use crate::rig::{
    Answer, Endpoint, Installation, PATIENCE, Transmitter, claims_of, client, event_about,
    stream_for, text,
};

const ISSUER: &str = "https://tr.example.com/tenant";

/// Events that come in before, between and after the restarts.
const AT_EACH_STAGE: usize = 40;

/// Where events can be handed in at the moment.
#[derive(Clone, Default)]
struct Doors(Arc<Mutex<Vec<SocketAddr>>>);

impl Doors {
    fn open(&self, node: &Transmitter) {
        self.0.lock().unwrap().push(node.address);
    }

    fn close(&self, node: &Transmitter) {
        self.0.lock().unwrap().retain(|door| *door != node.address);
    }

    fn nth(&self, number: usize) -> SocketAddr {
        let doors = self.0.lock().unwrap();
        doors[number % doors.len()]
    }
}

/// Who hands events in, each until it is accepted, and writes down whom they are about.
#[derive(Clone, Default)]
struct Source {
    accepted: Arc<Mutex<BTreeSet<String>>>,
    is_over: Arc<AtomicBool>,
}

impl Source {
    async fn run(self, doors: Doors, operator: String) {
        let client = client();
        for number in 0.. {
            if self.is_over.load(Ordering::SeqCst) {
                return;
            }
            let user = format!("{number}@example.com");
            let mut attempt = number;
            // The key makes an attempt whose answer was lost one with the next.
            while !handed_in(&client, doors.nth(attempt), &operator, &user).await {
                attempt += 1;
            }
            self.accepted.lock().unwrap().insert(user);
        }
    }

    fn count(&self) -> usize {
        self.accepted.lock().unwrap().len()
    }

    async fn goes_on(&self) {
        let goal = self.count() + AT_EACH_STAGE;
        until(|| self.count() >= goal).await;
    }
}

async fn handed_in(client: &reqwest::Client, door: SocketAddr, operator: &str, user: &str) -> bool {
    let request = client
        .post(format!("http://{door}/ingest/events"))
        .header("idempotency-key", user)
        .json(&event_about(user))
        .bearer_auth(operator);
    let sent = request.send().await;
    sent.is_ok_and(|answer| answer.status().as_u16() == 202)
}

async fn until(mut holds: impl FnMut() -> bool) {
    let waited = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waited).await.unwrap();
}

struct World {
    url: String,
    installation: Installation,
    doors: Doors,
}

impl World {
    fn new() -> Self {
        let url = Cluster::of_this_run().new_database();
        let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        let installation = Installation::new()
            .with("SSF_TRANSMITTER_DATABASE_URL", url.clone())
            .with("SSF_TRANSMITTER_ENCRYPTION_KEY", key)
            .with("SSF_TRANSMITTER_SIGNING_ALGORITHM", "ES256");
        Self {
            url,
            installation,
            doors: Doors::default(),
        }
    }

    fn start(&self) -> Transmitter {
        let node = self.installation.serve_with(&["--issuer", ISSUER]);
        self.doors.open(&node);
        node
    }

    async fn restart(&self, node: Transmitter) -> Transmitter {
        self.doors.close(&node);
        node.signal("TERM");
        assert!(node.ended().await.success());
        self.start()
    }

    /// Has the next node that starts take a step of the schema.
    async fn forget_a_step(&self) {
        let database = Database::connect(&self.url).await.unwrap();
        let forget = "DELETE FROM seaql_migrations WHERE version = 'm0022_find_spans'";
        let forgotten = database.execute_unprepared(forget).await.unwrap();
        assert_eq!(forgotten.rows_affected(), 1);
        database.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_while_nodes_are_started_anew_and_one_migrates() {
    let world = World::new();
    let one = world.start();
    let operator = one.operator_token.clone().unwrap();
    let other = world.start();
    let endpoint = Endpoint::answering(202);
    let receiver = world.installation.add_receiver("rp");
    let create = client().post(one.url("/tenant/ssf/stream"));
    let create = create.json(&stream_for(&endpoint.url));
    assert_eq!(Answer::to(create.bearer_auth(receiver)).await.status, 201);
    let source = Source::default();
    let handing_in = tokio::spawn(source.clone().run(world.doors.clone(), operator));
    source.goes_on().await;
    world.forget_a_step().await;
    let _one = world.restart(one).await;
    source.goes_on().await;
    let _other = world.restart(other).await;
    source.goes_on().await;
    source.is_over.store(true, Ordering::SeqCst);
    handing_in.await.unwrap();

    let accepted = source.accepted.lock().unwrap().clone();
    let mut arrived = BTreeSet::new();
    let mut jtis = BTreeSet::new();
    until(|| {
        for pushed in endpoint.rest() {
            let claims = claims_of(&pushed.set);
            arrived.insert(claims["sub_id"]["email"].as_str().unwrap().to_owned());
            jtis.insert(claims["jti"].to_string());
        }
        arrived.len() >= accepted.len()
    })
    .await;
    assert_eq!(arrived, accepted);
    assert_eq!(jtis.len(), accepted.len(), "one name for each");
    let ledger = world.installation.run(&["ledger"]);
    assert!(ledger.status.success(), "{}", text(&ledger.stdout));
    assert_eq!(json!(accepted.len()).to_string(), value_of(&ledger.stdout));
}

/// How many events were accepted, by the ledger.
fn value_of(printed: &[u8]) -> String {
    crate::rig::value(&text(printed), "accepted").unwrap()
}
