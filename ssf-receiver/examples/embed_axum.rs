//! The receiver in an application of axum, as docs/receiver.md shows it.

use axum::{
    Router,
    body::Bytes,
    extract::{Request, State},
    http::{HeaderMap, header},
    response::Response,
    routing::{get, post},
};
use ssf_receiver::{Receiver, SessionKeys};

/// The keys that sign-in stored, wherever the application keeps its sessions.
fn session_of(request: &Request) -> Option<SessionKeys> {
    let cookie = request.headers().get(header::COOKIE)?.to_str().ok()?;
    serde_json::from_str(cookie.strip_prefix("session=")?).ok() // better: a signed cookie
}

async fn push(State(receiver): State<Receiver>, headers: HeaderMap, set: Bytes) -> Response {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let (authorization, content_type) = (text(header::AUTHORIZATION), text(header::CONTENT_TYPE));
    receiver
        .accept(authorization, content_type, &set)
        .await
        .into()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let receiver = Receiver::builder(
        "https://idp.example.com",
        "https://app.example.com/ssf/events",
    )
    .database("sqlite://receiver.db")
    .management_token(std::env::var("SSF_TOKEN")?)
    .start()
    .await?;
    let app = Router::new()
        .route("/", get(async || "Hello"))
        .layer(receiver.layer(session_of))
        .route("/ssf/events", post(push))
        .with_state(receiver);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    Ok(axum::serve(listener, app).await?)
}
