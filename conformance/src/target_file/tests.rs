use std::time::Duration;

use super::*;

#[test]
fn a_file_with_an_issuer_alone_has_the_defaults() {
    let file = TargetFile::parse("issuer = 'https://tr.example.com'").unwrap();
    assert_eq!(file.profiles, [Profile::Ssf]);
    assert_eq!(file.events.len(), 3);
    assert_eq!(file.limits.case(), Duration::from_mins(1));
}

#[test]
fn everything_can_be_said() {
    let file = TargetFile::parse(
        r#"
        issuer = "https://tr.example.com"
        profiles = ["ssf-1.0", "caep-interop"]
        delivery = ["push"]
        [credentials]
        token.env = "TOKEN"
        other = { env = "OTHER" }
        [adapters]
        emit = { command = ["emit", "--json"] }
        [push]
        listen = "0.0.0.0:8443"
        url = "https://tester.example.com:8443/"
        authority = { certificate = "ca.pem", key = "ca.key" }
        [limits]
        streams = 1
        [[deviations]]
        case = "SSF-T-122.empty-list"
        reason = "answers 404 until version 2"
        "#,
    )
    .unwrap();
    assert!(file.judges(Delivery::Push) && !file.judges(Delivery::Poll));
    assert_eq!(file.credentials.other.unwrap().env, "OTHER");
    assert!(matches!(
        file.adapters.emit,
        Some(AdapterAddress::Command { command }) if command == ["emit", "--json"]
    ));
    assert_eq!(file.push.unwrap().listen.port(), 8443);
    assert_eq!(file.limits.streams, 1);
    assert_eq!(file.limits.case_seconds, 60);
}

#[test]
fn what_is_misspelt_is_refused_and_so_is_a_limit_without_sense() {
    let parse = |more: &str| {
        let text = format!("issuer = 'https://tr.example.com'\n{more}");
        TargetFile::parse(&text).unwrap_err()
    };
    assert!(matches!(parse("isuer = 'x'"), TargetFileError::Toml(_)));
    assert!(matches!(
        parse("limits.streams = 0"),
        TargetFileError::Limit {
            name: "streams",
            ..
        }
    ));
    assert!(matches!(parse("delivery = []"), TargetFileError::Delivery));
    assert!(matches!(
        parse("push = { url = 'http://h/', authority = { certificate = 'a', key = 'b' } }"),
        TargetFileError::PushUrl
    ));
    assert!(matches!(
        parse("deviations = [{ case = 'x', reason = 'y' }]"),
        TargetFileError::Deviations(_)
    ));
}

#[test]
fn a_secret_that_is_not_there_is_named_by_its_key() {
    let file =
        TargetFile::parse("issuer = 'https://h'\ncredentials.token.env = 'SSF_CONFORMANCE_UNSET'")
            .unwrap();
    let error = Secrets::from_environment(&file).err().unwrap();
    assert!(error.to_string().starts_with("credentials.token names"));
}
