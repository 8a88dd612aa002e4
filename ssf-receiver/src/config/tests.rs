//! What a configuration may say.

mod introspection;
mod other_protocols;

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

mod several;

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
fn there_is_at_least_one_transmitter_and_each_has_its_name() {
    assert_eq!(
        faults("", &[]),
        [
            "transmitter (default): must be set: 1 to 64 tables [[transmitter]], each with a name, and what is known of it"
        ]
    );
    let twice = format!("{TABLE}{TABLE}");
    assert_eq!(
        faults(&twice, &[]),
        ["transmitter (file t.toml): must have different names; two are called idp"]
    );
    assert_eq!(
        faults("transmitter = 'idp'", &[]),
        [
            "transmitter (file t.toml): must be tables in the file, each with [[transmitter]] above it"
        ]
    );
    for name in ["", "name = 'IdP'", "name = 'a_b'", "name = 7"] {
        let told = faults(&format!("[[transmitter]]\n{name}"), &[]);
        let expected = "transmitter (file t.toml): must each have a name of 1 to 32 of the characters a-z and 0-9";
        assert_eq!(told, [expected], "{name}");
    }
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
            "database_url (environment SSF_RECEIVER_DATABASE_URL): must be sqlite://PATH or postgres://HOST/DATABASE",
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
fn a_stream_is_managed_or_was_made_by_somebody_else() {
    let header = (
        "SSF_RECEIVER_TRANSMITTER_IDP_PUSH_AUTHORIZATION",
        "Bearer s3cret",
    );
    let file = format!("{TABLE}audience = ['https://rp.example.com']");
    let config = read(&file, &[header]).unwrap();
    let StreamSettings::Existing(audience, secret) = &config.transmitters[0].stream else {
        panic!("{:?}", config.transmitters[0].stream)
    };
    let values: Vec<&str> = audience.values().collect();
    assert_eq!(values, ["https://rp.example.com"]);
    assert_eq!(secret.expose(), "Bearer s3cret");
    assert_eq!(
        faults(TABLE, &[]),
        [
            "transmitter.idp.management_token_file (default): must be set, or client_id; or, for a stream that somebody else made, audience and push_authorization_file, or delivery = \"poll\", audience, poll_url and poll_token_file"
        ]
    );
    let half = "transmitter.idp.audience (default): must stand beside push_authorization_file: a stream that somebody else made, and that pushes, has both and no more";
    assert_eq!(faults(TABLE, &[header]), [half]);
    assert_eq!(faults(&file, &[]), [half]);
    assert_eq!(
        faults(&file, &[TOKEN]),
        [
            "transmitter.idp.management_token (default): must not stand beside audience, push_authorization, poll_url or poll_token, which are for a stream that somebody else made"
        ]
    );
}

#[test]
fn a_stream_may_be_polled() {
    let config = read(&format!("{TABLE}delivery = 'poll'"), &[TOKEN]).unwrap();
    assert!(matches!(
        config.transmitters[0].stream,
        StreamSettings::Polled(_)
    ));
    let bound = config.listen.address;
    let endpoint = config.transmitters[0].endpoint(&config.listen, bound);
    assert!(endpoint.unwrap().is_none());
    assert_eq!(
        faults_within("delivery = 'pull'", &[TOKEN]),
        ["transmitter.idp.delivery (file t.toml): must be push or poll"]
    );
}

#[test]
fn a_stream_that_somebody_else_made_may_be_polled() {
    let token = ("SSF_RECEIVER_TRANSMITTER_IDP_POLL_TOKEN", "poll-s3cret");
    let file = format!(
        "{TABLE}delivery = 'poll'\naudience = 'https://rp.example.com'\npoll_url = 'https://idp.example.com/poll/1'"
    );
    let config = read(&file, &[token]).unwrap();
    let StreamSettings::ExistingPolled(_, url, secret) = &config.transmitters[0].stream else {
        panic!("{:?}", config.transmitters[0].stream)
    };
    assert_eq!(url.as_str(), "https://idp.example.com/poll/1");
    assert_eq!(secret.expose_secret(), "poll-s3cret");
    assert!(!format!("{config:?}").contains("s3cret"));
    let part = "transmitter.idp.audience (default): must stand beside poll_url and poll_token_file: a stream that somebody else made, and that is polled, has all three and no more";
    assert_eq!(faults(&file, &[]), [part]);
    assert_eq!(faults_within("delivery = 'poll'", &[token]), [part]);
    let http = file.replace(
        "https://idp.example.com/poll",
        "http://idp.example.com/poll",
    );
    let told = faults(&http, &[token]);
    assert!(told[0].starts_with("transmitter.idp.poll_url (file t.toml): must be an https URL"));
}

#[test]
fn a_dialect_has_a_name() {
    let dialect = |name: &str| read(&format!("{TABLE}dialect = '{name}'"), &[TOKEN]);
    assert_eq!(
        dialect("okta").unwrap().transmitters[0].dialect,
        &Dialect::OKTA
    );
    let default = read(TABLE, &[TOKEN]).unwrap().transmitters.remove(0);
    assert_eq!(default.dialect, &Dialect::SSF_1_0);
    let told = dialect("Okta").unwrap_err().to_string();
    assert!(told.contains("transmitter.idp.dialect (file t.toml): must be one of ssf-1.0,"));
}

#[test]
fn what_follows_from_an_event_is_named_by_what_it_says_or_by_its_type() {
    let own = "urn:example:fired?a=b";
    let file =
        format!("{TABLE}[transmitter.actions]\nrisk_high = 'end'\n'{own}' = 'end_and_block'");
    let config = read(&file, &[TOKEN]).unwrap();
    let fired = Trigger::Other(EventTypeUri::parse(own).unwrap());
    let expected = [
        (Trigger::RiskHigh, Action::End),
        (fired, Action::EndAndBlock),
    ];
    assert_eq!(config.transmitters[0].actions, expected);
    let variable = "SSF_RECEIVER_TRANSMITTER_IDP_ACTIONS";
    let text = format!("risk_high=end, {own}=end_and_block");
    let config = read(TABLE, &[TOKEN, (variable, &text)]).unwrap();
    assert_eq!(config.transmitters[0].actions, expected);
    assert!(
        read(TABLE, &[TOKEN]).unwrap().transmitters[0]
            .actions
            .is_empty()
    );
}

#[test]
fn what_follows_from_no_event_is_told() {
    let caep = "https://schemas.openid.net/secevent/caep/event-type";
    for (actions, problem) in [
        (
            "'risk-high' = 'end'".to_owned(),
            "must name events by one of",
        ),
        (
            format!("'{caep}/session-revoked' = 'end'"),
            "must name events by one of",
        ),
        (
            "risk_high = 'kill'".to_owned(),
            "must have actions among block,",
        ),
        ("risk_high = 7".to_owned(), "must be at most 64 lines"),
    ] {
        let told = faults_within(&format!("[transmitter.actions]\n{actions}"), &[TOKEN]);
        let expected = format!("transmitter.idp.actions (file t.toml): {problem}");
        assert!(told[0].starts_with(&expected), "{told:?}");
    }
    // It may say something that has no name of its own.
    let other = format!("'{caep}/session-presented' = 'note'");
    assert!(read(&format!("{TABLE}[transmitter.actions]\n{other}"), &[TOKEN]).is_ok());
}

#[test]
fn members_that_sessions_lack_are_left_out_or_keep_an_event_from_having_an_effect() {
    let of = |file: &str| {
        read(&format!("{TABLE}{file}"), &[TOKEN])
            .unwrap()
            .transmitters
            .remove(0)
    };
    assert_eq!(of("").unknown_members_of_device_events, Unknown::Ignore);
    let widened = of("unknown_members_of_device_events = 'widen'");
    assert_eq!(widened.unknown_members_of_device_events, Unknown::Widen);
    assert_eq!(
        faults_within("unknown_members_of_device_events = 'no'", &[TOKEN]),
        ["transmitter.idp.unknown_members_of_device_events (file t.toml): must be widen or ignore"]
    );
}

const TOKEN_ISSUER: &str = "[[token_issuer]]\nname = 'idp'\nissuer = 'https://idp.example.com'\n";

fn auth(file: &str) -> Option<AuthSettings> {
    read(&format!("{file}\n{TABLE}"), &[TOKEN]).unwrap().auth
}

fn rules(rules: &[IdentifierRule]) -> Vec<String> {
    let text = |rule: &IdentifierRule| {
        let (name, member, format) = (&rule.name, &rule.member, rule.format.as_str());
        format!("{name}={member}/{format}")
    };
    rules.iter().map(text).collect()
}

#[test]
fn proxies_are_answered_if_it_is_said_by_what() {
    assert!(auth("").is_none());
    assert!(auth("auth_anonymous = 'pass'").is_none());
    let asked = auth(&format!("auth_cookie = '__Host-session'\n{TOKEN_ISSUER}")).unwrap();
    assert_eq!(asked.cookie.as_deref(), Some("__Host-session"));
    assert_eq!(asked.anonymous, Anonymous::Refuse);
    assert!(asked.session_headers.is_none());
    let [issuer] = asked.token_issuers.as_slice() else {
        panic!("{:?}", asked.token_issuers)
    };
    assert_eq!(issuer.issuer.as_str(), "https://idp.example.com");
    assert!(issuer.jwks_url.is_none() && issuer.audience.is_none());
    let expected = [
        "sub=user/iss_sub",
        "email=user/email",
        "sid=session/opaque",
        "jti=session/jwt_id",
    ];
    assert_eq!(rules(&issuer.identifiers), expected);
}

#[test]
fn a_token_issuer_may_stand_in_the_environment() {
    let variables = [
        TOKEN,
        (
            "SSF_RECEIVER_TOKEN_ISSUER_AS_ISSUER",
            "https://as.example.com",
        ),
        (
            "SSF_RECEIVER_TOKEN_ISSUER_AS_JWKS_URL",
            "https://as.example.com/keys",
        ),
        ("SSF_RECEIVER_TOKEN_ISSUER_AS_AUDIENCE", "a,b"),
        (
            "SSF_RECEIVER_TOKEN_ISSUER_AS_IDENTIFIERS",
            "https://x.example/a=b=user/opaque",
        ),
    ];
    let asked = read(TABLE, &variables).unwrap().auth.unwrap();
    let issuer = &asked.token_issuers[0];
    assert_eq!(
        issuer.jwks_url.as_ref().unwrap().as_str(),
        "https://as.example.com/keys"
    );
    assert_eq!(issuer.audience, Some(Audience::new(["a", "b"]).unwrap()));
    assert_eq!(
        rules(&issuer.identifiers),
        ["https://x.example/a=b=user/opaque"]
    );
}

#[test]
fn what_tokens_are_decided_by_is_checked() {
    let of = |line: &str| faults_before(&format!("{TOKEN_ISSUER}{line}"));
    for (line, problem) in [
        (
            "identifiers = []",
            "identifiers (file t.toml): must be a list of 1 to 16 texts",
        ),
        (
            "identifiers = ['sub']",
            "identifiers (file t.toml): must be a list of",
        ),
        (
            "identifiers = ['sub=user']",
            "identifiers (file t.toml): must be a list of",
        ),
        (
            "identifiers = ['sub=user/aliases']",
            "identifiers (file t.toml): must be a list of",
        ),
        (
            "identifiers = ['org=tenant/opaque']",
            "identifiers (file t.toml): must be a list of",
        ),
        (
            "jwks_url = 'http://x.example'",
            "jwks_url (file t.toml): must be an https URL",
        ),
        ("audience = []", "audience (file t.toml): must be the aud"),
    ] {
        let told = of(line);
        assert!(
            told[0].starts_with(&format!("token_issuer.idp.{problem}")),
            "{told:?}"
        );
    }
    let twice = TOKEN_ISSUER.replace("'idp'", "'other'");
    assert_eq!(
        of(&twice),
        ["token_issuer.other.issuer (default): must not be that of another table"]
    );
    assert_eq!(
        faults_before("auth_cookie = 'session'"),
        [
            "auth_cookie (default): must stand beside a table [[token_issuer]], whose tokens the cookie holds"
        ]
    );
    let told = faults_before(&format!(
        "auth_cookie = 'a;b'\nauth_anonymous = 'yes'\n{TOKEN_ISSUER}"
    ));
    assert_eq!(
        told,
        [
            "auth_anonymous (file t.toml): must be refuse or pass",
            "auth_cookie (file t.toml): must be the name of a cookie",
        ]
    );
}

#[test]
fn a_page_leads_to_a_path_of_the_application_or_to_an_https_url() {
    let of = |url: &str| format!("auth_sign_in_url = '{url}'\n{TOKEN_ISSUER}");
    assert!(auth(TOKEN_ISSUER).unwrap().sign_in_url.is_none());
    for url in ["/login?next=/", "https://app.example.com/login"] {
        assert_eq!(auth(&of(url)).unwrap().sign_in_url.as_deref(), Some(url));
    }
    let long = format!("/{}", "a".repeat(2048));
    for url in [
        "",
        "login",
        "//other.example.com",
        "/\\other.example.com",
        "javascript:alert(1)",
        "http://app.example.com/login",
        "/a b",
        &long,
    ] {
        let told = faults_before(&of(url));
        let problem =
            "auth_sign_in_url (file t.toml): must be a path, such as /login, or an https URL";
        assert!(told[0].starts_with(problem), "{url}: {told:?}");
    }
}

#[test]
fn session_headers_have_names_in_lower_case_and_are_believed_from_few() {
    let file = "session_headers = ['X-User=user/iss_sub']\nsession_began_header = 'X-Began'\n";
    let trusted = format!("{file}trusted_proxies = ['127.0.0.1', '2001:db8::/32']\n");
    let issuer = format!("{trusted}session_issuer = 'https://x.example'");
    let headers = auth(&issuer).unwrap().session_headers.unwrap();
    assert_eq!(rules(&headers.identifiers), ["x-user=user/iss_sub"]);
    assert_eq!(headers.began, "x-began");
    assert_eq!(headers.issuer.unwrap().as_str(), "https://x.example");
    let proxies: Vec<String> = headers
        .trusted_proxies
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(proxies, ["127.0.0.1/32", "2001:db8::/32"]);
    assert_eq!(
        faults_before("session_headers = ['X-User=user/iss_sub']"),
        [
            "session_began_header (default): must be set, because session_headers is",
            "trusted_proxies (default): must be set, because session_headers is",
        ]
    );
    for lonely in [
        "trusted_proxies = ['127.0.0.1']",
        "session_began_header = 'X-Began'",
        "session_auth_time_header = 'X-Auth'",
        "session_issuer = 'https://x.example'",
    ] {
        let (key, _) = lonely.split_once(' ').unwrap();
        let expected = format!("{key} (file t.toml): must stand beside session_headers");
        assert_eq!(faults_before(lonely), [expected]);
    }
    for proxies in ["[]", "['proxy.example.com']", "['10.0.0.0/33']"] {
        let told = faults_before(&format!("{file}trusted_proxies = {proxies}"));
        let expected =
            "trusted_proxies (file t.toml): must be a list of 1 to 64 addresses or networks";
        assert!(told[0].starts_with(expected), "{told:?}");
    }
    let odd = file.replace("X-User", "X User");
    let told = faults_before(&format!("{odd}trusted_proxies = '127.0.0.1'"));
    assert!(told[0].starts_with("session_headers (file t.toml): must be the name of a header"));
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
    let own =
        of("revocations_max = 5000\nsession_age_max_hours = 8\nauthentication_age_max_hours = 24");
    assert_eq!(own.revocations_max, 5_000);
    assert_eq!(own.session_age_max, Duration::from_hours(8));
    assert_eq!(own.authentication_age_max, Some(Duration::from_hours(24)));
    assert_eq!(
        faults_within(
            "revocations_max = 0\nsession_age_max_hours = 0\nauthentication_age_max_hours = 'x'",
            &[TOKEN]
        ),
        [
            "transmitter.idp.authentication_age_max_hours (file t.toml): must be a whole number from 1 to 87600",
            "transmitter.idp.revocations_max (file t.toml): must be a whole number from 1000 to 100000000",
            "transmitter.idp.session_age_max_hours (file t.toml): must be a whole number from 1 to 87600",
        ]
    );
}

#[test]
fn a_database_may_be_postgresql_and_its_password_is_not_shown() {
    for url in ["postgres://u:s3cret@h/d", "postgresql://u:s3cret@h/d"] {
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
                "database_url (file t.toml): must be sqlite://PATH or postgres://HOST/DATABASE; a database in memory would not survive a restart"
            ]
        );
    }
}

#[test]
fn framework_events_are_nothing_to_ask_for() {
    let verification = "https://schemas.openid.net/secevent/ssf/event-type/verification";
    for events in [
        format!("['{verification}']"),
        "[]".to_owned(),
        "['x']".to_owned(),
        "[7]".to_owned(),
    ] {
        assert_eq!(
            faults_within(&format!("events = {events}"), &[TOKEN]),
            [
                "transmitter.idp.events (file t.toml): must be a list of event type URIs, framework events excepted"
            ],
            "{events}"
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

const WEBHOOK: &str = "[[webhook]]\nname = 'app'\nurl = 'https://app.example.com/hooks?of=ssf'\n";

fn webhook_secret(key: &'static str) -> (&'static str, &'static str) {
    (key, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
}

#[test]
fn a_webhook_has_a_url_and_a_secret_and_perhaps_the_one_before() {
    let file = format!("{TABLE}{WEBHOOK}");
    let secret = webhook_secret("SSF_RECEIVER_WEBHOOK_APP_SECRET");
    let config = read(&file, &[TOKEN, secret]).unwrap();
    let [webhook] = config.webhooks.as_slice() else {
        panic!("{:?}", config.webhooks)
    };
    assert_eq!(webhook.name, "app");
    assert_eq!(webhook.url.as_str(), "https://app.example.com/hooks?of=ssf");
    assert_eq!(webhook.secrets.len(), 1);
    assert!(webhook.events.is_none());
    assert!(!format!("{config:?}").contains("MfKQ9r8"));
    let former = webhook_secret("SSF_RECEIVER_WEBHOOK_APP_FORMER_SECRET");
    let config = read(&file, &[TOKEN, secret, former]).unwrap();
    assert_eq!(config.webhooks[0].secrets.len(), 2);
}

#[test]
fn a_webhook_without_what_it_needs_is_told_what_to_fix() {
    let secret = ("SSF_RECEIVER_WEBHOOK_APP_SECRET", "s3cret-s3cret");
    let file = format!("{TABLE}[[webhook]]\nname = 'app'\nurl = 'http://app.example.com/'\n");
    let told = faults(&file, &[TOKEN, secret]);
    let [secret, url] = told.as_slice() else {
        panic!("{told:?}")
    };
    let expected = "webhook.app.secret (default): must be whsec_ and the base64 of 24 to 64 random bytes: openssl rand -base64 32 makes them";
    assert_eq!(secret, expected);
    let expected = "webhook.app.url (file t.toml): must be set: an https URL without fragment";
    assert!(url.starts_with(expected), "{url}");
    let told = faults(&format!("{TABLE}{WEBHOOK}"), &[TOKEN]);
    let expected = "webhook.app.secret_file (default): must be set";
    assert!(told[0].starts_with(expected), "{told:?}");
}

/// The settings that a fault names because there is no other.
fn known(faults: &[String], key: &str) -> Vec<String> {
    let unknown = faults.iter().find(|fault| fault.starts_with(key)).unwrap();
    let (_, list) = unknown.split_once("; there are ").unwrap();
    list.split(", ").map(str::to_owned).collect()
}

/// The keys in the first column of the table below a heading of the documentation.
fn documented(heading: &str) -> Vec<String> {
    let page = include_str!("../../../docs/receiver.md");
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

#[test]
fn a_client_has_an_id_and_either_a_secret_or_a_key() {
    let secret = (
        "SSF_RECEIVER_TRANSMITTER_IDP_CLIENT_SECRET",
        "client-s3cret",
    );
    let config = read(
        &format!("{TABLE}client_id = 'app'\nscopes = ['a', 'b']"),
        &[secret],
    );
    let config = config.unwrap();
    assert!(matches!(
        config.transmitters[0].stream,
        StreamSettings::Pushed(Credentials::Client(_))
    ));
    assert!(!format!("{config:?}").contains("s3cret"));

    let directory = tempfile::tempdir().unwrap();
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let path = directory.path().join("key.pem");
    std::fs::write(&path, key.pem().expose_secret()).unwrap();
    let with_key = format!("client_id = 'app'\nclient_key_file = '{}'", path.display());
    assert!(read(&format!("{TABLE}{with_key}"), &[]).is_ok());

    let told = "transmitter.idp.";
    for (file, environment, expected) in [
        (
            "client_id = 'app'",
            &[][..],
            "client_secret_file (default): must be set beside client_id",
        ),
        (
            &with_key,
            &[secret][..],
            "client_secret_file (default): must be set beside client_id",
        ),
        ("", &[secret], "client_id (default): must be set beside"),
        (
            "scopes = ['a']",
            &[],
            "client_id (default): must be set beside",
        ),
        (
            "client_id = 'app'",
            &[secret, TOKEN],
            "management_token (default): must not stand beside client_id",
        ),
    ] {
        let faults = faults_within(file, environment);
        assert!(
            faults[0].starts_with(&format!("{told}{expected}")),
            "{faults:?}"
        );
        assert_eq!(faults.len(), 1, "{faults:?}");
    }
}

#[test]
fn what_a_client_has_is_told_by_its_key_if_it_is_faulty() {
    let told = "transmitter.idp.";
    for (line, expected) in [
        (
            "client_id = ''",
            "client_id (file t.toml): must be 1 to 255",
        ),
        ("scopes = ['a b']", "scopes (file t.toml): must be a list"),
        ("scopes = 'a\"b'", "scopes (file t.toml): must be a list"),
        (
            "authorization_server = 'http://as.example.com'",
            "authorization_server (file t.toml): must be the issuer",
        ),
        (
            "client_key_file = '/nowhere/key'",
            "client_key_file (file t.toml): cannot be read",
        ),
        (
            "client_key_file = '/dev/null'",
            "client_key_file (file t.toml): must be a private key",
        ),
    ] {
        let faults = faults_within(line, &[]);
        let found = faults
            .iter()
            .any(|fault| fault.starts_with(&format!("{told}{expected}")));
        assert!(found, "{faults:?}");
    }
}
