//! Requests to revoke all tokens of a user (Global Token Revocation §3.2).

use ssf_types::{
    json::{self, JsonError, Members},
    subject::{SimpleSubject, Subject},
};

/// The formats that name a user (RFC 9493 §3.2), apart from `aliases`, which has several of these.
const FORMATS: [&str; 7] = [
    "account",
    "did",
    "email",
    "iss_sub",
    "opaque",
    "phone_number",
    "uri",
];

/// A body is no request to revoke somebody's tokens.
#[derive(Debug, thiserror::Error)]
pub(super) enum RequestError {
    /// It is not the object that it has to be.
    #[error("the body must be a JSON object with sub_id alone")]
    Malformed(#[source] JsonError),
    /// It asks for more than is done.
    #[error("the body must be a JSON object with sub_id alone")]
    More,
    /// The subject is none of a user.
    #[error(
        "the format of sub_id must be aliases, or one of {}",
        FORMATS.join(", ")
    )]
    Unsupported,
}

/// Reads whose tokens are to be revoked. Drafts up to 02 have `subject` in the place of `sub_id`.
///
/// # Errors
/// Says what is wrong with the body, without whom it is about.
pub(super) fn read(body: &[u8]) -> Result<SimpleSubject, RequestError> {
    let malformed = RequestError::Malformed;
    let text = json::check(body).map_err(malformed)?;
    let mut members = Members::parse(text).map_err(malformed)?;
    let name = if members.has("subject") {
        "subject"
    } else {
        "sub_id"
    };
    let subject = members.required_with(name, Subject::read);
    let subject = subject.map_err(malformed)?;
    if members.names().next().is_some() {
        return Err(RequestError::More);
    }
    let Subject::Simple(subject) = subject else {
        return Err(RequestError::Unsupported);
    };
    let is_of_user = |one: &SimpleSubject| FORMATS.contains(&one.format());
    if !subject.alternatives().iter().all(is_of_user) {
        return Err(RequestError::Unsupported);
    }
    Ok(subject)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_draft_are_read() {
        for (subject, format) in [
            (r#"{"format":"email","email":"user@example.com"}"#, "email"),
            (
                r#"{"format":"opaque","id":"e193177dfdc52e3dd03f78c"}"#,
                "opaque",
            ),
            (
                r#"{"format":"iss_sub","iss":"https://issuer.example.com/","sub":"af19c476f1dc4470fa3d0d9a25"}"#,
                "iss_sub",
            ),
            (
                r#"{"format":"aliases","identifiers":[{"format":"opaque","id":"1"},{"format":"email","email":"user@example.com"}]}"#,
                "aliases",
            ),
        ] {
            for name in ["sub_id", "subject"] {
                let body = format!(r#"{{"{name}":{subject}}}"#);
                assert_eq!(read(body.as_bytes()).unwrap().format(), format);
            }
        }
    }

    #[test]
    fn anything_else_is_refused_without_a_word_about_anybody() {
        for body in [
            "",
            "[]",
            "{}",
            r#"{"sub_id":"marker"}"#,
            r#"{"sub_id":{"format":"email","email":"marker"}}"#,
            r#"{"sub_id":{"format":"marker","id":"1"}}"#,
            r#"{"sub_id":{"format":"jwt_id","iss":"https://idp.example.com","jti":"marker"}}"#,
            r#"{"sub_id":{"format":"complex","user":{"format":"opaque","id":"marker"}}}"#,
            r#"{"sub_id":{"format":"aliases","identifiers":[{"format":"jwt_id","iss":"https://idp.example.com","jti":"marker"}]}}"#,
            r#"{"sub_id":{"format":"opaque","id":"marker"},"subject":{"format":"opaque","id":"2"}}"#,
            r#"{"sub_id":{"format":"opaque","id":"marker"},"x":1}"#,
            r#"{"sub_id":{"format":"opaque","id":"marker"},"sub_id":{"format":"opaque","id":"2"}}"#,
        ] {
            let error = read(body.as_bytes()).unwrap_err();
            let told = ssf_types::error::Chain(&error).to_string();
            assert!(!told.contains("marker"), "{body}: {told}");
        }
    }
}
