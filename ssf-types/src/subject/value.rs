//! JSON values by their meaning: equal texts for equal values.

use serde_json::value::RawValue;

use crate::json::Members;

/// Text that two JSON values share if they are equal: members sorted, no white space, strings unescaped and put through
/// `text`, numbers by their value with every digit that they have.
///
/// What is no JSON stays as it is.
pub(crate) fn value_form(json: &str, text: fn(&str) -> String) -> String {
    match json.as_bytes().first() {
        Some(b'{') => Members::parse(json).map_or_else(
            |_| json.to_owned(),
            |members| {
                let mut forms: Vec<String> = members
                    .into_iter()
                    .map(|(name, raw)| {
                        let value = value_form(raw.get(), text);
                        format!("{}:{value}", quoted(&text(&name)))
                    })
                    .collect();
                forms.sort_unstable();
                format!("{{{}}}", forms.join(","))
            },
        ),
        Some(b'[') => serde_json::from_str::<Vec<&RawValue>>(json).map_or_else(
            |_| json.to_owned(),
            |items| {
                let forms: Vec<String> = items
                    .iter()
                    .map(|item| value_form(item.get(), text))
                    .collect();
                format!("[{}]", forms.join(","))
            },
        ),
        Some(b'"') => serde_json::from_str::<String>(json)
            .map_or_else(|_| json.to_owned(), |string| quoted(&text(&string))),
        Some(b'-' | b'0'..=b'9') => number_form(json).unwrap_or_else(|| json.to_owned()),
        _ => json.to_owned(),
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A number as its digits without zeros at either end, and the power of ten that they count.
///
/// Nothing is rounded: identifiers of twenty digits differ in the last one. `None` for an exponent beyond all reason.
fn number_form(number: &str) -> Option<String> {
    let (sign, number) = match number.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", number),
    };
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_end_matches('0');
    let dropped = i64::try_from(digits.len() - significant.len()).ok()?;
    let fraction = i64::try_from(fraction.len()).ok()?;
    let exponent = exponent.parse::<i64>().ok()?;
    let power = exponent.checked_sub(fraction)?.checked_add(dropped)?;
    match significant.trim_start_matches('0') {
        "" => Some("0".to_owned()),
        significant => Some(format!("{sign}{significant}e{power}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(json: &str) -> String {
        value_form(json, str::to_owned)
    }

    #[test]
    fn order_and_white_space_and_escapes_do_not_count() {
        let one = r#"{"b":[1, true ,null],"a":"\u00e9"}"#;
        let two = "{ \"a\" : \"\u{e9}\", \"b\":[1,true,null]}";
        assert_eq!(form(one), "{\"a\":\"\u{e9}\",\"b\":[1e0,true,null]}");
        assert_eq!(form(one), form(two));
    }

    #[test]
    fn numbers_are_equal_by_value() {
        for same in ["10", "10.0", "1e1", "1E+1", "100e-1", "0.10e2"] {
            assert_eq!(form(same), "1e1", "{same}");
        }
        for zero in ["0", "-0", "0.00", "0e7"] {
            assert_eq!(form(zero), "0", "{zero}");
        }
        assert_eq!(form("-2.50"), "-25e-1");
    }

    #[test]
    fn no_digit_is_lost() {
        assert_ne!(form("18446744073709551617"), form("18446744073709551618"));
        assert_ne!(form("0.1000000000000000055"), form("0.1"));
        assert_eq!(form("1e99999999999999999999"), "1e99999999999999999999");
    }

    #[test]
    fn a_string_is_not_the_number_that_it_looks_like() {
        assert_ne!(form(r#""10""#), form("10"));
        assert_ne!(form(r#"["a,b"]"#), form(r#"["a","b"]"#));
        assert_ne!(form("[1,[2]]"), form("[[1],2]"));
    }
}
