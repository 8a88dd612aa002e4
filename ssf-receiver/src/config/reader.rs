//! Takes settings out of their layers, and collects what is wrong with them.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
};

use super::{ConfigFault, Layers, Source, layers::Value, secret::Faulty};

/// Longest name of a table, in bytes: it becomes a segment of a path and a label of metrics.
const NAME_BYTES_MAX: usize = 32;

/// Reads the settings of the configuration, or those of one table of it.
pub(super) struct Reader {
    /// What stands before a key in faults: nothing, or `transmitter.NAME.`.
    prefix: String,
    values: BTreeMap<String, Value>,
    /// The keys there are.
    known: BTreeSet<&'static str>,
    faults: Vec<ConfigFault>,
}

impl Reader {
    pub(super) fn new(layers: Layers) -> Self {
        Self {
            prefix: String::new(),
            values: layers.values,
            known: BTreeSet::new(),
            faults: layers.faults,
        }
    }

    fn of_table(key: &str) -> Self {
        Self {
            prefix: format!("{key}."),
            values: BTreeMap::new(),
            known: BTreeSet::new(),
            faults: Vec::new(),
        }
    }

    /// Reads one setting; `None` if it is faulty.
    pub(super) fn value<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(Option<&Value>) -> Result<T, String>,
    ) -> Option<T> {
        self.known.insert(key);
        let value = self.values.remove(key);
        let result = read(value.as_ref());
        let source = value.map_or(Source::Default, |value| value.source);
        result
            .map_err(|problem| self.fault(key, source, problem))
            .ok()
    }

    /// Reads a yes or no.
    pub(super) fn flag(&mut self, key: &'static str, default: bool) -> Option<bool> {
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
        key: &'static str,
        default: u64,
        range: RangeInclusive<u64>,
    ) -> Option<u64> {
        let (least, most) = range.into_inner();
        self.value(key, |value| match value.map(Value::number) {
            None => Ok(default),
            Some(Some(number)) if (least..=most).contains(&number) => Ok(number),
            Some(_) => Err(format!("must be a whole number from {least} to {most}")),
        })
    }

    /// Takes the tables `[[key]]` out, each under its `name`.
    ///
    /// What the environment says of one (`SSF_RECEIVER_KEY_NAME_SETTING`) overrides the file, and makes the table if the file
    /// has none; `None` if the file is faulty.
    pub(super) fn tables(&mut self, key: &'static str) -> Option<Vec<(String, Self)>> {
        let mut tables = self.value(key, |value| match value {
            None => Ok(BTreeMap::new()),
            Some(value) => read_tables(key, value),
        })?;
        let prefix = format!("{key}_");
        let variables = self.values.extract_if(.., |key, value| {
            key.starts_with(&prefix) && value.is_from_environment()
        });
        for (variable, value) in variables {
            let rest = &variable[prefix.len()..];
            let (name, setting) = rest.split_once('_').unwrap_or((rest, ""));
            let of_table = || Self::of_table(&format!("{key}.{name}"));
            let table = tables.entry(name.to_owned()).or_insert_with(of_table);
            table.values.insert(setting.to_owned(), value);
        }
        Some(tables.into_iter().collect())
    }

    /// Takes the table `[key]` out, with what the environment says of it (`SSF_RECEIVER_KEY_SETTING`), which overrides the file;
    /// `None` if neither has any of it.
    pub(super) fn table(&mut self, key: &'static str) -> Result<Option<Self>, Faulty> {
        let table = self.value(key, |value| {
            let Some(value) = value else { return Ok(None) };
            let expected = || format!("must be a table in the file, with [{key}] above it");
            let entries = value.table().ok_or_else(expected)?.clone();
            let mut table = Self::of_table(key);
            let setting = |content| Value::new(value.source.clone(), content);
            let entries = entries.into_iter();
            table
                .values
                .extend(entries.map(|(key, content)| (key, setting(content))));
            Ok(Some(table))
        });
        let mut table = table.ok_or(Faulty)?;
        let prefix = format!("{key}_");
        let variables = self.values.extract_if(.., |key, value| {
            key.starts_with(&prefix) && value.is_from_environment()
        });
        for (variable, value) in variables {
            let table = table.get_or_insert_with(|| Self::of_table(key));
            table
                .values
                .insert(variable[prefix.len()..].to_owned(), value);
        }
        Ok(table)
    }

    /// Reports a fault of the setting `key`.
    pub(super) fn fault(&mut self, key: &str, source: Source, problem: String) {
        let key = format!("{}{key}", self.prefix);
        self.faults.push(ConfigFault {
            key,
            source,
            problem,
        });
    }

    /// Takes over what is wrong with a table that was read to its end.
    pub(super) fn close(&mut self, table: Self) {
        self.faults.extend(table.finish());
    }

    /// All faults, sorted by key; settings that nobody read are faults too.
    pub(super) fn finish(mut self) -> Vec<ConfigFault> {
        let known: Vec<&str> = self.known.iter().copied().collect();
        let problem = format!("there is no such setting; there are {}", known.join(", "));
        for (key, value) in std::mem::take(&mut self.values) {
            self.fault(&key, value.source, problem.clone());
        }
        self.faults.sort_by(|left, right| left.key.cmp(&right.key));
        self.faults
    }
}

fn read_tables(key: &str, value: &Value) -> Result<BTreeMap<String, Reader>, String> {
    let mut tables = BTreeMap::new();
    let entries = value
        .tables()
        .ok_or_else(|| format!("must be tables in the file, each with [[{key}]] above it"))?;
    for entry in entries {
        let mut entry = entry.clone();
        let name = entry.remove("name");
        let name = name.as_ref().and_then(toml::Value::as_str);
        let name = name.filter(|name| is_name(name)).ok_or_else(|| {
            format!("must each have a name of 1 to {NAME_BYTES_MAX} of the characters a-z and 0-9")
        })?;
        let mut table = Reader::of_table(&format!("{key}.{name}"));
        let setting = |content| Value::new(value.source.clone(), content);
        let settings = entry
            .into_iter()
            .map(|(key, content)| (key, setting(content)));
        table.values.extend(settings);
        if tables.insert(name.to_owned(), table).is_some() {
            return Err(format!("must have different names; two are called {name}"));
        }
    }
    Ok(tables)
}

/// Whether a text names a table: without `_`, so that a variable tells where the name ends.
pub(super) fn is_name(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (1..=NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_plain)
}
