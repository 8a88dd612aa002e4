//! `ssf-conformance decode`, the command itself, over the vectors.

#![expect(
    clippy::unwrap_used,
    reason = "in a test, what cannot go on has failed"
)]

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The vectors, and each key set in a file of its own, as a user has it.
struct Vectors {
    sets: Vec<Value>,
    directory: TempDir,
}

impl Vectors {
    fn read() -> Self {
        let file = |name: &str| -> Value {
            let path = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("vectors")
                .join(name);
            serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
        };
        let directory = tempfile::tempdir().unwrap();
        for set in file("jwks.json")["jwks"].as_array().unwrap() {
            let path = directory.path().join(set["name"].as_str().unwrap());
            fs::write(path, set["jwks"].to_string()).unwrap();
        }
        Self {
            sets: file("sets.json")["sets"].as_array().unwrap().clone(),
            directory,
        }
    }

    fn set(&self, name: &str) -> &Value {
        self.sets.iter().find(|set| set["name"] == name).unwrap()
    }

    fn jwks(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Decodes a vector with everything that it says about the stream.
    fn decode(&self, set: &Value, options: &[&str]) -> Output {
        let now = set["now"].to_string();
        let jwks = self.jwks(set["jwks"].as_str().unwrap());
        let mut arguments = vec![
            "--at",
            &now,
            "--issuer",
            set["issuer"].as_str().unwrap(),
            "--jwks",
            jwks.to_str().unwrap(),
        ];
        for name in set["audience"].as_array().unwrap() {
            arguments.extend(["--audience", name.as_str().unwrap()]);
        }
        arguments.extend(options);
        piped(set["token"].as_str().unwrap().as_bytes(), &arguments)
    }
}

fn decode(arguments: &[&str]) -> Output {
    command().args(arguments).output().unwrap()
}

/// Decodes a token from standard input.
fn piped(token: &[u8], arguments: &[&str]) -> Output {
    let mut child = command()
        .args(arguments)
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that has read enough closes its end; what it prints is then the test's concern.
    let _ = child.stdin.take().unwrap().write_all(token);
    child.wait_with_output().unwrap()
}

fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ssf-conformance"));
    command.arg("decode");
    command
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn token(header: &str, claims: &str) -> String {
    format!(
        "{}.{}.AAAA",
        BASE64URL.encode(header),
        BASE64URL.encode(claims)
    )
}

#[test]
fn every_vector_gets_its_verdict_and_its_code() {
    let vectors = Vectors::read();
    assert!(vectors.sets.len() > 300, "{}", vectors.sets.len());
    for set in &vectors.sets {
        let output = vectors.decode(set, &["--json"]);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let accepted = set["verdict"] == "accept";
        let name = &set["name"];
        assert_eq!(output.status.code(), Some(i32::from(!accepted)), "{name}");
        assert_eq!(report["conformant"], accepted, "{name}");
        assert_eq!(report["code"], set["code"], "{name}");
    }
}

#[test]
fn a_sound_set_is_shown_with_every_check_passed() {
    let vectors = Vectors::read();
    let output = vectors.decode(vectors.set("rs256"), &[]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = stdout(&output);
    for line in [
        "keys: 5 can be used",
        "claims, as a key of the issuer signed them:",
        r#"    "iss": "https://tr.example.com","#,
        "passed   SET-030 SSF 1.0 §4.1.4: the signature is that of a key of the issuer",
        "21 passed, 0 failed, 0 note, 0 not run: no check failed",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
}

#[test]
fn a_fault_is_shown_with_its_requirement_its_section_and_what_to_fix() {
    let vectors = Vectors::read();
    let output = vectors.decode(vectors.set("sub"), &[]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = stdout(&output);
    for line in [
        "failed   SET-002 SSF 1.0 §4.1.2: there is no sub",
        "         sub must not be there: sub_id names the subject",
        "20 passed, 1 failed, 0 note, 0 not run: a receiver refuses this token with invalid_request (sub must not be there: sub_id names the subject)",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
}

#[test]
fn what_was_not_given_is_not_judged() {
    let vectors = Vectors::read();
    let output = decode(&[vectors.set("rs256")["token"].as_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = stdout(&output);
    for reason in [
        "no keys were given",
        "no issuer was given",
        "no audience was given",
    ] {
        assert!(
            text.contains(&format!("         {reason}\n")),
            "{reason}\n{text}"
        );
    }
    assert!(
        text.contains("claims, which nobody vouches for: the signature was not checked:"),
        "{text}"
    );
    assert!(text.contains(" 3 not run: no check failed"), "{text}");
}

#[test]
fn claims_with_a_wrong_signature_are_not_presented_as_signed() {
    let vectors = Vectors::read();
    let text = stdout(&vectors.decode(vectors.set("stranger"), &[]));
    assert!(
        text.contains("claims, which nobody vouches for: the signature is not the issuer's:"),
        "{text}"
    );
}

#[test]
fn a_dialect_that_would_accept_the_claims_is_named_with_its_deviations() {
    let vectors = Vectors::read();
    let set = vectors.set("subject-in-the-event-by-member");
    let text = stdout(&vectors.decode(set, &[]));
    assert!(
        text.contains("hint: as okta (Okta) the claims can be read:\n"),
        "{text}"
    );
    assert!(text.contains("      subject-in-event: "), "{text}");
    let report: Value = serde_json::from_slice(&vectors.decode(set, &["--json"]).stdout).unwrap();
    let names: Vec<&Value> = report["dialects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|dialect| &dialect["name"])
        .collect();
    assert!(names.contains(&&json!("okta")), "{names:?}");
}

#[test]
fn the_example_of_the_documentation_is_what_the_command_prints() {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/conformance.md");
    let document = fs::read_to_string(document).unwrap();
    let (_, example) = document.split_once("$ ssf-conformance decode ").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    let vectors = Vectors::read();
    let text = stdout(&vectors.decode(vectors.set("subject-in-the-event-by-member"), &[]));
    let mut printed = text.lines();
    for line in example.lines().skip(1).filter(|line| *line != "…") {
        assert!(
            printed.any(|found| found == line),
            "{line} is not printed there"
        );
    }
}

#[test]
fn a_sound_set_needs_no_dialect() {
    let vectors = Vectors::read();
    assert!(!stdout(&vectors.decode(vectors.set("rs256"), &[])).contains("hint: "));
}

#[test]
fn nothing_in_a_token_steers_the_terminal() {
    let escape = "\u{1b}[2J\u{7}\u{9b}31m\u{202e}";
    for claims in [
        format!("{{\"iss\":\"{escape}\"}}"),
        format!("{{\"{escape}\":1}}"),
        escape.to_owned(),
    ] {
        let token = token(&format!("{{\"typ\":\"{escape}\"}}"), &claims);
        for (options, escaped) in [(vec![], "\\u{1b}[2J"), (vec!["--json"], "\\u001b[2J")] {
            let text = stdout(&decode(&[options, vec![&token]].concat()));
            assert!(text.contains(escaped), "{text:?}");
            let steers = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
            assert!(!text.contains(steers), "{text:?}");
        }
    }
}

#[test]
fn members_that_stand_twice_are_shown_twice() {
    let token = token(
        r#"{"typ":"secevent+jwt"}"#,
        r#"{"iss":"https://a.example","iss":"https://b.example"}"#,
    );
    let text = stdout(&decode(&[&token]));
    assert!(
        text.contains("    \"iss\": \"https://a.example\",\n    \"iss\": \"https://b.example\"\n"),
        "{text}"
    );
    assert!(
        text.contains("the same member stands twice in one object"),
        "{text}"
    );
}

#[test]
fn a_token_of_standard_input_that_never_ends_is_not_read_to_the_end() {
    let output = piped(&vec![b'A'; 10 * 1024 * 1024], &[]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(stdout(&output).contains("a SET has at most 65536 bytes"));
}

#[test]
fn keys_that_are_passed_over_are_named_with_the_reason() {
    let vectors = Vectors::read();
    let jwks = vectors.jwks("leaked");
    let text = stdout(&decode(&["--jwks", jwks.to_str().unwrap(), "a.b.c"]));
    assert!(
        text.starts_with("keys: 0 can be used\n  number 1 (rsa-leaked) is passed over: "),
        "{text}"
    );
}

#[test]
fn keys_are_fetched_from_a_url() {
    let vectors = Vectors::read();
    let set = vectors.set("eddsa");
    let url = served("200 OK", fs::read(vectors.jwks("main")).unwrap());
    let output = decode(&["--jwks", &url, set["token"].as_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(stdout(&output).contains("claims, as a key of the issuer signed them:"));
}

#[test]
fn what_cannot_begin_exits_with_2_and_what_to_fix() {
    let vectors = Vectors::read();
    let sets = vectors.directory.path().join("sets");
    fs::write(&sets, "[]").unwrap();
    let missing = served("404 Not Found", Vec::new());
    for (arguments, fix) in [
        (
            ["--jwks", "/nonexistent/jwks.json"],
            "the file of --jwks cannot be read",
        ),
        (
            ["--jwks", sets.to_str().unwrap()],
            "what --jwks names holds no keys: this is not a JWKS",
        ),
        (
            ["--jwks", "http://tr.example.com/jwks"],
            "must begin with https://",
        ),
        (
            ["--jwks", "ftp://127.0.0.1/jwks"],
            "must begin with https://",
        ),
        (["--jwks", "http://127.0.0.1:1/jwks"], "check the address"),
        (["--jwks", &missing], "answers with status 404"),
        (
            ["--issuer", "tr.example.com"],
            "this is not an absolute URI",
        ),
        (["--audience", ""], "--audience cannot be used"),
        (["--at", "yesterday"], "invalid value 'yesterday'"),
    ] {
        let output = decode(&[arguments[0], arguments[1], "a.b.c"]);
        let told = String::from_utf8(output.stderr.clone()).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?} {output:?}");
        assert!(
            told.contains(fix) && output.stdout.is_empty(),
            "{arguments:?} {output:?}"
        );
    }
    assert_eq!(decode(&[]).status.code(), Some(2));
}

/// The URL of a server on loopback that gives one answer to each request, until the test process ends.
fn served(status: &'static str, body: Vec<u8>) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}/jwks.json", listener.local_addr().unwrap());
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            while lines
                .next()
                .is_some_and(|line| !line.unwrap_or_default().is_empty())
            {}
            let head = format!(
                "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            // A client that hangs up is not this server's fault.
            let _ = stream.write_all(&[head.as_bytes(), &body].concat());
        }
    });
    url
}
