//! Which worlds there are, and what is said of one in which something does not hold.

use std::{
    collections::BTreeMap,
    env, fs,
    io::Write,
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use super::{history::live, invariant::Violation, tally::Tally};

/// How many worlds there are unless told otherwise: a good minute on two processors.
const SEEDS: u64 = 2000;

/// How much is told of a world in which something does not hold, in lines.
const LOG_SHOWN: usize = 60;

fn number(name: &str) -> Option<u64> {
    env::var(name).ok().map(|text| text.parse().unwrap())
}

fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/simulation/seeds.txt")
}

/// The seeds that have broken something once.
fn kept() -> Vec<u64> {
    let text = fs::read_to_string(file()).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.trim().parse().unwrap()).collect()
}

/// Keeps a seed that has broken something, to be committed with what mends it.
fn keep(seed: u64) {
    if !kept().contains(&seed) {
        let mut file = fs::OpenOptions::new().append(true).open(file()).unwrap();
        writeln!(file, "{seed}").unwrap();
    }
}

/// Lives through the worlds of some seeds, on all processors; tells at once of those in which something did not hold, and
/// returns them with how much happened in all.
fn lived(seeds: &[u64]) -> (BTreeMap<u64, Violation>, Tally) {
    let next = AtomicUsize::new(0);
    let work = || {
        let (mut broken, mut tally) = (BTreeMap::new(), Tally::default());
        while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed)) {
            let history = live(*seed);
            if let [_] = seeds {
                println!("{}", history.log.join("\n"));
            }
            tally.count("worlds");
            tally.add(&history.tally);
            if let Some(violation) = history.violation {
                tell(*seed, &violation, &history.log);
                broken.insert(*seed, violation);
                // The first few say enough.
                next.fetch_add(seeds.len() / 8, Ordering::Relaxed);
            }
        }
        (broken, tally)
    };
    let threads = thread::available_parallelism().map_or(2, usize::from);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let (mut broken, mut tally) = (BTreeMap::new(), Tally::default());
        for thread in threads {
            let (some, much) = thread.join().unwrap();
            broken.extend(some);
            tally.add(&much);
        }
        (broken, tally)
    })
}

fn tell(seed: u64, violation: &Violation, log: &[String]) {
    let from = log.len().saturating_sub(LOG_SHOWN);
    println!(
        "{}\ndoes not hold in world {seed}: {violation}\nSSF_SIMULATION_SEED={seed} cargo test --workspace --all-features --test simulation what_must_hold -- --nocapture",
        log[from..].join("\n")
    );
}

#[test]
fn what_must_hold_holds_in_every_world() {
    let seeds: Vec<u64> = match number("SSF_SIMULATION_SEED") {
        Some(seed) => vec![seed],
        None => kept()
            .into_iter()
            .chain(1..=number("SSF_SIMULATION_SEEDS").unwrap_or(SEEDS))
            .collect(),
    };
    let (broken, tally) = lived(&seeds);
    println!("{tally}");
    for seed in broken.keys() {
        keep(*seed);
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn a_world_follows_from_its_seed() {
    for seed in [1, 2, 3, 4, 5] {
        let (one, other) = (live(seed).log, live(seed).log);
        let differ = one.iter().zip(&other).position(|(one, other)| one != other);
        if let Some(at) = differ {
            let from = at.saturating_sub(10);
            panic!(
                "seed {seed}: {:#?} and {:#?}",
                &one[from..=at],
                &other[from..=at]
            );
        }
        assert_eq!(one.len(), other.len(), "seed {seed}");
    }
}
