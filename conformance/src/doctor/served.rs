//! Whether a Receiver finds the transmitter that the tester is going to serve.

use std::sync::Arc;

use ssf_types::error::Chain;

use super::{Findings, State, address::unreachable};
use crate::{
    authority::Authority,
    exchange::Request,
    peer::host::issuer_at,
    push::Security,
    receiver_file::ReceiverFile,
    sink::{Sink, SinkError},
    target::Target,
    target_file::PushSettings,
    wire::{Settings, Wire},
};

/// What stands behind the URL of the metadata when that is tried.
const INBOX: &str = "ssf-conformance-doctor";

/// Listens for a moment where the transmitter will be served, and sees whether what is sent to the issuer comes here.
pub(super) async fn served(file: &ReceiverFile, settings: &Settings, findings: &mut Findings) {
    let issuer = match issuer(file) {
        Ok(issuer) => issuer,
        Err(why) => return findings.note("issuer", State::Faulty(why)),
    };
    let authority = match file.security() {
        Security::Plain => None,
        Security::OwnAuthority => match Authority::new() {
            Ok(authority) => Some(Arc::new(authority)),
            Err(error) => {
                return findings.note("issuer", State::Faulty(Chain(&error).to_string()));
            }
        },
    };
    let place = PushSettings {
        listen: file.serve,
        // Whoever passes requests on may pass on those alone that a transmitter has to answer.
        url: file
            .public_url
            .as_ref()
            .map(|_| issuer.metadata_url().into()),
        authority: None,
    };
    match Sink::start(&place, authority.clone()).await {
        Ok(sink) => {
            let listened = format!("{} can be listened on", file.serve);
            findings.note("serve", State::Fine(listened));
            let trusted = trusted(settings, authority.as_deref());
            findings.note("issuer", leads_here(&issuer, file, &sink, &trusted).await);
        }
        Err(SinkError::Listen(address, error)) => findings.note(
            "serve",
            State::Faulty(format!(
                "{address} cannot be listened on ({error}): end what does, or choose another address"
            )),
        ),
        Err(SinkError::Certificate(error)) => findings.note(
            "issuer",
            State::Faulty(format!("there is no certificate for its host: {}", Chain(&error))),
        ),
        Err(SinkError::Url) => {
            findings.note("issuer", State::Faulty("public_url is not a URL".into()));
        }
    }
}

/// The issuer that the Receiver will be told; or what is wrong with it.
fn issuer(file: &ReceiverFile) -> Result<Target, String> {
    let (public, security) = (file.public_url.as_deref(), file.security());
    if public.is_none() && file.serve.ip().is_unspecified() {
        return Err(format!(
            "{} is no address that a receiver could ask: public_url has to name the origin under which it finds the tester",
            file.serve
        ));
    }
    let issuer = issuer_at(public, security, file.serve);
    let issuer = issuer.map_err(|error| {
        format!("{error}: see public_url, and ca_out, which has the transmitter served over https")
    })?;
    if issuer.is_plain() && security == Security::OwnAuthority {
        return Err("public_url has to begin with https://, since ca_out is there".to_owned());
    }
    Ok(issuer)
}

/// The same with the authority of the tester trusted as well, as the Receiver has to.
fn trusted(settings: &Settings, authority: Option<&Authority>) -> Settings {
    let mut trusted = settings.clone();
    if let Some(authority) = authority {
        let pem = trusted.extra_authorities.get_or_insert_default();
        pem.push(b'\n');
        pem.extend_from_slice(authority.root().as_bytes());
    }
    trusted
}

async fn leads_here(
    issuer: &Target,
    file: &ReceiverFile,
    sink: &Sink,
    settings: &Settings,
) -> State {
    let inbox = sink.inbox(INBOX);
    let wire = match Wire::to(inbox.url(), settings) {
        Ok(wire) => wire,
        Err(error) => return State::Faulty(Chain(&error).to_string()),
    };
    let answer = wire.send(Request::get(inbox.url().clone())).await.result;
    let (name, serve) = (issuer.issuer(), file.serve);
    match answer {
        _ if inbox.count() > 0 => State::Fine(format!("{name} leads here")),
        Ok(answer) => State::Faulty(format!(
            "at {name} somebody else answers, with {}: requests have to be passed on to {serve}",
            answer.status
        )),
        Err(error) => unreachable(inbox.url(), &error).await,
    }
}
