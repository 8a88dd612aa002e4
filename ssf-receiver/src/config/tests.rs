//! What a configuration may say.

mod auth;
mod credentials;
mod introspection;
mod other_protocols;
mod redis;
mod several;
mod transmitter;
mod webhook;

use std::path::Path;

use secrecy::ExposeSecret;
use ssf_types::{
    audience::Audience, dialect::Dialect, jose::SigningKey, set::Algorithm, uri::EventTypeUri,
};

use super::*;
use crate::{
    actions::{Action, Trigger},
    freshness::WhenStale,
    revocation::Unknown,
};

const TABLE: &str = "[[transmitter]]\nname = 'idp'\nissuer = 'https://idp.example.com'\n";
const TOKEN: (&str, &str) = (
    "SSF_RECEIVER_TRANSMITTER_IDP_MANAGEMENT_TOKEN",
    "management-s3cret",
);

const TOKEN_ISSUER: &str = "[[token_issuer]]\nname = 'idp'\nissuer = 'https://idp.example.com'\n";

fn read(file: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let environment = environment
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()));
    Config::read(
        Layers::default()
            .file(Path::new("t.toml"), file)
            .environment(environment),
    )
}

fn faults(file: &str, environment: &[(&str, &str)]) -> Vec<String> {
    let told = read(file, environment).unwrap_err().to_string();
    let mut lines = told.lines().map(|line| line.trim().to_owned());
    assert_eq!(lines.next().unwrap(), "the configuration cannot be used");
    lines.collect()
}

/// What is wrong with settings that stand before a sound table.
fn faults_before(file: &str) -> Vec<String> {
    faults(&format!("{file}\n{TABLE}"), &[TOKEN])
}

/// What is wrong with settings of the table.
fn faults_within(file: &str, environment: &[(&str, &str)]) -> Vec<String> {
    faults(&format!("{TABLE}{file}"), environment)
}

fn endpoint(config: &Config) -> String {
    let bound = "127.0.0.1:40001".parse().unwrap();
    let endpoint = config.transmitters[0].endpoint(&config.listen, bound);
    let endpoint = endpoint.unwrap();
    endpoint.unwrap().as_str().to_owned()
}

#[test]
fn a_transmitter_and_its_token_are_enough() {
    let config = read(TABLE, &[TOKEN]).unwrap();
    assert_eq!(config.listen.address.to_string(), "127.0.0.1:8412");
    assert_eq!(config.listen.admin.to_string(), "127.0.0.1:8413");
    assert_eq!(
        config.database_url.expose_secret(),
        "sqlite://ssf-receiver.db"
    );
    assert_eq!(config.log_filter, "info");
    assert_eq!(config.shutdown, Duration::from_secs(15));
    assert_eq!(endpoint(&config), "http://127.0.0.1:40001/events/idp");
    assert_eq!(
        config.transmitters[0].issuer.as_str(),
        "https://idp.example.com"
    );
    assert_eq!(config.transmitters[0].unknown_members, Unknown::Widen);
    assert!(config.transmitters[0].events.is_none());
    let StreamSettings::Pushed(Credentials::Token(token)) = &config.transmitters[0].stream else {
        panic!("{:?}", config.transmitters[0].stream)
    };
    assert_eq!(token.expose_secret(), "management-s3cret");
    assert!(!format!("{config:?}").contains("s3cret"));
}

#[test]
fn the_environment_overrides_the_file_and_a_flag_overrides_both() {
    let layers = || {
        let issuer = "SSF_RECEIVER_TRANSMITTER_IDP_ISSUER";
        Layers::default()
            .file(
                Path::new("t.toml"),
                &format!("listen = '127.0.0.1:1'\n{TABLE}"),
            )
            .environment([
                ("SSF_RECEIVER_LISTEN".into(), "127.0.0.1:2".into()),
                (issuer.into(), "https://other.example.com".into()),
                (TOKEN.0.into(), TOKEN.1.into()),
            ])
    };
    let config = Config::read(layers()).unwrap();
    assert_eq!(config.listen.address.port(), 2);
    assert_eq!(
        config.transmitters[0].issuer.as_str(),
        "https://other.example.com"
    );
    let flagged = layers().flag("--listen", "listen", Some("127.0.0.1:3".to_owned()));
    assert_eq!(Config::read(flagged).unwrap().listen.address.port(), 3);
}

#[test]
fn a_transmitter_may_stand_in_the_environment_alone() {
    let variables = [
        (
            "SSF_RECEIVER_TRANSMITTER_IDP_ISSUER",
            "https://idp.example.com",
        ),
        TOKEN,
        (
            "SSF_RECEIVER_TRANSMITTER_IDP_EVENTS",
            "https://a.example/x, urn:example:y",
        ),
        ("SSF_RECEIVER_TRANSMITTER_IDP_UNKNOWN_MEMBERS", "ignore"),
    ];
    let config = read("", &variables).unwrap();
    assert_eq!(config.transmitters[0].name, "idp");
    assert_eq!(config.transmitters[0].unknown_members, Unknown::Ignore);
    let events = config.transmitters[0].events.as_ref().unwrap();
    let uris: Vec<&str> = events.iter().map(EventTypeUri::as_str).collect();
    assert_eq!(uris, ["https://a.example/x", "urn:example:y"]);
}

#[test]
fn every_fault_is_told_at_once_with_its_key_and_source() {
    let told = faults(
        &format!(
            "listen = 8412\nlog_format = 'xml'\nshutdown_seconds = 0\nconnections_max = 0\n{TABLE}members = []\nunknown_members = 'x'"
        ),
        &[
            TOKEN,
            ("SSF_RECEIVER_DATABASE_URL", "mysql://u:s3cret@h/d"),
            ("SSF_RECEIVER_TRANSMITTER_IDP_ISSUER", "ftp://x"),
            ("HOME", "/home/operator"),
        ],
    );
    assert_eq!(
        told,
        [
            "connections_max (file t.toml): must be a whole number from 1 to 1000000",
            "database_url (environment SSF_RECEIVER_DATABASE_URL): must be sqlite://PATH, postgres://HOST/DATABASE or redis://HOST/NUMBER",
            "listen (file t.toml): must be an address with a port, such as 127.0.0.1:8412",
            "log_format (file t.toml): must be text or json",
            "shutdown_seconds (file t.toml): must be a whole number from 1 to 600",
            "transmitter.idp.issuer (environment SSF_RECEIVER_TRANSMITTER_IDP_ISSUER): must be an https URL without query and fragment: the scheme must be https (http is for loopback addresses only)",
            "transmitter.idp.members (file t.toml): must be a list of 1 to 16 members, such as user, session, each of at most 64 bytes",
            "transmitter.idp.unknown_members (file t.toml): must be widen or ignore",
        ]
    );
}

#[test]
fn plain_http_is_for_loopback_addresses_and_for_a_proxy_in_front() {
    let expected = |key| {
        format!(
            "{key} (file t.toml): must be a loopback address, unless behind_proxy = true says that a proxy in front ends TLS"
        )
    };
    for address in ["0.0.0.0:1", "192.0.2.1:1", "[::]:1"] {
        for key in ["listen", "listen_admin"] {
            let told = faults_before(&format!("{key} = '{address}'"));
            assert_eq!(told, [expected(key)], "{address}");
        }
    }
    assert_eq!(
        faults_before("behind_proxy = true"),
        ["public_url (default): must be set, as an https URL, because behind_proxy is set"]
    );
    assert_eq!(
        faults_before("behind_proxy = true\npublic_url = 'http://localhost:1'"),
        ["public_url (file t.toml): must be an https URL, because behind_proxy is set"]
    );
    let all = "listen = '0.0.0.0:8412'\nbehind_proxy = true\npublic_url = 'https://app.example.com/ssf/'\n";
    let config = read(&format!("{all}{TABLE}"), &[TOKEN]).unwrap();
    assert_eq!(config.listen.transport, Transport::BehindProxy);
    assert_eq!(endpoint(&config), "https://app.example.com/ssf/events/idp");
}

#[test]
fn a_public_url_is_a_base_for_paths() {
    for url in [
        "https://a.example.com?x=1",
        "https://a.example.com#x",
        "http://a.example.com",
        "x",
    ] {
        let told = faults_before(&format!("public_url = '{url}'"));
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0].starts_with("public_url (file t.toml): must be an https URL"),
            "{told:?}"
        );
    }
    let long = format!("https://a.example.com/{}", "a".repeat(1003));
    assert_eq!(faults_before(&format!("public_url = '{long}'")).len(), 1);
}

#[test]
fn a_secret_stands_in_the_environment_or_in_a_file_of_its_own_and_is_never_repeated() {
    let key = "transmitter.idp.management_token";
    assert_eq!(
        faults_within("management_token = 's3cret'", &[]),
        [format!(
            "{key} (file t.toml): must not stand here: set it in the environment, or name a file with management_token_file"
        )]
    );
    let directory = tempfile::tempdir().unwrap();
    let written = |content: &str| {
        let path = directory.path().join("token");
        std::fs::write(&path, content).unwrap();
        format!("management_token_file = '{}'", path.display())
    };
    let config = read(&format!("{TABLE}{}", written("s3cret\n")), &[]).unwrap();
    assert!(matches!(
        &config.transmitters[0].stream,
        StreamSettings::Pushed(Credentials::Token(token)) if token.expose_secret() == "s3cret"
    ));
    assert_eq!(
        faults_within(&written("s3cret"), &[TOKEN]),
        [format!(
            "{key}_file (file t.toml): must not be set beside management_token"
        )]
    );
    let expected = format!("{key}_file (file t.toml): must be 1 to 4096 visible ASCII characters");
    for content in ["", "\n", "s3\ncret", "s3crét", &"s".repeat(4097)] {
        assert_eq!(faults_within(&written(content), &[]), [expected.as_str()]);
    }
    let absent = faults_within("management_token_file = '/nowhere/token'", &[]);
    assert!(absent[0].contains("cannot be read"), "{absent:?}");
}

#[test]
fn what_becomes_of_sessions_while_nothing_is_heard_is_one_of_three() {
    let of = |word: &str| {
        let config = read(&format!("{TABLE}when_stale = '{word}'"), &[TOKEN]);
        config.map(|mut config| config.transmitters.remove(0).when_stale)
    };
    for when_stale in WhenStale::ALL {
        assert_eq!(of(when_stale.as_str()).unwrap(), when_stale);
    }
    let told = of("never").unwrap_err().to_string();
    let expected = "transmitter.idp.when_stale (file t.toml): must be open, soft or closed";
    assert!(told.contains(expected));
    let others = "audience = ['https://rp.example.com']\nwhen_stale = 'soft'";
    let header = (
        "SSF_RECEIVER_TRANSMITTER_IDP_PUSH_AUTHORIZATION",
        "Bearer x",
    );
    let told = faults_within(others, &[header]);
    let expected = "transmitter.idp.when_stale (default): must be open for a stream";
    assert!(told[0].starts_with(expected), "{told:?}");
}

#[test]
fn what_is_over_is_told_in_hours_and_how_much_is_kept_in_numbers() {
    let of = |file: &str| {
        let config = read(&format!("{TABLE}{file}"), &[TOKEN]);
        config.unwrap().transmitters.remove(0)
    };
    let default = of("");
    assert_eq!(default.revocations_max, 1_000_000);
    assert_eq!(default.session_age_max, Duration::from_hours(720));
    assert_eq!(default.authentication_age_max, None);
    assert_eq!(default.set_age_max, Duration::from_hours(90 * 24));
    let own = of(
        "revocations_max = 5000\nsession_age_max_hours = 8\nauthentication_age_max_hours = 24\nset_age_max_days = 7",
    );
    assert_eq!(own.set_age_max, Duration::from_hours(7 * 24));
    assert_eq!(own.revocations_max, 5_000);
    assert_eq!(own.session_age_max, Duration::from_hours(8));
    assert_eq!(own.authentication_age_max, Some(Duration::from_hours(24)));
    assert_eq!(
        faults_within(
            "revocations_max = 0\nsession_age_max_hours = 0\nauthentication_age_max_hours = 'x'\nset_age_max_days = 0",
            &[TOKEN]
        ),
        [
            "transmitter.idp.authentication_age_max_hours (file t.toml): must be a whole number from 1 to 87600",
            "transmitter.idp.revocations_max (file t.toml): must be a whole number from 1000 to 100000000",
            "transmitter.idp.session_age_max_hours (file t.toml): must be a whole number from 1 to 87600",
            "transmitter.idp.set_age_max_days (file t.toml): must be a whole number from 1 to 3650",
        ]
    );
}

#[test]
fn the_age_of_a_push_secret_is_told_in_days() {
    let of = |file: &str| {
        let config = read(&format!("{TABLE}{file}"), &[TOKEN]);
        config.unwrap().transmitters.remove(0).push_secret_age_max
    };
    assert_eq!(of(""), None);
    let days = |count: u64| Some(Duration::from_hours(24 * count));
    assert_eq!(of("push_secret_age_max_days = 90"), days(90));
    for value in ["0", "3651", "'x'"] {
        assert_eq!(
            faults_within(&format!("push_secret_age_max_days = {value}"), &[TOKEN]),
            [
                "transmitter.idp.push_secret_age_max_days (file t.toml): must be a whole number from 1 to 3650"
            ]
        );
    }
}

#[test]
fn a_database_may_be_outside_and_its_password_is_not_shown() {
    for url in [
        "postgres://u:s3cret@h/d",
        "postgresql://u:s3cret@h/d",
        "redis://u:s3cret@h/1?prefix=app",
        "redis+unix:///run/redis.sock?pass=s3cret",
    ] {
        let set = ("SSF_RECEIVER_DATABASE_URL", url);
        let config = read(TABLE, &[TOKEN, set]).unwrap();
        assert_eq!(config.database_url.expose_secret(), url);
        assert!(!format!("{config:?}").contains("s3cret"));
    }
}

#[test]
fn memory_is_no_database() {
    for url in ["sqlite://:memory:", "sqlite://x?mode=memory", "sqlite://"] {
        assert_eq!(
            faults_before(&format!("database_url = '{url}'")),
            [
                "database_url (file t.toml): must be sqlite://PATH, postgres://HOST/DATABASE or redis://HOST/NUMBER; a database in memory would not survive a restart"
            ]
        );
    }
}

#[test]
fn a_file_that_is_no_toml_is_told_with_its_line() {
    let told = faults(&format!("{TABLE}listen = s3cret"), &[TOKEN]);
    assert!(
        told.iter()
            .any(|line| line == "the whole file (file t.toml): is not TOML (line 4)"),
        "{told:?}"
    );
    assert!(!told.concat().contains("s3cret"));
}

/// The settings that a fault names because there is no other.
fn known(faults: &[String], key: &str) -> Vec<String> {
    let unknown = faults.iter().find(|fault| fault.starts_with(key)).unwrap();
    let (_, list) = unknown.split_once("; there are ").unwrap();
    list.split(", ").map(str::to_owned).collect()
}

/// The keys in the first column of the table below a heading of the documentation.
fn documented(heading: &str) -> Vec<String> {
    documented_in(include_str!("../../../docs/receiver.md"), heading)
}

fn documented_in(page: &str, heading: &str) -> Vec<String> {
    let (_, rest) = page.split_once(heading).unwrap();
    let rows = rest.lines().skip_while(|line| !line.starts_with("|---"));
    let rows = rows.skip(1).take_while(|line| line.starts_with('|'));
    let first = rows.filter_map(|row| row.split('|').nth(1));
    let mut keys: Vec<String> = first
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .map(str::to_owned)
        .collect();
    keys.sort();
    keys
}

#[test]
fn the_documentation_has_every_setting_and_no_other() {
    let file = format!("colour = 'blue'\n{TABLE}colour = 'blue'");
    let told = faults(&file, &[TOKEN]);
    assert_eq!(known(&told, "colour"), documented("| key | default |"));
    let mut of_table = known(&told, "transmitter.idp.colour");
    of_table.push("name".to_owned());
    of_table.sort();
    assert_eq!(of_table, documented("| key of a table |"));
    let file = format!("{TABLE}[[webhook]]\nname = 'app'\ncolour = 'blue'");
    let told = faults(&file, &[TOKEN]);
    let mut of_webhook = known(&told, "webhook.app.colour");
    of_webhook.push("name".to_owned());
    of_webhook.sort();
    assert_eq!(of_webhook, documented("| key of a webhook |"));
    let issuer = format!("{TABLE}[[token_issuer]]\nname = 'idp'\ncolour = 'blue'");
    let mut of_issuer = known(&faults(&issuer, &[TOKEN]), "token_issuer.idp.colour");
    of_issuer.push("name".to_owned());
    of_issuer.sort();
    assert_eq!(of_issuer, documented("| key of a token issuer |"));
}
