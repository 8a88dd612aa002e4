//! What a Receiver has to refuse, and how.

use std::time::Duration;

use super::Probe;
use crate::{case::Stop, context::Answered, exchange::Request, push::Set};

/// The statuses by which a push is put off.
const PUT_OFF: [u16; 2] = [429, 503];

/// How often a push may be put off before that counts as the answer.
const PUT_OFF_MAX: u32 = 2;

/// For how long at most.
const PUT_OFF_FOR: Duration = Duration::from_secs(20);

impl Probe {
    /// Expects that a spoilt SET is refused with 400 and one of these codes, while sound ones are accepted before and after.
    ///
    /// # Errors
    /// Why the case did not go on to its end.
    pub async fn refuses(&self, spoilt: Set, codes: &[&str]) -> Result<(), Stop> {
        self.given_session(&spoilt).await?;
        let request = self.request(&spoilt)?;
        self.refuses_request(request, &[400], codes).await?;
        self.expect_no_effect(&spoilt).await
    }

    /// The same for a request of any kind and one of these statuses.
    ///
    /// # Errors
    /// Why the case did not go on to its end.
    pub async fn refuses_request(
        &self,
        spoilt: Request,
        statuses: &[u16],
        codes: &[&str],
    ) -> Result<(), Stop> {
        self.given_accepted().await?;
        let answered = self.decided(spoilt).await?;
        self.expect_refused(&answered, statuses, codes);
        self.given_accepted().await
    }

    /// Expects the same of a SET whose key the issuer does not publish, but it may be put off for ever (429, 503): the key may
    /// be published later, and RFC 8935 §2.4 names the code for a key that does not count, not for one that is not known yet.
    ///
    /// # Errors
    /// Why the case did not go on to its end.
    pub async fn refuses_key(&self, spoilt: Set, codes: &[&str]) -> Result<(), Stop> {
        self.given_session(&spoilt).await?;
        let request = self.request(&spoilt)?;
        self.given_accepted().await?;
        let answered = self.decided(request).await?;
        let mut statuses = vec![400];
        statuses.extend(PUT_OFF);
        self.expect_refused(&answered, &statuses, codes);
        if PUT_OFF.contains(&answered.status()) {
            self.note(format!(
                "{}: {} puts it off instead of refusing it, since the key may be published later",
                answered.asked(),
                answered.status()
            ));
        }
        self.given_accepted().await?;
        self.expect_no_effect(&spoilt).await
    }

    /// Makes a request, and again as often as the Receiver puts it off: one that may not fetch the issuer's keys again yet
    /// cannot tell a new key from a stranger's, and says when it can.
    ///
    /// # Errors
    /// Nobody answers, which breaks whatever case it is.
    pub async fn decided(&self, request: Request) -> Result<Answered, Stop> {
        for _ in 0..PUT_OFF_MAX {
            let answered = self.send(request.clone()).await?;
            match put_off(&answered) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return Ok(answered),
            }
        }
        self.send(request).await
    }

    /// Expects one of these statuses, and of a refusal with 400 one of these codes.
    pub fn expect_refused(&self, answered: &Answered, statuses: &[u16], codes: &[&str]) {
        self.expect_status(answered, statuses);
        // That a refusal has the form of one is another case's affair.
        if answered.status() == 400
            && let Some(code) = code(answered)
        {
            let what = format!("{}: err", answered.asked());
            self.expect(
                codes.contains(&code.as_str()),
                what,
                codes.join(" or "),
                code,
            );
        }
    }

    /// A refusal whose form can be judged: that of a body which is no SET.
    ///
    /// # Errors
    /// It is none, which other cases are about.
    pub async fn refusal(&self) -> Result<Answered, Stop> {
        let answered = self.send(self.body(b"ssf-conformance".to_vec())).await?;
        match answered.status() {
            400 => Ok(answered),
            status => Err(Stop::blocked(format!("no SET at all → {status}, not 400"))),
        }
    }
}

/// The `err` of a refusal, if it can be read.
fn code(answered: &Answered) -> Option<String> {
    let err = answered.json()?.get("err")?.as_str()?.to_owned();
    Some(err)
}

/// For how long a push is put off, if it is.
fn put_off(answered: &Answered) -> Option<Duration> {
    let is_put_off = PUT_OFF.contains(&answered.status());
    let seconds = answered.header("retry-after").next()?.trim().parse().ok()?;
    let wait = Duration::from_secs(seconds);
    (is_put_off && wait <= PUT_OFF_FOR).then_some(wait)
}
