//! What the reference answers, as faults may spoil it.

use actix_web::{HttpResponse, http::StatusCode};
use serde_json::{Map, Value};

use crate::exchange::Answer;

/// An answer.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// Names and values.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// 200 with JSON.
    pub fn json(body: &Value) -> Self {
        Self::with(200, body)
    }

    /// A status with JSON.
    pub fn with(status: u16, body: &Value) -> Self {
        Self {
            status,
            headers: vec![("Content-Type", "application/json".to_owned())],
            body: body.to_string().into_bytes(),
        }
    }

    /// 200 with JSON whose body comes later.
    pub fn json_later() -> Self {
        Self {
            body: Vec::new(),
            ..Self::json(&Value::Null)
        }
    }

    /// A status and nothing else.
    pub fn error(status: u16) -> Self {
        Self {
            status,
            ..Self::default()
        }
    }

    /// Whether the status is one of the 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as JSON.
    pub fn value(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Changes the body, if it is a JSON object.
    pub fn change(&mut self, change: impl FnOnce(&mut Map<String, Value>)) {
        if let Value::Object(mut object) = self.value() {
            change(&mut object);
            self.body = Value::Object(object).to_string().into_bytes();
        }
    }

    /// Gives a header another value.
    pub fn set_header(&mut self, name: &'static str, value: &str) {
        self.headers.retain(|(found, _)| *found != name);
        self.headers.push((name, value.to_owned()));
    }
}

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Self {
        let headers = reply.headers.into_iter();
        Self {
            status: reply.status,
            headers: headers
                .map(|(name, value)| (name.to_lowercase(), value))
                .collect(),
            body: reply.body,
        }
    }
}

impl From<Reply> for HttpResponse {
    fn from(reply: Reply) -> Self {
        let status = StatusCode::from_u16(reply.status);
        let mut response = Self::build(status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
        for header in reply.headers {
            response.append_header(header);
        }
        response.body(reply.body)
    }
}
