//! Keys that are read by several threads at the same time, before the process has read any. It is a test of its own for that.
#![cfg(feature = "jose")]

use std::{fs, path::Path, sync::Barrier, thread};

use serde_json::Value;
use ssf_types::jose::KeySet;

const THREADS: usize = 6;

#[test]
fn a_key_that_several_threads_are_the_first_to_read_is_there_for_each_of_them() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../conformance/vectors/jwks.json");
    let file: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    let sets = file["jwks"].as_array().unwrap();
    // How many keys each of the sets has, and how many are passed over.
    let counts = || -> Vec<(usize, usize)> {
        let parsed = sets
            .iter()
            .map(|set| KeySet::parse(set["jwks"].to_string().as_bytes()).unwrap());
        parsed
            .map(|keys| (keys.len(), keys.passed_over().len()))
            .collect()
    };
    let together = Barrier::new(THREADS);
    let found = thread::scope(|scope| {
        let read = || {
            together.wait();
            counts()
        };
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(read)).collect();
        threads
            .into_iter()
            .map(|one| one.join().unwrap())
            .collect::<Vec<_>>()
    });
    assert_eq!(found, vec![counts(); THREADS]);
}
