//! What follows from what: the table of actions.

use std::collections::BTreeMap;

use super::trigger::Trigger;
use crate::revocation::{Effect, Kind};

/// What is to be done about something that an event says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Action {
    /// End the sessions that it names, or that began before.
    End,
    /// End them, and refuse later ones as well until the state is lifted; that revives none.
    EndAndBlock,
    /// Refuse sessions until the state is lifted; then they go on.
    Block,
    /// Refuse sessions whose user has not signed in since.
    Reauthenticate,
    /// Refuse sessions whose user has not signed in since, in a stronger way.
    StepUp,
    /// Acknowledge and count it.
    Note,
}

/// The actions, with what an application wants otherwise.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ActionTable(BTreeMap<Trigger, Action>);

impl ActionTable {
    /// Has something followed by another action.
    pub fn set(&mut self, trigger: Trigger, action: Action) {
        self.0.insert(trigger, action);
    }

    /// What follows.
    pub fn action(&self, trigger: &Trigger) -> Action {
        let changed = self.0.get(trigger).copied();
        changed.unwrap_or_else(|| default(trigger))
    }
}

fn default(trigger: &Trigger) -> Action {
    match trigger {
        Trigger::SessionRevoked
        | Trigger::SessionsRevoked
        | Trigger::AccountPurged
        | Trigger::AccountCredentialChangeRequired
        | Trigger::CredentialCompromise
        | Trigger::IdentifierRecycled
        | Trigger::SecretChanged
        | Trigger::TokenClaimsChanged => Action::End,
        Trigger::AccountDisabled => Action::EndAndBlock,
        Trigger::DeviceNotCompliant => Action::Block,
        Trigger::RecoveryActivated | Trigger::CredentialLost | Trigger::RiskHigh => {
            Action::Reauthenticate
        }
        Trigger::AssuranceDecreased | Trigger::RiskMedium => Action::StepUp,
        Trigger::Other(_) => Action::Note,
    }
}

/// What an action does: kinds of revocations, states with their effect.
pub(super) fn effects(trigger: &Trigger, action: Action) -> Vec<(Kind, Option<Effect>)> {
    let state = trigger.state();
    let ended = (Kind::Ended, None);
    // What is no state by itself is one that another event can lift: of the account, or of its risk.
    let block = (state.unwrap_or(Kind::Disabled), Some(Effect::Block));
    match action {
        Action::End => vec![ended],
        Action::EndAndBlock => vec![ended, block],
        Action::Block => vec![block],
        Action::Reauthenticate => match state {
            Some(kind) => vec![(kind, Some(Effect::Reauthenticate))],
            None => vec![(Kind::Unproven, None)],
        },
        Action::StepUp => vec![(state.unwrap_or(Kind::Risk), Some(Effect::StepUp))],
        Action::Note => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use ssf_types::uri::EventTypeUri;

    use super::*;

    #[test]
    fn an_application_may_want_something_else() {
        let mut table = ActionTable::default();
        assert_eq!(table.action(&Trigger::RiskHigh), Action::Reauthenticate);
        table.set(Trigger::RiskHigh, Action::End);
        assert_eq!(table.action(&Trigger::RiskHigh), Action::End);
        let own = Trigger::Other(EventTypeUri::parse("urn:example:fired").unwrap());
        assert_eq!(table.action(&own), Action::Note);
        table.set(own.clone(), Action::EndAndBlock);
        assert_eq!(table.action(&own), Action::EndAndBlock);
    }

    #[test]
    fn each_action_on_a_state_and_on_what_is_none() {
        let of = |trigger, action| effects(&trigger, action);
        let (state, none) = (Trigger::RiskHigh, Trigger::CredentialCompromise);
        let ended = (Kind::Ended, None);
        for (action, on_state, on_none) in [
            (Action::End, vec![ended], vec![ended]),
            (
                Action::EndAndBlock,
                vec![ended, (Kind::Risk, Some(Effect::Block))],
                vec![ended, (Kind::Disabled, Some(Effect::Block))],
            ),
            (
                Action::Block,
                vec![(Kind::Risk, Some(Effect::Block))],
                vec![(Kind::Disabled, Some(Effect::Block))],
            ),
            (
                Action::Reauthenticate,
                vec![(Kind::Risk, Some(Effect::Reauthenticate))],
                vec![(Kind::Unproven, None)],
            ),
            (
                Action::StepUp,
                vec![(Kind::Risk, Some(Effect::StepUp))],
                vec![(Kind::Risk, Some(Effect::StepUp))],
            ),
            (Action::Note, vec![], vec![]),
        ] {
            assert_eq!(of(state.clone(), action), on_state, "{action:?}");
            assert_eq!(of(none.clone(), action), on_none, "{action:?}");
        }
    }
}
