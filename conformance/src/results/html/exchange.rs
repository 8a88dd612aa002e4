//! A request and its answer on the page, folded.

use std::io::{self, Write};

use super::text::Text;
use crate::{
    decode::layout,
    exchange::{Exchange, Request},
    results::BODY_BYTES_MAX,
};

/// Whether the page shows the exchange, or its first line alone until somebody unfolds it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fold {
    Open,
    Closed,
}

/// Writes an exchange.
pub(super) fn write(exchange: &Exchange, fold: Fold, out: &mut dyn Write) -> io::Result<()> {
    let Request {
        method,
        url,
        headers,
        body,
    } = &exchange.request;
    let open = match fold {
        Fold::Open => " open",
        Fold::Closed => "",
    };
    let (status, class) = match &exchange.result {
        Ok(answer) => (answer.status.to_string(), "status"),
        Err(_) => ("no answer".to_owned(), "status none"),
    };
    let (method, url) = (Text(method), Text(url.as_str()));
    let millis = exchange.took.as_millis();
    write!(
        out,
        r#"<details class="exchange"{open}><summary><b>{method}</b> <span class="url">{url}</span> <span class="{class}">{status}</span> <span class="took">{millis} ms</span></summary>"#
    )?;
    write!(out, r#"<div class="sides"><div><h4>Request</h4><pre>"#)?;
    write_message(&format!("{method} {url}"), headers, body, out)?;
    write!(out, "</pre></div><div><h4>Answer</h4><pre>")?;
    match &exchange.result {
        Ok(answer) => write_message(&status, &answer.headers, &answer.body, out)?,
        Err(error) => write!(out, "{}", Text(&error.to_string()))?,
    }
    writeln!(out, "</pre></div></div></details>")
}

/// Writes a message; `first` is markup.
fn write_message(
    first: &str,
    headers: &[(String, String)],
    body: &[u8],
    out: &mut dyn Write,
) -> io::Result<()> {
    writeln!(out, "<b>{first}</b>")?;
    for (name, value) in headers {
        writeln!(out, "<i>{}</i>: {}", Text(name), Text(value))?;
    }
    writeln!(out)?;
    if body.is_empty() {
        return write!(out, "<i>no body</i>");
    }
    let shown = body.get(..BODY_BYTES_MAX).unwrap_or(body);
    let text = String::from_utf8_lossy(shown);
    let lines = if text.trim_start().starts_with(['{', '[']) {
        layout::lines(&text)
    } else {
        text.lines().map(str::to_owned).collect()
    };
    for line in lines {
        writeln!(out, "{}", Text(&line))?;
    }
    let left = body.len() - shown.len();
    if left > 0 {
        write!(out, "<i>… {left} bytes more</i>")?;
    }
    Ok(())
}
