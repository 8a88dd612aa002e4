//! The stable codes of errors.

use std::fmt;

use actix_web::http::StatusCode;
use serde::Serialize;

/// What went wrong, as a program can tell it: the `code` of a problem document.
///
/// Codes are part of the interface: they are documented one by one, keep their meaning, and each has one status.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(serde::Deserialize))]
#[serde(rename_all = "snake_case")]
pub(super) enum Code {
    /// The body, the query or a header breaks a rule.
    InvalidRequest,
    /// The event, one of several, breaks a rule.
    InvalidEvent,
    /// None of the events that were handed in was accepted.
    NoEventAccepted,
    /// SETs are not pushed to the `endpoint_url`.
    EndpointNotAllowed,
    /// The stream cannot have the algorithm that is asked for.
    SigningAlgNotOffered,
    /// The stream is not enabled, and what was asked for needs one that is.
    StreamNotEnabled,
    /// The request has no token.
    MissingToken,
    /// The request has a token that is not valid here.
    InvalidToken,
    /// The request has a token that is valid, and not enough for this.
    InsufficientScope,
    /// The source may not hand in such an event.
    SourceNotAllowed,
    /// The operator has disabled the stream, and alone may enable it.
    StreamDisabledByOperator,
    /// The subject is one that no stream can have, or that this one cannot lose.
    SubjectNotAllowed,
    /// The stream has as many subjects as it may have.
    TooManySubjects,
    /// There is one of this name already.
    NameTaken,
    /// There is no such event, or it is not kept any more.
    EventNotFound,
    /// There is no such Receiver.
    ReceiverNotFound,
    /// There is no such source.
    SourceNotFound,
    /// There is nothing at the path.
    NotFound,
    /// The Receiver has no such stream.
    StreamNotFound,
    /// The resource does not have the method.
    MethodNotAllowed,
    /// The body did not arrive in time.
    RequestTimeout,
    /// The Receiver has as many streams as it may have.
    TooManyStreams,
    /// The idempotency key was used for another request.
    IdempotencyKeyReused,
    /// The body is longer than it may be.
    BodyTooLarge,
    /// The path and the query are longer than they may be.
    UriTooLong,
    /// The body is of another kind than the one that is read.
    UnsupportedMediaType,
    /// The same was asked for a moment ago, or too often.
    TooSoon,
    /// The source has handed in more than it may.
    OverQuota,
    /// The library that reads HTTP refused the request.
    BadHttp,
    /// A fault of the server.
    InternalError,
    /// The server cannot do it now.
    Unavailable,
    /// The disk of the database is full.
    StorageFull,
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

impl Code {
    /// The status that the code comes with.
    pub(super) const fn status(self) -> StatusCode {
        match self {
            Self::InvalidRequest
            | Self::InvalidEvent
            | Self::NoEventAccepted
            | Self::EndpointNotAllowed
            | Self::SigningAlgNotOffered
            | Self::StreamNotEnabled
            | Self::BadHttp => StatusCode::BAD_REQUEST,
            Self::MissingToken | Self::InvalidToken => StatusCode::UNAUTHORIZED,
            Self::InsufficientScope
            | Self::SourceNotAllowed
            | Self::StreamDisabledByOperator
            | Self::SubjectNotAllowed
            | Self::TooManySubjects => StatusCode::FORBIDDEN,
            Self::NotFound
            | Self::EventNotFound
            | Self::ReceiverNotFound
            | Self::SourceNotFound
            | Self::StreamNotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::NameTaken | Self::TooManyStreams | Self::IdempotencyKeyReused => {
                StatusCode::CONFLICT
            }
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UriTooLong => StatusCode::URI_TOO_LONG,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooSoon | Self::OverQuota => StatusCode::TOO_MANY_REQUESTS,
            Self::InternalError => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::StorageFull => StatusCode::INSUFFICIENT_STORAGE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All codes in the order of the enum; serde names them when it is given another.
    fn codes() -> Vec<String> {
        let error = serde_json::from_str::<Code>(r#""""#).unwrap_err();
        let told = error.to_string();
        let (_, list) = told.split_once("expected one of ").unwrap();
        let quoted = list.split('`').skip(1).step_by(2);
        quoted.map(str::to_owned).collect()
    }

    /// The rows of the table of codes: code and status.
    fn documented() -> Vec<(String, u16)> {
        let page = include_str!("../../../docs/transmitter.md");
        let (_, section) = page.split_once("\n| code | status |").unwrap();
        let rows = section.lines().skip(2).take_while(|line| !line.is_empty());
        rows.map(|row| {
            let mut cells = row.split('|').map(str::trim).skip(1);
            let code = cells.next().unwrap().trim_matches('`').to_owned();
            (code, cells.next().unwrap().parse().unwrap())
        })
        .collect()
    }

    #[test]
    fn every_code_is_documented_with_its_status_and_no_other_is() {
        let with_status = |code: String| {
            let read: Code = serde_json::from_value(code.clone().into()).unwrap();
            (code, read.status().as_u16())
        };
        let mut expected: Vec<_> = codes().into_iter().map(with_status).collect();
        let mut documented = documented();
        assert!(expected.len() > 10);
        expected.sort();
        documented.sort();
        assert_eq!(documented, expected);
    }
}
