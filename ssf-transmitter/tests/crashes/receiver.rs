//! A Receiver that writes down every SET before it answers, and recognises repetitions by their `jti`.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use serde_json::Value;
use ssf_types::set::UnverifiedSet;

use crate::{
    event::Event,
    published::{Published, Unverified},
};

/// The name under which it is registered.
pub(crate) const NAME: &str = "rp";

/// How long it thinks: long enough for a process to die while it waits for the answer.
const THINKS: Duration = Duration::from_millis(4);

/// How one event came on one stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct Effect {
    pub(crate) jtis: BTreeSet<String>,
    pub(crate) times: u64,
    /// How many others had come before it came for the first time.
    pub(crate) place: usize,
}

/// By the path of the stream and the event.
pub(crate) type Effects = BTreeMap<(String, Event), Effect>;

/// Everything that came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Written {
    pub(crate) effects: Effects,
    /// SETs about something that no source hands in.
    pub(crate) strange: usize,
    /// SETs that could not be verified; they are acknowledged, so that everything comes to an end.
    pub(crate) unverified: usize,
    /// The names of the keys that signed what could.
    pub(crate) signers: BTreeSet<String>,
}

impl Written {
    fn write(&mut self, path: String, claims: &Value) {
        let Some((event, jti)) = Event::told_by(claims).zip(claims["jti"].as_str()) else {
            self.strange += 1;
            return;
        };
        let place = self.effects.len();
        let came = || Effect {
            place,
            ..Effect::default()
        };
        let effect = self.effects.entry((path, event)).or_insert_with(came);
        effect.jtis.insert(jti.to_owned());
        effect.times += 1;
    }
}

pub(crate) struct Receiver {
    pub(crate) origin: String,
    written: Arc<Mutex<Written>>,
}

impl Receiver {
    pub(crate) fn listen(published: Published) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let written = Arc::new(Mutex::new(Written::default()));
        let shared = Arc::clone(&written);
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let (published, written) = (published.clone(), Arc::clone(&shared));
                // Whoever is pushing may die at any moment.
                thread::spawn(move || while take(&connection, &published, &written).is_some() {});
            }
        });
        Self { origin, written }
    }

    pub(crate) fn written(&self) -> Written {
        self.written.lock().unwrap().clone()
    }
}

/// Takes one SET from a connection; `None` once that has ended.
fn take(connection: &TcpStream, published: &Published, written: &Mutex<Written>) -> Option<()> {
    // Nothing is sent before the answer, so that no byte is lost with this reader.
    let mut reader = BufReader::new(connection);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let path = head.split(' ').nth(1)?.to_owned();
    let head = head.to_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))?;
    let mut body = vec![0; length.parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    let set = String::from_utf8(body).ok()?;
    match published.verify(&set, NAME) {
        Ok(claims) => {
            let mut written = written.lock().unwrap();
            written.signers.extend(signer(&set));
            written.write(path, &claims);
        }
        Err(Unverified::Unsound) => written.lock().unwrap().unverified += 1,
        // Without an answer it comes again.
        Err(Unverified::NobodyToAsk) => return None,
    }
    thread::sleep(THINKS);
    let mut writer = connection;
    writer
        .write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n")
        .ok()
}

/// The name of the key that signed a SET.
fn signer(set: &str) -> Option<String> {
    let set = UnverifiedSet::parse(set.as_bytes()).ok()?;
    let kid = set.header().kid.as_ref()?;
    Some(kid.as_str().to_owned())
}
