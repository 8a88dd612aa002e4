//! `[[webhook]]`: where to tell of SETs.

use secrecy::{ExposeSecret, SecretString};
use ssf_types::uri::EndpointUrl;

use super::{
    Source,
    layers::Value,
    reader::{Reader, is_name},
    secret,
    transmitter::read_events,
};
use crate::webhook::{Webhook, WebhookSecret};

/// Most webhooks: each reads all that comes.
const WEBHOOKS_MAX: usize = 8;

pub(super) fn read(reader: &mut Reader) -> Option<Vec<Webhook>> {
    let tables = reader.tables("webhook")?;
    if tables.len() > WEBHOOKS_MAX {
        let problem = format!("must be at most {WEBHOOKS_MAX}; there are {}", tables.len());
        reader.fault("webhook", Source::Default, problem);
    }
    let mut webhooks = Some(Vec::new());
    for (name, mut table) in tables {
        if !is_name(&name) {
            let problem = "must have a name of the characters a-z and 0-9".to_owned();
            table.fault("name", Source::Default, problem);
        }
        let webhook = one(name, &mut table);
        reader.close(table);
        webhooks = webhooks.zip(webhook).map(|(mut webhooks, webhook)| {
            webhooks.push(webhook);
            webhooks
        });
    }
    webhooks
}

fn one(name: String, table: &mut Reader) -> Option<Webhook> {
    let url = table.value("url", |value| {
        let expected = "must be set: an https URL without fragment, or an http one on loopback";
        let text = value.and_then(Value::text).ok_or(expected)?;
        EndpointUrl::parse(text).map_err(|error| format!("{expected}: {error}"))
    });
    let secret = secret::read(table, "secret", "secret_file");
    let former = secret::read(table, "former_secret", "former_secret_file");
    let events = table.value("events", |value| value.map(read_events).transpose());
    let (secret, former) = (secret.ok()?, former.ok()?);
    if secret.is_none() {
        let problem = "must be set: whsec_ and the base64 of 24 to 64 random bytes".to_owned();
        table.fault("secret_file", Source::Default, problem);
    }
    let mut secrets = Vec::new();
    for (key, secret) in [("secret", secret), ("former_secret", former)] {
        secrets.extend(secret.map(|secret| parsed(table, key, &secret)));
    }
    let secrets: Option<Vec<WebhookSecret>> = secrets.into_iter().collect();
    Some(Webhook {
        name,
        url: url?.url().clone(),
        secrets: secrets.filter(|secrets| !secrets.is_empty())?,
        events: events?,
    })
}

fn parsed(table: &mut Reader, key: &str, secret: &SecretString) -> Option<WebhookSecret> {
    WebhookSecret::parse(secret.expose_secret())
        .map_err(|error| table.fault(key, Source::Default, error.to_string()))
        .ok()
}
