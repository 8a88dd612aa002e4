//! One request of HTTP/1.1, as it comes, and one answer.

use std::io::{self, Write};

use tokio::io::{
    AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt,
};

use crate::exchange::Answer;

/// Longest head, in bytes.
const HEAD_BYTES_MAX: usize = 32 * 1024;

/// Most headers.
const HEADERS_MAX: usize = 100;

/// Longest body, in bytes: a SET has a few thousand.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// Longest line of a chunk, in bytes.
const CHUNK_LINE_BYTES_MAX: usize = 256;

/// A request, as it came.
#[derive(Clone, Debug)]
pub(super) struct Received {
    pub(super) method: String,
    /// Path and query.
    pub(super) target: String,
    /// Names in lower case and values, in the order in which they came.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

/// Reads a request.
///
/// # Errors
/// The connection ends before, or what comes is not HTTP/1.1 or too long.
pub(super) async fn read<S: AsyncBufRead + AsyncWrite + Unpin>(
    stream: &mut S,
) -> io::Result<Received> {
    let mut received = read_head(stream).await?;
    let header = |name: &str| {
        let mut values = received.headers.iter().filter(|(found, _)| found == name);
        values.next().map(|(_, value)| value.to_ascii_lowercase())
    };
    if header("expect").is_some_and(|expected| expected == "100-continue") {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        stream.flush().await?;
    }
    if header("transfer-encoding").is_some_and(|coding| coding.contains("chunked")) {
        received.body = read_chunks(stream).await?;
    } else if let Some(length) = header("content-length") {
        let length: usize = length.parse().map_err(|_| faulty("content-length"))?;
        received.body = read_exactly(stream, length).await?;
    }
    Ok(received)
}

async fn read_head<S: AsyncBufRead + Unpin>(stream: &mut S) -> io::Result<Received> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let left = HEAD_BYTES_MAX.saturating_sub(head.len());
        let read = read_line(stream, &mut head, left).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    let parsed = request.parse(&head);
    if !parsed.is_ok_and(|parsed| parsed.is_complete()) {
        return Err(faulty("head"));
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Received {
        method: request.method.unwrap_or_default().to_owned(),
        target: request.path.unwrap_or_default().to_owned(),
        headers: request
            .headers
            .iter()
            .map(|header| (header.name.to_ascii_lowercase(), text(header.value)))
            .collect(),
        body: Vec::new(),
    })
}

async fn read_chunks<S: AsyncBufRead + Unpin>(stream: &mut S) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = Vec::new();
        read_line(stream, &mut line, CHUNK_LINE_BYTES_MAX).await?;
        let line = str::from_utf8(&line).unwrap_or_default();
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).map_err(|_| faulty("chunk"))?;
        if size == 0 {
            break;
        }
        if body.len() + size > BODY_BYTES_MAX {
            return Err(faulty("body"));
        }
        body.append(&mut read_exactly(stream, size).await?);
        let mut end = [0; 2];
        stream.read_exact(&mut end).await?;
    }
    // Trailers end with an empty line.
    loop {
        let mut line = Vec::new();
        if read_line(stream, &mut line, CHUNK_LINE_BYTES_MAX).await? <= 2 {
            return Ok(body);
        }
    }
}

async fn read_exactly<S: AsyncRead + Unpin>(stream: &mut S, length: usize) -> io::Result<Vec<u8>> {
    if length > BODY_BYTES_MAX {
        return Err(faulty("body"));
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok(body)
}

/// Reads until the end of a line, its end included, but no more than so many bytes.
async fn read_line<S: AsyncBufRead + Unpin>(
    stream: &mut S,
    line: &mut Vec<u8>,
    bytes_max: usize,
) -> io::Result<usize> {
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX);
    let read = stream.take(limit).read_until(b'\n', line).await?;
    if read == bytes_max && !line.ends_with(b"\n") {
        return Err(faulty("line"));
    }
    Ok(read)
}

fn faulty(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("faulty or long {what}"))
}

/// Writes an answer, and says that the connection ends with it.
///
/// # Errors
/// The connection has ended.
pub(super) async fn write<S: AsyncWrite + Unpin>(
    stream: &mut S,
    answer: &Answer,
) -> io::Result<()> {
    let Answer {
        status,
        headers,
        body,
    } = answer;
    let mut head = Vec::new();
    write!(head, "HTTP/1.1 {status} {}\r\n", reason(*status))?;
    for (name, value) in headers {
        write!(head, "{name}: {value}\r\n")?;
    }
    let length = body.len();
    write!(
        head,
        "content-length: {length}\r\nconnection: close\r\n\r\n"
    )?;
    stream.write_all(&head).await?;
    stream.write_all(body).await?;
    stream.shutdown().await
}

/// The phrase that stands behind a status. Nobody needs it, and some clients want it.
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        202 => "Accepted",
        307 => "Temporary Redirect",
        400 => "Bad Request",
        404 => "Not Found",
        429 => "Too Many Requests",
        503 => "Service Unavailable",
        _ => "Other",
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::BufStream;

    use super::*;

    async fn read_all(bytes: &str) -> io::Result<Received> {
        let (mut client, server) = tokio::io::duplex(64 * 1024);
        client.write_all(bytes.as_bytes()).await.unwrap();
        client.shutdown().await.unwrap();
        read(&mut BufStream::new(server)).await
    }

    #[tokio::test]
    async fn a_body_comes_by_its_length_or_in_chunks() {
        let received = read_all("POST /a?b HTTP/1.1\r\nX: 1\r\nContent-Length: 3\r\n\r\nabc").await;
        let received = received.unwrap();
        assert_eq!(
            (received.method.as_str(), received.target.as_str()),
            ("POST", "/a?b")
        );
        assert_eq!(received.headers[0], ("x".to_owned(), "1".to_owned()));
        assert_eq!(received.body, b"abc");
        let chunks = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\nT: 1\r\n\r\n";
        assert_eq!(read_all(chunks).await.unwrap().body, b"abc");
    }

    #[tokio::test]
    async fn what_is_too_long_or_breaks_off_is_an_error() {
        for faulty in [
            "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nab".to_owned(),
            "POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n".to_owned(),
            format!("POST /{} HTTP/1.1\r\n\r\n", "a".repeat(HEAD_BYTES_MAX)),
            "no request\r\n\r\n".to_owned(),
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffff\r\n".to_owned(),
        ] {
            let shown: String = faulty.chars().take(60).collect();
            assert!(read_all(&faulty).await.is_err(), "{shown}");
        }
    }
}
