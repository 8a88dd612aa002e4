//! Who hears of spans.

use url::Url;

use super::layers::{Reader, Value};
use crate::domain::push_hosts::PushHosts;

/// Who hears of spans.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct TracingSettings {
    /// The collector that gets them, if there is one.
    pub otlp_endpoint: Option<Url>,
    /// The hosts of push endpoints that are told of which trace a push is part; nobody if there are none.
    pub traceparent_hosts: PushHosts,
}

/// Reads both.
pub(super) fn read(reader: &mut Reader) -> Option<TracingSettings> {
    let endpoint = reader.value("otlp_endpoint", read_endpoint);
    let hosts = reader.value("traceparent_hosts", read_hosts);
    Some(TracingSettings {
        otlp_endpoint: endpoint?,
        traceparent_hosts: hosts?,
    })
}

fn read_endpoint(value: Option<&Value>) -> Result<Option<Url>, String> {
    let Some(value) = value else {
        return Ok(None);
    };
    let url = value.text().and_then(|text| Url::parse(text.trim()).ok());
    let is_usable = |url: &Url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.query().is_none()
            && url.fragment().is_none()
    };
    url.filter(is_usable)
        .map(Some)
        .ok_or_else(|| "must be an http or https URL without query and fragment".to_owned())
}

fn read_hosts(value: Option<&Value>) -> Result<PushHosts, String> {
    let Some(value) = value else {
        return Ok(PushHosts::any());
    };
    let hosts = value.list().ok_or("must be a list of hosts")?;
    PushHosts::parse(hosts.iter().map(String::as_str)).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{faults, read};

    #[test]
    fn nobody_hears_of_spans_unless_somebody_is_named() {
        assert_eq!(read("", &[]).unwrap().tracing, TracingSettings::default());
        let file =
            "otlp_endpoint = 'http://127.0.0.1:4318'\ntraceparent_hosts = ['rp.example.com']";
        let told = read(file, &[]).unwrap().tracing;
        let endpoint = told.otlp_endpoint.unwrap();
        assert_eq!(endpoint.as_str(), "http://127.0.0.1:4318/");
        assert_eq!(told.traceparent_hosts.names(), ["rp.example.com"]);
    }

    #[test]
    fn the_variable_of_open_telemetry_counts_unless_there_is_a_setting() {
        let variable = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://a.example.com:4318");
        let endpoint = |file: &str| read(file, &[variable]).unwrap().tracing.otlp_endpoint;
        assert_eq!(endpoint("").unwrap().host_str(), Some("a.example.com"));
        let file = "otlp_endpoint = 'http://b.example.com'";
        assert_eq!(endpoint(file).unwrap().host_str(), Some("b.example.com"));
    }

    #[test]
    fn what_is_no_collector_and_no_host_is_refused() {
        let file = "otlp_endpoint = 'collector'\ntraceparent_hosts = ['https://rp.example.com/']";
        assert_eq!(
            faults(file, &[]),
            [
                "otlp_endpoint (file t.toml): must be an http or https URL without query and fragment",
                "traceparent_hosts (file t.toml): a push host is a name such as app.example.com, or an address, without scheme, port and path",
            ]
        );
    }
}
