//! Whole worlds in memory: the steps of the transmitter and of a receiver as they are, on a network that loses, delays and
//! doubles, with processes that die at any await, a database that loses what it has not flushed, and a clock that jumps.
//!
//! A world follows from its seed. `SSF_SIMULATION_SEEDS` says how many worlds there are, `SSF_SIMULATION_SEED` that there
//! is one, which, and that all of it is told. A seed that has broken something once is run first for ever: see `seeds.txt`.

#[cfg(test)]
mod actors;
#[cfg(test)]
mod application;
#[cfg(test)]
mod chance;
#[cfg(test)]
mod clock;
#[cfg(test)]
mod cluster;
#[cfg(test)]
mod database;
#[cfg(test)]
mod fetcher;
#[cfg(test)]
mod history;
#[cfg(test)]
mod invariant;
#[cfg(test)]
mod link;
#[cfg(test)]
mod node;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod plan;
#[cfg(test)]
mod process;
#[cfg(test)]
mod seal;
#[cfg(test)]
mod seeds;
#[cfg(test)]
mod signal;
#[cfg(test)]
mod tally;
#[cfg(test)]
mod unsettled;
#[cfg(test)]
mod watch;
#[cfg(test)]
mod world;
