//! What a configuration may say.

use std::path::Path;

use secrecy::ExposeSecret;
use ssf_types::set::Algorithm;

use super::*;
use crate::tls::TlsFiles;

pub(super) fn read(file: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let environment = environment
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()));
    Config::read(
        Layers::default()
            .file(Path::new("t.toml"), file)
            .environment(environment),
    )
}

pub(super) fn faults(file: &str, environment: &[(&str, &str)]) -> Vec<String> {
    let error = read(file, environment).unwrap_err();
    let told = error.to_string();
    let mut lines = told.lines().map(|line| line.trim().to_owned());
    assert_eq!(lines.next().unwrap(), "the configuration cannot be used");
    lines.collect()
}

fn main_issuer(config: &Config, bound: SocketAddr) -> String {
    let issuers = config.issuers_at(bound);
    let main = issuers.of(&IssuerName::default()).unwrap();
    main.as_str().to_owned()
}

#[test]
fn further_issuers_have_a_url_or_a_path_beside_the_main_one() {
    let file = "issuers = ['acme=/acme', 'other=https://other.example.com/tenant/2']";
    let config = read(file, &[]).unwrap();
    let issuers = config.issuers_at("127.0.0.1:40001".parse().unwrap());
    let of = |name: &str| {
        let issuer = issuers.of(&IssuerName::parse(name).unwrap()).unwrap();
        issuer.as_str().to_owned()
    };
    assert_eq!(of("acme"), "http://127.0.0.1:40001/acme");
    assert_eq!(of("other"), "https://other.example.com/tenant/2");
    let main = [("SSF_TRANSMITTER_ISSUER", "https://idp.example.com/main")];
    let issuers = read(file, &main).unwrap();
    let issuers = issuers.issuers_at("127.0.0.1:1".parse().unwrap());
    let acme = issuers.of(&IssuerName::parse("acme").unwrap()).unwrap();
    assert_eq!(acme.as_str(), "https://idp.example.com/acme");
}

#[test]
fn issuers_that_cannot_be_told_apart_are_told() {
    let told = |entries: &str| {
        let faults = faults(&format!("issuers = [{entries}]"), &[]);
        let [fault] = &faults[..] else {
            panic!("{faults:?}")
        };
        fault
            .strip_prefix("issuers (file t.toml): ")
            .unwrap()
            .to_owned()
    };
    assert_eq!(
        told("'a=/x', 'b=/x/'"),
        "must fit together: a and b have the same path: give each a path of its own"
    );
    assert_eq!(
        told("'a=/ssf/x'"),
        "must fit together: the path of a begins with /ssf, which the transmitter itself uses"
    );
    assert_eq!(
        told("'acme'"),
        "must be a list of NAME=URL or NAME=/PATH, such as acme=https://idp.example.com/acme"
    );
    assert!(told("'A=/x'").starts_with("an issuer's name has"));
    assert!(told("'a=ftp://x'").starts_with("a must be an https URL"));
    assert!(told("'a=/{x}'").starts_with("a must have a path of plain characters"));
}

#[test]
fn nothing_configured_is_a_loopback_transmitter_with_a_file() {
    let config = read("", &[]).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8411");
    assert_eq!(main_issuer(&config, config.listen), "http://127.0.0.1:8411");
    assert_eq!(
        config.database_url.expose_secret(),
        "sqlite://ssf-transmitter.db"
    );
    let KeySource::BesideDatabase { database, key } = &config.encryption_key else {
        panic!("{:?}", config.encryption_key);
    };
    assert_eq!(database, Path::new("ssf-transmitter.db"));
    assert_eq!(key, Path::new("ssf-transmitter.db.key"));
    assert_eq!(config.key_plan.algorithm, Algorithm::Rs256);
}

#[test]
fn the_algorithm_is_one_of_four() {
    let algorithm = |alg| {
        let config = read(&format!("signing_algorithm = '{alg}'"), &[]);
        config.map(|config| config.key_plan.algorithm)
    };
    assert_eq!(algorithm("RS256"), Ok(Algorithm::Rs256));
    assert_eq!(algorithm("PS256"), Ok(Algorithm::Ps256));
    assert_eq!(algorithm("ES256"), Ok(Algorithm::Es256));
    assert_eq!(algorithm("EdDSA"), Ok(Algorithm::EdDsa));
    for alg in ["none", "HS256", "rs256", ""] {
        assert_eq!(
            faults(&format!("signing_algorithm = '{alg}'"), &[]),
            ["signing_algorithm (file t.toml): must be RS256, PS256, ES256 or EdDSA"]
        );
    }
}

#[test]
fn streams_cover_everybody_unless_they_are_told_to_cover_nobody() {
    let config = read("", &[]).unwrap();
    assert_eq!(config.default_subjects, DefaultSubjects::All);
    let terms = SubjectTerms {
        keys_max: 1_000_000,
        pace: Pace::per_second(500),
        grace: Duration::from_hours(24),
    };
    assert_eq!(config.subjects, terms);
    let file = "default_subjects = 'NONE'\nsubjects_per_stream_max = 7\nsubject_changes_per_second_max = 2\nsubject_removal_grace_seconds = 0";
    let config = read(file, &[]).unwrap();
    assert_eq!(config.default_subjects, DefaultSubjects::None);
    let terms = SubjectTerms {
        keys_max: 7,
        pace: Pace::per_second(2),
        grace: Duration::ZERO,
    };
    assert_eq!(config.subjects, terms);
}

#[test]
fn what_is_set_for_subjects_has_its_bounds() {
    let file = "default_subjects = 'all'\nsubjects_per_stream_max = 0\nsubject_changes_per_second_max = 10001\nsubject_removal_grace_seconds = 2592001";
    assert_eq!(
        faults(file, &[]),
        [
            "default_subjects (file t.toml): must be ALL or NONE",
            "subject_changes_per_second_max (file t.toml): must be a whole number from 1 to 10000",
            "subject_removal_grace_seconds (file t.toml): must be a whole number from 0 to 2592000",
            "subjects_per_stream_max (file t.toml): must be a whole number from 1 to 1000000000",
        ]
    );
}

#[test]
fn a_derived_issuer_has_the_port_that_was_bound() {
    let config = read("listen = '127.0.0.1:0'", &[]).unwrap();
    let bound = "127.0.0.1:40001".parse().unwrap();
    assert_eq!(main_issuer(&config, bound), "http://127.0.0.1:40001");
}

#[test]
fn the_environment_overrides_the_file_and_a_flag_overrides_both() {
    let layers = || {
        Layers::default()
            .file(Path::new("t.toml"), "listen = '127.0.0.1:1'")
            .environment([("SSF_TRANSMITTER_LISTEN".into(), "127.0.0.1:2".into())])
    };
    assert_eq!(Config::read(layers()).unwrap().listen.port(), 2);
    let flagged = layers().flag("--listen", "listen", Some("127.0.0.1:3".to_owned()));
    assert_eq!(Config::read(flagged).unwrap().listen.port(), 3);
}

#[test]
fn every_fault_is_told_at_once_with_its_key_and_source() {
    let told = faults(
        "listen = 8411\nlog_format = 'xml'\npush_timeout_seconds = 0\ncolour = 'blue'\nevents_supported = ['x']",
        &[
            ("SSF_TRANSMITTER_ISSUER", "ftp://tr.example.com"),
            ("SSF_TRANSMITTER_SIZE", "7"),
            ("HOME", "/home/operator"),
        ],
    );
    assert_eq!(
        told,
        [
            "colour (file t.toml): there is no such setting",
            "events_supported (file t.toml): must be a list of event type URIs, framework events excepted",
            "issuer (environment SSF_TRANSMITTER_ISSUER): must be an https URL without query and fragment: the scheme must be https (http is for loopback addresses only)",
            "listen (file t.toml): must be an address with a port, such as 127.0.0.1:8411",
            "log_format (file t.toml): must be text or json",
            "push_timeout_seconds (file t.toml): must be a whole number from 1 to 120",
            "size (environment SSF_TRANSMITTER_SIZE): there is no such setting",
        ]
    );
}

#[test]
fn a_public_address_needs_an_issuer() {
    assert_eq!(
        faults("listen = '0.0.0.0:8411'\nbehind_proxy = true", &[]),
        ["issuer (default): must be set, as an https URL, because behind_proxy is set"]
    );
    let all = "listen = '0.0.0.0:8411'\nbehind_proxy = true\nissuer = 'https://tr.example.com/a'";
    let config = read(all, &[]).unwrap();
    assert_eq!(config.transport, Transport::BehindProxy);
    assert_eq!(
        main_issuer(&config, config.listen),
        "https://tr.example.com/a"
    );
}

#[test]
fn plain_http_is_for_loopback_addresses_and_for_a_proxy_in_front() {
    assert_eq!(read("", &[]).unwrap().transport, Transport::Loopback);
    let expected = "listen (file t.toml): must be a loopback address, unless tls_certificate_file and tls_key_file are set, or behind_proxy = true says that a proxy in front ends TLS";
    for address in ["0.0.0.0", "192.0.2.1", "[::]"] {
        let file = format!("listen = '{address}:8411'\nissuer = 'https://tr.example.com'");
        assert_eq!(faults(&file, &[]), [expected], "{address}");
    }
    assert_eq!(
        faults("behind_proxy = true\nissuer = 'http://localhost:8411'", &[]),
        ["issuer (file t.toml): must be an https URL, because behind_proxy is set"]
    );
    let from_environment = [("SSF_TRANSMITTER_BEHIND_PROXY", "maybe")];
    assert_eq!(
        faults("", &from_environment),
        ["behind_proxy (environment SSF_TRANSMITTER_BEHIND_PROXY): must be true or false"]
    );
}

#[test]
fn a_certificate_comes_with_its_key_and_not_beside_a_proxy() {
    let issuer = "issuer = 'https://tr.example.com'\n";
    let both = format!("{issuer}tls_certificate_file = 'c'\ntls_key_file = 'k'");
    let config = read(&both, &[]).unwrap();
    let files = TlsFiles {
        certificate: "c".into(),
        key: "k".into(),
    };
    assert_eq!(config.transport, Transport::Tls(files));
    assert_eq!(
        config.push_addresses,
        PushAddresses::new(OwnMachine::Refused, vec![])
    );
    for (file, expected) in [
        (
            "tls_certificate_file = 'c'",
            "tls_key_file (default): must be set beside tls_certificate_file",
        ),
        (
            "tls_key_file = 'k'",
            "tls_key_file (file t.toml): must not be set without tls_certificate_file",
        ),
        (
            "tls_certificate_file = ''\ntls_key_file = 'k'",
            "tls_certificate_file (file t.toml): must be the path of a file",
        ),
        (
            "behind_proxy = true\ntls_certificate_file = 'c'\ntls_key_file = 'k'",
            "tls_certificate_file (file t.toml): must not be set beside behind_proxy, which says that TLS ends before this server",
        ),
    ] {
        assert_eq!(
            faults(&format!("{issuer}{file}"), &[]),
            [expected],
            "{file}"
        );
    }
    assert_eq!(
        faults("tls_certificate_file = 'c'\ntls_key_file = 'k'", &[]),
        ["issuer (default): must be set, as an https URL, because tls_certificate_file is set"]
    );
}

#[test]
fn networks_for_pushes_are_a_short_list_of_networks() {
    let file = "push_private_networks = ['10.1.0.0/16', 'fd00:7::/32']";
    let networks = vec![
        "10.1.0.0/16".parse().unwrap(),
        "fd00:7::/32".parse().unwrap(),
    ];
    assert_eq!(
        read(file, &[]).unwrap().push_addresses,
        PushAddresses::new(OwnMachine::Allowed, networks)
    );
    let file = "behind_proxy = true\nissuer = 'https://tr.example.com'\nauthorization_server_private_networks = ['10.2.0.0/16']";
    let config = read(file, &[]).unwrap();
    let none = PushAddresses::new(OwnMachine::Refused, Vec::new());
    assert_eq!(config.push_addresses, none, "each list is one of its own");
    let networks = vec!["10.2.0.0/16".parse().unwrap()];
    let servers = PushAddresses::new(OwnMachine::Refused, networks);
    assert_eq!(config.authorization_server_addresses, servers);
    let many = vec!["'10.0.0.0/8'"; 65].join(",");
    for list in ["'10.0.0.1'", "'10.0.0.0/33'", "'intranet'", &many] {
        assert_eq!(
            faults(&format!("push_private_networks = [{list}]"), &[]),
            [
                "push_private_networks (file t.toml): must be a list of at most 64 networks, such as 10.0.0.0/8, fd00::/8"
            ]
        );
    }
}

#[test]
fn an_issuer_leaves_room_for_the_paths_behind_it() {
    let long = format!("issuer = 'https://tr.example.com/{}'", "a".repeat(1002));
    assert_eq!(
        faults(&long, &[]),
        ["issuer (file t.toml): must have at most 1024 bytes"]
    );
}

#[test]
fn an_issuer_whose_path_could_be_written_in_two_ways_is_refused() {
    for path in ["a%2Fb", "ümlaut"] {
        let told = faults(&format!("issuer = 'https://tr.example.com/{path}'"), &[]);
        let expected = "issuer (file t.toml): must have a path of plain characters, without braces, asterisks, or any that need a %";
        assert_eq!(told, [expected], "{path}");
    }
}

#[test]
fn a_key_belongs_into_the_environment_and_is_never_repeated() {
    let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let variable = ("SSF_TRANSMITTER_ENCRYPTION_KEY", key);
    let config = read("", &[variable]).unwrap();
    assert!(matches!(config.encryption_key, KeySource::Environment(_)));
    assert_eq!(
        faults(&format!("encryption_key = '{key}'"), &[]),
        [
            "encryption_key (file t.toml): must not stand here: set it in the environment, or name a file with encryption_key_file"
        ]
    );
    assert_eq!(
        faults("", &[("SSF_TRANSMITTER_ENCRYPTION_KEY", "s3cret")]),
        [
            "encryption_key (environment SSF_TRANSMITTER_ENCRYPTION_KEY): a key must be 32 bytes in base64 (44 characters)"
        ]
    );
    assert_eq!(
        faults("encryption_key_file = 'k'", &[variable]),
        ["encryption_key_file (file t.toml): must not be set beside encryption_key"]
    );
}

#[test]
fn a_database_server_needs_a_key_of_its_own_and_keeps_its_password() {
    let url = (
        "SSF_TRANSMITTER_DATABASE_URL",
        "postgres://u:s3cret@h/database",
    );
    assert_eq!(
        faults("", &[url]),
        [
            "encryption_key_file (default): must be set, or encryption_key, because the database is not a file"
        ]
    );
    let config = read("encryption_key_file = '/etc/ssf.key'", &[url]).unwrap();
    assert!(!format!("{config:?}").contains("s3cret"));
}

#[test]
fn other_databases_and_memory_are_refused_without_repeating_the_url() {
    let told = |url| faults("", &[("SSF_TRANSMITTER_DATABASE_URL", url)]);
    let from = "database_url (environment SSF_TRANSMITTER_DATABASE_URL): must be sqlite://PATH or postgres://HOST/DATABASE";
    assert_eq!(told("mysql://u:s3cret@h/d"), [from]);
    for url in ["sqlite://:memory:", "sqlite://x?mode=memory", "sqlite://"] {
        let expected = format!("{from}; a database in memory would not survive a restart");
        assert_eq!(told(url), [expected], "{url}");
    }
}

#[test]
fn by_default_the_types_of_caep_and_risc_are_supported_but_for_the_deprecated_one() {
    let config = read("", &[]).unwrap();
    let supported: Vec<&str> = config
        .events_supported
        .iter()
        .filter_map(|uri| {
            uri.as_str()
                .strip_prefix("https://schemas.openid.net/secevent/")
        })
        .collect();
    assert_eq!(supported.len(), 21);
    assert_eq!(config.events_supported.len(), 21);
    assert_eq!(supported[0], "caep/event-type/session-revoked");
    assert_eq!(supported[7], "caep/event-type/risk-level-change");
    assert_eq!(
        supported[8],
        "risc/event-type/account-credential-change-required"
    );
    assert_eq!(
        supported[20],
        "risc/event-type/recovery-information-changed"
    );
    assert!(!supported.contains(&"risc/event-type/sessions-revoked"));
}

#[test]
fn access_tokens_are_issued_for_an_hour_at_most_or_not_at_all() {
    let life = |file| read(file, &[]).unwrap().token_life;
    assert_eq!(life(""), Some(Duration::from_hours(1)));
    assert_eq!(
        life("access_token_seconds = 60"),
        Some(Duration::from_mins(1))
    );
    assert_eq!(life("token_endpoint = false"), None);
    let off = ("SSF_TRANSMITTER_TOKEN_ENDPOINT", "false");
    assert_eq!(read("", &[off]).unwrap().token_life, None);
    assert_eq!(
        faults("access_token_seconds = 3601\ntoken_endpoint = 'no'", &[]),
        [
            "access_token_seconds (file t.toml): must be a whole number from 60 to 3600",
            "token_endpoint (file t.toml): must be true or false",
        ]
    );
}

#[test]
fn lists_in_the_environment_are_separated_by_commas() {
    let events = "https://a.example/x, urn:example:y";
    let config = read("", &[("SSF_TRANSMITTER_EVENTS_SUPPORTED", events)]).unwrap();
    let uris: Vec<&str> = config
        .events_supported
        .iter()
        .map(EventTypeUri::as_str)
        .collect();
    assert_eq!(uris, ["https://a.example/x", "urn:example:y"]);
}

#[test]
fn a_file_that_is_no_toml_is_told_with_its_line() {
    let told = faults("listen = '127.0.0.1:1'\nissuer = s3cret", &[]);
    assert_eq!(told.len(), 1);
    assert!(
        told[0].starts_with("the whole file (file t.toml): is not TOML (line 2)"),
        "{}",
        told[0]
    );
    assert!(!told[0].contains("s3cret"));
}
