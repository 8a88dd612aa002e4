//! Where settings come from: each layer overrides the one before.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt,
    path::{Path, PathBuf},
};

use super::ConfigFault;

/// What the names of environment variables begin with.
const PREFIX: &str = "SSF_RECEIVER_";

/// Variables with the prefix that are no settings: the command line reads them.
const NOT_SETTINGS: [&str; 1] = ["CONFIG"];

/// Where a setting stands.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Source {
    /// Nobody set it.
    Default,
    /// The configuration file.
    File(PathBuf),
    /// An environment variable.
    Environment(String),
    /// A flag of the command line.
    Flag(&'static str),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// A setting that has not been read yet: a value of the file, or the text of a variable or a flag.
pub(super) struct Value {
    pub(super) source: Source,
    /// `None` for a variable that is no text.
    content: Option<toml::Value>,
}

impl Value {
    pub(super) fn new(source: Source, content: toml::Value) -> Self {
        let content = Some(content);
        Self { source, content }
    }

    pub(super) fn is_from_environment(&self) -> bool {
        matches!(self.source, Source::Environment(_))
    }

    pub(super) fn text(&self) -> Option<&str> {
        self.content.as_ref()?.as_str()
    }

    /// A list of texts; one text is a list with commas between its entries.
    pub(super) fn list(&self) -> Option<Vec<String>> {
        if let Some(text) = self.text() {
            let entries = text.split(',').map(str::trim);
            let entries = entries.filter(|entry| !entry.is_empty());
            return Some(entries.map(str::to_owned).collect());
        }
        let entries = self.content.as_ref()?.as_array()?.iter();
        entries
            .map(|entry| entry.as_str().map(str::to_owned))
            .collect()
    }

    /// Texts by name: a table in a file, else a text of `NAME=TEXT` with commas between them.
    pub(super) fn texts(&self) -> Option<Vec<(String, String)>> {
        let pair = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        if let Some(table) = self.content.as_ref()?.as_table() {
            let entries = table.iter();
            return entries
                .map(|(name, text)| Some(pair(name, text.as_str()?)))
                .collect();
        }
        let entries = self.text()?.split(',').map(str::trim);
        let entries = entries.filter(|entry| !entry.is_empty());
        entries
            // A name may be a URL.
            .map(|entry| entry.rsplit_once('=').map(|(name, text)| pair(name, text)))
            .collect()
    }

    pub(super) fn number(&self) -> Option<u64> {
        match self.text() {
            Some(text) => text.trim().parse().ok(),
            None => u64::try_from(self.content.as_ref()?.as_integer()?).ok(),
        }
    }

    pub(super) fn flag(&self) -> Option<bool> {
        match self.text() {
            Some(text) => text.trim().parse().ok(),
            None => self.content.as_ref()?.as_bool(),
        }
    }

    /// A table, which only a file can hold.
    pub(super) fn table(&self) -> Option<&toml::Table> {
        self.content.as_ref()?.as_table()
    }

    /// A list of tables, which only a file can hold.
    pub(super) fn tables(&self) -> Option<Vec<&toml::Table>> {
        let entries = self.content.as_ref()?.as_array()?.iter();
        entries.map(toml::Value::as_table).collect()
    }
}

/// All settings that were made.
#[derive(Default)]
pub struct Layers {
    pub(super) values: BTreeMap<String, Value>,
    pub(super) faults: Vec<ConfigFault>,
}

impl Layers {
    /// Adds the text of a TOML file; `path` is its name in faults.
    #[must_use]
    pub fn file(mut self, path: &Path, text: &str) -> Self {
        let source = Source::File(path.to_owned());
        match text.parse::<toml::Table>() {
            Ok(table) => {
                let value = |content| Value::new(source.clone(), content);
                let values = table.into_iter().map(|(key, found)| (key, value(found)));
                self.values.extend(values);
            }
            Err(error) => {
                let before = error.span().and_then(|span| text.get(..span.start));
                let line = before.unwrap_or_default().matches('\n').count() + 1;
                self.faults.push(ConfigFault {
                    key: "the whole file".to_owned(),
                    source,
                    problem: format!("is not TOML (line {line})"),
                });
            }
        }
        self
    }

    /// Adds those of the variables whose names begin with `SSF_RECEIVER_`.
    #[must_use]
    pub fn environment(
        mut self,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Self {
        for (name, value) in variables {
            let Some(name) = name.to_str() else { continue };
            let key = name.strip_prefix(PREFIX);
            let Some(key) = key.filter(|key| !NOT_SETTINGS.contains(key)) else {
                continue;
            };
            let source = Source::Environment(name.to_owned());
            let content = value.into_string().ok().map(toml::Value::String);
            let value = Value { source, content };
            self.values.insert(key.to_ascii_lowercase(), value);
        }
        self
    }

    /// Adds the setting `key` if the flag `name` was given.
    #[must_use]
    pub fn flag(mut self, name: &'static str, key: &str, value: Option<String>) -> Self {
        if let Some(value) = value {
            let value = Value::new(Source::Flag(name), value.into());
            self.values.insert(key.to_owned(), value);
        }
        self
    }
}
