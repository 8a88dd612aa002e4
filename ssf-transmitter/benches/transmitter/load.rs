//! Requests to the management API over several connections at once, from one thread.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::{
    Fallible,
    connection::{Connection, request},
};

/// Requests that are under way at the same time.
pub(crate) const CONNECTIONS: u32 = 16;

const STREAM: &str = "/ssf/stream";

/// The requests of one Receiver.
pub(crate) struct Load {
    connections: Vec<Connection>,
    token: String,
}

impl Load {
    pub(crate) fn on(address: SocketAddr, token: &str) -> Fallible<Self> {
        let connections = (0..CONNECTIONS).map(|_| Connection::open(address));
        Ok(Self {
            connections: connections.collect::<Fallible<_>>()?,
            token: token.to_owned(),
        })
    }

    /// On each connection one CREATE (SSF 1.0 §8.1.1.1); returns the ids of the streams.
    pub(crate) fn create_all(&mut self) -> Fallible<Vec<String>> {
        let request = create(&self.token);
        let answers = self.round(&vec![request; self.connections.len()], 201)?;
        answers.iter().map(|answer| id_of(answer)).collect()
    }

    /// On each connection one READ of this stream (SSF 1.0 §8.1.1.2).
    pub(crate) fn read_all(&mut self, id: &str) -> Fallible<()> {
        let read = request("GET", &target(id), &self.token, "");
        self.round(&vec![read; self.connections.len()], 200)?;
        Ok(())
    }

    /// On each connection one DELETE (SSF 1.0 §8.1.1.5), of these streams.
    pub(crate) fn delete_all(&mut self, ids: &[String]) -> Fallible<()> {
        let delete = |id: &String| request("DELETE", &target(id), &self.token, "");
        let requests: Vec<String> = ids.iter().map(delete).collect();
        self.round(&requests, 204)?;
        Ok(())
    }

    /// Sends one request on each connection, and then reads the answers.
    fn round(&mut self, requests: &[String], status: u16) -> Fallible<Vec<Vec<u8>>> {
        for (connection, request) in self.connections.iter_mut().zip(requests) {
            connection.send(request)?;
        }
        let asked = self.connections.iter_mut().take(requests.len());
        asked
            .map(|connection| connection.receive()?.with(status))
            .collect()
    }
}

/// One CREATE (SSF 1.0 §8.1.1.1) of a polled stream; returns the answer.
pub(crate) fn create_one(address: SocketAddr, token: &str) -> Fallible<Vec<u8>> {
    Connection::open(address)?.ask(&create(token), 201)
}

fn create(token: &str) -> String {
    let body = json!({
        "delivery": {"method": "urn:ietf:rfc:8936"},
        "events_requested": [
            "https://schemas.openid.net/secevent/caep/event-type/session-revoked",
            "https://schemas.openid.net/secevent/caep/event-type/credential-change",
        ],
        "description": "a stream of a bench",
    });
    request("POST", STREAM, token, &body.to_string())
}

/// The id of the stream that an answer is about.
pub(crate) fn id_of(answer: &[u8]) -> Fallible<String> {
    let stream: Value = serde_json::from_slice(answer)?;
    Ok(stream["stream_id"]
        .as_str()
        .ok_or("no stream_id")?
        .to_owned())
}

fn target(id: &str) -> String {
    format!("{STREAM}?stream_id={id}")
}
