//! Fuzz targets for everything in `ssf-types` that reads bytes from outside.

pub mod targets;
