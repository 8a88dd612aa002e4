//! Makes `vectors/sets.json` and `vectors/jwks.json` from the tables below and from `vectors/keys.json`.
//!
//! Rules of this program:
//!
//! 1. Every verdict, code and reason is written by hand in a table; nothing here reads or checks a SET.
//! 2. Tokens are put together from bytes and signed with OpenSSL, because most of them are faulty on purpose.
//! 3. The output depends on the tables and keys alone: signatures with chance in them are kept as long as what they
//!    sign stays the same, so that a file changes only where its table did.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a generator that cannot go on has failed"
)]

mod case;
mod cases;
mod jwks;
mod keys;
mod token;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use crate::keys::Keys;

fn main() -> io::Result<()> {
    let directory = vectors();
    fs::write(directory.join("jwks.json"), text(&jwks_file()))?;
    fs::write(directory.join("sets.json"), text(&sets_file()))
}

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors")
}

fn keys() -> Keys {
    Keys::read(&vectors())
}

fn jwks_file() -> Value {
    let keys = keys();
    let sets: Vec<Value> = jwks::table().iter().map(|set| set.to_json(&keys)).collect();
    let malformed: Vec<Value> = jwks::MALFORMED
        .iter()
        .map(jwks::Malformed::to_json)
        .collect();
    json!({ "$schema": "schema/jwks.schema.json", "jwks": sets, "malformed": malformed })
}

fn sets_file() -> Value {
    let keys = keys();
    let sets: Vec<Value> = cases::table()
        .iter()
        .map(|case| case.to_json(&keys))
        .collect();
    json!({ "$schema": "schema/sets.schema.json", "sets": sets })
}

fn text(file: &Value) -> String {
    format!("{file:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_are_what_the_tables_make() {
        for (name, made) in [("jwks.json", jwks_file()), ("sets.json", sets_file())] {
            let found = fs::read_to_string(vectors().join(name)).unwrap();
            let again = "run: cargo run --package ssf-conformance --example make-vectors";
            assert!(found == text(&made), "{name} is out of date; {again}");
        }
    }
}
