//! CPU time, which other work on the machine disturbs less than it disturbs the clock on the wall.

use std::{
    fs,
    hint::black_box,
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::time::{ClockId, clock_gettime};

use crate::Fallible;

/// Nanoseconds of one tick of the times in `/proc/PID/stat`, which Linux tells in hundredths of a second everywhere.
const TICK_NANOS: f64 = 1e7;

/// Where the times stand behind the name of the program: `utime` and `stime`.
const TIMES: [usize; 2] = [11, 12];

/// User and system time that a process has used, in nanoseconds.
pub(crate) fn of_process(id: u32) -> Fallible<f64> {
    let stat = fs::read_to_string(process(id).join("stat"))?;
    let (_, fields) = stat.rsplit_once(") ").ok_or("no program")?;
    let fields: Vec<&str> = fields.split(' ').collect();
    let mut ticks = 0.0;
    for place in TIMES {
        ticks += fields.get(place).ok_or("no time")?.parse::<f64>()?;
    }
    Ok(ticks * TICK_NANOS)
}

pub(crate) fn process(id: u32) -> PathBuf {
    Path::new("/proc").join(id.to_string())
}

/// Nanoseconds of CPU time that one of so many repetitions takes in this thread.
pub(crate) fn of_each<T>(repetitions: u32, mut work: impl FnMut() -> T) -> Fallible<f64> {
    let begun = of_this_thread()?;
    for _ in 0..repetitions {
        black_box(work());
    }
    Ok((of_this_thread()? - begun) / f64::from(repetitions))
}

/// By the clock of the thread: `schedstat` tells what was booked at the last tick, which is up to 4 ms ago.
fn of_this_thread() -> Fallible<f64> {
    let time = Duration::try_from(clock_gettime(ClockId::ThreadCPUTime))?;
    Ok(time.as_secs_f64() * 1e9)
}
