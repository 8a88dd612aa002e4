//! OpenID Shared Signals Framework 1.0.

pub mod section_7_1;
pub mod section_7_2;
