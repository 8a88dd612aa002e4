//! What holds for requests that leave this process.

use std::{path::PathBuf, time::Duration};

use super::{layers::Reader, transport::path};
use crate::outbound::{Deadlines, HOST_REQUESTS_DEFAULT};

/// Longest time that a push may be allowed to take, in seconds: beyond it a dead receiver looks alive.
const PUSH_SECONDS_MAX: u64 = 120;

/// Most pushes that may be under way to one host: beyond it the limit of open files comes first.
const HOST_REQUESTS_MAX: u64 = 1024;

/// What holds for requests that leave this process.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct OutboundSettings {
    /// How long one push may take.
    pub push_deadlines: Deadlines,
    /// Most pushes that are under way to one host.
    pub push_parallel_per_host_max: usize,
    /// Certificates of authorities that are trusted beside those of the system, in PEM.
    pub trust_anchors_file: Option<PathBuf>,
}

/// Reads them.
pub(super) fn read(reader: &mut Reader) -> Option<OutboundSettings> {
    let mut seconds = |key, default| {
        let seconds = reader.number(key, default, 1..=PUSH_SECONDS_MAX);
        seconds.map(Duration::from_secs)
    };
    let connect = seconds("push_connect_timeout_seconds", 5);
    let head = seconds("push_head_timeout_seconds", 8);
    let body = seconds("push_body_timeout_seconds", 5);
    let whole = seconds("push_timeout_seconds", 10);
    let key = "push_parallel_per_host_max";
    let per_host = reader.size(key, HOST_REQUESTS_DEFAULT, HOST_REQUESTS_MAX);
    let trust = reader.value("trust_anchors_file", |value| value.map(path).transpose());
    Some(OutboundSettings {
        push_deadlines: Deadlines::new(connect?, head?, body?, whole?),
        push_parallel_per_host_max: per_host?,
        trust_anchors_file: trust?,
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::tests::{faults, read};

    #[test]
    fn each_part_of_a_push_has_its_time() {
        let defaults = read("", &[]).unwrap().outbound;
        assert_eq!(defaults.push_deadlines, Deadlines::default());
        assert_eq!(defaults.push_parallel_per_host_max, 64);
        assert_eq!(defaults.trust_anchors_file, None);
        let file = "push_connect_timeout_seconds = 1\npush_head_timeout_seconds = 2\npush_body_timeout_seconds = 3\npush_timeout_seconds = 4\npush_parallel_per_host_max = 5\ntrust_anchors_file = 'a.pem'";
        let set = read(file, &[]).unwrap().outbound;
        let seconds = Duration::from_secs;
        let expected = Deadlines::new(seconds(1), seconds(2), seconds(3), seconds(4));
        assert_eq!(set.push_deadlines, expected);
        assert_eq!(set.push_parallel_per_host_max, 5);
        assert_eq!(set.trust_anchors_file.as_deref(), Some(Path::new("a.pem")));
    }

    #[test]
    fn a_time_without_end_a_host_without_places_and_a_file_without_a_name_are_refused() {
        let file = "push_head_timeout_seconds = 0\npush_body_timeout_seconds = 121\npush_parallel_per_host_max = 0\ntrust_anchors_file = ''";
        assert_eq!(
            faults(file, &[]),
            [
                "push_body_timeout_seconds (file t.toml): must be a whole number from 1 to 120",
                "push_head_timeout_seconds (file t.toml): must be a whole number from 1 to 120",
                "push_parallel_per_host_max (file t.toml): must be a whole number from 1 to 1024",
                "trust_anchors_file (file t.toml): must be the path of a file",
            ]
        );
    }
}
