//! A Receiver that treats SETs as the fault has it, and writes down what it took.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    event::Event,
    published::{Published, Unverified},
};

/// How requests are answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Manner {
    /// With 202.
    Takes,
    /// Every second one with 500, but none for a SET that had [`FAILURES_MAX`] already; the others with 202.
    TakesHalf,
    /// Connections are closed before anything is read.
    Away,
    /// The answer is thought about for as long as this is the manner.
    Thinks,
    /// A byte of the answer every second, and never the last one.
    Drips,
}

/// Of one SET: each doubles the time until it comes again.
const FAILURES_MAX: u32 = 3;

/// Between two bytes of an answer that drips.
const DRIP: Duration = Duration::from_secs(1);

/// Between two looks whether the manner has changed.
const LOOK: Duration = Duration::from_millis(5);

/// How one event came.
#[derive(Default)]
pub(crate) struct Came {
    /// The names under which it did.
    pub(crate) jtis: BTreeSet<String>,
    /// How many others had come before it came for the first time.
    pub(crate) place: usize,
}

/// What was taken.
#[derive(Default)]
pub(crate) struct Taken {
    /// How often each SET was, by its `jti`.
    times: BTreeMap<String, u64>,
    /// How often each SET was answered with an error.
    failures: BTreeMap<String, u32>,
    /// Events that were.
    pub(crate) came: BTreeMap<Event, Came>,
    /// SETs about something that neither a source hands in nor the framework tells.
    pub(crate) strange: u64,
    /// SETs that could not be verified; they are acknowledged, so that everything comes to an end.
    pub(crate) unverified: u64,
    /// When a request was read last.
    pub(crate) last: Option<Instant>,
}

impl Taken {
    /// SETs that came again after they had been taken.
    pub(crate) fn repeated(&self) -> u64 {
        self.times.values().map(|times| times - 1).sum()
    }

    /// How many SETs were taken, those that came again counted once.
    pub(crate) fn sets(&self) -> u64 {
        self.times.len() as u64
    }

    /// How often a SET was answered with an error.
    pub(crate) fn failed(&self) -> u64 {
        self.failures.values().copied().map(u64::from).sum()
    }

    fn take(&mut self, claims: &Value) {
        let jti = jti(claims);
        *self.times.entry(jti.clone()).or_default() += 1;
        let Some(event) = Event::told_by(claims) else {
            // A SET of the framework is about the stream.
            self.strange += u64::from(claims["sub_id"]["format"] != "opaque");
            return;
        };
        let place = self.came.len();
        let came = || Came {
            place,
            ..Came::default()
        };
        self.came.entry(event).or_insert_with(came).jtis.insert(jti);
    }
}

/// Clones are the same Receiver.
#[derive(Clone)]
pub(crate) struct Receiver {
    name: String,
    published: Published,
    address: SocketAddr,
    manner: Arc<Mutex<Manner>>,
    requests: Arc<AtomicU64>,
    taken: Arc<Mutex<Taken>>,
}

impl Receiver {
    /// Takes what comes for the Receiver that is registered under this name.
    pub(crate) fn new(name: &str, published: &Published) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let receiver = Self {
            name: name.to_owned(),
            published: published.clone(),
            address: listener.local_addr().unwrap(),
            manner: Arc::new(Mutex::new(Manner::Takes)),
            requests: Arc::default(),
            taken: Arc::default(),
        };
        let own = receiver.clone();
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let own = own.clone();
                // Whoever is pushing may end at any moment.
                thread::spawn(move || while own.serve(&connection).is_some() {});
            }
        });
        receiver
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/events", self.address)
    }

    pub(crate) fn be(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    /// How many requests were read.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Looks at what was taken.
    pub(crate) fn look<T>(&self, at: impl FnOnce(&Taken) -> T) -> T {
        at(&self.taken.lock().unwrap())
    }

    /// How many events have come.
    pub(crate) fn events(&self) -> usize {
        self.look(|taken| taken.came.len())
    }

    fn manner(&self) -> Manner {
        *self.manner.lock().unwrap()
    }

    /// Answers one request; `None` once the connection has ended.
    fn serve(&self, connection: &TcpStream) -> Option<()> {
        if self.manner() == Manner::Away {
            return None;
        }
        // Nothing is sent before the answer, so that no byte is lost with this reader.
        let set = read_set(&mut BufReader::new(connection))?;
        self.taken.lock().unwrap().last = Some(Instant::now());
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        while self.manner() == Manner::Thinks {
            thread::sleep(LOOK);
        }
        let claims = match self.published.verify(&set, &self.name) {
            Ok(claims) => claims,
            Err(Unverified::Unsound) => {
                self.taken.lock().unwrap().unverified += 1;
                return answer(connection, 202);
            }
            // Without an answer it comes again.
            Err(Unverified::NobodyToAsk) => return None,
        };
        let status = match self.manner() {
            Manner::TakesHalf if number.is_multiple_of(2) && self.fails(&claims) => 500,
            Manner::Takes | Manner::TakesHalf | Manner::Thinks => 202,
            Manner::Away => return None,
            Manner::Drips => return self.drip(connection),
        };
        if status == 202 {
            self.taken.lock().unwrap().take(&claims);
        }
        answer(connection, status)
    }

    /// Whether this SET may fail once more, which counts it.
    fn fails(&self, claims: &Value) -> bool {
        let failures = &mut self.taken.lock().unwrap().failures;
        let failures = failures.entry(jti(claims)).or_default();
        let fails = *failures < FAILURES_MAX;
        *failures += u32::from(fails);
        fails
    }

    fn drip(&self, mut connection: &TcpStream) -> Option<()> {
        let mut bytes = b"HTTP/1.1 202 Accepted ".iter().cycle();
        while self.manner() == Manner::Drips {
            connection.write_all(&[*bytes.next()?]).ok()?;
            thread::sleep(DRIP);
        }
        None
    }
}

fn answer(mut connection: &TcpStream, status: u16) -> Option<()> {
    let answer = format!("HTTP/1.1 {status} Answer\r\ncontent-length: 0\r\n\r\n");
    connection.write_all(answer.as_bytes()).ok()
}

fn jti(claims: &Value) -> String {
    claims["jti"].as_str().unwrap().to_owned()
}

fn read_set(reader: &mut impl BufRead) -> Option<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let head = head.to_lowercase();
    let mut lines = head.lines();
    let length = lines.find_map(|line| line.strip_prefix("content-length: "))?;
    let mut body = vec![0; length.parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    String::from_utf8(body).ok()
}
