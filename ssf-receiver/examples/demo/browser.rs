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
    client: reqwest::Client,
    /// For all ports of the one host, as in any browser.
    cookies: HashMap<String, String>,
}

impl Browser {
    pub(crate) fn new(person: &'static str) -> Result<Self, BoxError> {
        Ok(Self {
            person,
            client: http_client()?,
            cookies: HashMap::new(),
        })
    }

    /// Signs in: to the application, on to the provider, a click on one's own name, and back.
    pub(crate) async fn sign_in(&mut self, application: &Url) -> Result<(), BoxError> {
        let login = application.join("/login")?;
        let answer = self.get(login.clone()).await?;
        let mut at = location(&login, &answer)?;
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
    pub(crate) async fn use_session(
        &mut self,
        application: &Url,
    ) -> Result<(StatusCode, Option<String>), BoxError> {
        let answer = self.get(application.join("/me")?).await?;
        let status = answer.status();
        let body: serde_json::Value = answer.json().await?;
        Ok((status, body["reason"].as_str().map(str::to_owned)))
    }

    async fn get(&mut self, url: Url) -> Result<Response, BoxError> {
        let mut request = self.client.get(url).header(header::ACCEPT_LANGUAGE, "en");
        if !self.cookies.is_empty() {
            let cookies = self.cookies.iter();
            let cookies: Vec<String> = cookies
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
