//! Requests to the management API, beside the same requests to a server that answers the same bytes and does nothing.

use std::{cell::RefCell, time::Duration};

use serde_json::Value;

use crate::{
    Fallible,
    load::{CONNECTIONS, Load, create_one, id_of},
    measure::{Measured, Pair},
    program::{Installation, Server},
};

const MEASURE: Duration = Duration::from_secs(8);

/// Both servers, and a stream that either can be asked for.
struct Sides {
    ours: Server,
    bare: Server,
    token: String,
    stream: String,
    _installation: Installation,
}

/// Does each request once, so that none of them is fast because it fails.
pub(crate) fn check() -> Fallible<()> {
    let sides = Sides::start()?;
    for server in [&sides.ours, &sides.bare] {
        let load = sides.load(server)?;
        load.borrow_mut().read_all(&sides.stream)?;
        create_and_delete(&load)?;
    }
    Ok(())
}

pub(crate) fn measure() -> Fallible<Vec<Value>> {
    let sides = Sides::start()?;
    let (ours, bare) = (sides.load(&sides.ours)?, sides.load(&sides.bare)?);
    let read = |load: &RefCell<Load>| load.borrow_mut().read_all(&sides.stream).is_ok();
    let mut reading = Pair {
        ours: Box::new(|| read(&ours)),
        yardstick: Box::new(|| read(&bare)),
    };
    let mut changing = Pair {
        ours: Box::new(|| create_and_delete(&ours).is_ok()),
        yardstick: Box::new(|| create_and_delete(&bare).is_ok()),
    };
    let each = f64::from(CONNECTIONS);
    let read = per_request(&reading.measure(MEASURE)?, each);
    let changed = per_request(&changing.measure(MEASURE)?, 2.0 * each);
    Ok(vec![
        read.entry(
            &format!("READ of one stream, {CONNECTIONS} at a time"),
            None,
        ),
        changed.entry(
            &format!("CREATE or DELETE of one stream, {CONNECTIONS} at a time"),
            None,
        ),
    ])
}

impl Sides {
    fn start() -> Fallible<Self> {
        let installation = Installation::new()?;
        let ours = installation.serve()?;
        let token = installation.add_receiver("bench")?;
        let created = create_one(ours.address, &token)?;
        Ok(Self {
            ours,
            bare: Server::bare(&created)?,
            token,
            stream: id_of(&created)?,
            _installation: installation,
        })
    }

    /// Connections that have to be used soon: servers close those that are idle.
    fn load(&self, server: &Server) -> Fallible<RefCell<Load>> {
        Ok(RefCell::new(Load::on(server.address, &self.token)?))
    }
}

/// As many of each as there are connections.
fn create_and_delete(load: &RefCell<Load>) -> Fallible<()> {
    let mut load = load.borrow_mut();
    let streams = load.create_all()?;
    load.delete_all(&streams)
}

fn per_request(measured: &Measured, requests: f64) -> Measured {
    Measured {
        ours: measured.ours / requests,
        yardstick: measured.yardstick / requests,
        ratio: measured.ratio,
    }
}
