//! SETs that several cases judge: gathered once in a run, by the first case that needs them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use futures_util::{StreamExt, stream};
use serde_json::{Map, Value, json};
use tokio::sync::OnceCell;

use super::{
    Arrived, Context, Stream,
    subjects::{self, subject_named},
};
use crate::{
    case::{NotRun, NotRunKind, Stop},
    chance::Chance,
    event_types::{self, About, EventType},
    exchange::Exchange,
    set::RawSet,
};

/// How many events the adapter is asked for at once.
const EMITTED_AT_ONCE: usize = 4;

/// What is gathered together, from one stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Gathering {
    /// A verification.
    Verification,
    /// An event of the first type that the target file names, by the adapter.
    Event,
    /// One event of each type of CAEP, each under the URI of its type.
    Caep,
    /// The same of RISC.
    Risc,
    /// The same of OAuth Event Types.
    Oauth,
    /// One event about a subject of each format, each under the name of its format.
    Subjects,
}

impl Gathering {
    /// What chance is named by, so that it is the same whichever case comes first.
    fn name(self) -> &'static str {
        match self {
            Self::Verification => "the verification",
            Self::Event => "the event",
            Self::Caep => "the events of CAEP",
            Self::Risc => "the events of RISC",
            Self::Oauth => "the events of OAuth",
            Self::Subjects => "the subjects",
        }
    }
}

/// A SET that came, and what it should be the SET of.
#[derive(Clone, Debug)]
pub struct Sample {
    /// What it is, for evidence.
    pub what: String,
    /// The SET.
    pub set: RawSet,
    /// The configuration of the stream on which it came.
    pub stream: Map<String, Value>,
    /// Before it was asked for, in seconds since the epoch.
    pub asked: u64,
    /// When it was there.
    pub came: u64,
}

/// What was gathered: under each name a SET, or why there is none.
type Samples = BTreeMap<String, Result<Arc<Sample>, NotRun>>;

/// What came of a gathering, with the requests that show it.
#[derive(Debug)]
struct Gathered {
    samples: Result<Samples, NotRun>,
    exchanges: Vec<Exchange>,
}

/// What a run has gathered so far.
#[derive(Debug, Default)]
pub(crate) struct Gatherings {
    verification: OnceCell<Arc<Gathered>>,
    event: OnceCell<Arc<Gathered>>,
    caep: OnceCell<Arc<Gathered>>,
    risc: OnceCell<Arc<Gathered>>,
    oauth: OnceCell<Arc<Gathered>>,
    subjects: OnceCell<Arc<Gathered>>,
}

impl Gatherings {
    fn of(&self, gathering: Gathering) -> &OnceCell<Arc<Gathered>> {
        match gathering {
            Gathering::Verification => &self.verification,
            Gathering::Event => &self.event,
            Gathering::Caep => &self.caep,
            Gathering::Risc => &self.risc,
            Gathering::Oauth => &self.oauth,
            Gathering::Subjects => &self.subjects,
        }
    }
}

/// Something that the adapter is asked for.
struct Happening {
    /// Under which name its SET is gathered.
    name: String,
    /// The type of the event.
    uri: String,
    /// Whom it happens to.
    subject: Value,
    /// What stands in no other SET, whatever is wrong with this one.
    mark: String,
    /// What the event says.
    payload: Value,
}

impl Context {
    /// The SET of a gathering, which the first case that needs it gathers.
    ///
    /// # Errors
    /// It did not come.
    pub async fn sample(&self, gathering: Gathering) -> Result<Arc<Sample>, Stop> {
        self.sample_of(gathering, gathering.name()).await
    }

    /// The SET of a gathering that has this name.
    ///
    /// # Errors
    /// It did not come.
    pub async fn sample_of(&self, gathering: Gathering, name: &str) -> Result<Arc<Sample>, Stop> {
        let samples = self.samples(gathering).await?;
        match samples.get(name) {
            Some(sample) => sample.clone().map_err(Stop::NotRun),
            None => Err(Stop::blocked(format!("{name} was not asked for"))),
        }
    }

    /// All that was gathered.
    async fn samples(&self, gathering: Gathering) -> Result<Samples, Stop> {
        let mut is_own = false;
        let gather = async {
            is_own = true;
            let before = self.record().exchanges.len();
            let others = self.run().streams_of(self.case());
            let samples = self.gather(gathering).await.map_err(as_not_run);
            // The next gathering needs the room: a Receiver may be allowed one stream alone.
            self.run().clean_up_but(self.case(), &others).await;
            let exchanges = self.record().exchanges.split_off(before);
            self.record().exchanges.extend(exchanges.iter().cloned());
            Arc::new(Gathered { samples, exchanges })
        };
        let cell = self.run().gatherings().of(gathering);
        let gathered = Arc::clone(cell.get_or_init(|| gather).await);
        if self.records(gathering) && !is_own {
            let shown = gathered.exchanges.iter().cloned();
            self.record().exchanges.extend(shown);
        }
        gathered.samples.clone().map_err(Stop::NotRun)
    }

    async fn gather(&self, gathering: Gathering) -> Result<Samples, Stop> {
        let mut chance = Chance::of(self.run().seed(), gathering.name());
        match gathering {
            Gathering::Verification => self.gather_verification(&chance.word()).await,
            Gathering::Event => {
                let word = chance.word();
                let subject = subject_named(&word);
                let uri = self.first_event()?.to_owned();
                let one = Happening {
                    name: gathering.name().to_owned(),
                    payload: event_types::payload_of(&uri, now()),
                    uri,
                    subject,
                    mark: word,
                };
                self.gather_events(vec![one]).await
            }
            Gathering::Caep => self.gather_types(&event_types::CAEP, &mut chance).await,
            Gathering::Risc => self.gather_types(&event_types::RISC, &mut chance).await,
            Gathering::Oauth => self.gather_types(&event_types::OAUTH, &mut chance).await,
            Gathering::Subjects => self.gather_subjects(&mut chance).await,
        }
    }

    async fn gather_verification(&self, state: &str) -> Result<Samples, Stop> {
        let stream = self.stream().await?;
        let asked = now();
        self.verify(&stream, Some(state)).await?;
        let arrived = self.arrival(&stream, |set| has(set, state)).await?;
        let name = Gathering::Verification.name().to_owned();
        let sample = Sample {
            what: name.clone(),
            set: arrived.set,
            stream: stream.configuration,
            asked,
            came: now(),
        };
        Ok(BTreeMap::from([(name, Ok(Arc::new(sample)))]))
    }

    /// One event of each of these types, about whom it is about: each time the same account, number, token or client.
    async fn gather_types(
        &self,
        types: &[&EventType],
        chance: &mut Chance,
    ) -> Result<Samples, Stop> {
        let word = chance.word();
        let number = format!("1555{:08}", chance.number() % 100_000_000);
        let [left, token, client] = [chance.word(), chance.word(), chance.word()];
        let happening = |one: &&EventType| {
            let (mark, subject) = match one.about() {
                About::Account => (&word, subject_named(&word)),
                About::AccountThatLeft => (&left, subject_named(&left)),
                About::Identifier => {
                    let called = format!("+{number}");
                    let subject = json!({ "format": "phone_number", "phone_number": called });
                    (&number, subject)
                }
                About::Token => (&token, subjects::token(&token)),
                About::Client => (
                    &client,
                    json!({ "format": "oauth_client", "client_id": client }),
                ),
            };
            let mark = mark.clone();
            Happening {
                name: one.uri.to_owned(),
                uri: one.uri.to_owned(),
                subject,
                mark,
                payload: one.payload(now()),
            }
        };
        self.gather_events(types.iter().map(happening).collect())
            .await
    }

    /// An event of one type about a subject of each format.
    async fn gather_subjects(&self, chance: &mut Chance) -> Result<Samples, Stop> {
        let uri = self.first_event()?;
        let happening = |(name, mark, subject): (&str, String, Value)| Happening {
            name: name.to_owned(),
            uri: uri.to_owned(),
            subject,
            mark,
            payload: event_types::payload_of(uri, now()),
        };
        let subjects = subjects::of_each_format(chance).into_iter();
        self.gather_events(subjects.map(happening).collect()).await
    }

    /// Has events happen beside one another, and polls until they are there.
    async fn gather_events(&self, happenings: Vec<Happening>) -> Result<Samples, Stop> {
        let types: BTreeSet<&str> = happenings.iter().map(|one| one.uri.as_str()).collect();
        let mut request = self.stream_request();
        request["events_requested"] = json!(types);
        let stream = self.stream_of(&request).await?;
        let asked = now();
        let mut subjects: Vec<&Value> = Vec::new();
        let mut samples = Samples::new();
        let mut awaited = Vec::new();
        for happening in &happenings {
            let ready = self.prepare(&stream, happening, &mut subjects).await;
            match ready {
                Ok(()) => awaited.push(happening),
                Err(stop) => drop(samples.insert(happening.name.clone(), Err(as_not_run(stop)))),
            }
        }
        let mut asking = Vec::new();
        for one in awaited {
            asking.push(async move {
                let happened = self.happen(&one.subject, &one.uri, &one.payload).await;
                (one, happened)
            });
        }
        let at_once = stream::iter(asking).buffer_unordered(EMITTED_AT_ONCE);
        let emitted: Vec<_> = at_once.collect().await;
        let mut awaited = Vec::new();
        for (happening, happened) in emitted {
            match happened {
                Ok(named) => awaited.push((happening, named)),
                Err(stop) => drop(samples.insert(happening.name.clone(), Err(as_not_run(stop)))),
            }
        }
        let came = self.await_all(&stream, asked, awaited).await?;
        samples.extend(came);
        Ok(samples)
    }

    /// Sees that an event would come on the stream.
    async fn prepare<'h>(
        &self,
        stream: &Stream,
        happening: &'h Happening,
        subjects: &mut Vec<&'h Value>,
    ) -> Result<(), Stop> {
        let delivered = stream.configuration.get("events_delivered");
        let delivered = delivered.and_then(Value::as_array);
        if delivered.is_some_and(|types| !types.contains(&json!(happening.uri))) {
            let uri = &happening.uri;
            return Err(Stop::not_offered(format!("{uri} is not delivered")));
        }
        if !subjects.contains(&&happening.subject) {
            self.add_subject(stream, &happening.subject).await?;
            subjects.push(&happening.subject);
        }
        Ok(())
    }

    async fn await_all(
        &self,
        stream: &Stream,
        asked: u64,
        mut awaited: Vec<(&Happening, Value)>,
    ) -> Result<Samples, Stop> {
        // Whatever is wrong with the name of the type, one that is alone is known by its subject.
        let is_alone = awaited.len() == 1;
        let mut samples = Samples::new();
        let mut done: Vec<String> = Vec::new();
        let began = Instant::now();
        while !awaited.is_empty() {
            let brought = self.brought(stream, &done).await?;
            done = brought.iter().map(|arrived| arrived.jti.clone()).collect();
            for Arrived { set, .. } in brought {
                let fits = |(one, named): &(&Happening, Value)| {
                    let is_about = has(&set, &one.mark) || set.claims.get("sub_id") == Some(named);
                    is_about && (is_alone || set.event(&one.uri).is_some())
                };
                if let Some(at) = awaited.iter().position(fits) {
                    let name = awaited.swap_remove(at).0.name.clone();
                    let sample = Sample {
                        what: name.clone(),
                        set,
                        stream: stream.configuration.clone(),
                        asked,
                        came: now(),
                    };
                    samples.insert(name, Ok(Arc::new(sample)));
                }
            }
            if let Err(late) = self.pause_since(began).await {
                let late = as_not_run(late);
                let missing = awaited.drain(..);
                samples.extend(missing.map(|(one, _)| (one.name.clone(), Err(late.clone()))));
            }
        }
        self.show_pushes(stream);
        Ok(samples)
    }
}

/// Whether something stands anywhere in the claims, also where it is written with escapes.
fn has(set: &RawSet, mark: &str) -> bool {
    let [_, claims] = set.texts();
    let is_read = || Value::Object(set.claims.clone()).to_string().contains(mark);
    String::from_utf8_lossy(&claims).contains(mark) || is_read()
}

fn as_not_run(stop: Stop) -> NotRun {
    match stop {
        Stop::NotRun(why) => why,
        Stop::Broken => NotRun {
            kind: NotRunKind::Blocked,
            reason: "nobody answers".to_owned(),
        },
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "moments in SETs are compared with the clock of this machine, which the preflight compared"
)]
pub(super) fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default().as_secs()
}
