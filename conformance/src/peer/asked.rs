//! A request that the reference got, as faults may spoil it.

use serde_json::{Map, Value};

use crate::unique::repeated_name;

/// What is asked for; a path that the reference does not have is none of these.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Operation {
    /// POST to the configuration endpoint.
    Create,
    /// GET there, with or without `stream_id`.
    Read,
    /// PATCH there.
    Update,
    /// PUT there.
    Replace,
    /// DELETE there.
    Delete,
    /// GET at the status endpoint.
    ReadStatus,
    /// POST there.
    SetStatus,
    /// POST to the endpoint that adds subjects.
    AddSubject,
    /// POST to the endpoint that removes them.
    RemoveSubject,
    /// POST to the verification endpoint.
    Verify,
    /// POST at the URL of a stream that is polled.
    Poll,
    /// POST to the hook by which events happen.
    Emit,
    /// POST at the hook by which the transmitter decides on a status.
    Decide,
    /// POST at the hook by which another key signs.
    RotateKey,
    /// POST at the hook by which it ends and begins again.
    Restart,
}

impl Operation {
    /// Whether it is asked for at a hook, by its owner.
    pub(super) fn is_of_owner(self) -> bool {
        matches!(
            self,
            Self::Emit | Self::Decide | Self::RotateKey | Self::Restart
        )
    }
}

/// Who asks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Caller {
    /// The Receiver that is `credentials.token`.
    Receiver,
    /// The same, with `credentials.read_only`.
    ReadOnly,
    /// Another Receiver.
    Other,
    /// Somebody with a token that is not known.
    Unknown,
    /// Somebody who shows a token in the header and another in the query.
    Twofold,
    /// Somebody without a token.
    Nobody,
}

/// A request.
#[derive(Clone, Debug)]
pub struct Asked {
    /// What is asked for.
    pub operation: Option<Operation>,
    /// Who asks.
    pub caller: Caller,
    /// The method.
    pub method: String,
    /// The path.
    pub path: String,
    /// The stream that the query names.
    pub stream_id: Option<String>,
    /// The query, as it was sent.
    pub query: String,
    /// Names in lower case and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Asked {
    /// Whether this is asked for.
    pub fn is(&self, operation: Operation) -> bool {
        self.operation == Some(operation)
    }

    /// The first value of a header; `name` is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut named = self.headers.iter().filter(|(found, _)| found == name);
        named.next().map(|(_, value)| value.as_str())
    }

    /// Whether it comes with this bearer token.
    pub fn shows(&self, token: &str) -> bool {
        let header = self.header("authorization").unwrap_or_default();
        header.strip_prefix("Bearer ") == Some(token)
    }

    /// The body, if it is a JSON object in which no member stands twice.
    pub fn object(&self) -> Option<Map<String, Value>> {
        if repeated_name(&self.body).is_some() {
            return None;
        }
        serde_json::from_slice(&self.body).ok()
    }

    /// Changes the body, if it is a JSON object.
    pub fn change(&mut self, change: impl FnOnce(&mut Map<String, Value>)) {
        if let Some(mut object) = self.object() {
            change(&mut object);
            self.body = Value::Object(object).to_string().into_bytes();
        }
    }
}
