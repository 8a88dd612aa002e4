//! A refusal as a page, for people who meet it in a browser.

use actix_web::http::header::{ACCEPT, HeaderMap};

/// What the page may load and do: nothing but its own style, and nobody may frame it.
pub(super) const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:1rem/1.5 system-ui,sans-serif;max-width:36rem;margin:15vh auto 0;padding:0 1.5rem}\
h1{font-size:1.5rem;line-height:1.2}\
a{display:inline-block;padding:.5rem 1.25rem;border:1px solid;border-radius:.375rem}";

/// What somebody is told.
pub(super) struct Told<'t> {
    /// What has happened, in English.
    pub(super) title: &'static str,
    /// The language of `text`.
    pub(super) language: &'t str,
    /// The reason.
    pub(super) text: &'t str,
    /// Where to sign in, if that helps and it is known.
    pub(super) sign_in_url: Option<&'t str>,
}

/// Whether whoever asks names HTML among what they accept: browsers do where a page is to be shown, programs do not.
pub(super) fn is_wanted(asked: &HeaderMap) -> bool {
    let values = asked.get_all(ACCEPT);
    let mut ranges = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    ranges.any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let is_html = parts
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case("text/html"));
        is_html && !parts.any(is_zero)
    })
}

/// Whether a parameter says that the range is not accepted (RFC 9110 §12.4.2).
fn is_zero(parameter: &str) -> bool {
    let quality = parameter
        .strip_prefix("q=")
        .or_else(|| parameter.strip_prefix("Q="));
    quality
        .and_then(|quality| quality.parse::<f32>().ok())
        .is_some_and(|quality| quality <= 0.0)
}

/// The page.
pub(super) fn html(told: &Told<'_>) -> String {
    let (title, language) = (told.title, escaped(told.language));
    let text = escaped(told.text);
    let link = told.sign_in_url.map(escaped);
    let link = link.map_or_else(String::new, |url| {
        format!("<p><a href=\"{url}\">Sign in</a></p>")
    });
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title><style>{STYLE}</style></head>\
         <body><main><h1>{title}</h1><p lang=\"{language}\" dir=\"auto\">{text}</p>{link}</main></body></html>"
    )
}

/// A text as it stands between tags, or between double quotes within one.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    #[test]
    fn a_page_is_for_whoever_names_html() {
        let is_wanted = |accept: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, HeaderValue::from_static(accept));
            is_wanted(&headers)
        };
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8";
        for accept in [
            browser,
            "TEXT/HTML",
            "application/json, text/html;q=0.1",
            "text/html ; q=1.0",
        ] {
            assert!(is_wanted(accept), "{accept}");
        }
        for accept in [
            "",
            "*/*",
            "text/*",
            "application/json",
            "text/html;q=0",
            "text/html; Q=0.000",
            "text/htmlx",
        ] {
            assert!(!is_wanted(accept), "{accept}");
        }
        assert!(!super::is_wanted(&HeaderMap::new()));
    }

    #[test]
    fn what_a_transmitter_says_is_text_and_never_markup() {
        let page = html(&Told {
            title: "You are signed out",
            language: "en",
            text: "<script>alert('&\"')</script>",
            sign_in_url: Some("/login?a=\"&b"),
        });
        assert!(page.contains("<p lang=\"en\" dir=\"auto\">&lt;script&gt;alert(&#39;&amp;&quot;&#39;)&lt;/script&gt;</p>"));
        assert!(page.contains("<a href=\"/login?a=&quot;&amp;b\">"));
        assert!(!page.contains("<script"));
    }

    #[test]
    fn without_an_address_nothing_leads_to_a_sign_in() {
        let page = html(&Told {
            title: "No access",
            language: "de",
            text: "Gesperrt",
            sign_in_url: None,
        });
        assert!(page.contains("<h1>No access</h1><p lang=\"de\" dir=\"auto\">Gesperrt</p></main>"));
    }
}
