//! What `[auth]` and `[token_issuer]` may say.

use super::*;

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
