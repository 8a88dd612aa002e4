//! SETs are verified as any Receiver verifies them: with the keys that nodes publish.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::{Arc, Mutex},
};

use serde_json::Value;
use ssf_transmitter::{app::clock::SystemClock, ports::Clock};
use ssf_types::{
    audience::Audience,
    jose::KeySet,
    set::{Expectation, SetError, UnverifiedSet},
    uri::Issuer,
};

use crate::rig::PATIENCE;

/// Why nothing is known of a SET.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Unverified {
    /// It is not what it should be, or no node publishes its key.
    Unsound,
    /// Its key is not known, and no node is there to be asked for it.
    NobodyToAsk,
}

/// The keys that nodes publish, as far as they were asked for. Clones know the same.
#[derive(Clone)]
pub(crate) struct Published {
    issuer: Issuer,
    nodes: Arc<dyn Fn() -> Vec<String> + Send + Sync>,
    known: Arc<Mutex<Arc<KeySet>>>,
}

impl Published {
    /// Those of an issuer without a path; `nodes` tells where somebody listens at the moment.
    pub(crate) fn by(
        issuer: &str,
        nodes: impl Fn() -> Vec<String> + Send + Sync + 'static,
    ) -> Self {
        Self {
            issuer: Issuer::parse(issuer).unwrap(),
            nodes: Arc::new(nodes),
            known: Arc::default(),
        }
    }

    /// The claims of a SET for the Receiver of this name, if it can be verified.
    pub(crate) fn verify(&self, set: &str, receiver: &str) -> Result<Value, Unverified> {
        let audience = Audience::new([format!("https://{receiver}.example.com")]).unwrap();
        let expected = Expectation::new(self.issuer.clone(), audience);
        let known = self.known.lock().unwrap().clone();
        match read(set, &known, &expected) {
            Err(SetError::UnknownKey) => self.ask(set, &expected),
            judged => judged.map_err(|error| unsound(&error)),
        }
    }

    /// Asks one node after the other for the key of a SET.
    fn ask(&self, set: &str, expected: &Expectation) -> Result<Value, Unverified> {
        let mut is_anybody_there = false;
        for keys in (self.nodes)().iter().filter_map(|node| fetch(node)) {
            is_anybody_there = true;
            let keys = Arc::new(keys);
            *self.known.lock().unwrap() = Arc::clone(&keys);
            match read(set, &keys, expected) {
                Err(SetError::UnknownKey) => {}
                judged => return judged.map_err(|error| unsound(&error)),
            }
        }
        if is_anybody_there {
            return Err(unsound(&SetError::UnknownKey));
        }
        Err(Unverified::NobodyToAsk)
    }
}

fn read(set: &str, keys: &KeySet, expected: &Expectation) -> Result<Value, SetError> {
    let set = UnverifiedSet::parse(set.as_bytes())?;
    let verified = set.verify(keys, expected, SystemClock.now())?;
    Ok(serde_json::from_str(verified.json()).unwrap())
}

fn unsound(error: &SetError) -> Unverified {
    println!("a SET cannot be verified: {error}");
    Unverified::Unsound
}

/// The keys of one node; `None` if it does not answer, since it may just have died.
fn fetch(node: &str) -> Option<KeySet> {
    let mut connection = TcpStream::connect(node).ok()?;
    connection.set_read_timeout(Some(PATIENCE)).ok()?;
    let request = format!("GET /jwks.json HTTP/1.1\r\nhost: {node}\r\nconnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).ok()?;
    let (_, jwks) = answer.split_once("\r\n\r\n")?;
    KeySet::parse(jwks.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead, BufReader},
        net::TcpListener,
        thread,
    };

    use ssf_types::{
        event::caep::SessionRevoked,
        id::Jti,
        jose::{SigningKey, jwks},
        set::{Algorithm, SetClaims},
        subject::SimpleSubject,
        time::Timestamp,
    };

    use super::*;

    const ISSUER: &str = "https://tr.example.com";

    /// A SET for the Receiver `rp`.
    fn signed_by(key: &SigningKey) -> String {
        let alice = SimpleSubject::Email {
            email: "alice@example.com".into(),
        };
        let claims = SetClaims::new(
            Issuer::parse(ISSUER).unwrap(),
            Jti::parse("1").unwrap(),
            Timestamp::from_secs(1_700_000_000),
            Audience::new(["https://rp.example.com"]).unwrap(),
            alice.into(),
            SessionRevoked::default().into(),
        );
        key.sign(&claims).unwrap().into_string()
    }

    /// A node that publishes one key; returns where it listens.
    fn publishing(key: &SigningKey) -> String {
        let jwks = jwks([key]);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        thread::spawn(move || {
            for mut connection in listener.incoming().flatten() {
                let head = BufReader::new(&connection).lines();
                head.map_while(Result::ok)
                    .take_while(|line| !line.is_empty())
                    .for_each(drop);
                let answer = format!("HTTP/1.1 200 OK\r\n\r\n{jwks}");
                connection.write_all(answer.as_bytes()).unwrap();
            }
        });
        address
    }

    #[test]
    fn what_a_published_key_has_signed_is_verified_and_nothing_else() {
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        let other = SigningKey::generate(Algorithm::Es256).unwrap();
        let nodes = [publishing(&other), publishing(&key)];
        let both = Published::by(ISSUER, move || nodes.to_vec());
        assert_eq!(both.verify(&signed_by(&key), "rp").unwrap()["jti"], "1");
        assert_eq!(both.verify(&signed_by(&other), "rp").unwrap()["jti"], "1");
        let for_another = both.verify(&signed_by(&key), "another");
        assert_eq!(for_another, Err(Unverified::Unsound));
        let unknown = SigningKey::generate(Algorithm::Es256).unwrap();
        let unknown = both.verify(&signed_by(&unknown), "rp");
        assert_eq!(unknown, Err(Unverified::Unsound));
    }

    #[test]
    fn where_nobody_listens_nothing_is_known_of_a_key() {
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        let nobody = Published::by(ISSUER, Vec::new);
        let unknown = nobody.verify(&signed_by(&key), "rp");
        assert_eq!(unknown, Err(Unverified::NobodyToAsk));
    }
}
