//! What a refusal says about where tokens are to be had: `WWW-Authenticate` (RFC 9110 §11.6.1, RFC 9728 §5.1).

/// The value of the first parameter of this name, whichever scheme it stands in; `None` if there is none, or the header
/// cannot be read up to there.
pub(super) fn parameter(header: &str, wanted: &str) -> Option<String> {
    let mut rest = header;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let end = rest.find(|c| !is_token(c)).unwrap_or(rest.len());
        let (name, behind) = rest.split_at(end);
        if name.is_empty() {
            return None;
        }
        let Some(value) = behind.trim_start().strip_prefix('=') else {
            // A scheme, of which parameters may follow.
            rest = behind;
            continue;
        };
        let (value, behind) = read_value(value.trim_start())?;
        if name.eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = behind;
    }
}

/// A value, quoted or not, and what comes behind it.
fn read_value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        // What stands alone behind a scheme may end in further equals signs (token68).
        let is_end = |c: char| matches!(c, ',' | ' ' | '\t');
        let (value, behind) = text.split_at(text.find(is_end).unwrap_or(text.len()));
        return Some((value.to_owned(), behind));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => value.push(characters.next()?.1),
            _ => value.push(c),
        }
    }
    None
}

fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~/".contains(c)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn metadata(header: &str) -> Option<String> {
        parameter(header, "resource_metadata")
    }

    #[test]
    fn a_parameter_is_found_in_whichever_scheme_it_stands() {
        for header in [
            r#"Bearer resource_metadata="https://a.example/x""#,
            r#"Bearer error="invalid_token", resource_metadata="https://a.example/x""#,
            r#"Basic realm="a, b=\"c\"",Bearer Resource_Metadata = "https://a.example/x" , scope="a b""#,
            r#"Negotiate YWJj==, DPoP algs="ES256", resource_metadata="https://a.example/x""#,
            "Bearer resource_metadata=https://a.example/x",
        ] {
            assert_eq!(
                metadata(header).as_deref(),
                Some("https://a.example/x"),
                "{header}"
            );
        }
    }

    #[test]
    fn what_is_not_there_or_cannot_be_read_is_none() {
        for header in [
            "",
            "Bearer",
            r#"Bearer realm="resource_metadata=https://a.example/x""#,
            r#"Bearer realm="open, resource_metadata=https://a.example/x"#,
            r#"Bearer ;;; resource_metadata="https://a.example/x""#,
            r#"Bearer resource_metadata="open"#,
        ] {
            assert_eq!(metadata(header), None, "{header}");
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_to_an_end(header in "\\PC{0,200}") {
            let _ = metadata(&header);
        }
    }
}
