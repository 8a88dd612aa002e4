//! The memory of polls that wait, each on a stream and a connection of its own, beside requests that wait in a bare server.

use std::{net::SocketAddr, time::Instant};

use serde_json::{Value, json};

use crate::{
    Fallible,
    connection::{Connection, PATIENCE, request},
    load::{CONNECTIONS, Load},
    measure::rounded,
    program::{Installation, Server},
};

/// Streams that one Receiver may have: 6 rounds over all connections stay below that.
const ROUNDS: u32 = 6;

/// How many Receivers there are, each with as many waiting polls as it has streams.
#[derive(Clone, Copy)]
pub(crate) struct Scale {
    receivers: u32,
}

impl Scale {
    pub(crate) const SMALL: Self = Self { receivers: 1 };
    /// 9,984 polls: with their connections they stay below the default of `polls_waiting_max`.
    pub(crate) const WHOLE: Self = Self { receivers: 104 };

    fn polls(self) -> u32 {
        self.receivers * ROUNDS * CONNECTIONS
    }
}

/// A stream to poll, with the token for it.
struct Stream {
    id: String,
    token: String,
}

pub(crate) fn measure(scale: Scale) -> Fallible<Value> {
    let installation = Installation::new()?;
    let streams = create(&installation, scale)?;
    // Started anew, so that memory which the creation has left behind does not pass for that of polls.
    let ours = bytes_per_poll(&installation.serve()?, &streams)?;
    let bare = bytes_per_poll(&Server::bare(&[])?, &streams)?;
    let polls = scale.polls();
    Ok(json!({
        "name": format!("memory of one waiting poll, of {polls}"),
        "value": rounded(ours, 0),
        "unit": "bytes",
        "yardstick": rounded(bare, 0),
        "ratio": rounded(ours / bare, 3),
        "goal": null,
        "met": null,
    }))
}

fn create(installation: &Installation, scale: Scale) -> Fallible<Vec<Stream>> {
    let program = installation.serve()?;
    let mut streams = Vec::new();
    for number in 0..scale.receivers {
        let token = installation.add_receiver(&format!("bench-{number}"))?;
        let mut load = Load::on(program.address, &token)?;
        for _ in 0..ROUNDS {
            let of_receiver = |id| Stream {
                id,
                token: token.clone(),
            };
            streams.extend(load.create_all()?.into_iter().map(of_receiver));
        }
    }
    Ok(streams)
}

fn bytes_per_poll(server: &Server, streams: &[Stream]) -> Fallible<f64> {
    let address = server.address;
    // Whatever a first request makes is not a poll's.
    metrics(&mut Connection::open(address)?)?;
    let before = server.resident_bytes()?;
    let open = |stream| poll(address, stream);
    let polls = streams.iter().map(open).collect::<Fallible<Vec<_>>>()?;
    waiting(&mut Connection::open(address)?, polls.len())?;
    let after = server.resident_bytes()?;
    Ok((after - before) / f64::from(u32::try_from(polls.len())?))
}

/// A poll that is not answered yet (RFC 8936 §2.2).
fn poll(address: SocketAddr, stream: &Stream) -> Fallible<Connection> {
    let mut connection = Connection::open(address).map_err(|error| {
        format!("{error}: each poll takes an open file in this process and one in the server, see ulimit -n")
    })?;
    let target = format!("/ssf/poll/{}", stream.id);
    connection.send(&request("POST", &target, &stream.token, "{}"))?;
    Ok(connection)
}

/// Waits until so many polls wait.
fn waiting(connection: &mut Connection, polls: usize) -> Fallible<()> {
    let line = format!("ssf_polls_waiting {polls}");
    let begun = Instant::now();
    while !metrics(connection)?.lines().any(|found| found == line) {
        if begun.elapsed() > PATIENCE {
            return Err(format!("{polls} polls do not wait").into());
        }
    }
    Ok(())
}

fn metrics(connection: &mut Connection) -> Fallible<String> {
    let answer = connection.ask(&request("GET", "/metrics", "", ""), 200)?;
    Ok(String::from_utf8(answer)?)
}
