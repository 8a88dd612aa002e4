//! JSON from strangers: a member that stands twice, endless nesting and endless text are refused.
//!
//! Errors name members, never values, so that no subject reaches a log or an error body through them. Names come from
//! outside as well: printed, they are escaped, so that none breaks a line or steers a terminal.

mod check;
mod closed_list;
mod error;
mod extra;
mod members;

pub(crate) use self::closed_list::closed_list;
pub use self::{check::check, error::JsonError, extra::Extra, members::Members};

/// Deepest nesting that is accepted; a complex subject with aliases needs five levels.
pub const DEPTH_MAX: usize = 32;

/// Longest text that is read, in bytes: four times the longest body of the protocols, which answers a poll.
///
/// It is the last line of defence. What comes from the network is capped while it is read, and far below.
pub const TEXT_BYTES_MAX: usize = 64 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_that_stands_twice_is_refused_at_any_depth() {
        assert_eq!(
            check(br#"{"a":1,"a":2}"#),
            Err(JsonError::Duplicate {
                line: 1,
                column: 10
            })
        );
        assert!(matches!(
            check(br#"{"a":[{"b":1,"b":1}]}"#),
            Err(JsonError::Duplicate { .. })
        ));
        assert!(matches!(
            check(br#"{"a":1,"\u0061":2}"#),
            Err(JsonError::Duplicate { .. })
        ));
    }

    #[test]
    fn a_duplicate_is_found_among_many_members() {
        let many: Vec<String> = (0..100).map(|n| format!(r#""m{n}":1"#)).collect();
        assert!(check(format!("{{{}}}", many.join(",")).as_bytes()).is_ok());
        assert!(check(format!("{{{},\"m70\":1}}", many.join(",")).as_bytes()).is_err());
        assert!(check(format!("{{{},\"m3\":1}}", many.join(",")).as_bytes()).is_err());
    }

    #[test]
    fn text_in_a_string_is_not_taken_for_json() {
        let json = r#"{"x":{"$serde_json::private::RawValue":"{\"a\":1,\"a\":2}"}}"#;
        let read: serde_json::Value = serde_json::from_str(json).unwrap();
        assert_eq!(read["x"]["a"], 2, "the library reads it so");
        for name in [
            "$serde_json::private::RawValue",
            "\\u0024serde_json::private::RawValue",
        ] {
            let json = format!(r#"{{"x":{{"{name}":"1"}}}}"#);
            let refused = check(json.as_bytes()).unwrap_err();
            assert!(matches!(refused, JsonError::Reserved { .. }), "{refused}");
        }
    }

    #[test]
    fn nesting_ends_at_32_levels() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(check(nested(32).as_bytes()).is_ok());
        assert_eq!(check(nested(33).as_bytes()), Err(JsonError::TooDeep));
        assert_eq!(
            check("[".repeat(100_000).as_bytes()),
            Err(JsonError::TooDeep)
        );
    }

    #[test]
    fn text_of_more_than_64_mib_is_refused_unread() {
        let blanks = vec![b' '; 64 * 1024 * 1024 + 1];
        assert_eq!(check(&blanks), Err(JsonError::TooLong));
    }

    #[test]
    fn text_after_the_value_and_broken_utf8_are_refused() {
        assert!(check(b"{} {}").is_err());
        assert!(check(b"{\"a\":\"\xff\"}").is_err());
        assert!(check(b"").is_err());
    }

    #[test]
    fn what_nobody_took_keeps_its_bytes() {
        let mut members = Members::parse(r#"{"a":1,"b":{"z":1.0, "y":1e0}}"#).unwrap();
        assert_eq!(members.required::<u32>("a", "a number"), Ok(1));
        assert_eq!(members.rest().json("b"), Some(r#"{"z":1.0, "y":1e0}"#));
    }

    #[test]
    fn an_error_names_the_member_and_not_its_value() {
        let mut members = Members::parse(r#"{"email":["alice@example.com"]}"#).unwrap();
        let error = members
            .required::<String>("email", "a string")
            .unwrap_err()
            .within("user")
            .within("sub_id");
        assert_eq!(error.to_string(), "sub_id.user.email must be a string");
    }

    #[test]
    fn a_name_from_outside_breaks_no_line_of_a_log() {
        let error = JsonError::invalid("b", "an object").within("a\n\u{1b}[2J\u{9b}\u{202e}");
        assert_eq!(
            error.to_string(),
            r"a\n\u{1b}[2J\u{9b}\u{202e}.b must be an object"
        );
        let path = "a\r".to_owned();
        assert_eq!(JsonError::Missing { path }.to_string(), r"a\r is missing");
    }

    #[test]
    fn null_is_not_absent() {
        let mut members = Members::parse(r#"{"a":null}"#).unwrap();
        assert!(members.optional::<String>("a", "a string").is_err());
    }
}
