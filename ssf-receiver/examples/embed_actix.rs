//! The receiver in an application of actix-web, as docs/receiver.md shows it.

use actix_web::{App, HttpServer, dev::ServiceRequest, web};
use ssf_receiver::{Receiver, SessionKeys};

/// The keys that sign-in stored, wherever the application keeps its sessions.
fn session_of(request: &ServiceRequest) -> Option<SessionKeys> {
    serde_json::from_str(request.cookie("session")?.value()).ok() // better: a signed cookie
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let receiver = Receiver::builder(
        "https://idp.example.com",
        "https://app.example.com/ssf/events",
    )
    .database("sqlite://receiver.db")
    .management_token(std::env::var("SSF_TOKEN")?)
    .start()
    .await?;
    let server = HttpServer::new(move || {
        App::new().service(receiver.push_route()).service(
            web::scope("")
                .wrap(receiver.guard(session_of))
                .route("/", web::get().to(async || "Hello")),
        )
    });
    Ok(server.bind("127.0.0.1:8080")?.run().await?)
}
