//! What a name leads to, for each connection anew, and never to where nothing may be sent.

use std::{
    io,
    net::{SocketAddr, ToSocketAddrs},
    sync::Arc,
    time::Duration,
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::{sync::Semaphore, task, time::timeout};

use super::{fault::AddressRefused, places::Places};
use crate::domain::push_address::PushAddresses;

/// Most addresses of IPv4, and as many of IPv6, that are tried for one connection: what is offered beyond them does not
/// make a host more reachable, and each costs a share of the time to connect.
const PER_FAMILY_MAX: usize = 3;

/// Most look-ups of one client that are waited for.
const LOOKUPS_MAX: usize = 64;

/// Most of those for one name: connections to one host ask at the same time, and a name server that keeps silent for that
/// host leaves the others their places.
const LOOKUPS_PER_HOST_MAX: usize = 4;

/// How long a look-up keeps its place: as long as a connection may take by default, so that nobody waits for it any more.
const LOOKUP_TIME: Duration = Duration::from_secs(5);

/// Most threads on which a client's look-ups are under way: each goes on for as long as a name server keeps silent, and
/// belongs to the pool on which SETs are signed, which has 512.
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

/// The names that the operating system knows: `/etc/hosts` and name servers.
pub(super) struct SystemNames {
    look_up: LookUp,
    lookups: Arc<Semaphore>,
    threads: Arc<Semaphore>,
    hosts: Places,
}

impl SystemNames {
    pub(super) fn new() -> Self {
        Self::asking(Arc::new(|host| Ok((host, 0).to_socket_addrs()?.collect())))
    }

    fn asking(look_up: LookUp) -> Self {
        Self {
            look_up,
            lookups: Arc::new(Semaphore::new(LOOKUPS_MAX)),
            threads: Arc::new(Semaphore::new(THREADS_MAX)),
            hosts: Places::new(LOOKUPS_PER_HOST_MAX),
        }
    }
}

impl Resolve for SystemNames {
    fn resolve(&self, name: Name) -> Resolving {
        let look_up = Arc::clone(&self.look_up);
        let (lookups, threads) = (Arc::clone(&self.lookups), Arc::clone(&self.threads));
        let hosts = self.hosts.clone();
        Box::pin(async move {
            // The share of the name first: whoever waits for that keeps no place from others.
            let host = hosts.take(name.as_str(), 0).await;
            let place = lookups.acquire_owned().await?;
            let asking = async {
                let thread = threads.acquire_owned().await?;
                // The thread goes on when nobody waits any more, and keeps its share of the name until it ends.
                let answers = task::spawn_blocking(move || {
                    let answers = look_up(name.as_str());
                    drop((thread, host));
                    answers
                });
                let answers: Vec<SocketAddr> = answers.await??;
                Ok(Box::new(answers.into_iter()) as Addrs)
            };
            let answered = timeout(LOOKUP_TIME, asking).await;
            drop(place);
            answered.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, mpsc};

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

    #[tokio::test]
    async fn a_name_of_which_nobody_hears_ends_in_time_and_leaves_the_others_their_places() {
        let (speak, silent) = mpsc::channel::<()>();
        let silent = Mutex::new(silent);
        let names = SystemNames::asking(Arc::new(move |host| {
            if host == "silent.example.com" {
                // It ends with the test.
                _ = silent.lock().unwrap().recv();
            }
            Ok(vec![SocketAddr::from(([8, 8, 8, 8], 0))])
        }));
        let ask = |_| names.resolve(name("silent.example.com"));
        let mut waiting: Vec<Resolving> = (0..LOOKUPS_MAX).map(ask).collect();
        for question in &mut waiting {
            assert!(question.now_or_never().is_none());
        }
        let heard = names.resolve(name("rp.example.com")).await.unwrap();
        assert_eq!(heard.count(), 1);
        time::pause();
        time::advance(LOOKUP_TIME).await;
        time::resume();
        waiting.truncate(LOOKUPS_PER_HOST_MAX);
        for ended in join_all(waiting).await {
            let error = ended.err().unwrap().to_string();
            assert_eq!(error, "timed out");
        }
        drop(speak);
    }
}
