//! Authorities of the operator's own.

use std::{error::Error, fs};

use rcgen::KeyPair;

use super::super::trust::{TrustAnchors, TrustError};

fn read(contents: &str) -> Result<TrustAnchors, TrustError> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("anchors.pem");
    fs::write(&path, contents).unwrap();
    TrustAnchors::read(&path)
}

#[test]
fn a_file_without_authorities_is_refused_with_what_to_fix() {
    let key = KeyPair::generate().unwrap().serialize_pem();
    let none = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    let broken = "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n";
    let long = "#\n".repeat(600_000);
    for (contents, expected) in [
        ("", "holds no certificate in PEM"),
        ("DER or whatever", "holds no certificate in PEM"),
        (&key, "holds no certificate in PEM"),
        (broken, "holds no certificate in PEM"),
        (none, "is not one of an authority"),
        (&long, "has more than 1048576 bytes"),
    ] {
        let error = read(contents).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert!(error.contains("anchors.pem"), "{error}");
    }
    let absent = TrustAnchors::read("absent.pem".as_ref()).unwrap_err();
    assert_eq!(absent.to_string(), "absent.pem cannot be read");
    assert!(absent.source().is_some());
}
