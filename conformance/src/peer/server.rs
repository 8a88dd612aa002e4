//! The reference behind HTTPS on a port of this machine.

use std::{collections::BTreeMap, io, net::TcpListener, sync::Arc, time::Duration};

use actix_web::{
    HttpRequest, HttpResponse,
    web::{self, Bytes},
};
use serde_json::json;
use tokio::{task::JoinSet, time::timeout};

use super::{
    Asked, Caller, Fault, Operation, Reply, Site,
    chaos::{Chosen, Journal, Mischief},
    fault::Spoilt,
    pusher,
    signer::Signer,
    transmitter::Transmitter,
};
use crate::{
    authority::{Authority, AuthorityError, Flaw},
    run::Given,
    serving::{Door, Serving},
    target_file::{
        AdapterAddress, AuthorityFiles, Credentials, PushSettings, Secrets, TargetFile, Token,
    },
    wire::WireError,
};

/// Where it is.
const HOST: &str = "127.0.0.1";

/// How long a poll waits for something to come.
pub(super) const LONG_POLL: Duration = Duration::from_secs(10);

/// For how long somebody is held who must not be.
const HELD: Duration = Duration::from_millis(2500);

/// Most bytes of a request.
const BODY_BYTES_MAX: usize = 256 * 1024;

/// The tokens that the reference knows.
const TOKENS: [(Token, &str, Caller); 7] = [
    (Token::Receiver, "reference-receiver", Caller::Receiver),
    (Token::ReadOnly, "reference-read-only", Caller::ReadOnly),
    (Token::Other, "reference-other", Caller::Other),
    (Token::ManageOnly, "reference-manage-only", Caller::Receiver),
    (Token::Expired, "reference-expired", Caller::Unknown),
    (Token::Revoked, "reference-revoked", Caller::Unknown),
    (
        Token::OtherAudience,
        "reference-other-audience",
        Caller::Unknown,
    ),
];

/// The reference cannot be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PeerError {
    /// There is no port.
    #[error("there is no port to listen on")]
    Listen(#[source] io::Error),
    /// There is no certificate.
    #[error("there is no certificate to show")]
    Certificate(#[source] AuthorityError),
    /// There is nothing to push with.
    #[error("there is nothing to push with")]
    Client(#[source] reqwest::Error),
    /// There is no key to sign with.
    #[error("a key cannot be made")]
    Key,
    /// There is no HTTP client.
    #[error("there is no HTTP client")]
    Wire(#[source] WireError),
}

/// A reference transmitter that serves until it is dropped.
#[derive(Debug)]
pub struct Peer {
    issuer: String,
    root: String,
    push_authority: Arc<Authority>,
    /// Ends with this.
    _serving: Serving,
    /// And so does this.
    _at_work: JoinSet<()>,
}

impl Peer {
    /// Starts the reference with one fault, or with none.
    ///
    /// # Errors
    /// There is no port, or no certificate.
    pub fn start(fault: Option<&Fault>) -> Result<Self, PeerError> {
        Self::spoilt(Spoilt::by(fault))
    }

    /// Starts it without a fault, but with chaos.
    ///
    /// # Errors
    /// There is no port, or no certificate.
    pub fn with_chaos(chosen: Chosen) -> Result<Self, PeerError> {
        let mischief = Mischief::new(chosen, Journal::closed());
        Self::spoilt(Spoilt::with(Arc::new(mischief)))
    }

    fn spoilt(spoilt: Spoilt) -> Result<Self, PeerError> {
        let authority = Authority::new().map_err(PeerError::Certificate)?;
        let tls = authority.server(HOST, Flaw::None);
        let tls = tls.map_err(PeerError::Certificate)?;
        let listener = TcpListener::bind((HOST, 0)).map_err(PeerError::Listen)?;
        let address = listener.local_addr().map_err(PeerError::Listen)?;
        let mut site = Site::without_fault(&format!("https://{address}"));
        let signer = Signer::new()?;
        let [ec, rsa] = signer.jwks();
        site.keys["keys"][1] = ec;
        site.keys["keys"][2] = rsa;
        if spoilt.rules().pushes_alone {
            site.document["delivery_methods_supported"] = json!(["urn:ietf:rfc:8935"]);
        }
        spoilt.site(&mut site);
        let issuer = site.issuer.clone();
        let push_authority = Arc::new(Authority::new().map_err(PeerError::Certificate)?);
        let client = pusher::client(push_authority.root().as_bytes(), spoilt.rules());
        let client = client.map_err(PeerError::Client)?;
        let transmitter = Arc::new(Transmitter::new(site, signer, spoilt.clone()));
        let mut at_work = JoinSet::new();
        at_work.spawn(pusher::run(Arc::clone(&transmitter), client));
        let entrance = spoilt.rules().entrance;
        let longest = if spoilt.rules().takes_long_bodies {
            usize::MAX
        } else {
            BODY_BYTES_MAX
        };
        let transmitter = web::Data::from(transmitter);
        let spoilt = web::Data::new(spoilt);
        let behind = entrance.in_front(listener, &mut at_work);
        let behind = behind.map_err(PeerError::Listen)?;
        let plain = behind.plain.map(Door::plain);
        let doors = [Door::of(behind.tls, Some(tls))].into_iter().chain(plain);
        let serving = Serving::at(doors, move |app| {
            app.app_data(transmitter.clone())
                .app_data(spoilt.clone())
                .app_data(web::PayloadConfig::new(longest))
                .default_service(web::to(answer));
        });
        Ok(Self {
            issuer,
            root: authority.root().to_owned(),
            push_authority,
            _serving: serving.map_err(PeerError::Listen)?,
            _at_work: at_work,
        })
    }

    /// What a run is given to judge it.
    pub fn given(&self) -> Given {
        let mut file = TargetFile::of(&self.issuer);
        file.credentials = Credentials::all();
        let secrets = Secrets {
            tokens: TOKENS
                .map(|(token, value, _)| (token, value.to_owned()))
                .into(),
            hooks: BTreeMap::new(),
        };
        let origin = self
            .issuer
            .trim_end_matches('/')
            .trim_end_matches("/tenant");
        file.adapters.emit = Some(AdapterAddress::Hook {
            url: format!("{origin}/hook/emit"),
            token_env: None,
        });
        file.push = Some(PushSettings {
            // Nothing is read from there: the authority itself is given.
            authority: Some(AuthorityFiles {
                certificate: "given".into(),
                key: "given".into(),
            }),
            ..PushSettings::default()
        });
        file.adapters.set_status = Some(AdapterAddress::Hook {
            url: format!("{origin}/hook/status"),
            token_env: None,
        });
        for (adapter, path) in [
            (&mut file.adapters.rotate_key, "/hook/key"),
            (&mut file.adapters.restart, "/hook/restart"),
        ] {
            *adapter = Some(AdapterAddress::Hook {
                url: format!("{origin}{path}"),
                token_env: None,
            });
        }
        // What happens is in the queue, and was pushed once, before the hook has answered.
        file.limits.silence_seconds = 0;
        file.limits.event_seconds = 5;
        Given {
            file,
            secrets,
            authorities: Some(self.root.clone().into_bytes()),
            push_authority: Some(Arc::clone(&self.push_authority)),
        }
    }
}

async fn answer(
    request: HttpRequest,
    body: Bytes,
    transmitter: web::Data<Transmitter>,
    spoilt: web::Data<Spoilt>,
) -> HttpResponse {
    let mut asked = asked(&request, body, caller(&request));
    spoilt.request(&mut asked);
    let mut reply = answered(&transmitter, &asked).await;
    if asked.operation.is_some_and(Operation::is_of_owner) {
        pusher::offered(&transmitter).await;
    }
    spoilt.answer(&asked, &mut reply);
    reply.into()
}

/// The answer, which a poll may wait for.
pub(super) async fn answered(transmitter: &Transmitter, asked: &Asked) -> Reply {
    answered_within(transmitter, asked, LONG_POLL).await
}

/// The answer, which a poll may wait for as long as this.
pub(super) async fn answered_within(
    transmitter: &Transmitter,
    asked: &Asked,
    patience: Duration,
) -> Reply {
    let answered = async {
        loop {
            let changed = transmitter.changed();
            tokio::pin!(changed);
            // From here on nothing is missed.
            changed.as_mut().enable();
            if let Some(reply) = transmitter.answer(asked) {
                return reply;
            }
            changed.await;
        }
    };
    if transmitter.holds(asked) {
        tokio::time::sleep(HELD).await;
    }
    let empty = || Reply::json(&json!({ "sets": {} }));
    timeout(patience, answered)
        .await
        .unwrap_or_else(|_| empty())
}

fn caller(request: &HttpRequest) -> Caller {
    let header = request.headers().get("authorization");
    let Some(header) = header.and_then(|value| value.to_str().ok()) else {
        return Caller::Nobody;
    };
    if parameter(request, "access_token").is_some() {
        return Caller::Twofold;
    }
    let (scheme, token) = header.split_once(' ').unwrap_or_default();
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Caller::Unknown;
    }
    let known = TOKENS.into_iter().find(|(_, known, _)| *known == token);
    known.map_or(Caller::Unknown, |(_, _, caller)| caller)
}

/// Who asks where one Receiver is known.
pub(super) fn receiver(request: &HttpRequest, token: &str) -> Caller {
    let header = request.headers().get("authorization");
    let Some(header) = header.and_then(|value| value.to_str().ok()) else {
        return Caller::Nobody;
    };
    let shown = header.split_once(' ');
    let shown = shown.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    match shown {
        Some((_, shown)) if shown.trim() == token => Caller::Receiver,
        Some(_) | None => Caller::Unknown,
    }
}

/// What somebody asks for.
pub(super) fn asked(request: &HttpRequest, body: Bytes, caller: Caller) -> Asked {
    let (method, path) = (request.method().as_str(), request.path());
    Asked {
        operation: Transmitter::operation(method, path),
        caller,
        method: method.to_owned(),
        path: path.to_owned(),
        stream_id: parameter(request, "stream_id"),
        query: request.query_string().to_owned(),
        headers: headers(request),
        body: body.into(),
    }
}

fn parameter(request: &HttpRequest, wanted: &str) -> Option<String> {
    let pairs = url::form_urlencoded::parse(request.query_string().as_bytes());
    let mut named = pairs.filter(|(name, _)| name == wanted);
    named.next().map(|(_, value)| value.into_owned())
}

fn headers(request: &HttpRequest) -> Vec<(String, String)> {
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let headers = request.headers().iter();
    headers
        .map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes())))
        .collect()
}
