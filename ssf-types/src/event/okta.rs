//! Event types of Okta's own, which its security events endpoint takes beside those of CAEP and RISC.
//!
//! [`Event`](super::Event) does not know them; they are a table made with [`events!`](crate::events). Okta wants the
//! subject inside the event; there it stays in `extra`, unless a dialect has moved it into `sub_id`.

use std::net::IpAddr;

use serde::Serialize;

use super::{
    EventPayload,
    common::CommonClaims,
    table::{hide_values, open_list},
};
use crate::json::{Extra, JsonError, Members};

crate::events! {
    /// One event of Okta's own.
    #[derive(Eq)]
    #[non_exhaustive]
    pub enum OktaEvent {
        /// The risk of a user rose or fell.
        UserRiskChange(UserRiskChange),
        /// The risk of a device rose or fell.
        DeviceRiskChange(DeviceRiskChange),
        /// A session moved to another address.
        IpChange(IpChange),
    }
}

/// Declares the two changes of risk, which differ in whose risk it is.
macro_rules! risk_changes {
    ($($(#[$doc:meta])* $name:ident = $uri:literal;)+) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Eq, PartialEq, Serialize)]
            #[non_exhaustive]
            pub struct $name {
                /// The level now.
                pub current_level: OktaLevel,
                /// The level before.
                pub previous_level: OktaLevel,
                /// The claims that any CAEP event may carry; Okta asks for one of the two reasons.
                #[serde(flatten)]
                pub common: CommonClaims,
                /// Members that Okta does not define, and its `subject`.
                #[serde(flatten)]
                pub extra: Extra,
            }

            impl $name {
                /// Tells the two things that must be told.
                pub fn new(previous_level: OktaLevel, current_level: OktaLevel) -> Self {
                    Self {
                        current_level,
                        previous_level,
                        common: CommonClaims::default(),
                        extra: Extra::default(),
                    }
                }
            }

            impl EventPayload for $name {
                const URI: &'static str = $uri;

                fn read(mut members: Members<'_>) -> Result<Self, JsonError> {
                    Ok(Self {
                        current_level: members.required("current_level", "a string")?,
                        previous_level: members.required("previous_level", "a string")?,
                        common: CommonClaims::read(&mut members)?,
                        extra: members.rest(),
                    })
                }
            }
        )+
        hide_values!($($name),+);
    };
}

risk_changes! {
    /// The risk of a user rose or fell.
    UserRiskChange = "https://schemas.okta.com/secevent/okta/event-type/user-risk-change";
    /// The risk of a device rose or fell.
    DeviceRiskChange = "https://schemas.okta.com/secevent/okta/event-type/device-risk-change";
}

open_list! {
    /// How high Okta says a risk is; in lower case, unlike CAEP's [`RiskLevel`](super::caep::RiskLevel).
    pub enum OktaLevel {
        /// `none`: nothing is known against it.
        None = "none",
        /// `secure`: it was found in order.
        Secure = "secure",
        /// `low`.
        Low = "low",
        /// `medium`.
        Medium = "medium",
        /// `high`.
        High = "high",
    }
}

hide_values!(IpChange);

/// A session moved to another address.
#[derive(Clone, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct IpChange {
    /// The address now.
    pub current_ip_address: IpAddr,
    /// The address before; absent if it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_ip_address: Option<IpAddr>,
    /// The claims that any CAEP event may carry; Okta asks for one of the two reasons.
    #[serde(flatten)]
    pub common: CommonClaims,
    /// Members that Okta does not define, and its `subject`.
    #[serde(flatten)]
    pub extra: Extra,
}

impl IpChange {
    /// Tells the one thing that must be told.
    pub fn new(current_ip_address: IpAddr) -> Self {
        Self {
            current_ip_address,
            previous_ip_address: None,
            common: CommonClaims::default(),
            extra: Extra::default(),
        }
    }
}

impl EventPayload for IpChange {
    const URI: &'static str = "https://schemas.okta.com/secevent/okta/event-type/ip-change";

    fn read(mut members: Members<'_>) -> Result<Self, JsonError> {
        Ok(Self {
            current_ip_address: members.required("current_ip_address", "an IP address")?,
            previous_ip_address: members.optional("previous_ip_address", "an IP address")?,
            common: CommonClaims::read(&mut members)?,
            extra: members.rest(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::{Event, OtherEvent},
        uri::EventTypeUri,
    };

    fn read(name: &str, payload: &str) -> Result<OktaEvent, JsonError> {
        let uri = format!("https://schemas.okta.com/secevent/okta/event-type/{name}");
        let other = OtherEvent::new(EventTypeUri::parse(uri).unwrap(), payload)?;
        OktaEvent::read(&other).map(Option::unwrap)
    }

    #[test]
    fn every_type_of_the_table_is_read_and_written() {
        for (name, payload) in [
            (
                "user-risk-change",
                r#"{"current_level":"low","previous_level":"medium","event_timestamp":1702448550,"initiating_entity":"admin","reason_admin":{"en":"Why"},"subject":{"user":{"format":"email","email":"john@example.com"}}}"#,
            ),
            (
                "device-risk-change",
                r#"{"current_level":"high","previous_level":"secure"}"#,
            ),
            (
                "ip-change",
                r#"{"current_ip_address":"192.0.2.5","previous_ip_address":"2001:db8::8"}"#,
            ),
        ] {
            let event = read(name, payload).unwrap();
            assert!(event.type_uri().ends_with(name));
            assert_eq!(serde_json::to_string(&event).unwrap(), payload);
            let event = Event::try_from(event).unwrap();
            assert_eq!(serde_json::to_string(&event).unwrap(), payload);
        }
        assert_eq!(OktaEvent::EVENT_TYPES.len(), 3);
    }

    #[test]
    fn a_change_of_risk_tells_both_levels() {
        assert_eq!(
            read("user-risk-change", r#"{"current_level":"low"}"#)
                .unwrap_err()
                .to_string(),
            "previous_level is missing"
        );
    }

    #[test]
    fn an_address_is_an_address() {
        assert_eq!(
            read("ip-change", r#"{"current_ip_address":"home"}"#)
                .unwrap_err()
                .to_string(),
            "current_ip_address must be an IP address"
        );
    }
}
