//! The file with the figures of all crates.

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

use serde_json::Value;

use crate::{Fallible, TMP};

/// Writes these figures beside those that are there, in the place of older ones of the same name.
pub(crate) fn add(new: Vec<Value>) -> Fallible<()> {
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
    writeln!(io::stdout(), "{}", serde_json::to_string_pretty(&new)?)?;
    entries.extend(new);
    Ok(fs::write(&path, serde_json::to_string_pretty(&entries)?)?)
}
