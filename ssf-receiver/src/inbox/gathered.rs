//! SETs that wait for the inbox are kept together, in one transaction.
//!
//! What a transaction costs is shared by as many as wait for it, and one that comes alone waits for nobody. A task of its own
//! writes, so that whoever hangs up takes nothing from the others. Where SETs cannot be kept together they are tried apart: one
//! that is faulty is refused alone.

use std::{future::Future, time::Duration};

use ssf_types::error::Chain;
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

use super::{Arriving, InboxError, Retained};

/// Most groups of SETs in a transaction: the share of each in what it costs is next to nothing then.
const GROUPS_MAX: usize = 256;

/// Most bytes of claims in a transaction, unless one group has more.
const BYTES_MAX: usize = 1024 * 1024;

/// How long those that cannot be kept together are tried apart, before what is left is told to come again.
const APART_MAX: Duration = Duration::from_secs(5);

/// Keeps SETs together that wait at the same time.
#[derive(Debug)]
pub(crate) struct Gathered(mpsc::Sender<Group>);

/// SETs that are kept all or not at all.
#[derive(Debug)]
struct Group {
    sets: Vec<Arriving>,
    asker: Asker,
}

/// Where the answer is waited for.
type Asker = oneshot::Sender<Result<Vec<Retained>, InboxError>>;

/// Keeps SETs.
pub(crate) trait Write: Send + Sync + 'static {
    /// Keeps SETs in one transaction; the answers have their order.
    fn write(
        &self,
        sets: &[Arriving],
    ) -> impl Future<Output = Result<Vec<Retained>, InboxError>> + Send;
}

impl Gathered {
    /// Starts the task that writes. It ends with this.
    pub(crate) fn new(writer: impl Write) -> Self {
        let (groups, waiting) = mpsc::channel(GROUPS_MAX);
        tokio::spawn(write_all(writer, waiting));
        Self(groups)
    }

    /// Keeps SETs, all or none of them; in a transaction with whatever else waits.
    pub(crate) async fn retain(&self, sets: &[Arriving]) -> Result<Vec<Retained>, InboxError> {
        let ended = || InboxError::new("retain a SET", "it is being closed");
        let (asker, answer) = oneshot::channel();
        let sets = sets.to_vec();
        let group = Group { sets, asker };
        self.0.send(group).await.map_err(|_| ended())?;
        answer.await.unwrap_or_else(|_| Err(ended()))
    }
}

impl Group {
    fn bytes(&self) -> usize {
        let claims = self.sets.iter().map(|arriving| arriving.set.claims.len());
        claims.sum()
    }
}

async fn write_all(writer: impl Write, mut waiting: mpsc::Receiver<Group>) {
    let mut groups = Vec::new();
    while waiting.recv_many(&mut groups, GROUPS_MAX).await > 0 {
        let mut together = Vec::new();
        let mut bytes = 0;
        for group in std::mem::take(&mut groups) {
            if bytes + group.bytes() > BYTES_MAX && !together.is_empty() {
                write(&writer, std::mem::take(&mut together)).await;
                bytes = 0;
            }
            bytes += group.bytes();
            together.push(group);
        }
        write(&writer, together).await;
    }
}

/// Keeps groups together, and answers each.
async fn write(writer: &impl Write, groups: Vec<Group>) {
    let mut sets = Vec::with_capacity(groups.len());
    let mut askers = Vec::with_capacity(groups.len());
    for group in groups {
        askers.push((group.sets.len(), group.asker));
        sets.extend(group.sets);
    }
    match writer.write(&sets).await {
        Ok(retained) => {
            let mut retained = retained.into_iter();
            for (count, asker) in askers {
                // Whoever asked may have gone.
                let _ = asker.send(Ok(retained.by_ref().take(count).collect()));
            }
        }
        Err(error) if askers.len() > 1 => {
            tracing::warn!(
                error = %Chain(&error), sets = sets.len(),
                "SETs cannot be kept together, and are tried apart"
            );
            write_apart(writer, &sets, askers).await;
        }
        Err(error) => {
            if let Some((_, asker)) = askers.pop() {
                let _ = asker.send(Err(error));
            }
        }
    }
}

/// Keeps groups one by one, as long as that makes sense.
async fn write_apart(writer: &impl Write, mut sets: &[Arriving], askers: Vec<(usize, Asker)>) {
    let begun = Instant::now();
    for (count, asker) in askers {
        let (own, rest) = sets.split_at(count);
        sets = rest;
        let answer = if begun.elapsed() < APART_MAX {
            writer.write(own).await
        } else {
            Err(InboxError::new(
                "retain a SET",
                "those before it took too long",
            ))
        };
        let _ = asker.send(answer);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use ssf_types::{id::Jti, time::Timestamp, uri::Issuer};
    use tokio::{
        sync::Semaphore,
        task::{JoinHandle, yield_now},
    };

    use super::*;
    use crate::{inbox::ReceivedSet, revocation::IndexKey};

    /// Writes down which SETs were kept together, once it may; `faulty` is never kept.
    struct Place {
        kept: Mutex<Vec<Vec<String>>>,
        may: Semaphore,
    }

    impl Write for Arc<Place> {
        async fn write(&self, sets: &[Arriving]) -> Result<Vec<Retained>, InboxError> {
            self.may.acquire().await.unwrap().forget();
            let names = sets.iter().map(|one| one.set.jti.to_string());
            let names: Vec<String> = names.collect();
            if names.iter().any(|name| name == "faulty") {
                return Err(InboxError::new("retain a SET", "it is faulty"));
            }
            self.kept.lock().unwrap().push(names);
            Ok(vec![Retained::New; sets.len()])
        }
    }

    fn arriving(jti: &str, claims: String) -> Arriving {
        Arriving {
            set: ReceivedSet {
                issuer: Issuer::parse("https://tr.example.com").unwrap(),
                jti: Jti::parse(jti).unwrap(),
                fingerprint: IndexKey::new([7; 16]).claims(&claims),
                claims,
                received_at: Timestamp::from_millis(1),
                sequence: None,
                outcome: "noted",
            },
            revocations: Vec::new(),
        }
    }

    /// A place that is busy with a first SET, and others that wait meanwhile.
    struct Stage {
        place: Arc<Place>,
        asked: Vec<JoinHandle<Result<Vec<Retained>, InboxError>>>,
    }

    impl Stage {
        async fn with(names: &[&str], claims: &str) -> Self {
            let place = Arc::new(Place {
                kept: Mutex::default(),
                may: Semaphore::new(0),
            });
            let gathered = Arc::new(Gathered::new(Arc::clone(&place)));
            let mut asked = Vec::new();
            for name in [&["first"], names].concat() {
                let (gathered, set) = (Arc::clone(&gathered), arriving(name, claims.to_owned()));
                asked.push(tokio::spawn(async move { gathered.retain(&[set]).await }));
                for _ in 0..10 {
                    yield_now().await;
                }
            }
            Self { place, asked }
        }

        /// Lets the place go on; whether each of those that still wait is kept.
        async fn answers(&mut self) -> Vec<bool> {
            self.place.may.add_permits(100);
            let mut answers = Vec::new();
            for asked in self.asked.drain(..) {
                answers.push(asked.await.unwrap().is_ok());
            }
            answers
        }

        fn kept(&self) -> Vec<Vec<String>> {
            self.place.kept.lock().unwrap().clone()
        }
    }

    #[tokio::test]
    async fn sets_that_come_while_others_are_kept_share_a_transaction() {
        let mut stage = Stage::with(&["1", "2", "3"], "{}").await;
        assert_eq!(stage.answers().await, [true; 4]);
        assert_eq!(stage.kept(), [vec!["first"], vec!["1", "2", "3"]]);
    }

    #[tokio::test]
    async fn a_faulty_set_does_not_refuse_its_neighbours() {
        let mut stage = Stage::with(&["1", "faulty", "3"], "{}").await;
        assert_eq!(stage.answers().await, [true, true, false, true]);
        assert_eq!(stage.kept(), [["first"], ["1"], ["3"]]);
    }

    #[tokio::test]
    async fn who_hangs_up_takes_nothing_from_the_others() {
        let mut stage = Stage::with(&["1", "2", "3"], "{}").await;
        stage.asked.remove(0).abort();
        stage.asked.remove(1).abort();
        assert_eq!(stage.answers().await, [true; 2]);
        assert_eq!(stage.kept(), [vec!["first"], vec!["1", "2", "3"]]);
    }

    #[tokio::test]
    async fn a_transaction_has_at_most_a_mebibyte() {
        let mut stage = Stage::with(&["1", "2", "3"], &"x".repeat(512 * 1024)).await;
        assert_eq!(stage.answers().await, [true; 4]);
        assert_eq!(stage.kept(), [vec!["first"], vec!["1", "2"], vec!["3"]]);
    }

    #[tokio::test(start_paused = true)]
    async fn where_nothing_can_be_kept_those_that_wait_are_told_soon() {
        struct Stuck;
        impl Write for Stuck {
            async fn write(&self, _: &[Arriving]) -> Result<Vec<Retained>, InboxError> {
                tokio::time::sleep(Duration::from_secs(4)).await;
                Err(InboxError::new("retain a SET", "the disk is full"))
            }
        }
        let gathered = Arc::new(Gathered::new(Stuck));
        let begun = Instant::now();
        let mut asked = tokio::task::JoinSet::new();
        for name in ["1", "2", "3", "4", "5", "6"] {
            let (gathered, set) = (Arc::clone(&gathered), arriving(name, String::new()));
            asked.spawn(async move { gathered.retain(&[set]).await });
        }
        for answer in asked.join_all().await {
            assert!(answer.is_err());
        }
        // One alone or all together, and two of the others.
        assert!(begun.elapsed() <= Duration::from_secs(16));
    }
}
