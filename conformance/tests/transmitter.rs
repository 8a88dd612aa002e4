//! The program against the reference transmitter: what it prints, what it writes, and how it exits.

#![expect(
    clippy::unwrap_used,
    reason = "in a test, what cannot go on has failed"
)]

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::{Value, json};
use ssf_conformance::{
    peer::{Fault, Peer, faults},
    target_file::Token,
};
use tempfile::TempDir;

/// The reference, and a target file that leads to it.
struct Target {
    peer: Peer,
    directory: TempDir,
}

impl Target {
    fn start(fault: Option<&Fault>) -> Self {
        let target = Self {
            peer: Peer::start(fault).unwrap(),
            directory: tempfile::tempdir().unwrap(),
        };
        target.write("");
        target
    }

    /// Writes the target file, with this at its end.
    fn write(&self, more: &str) {
        let given = self.peer.given();
        fs::write(self.path("ca.pem"), given.authorities.unwrap()).unwrap();
        let toml = format!(
            "issuer = {:?}\nca_certificates = {:?}\n[credentials]\ntoken.env = \"TOKEN\"\nread_only.env = \"READ_ONLY\"\nother.env = \"OTHER\"\n{more}",
            given.file.issuer,
            self.path("ca.pem").to_str().unwrap()
        );
        fs::write(self.path("target.toml"), toml).unwrap();
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join(name)
    }

    async fn judged(&self, arguments: &[&str]) -> Output {
        let secrets = self.peer.given().secrets;
        let mut command = tester(&self.path("target.toml"));
        command.args(arguments);
        for (variable, token) in [
            ("TOKEN", Token::Receiver),
            ("READ_ONLY", Token::ReadOnly),
            ("OTHER", Token::Other),
        ] {
            command.env(variable, secrets.token(token).unwrap());
        }
        // The reference serves from this runtime meanwhile.
        tokio::task::spawn_blocking(move || command.output().unwrap())
            .await
            .unwrap()
    }
}

fn tester(target: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ssf-conformance"));
    command.args(["transmitter", "--target"]).arg(target);
    command
}

fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ssf-conformance"));
    command.args(arguments).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn fault(name: &str) -> &'static Fault {
    faults::transmitter()
        .find(|fault| fault.name == name)
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transmitter_without_a_fault_exits_with_0_and_the_reports_agree() {
    let target = Target::start(None);
    let (json, junit) = (target.path("report.json"), target.path("report.xml"));
    let html = target.path("report.html");
    let reports = [
        "--html",
        html.to_str().unwrap(),
        "--json",
        json.to_str().unwrap(),
        "--junit",
        junit.to_str().unwrap(),
    ];
    let output = target.judged(&reports).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(
        stdout(&output).contains("nothing that was judged is broken"),
        "{output:?}"
    );
    let text = fs::read_to_string(json).unwrap();
    assert!(
        !text.contains("reference-receiver"),
        "a token is in the report"
    );
    let report: Value = serde_json::from_str(&text).unwrap();
    let schema: Value = serde_json::from_str(include_str!("../schema/report.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator
        .iter_errors(&report)
        .map(|error| error.to_string())
        .collect();
    assert_eq!(errors, Vec::<String>::new());
    assert_eq!(report["conformant"], json!(true));
    assert_eq!(report["left_behind"], json!([]));
    let cases = report["cases"].as_array().unwrap().len();
    let xml = fs::read_to_string(junit).unwrap();
    assert_eq!(xml.matches("<testcase ").count(), cases);
    let html = fs::read_to_string(html).unwrap();
    assert!(html.contains("<h1>Conformant</h1>"), "{html}");
    assert!(
        html.contains("authorization</i>: ***") && !html.contains("reference-receiver"),
        "a token is in the page, or no request is"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_exits_with_1_and_one_case_can_be_repeated() {
    let target = Target::start(Some(fault("without streams there is no list")));
    let output = target.judged(&["--only", "SSF-T-122", "--seed", "7"]).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = stdout(&output);
    assert!(text.contains("1 cases"), "{text}");
    assert!(
        text.contains("the status: expected 200, found 404"),
        "{text}"
    );
    assert!(
        text.contains("repeat it with --only SSF-T-122.empty-list --seed 7"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_reports_name_the_profiles_that_were_judged_and_not_those_of_the_target_file() {
    let target = Target::start(None);
    let html = target.path("report.html");
    let reports = ["--json", "-", "--html", html.to_str().unwrap()];
    for (profile, names) in [
        (&[][..], "ssf-1.0"),
        (&["--profile", "caep-interop"], "caep-interop"),
    ] {
        let only = ["--only", "SSF-T-122.empty-list"];
        let output = target
            .judged(&[&only, &reports[..], profile].concat())
            .await;
        let report: Value = serde_json::from_str(&stdout(&output)).unwrap();
        assert_eq!(report["profiles"], json!([names]));
        let page = fs::read_to_string(&html).unwrap();
        let fact = format!("<dt>Profiles</dt><dd>{names}</dd>");
        assert!(page.contains(&fact), "{page}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_warning_fails_a_strict_run_alone() {
    let target = Target::start(Some(fault("the reason is dropped")));
    let only = ["--only", "SSF-T-177.reason"];
    assert_eq!(target.judged(&only).await.status.code(), Some(0));
    let strict = target.judged(&[&only[..], &["--strict"]].concat()).await;
    assert_eq!(strict.status.code(), Some(1), "{strict:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_known_deviation_does_not_fail_the_run_until_it_is_mended() {
    let entry = "[[deviations]]\ncase = \"SSF-T-122.empty-list\"\nreason = \"until version 2\"\n";
    let only = ["--only", "SSF-T-122"];
    let faulty = Target::start(Some(fault("without streams there is no list")));
    faulty.write(entry);
    let known = faulty.judged(&only).await;
    assert_eq!(known.status.code(), Some(0), "{known:?}");
    assert!(stdout(&known).contains("known deviation"), "{known:?}");
    let mended = Target::start(None);
    mended.write(entry);
    let unexpected = mended.judged(&only).await;
    assert_eq!(unexpected.status.code(), Some(1), "{unexpected:?}");
    assert!(
        stdout(&unexpected).contains("remove its entry"),
        "{unexpected:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_the_set_ups_fault_exits_with_2_and_what_to_fix() {
    let target = Target::start(None);
    target.write("[limits]\nstreams = 0\n");
    let limit = target.judged(&[]).await;
    assert_eq!(limit.status.code(), Some(2), "{limit:?}");
    assert!(
        stderr(&limit).contains("limits.streams must be 1 to 64"),
        "{limit:?}"
    );

    target.write("[[deviations]]\ncase = \"SSF-T-999.x\"\nreason = \"x\"\n");
    let deviation = target.judged(&[]).await;
    assert_eq!(deviation.status.code(), Some(2), "{deviation:?}");
    assert!(
        stderr(&deviation).contains("deviations: there is no case SSF-T-999.x of a transmitter"),
        "{deviation:?}"
    );

    target.write("");
    let nothing = target.judged(&["--only", "SSF-T-999"]).await;
    assert_eq!(nothing.status.code(), Some(2), "{nothing:?}");

    let unset = tester(&target.path("target.toml")).output().unwrap();
    assert_eq!(unset.status.code(), Some(2), "{unset:?}");
    assert!(
        stderr(&unset).contains("credentials.token names the environment variable TOKEN"),
        "{unset:?}"
    );

    let mut command = tester(&target.path("target.toml"));
    command
        .env("TOKEN", "expired")
        .env("READ_ONLY", "x")
        .env("OTHER", "x");
    let refused = tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    assert!(
        stderr(&refused).contains("answers credentials.token with 401"),
        "{refused:?}"
    );

    drop(target);
    let nobody = run(&["transmitter", "--issuer", "https://127.0.0.1:1"]);
    assert_eq!(nobody.status.code(), Some(2), "{nobody:?}");
    assert!(stderr(&nobody).contains("check the address"), "{nobody:?}");
}

#[test]
fn a_dry_run_asks_nobody_and_says_what_it_would_lack() {
    let output = run(&[
        "transmitter",
        "--issuer",
        "https://127.0.0.1:1",
        "--dry-run",
    ]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = stdout(&output);
    assert!(text.contains("SSF-T-122.empty-list"), "{text}");
    assert!(
        text.contains("not run: needs a token (credentials.token)"),
        "{text}"
    );
}

#[test]
fn a_run_begins_with_how_long_it_will_take() {
    let told = |case| {
        let issuer = [
            "transmitter",
            "--issuer",
            "https://127.0.0.1:1",
            "--dry-run",
        ];
        let token = ["--token-env", "PATH", "--only", case];
        stdout(&run(&[&issuer[..], &token].concat()))
    };
    let verified = told("SSF-T-223.state");
    let at_once = "wait for about 0 s if everything comes at once, and for up to 15 s";
    assert!(verified.contains(at_once), "{verified}");
    // It also lets intervals go by.
    let kept = told("SSF-T-086.kept");
    let at_once = "wait for about 6 s if everything comes at once, and for up to 21 s";
    assert!(kept.contains(at_once), "{kept}");
    let not_run = told("SSF-T-179.paused");
    assert!(not_run.contains("for up to 0 s"), "{not_run}");
}

#[test]
fn cases_are_listed_and_explained() {
    let listed = stdout(&run(&["list", "--section", "8.1.1.2"]));
    assert!(listed.contains("SSF-T-122.empty-list"), "{listed}");
    assert!(!listed.contains("SSF-T-100.created"), "{listed}");
    let explained = stdout(&run(&["explain", "SSF-T-122.empty-list"]));
    assert!(
        explained.contains("finds:    without streams there is no list"),
        "{explained}"
    );
    let older = stdout(&run(&["explain", "LEGACY-R-004.null-state"]));
    assert!(
        older.contains("finds:    a state has to be a text"),
        "{older}"
    );
    let unknown = run(&["explain", "SSF-T-999"]);
    assert_eq!(unknown.status.code(), Some(2), "{unknown:?}");
}

#[test]
fn the_list_of_coverage_names_cases_reasons_and_counts() {
    let output = run(&["list", "--coverage"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = stdout(&output);
    let row = "tested       SSF-T-122     MUST   SSF 1.0 §8.1.1.2: No streams: an empty list.\n               SSF-T-122.empty-list\n";
    assert!(text.contains(row), "{text}");
    let reason = "not testable SSF-T-055     MAY    SSF 1.0 §8.1: Status for each principal, left over from drafts.\n               SSF 1.0 has no parameter for it\n";
    assert!(text.contains(reason), "{text}");
    assert!(text.contains("\nall          "), "{text}");
    let both = run(&["list", "--coverage", "--only", "SSF-T-122"]);
    assert_eq!(both.status.code(), Some(2), "{both:?}");
}
