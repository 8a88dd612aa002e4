//! Settings with their sources, before they mean anything.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt,
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

use super::ConfigFault;

/// What the names of environment variables begin with.
const PREFIX: &str = "SSF_TRANSMITTER_";

/// A variable of OpenTelemetry's that means the same as a setting of ours, which overrides it.
const OTLP_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

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

/// A setting that has not been read yet.
pub(super) struct Value {
    source: Source,
    content: Content,
}

enum Content {
    Text(String),
    Number(i64),
    Flag(bool),
    List(Vec<String>),
    Table(toml::Table),
    /// A kind that no setting has.
    Other,
}

impl Value {
    pub(super) fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Text(text) => Some(text),
            Content::Number(_)
            | Content::Flag(_)
            | Content::List(_)
            | Content::Table(_)
            | Content::Other => None,
        }
    }

    /// A list; text is one with commas between its entries.
    pub(super) fn list(&self) -> Option<Vec<String>> {
        match &self.content {
            Content::List(list) => Some(list.clone()),
            Content::Text(text) => Some(
                text.split(',')
                    .map(|entry| entry.trim().to_owned())
                    .filter(|entry| !entry.is_empty())
                    .collect(),
            ),
            Content::Number(_) | Content::Flag(_) | Content::Table(_) | Content::Other => None,
        }
    }

    pub(super) fn number(&self) -> Option<u64> {
        match &self.content {
            Content::Number(number) => u64::try_from(*number).ok(),
            Content::Text(text) => text.trim().parse().ok(),
            Content::Flag(_) | Content::List(_) | Content::Table(_) | Content::Other => None,
        }
    }

    /// A table of the file; the environment has none.
    pub(super) fn table(&self) -> Option<&toml::Table> {
        match &self.content {
            Content::Table(table) => Some(table),
            Content::Text(_)
            | Content::Number(_)
            | Content::Flag(_)
            | Content::List(_)
            | Content::Other => None,
        }
    }

    fn flag(&self) -> Option<bool> {
        match &self.content {
            Content::Flag(flag) => Some(*flag),
            Content::Text(text) => text.trim().parse().ok(),
            Content::Number(_) | Content::List(_) | Content::Table(_) | Content::Other => None,
        }
    }

    pub(super) fn is_from_environment(&self) -> bool {
        matches!(self.source, Source::Environment(_))
    }
}

impl From<toml::Value> for Content {
    fn from(value: toml::Value) -> Self {
        match value {
            toml::Value::String(text) => Self::Text(text),
            toml::Value::Integer(number) => Self::Number(number),
            toml::Value::Boolean(flag) => Self::Flag(flag),
            toml::Value::Array(entries) => entries
                .into_iter()
                .map(|entry| entry.as_str().map(str::to_owned))
                .collect::<Option<_>>()
                .map_or(Self::Other, Self::List),
            toml::Value::Table(table) => Self::Table(table),
            toml::Value::Float(_) | toml::Value::Datetime(_) => Self::Other,
        }
    }
}

/// All settings that were made; later layers override earlier ones.
#[derive(Default)]
pub struct Layers {
    values: BTreeMap<String, Value>,
    faults: Vec<ConfigFault>,
}

impl Layers {
    /// Adds the text of a TOML file; `path` is its name in faults.
    #[must_use]
    pub fn file(mut self, path: &Path, text: &str) -> Self {
        let source = Source::File(path.to_owned());
        match text.parse::<toml::Table>() {
            Ok(table) => {
                for (key, value) in table {
                    self.set(key, source.clone(), value.into());
                }
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

    /// Adds those of the variables whose names begin with `SSF_TRANSMITTER_`.
    #[must_use]
    pub fn environment(
        mut self,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Self {
        for (name, value) in variables {
            let Some(name) = name.to_str() else { continue };
            if name == OTLP_ENDPOINT {
                let content = value.into_string().map_or(Content::Other, Content::Text);
                let source = Source::Environment(name.to_owned());
                let known = self.values.contains_key("otlp_endpoint");
                if !known {
                    self.set("otlp_endpoint".to_owned(), source, content);
                }
                continue;
            }
            let Some(key) = name.strip_prefix(PREFIX) else {
                continue;
            };
            if NOT_SETTINGS.contains(&key) {
                continue;
            }
            let content = value.into_string().map_or(Content::Other, Content::Text);
            let source = Source::Environment(name.to_owned());
            self.set(key.to_ascii_lowercase(), source, content);
        }
        self
    }

    /// Adds the setting `key` if the flag `name` was given.
    #[must_use]
    pub fn flag(mut self, name: &'static str, key: &str, value: Option<String>) -> Self {
        if let Some(value) = value {
            self.set(key.to_owned(), Source::Flag(name), Content::Text(value));
        }
        self
    }

    fn set(&mut self, key: String, source: Source, content: Content) {
        self.values.insert(key, Value { source, content });
    }
}

/// Takes settings out of their layers and collects the faults.
pub(super) struct Reader {
    values: BTreeMap<String, Value>,
    faults: Vec<ConfigFault>,
}

impl Reader {
    pub(super) fn new(layers: Layers) -> Self {
        Self {
            values: layers.values,
            faults: layers.faults,
        }
    }

    /// Reads one setting; `None` if it is faulty.
    pub(super) fn value<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(Option<&Value>) -> Result<T, String>,
    ) -> Option<T> {
        let value = self.values.remove(key);
        read(value.as_ref())
            .map_err(|problem| {
                self.faults.push(ConfigFault {
                    key: key.to_owned(),
                    source: value.map_or(Source::Default, |value| value.source),
                    problem,
                });
            })
            .ok()
    }

    /// Reads a yes or no.
    pub(super) fn flag(&mut self, key: &str, default: bool) -> Option<bool> {
        self.value(key, |value| match value {
            None => Ok(default),
            Some(value) => value
                .flag()
                .ok_or_else(|| "must be true or false".to_owned()),
        })
    }

    /// Reads a whole number.
    pub(super) fn number(
        &mut self,
        key: &str,
        default: u64,
        range: RangeInclusive<u64>,
    ) -> Option<u64> {
        self.value(key, |value| match value {
            None => Ok(default),
            Some(value) => value
                .number()
                .filter(|number| range.contains(number))
                .ok_or_else(|| {
                    let (least, most) = range.into_inner();
                    format!("must be a whole number from {least} to {most}")
                }),
        })
    }

    /// Reads a whole number that is at least 1 and counts things in memory.
    pub(super) fn size(&mut self, key: &str, default: u64, most: u64) -> Option<usize> {
        self.number(key, default, 1..=most)
            .and_then(|number| usize::try_from(number).ok())
    }

    /// All faults, sorted by key; settings that nobody read are faults too.
    pub(super) fn finish(mut self) -> Vec<ConfigFault> {
        let unknown = self.values.into_iter().map(|(key, value)| ConfigFault {
            key,
            source: value.source,
            problem: "there is no such setting".to_owned(),
        });
        self.faults.extend(unknown);
        self.faults.sort_by(|left, right| left.key.cmp(&right.key));
        self.faults
    }
}
