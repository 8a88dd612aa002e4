//! The file that keeps the data key: one line of base64 that only its owner can read.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use secrecy::ExposeSecret;

use super::{DataKey, DataKeyError, Sealer};

/// Longest key file that is read, in bytes: the key has 44 characters, the rest is white space.
const FILE_BYTES_MAX: u64 = 1024;

/// Where the data key comes from, which decides how well it protects.
#[derive(Debug)]
#[non_exhaustive]
pub enum KeySource {
    /// From the environment.
    Environment(DataKey),
    /// From a file that the operator named; it must exist.
    File(PathBuf),
    /// From the default file beside the database, which is made at the first start.
    BesideDatabase {
        /// The database file.
        database: PathBuf,
        /// The key file.
        key: PathBuf,
    },
}

impl KeySource {
    /// Reads the key, or makes it if this is the first start.
    ///
    /// # Errors
    /// The file cannot be used, or it is gone although there is a database that needs it.
    pub fn sealer(&self) -> Result<Sealer, KeyFileError> {
        let (database, path) = match self {
            Self::Environment(key) => return Ok(Sealer::new(key)),
            Self::File(path) => (None, path),
            Self::BesideDatabase { database, key } => (Some(database), key),
        };
        if let Some(key) = load(path)? {
            return Ok(Sealer::new(&key));
        }
        match database {
            Some(database) if !database.exists() => create(path).map(|key| Sealer::new(&key)),
            _ => Err(KeyFileError::Absent(path.clone())),
        }
    }

    /// What the key protects from, for the log of the start.
    pub fn protection(&self) -> &'static str {
        match self {
            Self::Environment(_) => {
                "the key is in the environment: a copied database is unreadable"
            }
            Self::File(_) => "the key is in a file of its own: a copied database is unreadable",
            Self::BesideDatabase { .. } => {
                "the key is in a file beside the database: this does not protect against a copied directory"
            }
        }
    }
}

/// A key file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// The file cannot be read.
    #[error("the key file {} cannot be read", .0.display())]
    Read(PathBuf, #[source] io::Error),
    /// The file is not there, and making a new key would not open what an older one has sealed.
    #[error("the key file {} is not there; put back the key that the database was made with", .0.display())]
    Absent(PathBuf),
    /// The file cannot be created.
    #[error("the key file {} cannot be created", .0.display())]
    Create(PathBuf, #[source] io::Error),
    /// Others than the owner may read or write the file.
    #[error("the key file {} has mode {mode:03o}; set it to 600", path.display())]
    Permissions {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file holds something else.
    #[error("the key file {} does not hold a key", .0.display())]
    Content(PathBuf, #[source] DataKeyError),
}

/// Reads the key in the file at `path`; `None` if there is no such file.
fn load(path: &Path) -> Result<Option<DataKey>, KeyFileError> {
    let unreadable = |source| KeyFileError::Read(path.to_owned(), source);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    let mode = file.metadata().map_err(unreadable)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyFileError::Permissions {
            path: path.to_owned(),
            mode,
        });
    }
    let mut text = String::new();
    file.take(FILE_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    DataKey::parse(&text)
        .map(Some)
        .map_err(|source| KeyFileError::Content(path.to_owned(), source))
}

/// Makes a new key and keeps it in a new file with mode 600.
///
/// The key is on disk, and its name in the directory, before this returns: what is sealed with it afterwards could not be
/// opened without it. The file appears under its name only when it is complete.
fn create(path: &Path) -> Result<DataKey, KeyFileError> {
    let key = DataKey::generate();
    write_new(path, key.to_base64().expose_secret())
        .map_err(|source| KeyFileError::Create(path.to_owned(), source))?;
    Ok(key)
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}.new", std::process::id()));
    let draft = PathBuf::from(draft);
    let written = write_draft(&draft, text).and_then(|()| fs::hard_link(&draft, path));
    let removed = fs::remove_file(&draft);
    written.and(removed)?;
    let directory = path.parent().filter(|parent| *parent != Path::new(""));
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

fn write_draft(draft: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(draft)?;
    writeln!(file, "{text}")?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_created_key_is_read_again_and_is_private() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("db.key");
        let created = create(&path).unwrap();
        let loaded = load(&path).unwrap().unwrap();
        assert_eq!(
            created.to_base64().expose_secret(),
            loaded.to_base64().expose_secret()
        );
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_first_start_makes_a_key_and_the_next_one_reads_it() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("db");
        let key = directory.path().join("db.key");
        let source = KeySource::BesideDatabase {
            database: database.clone(),
            key,
        };
        let sealed = source.sealer().unwrap().seal("a", b"text");
        fs::write(&database, "rows").unwrap();
        assert_eq!(
            source.sealer().unwrap().open("a", &sealed).unwrap(),
            b"text"
        );
    }

    #[test]
    fn a_lost_key_is_not_replaced_while_there_is_a_database() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("db");
        fs::write(&database, "rows").unwrap();
        let key = directory.path().join("db.key");
        let source = KeySource::BesideDatabase {
            database,
            key: key.clone(),
        };
        assert!(matches!(source.sealer(), Err(KeyFileError::Absent(_))));
        assert!(!key.exists());
    }

    #[test]
    fn a_named_key_file_must_exist() {
        let directory = tempfile::tempdir().unwrap();
        let source = KeySource::File(directory.path().join("key"));
        assert!(matches!(source.sealer(), Err(KeyFileError::Absent(_))));
    }

    #[test]
    fn an_existing_key_is_never_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("db.key");
        create(&path).unwrap();
        let before = fs::read(&path).unwrap();
        assert!(matches!(create(&path), Err(KeyFileError::Create(..))));
        assert_eq!(fs::read(&path).unwrap(), before);
    }

    #[test]
    fn a_file_that_others_may_read_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("db.key");
        create(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = load(&path).unwrap_err();
        assert!(matches!(
            error,
            KeyFileError::Permissions { mode: 0o640, .. }
        ));
        assert!(error.to_string().ends_with("has mode 640; set it to 600"));
    }

    #[test]
    fn a_file_with_something_else_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("db.key");
        create(&path).unwrap();
        fs::write(&path, "password").unwrap();
        assert!(matches!(load(&path), Err(KeyFileError::Content(..))));
    }
}
