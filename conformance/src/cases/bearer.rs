//! Bearer tokens (RFC 6750, CAEP Interoperability Profile 1.0 §2.7), as the management API takes and refuses them.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use serde_json::{Value, json};

use crate::{
    case::{Case, Judge::Script, Need, Profile, Stop},
    cases::refusal,
    checks::Level,
    context::{Answered, Call, Context, Credential, Operation, Stream},
    target_file::Token,
};

const BASE: Case = Case {
    section: "RFC 6750 §3.1",
    level: Level::Should,
    tags: &["authorization"],
    ..Case::MANAGEMENT
};

const INTEROP: Case = Case {
    section: "CAEP Interoperability Profile 1.0 §2.7.3",
    level: Level::Must,
    profiles: &[Profile::CaepInterop],
    ..BASE
};

/// All operations on a stream, in an order in which each finds it.
const OPERATIONS: [Operation; 9] = [
    Operation::Read,
    Operation::Update,
    Operation::Replace,
    Operation::ReadStatus,
    Operation::SetStatus,
    Operation::AddSubject,
    Operation::RemoveSubject,
    Operation::Verify,
    Operation::Delete,
];

/// The cases of this section.
pub const CASES: &[Case] = &[
    Case {
        id: "BEARER-001.any-case",
        section: "RFC 6750 §2.1",
        level: Level::Must,
        title: "the scheme is Bearer in any case",
        why: "Schemes are compared without regard to case, and clients write bearer as well.",
        judge: Script(|cx| Box::pin(any_case(cx))),
        ..BASE
    },
    Case {
        id: "BEARER-004.without-token",
        title: "without a token the challenge has no error",
        why: "Nothing is wrong yet; a client that reads invalid_token throws its token away.",
        judge: Script(|cx| Box::pin(without_token(cx))),
        ..BASE
    },
    Case {
        id: "BEARER-005.two-places",
        title: "a token in the header and one in the query: 400 with error=\"invalid_request\"",
        why: "Of two tokens, two servers take two different ones.",
        judge: Script(|cx| Box::pin(two_places(cx))),
        ..BASE
    },
    Case {
        id: "BEARER-006.unknown-token",
        title: "a token that nobody issued: 401 with error=\"invalid_token\"",
        why: "A client learns from it that a new token may help.",
        judge: Script(|cx| Box::pin(told_unknown(cx))),
        ..BASE
    },
    Case {
        id: "BEARER-006.expired",
        title: "a token that has expired: 401 with error=\"invalid_token\"",
        why: "A client learns from it that it is time to fetch a new one.",
        needs: &[Need::Token, Need::ExpiredToken],
        judge: Script(|cx| {
            Box::pin(told(
                cx,
                Credential::Of(Token::Expired),
                401,
                "invalid_token",
            ))
        }),
        ..BASE
    },
    Case {
        id: "BEARER-007.read-only-token",
        title: "a token that may read alone changes nothing: 403 with error=\"insufficient_scope\"",
        why: "A client learns from it that it needs another scope, not another token.",
        needs: &[Need::Token, Need::ReadOnlyToken],
        judge: Script(|cx| Box::pin(told_insufficient(cx))),
        ..BASE
    },
    Case {
        id: "BEARER-011.other-audience",
        profiles: Profile::AND_HARDENING,
        section: "RFC 6750 §5.2",
        level: Level::MustImplied,
        title: "a token that was issued for another resource: 401",
        why: "Otherwise whoever serves that resource can take the tokens that it is shown, and manage streams with them.",
        needs: &[Need::Token, Need::OtherAudienceToken],
        judge: Script(|cx| Box::pin(refused(cx, Credential::Of(Token::OtherAudience)))),
        ..BASE
    },
    Case {
        id: "INTEROP-033.manage-alone",
        section: "CAEP Interoperability Profile 1.0 §2.7.2",
        title: "with ssf.manage as its only scope a token does for every call, reading included",
        why: "It is the one scope that a receiver of the profile asks for.",
        needs: &[Need::Token, Need::ManageOnlyToken],
        judge: Script(|cx| Box::pin(manage_alone(cx))),
        ..INTEROP
    },
    Case {
        id: "INTEROP-038.query",
        profiles: &[Profile::CaepInterop, Profile::Hardening],
        title: "a token in the query does not count: 401",
        why: "URLs are logged, and the token with them.",
        judge: Script(|cx| Box::pin(query(cx))),
        ..INTEROP
    },
    Case {
        id: "INTEROP-039.altered",
        profiles: &[Profile::CaepInterop, Profile::Hardening],
        title: "a token whose end was altered: 401",
        why: "Who compares less than all of a token takes those that somebody guessed.",
        judge: Script(|cx| Box::pin(altered(cx))),
        ..INTEROP
    },
    Case {
        id: "INTEROP-039.alg-none",
        profiles: &[Profile::CaepInterop, Profile::Hardening],
        title: "a token that says that nobody signed it (alg none): 401",
        why: "Anybody can write one.",
        judge: Script(|cx| Box::pin(alg_none(cx))),
        ..INTEROP
    },
    Case {
        id: "INTEROP-039.expired",
        profiles: &[Profile::CaepInterop, Profile::Hardening],
        title: "a token that has expired: 401",
        why: "Whoever finds one in an old log could go on with it.",
        needs: &[Need::Token, Need::ExpiredToken],
        judge: Script(|cx| Box::pin(refused(cx, Credential::Of(Token::Expired)))),
        ..INTEROP
    },
    Case {
        id: "INTEROP-039.revoked",
        profiles: &[Profile::CaepInterop, Profile::Hardening],
        title: "a token that was revoked: 401",
        why: "It was revoked because somebody else has it.",
        needs: &[Need::Token, Need::RevokedToken],
        judge: Script(|cx| Box::pin(refused(cx, Credential::Of(Token::Revoked)))),
        ..INTEROP
    },
    Case {
        id: "INTEROP-041.unknown-token",
        title: "a token that does not count: 401 with error=\"invalid_token\"",
        why: "A client learns from it that a new token may help.",
        judge: Script(|cx| Box::pin(told_unknown(cx))),
        ..INTEROP
    },
    Case {
        id: "INTEROP-041.read-only-token",
        title: "a token that is not enough: 403 with error=\"insufficient_scope\"",
        why: "A client learns from it that it needs another scope, not another token.",
        needs: &[Need::Token, Need::ReadOnlyToken],
        judge: Script(|cx| Box::pin(told_insufficient(cx))),
        ..INTEROP
    },
];

/// The Receiver's token.
fn token(cx: &Context) -> Result<String, Stop> {
    let token = cx.run().secrets().token(Token::Receiver);
    let token = token.map(str::to_owned);
    token.ok_or_else(|| Stop::not_configured("needs credentials.token"))
}

/// A request that reads a stream, without a token.
fn bare<'c>(cx: &'c Context, stream: &Stream) -> Call<'c> {
    let call = cx.call(Operation::Read).stream(&stream.id);
    call.credential(Credential::Missing)
}

/// The same with this `Authorization`.
fn showing<'c>(cx: &'c Context, stream: &Stream, authorization: &str) -> Call<'c> {
    bare(cx, stream).header("authorization", authorization)
}

async fn any_case(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    cx.read(&stream).await?;
    for scheme in ["bearer", "BEARER"] {
        let value = format!("{scheme} {}", token(cx)?);
        let answered = showing(cx, &stream, &value).send().await?;
        let found = answered.status();
        let what = format!("{}, with {scheme}: the status", answered.asked());
        cx.expect((200..300).contains(&found), what, "one of the 2xx", found);
    }
    Ok(())
}

/// All challenges of an answer, in small letters; relies on its status.
fn challenge(answered: &Answered, status: u16) -> Result<String, Stop> {
    let found: Vec<&str> = answered.header("www-authenticate").collect();
    if answered.status() != status || found.is_empty() {
        let (asked, found) = (answered.asked(), answered.status());
        let reason = format!("{asked} → {found}: no {status} with a challenge");
        return Err(Stop::blocked(reason));
    }
    Ok(found.join(", ").to_ascii_lowercase())
}

async fn without_token(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let found = challenge(&bare(cx, &stream).send().await?, 401)?;
    let has_error = names_error(&found, "");
    cx.expect(!has_error, "WWW-Authenticate", "no error", found);
    Ok(())
}

async fn two_places(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let call = cx.call(Operation::Read).stream(&stream.id);
    let answered = call.query("access_token", &token(cx)?).send().await?;
    if cx.expect_status(&answered, &[400]) {
        expect_error(cx, &answered, 400, "invalid_request")?;
    }
    cx.read(&stream).await?;
    Ok(())
}

async fn told_unknown(cx: &Context) -> Result<(), Stop> {
    told(cx, Credential::Unknown, 401, "invalid_token").await
}

/// Expects that the refusal of a token has this error.
async fn told(cx: &Context, credential: Credential, status: u16, error: &str) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let call = bare(cx, &stream).credential(credential);
    expect_error(cx, &call.send().await?, status, error)
}

async fn told_insufficient(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let call = refusal::valid(cx, Operation::SetStatus, &stream);
    let answered = call
        .credential(Credential::Of(Token::ReadOnly))
        .send()
        .await?;
    expect_error(cx, &answered, 403, "insufficient_scope")
}

fn expect_error(cx: &Context, answered: &Answered, status: u16, error: &str) -> Result<(), Stop> {
    let found = challenge(answered, status)?;
    let expected = format!("error=\"{error}\"");
    cx.expect(
        names_error(&found, error),
        "WWW-Authenticate",
        expected,
        found,
    );
    Ok(())
}

/// Whether a challenge names an error that begins like this. RFC 6750 §3 wants quotes, and HTTP does not; `error_description` is
/// another parameter.
fn names_error(challenge: &str, error: &str) -> bool {
    let is_named = |value: &str| value.trim_start_matches('"').starts_with(error);
    challenge.split("error=").skip(1).any(is_named)
}

async fn manage_alone(cx: &Context) -> Result<(), Stop> {
    let manage = Credential::Of(Token::ManageOnly);
    let call = cx.call(Operation::Create).json(&cx.stream_request());
    let answered = call.credential(manage).send().await?;
    answered.given_room()?;
    if !cx.expect_success(&answered) {
        return Ok(());
    }
    let stream = Stream::given(&answered)?;
    for operation in OPERATIONS {
        if cx.endpoint(operation).is_err() {
            continue;
        }
        let call = refusal::valid(cx, operation, &stream).credential(manage);
        let answered = call.send().await?;
        answered.given_time()?;
        cx.expect_success(&answered);
    }
    Ok(())
}

async fn query(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let call = bare(cx, &stream).query("access_token", &token(cx)?);
    // RFC 6750 §3.1 has 400 for a request that sends its token in a way that is not supported.
    cx.expect_status(&call.send().await?, &[401, 400]);
    cx.read(&stream).await?;
    Ok(())
}

async fn altered(cx: &Context) -> Result<(), Stop> {
    let mut token = token(cx)?;
    // The last character of base64url may hold bits that do not count, so three are altered.
    let kept = token.char_indices().rev().nth(2).map_or(0, |(at, _)| at);
    let end = if token.ends_with("xyz") { "abc" } else { "xyz" };
    token.replace_range(kept.., end);
    written_is_refused(cx, &token).await
}

async fn alg_none(cx: &Context) -> Result<(), Stop> {
    let part = |value: Value| BASE64URL.encode(value.to_string());
    let header = part(json!({ "alg": "none", "typ": "at+jwt" }));
    let claims = part(json!({
        "iss": cx.target().issuer,
        "aud": cx.target().issuer,
        "sub": "ssf-conformance",
        "client_id": "ssf-conformance",
        "scope": "ssf.manage ssf.read",
        "iat": 1_700_000_000,
        "exp": 4_102_444_800_u64,
        "jti": cx.word(),
    }));
    written_is_refused(cx, &format!("{header}.{claims}.")).await
}

/// Expects that a stream is not read with this token, which is read with the sound one.
async fn written_is_refused(cx: &Context, token: &str) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let answered = showing(cx, &stream, &format!("Bearer {token}"));
    cx.expect_status(&answered.send().await?, &[401]);
    cx.read(&stream).await?;
    Ok(())
}

/// The same with a token of the target file.
async fn refused(cx: &Context, credential: Credential) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let answered = bare(cx, &stream).credential(credential).send().await?;
    cx.expect_status(&answered, &[401]);
    cx.read(&stream).await?;
    Ok(())
}
