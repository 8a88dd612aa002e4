//! An authorization server that says of tokens what a test wants it to say.

use std::{
    collections::HashMap,
    net::TcpListener,
    sync::{Arc, Mutex},
};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer, dev::ServerHandle, http::StatusCode, web,
};
use serde_json::Value;

type Form = HashMap<String, String>;

/// A question as it came.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) authorization: Option<String>,
    pub(crate) form: Form,
}

#[derive(Default)]
struct State {
    answers: Mutex<HashMap<String, (u16, String)>>,
    questions: Mutex<Vec<Question>>,
}

pub(crate) struct Authority {
    /// Where it is asked.
    pub(crate) url: String,
    state: Arc<State>,
    server: ServerHandle,
}

impl Authority {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/introspection", listener.local_addr().unwrap());
        let state = Arc::new(State::default());
        let data = web::Data::from(Arc::clone(&state));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(data.clone())
                .route("/introspection", web::post().to(answer))
        });
        let server = server.workers(1).disable_signals();
        let server = server.listen(listener).unwrap().run();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        Self {
            url,
            state,
            server: handle,
        }
    }

    /// What is said of a token from now on.
    pub(crate) fn says(&self, token: &str, answer: &Value) {
        self.answers(token, 200, &answer.to_string());
    }

    /// With which status and body a question about a token is answered from now on.
    pub(crate) fn answers(&self, token: &str, status: u16, body: &str) {
        let mut answers = self.state.answers.lock().unwrap();
        answers.insert(token.to_owned(), (status, body.to_owned()));
    }

    /// How often it was asked about a token.
    pub(crate) fn asked(&self, token: &str) -> usize {
        let questions = self.state.questions.lock().unwrap();
        let is_about = |question: &&Question| question.form["token"] == token;
        questions.iter().filter(is_about).count()
    }

    /// The last question.
    pub(crate) fn last(&self) -> Question {
        self.state.questions.lock().unwrap().last().unwrap().clone()
    }

    pub(crate) async fn stop(self) {
        self.server.stop(false).await;
    }
}

async fn answer(
    request: HttpRequest,
    form: web::Form<Form>,
    state: web::Data<State>,
) -> HttpResponse {
    let authorization = request.headers().get("authorization");
    let authorization = authorization.map(|value| value.to_str().unwrap().to_owned());
    let answers = state.answers.lock().unwrap().clone();
    let unknown = (200, r#"{"active":false}"#.to_owned());
    let (status, body) = answers.get(&form["token"]).cloned().unwrap_or(unknown);
    state.questions.lock().unwrap().push(Question {
        authorization,
        form: form.into_inner(),
    });
    HttpResponse::build(StatusCode::from_u16(status).unwrap())
        .content_type("application/json")
        .body(body)
}
