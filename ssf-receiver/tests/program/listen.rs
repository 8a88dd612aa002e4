//! `listen`, with the real transmitter and an application that is being written.

use std::{
    net::TcpListener,
    sync::{Arc, Mutex},
};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    http::StatusCode,
    web::{self, Data},
};
use serde_json::{Value, json};

use crate::{
    rig::{Installation, text},
    stream_for_real::Real,
};

/// What the application answers next, and what it was given: types and bodies.
#[derive(Default)]
struct Application {
    answers: Mutex<Vec<(u16, Value)>>,
    given: Mutex<Vec<(String, String)>>,
}

async fn take(request: HttpRequest, body: String, application: Data<Application>) -> HttpResponse {
    let content_type = request.headers().get("Content-Type").unwrap();
    let content_type = content_type.to_str().unwrap().to_owned();
    let given = &application.given;
    given.lock().unwrap().push((content_type, body));
    let answer = application.answers.lock().unwrap().pop();
    let (status, body) = answer.unwrap_or((202, Value::Null));
    HttpResponse::build(StatusCode::from_u16(status).unwrap()).json(body)
}

fn serve(application: &Data<Application>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/ssf/events", listener.local_addr().unwrap());
    let application = application.clone();
    let server = HttpServer::new(move || {
        App::new()
            .app_data(application.clone())
            .route("/ssf/events", web::post().to(take))
    });
    let server = server.workers(1).disable_signals();
    actix_web::rt::spawn(server.listen(listener).unwrap().run());
    url
}

async fn streams(installation: &Installation) -> Value {
    let output = installation.run(&["stream", "list", "--json"]).await;
    serde_json::from_slice(&output.stdout).unwrap()
}

#[actix_web::test]
async fn what_comes_is_handed_to_the_application_whose_answer_is_passed_on() {
    let transmitter = Real::start();
    let installation = transmitter.installation();
    let application = Data::from(Arc::new(Application::default()));
    let url = serve(&application);
    let refusal = json!({ "err": "invalid_audience", "description": "not mine" });
    application.answers.lock().unwrap().push((400, refusal));
    let mut listening = installation.listen(&["listen", "--forward", &url]);
    let stream = listening.value("stream").await;
    assert_eq!(streams(&installation).await[0]["stream_id"], *stream);

    transmitter.end_sessions_of("alice@example.com").await;
    let event = listening.value("event").await;
    assert!(event.contains("session-revoked jti="), "{event}");
    assert!(event.ends_with("answer=400"), "{event}");
    assert!(!event.contains("alice"), "{event}");
    transmitter.end_sessions_of("bob@example.com").await;
    let event = listening.value("event").await;
    assert!(event.ends_with("answer=202"), "{event}");
    let given = application.given.lock().unwrap().clone();
    assert_eq!(given.len(), 2);
    let is_set = |(kind, body): &(String, String)| {
        kind == "application/secevent+jwt" && body.split('.').count() == 3
    };
    assert!(given.iter().all(is_set));

    listening.interrupt().await;
    assert_eq!(listening.value("deleted").await, stream);
    assert!(listening.ended().await.success());
    assert_eq!(streams(&installation).await, json!([]));
}

#[actix_web::test]
async fn without_an_application_what_comes_is_told_and_acknowledged() {
    let transmitter = Real::start();
    let installation = transmitter.installation();
    let mut listening = installation.listen(&["listen"]);
    listening.value("stream").await;
    for person in ["alice@example.com", "bob@example.com"] {
        transmitter.end_sessions_of(person).await;
        let event = listening.value("event").await;
        assert!(event.contains("session-revoked jti="), "{event}");
    }
    listening.interrupt().await;
    listening.value("deleted").await;
    assert!(listening.ended().await.success());
}

#[actix_web::test]
async fn a_place_that_cannot_be_asked_is_refused_before_there_is_a_stream() {
    let transmitter = Real::start();
    let installation = transmitter.installation();
    let output = installation
        .run(&["listen", "--forward", "ftp://x/y"])
        .await;
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    assert_eq!(streams(&installation).await, json!([]));
}
