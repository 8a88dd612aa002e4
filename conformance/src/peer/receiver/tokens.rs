//! How the reference Receiver gets a token, where it has the secret of a client: it is told where by what it wants to use.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use serde_json::Value;
use url::{Url, form_urlencoded};

use super::owner::Owner;
use crate::exchange::Request;

/// The scopes where no metadata names others.
const SCOPES: &str = "ssf.manage ssf.read";

impl Owner {
    /// A token for what is at this URL.
    pub(super) async fn token(&mut self, resource: &Url) -> Option<String> {
        let refusal = self.send(Request::get(resource.clone())).await?;
        let challenge = refusal.header("www-authenticate").next()?;
        let (_, url) = challenge.split_once("resource_metadata=\"")?;
        let (url, _) = url.split_once('"')?;
        let document = self.document(Url::parse(url).ok()?).await?;
        let server = document["authorization_servers"][0].as_str()?;
        let url = format!("{server}/.well-known/oauth-authorization-server");
        let metadata = self.document(Url::parse(&url).ok()?).await?;
        let named = document["scopes_supported"].as_array()?;
        let named: Vec<&str> = named.iter().filter_map(Value::as_str).collect();
        let endpoint = Url::parse(metadata["token_endpoint"].as_str()?).ok()?;
        let mut request = Request::new("POST", endpoint);
        let secret = form_urlencoded::byte_serialize(self.orders.token.as_bytes());
        let secret = BASE64.encode(format!("reference:{}", secret.collect::<String>()));
        for (name, value) in [
            ("authorization", format!("Basic {secret}")),
            (
                "content-type",
                "application/x-www-form-urlencoded".to_owned(),
            ),
        ] {
            request.headers.push((name.to_owned(), value));
        }
        request.body = self.form(&named).into_bytes();
        let answer = self.ask(request).await?;
        let token = answer.object().ok()?.remove("access_token")?;
        token.as_str().map(str::to_owned)
    }

    /// What asks for a token, where these scopes are named.
    fn form(&self, named: &[&str]) -> String {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        match self.manners.scopes {
            Scopes::Named => {
                form.append_pair("scope", &named.join(" "));
            }
            Scopes::Known => {
                form.append_pair("scope", SCOPES);
            }
            Scopes::None => {}
        }
        form.finish()
    }

    async fn document(&mut self, url: Url) -> Option<Value> {
        let answer = self.ask(Request::get(url)).await?;
        serde_json::from_slice(&answer.body).ok()
    }
}

/// Which scopes are asked for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Scopes {
    /// Those that the metadata names.
    #[default]
    Named,
    /// Those of the profile, whatever the metadata says.
    Known,
    /// None.
    None,
}
