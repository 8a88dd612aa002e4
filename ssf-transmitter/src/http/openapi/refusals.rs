//! What each kind of request may be refused with: codes, and with them statuses and headers.

use std::collections::BTreeMap;

use utoipa::{
    IntoResponses,
    openapi::{
        AllOfBuilder, Content, Header, Ref, RefOr, Response,
        schema::{ObjectBuilder, Schema, Type},
    },
};

use super::super::code::Code;

type Responses = BTreeMap<String, RefOr<Response>>;

/// What may come of every request.
const ANY: &[Code] = &[Code::UriTooLong, Code::InternalError];

/// What may come of a request with a token and a query, and of the store.
const TOKEN: &[Code] = &[
    Code::InvalidRequest,
    Code::MissingToken,
    Code::InvalidToken,
    Code::Unavailable,
    Code::StorageFull,
];

/// What may come of a request whose token has scopes.
const SCOPE: &[Code] = &[Code::InsufficientScope];

/// What may come of a request with a body.
const BODY: &[Code] = &[
    Code::RequestTimeout,
    Code::BodyTooLarge,
    Code::UnsupportedMediaType,
];

/// Of a request that anybody may make.
pub(in crate::http) struct Anybody;

impl IntoResponses for Anybody {
    fn responses() -> Responses {
        refused(&[ANY])
    }
}

/// Of a document that there may not be.
pub(in crate::http) struct Optional;

impl IntoResponses for Optional {
    fn responses() -> Responses {
        refused(&[ANY, &[Code::NotFound]])
    }
}

/// Of a document that there may not be, which the store knows.
pub(in crate::http) struct EarlyDocument;

impl IntoResponses for EarlyDocument {
    fn responses() -> Responses {
        refused(&[ANY, &[Code::NotFound, Code::Unavailable]])
    }
}

/// Of a question that needs the store.
pub(in crate::http) struct Probing;

impl IntoResponses for Probing {
    fn responses() -> Responses {
        refused(&[ANY, &[Code::Unavailable]])
    }
}

/// Of a Receiver that reads or deletes a stream.
pub(in crate::http) struct Naming;

impl IntoResponses for Naming {
    fn responses() -> Responses {
        refused(&[ANY, TOKEN, SCOPE, &[Code::StreamNotFound]])
    }
}

/// Of a Receiver that makes a stream.
pub(in crate::http) struct Creating;

impl IntoResponses for Creating {
    fn responses() -> Responses {
        let own = [
            Code::EndpointNotAllowed,
            Code::SigningAlgNotOffered,
            Code::TooManyStreams,
        ];
        refused(&[ANY, TOKEN, SCOPE, BODY, &own])
    }
}

/// Of a Receiver that changes the configuration of a stream.
pub(in crate::http) struct Configuring;

impl IntoResponses for Configuring {
    fn responses() -> Responses {
        let own = [
            Code::EndpointNotAllowed,
            Code::SigningAlgNotOffered,
            Code::StreamNotFound,
        ];
        refused(&[ANY, TOKEN, SCOPE, BODY, &own])
    }
}

/// Of a Receiver that changes the status of its stream.
pub(in crate::http) struct Deciding;

impl IntoResponses for Deciding {
    fn responses() -> Responses {
        let own = [Code::StreamNotFound, Code::StreamDisabledByOperator];
        refused(&[ANY, TOKEN, SCOPE, BODY, &own])
    }
}

/// Of a Receiver that polls, or an operator that changes the status of a stream.
pub(in crate::http) struct Using;

impl IntoResponses for Using {
    fn responses() -> Responses {
        refused(&[ANY, TOKEN, SCOPE, BODY, &[Code::StreamNotFound]])
    }
}

/// Of a Receiver that has its stream verified.
pub(in crate::http) struct Verifying;

impl IntoResponses for Verifying {
    fn responses() -> Responses {
        let own = [Code::StreamNotFound, Code::StreamNotEnabled, Code::TooSoon];
        refused(&[ANY, TOKEN, SCOPE, BODY, &own])
    }
}

/// Of a Receiver that has SETs of its stream sent once more.
pub(in crate::http) struct Resending;

impl IntoResponses for Resending {
    fn responses() -> Responses {
        let own = [Code::StreamNotFound, Code::StreamNotEnabled, Code::TooSoon];
        refused(&[ANY, TOKEN, SCOPE, BODY, &own])
    }
}

/// Of a Receiver that adds subjects to its stream or removes them.
pub(in crate::http) struct Covering;

impl IntoResponses for Covering {
    fn responses() -> Responses {
        let own = [
            Code::StreamNotFound,
            Code::SubjectNotAllowed,
            Code::TooManySubjects,
            Code::TooSoon,
        ];
        refused(&[ANY, TOKEN, SCOPE, BODY, &own])
    }
}

/// Of an operator that looks.
pub(in crate::http) struct Overseeing;

impl IntoResponses for Overseeing {
    fn responses() -> Responses {
        refused(&[ANY, TOKEN, SCOPE])
    }
}

/// Of an operator that asks what has become of an event.
pub(in crate::http) struct Tracing;

impl IntoResponses for Tracing {
    fn responses() -> Responses {
        refused(&[ANY, TOKEN, SCOPE, &[Code::EventNotFound]])
    }
}

/// Of an operator that has deliveries sent once more.
pub(in crate::http) struct Replaying;

impl IntoResponses for Replaying {
    fn responses() -> Responses {
        refused(&[ANY, TOKEN, SCOPE, BODY])
    }
}

/// Of an operator that registers Receivers, gives them other secrets, or removes them.
pub(in crate::http) struct OperatingReceivers;

impl IntoResponses for OperatingReceivers {
    fn responses() -> Responses {
        let own = [Code::NameTaken, Code::ReceiverNotFound];
        refused(&[ANY, TOKEN, SCOPE, BODY, &own])
    }
}

/// Of an operator that adds sources, gives them other tokens, or removes them.
pub(in crate::http) struct OperatingSources;

impl IntoResponses for OperatingSources {
    fn responses() -> Responses {
        let own = [Code::NameTaken, Code::SourceNotFound];
        refused(&[ANY, TOKEN, SCOPE, BODY, &own])
    }
}

/// Of a source, or an operator, that hands events in.
pub(in crate::http) struct HandingIn;

impl IntoResponses for HandingIn {
    fn responses() -> Responses {
        let own = [
            Code::NoEventAccepted,
            Code::SourceNotAllowed,
            Code::IdempotencyKeyReused,
            Code::OverQuota,
        ];
        refused(&[ANY, TOKEN, SCOPE, BODY, &own])
    }
}

/// Of an operator that asks who would get an event.
pub(in crate::http) struct Foreseeing;

impl IntoResponses for Foreseeing {
    fn responses() -> Responses {
        refused(&[ANY, TOKEN, SCOPE, BODY, &[Code::InvalidEvent]])
    }
}

/// Of a client that asks for a token: the form of RFC 6749 §5.2 instead of ours, except for what comes of any request.
pub(in crate::http) struct Granting;

impl IntoResponses for Granting {
    fn responses() -> Responses {
        let own = [
            (
                400,
                "`invalid_request`, `unsupported_grant_type` or `invalid_scope`",
            ),
            (401, "`invalid_client`"),
            (404, "tokens are not issued here"),
            (408, "the body did not arrive in time"),
            (413, "the body is too long"),
            (415, "the body is no form"),
            (429, "the client failed too often"),
            (503, "`temporarily_unavailable`"),
        ];
        let own = own.into_iter().map(|(status, about)| {
            let mut response = Response::new(about);
            let schema = Ref::from_schema_name("TokenRefusal");
            let content = Content::new(Some(schema));
            response
                .content
                .insert("application/json".to_owned(), RefOr::T(content));
            add_headers(&mut response, status);
            (status.to_string(), RefOr::T(response))
        });
        own.chain(refused(&[ANY])).collect()
    }
}

/// Problem documents with these codes, by their statuses.
fn refused(codes: &[&[Code]]) -> Responses {
    let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in codes.iter().copied().flatten() {
        let status = code.status().as_u16();
        by_status.entry(status).or_default().push(*code);
    }
    let response = |(status, codes): (u16, Vec<Code>)| {
        let mut response = Response::new(told(&codes));
        let content = Content::new(Some(problem(&codes)));
        response
            .content
            .insert("application/problem+json".to_owned(), RefOr::T(content));
        add_headers(&mut response, status);
        (status.to_string(), RefOr::T(response))
    };
    by_status.into_iter().map(response).collect()
}

fn told(codes: &[Code]) -> String {
    let codes: Vec<String> = codes.iter().map(|code| format!("`{code}`")).collect();
    codes.join(", ")
}

/// A problem document whose `code` is one of `codes`.
fn problem(codes: &[Code]) -> Schema {
    let codes = codes.iter().map(Code::to_string);
    let code = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(codes));
    let told_by = ObjectBuilder::new().property("code", code);
    AllOfBuilder::new()
        .item(Ref::from_schema_name("Problem"))
        .item(told_by)
        .build()
        .into()
}

/// What answers with this status tell in their headers.
fn add_headers(response: &mut Response, status: u16) {
    let (name, about, kind) = match status {
        401 | 403 => (
            "WWW-Authenticate",
            "How to be let in (RFC 9110 §11.6.1).",
            Type::String,
        ),
        429 | 503 => (
            "Retry-After",
            "Seconds after which the same request may be granted.",
            Type::Integer,
        ),
        _ => return,
    };
    let mut header = Header::new(ObjectBuilder::new().schema_type(kind).build());
    header.description = Some(about.to_owned());
    response.headers.insert(name.to_owned(), RefOr::T(header));
}
