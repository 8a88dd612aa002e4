//! One point after the other, a number of crashes at each, and the books at the end.

use std::{
    fs::File,
    process::Command,
    time::{Duration, Instant},
};

use sea_orm::{ConnectionTrait, Database};
use ssf_transmitter::{app::clock::SystemClock, ports::Clock};

use crate::{
    checker::{Verdict, check},
    node::{Addresses, Node},
    producer::Producer,
    published::Published,
    receiver::{NAME, Receiver},
    rig::{Answer, Installation, client, stream_for, text, value},
};

const ISSUER: &str = "https://tr.example.com";

/// The points, and how often a process that is alone comes to each before it dies there, at most.
pub(crate) const POINTS: [(&str, usize); 10] = [
    ("before-commit", OFTEN),
    ("after-commit", OFTEN),
    // Whoever has taken a stream that is busy keeps it.
    ("after-claim", 1),
    ("mid-post", OFTEN),
    ("after-202", OFTEN),
    ("after-settle", OFTEN),
    // The first load of the keys is that of the start. What is rotated to here has signed before the end.
    ("key-reload", 2),
    ("fan-out", OFTEN),
    ("sweep", 4),
    ("purge", 1),
];

/// At a point that is passed with nearly every event, so that the process has had something to do.
const OFTEN: usize = 50;

/// For processes beside others, which go on when one dies.
const BESIDE_OTHERS: usize = 4;

/// How many of them a campaign may begin with: SETs are settled at the points that follow, so that
/// there is something to purge at the end.
pub(crate) const FIRST_POINTS: usize = 6;

/// How many streams each event goes to.
pub(crate) const STREAMS: [&str; 2] = ["/one", "/other"];

/// How long a crash may take to come about: a node that died had leases, and two processors may have more to do.
const CRASH_MAX: Duration = Duration::from_mins(1);

/// How long everything that is left may take at the end.
const DRAIN_MAX: Duration = Duration::from_mins(3);

/// How often a change is tried beside nodes that run.
const TRIES_MAX: u32 = 20;

/// How often keys look as if they had changed, beside each rotation.
const BETWEEN_CHANGES: Duration = Duration::from_millis(200);

const LOOK: Duration = Duration::from_millis(20);

/// More than anything is kept, in milliseconds.
const AGES: u64 = 200 * 24 * 60 * 60 * 1000;

pub(crate) struct Campaign {
    name: String,
    installation: Installation,
    database: String,
    nodes: usize,
    addresses: Addresses,
    receiver: Receiver,
    token: String,
}

/// How long processes live, counted by how often they come to a point.
#[derive(Clone, Copy)]
struct Lives {
    most: usize,
    /// The point with which the campaign begins: campaigns side by side draw other lengths.
    first: usize,
}

impl Lives {
    /// That of a node's process after so many deaths. The factors have no divisor in common with what is drawn from, so that
    /// many deaths draw each length, and few of them both short and long ones.
    fn passes(self, number: usize, died: usize) -> usize {
        1 + (17 * died + 29 * number + 11 * self.first) % self.most
    }
}

impl Campaign {
    /// Sets a transmitter up with two streams to one Receiver.
    pub(crate) async fn begin(
        name: String,
        installation: Installation,
        database: String,
        nodes: usize,
    ) -> Self {
        let first = installation.serve_with(&["--issuer", ISSUER]);
        let addresses = Addresses::of(nodes);
        let listening = addresses.clone();
        let published = Published::by(ISSUER, move || listening.all());
        let receiver = Receiver::listen(published);
        let registered = installation.add_receiver(NAME);
        for stream in STREAMS {
            let body = stream_for(&format!("{}{stream}", receiver.origin));
            let request = client().post(first.url("/ssf/stream")).json(&body);
            let answer = Answer::to(request.bearer_auth(&registered)).await;
            assert_eq!(answer.status, 201, "{}", answer.body);
        }
        let token = first.operator_token.clone().unwrap();
        Self {
            name,
            installation,
            database,
            nodes,
            addresses,
            receiver,
            token,
        }
    }

    /// Goes through all points, beginning with one of the first, then lets everything arrive, and tells what has.
    pub(crate) async fn run(self, first: usize, crashes: usize) -> Verdict {
        let producer = Producer::begin(&self.addresses, &self.token);
        let (earlier, later) = POINTS.split_at(first);
        for (point, passes) in later.iter().chain(earlier) {
            let most = match self.nodes {
                1 => *passes,
                _ => (*passes).min(BESIDE_OTHERS),
            };
            let lives = Lives { most, first };
            let took = self.crash_at(point, lives, crashes).await;
            println!("{} {point}: {crashes} crashes in {took:.1?}", self.name);
        }
        let mut healthy: Vec<Node> = (0..self.nodes)
            .map(|number| self.start(number, None))
            .collect();
        let handed_in = tokio::time::timeout(DRAIN_MAX, producer.end()).await;
        let handed_in = handed_in.expect("what is handed in is accepted once nobody dies any more");
        let drained = tokio::time::timeout(DRAIN_MAX, self.drained()).await;
        drained.expect("everything arrives once nobody dies any more");
        assert!(
            !healthy.iter_mut().any(Node::has_died),
            "a node died unasked"
        );
        drop(healthy);
        assert_ne!(handed_in.accepted.len(), 0, "there was no load");
        let streams = STREAMS.map(str::to_owned);
        let verdict = check(&handed_in, &streams, &self.receiver.written());
        Verdict {
            imbalance: self.imbalance(),
            ..verdict
        }
    }

    /// Has nodes die at one point, and starts each that died anew, until there were so many crashes; then those that are
    /// left are killed as well.
    async fn crash_at(&self, point: &str, lives: Lives, crashes: usize) -> Duration {
        let began = Instant::now();
        let (mut last, mut changed) = (began, began);
        let mut died = 0;
        self.provoke(point).await;
        let armed = |number: usize, died: usize| {
            let count = match point {
                "key-reload" => 2,
                _ => lives.passes(number, died),
            };
            self.start(number, Some(format!("{point}:{count}")))
        };
        let mut nodes: Vec<Node> = (0..self.nodes).map(|number| armed(number, 0)).collect();
        while died < crashes {
            tokio::time::sleep(LOOK).await;
            for (number, node) in nodes.iter_mut().enumerate() {
                if node.has_died() {
                    died += 1;
                    last = Instant::now();
                    self.provoke(point).await;
                    *node = armed(number, died);
                }
            }
            if point == "key-reload" && changed.elapsed() > BETWEEN_CHANGES {
                changed = Instant::now();
                self.change("UPDATE key_revision SET revision = revision + 1")
                    .await;
            }
            assert!(
                last.elapsed() < CRASH_MAX,
                "{} {point}: no process has come to this point\n{}",
                self.name,
                self.installation.log(),
            );
        }
        began.elapsed()
    }

    /// Makes sure that there is something to do at a point that is seldom come to.
    async fn provoke(&self, point: &str) {
        match point {
            "key-reload" => self.rotate(),
            "purge" => self.age().await,
            _ => {}
        }
    }

    /// Has a key made that signs soon, unless one waits for that already.
    fn rotate(&self) {
        let rotated = self.installation.run(&["key", "rotate"]);
        let told = text(&rotated.stderr);
        let is_done = rotated.status.success() || told.contains("is going to sign already");
        assert!(is_done, "{} key rotate: {told}", self.name);
    }

    /// Has what is settled look as if it were old.
    async fn age(&self) {
        // Those that are old already stay as they are: after many crashes, they are most of a large table.
        let young = SystemClock.now().as_millis() - AGES / 2;
        for (table, column) in [("delivery", "settled_at"), ("event", "dispatched_at")] {
            let sql =
                format!("UPDATE {table} SET {column} = {column} - {AGES} WHERE {column} > {young}");
            self.change(&sql).await;
        }
    }

    async fn change(&self, sql: &str) {
        let database = Database::connect(&self.database).await.unwrap();
        let mut tries = 0;
        // The nodes lock rows, too: what would end in a deadlock is repeated.
        while let Err(error) = database.execute_unprepared(sql).await {
            tries += 1;
            assert!(tries < TRIES_MAX, "{sql}: {error}");
        }
        database.close().await.unwrap();
    }

    fn start(&self, number: usize, failpoint: Option<String>) -> Node {
        let serve = ["serve", "--listen", "127.0.0.1:0", "--issuer", ISSUER];
        let mut command: Command = self.installation.command(&serve);
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.installation.path("stderr.log"));
        command.stderr(log.unwrap());
        command.envs(failpoint.map(|failpoint| ("SSF_FAILPOINT", failpoint)));
        Node::start(number, command, &self.addresses)
    }

    /// Waits until nothing waits any more.
    async fn drained(&self) {
        loop {
            let lines = self.ledger();
            let number = |name| value(&lines, name).and_then(|number| number.parse::<u64>().ok());
            if number("pending") == Some(0) && number("accepted") == number("dispatched") {
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    fn ledger(&self) -> String {
        text(&self.installation.run(&["ledger"]).stdout)
    }

    fn imbalance(&self) -> u64 {
        value(&self.ledger(), "imbalance").unwrap().parse().unwrap()
    }
}
