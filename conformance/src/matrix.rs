//! The tester, tested: each fault of the reference, and which cases find it.

use std::{
    collections::{BTreeMap, VecDeque},
    future,
    io::{self, Write},
    net::Ipv4Addr,
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::Semaphore,
    task::{JoinError, JoinHandle},
};

use crate::{
    case::Case,
    cases,
    chance::Chance,
    checks::Verdict,
    peer::{
        Fault, Peer, PeerError,
        host::{Delivery, Host, HostError, Settings},
        receiver::{Access, Orders, Receiver, ReceiverFault, Trust, WithStream},
    },
    push::{self, Dialect, OverStream, PushRun},
    record::{CaseResult, Ended, Record},
    run::{Outset, PreflightError, Run, judge},
    target::{Target, TargetError},
    target_file::Limits,
    wire::{self, WireError},
};

/// What a row without a fault is called.
const NO_FAULT: &str = "no fault";

/// How many rows are made beside one another: much of a row is waiting.
const ROWS_AT_ONCE: usize = 4;

/// Who the reference Receiver is.
const AUDIENCE: &str = "https://rp.example.com";

/// What it wants to be shown.
const AUTHORIZATION: &str = "Bearer reference-transmitter";

/// The token with which the reference Receiver makes its stream.
const TOKEN: &str = "reference-receiver";

/// For how long its stream may be without a sign of life.
const INACTIVITY: Duration = Duration::from_secs(10);

/// The same where nobody looks for that fault, so that nobody waits for it.
const UNWATCHED: Duration = Duration::from_hours(24);

/// For how long a SET may be without an answer: the reference leaves some alone for good.
const SETTLE: Duration = Duration::from_secs(10);

/// How late a verification is.
const LATE_SECONDS: u64 = 2;

/// For how long it is waited for.
const PATIENCE: Duration = Duration::from_mins(1);

/// By which cases a fault is looked for, besides those that claim it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Breadth {
    /// By all.
    Whole,
    /// By one in so many, others for each fault, and the same each time.
    OneIn(u64),
}

impl Breadth {
    fn takes(self, fault: Option<&Fault>, case: &Case) -> bool {
        match (self, fault) {
            (Self::Whole, _) | (_, None) => true,
            (Self::OneIn(share), Some(fault)) => {
                let is_claimed = fault.found.iter().any(|(id, _)| *id == case.id);
                let name = format!("{} {}", fault.name, case.id);
                is_claimed || Chance::of(0, &name).number().is_multiple_of(share)
            }
        }
    }
}

/// Cases that claim to find a fault, each with its verdict.
type Claims = &'static [(&'static str, Verdict)];

/// What one fault should be found by, and is.
#[derive(Debug)]
pub struct Row {
    /// What is wrong with the reference.
    pub name: &'static str,
    /// Which cases claim to find it.
    pub claims: Claims,
    /// What its cases came to; their records are empty.
    pub results: Vec<CaseResult>,
}

/// The matrix cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MatrixError {
    /// The reference does not start.
    #[error("the reference cannot be started")]
    Peer(#[source] PeerError),
    /// The reference cannot be judged.
    #[error("the reference cannot be judged")]
    Preflight(#[source] PreflightError),
    /// The issuer of the pushes cannot be served.
    #[error("the issuer cannot be served")]
    Issuer(#[source] push::IssuerError),
    /// The addresses of this machine cannot be used.
    #[error("the reference has no address")]
    Address(#[source] TargetError),
    /// The reference Receiver cannot be judged.
    #[error("the reference receiver cannot be judged")]
    Push(#[source] push::PreflightError),
    /// The tester's transmitter cannot be served.
    #[error("the transmitter that the reference receiver has its stream at cannot be started")]
    Host(#[source] HostError),
    /// Its sessions cannot be asked about.
    #[error("the sessions of the reference receiver cannot be asked about")]
    Hook(#[source] WireError),
    /// What makes a row broke off.
    #[error("a row broke off")]
    BrokeOff(#[source] JoinError),
}

/// Rows in the making, in the order of their faults: one that takes long holds up none of those behind it.
///
/// They must be made within a runtime.
pub struct Rows {
    making: VecDeque<JoinHandle<Result<Row, MatrixError>>>,
}

impl Rows {
    /// Those of the reference Transmitter with each of these faults.
    pub fn of(faults: impl Iterator<Item = Option<&'static Fault>>, breadth: Breadth) -> Self {
        Self::made(faults.map(|fault| Row::of_some(fault, breadth)))
    }

    /// Those of the reference Receiver.
    pub fn of_receivers(faults: impl Iterator<Item = Option<&'static ReceiverFault>>) -> Self {
        Self::made(faults.map(Row::of_receiver))
    }

    /// Those of the reference Receiver that has a stream which it polls.
    pub fn over_stream(faults: impl Iterator<Item = Option<&'static ReceiverFault>>) -> Self {
        Self::made(faults.map(Row::over_stream))
    }

    /// Those of the reference Receiver that has a stream which is pushed.
    pub fn over_pushes(faults: impl Iterator<Item = Option<&'static ReceiverFault>>) -> Self {
        Self::made(faults.map(Row::over_pushes))
    }

    /// Those of the reference Receiver that has a stream and expects SETs in a dialect.
    pub fn in_dialects(
        faults: impl Iterator<Item = (Dialect, Option<&'static ReceiverFault>)>,
    ) -> Self {
        Self::made(faults.map(|(dialect, fault)| Row::in_dialect(dialect, fault)))
    }

    fn made<Making>(rows: impl Iterator<Item = Making>) -> Self
    where
        Making: Future<Output = Result<Row, MatrixError>> + Send + 'static,
    {
        let turns = Arc::new(Semaphore::new(ROWS_AT_ONCE));
        let begun = |row: Making| {
            let turns = Arc::clone(&turns);
            tokio::spawn(async move {
                let _turn = turns.acquire().await;
                row.await
            })
        };
        Self {
            making: rows.map(begun).collect(),
        }
    }

    /// The next row, if there is one.
    ///
    /// # Errors
    /// The row cannot be made.
    pub async fn next(&mut self) -> Option<Result<Row, MatrixError>> {
        let made = self.making.pop_front()?.await;
        Some(made.unwrap_or_else(|error| Err(MatrixError::BrokeOff(error))))
    }
}

impl std::fmt::Debug for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows")
            .field("making", &self.making.len())
            .finish_non_exhaustive()
    }
}

impl Row {
    /// Judges the reference with one fault, or with none, by all cases.
    ///
    /// # Errors
    /// The reference cannot be started or asked.
    pub async fn of(fault: Option<&'static Fault>) -> Result<Self, MatrixError> {
        Self::of_some(fault, Breadth::Whole).await
    }

    /// Judges the reference with one fault by some cases.
    ///
    /// # Errors
    /// The reference cannot be started or asked.
    pub async fn of_some(
        fault: Option<&'static Fault>,
        breadth: Breadth,
    ) -> Result<Self, MatrixError> {
        let peer = Peer::start(fault).map_err(MatrixError::Peer)?;
        let outset = Outset { seed: 1, run_id: 1 };
        let begun = Run::begin(peer.given(), outset).await;
        let run = begun.map_err(MatrixError::Preflight)?;
        let chosen = cases::transmitter().filter(|case| breadth.takes(fault, case));
        let chosen: Vec<&'static Case> = chosen.collect();
        let results = judge(&run, &chosen, |_| {}, future::pending()).await;
        run.clean_up().await;
        let fault = fault.map(|fault| (fault.name, fault.found));
        Ok(Self::judged(fault, results))
    }

    /// The same for the reference Receiver, and the cases of a push endpoint.
    ///
    /// # Errors
    /// The reference cannot be started or asked.
    pub async fn of_receiver(fault: Option<&'static ReceiverFault>) -> Result<Self, MatrixError> {
        let address = (Ipv4Addr::LOCALHOST, 0).into();
        let issuer = push::Issuer::serve(address, None, push::Security::Plain)
            .map_err(MatrixError::Issuer)?;
        let trust = Trust {
            issuer: Target::parse(issuer.issuer()).map_err(MatrixError::Address)?,
            audience: AUDIENCE.to_owned(),
            authorization: Some(AUTHORIZATION.to_owned()),
            dialect: None,
            ca_certificates: None,
            security: security(fault, "PUSH-R-020."),
        };
        let receiver = Receiver::start(trust, fault).map_err(MatrixError::Peer)?;
        let given = push::Given {
            authorization: Some(AUTHORIZATION.to_owned()),
            patience: PATIENCE,
            authorities: receiver.root().map(|root| root.as_bytes().to_vec()),
            ..push::Given::new(receiver.endpoint(), push::Signer::Served(issuer), AUDIENCE)
        };
        let run = PushRun::begin(given).await.map_err(MatrixError::Push)?;
        let chosen: Vec<&'static Case> = cases::push_endpoint().collect();
        let results = push::judge(&run, &chosen, |_| {}, future::pending()).await;
        let fault = fault.map(|fault| (fault.name, fault.found));
        Ok(Self::judged(fault, results))
    }

    /// The same for the reference Receiver that has a stream; a fault in what it thinks of SETs is looked for by the cases of
    /// SETs alone.
    ///
    /// # Errors
    /// The reference cannot be started or asked.
    pub async fn over_stream(fault: Option<&'static ReceiverFault>) -> Result<Self, MatrixError> {
        let chosen: Vec<&'static Case> = match fault {
            Some(fault) if fault.is_in_shared_cases() => cases::push::of_sets().collect(),
            Some(_) | None => cases::receiver().collect(),
        };
        Self::with_stream(fault, Delivery::Poll, None, &chosen).await
    }

    /// The same for the reference Receiver that has a stream which is pushed.
    ///
    /// # Errors
    /// The reference cannot be started or asked.
    pub async fn over_pushes(fault: Option<&'static ReceiverFault>) -> Result<Self, MatrixError> {
        let chosen: Vec<&'static Case> = cases::receiver().collect();
        Self::with_stream(fault, Delivery::Push, None, &chosen).await
    }

    /// The same for the reference Receiver that expects SETs in a dialect, by the cases of that.
    ///
    /// # Errors
    /// The reference cannot be started or asked.
    pub async fn in_dialect(
        dialect: Dialect,
        fault: Option<&'static ReceiverFault>,
    ) -> Result<Self, MatrixError> {
        let chosen: Vec<&'static Case> = cases::in_dialect().collect();
        Self::with_stream(fault, Delivery::Poll, Some(dialect), &chosen).await
    }

    async fn with_stream(
        fault: Option<&'static ReceiverFault>,
        delivery: Delivery,
        dialect: Option<Dialect>,
        chosen: &[&'static Case],
    ) -> Result<Self, MatrixError> {
        let host = Host::start(Settings {
            address: (Ipv4Addr::LOCALHOST, 0).into(),
            public: None,
            security: security(fault, "INTEROP-006."),
            token: TOKEN.to_owned(),
            audience: AUDIENCE.to_owned(),
            inactivity: match fault {
                Some(fault) if !fault.is_found_by("SSF-R-023.activity") => UNWATCHED,
                Some(_) | None => INACTIVITY,
            },
            settle: SETTLE,
            wire: wire::Settings::default(),
        });
        let host = host.map_err(MatrixError::Host)?;
        let orders = Orders {
            issuer: host.target().clone(),
            audience: AUDIENCE.to_owned(),
            token: TOKEN.to_owned(),
            access: if is_about(fault, "INTEROP-031.") {
                Access::Secret
            } else {
                Access::Token
            },
            delivery,
            dialect,
            authorities: host.root().map(|root| root.as_bytes().to_vec()),
        };
        let receiver = WithStream::start(orders, fault).map_err(MatrixError::Peer)?;
        let run = PushRun::over_stream(OverStream {
            effects: Some(receiver.effects().map_err(MatrixError::Hook)?),
            patience: PATIENCE,
            limits: Limits {
                event_seconds: LATE_SECONDS,
                ..Limits::default()
            },
            dialect,
            ..OverStream::new(host)
        });
        let run = run.await.map_err(MatrixError::Push)?;
        let results = push::judge(&run, chosen, |_| {}, future::pending()).await;
        let fault = fault.map(|fault| (fault.name, fault.found));
        Ok(Self::judged(fault, results))
    }

    /// What the cases came to, without what they recorded: a row that waits for others would have megabytes of it.
    fn judged(fault: Option<(&'static str, Claims)>, results: Vec<CaseResult>) -> Self {
        let (name, claims) = fault.unwrap_or((NO_FAULT, &[]));
        let bare = |result| CaseResult {
            record: Record::default(),
            ..result
        };
        Self {
            name,
            claims,
            results: results.into_iter().map(bare).collect(),
        }
    }

    /// All that was found, by case; what passed or was not run found nothing.
    pub fn found(&self) -> BTreeMap<&'static str, &'static str> {
        let found = |result: &&CaseResult| {
            !matches!(
                result.ended,
                Ended::Judged(Verdict::Passed) | Ended::NotRun(_)
            )
        };
        let results = self.results.iter().filter(found);
        results
            .map(|result| (result.case.id, result.ended.as_str()))
            .collect()
    }

    /// All that should be found by the cases of the row.
    pub fn claimed(&self) -> BTreeMap<&'static str, &'static str> {
        let is_here = |id: &str| self.results.iter().any(|result| result.case.id == id);
        self.claims
            .iter()
            .filter(|(id, _)| is_here(id))
            .map(|(id, verdict)| (*id, verdict.as_str()))
            .collect()
    }

    /// Whether exactly that is found which should be.
    pub fn is_sound(&self) -> bool {
        self.found() == self.claimed()
    }

    /// Writes the row: the fault, the cases that find it, and where that is not as claimed.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.name)?;
        let (found, claimed) = (self.found(), self.claimed());
        for (id, verdict) in &found {
            let unclaimed = if claimed.get(id) == Some(verdict) {
                ""
            } else {
                ", which it does not claim"
            };
            writeln!(out, "    {verdict:8} {id}{unclaimed}")?;
        }
        for id in claimed.keys().filter(|id| !found.contains_key(*id)) {
            writeln!(out, "    not found by {id}, which claims it")?;
        }
        Ok(())
    }
}

/// How somebody is served who is judged with this fault: over TLS where these cases are about it, since that takes its time.
fn security(fault: Option<&ReceiverFault>, cases: &str) -> push::Security {
    if is_about(fault, cases) {
        push::Security::OwnAuthority
    } else {
        push::Security::Plain
    }
}

/// Whether a fault is found by cases whose ids begin like this; where there is none, all cases have to pass.
fn is_about(fault: Option<&ReceiverFault>, cases: &str) -> bool {
    fault.is_none_or(|fault| fault.found.iter().any(|(id, _)| id.starts_with(cases)))
}
