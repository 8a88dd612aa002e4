//! Files that users name: read as far as such a file may be long.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

/// Longest file that is read, in bytes: some times what all the authorities of an operating system take.
const BYTES_MAX: u64 = 1024 * 1024;

/// A file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    #[error("{} cannot be read", .0.display())]
    Read(PathBuf, #[source] io::Error),
    #[error("{} has more than {BYTES_MAX} bytes", .0.display())]
    TooLong(PathBuf),
}

/// Reads a text.
pub(crate) fn read_capped(path: &Path) -> Result<String, FileError> {
    let unread = |error| FileError::Read(path.to_owned(), error);
    let mut text = String::new();
    let file = File::open(path).map_err(unread)?;
    // What is no plain file does not tell its length.
    let read = file.take(BYTES_MAX + 1).read_to_string(&mut text);
    if read.map_err(unread)? as u64 > BYTES_MAX {
        return Err(FileError::TooLong(path.to_owned()));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const LONGEST: usize = 1024 * 1024;

    #[test]
    fn a_file_that_is_too_long_is_not_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("long");
        fs::write(&path, vec![b'a'; LONGEST]).unwrap();
        assert_eq!(read_capped(&path).unwrap().len(), LONGEST);
        fs::write(&path, vec![b'a'; LONGEST + 1]).unwrap();
        assert!(matches!(read_capped(&path), Err(FileError::TooLong(_))));
        let absent = read_capped(&directory.path().join("absent"));
        assert!(matches!(absent, Err(FileError::Read(..))));
    }
}
