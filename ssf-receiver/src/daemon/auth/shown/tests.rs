//! What is read into a request, and what is not.

use actix_web::http::header::HeaderName;

use super::*;
use crate::config::IdentifierFormat;

const ISSUER: &str = "https://idp.example.com";
const PROXY: &str = "10.0.0.7";

fn rule(name: &str, member: &str, format: IdentifierFormat) -> IdentifierRule {
    IdentifierRule {
        name: name.to_owned(),
        member: member.to_owned(),
        format,
    }
}

fn terms() -> Terms {
    Terms {
        reads_tokens: true,
        cookie: Some("session".to_owned()),
        session_headers: Some(SessionHeaders {
            identifiers: vec![
                rule("x-user", "user", IdentifierFormat::IssSub),
                rule("x-email", "user", IdentifierFormat::Email),
                rule("x-tenant", "tenant", IdentifierFormat::Opaque),
            ],
            began: "x-began".to_owned(),
            auth_time: Some("x-auth-time".to_owned()),
            issuer: None,
            scopes: vec![Issuer::parse(ISSUER).unwrap()],
            trusted_proxies: vec!["10.0.0.0/24".parse().unwrap()],
        }),
    }
}

fn headers(lines: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

fn tokens(lines: &[(&str, &str)]) -> Result<Vec<String>, ShownError> {
    let headers = headers(lines);
    let shown = Shown::of(&headers, None, &terms())?;
    Ok(shown.tokens.into_iter().map(str::to_owned).collect())
}

fn session_from(peer: &str, lines: &[(&str, &str)]) -> Result<Option<Session>, ShownError> {
    let headers = headers(lines);
    let peer = Some(peer.parse().unwrap());
    Ok(Shown::of(&headers, peer, &terms())?.sessions.pop())
}

fn session(lines: &[(&str, &str)]) -> Result<Option<Session>, ShownError> {
    session_from(PROXY, lines)
}

#[test]
fn tokens_are_in_authorization_and_in_every_cookie_of_the_name() {
    assert_eq!(tokens(&[("authorization", "bearer a")]).unwrap(), ["a"]);
    assert_eq!(tokens(&[("authorization", "DPoP a")]).unwrap(), ["a"]);
    assert_eq!(tokens(&[("authorization", "Bearer")]).unwrap(), [""]);
    let cookies = [
        ("cookie", "x=1; session=a;session=\"b\"; session"),
        ("cookie", "session =c"),
        ("authorization", "Bearer d"),
    ];
    assert_eq!(tokens(&cookies).unwrap(), ["d", "a", "b", "c"]);
}

#[test]
fn whatever_is_no_token_is_none() {
    for line in [
        ("authorization", "Basic YTpi"),
        (
            "cookie",
            "sessions=a; xsession=b; Session=c; session=; session=\"\"",
        ),
        ("cookie", "ses\u{e9}sion=a"),
        ("x-session", "a"),
    ] {
        assert!(tokens(&[line]).unwrap().is_empty(), "{line:?}");
    }
}

#[test]
fn more_tokens_than_anybody_has_are_too_many() {
    let cookies = ("cookie", "session=a; session=b; session=c; session=d");
    assert_eq!(tokens(&[cookies]).unwrap().len(), 4);
    let more = tokens(&[cookies, ("authorization", "Bearer e")]);
    assert_eq!(more, Err(ShownError::TooMany));
}

#[test]
fn tokens_of_nobody_are_not_looked_at() {
    let mut terms = terms();
    terms.reads_tokens = false;
    let headers = headers(&[("authorization", "Bearer a"), ("cookie", "session=b")]);
    let shown = Shown::of(&headers, None, &terms).ok().unwrap();
    assert!(shown.tokens.is_empty());
}

#[test]
fn a_proxy_tells_of_a_session() {
    let lines = [
        ("x-user", "alice"),
        ("x-email", "alice@ex\u{e4}mple.com"),
        ("x-began", "1500"),
        ("x-auth-time", "1000"),
    ];
    let session = session(&lines).unwrap().unwrap();
    let expected = Session::new(Issuer::parse(ISSUER).unwrap(), Timestamp::from_secs(1500))
        .iss_sub(ISSUER, "alice")
        .email("alice@ex\u{e4}mple.com")
        .auth_time(Timestamp::from_secs(1000));
    assert_eq!(session, expected);
}

#[test]
fn a_session_that_began_nobody_knows_when_began_before_everything() {
    for lines in [
        &[("x-user", "alice")][..],
        &[("x-user", "alice"), ("x-began", "yesterday")],
    ] {
        let session = session(lines).unwrap().unwrap();
        assert_eq!(session.began(), Timestamp::from_secs(0));
    }
}

#[test]
fn without_a_word_there_is_no_session() {
    assert_eq!(session(&[("x-began", "1500")]), Ok(None));
    assert_eq!(session(&[("x-user", ""), ("x-email", " ")]), Ok(None));
}

#[test]
fn a_session_that_no_set_could_name_is_none() {
    let nameless = Err(ShownError::Nameless);
    assert_eq!(session(&[("x-tenant", "acme")]), nameless);
    assert_eq!(session(&[("x-email", "alice")]), nameless);
}

#[test]
fn a_header_that_stands_there_twice_may_be_the_users_own() {
    let twice = [("x-user", "alice"), ("x-user", "bob")];
    assert_eq!(session(&twice), Err(ShownError::Unreadable));
    let began = [("x-user", "alice"), ("x-began", "1"), ("x-began", "2")];
    assert_eq!(session(&began), Err(ShownError::Unreadable));
}

#[test]
fn only_a_trusted_proxy_is_believed() {
    let lines = [("x-user", "alice")];
    for peer in ["10.0.1.7", "::1", "127.0.0.1"] {
        assert_eq!(
            session_from(peer, &lines),
            Err(ShownError::Untrusted),
            "{peer}"
        );
    }
    assert!(session_from("::ffff:10.0.0.7", &lines).unwrap().is_some());
    let headers = headers(&lines);
    let unknown = Shown::of(&headers, None, &terms());
    assert_eq!(unknown.err(), Some(ShownError::Untrusted));
    assert_eq!(session_from("::1", &[("x-other", "alice")]), Ok(None));
}
