//! Whom a SET is about, wherever a dialect has that.

use serde_json::{Map, Value, json};

use crate::push::{Dialect, Way};

/// Whom a SET is about, as SSF 1.0 names them. What SSF 1.0 has is read in each dialect.
pub(super) fn of(claims: &Map<String, Value>, dialect: Option<Dialect>) -> Option<Value> {
    if let Some(sub_id) = claims.get("sub_id") {
        return sub_id.is_object().then(|| sub_id.clone());
    }
    let dialect = dialect.filter(|dialect| dialect.has(Way::SubjectInEvent))?;
    let (uri, event) = claims.get("events")?.as_object()?.iter().next()?;
    if dialect.is_without_subject(uri) {
        return Some(json!({ "format": "opaque", "id": "the stream" }));
    }
    let mut subject = event.get("subject")?.as_object()?.clone();
    if let Some(format) = subject.remove("subject_type") {
        subject.insert("format".to_owned(), format);
    }
    if !subject.contains_key("format") {
        return complex(subject, dialect);
    }
    let current = match subject.get("format").and_then(Value::as_str) {
        Some("iss-sub") => Some("iss_sub"),
        Some("phone") => Some("phone_number"),
        _ => None,
    };
    if let Some(current) = current {
        subject.insert("format".to_owned(), json!(current));
    }
    Some(Value::Object(subject))
}

/// A subject of several members, each a subject; or the only one of them, where that is how a simple one is written.
fn complex(mut members: Map<String, Value>, dialect: Dialect) -> Option<Value> {
    let is_subject = |one: &Value| one.get("format").is_some_and(Value::is_string);
    if members.is_empty() || !members.values().all(is_subject) {
        return None;
    }
    let is_alone = members.len() == 1 && dialect.has(Way::SubjectUnderUser);
    if is_alone && let Some(user) = members.remove("user") {
        return Some(user);
    }
    members.insert("format".to_owned(), json!("complex"));
    Some(Value::Object(members))
}
