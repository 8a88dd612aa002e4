//! On what machine the numbers were taken.

use std::{
    fs::{self, File},
    io::Write,
    path::Path,
    thread,
    time::Instant,
};

use serde_json::{Value, json};

use crate::{
    Fallible, TMP,
    measure::{median, rounded},
};

/// Writes to flush before the median is taken.
const FLUSHES: usize = 200;

/// Tells processor, cores, cryptographic library and how long a flush to disk takes.
pub(crate) fn header() -> Fallible<Value> {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown", |(_, model)| model);
    Ok(json!({
        "header": {
            "cpu": model,
            "cores": thread::available_parallelism()?,
            "openssl": openssl::version::version(),
            "fdatasync_p50_us": rounded(fdatasync_micros()?, 1),
        }
    }))
}

/// Median time to append 4 KiB to a file in the target directory and flush it, in microseconds.
fn fdatasync_micros() -> Fallible<f64> {
    let path = Path::new(TMP).join("fdatasync");
    let mut file = File::create(&path)?;
    let mut micros = Vec::with_capacity(FLUSHES);
    for _ in 0..FLUSHES {
        let begun = Instant::now();
        file.write_all(&[0; 4096])?;
        file.sync_data()?;
        micros.push(begun.elapsed().as_secs_f64() * 1e6);
    }
    fs::remove_file(&path)?;
    Ok(median(micros))
}
