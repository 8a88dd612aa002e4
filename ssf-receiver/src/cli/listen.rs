//! `listen`: for developers. It makes a stream that is polled, tells of each SET that comes, hands it to an application on the
//! developer's machine, and passes the application's answer on. The stream goes when the command ends.

use std::{
    collections::BTreeMap,
    error::Error,
    io::{self, Write},
    time::Duration,
};

use clap::Args;
use ssf_types::{
    dialect::Dialect,
    error::{Chain, ErrCode},
    id::Jti,
    jose::KeySet,
    poll::PollRequest,
    push::PushError,
    set::{Expectation, SetError, UnverifiedSet, VerifiedSet},
    stream::{CreateStream, StreamConfiguration},
    uri::EventTypeUri,
};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::sleep,
};
use url::Url;

use super::{
    Outcome,
    chosen::ChosenArgs,
    stream::{Reached, event_type},
    tell,
};
use crate::{
    builder::events_default,
    client::{
        Http,
        discovery::{self, DiscoveryError},
        poll::{PollAt, PollError},
    },
    clock,
};

/// Longest wait for the answer to a poll: transmitters hold polls for half a minute or so.
const POLL_TIMEOUT: Duration = Duration::from_secs(90);

/// Most SETs of one poll: an application that is being written takes one after the other.
const SETS_MAX: u64 = 10;

/// Wait after a poll that failed, or of which nothing could be settled.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Args, Debug)]
pub(super) struct ListenArgs {
    /// Hands each SET that is sound to this URL: POST, application/secevent+jwt. 2xx acknowledges it, 400 refuses it with what the
    /// body says (RFC 8935 §2.3), and with anything else it comes again
    #[arg(long, value_name = "URL", value_parser = forward_url)]
    forward: Option<Url>,
    /// An event type to ask for; may stand several times [default: those of the configuration]
    #[arg(long = "event", value_name = "URI", value_parser = event_type)]
    events: Vec<EventTypeUri>,
    #[command(flatten)]
    settings: ChosenArgs,
}

fn forward_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    if !["http", "https"].contains(&url.scheme()) || url.host_str().is_none() {
        return Err("must be an http or https URL".to_owned());
    }
    Ok(url)
}

/// What is said of a SET.
enum Said {
    Acknowledged,
    Refused(PushError),
    /// Nothing: it comes again.
    Nothing,
}

/// What was said of SETs, and is not known to have been heard.
#[derive(Default)]
struct Settled {
    acknowledged: Vec<Jti>,
    refused: BTreeMap<Jti, PushError>,
}

impl Settled {
    fn say(&mut self, name: Jti, said: Said) {
        match said {
            Said::Acknowledged => self.acknowledged.push(name),
            Said::Refused(error) => {
                self.refused.insert(name, error);
            }
            Said::Nothing => {}
        }
    }

    /// The poll that says so, and waits for more.
    fn request(&self) -> PollRequest {
        let mut request = PollRequest::acknowledge(self.acknowledged.clone());
        request.set_errs.clone_from(&self.refused);
        request.max_events = Some(SETS_MAX);
        request.return_immediately = false;
        request
    }
}

pub(super) async fn execute(arguments: ListenArgs) -> Outcome {
    // Before there is a stream, so that no signal leaves one behind.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let config = arguments.settings.read()?;
    let events = match arguments.events {
        events if !events.is_empty() => events,
        _ => config
            .transmitter
            .events
            .clone()
            .unwrap_or_else(events_default),
    };
    let dialect = config.transmitter.dialect;
    let reached = Reached::with(config).await?;
    let client = reached.client()?;
    let mut request = CreateStream::poll(events);
    request.description = Some("ssf-receiver listen".to_owned());
    let stream = client.create(&request).await?;
    tell("stream", &stream.stream_id)?;
    let listened = tokio::select! {
        never = listen(&reached, &stream, (arguments.forward, dialect)) => never,
        () = signalled(&mut interrupt, &mut terminate) => Ok(()),
    };
    // Whatever went wrong, the stream was made for this alone.
    client.delete(&stream.stream_id).await?;
    tell("deleted", &stream.stream_id)?;
    listened
}

async fn signalled(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

/// Polls until that is no use any more.
async fn listen(
    reached: &Reached,
    stream: &StreamConfiguration,
    (forward, dialect): (Option<Url>, &'static Dialect),
) -> Outcome {
    let client = reached.client()?;
    let at = PollAt {
        endpoint: client.poll_endpoint(stream)?,
        access: client.access.clone(),
    };
    let expected = Expectation::new(reached.metadata.issuer.clone(), stream.aud.clone());
    let mut verifying = Verifying {
        reached,
        expected: expected.with_dialect(dialect),
        keys: discovery::keys(&reached.http, &reached.metadata).await?,
    };
    let application = match forward {
        Some(url) => Some((Http::of_operator()?, url)),
        None => None,
    };
    let mut settled = Settled::default();
    loop {
        let request = settled.request();
        let answer = match reached.http.poll(&at, &request, POLL_TIMEOUT).await {
            Ok(answer) => answer,
            Err(error @ PollError::Gone(_)) => return Err(error.into()),
            Err(error) => {
                note(&error);
                sleep(PAUSE).await;
                continue;
            }
        };
        settled = Settled::default();
        let mut is_stuck = !answer.response.sets.is_empty();
        for (name, token) in answer.response.sets {
            let said = verifying.take(&token, application.as_ref()).await?;
            is_stuck &= matches!(said, Said::Nothing);
            settled.say(name, said);
        }
        if is_stuck {
            sleep(PAUSE).await;
        }
    }
}

/// Tells on standard error what went wrong and may pass.
fn note(error: &(dyn Error + 'static)) {
    // There is nobody left to tell if standard error is gone.
    let _ = writeln!(io::stderr(), "warning: {}", Chain(error));
}

/// What SETs are verified with.
struct Verifying<'r> {
    reached: &'r Reached,
    expected: Expectation,
    keys: KeySet,
}

impl Verifying<'_> {
    /// Verifies a SET, hands it over, and tells of it.
    async fn take(
        &mut self,
        token: &str,
        application: Option<&(Http, Url)>,
    ) -> Result<Said, Box<dyn Error>> {
        let set = match self.verified(token).await {
            Ok(Ok(set)) => set,
            Ok(Err(error)) => {
                tell("refused", Chain(&error))?;
                return Ok(Said::Refused(PushError::from(&error)));
            }
            Err(error) => {
                note(&error);
                return Ok(Said::Nothing);
            }
        };
        let claims = set.claims();
        let Some((http, url)) = application else {
            tell(
                "event",
                format_args!("{} jti={}", claims.event.uri(), claims.jti),
            )?;
            return Ok(Said::Acknowledged);
        };
        let (told, said) = match http.forward(url.clone(), token).await {
            Ok((status, body)) => (status.to_string(), said(status, &body)),
            Err(error) => {
                note(&error);
                ("none".to_owned(), Said::Nothing)
            }
        };
        let uri = claims.event.uri();
        tell(
            "event",
            format_args!("{uri} jti={} answer={told}", claims.jti),
        )?;
        Ok(said)
    }

    /// Verifies a SET; under a key that is not known, with keys that are fetched anew.
    async fn verified(
        &mut self,
        token: &str,
    ) -> Result<Result<VerifiedSet, SetError>, DiscoveryError> {
        let set = match UnverifiedSet::parse(token.as_bytes()) {
            Ok(set) => set,
            Err(error) => return Ok(Err(error)),
        };
        let verified = set.verify(&self.keys, &self.expected, clock::now());
        if !matches!(&verified, Err(error) if PushError::from(error).err == ErrCode::InvalidKey) {
            return Ok(verified);
        }
        let Reached { http, metadata, .. } = self.reached;
        self.keys = discovery::keys(http, metadata).await?;
        Ok(set.verify(&self.keys, &self.expected, clock::now()))
    }
}

/// What an application's answer to a push says of the SET (RFC 8935 §2.2, §2.3).
fn said(status: u16, body: &[u8]) -> Said {
    match status {
        200..=299 => Said::Acknowledged,
        400 => Said::Refused(PushError::parse(body).unwrap_or_else(|| {
            let told = "the application answered with 400, and said nothing that can be read";
            PushError::new(ErrCode::InvalidRequest, told)
        })),
        _ => Said::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_of_the_application_says_what_it_would_to_a_push() {
        for status in [200, 202, 204] {
            assert!(matches!(said(status, b""), Said::Acknowledged));
        }
        for status in [301, 401, 404, 429, 500, 503] {
            assert!(matches!(said(status, b""), Said::Nothing));
        }
        let body = br#"{"err":"invalid_audience","description":"no"}"#;
        for (body, code) in [(&body[..], "invalid_audience"), (b"no", "invalid_request")] {
            let Said::Refused(error) = said(400, body) else {
                panic!("it is refused")
            };
            assert_eq!(error.err.as_str(), code);
        }
    }

    #[test]
    fn only_a_url_that_can_be_asked_is_forwarded_to() {
        assert!(forward_url("http://127.0.0.1:3000/ssf").is_ok());
        for text in ["", "x", "ftp://x/y", "file:///x", "http:"] {
            assert!(forward_url(text).is_err(), "{text}");
        }
    }
}
