//! `emit`: one event from the command line, checked here and handed in over HTTP, or only tried.

use std::io::{self, Write};

use clap::Args;
use reqwest::Method;
use serde_json::{Map, Value, json};
use ssf_types::{
    event::{EventPayload, Family, KNOWN_EVENT_TYPES, risc::CredentialCompromise},
    json::{self, JsonError},
    subject::{ComplexSubject, SimpleSubject, Subject},
    time::Timestamp,
    uri::EventTypeUri,
};

use super::{
    Outcome,
    api::{ServerArgs, sent},
};
use crate::{
    app::clock::SystemClock,
    domain::event::{NewEvent, NewEventError},
    ports::Clock,
};

#[derive(Args, Debug)]
pub(super) struct EmitArgs {
    /// Last segment of an event type's URI, such as session-revoked, or the whole URI
    event: String,
    /// The user's address
    #[arg(long, value_name = "ADDRESS", conflicts_with = "sub_id")]
    user_email: Option<String>,
    /// Issuer under which the user is known by --user-sub
    #[arg(
        long,
        value_name = "URL",
        requires = "user_sub",
        conflicts_with = "sub_id"
    )]
    user_iss: Option<String>,
    /// The user's sub at --user-iss
    #[arg(
        long,
        value_name = "SUB",
        requires = "user_iss",
        conflicts_with = "sub_id"
    )]
    user_sub: Option<String>,
    /// The user under an identifier that was agreed upon
    #[arg(long, value_name = "ID", conflicts_with = "sub_id")]
    opaque: Option<String>,
    /// The session
    #[arg(long, value_name = "ID", conflicts_with = "sub_id")]
    session_id: Option<String>,
    /// The whole subject, as JSON
    #[arg(long, value_name = "JSON")]
    sub_id: Option<String>,
    /// The event's members, as JSON; the flags below add to it
    #[arg(long, value_name = "JSON")]
    payload: Option<String>,
    /// Why, for the user, in English
    #[arg(long, value_name = "TEXT")]
    reason_user: Option<String>,
    /// Why, for administrators, in English
    #[arg(long, value_name = "TEXT")]
    reason_admin: Option<String>,
    /// Who caused it: admin, user, policy or system
    #[arg(long, value_name = "WHO")]
    initiating_entity: Option<String>,
    /// For credential-change: create, revoke, update or delete
    #[arg(long, value_name = "TYPE")]
    change_type: Option<String>,
    /// For credential-change: password, fido2-platform and so on
    #[arg(long, value_name = "TYPE")]
    credential_type: Option<String>,
    /// Ties together events with one cause
    #[arg(long, value_name = "ID")]
    txn: Option<String>,
    /// The issuer for which it happened, by its name; the main one unless told otherwise
    #[arg(long, value_name = "NAME")]
    issuer_name: Option<String>,
    /// Hands nothing in: prints what would become of the event on each stream, one JSON object per line
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    server: ServerArgs,
}

/// The event was not handed in.
#[derive(Debug, thiserror::Error)]
enum EmitError {
    #[error("{0} is not an event type: use one of {1}, or a URI")]
    UnknownEvent(String, String),
    #[error(
        "name the subject: --user-email, --user-iss with --user-sub, --opaque, --session-id, or --sub-id"
    )]
    NoSubject,
    #[error("{0} is not what it has to be")]
    Json(&'static str, #[source] JsonError),
    #[error("the event is faulty")]
    Event(#[source] NewEventError),
    #[error("the transmitter accepted the event and did not tell its id")]
    NoId,
}

pub(super) async fn emit(arguments: EmitArgs) -> Outcome {
    let event = compose(&arguments, SystemClock.now())?;
    let issuer = arguments.issuer_name.as_deref();
    if arguments.dry_run {
        return foresee(&arguments.server, issuer, &event).await;
    }
    let query = [("issuer", issuer)];
    let server = &arguments.server;
    let request = server.request(Method::POST, &["events"], &query)?;
    let answer = sent(request.json(&event)).await?;
    let id = answer["events"][0]["event_id"].as_str();
    writeln!(io::stdout(), "event_id={}", id.ok_or(EmitError::NoId)?)?;
    Ok(())
}

/// Prints what would become of the event, page by page.
async fn foresee(server: &ServerArgs, issuer: Option<&str>, event: &NewEvent) -> Outcome {
    let mut after: Option<String> = None;
    loop {
        let query = [("issuer", issuer), ("after", after.as_deref())];
        let request = server.request(Method::POST, &["events", "dry-run"], &query)?;
        let page = sent(request.json(event)).await?;
        let mut out = io::stdout().lock();
        for stream in page["items"].as_array().into_iter().flatten() {
            writeln!(out, "{stream}")?;
        }
        match page["next"].as_str() {
            Some(next) => after = Some(next.to_owned()),
            None => return Ok(()),
        }
    }
}

/// The event as the flags describe it, by the rules of the transmitter itself.
fn compose(arguments: &EmitArgs, now: Timestamp) -> Result<NewEvent, EmitError> {
    let uri = event_type(&arguments.event)?;
    let mut event = json!({
        "sub_id": subject(arguments)?,
        "events": { (uri.as_str()): payload(arguments, uri.as_str(), now)? },
    });
    if let Some(txn) = &arguments.txn {
        event["txn"] = json!(txn);
    }
    NewEvent::parse(event.to_string().as_bytes()).map_err(EmitError::Event)
}

fn event_type(name: &str) -> Result<EventTypeUri, EmitError> {
    let last = |uri: &'static str| uri.rsplit('/').next().unwrap_or(uri);
    let known = KNOWN_EVENT_TYPES
        .iter()
        .copied()
        .filter(|uri| Family::of(uri) != Some(Family::Ssf));
    if let Some(uri) = known.clone().find(|uri| last(uri) == name) {
        return EventTypeUri::parse(uri).map_err(|_| unknown(name, known.map(last)));
    }
    EventTypeUri::parse(name).map_err(|_| unknown(name, known.map(last)))
}

fn unknown<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> EmitError {
    let known: Vec<&str> = known.collect();
    EmitError::UnknownEvent(name.to_owned(), known.join(", "))
}

/// One identifier of the user stands alone, several become `aliases`; with a session the subject is complex.
fn subject(arguments: &EmitArgs) -> Result<Subject, EmitError> {
    if let Some(text) = &arguments.sub_id {
        return json::check(text.as_bytes())
            .and_then(Subject::read)
            .map_err(|error| EmitError::Json("--sub-id", error));
    }
    let mut members = Vec::new();
    if let Some(user) = user(arguments) {
        members.push(("user", user));
    }
    if let Some(id) = &arguments.session_id {
        members.push(("session", SimpleSubject::Opaque { id: id.clone() }));
    }
    match members.as_slice() {
        [("user", user)] => Ok(Subject::Simple(user.clone())),
        _ => ComplexSubject::new(members)
            .map(Subject::Complex)
            .map_err(|_| EmitError::NoSubject),
    }
}

fn user(arguments: &EmitArgs) -> Option<SimpleSubject> {
    let mut identifiers = Vec::new();
    if let (Some(iss), Some(sub)) = (arguments.user_iss.clone(), arguments.user_sub.clone()) {
        identifiers.push(SimpleSubject::IssSub { iss, sub });
    }
    if let Some(email) = arguments.user_email.clone() {
        identifiers.push(SimpleSubject::Email { email });
    }
    if let Some(id) = arguments.opaque.clone() {
        identifiers.push(SimpleSubject::Opaque { id });
    }
    match identifiers.len() {
        0 | 1 => identifiers.pop(),
        _ => Some(SimpleSubject::Aliases { identifiers }),
    }
}

/// The event's members, with `event_timestamp` unless the payload has one: in whole seconds, which everybody can read.
fn payload(
    arguments: &EmitArgs,
    uri: &str,
    now: Timestamp,
) -> Result<Map<String, Value>, EmitError> {
    let mut payload = match &arguments.payload {
        Some(text) => read_object(text).map_err(|error| EmitError::Json("--payload", error))?,
        None => Map::new(),
    };
    if may_be_timed(uri) {
        payload
            .entry("event_timestamp")
            .or_insert_with(|| json!(now.as_secs()));
    }
    let english = |text: &String| json!({ "en": text });
    let flags = [
        ("reason_user", arguments.reason_user.as_ref().map(english)),
        ("reason_admin", arguments.reason_admin.as_ref().map(english)),
        (
            "initiating_entity",
            arguments.initiating_entity.as_ref().map(|who| json!(who)),
        ),
        (
            "change_type",
            arguments.change_type.as_ref().map(|kind| json!(kind)),
        ),
        (
            "credential_type",
            arguments.credential_type.as_ref().map(|kind| json!(kind)),
        ),
    ];
    for (name, value) in flags {
        if let Some(value) = value {
            payload.insert(name.to_owned(), value);
        }
    }
    Ok(payload)
}

/// Whether the type has `event_timestamp`, or is none of ours to know.
fn may_be_timed(uri: &str) -> bool {
    match Family::of(uri) {
        Some(Family::Risc) => uri == CredentialCompromise::URI,
        Some(Family::Ssf | Family::Oauth) => false,
        _ => true,
    }
}

fn read_object(text: &str) -> Result<Map<String, Value>, JsonError> {
    let checked = json::check(text.as_bytes())?;
    serde_json::from_str(checked).map_err(|_| JsonError::NotAnObject)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: EmitArgs,
    }

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_500);

    fn composed(line: &[&str]) -> Result<Value, String> {
        let line = ["emit", "--token", "t"].iter().chain(line);
        let arguments = Line::try_parse_from(line)
            .map_err(|error| error.kind().to_string())?
            .arguments;
        compose(&arguments, NOW)
            .map(|event| serde_json::to_value(event).unwrap())
            .map_err(|error| ssf_types::error::Chain(&error).to_string())
    }

    const REVOKED: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";

    #[test]
    fn an_address_and_a_name_make_an_event_of_now() {
        let line = ["session-revoked", "--user-email", "alice@example.com"];
        let expected = json!({
            "sub_id": {"format": "email", "email": "alice@example.com"},
            "events": {(REVOKED): {"event_timestamp": 1_800_000_000}},
        });
        assert_eq!(composed(&line), Ok(expected));
    }

    #[test]
    fn a_type_without_a_member_for_the_time_gets_none() {
        let risc =
            |name: &str| format!("https://schemas.openid.net/secevent/risc/event-type/{name}");
        let event = composed(&["account-purged", "--opaque=7"]).unwrap();
        assert_eq!(event["events"], json!({ (risc("account-purged")): {} }));
        let line = [
            "credential-compromise",
            "--opaque=7",
            "--credential-type=pin",
        ];
        let event = composed(&line).unwrap();
        let payload = json!({ "event_timestamp": 1_800_000_000, "credential_type": "pin" });
        assert_eq!(
            event["events"],
            json!({ (risc("credential-compromise")): payload })
        );
    }

    #[test]
    fn several_identifiers_become_aliases_and_a_session_makes_the_subject_complex() {
        let line = [
            "session-revoked",
            "--user-iss=https://idp.example.com",
            "--user-sub=7",
            "--user-email=alice@example.com",
            "--session-id=s1",
            "--reason-user=Signed out by an administrator",
        ];
        let expected = json!({
            "sub_id": {
                "format": "complex",
                "session": {"format": "opaque", "id": "s1"},
                "user": {"format": "aliases", "identifiers": [
                    {"format": "iss_sub", "iss": "https://idp.example.com", "sub": "7"},
                    {"format": "email", "email": "alice@example.com"},
                ]},
            },
            "events": {(REVOKED): {
                "event_timestamp": 1_800_000_000,
                "reason_user": {"en": "Signed out by an administrator"},
            }},
        });
        assert_eq!(composed(&line), Ok(expected));
    }

    #[test]
    fn flags_fill_a_credential_change_and_its_rules_hold() {
        let subject = [
            "credential-change",
            "--opaque=7",
            "--credential-type=password",
        ];
        let event = composed(&[&subject[..], &["--change-type=update"]].concat()).unwrap();
        let uri = "https://schemas.openid.net/secevent/caep/event-type/credential-change";
        assert_eq!(event["events"][uri]["change_type"], "update");
        assert_eq!(event["events"][uri]["credential_type"], "password");
        let error = composed(&subject).unwrap_err();
        assert!(error.ends_with("change_type is missing"), "{error}");
    }

    #[test]
    fn a_payload_and_a_subject_can_be_given_as_json() {
        let line = [
            "https://example.com/events/x",
            r#"--sub-id={"format":"opaque","id":"7"}"#,
            r#"--payload={"event_timestamp":1,"a":[true]}"#,
        ];
        let expected = json!({
            "sub_id": {"format": "opaque", "id": "7"},
            "events": {"https://example.com/events/x": {"event_timestamp": 1, "a": [true]}},
        });
        assert_eq!(composed(&line), Ok(expected));
    }

    #[test]
    fn a_line_that_cannot_be_meant_is_refused_with_what_to_fix() {
        let error = composed(&["session-revoke", "--opaque=7"]).unwrap_err();
        assert!(
            error.starts_with("session-revoke is not an event type: use one of session-revoked, ")
        );
        let error = composed(&["session-revoked"]).unwrap_err();
        assert!(error.starts_with("name the subject: "), "{error}");
        let error = composed(&["session-revoked", "--sub-id={}"]).unwrap_err();
        assert_eq!(
            error,
            "--sub-id is not what it has to be: format is missing"
        );
        assert!(composed(&["session-revoked", "--user-iss=https://i.example"]).is_err());
        assert!(composed(&["session-revoked", "--sub-id={}", "--opaque=7"]).is_err());
    }
}
