//! The yardstick: actix-web alone, which answers the requests of the management API with bytes that it has at hand.

use std::{
    future::pending,
    io::{self, Write},
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use actix_web::{
    App, HttpResponse, HttpServer, rt,
    web::{self, Bytes, Data},
};
use serde_json::{Value, json};

use crate::{Fallible, connection::PATIENCE};

/// Has this program be the bare server.
pub(crate) const ARGUMENT: &str = "--bare";

#[derive(Default)]
struct Polls {
    waiting: AtomicUsize,
}

/// Serves until it is ended; the stream that it answers with comes from standard input.
pub(crate) fn serve() -> Fallible<()> {
    let stream = Bytes::from(io::read_to_string(io::stdin())?);
    let polls = Data::new(Polls::default());
    rt::System::new().block_on(async move {
        let server = HttpServer::new(move || {
            let resource = web::resource("/ssf/stream")
                .get(read)
                .post(create)
                .delete(async || HttpResponse::NoContent().finish());
            App::new()
                .app_data(Data::new(stream.clone()))
                .app_data(polls.clone())
                .service(resource)
                .route("/ssf/poll/{stream_id}", web::post().to(poll))
                .route("/ingest/events", web::post().to(accept))
                .route("/metrics", web::get().to(metrics))
        });
        // A machine that has other work may let a request wait for long: that is no fault of its sender.
        let server = server
            .client_request_timeout(Duration::ZERO)
            .keep_alive(PATIENCE);
        let server = server.bind("127.0.0.1:0")?;
        for address in server.addrs() {
            writeln!(io::stdout(), "listening={address}")?;
        }
        Ok(server.run().await?)
    })
}

async fn read(stream: Data<Bytes>) -> HttpResponse {
    let body = stream.get_ref().clone();
    HttpResponse::Ok()
        .content_type("application/json")
        .body(body)
}

async fn create(stream: Data<Bytes>, _request: Bytes) -> HttpResponse {
    let body = stream.get_ref().clone();
    HttpResponse::Created()
        .content_type("application/json")
        .body(body)
}

async fn poll(polls: Data<Polls>, _request: Bytes) -> HttpResponse {
    polls.waiting.fetch_add(1, Ordering::Relaxed);
    pending().await
}

/// Reads an event, and answers as much as the program does.
async fn accept(event: web::Json<Value>) -> HttpResponse {
    let id = "0193592c-7a6e-7d3f-9c1e-8f2b6a4d5e10";
    HttpResponse::Accepted()
        .insert_header(("cache-control", "no-store"))
        .json(json!({"events": [{"event_id": id, "txn": event["txn"]}]}))
}

async fn metrics(polls: Data<Polls>) -> String {
    let waiting = polls.waiting.load(Ordering::Relaxed);
    format!("ssf_polls_waiting {waiting}\n")
}
