//! A Receiver that writes down every SET before it answers, and recognises repetitions by their `jti`.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use crate::rig::claims_of;

/// How long it thinks: long enough for a process to die while it waits for the answer.
const THINKS: Duration = Duration::from_millis(4);

/// What came about one user on one stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct Effect {
    pub(crate) jtis: BTreeSet<String>,
    pub(crate) times: u64,
}

/// By the path of the stream and the address of the user.
pub(crate) type Effects = BTreeMap<(String, String), Effect>;

pub(crate) struct Receiver {
    pub(crate) origin: String,
    effects: Arc<Mutex<Effects>>,
}

impl Receiver {
    pub(crate) fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let effects = Arc::new(Mutex::new(Effects::new()));
        let written = Arc::clone(&effects);
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let written = Arc::clone(&written);
                // Whoever is pushing may die at any moment.
                thread::spawn(move || while take(&connection, &written).is_some() {});
            }
        });
        Self { origin, effects }
    }

    pub(crate) fn effects(&self) -> Effects {
        self.effects.lock().unwrap().clone()
    }
}

/// Takes one SET from a connection; `None` once that has ended.
fn take(connection: &TcpStream, effects: &Mutex<Effects>) -> Option<()> {
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
    let claims = claims_of(&String::from_utf8(body).ok()?);
    let user = claims["sub_id"]["email"].as_str()?.to_owned();
    {
        let mut effects = effects.lock().unwrap();
        let effect = effects.entry((path, user)).or_default();
        effect.jtis.insert(claims["jti"].as_str()?.to_owned());
        effect.times += 1;
    }
    thread::sleep(THINKS);
    let mut writer = connection;
    writer
        .write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n")
        .ok()
}
