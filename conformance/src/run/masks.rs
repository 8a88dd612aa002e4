//! Keeps secrets out of what is shown.

use std::sync::Mutex;

use serde_json::Value;
use url::Url;

use crate::{context::locked, exchange::Exchange};

/// What stands for a secret.
const MASK: &str = "***";

/// Shortest text that is taken for a secret when an exchange brings it, in bytes; a shorter one would mask what it is part of.
const LEARNT_BYTES_MIN: usize = 8;

/// The secrets of a run: those that it was given, and those that exchanges bring.
#[derive(Default)]
pub struct Masks(Mutex<Vec<String>>);

impl std::fmt::Debug for Masks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Masks({})", locked(&self.0).len())
    }
}

impl Masks {
    /// Masks these.
    pub fn new<'s>(secrets: impl IntoIterator<Item = &'s str>) -> Self {
        let masks = Self::default();
        for secret in secrets {
            masks.add(secret);
        }
        masks
    }

    /// Masks each `authorization_header` that a body of this exchange has, from now on (SSF 1.0 §6.1.1).
    pub fn learn(&self, exchange: &Exchange) {
        let answer = exchange.result.as_ref().ok().map(|answer| &answer.body);
        for body in [Some(&exchange.request.body), answer].into_iter().flatten() {
            let body: Value = serde_json::from_slice(body).unwrap_or_default();
            self.learn_from(&body);
        }
    }

    fn learn_from(&self, value: &Value) {
        match value {
            Value::Object(members) => {
                let header = members.get("authorization_header").and_then(Value::as_str);
                if let Some(header) = header.filter(|header| header.len() >= LEARNT_BYTES_MIN) {
                    self.add(header);
                }
                members.values().for_each(|member| self.learn_from(member));
            }
            Value::Array(elements) => elements.iter().for_each(|one| self.learn_from(one)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn add(&self, secret: &str) {
        let mut secrets = locked(&self.0);
        if !secrets.iter().any(|known| known == secret) {
            secrets.push(secret.to_owned());
            // One that is part of another must not spare the rest of it.
            secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        }
    }

    /// The text without secrets.
    pub fn mask(&self, text: &str) -> String {
        let masked = |text: String, secret: &String| text.replace(secret.as_str(), MASK);
        locked(&self.0).iter().fold(text.to_owned(), masked)
    }

    /// The URL without secrets, however its query has them encoded.
    pub fn mask_url(&self, url: &Url) -> Url {
        let mut masked = url.clone();
        let pairs = || url.query_pairs();
        if pairs().any(|(_, value)| self.mask(&value) != value) {
            let pairs = pairs().map(|(name, value)| (name, self.mask(&value)));
            masked.query_pairs_mut().clear().extend_pairs(pairs);
        }
        Url::parse(&self.mask(masked.as_str())).unwrap_or(masked)
    }

    /// The exchange without secrets; `Authorization` is one, whatever it holds.
    pub fn mask_exchange(&self, mut exchange: Exchange) -> Exchange {
        exchange.request.url = self.mask_url(&exchange.request.url);
        self.mask_bytes(&mut exchange.request.body);
        for (name, value) in &mut exchange.request.headers {
            *value = if name == "authorization" {
                MASK.to_owned()
            } else {
                self.mask(value)
            };
        }
        if let Ok(answer) = &mut exchange.result {
            self.mask_bytes(&mut answer.body);
            for (_, value) in &mut answer.headers {
                *value = self.mask(value);
            }
        }
        exchange
    }

    fn mask_bytes(&self, bytes: &mut Vec<u8>) {
        if let Ok(text) = str::from_utf8(bytes) {
            *bytes = self.mask(text).into_bytes();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::exchange::{Answer, Request};

    #[test]
    fn the_header_of_a_stream_is_masked_from_when_it_was_seen() {
        let masks = Masks::new(["t0ken"]);
        let answer = Answer {
            status: 201,
            headers: Vec::new(),
            body: br#"[{"delivery":{"authorization_header":"Bearer of-the-stream"}},{"authorization_header":"e"}]"#.to_vec(),
        };
        let request = Request::get(Url::parse("https://h/").unwrap());
        masks.learn(&Exchange::new(request, Ok(answer), Duration::ZERO));
        assert_eq!(masks.mask("Bearer of-the-stream, t0ken, e"), "***, ***, e");
    }

    #[test]
    fn a_secret_is_masked_in_a_query_as_it_is_and_encoded() {
        let url = Url::parse("https://h/s?stream_id=1&access_token=t0%2Fken%3D&x=plain").unwrap();
        let masks = Masks::new(["t0/ken=", "plain"]);
        assert_eq!(
            masks.mask_url(&url).as_str(),
            "https://h/s?stream_id=1&access_token=***&x=***"
        );
        let bare = Url::parse("https://h/s?a=%20b").unwrap();
        assert_eq!(masks.mask_url(&bare), bare);
    }

    #[test]
    fn a_secret_is_masked_wherever_it_stands() {
        let mut request = Request::get(Url::parse("https://h/").unwrap());
        let authorization = ("authorization".to_owned(), "Bearer t0ken".to_owned());
        request.headers.push(authorization);
        request.body = br#"{"authorization_header":"Bearer t0ken-of-push"}"#.to_vec();
        let answer = Answer {
            status: 200,
            headers: vec![("x-echo".to_owned(), "t0ken".to_owned())],
            body: b"t0ken".to_vec(),
        };
        let exchange = Exchange::new(request, Ok(answer), Duration::ZERO);
        let masked = Masks::new(["t0ken", "t0ken-of-push"]).mask_exchange(exchange);
        let text = format!("{masked:?}") + &String::from_utf8_lossy(&masked.request.body);
        assert!(!text.contains("t0ken"), "{text}");
        assert_eq!(masked.result.unwrap().body, b"***");
        assert_eq!(
            masked.request.body,
            br#"{"authorization_header":"Bearer ***"}"#
        );
    }
}
