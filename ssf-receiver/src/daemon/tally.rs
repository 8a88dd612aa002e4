//! Counts of what was answered. What counts is kept by the threads that answer: to look it up by its labels costs as much as
//! a decision.

use std::{cell::RefCell, collections::HashMap, time::Duration};

use metrics::{Counter, Histogram};

thread_local! {
    static ROUTES: RefCell<HashMap<String, Route>> = RefCell::default();
}

/// What counts the answers of one route.
struct Route {
    seconds: Histogram,
    by_status: HashMap<u16, Counter>,
}

impl Route {
    fn new(route: &str) -> Self {
        let route = route.to_owned();
        Self {
            seconds: metrics::histogram!("ssf_receiver_http_request_seconds", "route" => route),
            by_status: HashMap::new(),
        }
    }
}

/// Counts an answer of `route`, which is a pattern: of paths that strangers choose there would be no end.
pub(super) fn answered(route: &str, status: u16, elapsed: Duration) {
    ROUTES.with_borrow_mut(|routes| {
        let known = match routes.get_mut(route) {
            Some(known) => known,
            None => routes
                .entry(route.to_owned())
                .or_insert_with(|| Route::new(route)),
        };
        let counter = known.by_status.entry(status).or_insert_with(|| {
            let (route, status) = (route.to_owned(), status.to_string());
            metrics::counter!("ssf_receiver_http_requests_total", "route" => route, "status" => status)
        });
        counter.increment(1);
        known.seconds.record(elapsed);
    });
}
