//! What the transmitter knows and decides: no clock, no chance, no input or output.
//!
//! Functions here take the moment, the jitter and new identifiers as arguments, and return what is to be done.

pub mod announcement;
pub mod attempt;
pub mod audit;
pub mod authorization_server;
pub mod circuit;
pub mod coverage;
pub mod credential;
pub mod delivery;
pub mod dropped;
pub mod event;
pub mod fan_out;
pub mod foresight;
pub mod framework;
pub mod grant;
pub mod id;
pub mod inactivity;
pub mod introspection;
pub mod issuer;
pub mod jwt;
pub mod key;
pub mod ledger;
pub mod matching;
pub mod method;
pub mod mint;
pub mod name;
pub mod operator;
pub mod order;
pub mod pace;
pub mod poll;
pub mod profile;
pub mod push_address;
pub mod receiver;
pub mod replay;
pub mod retention;
pub mod retry;
pub mod scope;
pub mod signing_alg;
pub mod source;
pub mod stream;
pub mod subjects;
pub mod token_request;
pub mod trace;
pub mod trouble;
pub mod verification;
