//! An application that is told of SETs by webhooks.

use std::{
    net::TcpListener,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, Ordering},
    },
};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer, dev::ServerHandle, http::StatusCode, web,
};
use serde_json::Value;

use super::until;

/// A message as it came.
#[derive(Clone)]
pub struct Message {
    pub id: String,
    pub timestamp: String,
    pub signature: String,
    pub body: String,
}

impl Message {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// What an application has been told.
pub struct Told {
    pub messages: Mutex<Vec<Message>>,
    /// What it answers the next message with; afterwards 204.
    pub status: AtomicU16,
}

pub struct Application {
    pub told: Arc<Told>,
    pub url: String,
    pub server: ServerHandle,
}

impl Application {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hooks", listener.local_addr().unwrap());
        let told = Arc::new(Told {
            messages: Mutex::default(),
            status: 204.into(),
        });
        let data = web::Data::from(Arc::clone(&told));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(data.clone())
                .route("/hooks", web::post().to(hook))
        })
        .workers(1)
        .disable_signals()
        .listen(listener)
        .unwrap()
        .run();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        let server = handle;
        Self { told, url, server }
    }

    pub fn messages(&self) -> Vec<Message> {
        self.told.messages.lock().unwrap().clone()
    }

    pub async fn told(&self, count: usize) -> Vec<Message> {
        until("the application is told", || self.messages().len() >= count).await;
        self.messages()
    }
}

async fn hook(request: HttpRequest, told: web::Data<Told>, body: String) -> HttpResponse {
    let header = |name| {
        request
            .headers()
            .get(name)
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(header("content-type"), "application/json");
    told.messages.lock().unwrap().push(Message {
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signature: header("webhook-signature"),
        body,
    });
    let status = told.status.swap(204, Ordering::SeqCst);
    HttpResponse::build(StatusCode::from_u16(status).unwrap()).finish()
}
