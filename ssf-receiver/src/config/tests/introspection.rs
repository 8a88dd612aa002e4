//! What `[introspection]` may say.

use ssf_types::jose::SigningKey;

use super::*;

const INTROSPECTION: &str =
    "[introspection]\nurl = 'https://as.example.com/introspect'\nclient_id = 'app'\n";
const SECRET: (&str, &str) = ("SSF_RECEIVER_INTROSPECTION_CLIENT_SECRET", "client-s3cret");
const CALLER: (&str, &str) = ("SSF_RECEIVER_INTROSPECTION_CALLER_SECRET", "caller-s3cret");

fn introspection(
    lines: &str,
    environment: &[(&str, &str)],
) -> Result<IntrospectionSettings, ConfigError> {
    let file = format!("{INTROSPECTION}{lines}\n{TABLE}");
    let environment: Vec<_> = [TOKEN].iter().chain(environment).copied().collect();
    read(&file, &environment).map(|config| config.introspection.unwrap())
}

fn told(lines: &str, environment: &[(&str, &str)]) -> String {
    introspection(lines, environment).unwrap_err().to_string()
}

#[test]
fn introspection_is_a_table_with_secrets_of_its_own() {
    let settings = introspection("", &[SECRET, CALLER]).unwrap();
    assert_eq!(settings.url.as_str(), "https://as.example.com/introspect");
    assert!(matches!(settings.credentials, Credentials::Client(_)));
    assert_eq!(settings.caller_secret.expose_secret(), "caller-s3cret");
    assert_eq!(settings.caller_id, None);
    assert_eq!(settings.issuer.as_str(), "https://idp.example.com");
    assert_eq!(settings.scopes[0], settings.issuer);
    assert_eq!(settings.identifiers.len(), 4);
    assert!(!format!("{settings:?}").contains("s3cret"));
    assert!(read(TABLE, &[TOKEN]).unwrap().introspection.is_none());
}

#[test]
fn introspection_may_stand_in_the_environment_alone() {
    let environment = [
        TOKEN,
        ("SSF_RECEIVER_INTROSPECTION_URL", "https://as.example.com/i"),
        ("SSF_RECEIVER_INTROSPECTION_TOKEN", "at-1"),
        CALLER,
        ("SSF_RECEIVER_INTROSPECTION_CALLER_ID", "gateway"),
        (
            "SSF_RECEIVER_INTROSPECTION_ISSUER",
            "https://as.example.com",
        ),
        (
            "SSF_RECEIVER_INTROSPECTION_IDENTIFIERS",
            "username=user/account",
        ),
    ];
    let settings = read(TABLE, &environment).unwrap().introspection.unwrap();
    assert!(matches!(settings.credentials, Credentials::Token(_)));
    assert_eq!(settings.caller_id.as_deref(), Some("gateway"));
    assert_eq!(settings.issuer.as_str(), "https://as.example.com");
    assert_eq!(settings.identifiers[0].name, "username");
}

#[test]
fn a_client_has_a_secret_or_a_key_and_nothing_else_stands_beside_a_token() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("client.pem");
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    std::fs::write(&path, key.pem().expose_secret()).unwrap();
    let with_key = format!(
        "client_key_file = '{}'\nassertion_audience = 'https://as.example.com'",
        path.display()
    );
    let settings = introspection(&with_key, &[CALLER]).unwrap();
    let audience = settings.assertion_audience.as_deref();
    assert_eq!(audience, Some("https://as.example.com"));
    let token = ("SSF_RECEIVER_INTROSPECTION_TOKEN", "at-1");
    for (lines, environment) in [
        ("", &[CALLER][..]),
        ("", &[CALLER, token]),
        ("", &[CALLER, token, SECRET]),
        (with_key.as_str(), &[CALLER, SECRET]),
    ] {
        let told = told(lines, environment);
        assert!(told.contains("\n  introspection.client_id (default): must be set, with client_secret_file or client_key_file"), "{told}");
    }
}

#[test]
fn each_fault_of_introspection_is_named_by_its_key() {
    let all = [SECRET, CALLER];
    for (lines, key) in [
        ("issuer = 'http://as.example.com'", "issuer"),
        ("identifiers = ['sub']", "identifiers"),
        ("caller_id = ''", "caller_id"),
        ("assertion_audience = ''", "assertion_audience"),
        ("caller_secret = 'x'", "caller_secret"),
        ("colour = 'blue'", "colour"),
    ] {
        let all = if key == "caller_secret" {
            &all[..1]
        } else {
            &all
        };
        let told = told(lines, all);
        assert!(
            told.contains(&format!("\n  introspection.{key} (")),
            "{told}"
        );
    }
    let told = told("", &[SECRET]);
    assert!(
        told.contains("introspection.caller_secret_file (default): must be set"),
        "{told}"
    );
    let text = faults(&format!("introspection = 'x'\n{TABLE}"), &[TOKEN]);
    assert_eq!(
        text,
        ["introspection (file t.toml): must be a table in the file, with [introspection] above it"]
    );
    let told = faults(
        &format!("[introspection]\n{TABLE}"),
        &[TOKEN, SECRET, CALLER],
    );
    assert!(
        told.iter()
            .any(|line| line.starts_with("introspection.url (default): must be set")),
        "{told:?}"
    );
}
