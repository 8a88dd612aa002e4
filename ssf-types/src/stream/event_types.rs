//! The three lists of event types that a stream has.

use crate::{
    json::{JsonError, Members},
    uri::EventTypeUri,
};

/// Most event types that one list of a stream may have; the registered ones are fewer than forty.
pub const EVENT_TYPES_MAX: usize = 256;

/// What a stream delivers: the supported types among the requested ones, each once, in the order of the request
/// (SSF 1.0 §8.1.1).
///
/// Types that the Transmitter does not know are ignored, and a request for none yields none.
///
/// ```
/// # use ssf_types::{stream::events_delivered, uri::EventTypeUri};
/// let uri = |text| EventTypeUri::parse(text);
/// let supported = [uri("urn:example:1")?, uri("urn:example:2")?];
/// let requested = [uri("urn:example:3")?, uri("urn:example:2")?];
/// assert_eq!(events_delivered(&supported, &requested), [uri("urn:example:2")?]);
/// # Ok::<(), ssf_types::uri::UriError>(())
/// ```
pub fn events_delivered(
    supported: &[EventTypeUri],
    requested: &[EventTypeUri],
) -> Vec<EventTypeUri> {
    let mut delivered: Vec<EventTypeUri> = Vec::new();
    for uri in requested {
        if supported.contains(uri) && !delivered.contains(uri) {
            delivered.push(uri.clone());
        }
    }
    delivered
}

/// Whether two lists name the same types: they identify sets, so order and repetition mean nothing.
pub(super) fn name_the_same(left: &[EventTypeUri], right: &[EventTypeUri]) -> bool {
    left.iter().all(|uri| right.contains(uri)) && right.iter().all(|uri| left.contains(uri))
}

/// Takes out one of the lists.
pub(super) fn read(
    members: &mut Members<'_>,
    name: &str,
) -> Result<Option<Vec<EventTypeUri>>, JsonError> {
    let expected = "an array of at most 256 absolute URIs";
    let types: Option<Vec<EventTypeUri>> = members.optional(name, expected)?;
    if types
        .as_ref()
        .is_some_and(|types| types.len() > EVENT_TYPES_MAX)
    {
        return Err(JsonError::invalid(name, expected));
    }
    Ok(types)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn types(uris: &[&str]) -> Vec<EventTypeUri> {
        uris.iter()
            .map(|uri| EventTypeUri::parse(*uri).unwrap())
            .collect()
    }

    #[test]
    fn what_is_delivered_is_supported_and_requested() {
        let supported = types(&["urn:a:1", "urn:a:2", "urn:a:3"]);
        let requested = types(&["urn:a:3", "urn:a:9", "urn:a:1", "urn:a:3"]);
        assert_eq!(
            events_delivered(&supported, &requested),
            types(&["urn:a:3", "urn:a:1"])
        );
    }

    #[test]
    fn nothing_requested_is_nothing_delivered() {
        assert_eq!(events_delivered(&types(&["urn:a:1"]), &[]), []);
    }

    #[test]
    fn lists_are_compared_as_sets() {
        assert!(name_the_same(
            &types(&["urn:a:1", "urn:a:2"]),
            &types(&["urn:a:2", "urn:a:1", "urn:a:2"])
        ));
        assert!(!name_the_same(
            &types(&["urn:a:1"]),
            &types(&["urn:a:1", "urn:a:2"])
        ));
        assert!(!name_the_same(&types(&["urn:a:1"]), &[]));
    }

    #[test]
    fn a_list_has_at_most_256_types() {
        let list = |count: usize| {
            let uris: Vec<String> = (0..count).map(|n| format!(r#""urn:a:{n}""#)).collect();
            format!(r#"{{"events_requested":[{}]}}"#, uris.join(","))
        };
        let read = |json: &str| read(&mut Members::parse(json).unwrap(), "events_requested");
        assert_eq!(read(&list(256)).unwrap().unwrap().len(), 256);
        assert_eq!(
            read(&list(257)).unwrap_err().to_string(),
            "events_requested must be an array of at most 256 absolute URIs"
        );
    }

    #[test]
    fn null_and_a_bare_string_are_no_lists() {
        for json in [
            r#"{"events_requested":null}"#,
            r#"{"events_requested":"urn:a:1"}"#,
        ] {
            assert!(read(&mut Members::parse(json).unwrap(), "events_requested").is_err());
        }
    }
}
