//! The client against peers that do their worst. Servers listen on loopback addresses, which the clients of these tests are
//! allowed as far as the test says.

mod addresses;
mod faults;
mod rig;
mod time_and_size;
mod trust;
