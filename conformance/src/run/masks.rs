//! Keeps secrets out of what is shown.

use crate::exchange::Exchange;

/// What stands for a secret.
const MASK: &str = "***";

/// The secrets of a run.
#[derive(Clone, Default)]
pub struct Masks(Vec<String>);

impl std::fmt::Debug for Masks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Masks({})", self.0.len())
    }
}

impl Masks {
    /// Masks these.
    pub fn new<'s>(secrets: impl IntoIterator<Item = &'s str>) -> Self {
        let mut secrets: Vec<String> = secrets.into_iter().map(str::to_owned).collect();
        // One that is part of another must not spare the rest of it.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Self(secrets)
    }

    /// The text without secrets.
    pub fn mask(&self, text: &str) -> String {
        let masked = |text: String, secret: &String| text.replace(secret.as_str(), MASK);
        self.0.iter().fold(text.to_owned(), masked)
    }

    /// The exchange without secrets; `Authorization` is one, whatever it holds.
    pub fn mask_exchange(&self, mut exchange: Exchange) -> Exchange {
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

    use url::Url;

    use super::*;
    use crate::exchange::{Answer, Request};

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
