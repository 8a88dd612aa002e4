//! The files of vectors follow their schemas, so that whoever reads them can rely on their shape.

#![expect(
    clippy::unwrap_used,
    reason = "in a test, what cannot go on has failed"
)]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use jsonschema::Registry;
use serde_json::{Value, json};

const FILES: [&str; 10] = [
    "canonical",
    "events",
    "jwks",
    "keys",
    "matching",
    "poll",
    "publication",
    "push-answers",
    "sets",
    "subjects",
];

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors")
}

fn read(path: &str) -> Value {
    serde_json::from_slice(&fs::read(directory().join(path)).unwrap()).unwrap()
}

/// The faults that a file's schema finds in `file`.
fn faults(name: &str, file: &Value) -> Vec<String> {
    let common = read("schema/common.schema.json");
    let registry = Registry::new()
        .add("json-schema:///common.schema.json", common)
        .unwrap()
        .prepare()
        .unwrap();
    let schema = read(&format!("schema/{name}.schema.json"));
    let validator = jsonschema::draft202012::options()
        .with_registry(&registry)
        .should_validate_formats(true)
        .build(&schema)
        .unwrap();
    let located = |error: jsonschema::ValidationError<'_>| {
        format!("{name}{}: {error}", error.instance_path())
    };
    validator.iter_errors(file).map(located).collect()
}

/// The lists of a file by name.
fn lists(file: &Value) -> impl Iterator<Item = (&String, &Vec<Value>)> {
    let members = file.as_object().unwrap().iter();
    members.filter_map(|(name, value)| Some((name, value.as_array()?)))
}

#[test]
fn every_file_has_a_schema_and_follows_it() {
    let mut found: Vec<String> = fs::read_dir(directory())
        .unwrap()
        .filter_map(|entry| {
            entry
                .unwrap()
                .file_name()
                .to_str()?
                .strip_suffix(".json")
                .map(str::to_owned)
        })
        .collect();
    found.sort();
    assert_eq!(found, FILES);
    for name in FILES {
        assert_eq!(faults(name, &read(&format!("{name}.json"))), [""; 0]);
    }
}

#[test]
fn a_schema_refuses_what_it_does_not_know() {
    let mut file = read("sets.json");
    file["sets"][0]["verdict"] = json!("perhaps");
    assert_ne!(faults("sets", &file), [""; 0]);
    let mut file = read("sets.json");
    let refused = file["sets"]
        .as_array_mut()
        .unwrap()
        .iter_mut()
        .find(|set| set["verdict"] == "refuse");
    refused.unwrap().as_object_mut().unwrap().remove("code");
    assert_ne!(faults("sets", &file), [""; 0]);
    let mut file = read("subjects.json");
    file["subjects"][0]["member"] = json!("uri");
    assert_ne!(faults("subjects", &file), [""; 0]);
    let mut file = read("publication.json");
    file["decisions"][0]["issuer"]["masks"] = json!([{ "has": [], "lacks": [] }]);
    assert_ne!(faults("publication", &file), [""; 0]);
}

#[test]
fn every_vector_has_a_name_of_its_own() {
    for name in FILES {
        let file = read(&format!("{name}.json"));
        for (list, vectors) in lists(&file) {
            let names: BTreeSet<&str> = vectors
                .iter()
                .map(|vector| vector["name"].as_str().unwrap())
                .collect();
            assert_eq!(names.len(), vectors.len(), "{name} {list}");
        }
    }
}

#[test]
fn every_key_set_is_used_and_every_set_names_one() {
    let (sets, jwks) = (read("sets.json"), read("jwks.json"));
    let texts = |list: &'static str, member: &'static str, file: Value| -> BTreeSet<String> {
        let vectors = file[list].as_array().unwrap().iter();
        vectors
            .map(|vector| vector[member].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(texts("sets", "jwks", sets), texts("jwks", "name", jwks));
}

#[test]
fn every_key_of_a_key_set_has_a_verdict() {
    let jwks = read("jwks.json");
    for set in jwks["jwks"].as_array().unwrap() {
        let keys = set["jwks"]["keys"].as_array().unwrap().len();
        assert_eq!(
            set["verdicts"].as_array().unwrap().len(),
            keys,
            "{}",
            set["name"]
        );
    }
}

#[test]
fn there_are_as_many_verdicts_of_one_kind_as_a_reader_needs() {
    let sets = read("sets.json");
    let count = |verdict: &str| {
        sets["sets"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|set| set["verdict"] == verdict)
            .count()
    };
    assert!(count("accept") >= 100, "{}", count("accept"));
    assert!(count("refuse") >= 200, "{}", count("refuse"));
}
