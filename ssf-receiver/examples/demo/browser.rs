//! A scripted browser: it keeps cookies, follows redirects, and clicks.

use std::collections::HashMap;

use reqwest::{Response, StatusCode, header};
use url::Url;

use crate::{BoxError, http_client};

/// Redirects that one click may cause.
const REDIRECTS_MAX: usize = 5;

/// One person's browser.
pub(crate) struct Browser {
    person: &'static str,
    application: Url,
    client: reqwest::Client,
    cookies: HashMap<String, String>,
}

impl Browser {
    pub(crate) fn new(person: &'static str, application_url: &str) -> Result<Self, BoxError> {
        Ok(Self {
            person,
            application: Url::parse(application_url)?,
            client: http_client()?,
            cookies: HashMap::new(),
        })
    }

    /// Signs in: to the application, on to the provider, a click on one's own name, and back.
    pub(crate) async fn sign_in(&mut self) -> Result<(), BoxError> {
        let login = self.application.join("/login")?;
        let mut at = self.redirect(login).await?;
        at.query_pairs_mut().append_pair("person", self.person);
        for _ in 0..REDIRECTS_MAX {
            let answer = self.get(at.clone()).await?;
            if answer.status() == StatusCode::OK {
                return Ok(());
            }
            at = location(&at, &answer)?;
        }
        Err(format!("{}'s sign-in does not end", self.person).into())
    }

    /// Uses the session: the status, and the reason if it is refused.
    pub(crate) async fn use_session(&mut self) -> Result<(StatusCode, Option<String>), BoxError> {
        let answer = self.get(self.application.join("/me")?).await?;
        let status = answer.status();
        let body: serde_json::Value = answer.json().await?;
        Ok((status, body["reason"].as_str().map(str::to_owned)))
    }

    async fn redirect(&mut self, from: Url) -> Result<Url, BoxError> {
        let answer = self.get(from.clone()).await?;
        location(&from, &answer)
    }

    async fn get(&mut self, url: Url) -> Result<Response, BoxError> {
        let mut request = self
            .client
            .get(url.clone())
            .header(header::ACCEPT_LANGUAGE, "en");
        if url.origin() == self.application.origin() && !self.cookies.is_empty() {
            let cookies: Vec<String> = self
                .cookies
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            request = request.header(header::COOKIE, cookies.join("; "));
        }
        let answer = request.send().await?;
        for cookie in answer.headers().get_all(header::SET_COOKIE) {
            let pair = cookie.to_str()?.split(';').next().unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        Ok(answer)
    }
}

fn location(from: &Url, answer: &Response) -> Result<Url, BoxError> {
    let location = answer.headers().get(header::LOCATION).ok_or_else(|| {
        format!(
            "{} answered {} instead of a redirect",
            from.path(),
            answer.status()
        )
    })?;
    Ok(from.join(location.to_str()?)?)
}
