//! A request and its answer on the page, folded; once for all times that they were the same.

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

/// Writes exchanges that are the same but for what each answer has of its own: the first, and how many there are.
pub(super) fn write(exchanges: &[Exchange], fold: Fold, out: &mut dyn Write) -> io::Result<()> {
    let [exchange, again @ ..] = exchanges else {
        return Ok(());
    };
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
    write!(
        out,
        r#"<details class="exchange"{open}><summary><b>{method}</b> <span class="url">{url}</span> <span class="{class}">{status}</span> "#
    )?;
    write_times(exchange, again, out)?;
    write!(out, "</summary>")?;
    write!(out, r#"<div class="sides"><div><h4>Request</h4><pre>"#)?;
    write_message(&format!("{method} {url}"), headers, body, out)?;
    write!(out, "</pre></div><div><h4>Answer</h4><pre>")?;
    match &exchange.result {
        Ok(answer) => write_message(&status, &answer.headers, &answer.body, out)?,
        Err(error) => write!(out, "{}", Text(&error.to_string()))?,
    }
    writeln!(out, "</pre></div></div></details>")
}

/// How long it took, and how often it came again.
fn write_times(first: &Exchange, again: &[Exchange], out: &mut dyn Write) -> io::Result<()> {
    let millis = |exchange: &Exchange| exchange.took.as_millis();
    let Some(last) = again.last() else {
        let millis = millis(first);
        return write!(out, r#"<span class="took">{millis} ms</span>"#);
    };
    let all = || again.iter().map(millis).chain([millis(first)]);
    let (shortest, longest) = (
        all().min().unwrap_or_default(),
        all().max().unwrap_or_default(),
    );
    let date = last
        .result
        .as_ref()
        .ok()
        .and_then(|answer| answer.header("date").next());
    let last_at = date.map_or_else(String::new, |date| format!(", the last at {}", Text(date)));
    let count = 1 + again.len();
    write!(
        out,
        r#"<span class="times">{count} times{last_at}</span> <span class="took">each {shortest} to {longest} ms</span>"#
    )
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
