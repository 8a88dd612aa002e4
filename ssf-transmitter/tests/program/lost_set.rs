//! A SET that was acknowledged and lost all the same: the real program and a real receiver, with a broken proxy in between.

use std::{
    net::TcpListener,
    sync::{Arc, Mutex},
    time::Duration,
};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    dev::ServerHandle,
    http::{StatusCode, header},
    web::{self, Bytes, Data},
};
use serde_json::json;
use ssf_receiver::{Freshness, Receiver, guard::Decision};
use ssf_types::time::Timestamp;
use tokio::time::timeout;

use crate::rig::{Answer, Installation, PATIENCE, Transmitter, client, event_about};

/// Long enough for a gap to be noticed, which takes a minute, on a machine that is busy.
const GAP_PATIENCE: Duration = Duration::from_mins(5);

/// What stands in front of the application.
#[derive(Default)]
struct Proxy {
    /// The application, if it is there.
    application: Mutex<Option<Receiver>>,
    /// How many of the next pushes are answered 202 and thrown away.
    swallowing: Mutex<u32>,
}

async fn pass_on(request: HttpRequest, body: Bytes, proxy: Data<Proxy>) -> HttpResponse {
    {
        let mut swallowing = proxy.swallowing.lock().unwrap();
        if *swallowing > 0 {
            *swallowing -= 1;
            return HttpResponse::Accepted().finish();
        }
    }
    let Some(receiver) = proxy.application.lock().unwrap().clone() else {
        return HttpResponse::ServiceUnavailable().finish();
    };
    let header = |name| {
        let value = request.headers().get(name);
        value.and_then(|value: &header::HeaderValue| value.to_str().ok())
    };
    let authorization = header(header::AUTHORIZATION);
    let answer = receiver.accept(authorization, header(header::CONTENT_TYPE), &body);
    let answer = answer.await;
    HttpResponse::build(StatusCode::from_u16(answer.status()).unwrap()).finish()
}

fn serve(proxy: &Data<Proxy>, listener: TcpListener) -> ServerHandle {
    let proxy = proxy.clone();
    let server = HttpServer::new(move || {
        App::new()
            .app_data(proxy.clone())
            .route("/ssf/events", web::post().to(pass_on))
    });
    let server = server.workers(1).disable_signals().listen(listener);
    let server = server.unwrap().run();
    let handle = server.handle();
    actix_web::rt::spawn(server);
    handle
}

async fn until(patience: Duration, mut is_so: impl AsyncFnMut() -> bool) {
    let waited = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(patience, waited).await.unwrap();
}

/// How many SETs the transmitter takes to be delivered.
async fn delivered(transmitter: &Transmitter, stream: &str) -> usize {
    let url = transmitter.url(&format!(
        "/operator/v1/deliveries?stream_id={stream}&state=delivered"
    ));
    let token = transmitter.operator_token.as_ref().unwrap();
    let answer = Answer::to(client().get(url).bearer_auth(token)).await;
    answer.json()["items"].as_array().unwrap().len()
}

#[actix_web::test]
async fn a_set_that_a_proxy_acknowledged_and_lost_is_noticed_after_a_restart_and_sent_again() {
    let installation =
        Installation::new().with("SSF_TRANSMITTER_MIN_VERIFICATION_INTERVAL_SECONDS", "1");
    let transmitter = installation.serve();
    let token = installation.add_receiver("application");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}/ssf/events", listener.local_addr().unwrap());
    let proxy = Data::from(Arc::new(Proxy::default()));
    let server = serve(&proxy, listener);
    let directory = tempfile::tempdir().unwrap();
    let database = format!(
        "sqlite://{}",
        directory.path().join("receiver.db").display()
    );
    let start = async || {
        let receiver = Receiver::builder(&transmitter.issuer, &endpoint)
            .database(&database)
            .management_token(token.clone())
            .start()
            .await
            .unwrap();
        *proxy.application.lock().unwrap() = Some(receiver.clone());
        receiver
    };
    let receiver = start().await;
    let is_fresh = async |receiver: &Receiver| receiver.status().freshness == Freshness::Fresh;
    until(PATIENCE, async || is_fresh(&receiver).await).await;
    let url = transmitter.url("/ssf/stream");
    let streams = Answer::to(client().get(url).bearer_auth(&token)).await;
    let id = streams.json()[0]["stream_id"].as_str().unwrap().to_owned();

    *proxy.swallowing.lock().unwrap() = 1;
    let request = client().post(transmitter.url("/ingest/events"));
    let operator = transmitter.operator_token.as_ref().unwrap();
    let request = request.json(&event_about("alice@example.com"));
    assert_eq!(Answer::to(request.bearer_auth(operator)).await.status, 202);
    until(PATIENCE, async || delivered(&transmitter, &id).await == 2).await;
    let acknowledged = receiver.status().acknowledged;
    until(PATIENCE, async || {
        let request = client().post(transmitter.url("/ssf/verify"));
        let request = request.json(&json!({"stream_id": id})).bearer_auth(&token);
        Answer::to(request).await.status == 204
    })
    .await;
    until(PATIENCE, async || {
        receiver.status().acknowledged > acknowledged
    })
    .await;
    *proxy.application.lock().unwrap() = None;
    receiver.stop().await;
    drop(receiver);

    let receiver = start().await;
    let began = Timestamp::from_secs(1_600_000_000);
    let alice = receiver.session(began).email("alice@example.com");
    let is_refused = || matches!(receiver.decide(&alice), Decision::Deny(_));
    assert!(!is_refused());
    until(GAP_PATIENCE, async || is_refused()).await;
    until(GAP_PATIENCE, async || is_fresh(&receiver).await).await;
    assert_eq!(receiver.status().missing, 0);
    receiver.stop().await;
    server.stop(false).await;
}
