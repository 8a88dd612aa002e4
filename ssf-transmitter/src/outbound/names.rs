//! What a name leads to, for each connection anew, and never to where nothing may be sent.

use std::{
    collections::HashMap,
    io,
    net::{SocketAddr, ToSocketAddrs},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::{
    sync::{Semaphore, watch},
    task,
    time::timeout,
};

use super::fault::{AddressRefused, LookUpsCrowded};
use crate::domain::push_address::PushAddresses;

/// Most addresses of IPv4, and as many of IPv6, that are tried for one connection: what is offered beyond them does not
/// make a host more reachable, and each costs a share of the time to connect.
const PER_FAMILY_MAX: usize = 3;

/// How long a look-up is waited for: as long as a connection may take by default.
const LOOKUP_TIME: Duration = Duration::from_secs(5);

/// How long a look-up waits for a thread: less than a connection may take, so that whoever finds all of them taken by silent
/// names of others is told so, and not that its own host does not answer.
const THREAD_TIME: Duration = Duration::from_secs(1);

/// Most threads on which a client's look-ups are under way: each goes on for as long as a name server keeps silent, and
/// belongs to the pool on which SETs are signed, which has 512. There are three clients.
const THREADS_MAX: usize = 128;

/// Resolves names, and passes on what the rule allows.
pub(super) struct VettedNames {
    rule: Arc<PushAddresses>,
    names: Arc<dyn Resolve>,
}

impl VettedNames {
    pub(super) fn new(rule: Arc<PushAddresses>, names: Arc<dyn Resolve>) -> Self {
        Self { rule, names }
    }
}

impl Resolve for VettedNames {
    fn resolve(&self, name: Name) -> Resolving {
        let rule = Arc::clone(&self.rule);
        let host = name.as_str().to_owned();
        let resolving = self.names.resolve(name);
        Box::pin(async move {
            let answers: Vec<SocketAddr> = resolving.await?.collect();
            if answers.is_empty() {
                return Err(io::Error::from(io::ErrorKind::NotFound).into());
            }
            let vetted = vetted(&rule, &host, answers);
            if vetted.is_empty() {
                return Err(AddressRefused.into());
            }
            Ok(Box::new(vetted.into_iter()) as Addrs)
        })
    }
}

/// Those of `answers` that may be called, at most [`PER_FAMILY_MAX`] of each family, in their order.
fn vetted(rule: &PushAddresses, host: &str, answers: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let (mut v4, mut v6) = (0, 0);
    let has_room = |address: &SocketAddr| {
        let family = if address.is_ipv4() { &mut v4 } else { &mut v6 };
        *family += 1;
        *family <= PER_FAMILY_MAX
    };
    let is_allowed = |address: &SocketAddr| rule.allows_for(host, address.ip());
    answers
        .into_iter()
        .filter(is_allowed)
        .filter(has_room)
        .collect()
}

/// Looks a name up, however long that takes.
type LookUp = Arc<dyn Fn(&str) -> io::Result<Vec<SocketAddr>> + Send + Sync>;

/// What came of a look-up, for all who have asked for that name meanwhile.
type Answer = Result<Vec<SocketAddr>, NotFound>;

#[derive(Clone, Debug)]
enum NotFound {
    /// No thread was free in time.
    Crowded,
    /// The operating system says so.
    Unknown(Arc<io::Error>),
}

/// The names that the operating system knows: `/etc/hosts` and name servers.
///
/// A name is looked up once at a time, and whoever asks meanwhile gets the same answer: a name of which nobody hears costs
/// one thread, however many connections wait for it.
pub(super) struct SystemNames(Arc<Shared>);

struct Shared {
    look_up: LookUp,
    threads: Arc<Semaphore>,
    /// The look-ups that are under way, so that its size follows from what is going on.
    under_way: Mutex<HashMap<String, watch::Receiver<Option<Answer>>>>,
}

impl SystemNames {
    pub(super) fn new() -> Self {
        Self::asking(Arc::new(|host| Ok((host, 0).to_socket_addrs()?.collect())))
    }

    fn asking(look_up: LookUp) -> Self {
        Self(Arc::new(Shared {
            look_up,
            threads: Arc::new(Semaphore::new(THREADS_MAX)),
            under_way: Mutex::default(),
        }))
    }
}

impl Resolve for SystemNames {
    fn resolve(&self, name: Name) -> Resolving {
        let shared = Arc::clone(&self.0);
        Box::pin(async move {
            let mut asked = shared.ask(name.as_str());
            let answered = timeout(LOOKUP_TIME, asked.wait_for(Option::is_some)).await;
            let answer = match answered {
                Ok(Ok(answer)) => answer.clone(),
                Ok(Err(_)) | Err(_) => None,
            };
            match answer {
                Some(Ok(found)) => Ok(Box::new(found.into_iter()) as Addrs),
                Some(Err(NotFound::Crowded)) => Err(LookUpsCrowded.into()),
                Some(Err(NotFound::Unknown(error))) => {
                    Err(io::Error::new(error.kind(), error).into())
                }
                None => Err(io::Error::from(io::ErrorKind::TimedOut).into()),
            }
        })
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, watch::Receiver<Option<Answer>>>> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Joins the look-up of a name, or begins it. It goes on when nobody waits any more.
    fn ask(self: &Arc<Self>, host: &str) -> watch::Receiver<Option<Answer>> {
        let mut under_way = self.lock();
        // One whose runtime has ended is told by nobody any more.
        let is_alive = |asked: &&watch::Receiver<_>| asked.has_changed().is_ok();
        if let Some(asked) = under_way.get(host).filter(is_alive) {
            return asked.clone();
        }
        let (teller, asked) = watch::channel(None);
        under_way.insert(host.to_owned(), asked.clone());
        let (shared, host) = (Arc::clone(self), host.to_owned());
        tokio::spawn(async move {
            let answer = shared.answer(&host).await;
            // Before it is told, so that whoever asks after that asks anew.
            shared.lock().remove(&host);
            teller.send_replace(Some(answer));
        });
        asked
    }

    async fn answer(&self, host: &str) -> Answer {
        let thread = Arc::clone(&self.threads).acquire_owned();
        // Nobody closes it.
        let Ok(Ok(thread)) = timeout(THREAD_TIME, thread).await else {
            return Err(NotFound::Crowded);
        };
        let (look_up, host) = (Arc::clone(&self.look_up), host.to_owned());
        let found = task::spawn_blocking(move || {
            let found = look_up(&host);
            drop(thread);
            found
        });
        let found = found.await.unwrap_or_else(|broken| Err(broken.into()));
        found.map_err(|error| NotFound::Unknown(Arc::new(error)))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    };

    use futures_util::{FutureExt, future::join_all};
    use tokio::time;

    use super::*;
    use crate::domain::push_address::OwnMachine;

    fn vet(answers: &[&str]) -> Vec<String> {
        let rule = PushAddresses::new(OwnMachine::Refused, Vec::new());
        let answers = answers.iter().map(|text| text.parse().unwrap()).collect();
        let vetted = vetted(&rule, "rp.example.com", answers);
        vetted.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn of_mixed_answers_those_that_may_be_called_are_left_in_their_order() {
        let answers = [
            "10.0.0.1:0",
            "8.8.8.8:0",
            "[::1]:0",
            "[2606:4700::1111]:0",
            "[::ffff:8.8.4.4]:0",
            "9.9.9.9:0",
        ];
        let expected = ["8.8.8.8:0", "[2606:4700::1111]:0", "9.9.9.9:0"];
        assert_eq!(vet(&answers), expected);
        assert!(vet(&["127.0.0.1:0", "[fd00::1]:0"]).is_empty());
    }

    #[test]
    fn of_each_family_so_many_addresses_are_tried_and_no_more() {
        let answers = [
            "8.8.8.1:0",
            "8.8.8.2:0",
            "10.0.0.1:0",
            "8.8.8.3:0",
            "8.8.8.4:0",
            "[2606::1]:0",
        ];
        let expected = ["8.8.8.1:0", "8.8.8.2:0", "8.8.8.3:0", "[2606::1]:0"];
        assert_eq!(vet(&answers), expected);
    }

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    /// Names of which nobody hears if they begin with `silent`, until the sender is dropped.
    fn partly_silent() -> (SystemNames, mpsc::Sender<()>) {
        let (speak, silent) = mpsc::channel::<()>();
        let silent = Mutex::new(silent);
        let names = SystemNames::asking(Arc::new(move |host| {
            if host.starts_with("silent") {
                _ = silent.lock().unwrap().recv();
            }
            Ok(vec![SocketAddr::from(([8, 8, 8, 8], 0))])
        }));
        (names, speak)
    }

    async fn pass(duration: Duration) {
        time::pause();
        time::advance(duration).await;
        time::resume();
    }

    #[tokio::test]
    async fn a_name_of_which_nobody_hears_ends_in_time_and_takes_one_thread() {
        let (names, speak) = partly_silent();
        let ask = |_| names.resolve(name("silent.example.com"));
        let mut waiting: Vec<Resolving> = (0..2 * THREADS_MAX).map(ask).collect();
        for question in &mut waiting {
            assert!(question.now_or_never().is_none());
        }
        let heard = names.resolve(name("rp.example.com")).await.unwrap();
        assert_eq!(heard.count(), 1);
        pass(LOOKUP_TIME).await;
        for ended in join_all(waiting).await {
            let error = ended.err().unwrap().to_string();
            assert_eq!(error, "timed out");
        }
        assert_eq!(names.0.threads.available_permits(), THREADS_MAX - 1);
        drop(speak);
    }

    #[tokio::test]
    async fn beside_as_many_silent_names_as_there_may_be_one_that_answers_is_not_to_blame() {
        let (names, speak) = partly_silent();
        let silent = |number| names.resolve(name(&format!("silent{number}.example.com")));
        let mut waiting: Vec<Resolving> = (1..THREADS_MAX).map(silent).collect();
        for question in &mut waiting {
            assert!(question.now_or_never().is_none());
        }
        let heard = names.resolve(name("rp.example.com")).await.unwrap();
        assert_eq!(heard.count(), 1);
        waiting.push(silent(THREADS_MAX));
        waiting.push(names.resolve(name("rp.example.com")));
        for question in &mut waiting {
            assert!(question.now_or_never().is_none());
        }
        // Both look-ups begin, in this order: the last thread is taken.
        task::yield_now().await;
        pass(THREAD_TIME).await;
        let crowded = waiting.pop().unwrap().await.err().unwrap();
        assert!(crowded.is::<LookUpsCrowded>(), "{crowded}");
        drop(speak);
        for ended in join_all(waiting).await {
            assert_eq!(ended.unwrap().count(), 1);
        }
        let heard = names.resolve(name("rp.example.com")).await.unwrap();
        assert_eq!(heard.count(), 1);
    }

    #[test]
    fn a_look_up_whose_runtime_has_ended_keeps_nobody_waiting() {
        let runtime = || {
            let mut builder = tokio::runtime::Builder::new_current_thread();
            builder.enable_all().build().unwrap()
        };
        let (names, speak) = partly_silent();
        let ask = || names.resolve(name("silent.example.com"));
        let ended = runtime();
        assert!(ended.block_on(async { ask().now_or_never() }).is_none());
        ended.shutdown_background();
        drop(speak);
        assert_eq!(runtime().block_on(ask()).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn each_question_after_an_answer_is_asked_anew() {
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        let names = SystemNames::asking(Arc::new(move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
            Err(io::Error::from(io::ErrorKind::NotFound))
        }));
        for _ in 0..3 {
            let error = names.resolve(name("rp.example.com")).await.err().unwrap();
            assert_eq!(error.to_string(), "entity not found");
        }
        assert_eq!(count.load(Ordering::SeqCst), 3);
        assert!(names.0.lock().is_empty());
    }
}
