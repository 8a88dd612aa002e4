//! What people see: a few plain pages, and the lines of the timeline.

use std::io::Write;

use actix_web::HttpResponse;

pub(crate) const HTML: &str = "text/html; charset=utf-8";

/// What an application says of itself.
pub(crate) struct About {
    title: &'static str,
    text: &'static str,
}

pub(crate) const EMBEDDING: About = About {
    title: "The application that embeds the receiver",
    text: "Its middleware asks <code>ssf-receiver</code>, a library, before each request.",
};

pub(crate) const PROXIED: About = About {
    title: "The application behind nginx",
    text: "It knows nothing of shared signals: nginx asks the program <code>ssf-receiver</code> before it passes a request on.",
};

const STYLE: &str = include_str!("pages/style.css");
const SIGN_IN: &str = "<p><a class=button href='/login'>Sign in</a></p>";

/// Prints a line of the timeline; a closed pipe is no reason to fail.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Answers with a page.
pub(crate) fn html(body: String) -> HttpResponse {
    HttpResponse::Ok().content_type(HTML).body(body)
}

/// A page with one heading, in which nothing comes from elsewhere.
fn page(title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=en><head><meta charset=utf-8><meta name=viewport content='width=device-width'>\
         <link rel=icon href='data:,'><title>{title}</title><style>{STYLE}</style></head>\
         <body><main><h1>{title}</h1>{body}</main></body></html>"
    )
}

/// An application, to somebody who is signed in: the page goes on using the session, and tells when that ends.
pub(crate) fn signed_in(about: &About, person: &str) -> String {
    let body = format!(
        "<p>{}</p><section><p id=status class='status ok' role=status>Signed in as {}</p><p id=reason></p>\
         <p><a class=button href='/'>Reload the page</a> <a class='button quiet' href='/login'>Sign in again</a></p></section>\
         <section><h2>What changed</h2><p>This page uses its session four times a second.</p><ol id=log reversed></ol></section>\
         <script>{}</script>",
        about.text,
        escaped(person),
        include_str!("pages/signed_in.js"),
    );
    page(about.title, &body)
}

/// An application, to a stranger.
pub(crate) fn signed_out(about: &About) -> String {
    let text = about.text;
    let body = format!(
        "<p>{text}</p><section><p class=status>You are not signed in</p>{SIGN_IN}</section>"
    );
    page(about.title, &body)
}

/// An application, to somebody whose session has ended: language and text of the reason.
pub(crate) fn refused((language, reason): (&str, &str)) -> String {
    let (language, reason) = (escaped(language), escaped(reason));
    let body = format!("<section><p lang='{language}' dir=auto>{reason}</p>{SIGN_IN}</section>");
    page("You are signed out", &body)
}

/// The provider's page that asks who it is; `known` has a session there already.
pub(crate) fn choose_person(query: &str, people: &[&str], known: Option<&str>) -> String {
    let query = escaped(query);
    let choice = |person: &&str| {
        let name = named(person);
        let text = if known == Some(person) {
            format!("Go on as {name}")
        } else {
            name
        };
        format!("<a class=button href='/authorize?{query}&amp;person={person}'>{text}</a> ")
    };
    let choices = people.iter().map(choice).collect::<Vec<_>>().concat();
    page(
        "The identity provider",
        &format!("<section><p class=status>Who are you?</p><p>{choices}</p></section>"),
    )
}

/// The provider's console: what an administrator can do to each person.
pub(crate) fn provider_home(people: &[&str]) -> String {
    let section = |person: &&str| {
        let name = named(person);
        format!(
            "<section aria-labelledby={person}><h2 id={person}>{name}</h2><p>\
             <button data-deed=end-session data-person={person}>End the session</button> \
             <button data-deed=change-password data-person={person}>Change the password</button> \
             <button class=quiet data-deed=enrol-passkey data-person={person}>Enrol a passkey</button></p></section>"
        )
    };
    let sections = people.iter().map(section).collect::<Vec<_>>().concat();
    let body = format!(
        "<p>What happens here is told to the transmitter, and that tells the applications.</p>{sections}\
         <section><h2>What was told</h2><ol id=log reversed role=log></ol></section><script>{}</script>",
        include_str!("pages/provider.js"),
    );
    page("The identity provider’s console", &body)
}

/// A name as people write it.
fn named(person: &str) -> String {
    let (first, rest) = person.split_at(1);
    first.to_uppercase() + rest
}

/// A text as it stands between tags, or between quotes within one.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('\'', "&#39;")
        .replace('"', "&quot;")
}
