//! A transmitter that answers each request for its management with what a test says, be it right or wrong.

use std::{
    net::TcpListener,
    sync::{Arc, Mutex},
};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer, dev::ServerHandle, http::StatusCode, web,
};
use serde_json::{Value, json};

use crate::common::TOKEN;

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    /// The path and the query.
    pub(crate) place: String,
    pub(crate) content_type: String,
    /// `Null` if there is none.
    pub(crate) body: Value,
}

struct State {
    metadata: Value,
    reply: Mutex<(u16, String)>,
    seen: Mutex<Vec<Seen>>,
}

pub(crate) struct Scripted {
    pub(crate) issuer: String,
    state: Arc<State>,
    server: ServerHandle,
}

impl Scripted {
    pub(crate) fn start() -> Self {
        Self::with(|_| {})
    }

    /// One whose metadata is changed.
    pub(crate) fn with(change: impl FnOnce(&mut Value)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let mut metadata = json!({
            "spec_version": "1_0", "issuer": issuer, "jwks_uri": format!("{issuer}/jwks"),
            "delivery_methods_supported": ["urn:ietf:rfc:8935", "urn:ietf:rfc:8936"],
            "configuration_endpoint": format!("{issuer}/streams"), "status_endpoint": format!("{issuer}/status"),
            "add_subject_endpoint": format!("{issuer}/add"), "remove_subject_endpoint": format!("{issuer}/remove"),
            "verification_endpoint": format!("{issuer}/verify"),
        });
        change(&mut metadata);
        let state = Arc::new(State {
            metadata,
            reply: Mutex::new((500, String::new())),
            seen: Mutex::default(),
        });
        let data = web::Data::from(Arc::clone(&state));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(data.clone())
                .default_service(web::to(answer))
        });
        let server = server.workers(1).disable_signals();
        let server = server.listen(listener).unwrap().run();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        Self {
            issuer,
            state,
            server: handle,
        }
    }

    /// What the requests that follow are answered with; `Null` is no body.
    pub(crate) fn reply(&self, status: u16, body: &Value) {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        *self.state.reply.lock().unwrap() = (status, body);
    }

    /// The last request.
    pub(crate) fn last(&self) -> Seen {
        self.state.seen.lock().unwrap().last().unwrap().clone()
    }

    pub(crate) fn requests(&self) -> usize {
        self.state.seen.lock().unwrap().len()
    }

    /// A sound stream with this id, of which a test changes what it wants.
    pub(crate) fn stream(&self, id: &str) -> Value {
        json!({
            "stream_id": id, "iss": self.issuer, "aud": "https://rp.example.com",
            "events_requested": ["urn:example:1"], "events_delivered": ["urn:example:1"],
            "delivery": { "method": "urn:ietf:rfc:8935", "endpoint_url": "https://rp.example.com/events" },
        })
    }

    pub(crate) async fn stop(self) {
        self.server.stop(false).await;
    }
}

async fn answer(request: HttpRequest, body: web::Bytes, state: web::Data<State>) -> HttpResponse {
    if request.path() == "/.well-known/ssf-configuration" {
        return HttpResponse::Ok().json(&state.metadata);
    }
    let header = |name: &str| {
        let value = request.headers().get(name);
        let text = value.and_then(|value| value.to_str().ok());
        text.unwrap_or_default().to_owned()
    };
    let is_public = request.path() == "/jwks";
    assert!(is_public || header("authorization") == format!("Bearer {TOKEN}"));
    state.seen.lock().unwrap().push(Seen {
        method: request.method().to_string(),
        place: request.uri().to_string(),
        content_type: header("content-type"),
        body: serde_json::from_slice(&body).unwrap_or_default(),
    });
    let (status, body) = state.reply.lock().unwrap().clone();
    HttpResponse::build(StatusCode::from_u16(status).unwrap())
        .content_type("application/json")
        .body(body)
}
