//! helm and the API server quote what they refuse; secrets among the values must not get out that way.

use base64::Engine as _;
use serde_json::Value;

const HIDDEN: &str = "(hidden)";

/// Shorter values would blot out half of any text.
const SHORTEST: usize = 4;

const SENSITIVE: [&str; 10] = [
    "pass",
    "token",
    "secret",
    "seed",
    "nkey",
    "credential",
    "private",
    "jwt",
    "key",
    "auth",
];

/// `text` with every sensitive value replaced, in the spellings it can appear in.
pub fn mask(text: &str, values: &Value) -> String {
    let mut found = Vec::new();
    collect(values, false, &mut found);
    // The longest first, or a part of one would be replaced within another and leave the rest.
    found.sort_by_key(|value| std::cmp::Reverse(value.len()));
    let mut text = text.to_owned();
    for value in found {
        let quoted = Value::from(value).to_string();
        let inner = quoted.trim_matches('"');
        let base64 = base64::engine::general_purpose::STANDARD.encode(value);
        for spelling in [value, inner, base64.as_str()] {
            text = text.replace(spelling, HIDDEN);
        }
    }
    text
}

fn collect<'a>(value: &'a Value, sensitive: bool, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let key = key.to_lowercase();
                let named = SENSITIVE.iter().any(|word| key.contains(word));
                collect(value, sensitive || named, found);
            }
        }
        Value::Array(items) => {
            for item in items {
                collect(item, sensitive, found);
            }
        }
        Value::String(text) if sensitive && text.len() >= SHORTEST => found.push(text),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_in_every_spelling() {
        let values = serde_json::json!({
            "config": {"merge": {"users": [{"user": "alice", "password": "pw\"d12"}]}},
        });
        let text = mask(r#"alice: pw"d12 pw\"d12 cHciZDEy"#, &values);
        assert_eq!(text, "alice: (hidden) (hidden) (hidden)");
    }
}
