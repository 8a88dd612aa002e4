//! E-mail addresses: the addr-spec of RFC 5322 §3.4.1, without comments, folding and obsolete forms.
//!
//! Letters beyond ASCII are allowed (RFC 6531 §3.3).

use std::borrow::Cow;

/// Longest part before the `@`, in bytes (RFC 5321 §4.5.3.1.1).
pub(super) const LOCAL_BYTES_MAX: usize = 64;

/// Longest part after the `@`, in bytes (RFC 5321 §4.5.3.1.2).
pub(super) const DOMAIN_BYTES_MAX: usize = 255;

/// Whether `text` is an address alone: no display name, no angle brackets, no `mailto:`.
pub(super) fn is_addr_spec(text: &str) -> bool {
    split(text).is_some_and(|(local, domain)| {
        local.len() <= LOCAL_BYTES_MAX
            && domain.len() <= DOMAIN_BYTES_MAX
            && (is_dot_atom(local) || unquoted(local).is_some())
            && (is_dot_atom(domain) || is_literal(domain))
    })
}

/// The parts before and after the last `@`; a quoted local part may hold others.
pub(super) fn split(address: &str) -> Option<(&str, &str)> {
    address.rsplit_once('@')
}

/// The shortest spelling of a local part: `"alice"@h` and `alice@h` are one mailbox (RFC 5321 §4.1.2).
pub(super) fn plainest(local: &str) -> Cow<'_, str> {
    match unquoted(local) {
        Some(text) if is_dot_atom(&text) => Cow::Owned(text),
        Some(text) => {
            let escaped = text.replace('\\', r"\\").replace('"', r#"\""#);
            Cow::Owned(format!("\"{escaped}\""))
        }
        None => Cow::Borrowed(local),
    }
}

/// What a quoted local part stands for; `None` if it is not quoted, or not well.
fn unquoted(local: &str) -> Option<String> {
    let quoted = local.strip_prefix('"')?.strip_suffix('"')?;
    let mut text = String::with_capacity(quoted.len());
    let mut chars = quoted.chars();
    while let Some(c) = chars.next() {
        let c = match c {
            '\\' => chars.next()?,
            '"' => return None,
            plain => plain,
        };
        if c.is_control() {
            return None;
        }
        text.push(c);
    }
    Some(text)
}

/// Words with single dots between them.
fn is_dot_atom(text: &str) -> bool {
    text.split('.')
        .all(|atom| !atom.is_empty() && atom.chars().all(is_atext))
}

fn is_atext(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    }
    !c.is_control() && !c.is_whitespace()
}

/// An address of a host in brackets; its bytes are those that IP addresses and RFC 5321 tags are made of.
fn is_literal(domain: &str) -> bool {
    domain
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .is_some_and(|literal| {
            !literal.is_empty()
                && literal
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b".:-".contains(&byte))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_alone_is_an_address() {
        for address in [
            "user@example.com",
            "a.b+c=d@example.com",
            "!#$%&'*+-/=?^_`{|}~@example.com",
            "user@localhost",
            "user@[192.0.2.5]",
            "user@[IPv6:2001:db8::1]",
            r#""john doe"@example.com"#,
            r#""john@doe"@example.com"#,
            r#""a\"b\\c"@example.com"#,
            r#"""@example.com"#,
            "j\u{f6}rg@b\u{fc}cher.example",
        ] {
            assert!(is_addr_spec(address), "{address}");
        }
    }

    #[test]
    fn what_people_write_instead_of_an_address_is_none() {
        for text in [
            "",
            "user",
            "@example.com",
            "user@",
            "User <user@example.com>",
            "<user@example.com>",
            "user@example.com (work)",
            "a@b.example,c@d.example",
            "a@b.example;c@d.example",
            " user@example.com",
            "user@example.com ",
            "us er@example.com",
            "a@b@example.com",
            ".user@example.com",
            "user.@example.com",
            "us..er@example.com",
            "user@example..com",
            "user@example.com.",
            "user@[]",
            "user@[192.0.2.5",
            "user@[a@b]",
            r#""user@example.com"#,
            r#""us"er"@example.com"#,
            r#""user\"@example.com"#,
            "\"us\ner\"@example.com",
            "us\u{0}er@example.com",
            "us\u{a0}er@example.com",
        ] {
            assert!(!is_addr_spec(text), "{text}");
        }
    }

    #[test]
    fn an_address_ends_somewhere() {
        let local = |length| format!("{}@example.com", "x".repeat(length));
        assert!(is_addr_spec(&local(64)));
        assert!(!is_addr_spec(&local(65)));
        let domain = |length| format!("user@{}", "x".repeat(length));
        assert!(is_addr_spec(&domain(255)));
        assert!(!is_addr_spec(&domain(256)));
    }

    #[test]
    fn quotes_go_where_they_can() {
        for (local, plain) in [
            ("alice", "alice"),
            (r#""alice""#, "alice"),
            (r#""al\ice""#, "alice"),
            (r#""a b""#, r#""a b""#),
            (r#""a\ \b""#, r#""a b""#),
            (r#""a\"b\\c""#, r#""a\"b\\c""#),
            (r#""""#, r#""""#),
            (r#"""#, r#"""#),
        ] {
            assert_eq!(plainest(local), plain, "{local}");
        }
    }
}
