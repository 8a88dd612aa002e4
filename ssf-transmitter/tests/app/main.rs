//! The application's steps on doubles of the ports.

#[cfg(test)]
mod circuit;
#[cfg(test)]
mod deliver;
#[cfg(test)]
mod deliver_first;
#[cfg(test)]
mod deliver_in_time;
#[cfg(test)]
mod dispatch;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod held_store;
#[cfg(test)]
mod ingest;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod manage;
#[cfg(test)]
mod poll;
#[cfg(test)]
mod retain;
#[cfg(test)]
mod taker;
#[cfg(test)]
mod tend;
