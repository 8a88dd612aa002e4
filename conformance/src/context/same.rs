//! When two values that the Transmitter gave say the same.

use serde_json::Value;

/// Whether two values say the same: nobody promises an order of event types or audiences, so arrays are compared without.
pub(crate) fn is_same(one: &Value, other: &Value) -> bool {
    unordered(one) == unordered(other)
}

fn unordered(value: &Value) -> Value {
    match value {
        Value::Array(elements) => {
            let mut elements: Vec<Value> = elements.iter().map(unordered).collect();
            elements.sort_by_cached_key(Value::to_string);
            Value::Array(elements)
        }
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), unordered(value)))
            .collect(),
        scalar @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => {
            scalar.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_order_of_an_array_says_nothing() {
        assert!(is_same(
            &json!({ "aud": "a", "events_delivered": ["x", "y"] }),
            &json!({ "events_delivered": ["y", "x"], "aud": "a" })
        ));
    }

    #[test]
    fn what_is_missing_or_there_twice_is_a_difference() {
        assert!(!is_same(&json!(["x", "y"]), &json!(["x"])));
        assert!(!is_same(&json!(["x"]), &json!(["x", "x"])));
        assert!(!is_same(&json!(["x"]), &json!("x")));
    }
}
