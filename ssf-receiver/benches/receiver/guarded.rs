//! What the guard costs an application of actix-web: requests per second with it, beside the same application without.

use std::{
    collections::HashMap,
    io::{self, Write},
    sync::Arc,
    time::Duration,
};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    dev::ServiceRequest,
    middleware::Condition,
    rt,
    web::{self, Data},
};
use serde_json::Value;
use ssf_receiver::{Receiver, SessionKeys};
use ssf_types::{audience::Audience, secret::AuthorizationHeader, time::Timestamp};

use crate::{
    Fallible,
    server::{Server, compare},
};

/// Have this program be the application.
pub(crate) const WITH: &str = "--with-guard";
pub(crate) const WITHOUT: &str = "--without-guard";

/// The least share of the requests per second without it that is good enough.
const GOAL: f64 = 0.97;

const ISSUER: &str = "https://idp.example.com";

const COOKIE: &str = "session";

/// The session that asks.
const ID: &str = "0193592c-7a6e-7d3f-9c1e-8f2b6a4d5e10";

/// For how long is asked.
pub(crate) struct Scale(Duration);

impl Scale {
    pub(crate) const WHOLE: Self = Self(Duration::from_secs(16));
    pub(crate) const SMALL: Self = Self(Duration::from_millis(1));
}

/// Who is signed in, by the cookie.
type Sessions = Arc<HashMap<String, SessionKeys>>;

/// Serves the application until it is ended.
pub(crate) fn serve(is_guarded: bool) -> Fallible<()> {
    rt::System::new().block_on(async {
        let receiver = Receiver::builder(ISSUER, "https://rp.example.com/push")
            .in_memory()
            .existing_stream(
                Audience::new(["https://rp.example.com"])?,
                AuthorizationHeader::parse("Bearer secret")?,
            );
        let receiver = receiver.start().await?;
        let session = receiver
            .session(Timestamp::from_secs(1_700_000_000))
            .auth_time(Timestamp::from_secs(1_700_000_000))
            .iss_sub(ISSUER, "248289761001")
            .email("alice@example.com")
            .sid("08a5019c-17e1-4977-8f42-65a12843ea02");
        let sessions = HashMap::from([(ID.to_owned(), receiver.keys(&session))]);
        let sessions: Sessions = Arc::new(sessions);
        let app = move || {
            let known = Arc::clone(&sessions);
            let session_of =
                move |request: &ServiceRequest| known.get(request.cookie(COOKIE)?.value()).cloned();
            App::new()
                .app_data(Data::from(Arc::clone(&sessions)))
                .wrap(Condition::new(is_guarded, receiver.guard(session_of)))
                .route("/", web::get().to(page))
        };
        let server = HttpServer::new(app).bind("127.0.0.1:0")?;
        for address in server.addrs() {
            writeln!(io::stdout(), "listening={address}")?;
        }
        Ok(server.run().await?)
    })
}

/// A page for somebody who is signed in, small and from memory: an application of which the guard is a large part.
async fn page(request: HttpRequest, sessions: Data<HashMap<String, SessionKeys>>) -> HttpResponse {
    let session = request.cookie(COOKIE);
    if session.is_none_or(|session| !sessions.contains_key(session.value())) {
        return HttpResponse::Unauthorized().finish();
    }
    HttpResponse::Ok()
        .content_type("text/plain")
        .body("You are signed in.")
}

pub(crate) fn measure(scale: &Scale) -> Fallible<Vec<Value>> {
    let (ours, without) = (Server::of_this(WITH)?, Server::of_this(WITHOUT)?);
    let asked = format!("GET / HTTP/1.1\r\nhost: localhost\r\ncookie: {COOKIE}={ID}\r\n\r\n");
    for server in [&ours, &without] {
        server.ask(&asked, 200)?;
        server.ask("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n", 401)?;
    }
    let name = "an application of actix-web with the guard, beside the same without";
    Ok(vec![compare(
        name,
        &asked,
        (&ours, &without),
        GOAL,
        scale.0,
    )?])
}
