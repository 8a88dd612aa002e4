//! HTTP/1.1 over a connection that stays open, with as little work as possible: the client shares the machine with what it
//! measures.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use crate::Fallible;

/// How long an answer may take before the bench fails.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// Most bytes of a body that are read.
const BODY_MAX: u64 = 16 << 20;

pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Fallible<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self {
            stream: BufReader::with_capacity(4096, stream),
        })
    }

    pub(crate) fn send(&mut self, request: &str) -> io::Result<()> {
        self.stream.get_mut().write_all(request.as_bytes())
    }

    pub(crate) fn receive(&mut self) -> Fallible<Answer> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let status = line.split(' ').nth(1).ok_or("no answer")?.parse()?;
        let mut length = 0;
        while line != "\r\n" {
            line.clear();
            if self.stream.read_line(&mut line)? == 0 {
                return Err("the answer breaks off".into());
            }
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.trim_end().parse::<u64>()?.min(BODY_MAX);
            }
        }
        let mut body = Vec::new();
        self.stream.by_ref().take(length).read_to_end(&mut body)?;
        Ok(Answer { status, body })
    }

    /// Sends one request and returns the body of its answer, which must have this status.
    pub(crate) fn ask(&mut self, request: &str, status: u16) -> Fallible<Vec<u8>> {
        self.send(request)?;
        self.receive()?.with(status)
    }
}

impl Answer {
    pub(crate) fn with(self, status: u16) -> Fallible<Vec<u8>> {
        if self.status != status {
            let body = String::from_utf8_lossy(&self.body).into_owned();
            return Err(format!("{} instead of {status}: {body}", self.status).into());
        }
        Ok(self.body)
    }
}

/// A request with a token; its body, if there is one, is JSON.
pub(crate) fn request(method: &str, target: &str, token: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "{method} {target} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}
