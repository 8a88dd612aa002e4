//! Values that the property tests of this module share.

use proptest::prelude::*;

use super::{Delivery, PollDelivery, PushDelivery};
use crate::{
    id::StreamId,
    secret::AuthorizationHeader,
    uri::{EndpointUrl, EventTypeUri},
};

prop_compose! {
    pub(super) fn any_id()(text in "[!-~]{1,255}") -> StreamId {
        StreamId::parse(text).unwrap()
    }
}

prop_compose! {
    pub(super) fn any_types()(
        uris in prop::collection::vec("urn:a:[a-z0-9]{1,8}", 0..5),
    ) -> Vec<EventTypeUri> {
        uris.into_iter().map(|uri| EventTypeUri::parse(uri).unwrap()).collect()
    }
}

/// Text that a request may hold.
pub(super) fn any_text() -> impl Strategy<Value = Option<String>> {
    prop::option::of("[^\0]{0,60}")
}

pub(super) fn any_delivery() -> impl Strategy<Value = Delivery> {
    let secret = prop::option::of(
        "Bearer [!-~]{1,20}".prop_map(|text| AuthorizationHeader::parse(text).unwrap()),
    );
    let url = "https://[a-z]{1,8}\\.example/[a-z0-9]{0,8}"
        .prop_map(|url| EndpointUrl::parse(url).unwrap());
    let push = (url.clone(), secret).prop_map(|(url, secret)| PushDelivery::new(url, secret));
    prop_oneof![
        push.prop_map(Delivery::Push),
        Just(Delivery::Poll(PollDelivery::default())),
        url.prop_map(|url| Delivery::Poll(PollDelivery::at(url))),
    ]
}
