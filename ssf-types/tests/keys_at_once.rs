//! Keys that are read by several threads at the same time, before the process has read any. It is a test of its own for that.
#![cfg(feature = "jose")]

use std::{
    fs,
    path::Path,
    sync::Barrier,
    thread::{self, ScopedJoinHandle},
};

use serde_json::Value;
use ssf_types::{
    jose::{KeyError, KeySet, PublicKey, SigningKey},
    set::Algorithm,
};

const THREADS: usize = 6;

/// RFC 8410 §10.3 and §10.1.
const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC
-----END PRIVATE KEY-----
";
const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
-----END PUBLIC KEY-----
";

/// What one thread has read.
#[derive(Debug, Default, PartialEq)]
struct Found {
    private: Option<Result<String, KeyError>>,
    public: Option<Result<String, KeyError>>,
    /// Of each set, how many keys there are and how many are passed over.
    sets: Vec<(usize, usize)>,
}

impl Found {
    fn read(&mut self, what: usize, sets: &[String]) {
        match what % 3 {
            0 => {
                let key = SigningKey::from_pem(Algorithm::EdDsa, PRIVATE);
                self.private = Some(key.map(|key| key.kid().to_string()));
            }
            1 => {
                let key = PublicKey::from_pem(PUBLIC);
                self.public = Some(key.map(|key| key.thumbprint().to_string()));
            }
            _ => {
                let sets = sets.iter().map(|set| KeySet::parse(set.as_bytes()));
                self.sets = sets
                    .flatten()
                    .map(|keys| (keys.len(), keys.passed_over().len()))
                    .collect();
            }
        }
    }
}

#[test]
fn a_key_that_several_threads_are_the_first_to_read_is_there_for_each_of_them() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../conformance/vectors/jwks.json");
    let file: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    let sets = file["jwks"].as_array().unwrap().iter();
    let sets: Vec<_> = sets.map(|set| set["jwks"].to_string()).collect();
    let from = |first: usize| {
        let mut found = Found::default();
        (first..first + 3).for_each(|what| found.read(what, &sets));
        found
    };
    let together = Barrier::new(THREADS);
    let (from, together) = (&from, &together);
    let found: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|first| {
                scope.spawn(move || {
                    together.wait();
                    from(first)
                })
            })
            .collect();
        let joined = threads.into_iter().map(ScopedJoinHandle::join);
        joined.map(Result::unwrap).collect()
    });

    let expected = from(0);
    assert!(matches!(expected.private, Some(Ok(_))), "{expected:?}");
    assert!(matches!(expected.public, Some(Ok(_))), "{expected:?}");
    assert_eq!(expected.sets.len(), sets.len());
    for found in found {
        assert_eq!(found, expected);
    }
}
