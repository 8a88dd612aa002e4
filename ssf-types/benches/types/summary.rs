//! The file with the figures of all crates, and the same as a table that says which goals are met.

use std::{
    fs,
    io::{self, Write},
    iter,
    path::Path,
    process::Command,
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};
use ssf_types::time::{Rfc3339, Timestamp};

use crate::{Fallible, TMP};

/// Writes these figures beside those that are there, in the place of older ones of the same name, and shows which goals they meet.
///
/// Those that are there may be of another version or of fewer SETs: so each says of what it is.
pub(crate) fn add(mut new: Vec<Value>) -> Fallible<()> {
    let run = run();
    for entry in &mut new {
        entry["run"] = run.clone();
    }
    let directory = Path::new(TMP)
        .parent()
        .ok_or("no target directory")?
        .join("bench");
    fs::create_dir_all(&directory)?;
    let path = directory.join("summary.json");
    let mut entries: Vec<Value> = match fs::read(&path) {
        Ok(summary) => serde_json::from_slice(&summary)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    entries.retain(|old| new.iter().all(|new| new["name"] != old["name"]));
    let mut output = io::stdout();
    writeln!(output, "{}", serde_json::to_string_pretty(&new)?)?;
    writeln!(output, "{}", table(&new))?;
    entries.extend(new);
    fs::write(directory.join("summary.txt"), table(&entries))?;
    Ok(fs::write(&path, serde_json::to_string_pretty(&entries)?)?)
}

/// When figures are taken, of which version, and of how many SETs if fewer are asked for.
fn run() -> Value {
    json!({
        "taken_at": Rfc3339(now()).to_string(),
        "commit": commit(),
        "bench_sets": std::env::var("BENCH_SETS").ok(),
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "when a figure was taken is of no clock that tests move"
)]
fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
    Timestamp::from_secs(0).after(since_epoch.unwrap_or_default())
}

/// The commit that is checked out, and whether files differ from it; absent where git does not say.
fn commit() -> Option<String> {
    let describe = ["describe", "--always", "--dirty", "--exclude=*"];
    let output = Command::new("git").args(describe).output().ok()?;
    let commit = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| commit.trim().to_owned())
}

/// A line for each figure, and how many goals are met.
fn table(entries: &[Value]) -> String {
    let head = format!(
        "{:6}  {:>24}  {:>9}  {:16}  figure",
        "", "value", "goal", "of"
    );
    let lines = entries.iter().filter_map(line);
    let lines: Vec<String> = iter::once(head).chain(lines).collect();
    let judged = |met: bool| entries.iter().filter(|entry| entry["met"] == met).count();
    let (met, missed) = (judged(true), judged(false));
    format!("{}\ngoals: {met} met, {missed} missed\n", lines.join("\n"))
}

/// Absent for what is no figure.
fn line(entry: &Value) -> Option<String> {
    let name = entry["name"].as_str()?;
    let verdict = match entry["met"].as_bool() {
        Some(true) => "met",
        Some(false) => "MISSED",
        None => "",
    };
    let (value, goal, of) = (value(entry), goal(entry), version(&entry["run"]));
    Some(format!(
        "{verdict:6}  {value:>24}  {goal:>9}  {of:16}  {name}"
    ))
}

/// What the goal is about: the ratio, where there is one.
fn value(entry: &Value) -> String {
    let number = |name: &str| entry[name].as_f64();
    let unit = entry["unit"].as_str().unwrap_or_default();
    if let Some(times) = number("ratio").or_else(|| number("share")) {
        return format!("{times} times");
    }
    if let (Some(p50), Some(p99)) = (number("p50"), number("p99")) {
        return format!("p50 {p50}, p99 {p99} {unit}");
    }
    number("value").map_or_else(String::new, |value| format!("{value} {unit}"))
}

/// The largest that is good enough; the smallest of a share; or how far it may be off.
fn goal(entry: &Value) -> String {
    let Some(goal) = entry["goal"].as_f64() else {
        return String::new();
    };
    match entry["tolerance"].as_f64() {
        Some(tolerance) => format!("{goal} ± {tolerance}"),
        None if entry["share"].is_number() => format!("≥ {goal}"),
        None => format!("≤ {goal}"),
    }
}

/// The version, and how many SETs were asked for.
fn version(run: &Value) -> String {
    let commit = run["commit"].as_str().unwrap_or("unknown");
    match run["bench_sets"].as_str() {
        Some(sets) => format!("{commit}, {sets} SETs"),
        None => commit.to_owned(),
    }
}
