//! A [Shared Signals Framework 1.0](https://openid.net/specs/openid-sharedsignals-framework-1_0-final.html) Receiver:
//! when an identity provider says that a session ended, it ends here too, with the next request.
//!
//! A Security Event Token (SET) is verified, stored, put into effect, and only then acknowledged. Whether a session
//! may go on is then decided from memory, without a lock and without asking anybody.
//!
//! ```no_run
//! use actix_web::{App, HttpServer, dev::ServiceRequest, web};
//! use ssf_receiver::{Receiver, Session};
//!
//! /// The session that sign-in stored, wherever the application keeps its sessions.
//! fn session_of(request: &ServiceRequest) -> Option<Session> {
//!     serde_json::from_str(request.cookie("session")?.value()).ok() // better: a signed cookie
//! }
//!
//! #[actix_web::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let receiver = Receiver::builder("https://idp.example.com", "https://rp.example.com/ssf/events")
//!         .database("sqlite://receiver.db")
//!         .management_token(std::env::var("SSF_TOKEN")?)
//!         .start()
//!         .await?;
//!     let app = move || {
//!         App::new()
//!             .service(receiver.push_route())
//!             .service(web::scope("/app").wrap(receiver.guard(session_of)).route("/", web::get().to(|| async { "Hello" })))
//!     };
//!     Ok(HttpServer::new(app).bind("127.0.0.1:8080")?.run().await?)
//! }
//! ```
//!
//! At sign-in, say what is known of the session: see [`Session`]. What an event does is a table: see [`actions`].
//!
//! # Counters
//!
//! With a recorder of the `metrics` crate installed: `ssf_receiver_sets_total` by `result` (`accepted`, `unavailable`,
//! or what a SET was refused for), `ssf_receiver_events_total` by `outcome` (`revoked`, `noted`, `duplicate`,
//! `not_applicable`, `discarded`; `no_room` where it is not acknowledged), `ssf_receiver_guard_decisions_total` by
//! `decision` (`allow`, `revoked`, `blocked`, `reauthenticate`, `step_up`, `renew`, `unconfirmed`), `ssf_receiver_stale_decisions_total`
//! by the same while what is known is stale, `ssf_receiver_renewals_total` by
//! `result` (`confirmed`, `refused`, `unreachable`, `postponed`), `ssf_receiver_key_fetches_total` by `result` (`fetched`, `failed`) and `ssf_receiver_polls_total` by
//! `result` (`answered`, `failed`, `elsewhere` while somebody else polls the same stream), and
//! `ssf_receiver_handled_total` by `handler` and `result` (`done`, `failed`, `dead`), and `ssf_receiver_sessions_deleted_total` by `store`. One that
//! [publishes](publication) what is revoked has `ssf_receiver_publications_total` by `result` (`published`, `failed`, `loaded`) and
//! `ssf_receiver_publication_behind`. Neither labels nor logs tell
//! whom an event is about.
//!
//! # Features
//!
//! `client` (the receiver itself: discovery, keys, the stream), `sqlite` (the durable inbox) and `actix` (the push
//! route and the guard for actix-web) are on by default; `postgres` has the inbox in PostgreSQL, `tower` is the guard as a layer, for axum, and
//! `actix-session` deletes sessions of actix-session that end, wherever `redis` and `sql` find them. `redis` also [publishes](publication)
//! what is revoked. Without any, what remains is pure: sessions, revocations, the
//! index and the decision. `daemon` is the program `ssf-receiver`, for applications that embed nothing.

#[cfg(feature = "client")]
mod acceptance;
pub mod actions;
#[cfg(feature = "client")]
mod answer;
#[cfg(feature = "client")]
mod budget;
#[cfg(feature = "client")]
mod builder;
#[cfg(feature = "daemon")]
pub mod cli;
#[cfg(feature = "client")]
mod client;
#[cfg(feature = "client")]
mod clock;
#[cfg(test)]
#[cfg(feature = "postgres")]
#[path = "../../ssf-transmitter/tests/store/postgres/cluster.rs"]
mod cluster;
#[cfg(feature = "daemon")]
pub mod config;
#[cfg(feature = "redis")]
mod connection;
#[cfg(feature = "client")]
mod core;
#[cfg(feature = "daemon")]
mod daemon;
#[cfg(feature = "client")]
mod deletion;
#[cfg(feature = "client")]
mod expiry;
#[cfg(feature = "client")]
mod failpoint;
#[cfg(feature = "client")]
mod freshness;
pub mod guard;
#[cfg(feature = "client")]
mod heartbeat;
#[cfg(feature = "actix")]
mod http;
pub mod inbox;
#[cfg(feature = "client")]
mod instances;
#[cfg(feature = "client")]
mod keys;
#[cfg(feature = "client")]
mod media_type;
#[cfg(feature = "client")]
mod plan;
#[cfg(feature = "client")]
mod poll;
#[cfg(feature = "redis")]
pub mod publication;
#[cfg(feature = "client")]
mod push_secret;
#[cfg(feature = "client")]
mod quarantine;
#[cfg(feature = "client")]
mod receiver;
#[cfg(feature = "redis")]
mod redis_inbox;
#[cfg(test)]
#[cfg(feature = "redis")]
#[path = "../tests/sessions/redis_server.rs"]
mod redis_server;
#[cfg(feature = "client")]
mod replay;
#[cfg(feature = "daemon")]
mod reported;
pub mod revocation;
#[cfg(feature = "client")]
mod rotation;
mod session;
#[cfg(feature = "client")]
pub mod sessions;
#[cfg(feature = "client")]
mod setup;
#[cfg(feature = "sql")]
mod store;
#[cfg(feature = "client")]
mod stream;
#[cfg(feature = "client")]
mod tasks;
#[cfg(feature = "daemon")]
pub mod telemetry;
#[cfg(feature = "client")]
mod tending;
#[cfg(feature = "client")]
mod transmitter;
#[cfg(feature = "client")]
mod verification;
#[cfg(feature = "daemon")]
pub mod webhook;
#[cfg(feature = "client")]
mod work;

pub use self::session::{IDENTIFIERS_MAX, Session, SessionKeys};
#[cfg(feature = "client")]
pub use self::{
    acceptance::Acceptance,
    answer::Answer,
    builder::{Builder, StartError},
    client::{FetchError, access::OAuthClient},
    deletion::DeleteStreamError,
    freshness::{Freshness, WhenStale, Why},
    poll::PollStatus,
    receiver::Receiver,
    rotation::RotateError,
    stream::StreamState,
    transmitter::{Status, Transmitter},
    work::{
        ATTEMPTS_MAX, Again, DEAD_LETTERS_MAX, DeadLetter, HANDLER_NAME_BYTES_MAX, HANDLERS_MAX,
        HandedSet, HandleError, HandlerName,
    },
};
