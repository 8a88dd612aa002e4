//! The description of all endpoints (`OpenAPI` 3.1), made from the list from which they are routed.
//!
//! Paths are those of the main issuer. Other issuers have the same endpoints behind their own paths, and are not listed, so
//! that nobody learns from the document whom this transmitter serves.

mod operating;
pub(super) mod refusals;
mod schemas;

use actix_web::{
    HttpResponse,
    http::header::CACHE_CONTROL,
    web::{Bytes, Data},
};
use serde_json::{Value, json};
use utoipa::openapi::{
    Header, Info, OpenApi, Paths, RefOr, Required, Server,
    path::{Operation, PathItem},
    schema::{ObjectBuilder, Type},
};

use self::refusals::Anybody;
use super::{
    AppState, issuer_endpoints, operator, shared_endpoints,
    site::{Site, endpoint},
    well_known_endpoints,
};
use crate::domain::scope::Scope;

/// How long an answer may be kept.
const CACHE: &str = "public, max-age=300";

const ABOUT: &str = "A transmitter of the OpenID Shared Signals Framework 1.0. \
    Paths that belong to an issuer stand behind the URL of the main one; other issuers have the same behind theirs. \
    What is described is the default profile; a Receiver with another one may leave out and name differently.";

/// The document as it is served.
pub(super) struct Document(Bytes);

impl Document {
    /// Describes what `state` serves.
    ///
    /// # Errors
    /// It cannot be written as JSON.
    pub(super) fn of(state: &Data<AppState>) -> serde_json::Result<Self> {
        let main = Site::main(state);
        let issuer = main.issuer.as_str();
        let base = Server::new(issuer.strip_suffix('/').unwrap_or(issuer));
        // Relative to where the document is.
        let root = Server::new("/");
        let mut paths = Paths::new();
        issuer_endpoints().describe(&mut paths, &base);
        well_known_endpoints(&main).describe(&mut paths, &root);
        shared_endpoints().describe(&mut paths, &root);
        operator::endpoints().describe(&mut paths, &root);
        paths
            .paths
            .values_mut()
            .flat_map(operations)
            .for_each(complete);
        let mut info = Info::new("Shared Signals transmitter", env!("CARGO_PKG_VERSION"));
        info.description = Some(ABOUT.to_owned());
        let mut document = serde_json::to_value(OpenApi::new(info, paths))?;
        document["components"] = json!({
            "schemas": schemas::all(),
            "securitySchemes": security_schemes(&main),
        });
        Ok(Self(serde_json::to_vec(&document)?.into()))
    }
}

/// GET: the description of this interface (`OpenAPI` 3.1).
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "read_openapi",
    responses(
        (status = 200, description = "This document.", body = ref("#/components/schemas/Document")),
        Anybody,
    ),
)]
pub(super) async fn read(document: Data<Document>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .insert_header((CACHE_CONTROL, CACHE))
        .body(document.0.clone())
}

/// Says that a body, where there is one, must be sent, and of every answer that it has the id of its request.
fn complete(operation: &mut Operation) {
    if let Some(RefOr::T(body)) = &mut operation.request_body {
        body.required = Some(Required::True);
    }
    for response in operation.responses.responses.values_mut() {
        if let RefOr::T(response) = response {
            let id = ObjectBuilder::new().schema_type(Type::String);
            let mut header = Header::new(id.pattern(Some("^[0-9a-f]{32}$")).build());
            header.description = Some("Names the request, here and in the log.".to_owned());
            let name = "X-Request-Id".to_owned();
            response.headers.insert(name, RefOr::T(header));
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        &mut item.get,
        &mut item.put,
        &mut item.post,
        &mut item.delete,
        &mut item.patch,
    ]
    .into_iter()
    .flatten()
}

fn security_schemes(main: &Site) -> Value {
    let scopes = [
        (Scope::Read, "reading streams and statuses, and polling"),
        (Scope::Manage, "everything"),
        (Scope::ManagePoll, "polling alone"),
    ];
    let scopes: Value = scopes
        .into_iter()
        .map(|(scope, about)| (scope.as_str().to_owned(), json!(about)))
        .collect();
    let token_url = endpoint(&main.issuer, Site::TOKEN);
    json!({
        "receiver_token": {
            "type": "http", "scheme": "bearer",
            "description": "The token that a Receiver was given at its registration.",
        },
        "receiver_oauth": {
            "type": "oauth2", "description": "An access token (RFC 9068) of the token endpoint.",
            "flows": { "clientCredentials": { "tokenUrl": token_url, "scopes": scopes } },
        },
        "operator_token": {
            "type": "http", "scheme": "bearer", "description": "The token of an operator, with a scope.",
        },
        "source_token": {
            "type": "http", "scheme": "bearer", "description": "The token of a source.",
        },
        "client_secret_basic": {
            "type": "http", "scheme": "basic", "description": "The id and the secret of a Receiver.",
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What stands behind each `$ref` of a document.
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    if let Some(target) = value.as_str().filter(|_| name == "$ref") {
                        found.push(target.to_owned());
                    }
                    references(value, found);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    #[test]
    fn every_schema_that_is_referred_to_is_there_and_no_other_is() {
        let mut paths = Paths::new();
        let server = Server::new("/");
        issuer_endpoints().describe(&mut paths, &server);
        shared_endpoints().describe(&mut paths, &server);
        operator::endpoints().describe(&mut paths, &server);
        let schemas = schemas::all();
        let mut found = Vec::new();
        references(&serde_json::to_value(&paths).unwrap(), &mut found);
        references(&schemas, &mut found);
        found.sort();
        found.dedup();
        let there = schemas.as_object().unwrap().keys();
        let there: Vec<String> = there
            .map(|name| format!("#/components/schemas/{name}"))
            .collect();
        for name in &there {
            assert!(found.contains(name) || name.ends_with("Metadata"), "{name}");
        }
        assert!(
            found.iter().all(|target| there.contains(target)),
            "{found:?}"
        );
    }

    #[test]
    fn every_operation_has_a_name_of_its_own() {
        let mut paths = Paths::new();
        let server = Server::new("/");
        issuer_endpoints().describe(&mut paths, &server);
        shared_endpoints().describe(&mut paths, &server);
        operator::endpoints().describe(&mut paths, &server);
        let all = paths.paths.values_mut().flat_map(operations);
        let mut ids: Vec<String> = all.map(|it| it.operation_id.clone().unwrap()).collect();
        let count = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), count);
        assert!(count > 10);
    }
}
