//! Sessions of which others than the Transmitter say that they are over, by other protocols: that is kept, and put into
//! effect, as a `session-revoked` of the Transmitter's would be, whatever is to follow from one of those.

use std::{collections::BTreeSet, sync::Arc};

use ssf_types::{
    audience::Audience,
    event::caep::SessionRevoked,
    id::Jti,
    set::{SetClaims, SetError},
    subject::Subject,
    time::Timestamp,
    uri::Issuer,
};

use crate::{
    acceptance::Acceptance, actions::Actions, answer::Answer, clock, core::Core, keys::RETRY_AFTER,
    receiver::Receiver, revocation::Policy,
};

/// That sessions are over.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    /// Its name among the SETs of the Transmitter; the same report has the same name.
    pub(crate) jti: Jti,
    /// Whom it is for.
    pub(crate) audience: Audience,
    /// Whose sessions are over.
    pub(crate) subject: Subject,
    /// Up to when they had begun.
    pub(crate) happened: Timestamp,
}

/// Sessions go on, although somebody says that they are over.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReportError {
    /// The subject is none that a SET could have.
    #[error("the subject is faulty")]
    Subject(#[source] SetError),
    /// It cannot be written down.
    #[error("the report cannot be written down")]
    Unwritable(#[source] serde_json::Error),
    /// Something else came under the same name.
    #[error("something else came under the same name before")]
    Conflict,
    /// It cannot be kept now.
    #[error("nothing can be kept now")]
    NotNow,
}

impl Receiver {
    /// Ends sessions that the Transmitter `issuer` may end: durable, then in effect, then told.
    pub(crate) async fn end(&self, issuer: &Issuer, report: Report) -> Result<(), ReportError> {
        let claims = report.into_claims(issuer);
        claims.check().map_err(ReportError::Subject)?;
        let json = serde_json::to_string(&claims).map_err(ReportError::Unwritable)?;
        let core = Arc::clone(self.core());
        // In a task of its own: a peer that hangs up must not come between the database and what is in memory.
        let taken = tokio::spawn(async move { take(&core, &claims, &json).await });
        let answer = taken.await;
        let answer = answer.unwrap_or_else(|_| Answer::unavailable(RETRY_AFTER));
        if answer.is_acknowledgement() {
            return Ok(());
        }
        Err(if answer.error().is_some() {
            ReportError::Conflict
        } else {
            ReportError::NotNow
        })
    }
}

impl Report {
    fn into_claims(self, issuer: &Issuer) -> SetClaims {
        SetClaims::new(
            issuer.clone(),
            self.jti,
            self.happened,
            self.audience,
            self.subject,
            SessionRevoked::default().into(),
        )
    }
}

async fn take(core: &Core, claims: &SetClaims, json: &str) -> Answer {
    // Each member of the subject is one that sessions register: whoever reports goes by what they do.
    let mut members = BTreeSet::new();
    if let Subject::Complex(complex) = &claims.sub_id {
        members.extend(complex.members().map(|(name, _)| name.to_owned()));
    }
    let policy = Policy {
        members,
        ..Policy::default()
    };
    let acceptance = Acceptance {
        inbox: &core.inbox,
        index: &core.index,
        policy: &policy,
        actions: &Actions::default(),
    };
    let answer = acceptance.take((claims, json), clock::now()).await;
    if answer.is_acknowledgement() {
        // Handlers, and those who wait for the end of a session, look again.
        core.acknowledged.send_modify(|count| *count += 1);
    }
    answer
}

#[cfg(test)]
mod tests {
    use ssf_types::{
        dialect::Dialect,
        subject::{ComplexSubject, SimpleSubject},
    };

    use super::*;

    #[test]
    fn what_is_kept_is_read_in_whatever_dialect_the_transmitter_has() {
        let issuer = Issuer::parse("https://idp.example.com").unwrap();
        let user = SimpleSubject::iss_sub("https://idp.example.com", "alice").unwrap();
        let session = SimpleSubject::opaque("s1").unwrap();
        let complex = ComplexSubject::new([("user", user.clone()), ("session", session)]);
        for subject in [user.into(), Subject::from(complex.unwrap())] {
            let claims = SetClaims::new(
                issuer.clone(),
                Jti::parse("1").unwrap(),
                Timestamp::from_secs(1_615_305_159),
                Audience::new(["app"]).unwrap(),
                subject,
                SessionRevoked::default().into(),
            );
            let json = serde_json::to_string(&claims).unwrap();
            for dialect in Dialect::ALL {
                let read = SetClaims::read_verified(&issuer, &json, dialect);
                assert_eq!(read.unwrap(), claims, "{}", dialect.name);
            }
        }
    }
}
