//! Tests of the real program, through its command line and over HTTP.
#![cfg(feature = "server")]

#[cfg(test)]
mod access;
#[cfg(test)]
mod answers;
#[cfg(test)]
mod audit;
#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod cli;
#[cfg(test)]
#[path = "../store/postgres/cluster.rs"]
mod cluster;
#[cfg(test)]
mod conformity;
#[cfg(test)]
mod deliveries;
#[cfg(test)]
mod disk;
#[cfg(test)]
mod earlier_schema;
#[cfg(test)]
mod end_to_end;
#[cfg(test)]
mod errors;
#[cfg(test)]
mod external;
#[cfg(test)]
mod http;
#[cfg(test)]
mod introspection;
#[cfg(test)]
mod issuers;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod ledger;
#[cfg(test)]
mod lost_set;
#[cfg(test)]
mod markers;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod nodes;
#[cfg(test)]
mod openapi;
#[cfg(test)]
mod operator;
#[cfg(test)]
mod otlp;
#[cfg(test)]
mod outbound;
#[cfg(test)]
mod poll;
#[cfg(test)]
mod profiles;
#[cfg(test)]
mod promql;
#[cfg(test)]
mod push_address;
#[cfg(test)]
mod push_tls;
#[cfg(test)]
mod quotas;
#[cfg(test)]
mod retention;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod rolling;
#[cfg(test)]
mod sequence;
#[cfg(test)]
mod setters;
#[cfg(test)]
mod sharing;
#[cfg(test)]
mod signing_alg;
#[cfg(test)]
mod sources;
#[cfg(test)]
mod stranger;
#[cfg(test)]
mod subjects;
#[cfg(test)]
mod tending;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod tokens;
#[cfg(test)]
mod txn;
#[cfg(test)]
mod whole_loop;
