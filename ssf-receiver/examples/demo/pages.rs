//! What people see: two plain pages, and the lines of the timeline.

use std::io::Write;

use actix_web::{HttpResponse, http::header};

/// Prints a line of the timeline; a closed pipe is no reason to fail.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Answers with a page.
pub(crate) fn html(body: String) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/html; charset=utf-8"))
        .body(body)
}

const STYLE: &str = "\
body { font: 16px/1.5 system-ui, sans-serif; max-width: 42rem; margin: 3rem auto; padding: 0 1rem; color: #1c2733; background: #f6f8fa }
h1 { font-size: 1.4rem } section { background: #fff; border: 1px solid #d5dde5; border-radius: 8px; padding: 1rem 1.25rem; margin: 1rem 0 }
a.button, button { font: inherit; display: inline-block; padding: .4rem .9rem; margin: .2rem .4rem .2rem 0; border: 1px solid #2f5d8a; border-radius: 6px; background: #2f5d8a; color: #fff; text-decoration: none; cursor: pointer }
button.quiet { background: #fff; color: #2f5d8a }
.status { font-size: 1.1rem; font-weight: 600 } .ok { color: #1f7a3d } .refused { color: #b3261e }
ol { padding-left: 1.2rem } li { font-variant-numeric: tabular-nums }";

fn page(title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>\
         <link rel=icon href='data:,'><title>{title}</title><style>{STYLE}</style><h1>{title}</h1>{body}</html>"
    )
}

/// The application: who is signed in, asked four times a second.
pub(crate) fn application_home() -> String {
    page(
        "The application",
        "<section><p class=status id=status role=status>…</p><p id=reason></p>\
         <a class=button href='/login'>Sign in</a></section>\
         <section><p>This page uses its session four times a second. What changed:</p><ol id=log reversed></ol></section>\
         <script>
let last = '';
async function look() {
  try {
    const answer = await fetch('/me', { headers: { accept: 'application/json' } });
    const body = await answer.json();
    const text = answer.ok ? 'Signed in as ' + body.person + ' (200)' : 'Refused (401)';
    const seen = text + (body.reason || '');
    if (seen !== last) {
      last = seen;
      const status = document.getElementById('status');
      status.textContent = text;
      status.className = 'status ' + (answer.ok ? 'ok' : 'refused');
      document.getElementById('reason').textContent = body.reason || '';
      const line = document.createElement('li');
      line.textContent = new Date().toLocaleTimeString() + '  ' + text + ' ' + (body.reason || '');
      document.getElementById('log').prepend(line);
    }
  } catch { document.getElementById('status').textContent = 'The application does not answer'; }
}
look(); setInterval(look, 250);
</script>",
    )
}

/// The provider's page that asks who it is.
pub(crate) fn choose_person(query: &str, people: &[&str]) -> String {
    let query = query
        .replace('&', "&amp;")
        .replace('\'', "&#39;")
        .replace('<', "&lt;");
    let choice = |person: &&str| {
        format!("<a class=button href='/authorize?{query}&amp;person={person}'>{person}</a>")
    };
    let choices = people.iter().map(choice).collect::<Vec<_>>().concat();
    page(
        "The identity provider",
        &format!("<section><p>Who are you?</p>{choices}</section>"),
    )
}

/// The provider's console: what an administrator can do to each person.
pub(crate) fn provider_home(people: &[&str]) -> String {
    let section = |person: &&str| {
        format!(
            "<section><p class=status>{person}</p>\
             <button data-deed=end-session data-person={person}>End the session</button>\
             <button data-deed=change-password data-person={person}>Change the password</button>\
             <button class=quiet data-deed=enrol-passkey data-person={person}>Enrol a passkey</button></section>"
        )
    };
    let sections = people.iter().map(section).collect::<Vec<_>>().concat();
    page(
        "The identity provider’s console",
        &format!(
            "{sections}<section><p>Reported to the transmitter:</p><ol id=log reversed></ol></section><script>
for (const button of document.querySelectorAll('button')) button.onclick = async () => {{
  const begun = performance.now();
  const answer = await fetch('/console/' + button.dataset.deed, {{
    method: 'POST', body: new URLSearchParams({{ person: button.dataset.person }}),
  }});
  const line = document.createElement('li');
  line.textContent = new Date().toLocaleTimeString() + '  ' + button.dataset.person + ': ' + button.textContent
    + (answer.ok ? ', accepted after ' + (performance.now() - begun).toFixed(1) + ' ms' : ', failed');
  document.getElementById('log').prepend(line);
}};
</script>"
        ),
    )
}
