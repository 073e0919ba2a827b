//! What tells one wanted release from another.

use serde_json::{Value, json};

use super::desired::ChartRef;
use crate::id::Digest;

/// JSON with sorted keys and no spaces: equal values give equal texts.
pub fn canonical_json(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    text
}

/// SHA-256 over chart and composed values, and nothing else: a new name, owner or program version
/// is not a reason to touch a release.
pub fn digest(chart: &ChartRef, values: &Value) -> Digest {
    let whole = json!({
        "format": 1,
        "chart": chart.name,
        "version": chart.version,
        "values": values,
    });
    Digest::of(canonical_json(&whole).as_bytes())
}

fn write(value: &Value, text: &mut String) {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by(|left, right| left.0.cmp(right.0));
            text.push('{');
            for (index, (key, value)) in entries.into_iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                text.push_str(&Value::from(key.as_str()).to_string());
                text.push(':');
                write(value, text);
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write(item, text);
            }
            text.push(']');
        }
        // Helm hands both back as one number.
        Value::Number(number) => match whole(number.as_f64()) {
            Some(integer) => text.push_str(&integer.to_string()),
            None => text.push_str(&number.to_string()),
        },
        Value::Null | Value::Bool(_) | Value::String(_) => text.push_str(&value.to_string()),
    }
}

/// The integer a float stands for, as far as floats are exact.
#[expect(clippy::cast_possible_truncation, reason = "guarded by the range")]
fn whole(number: Option<f64>) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    number
        .filter(|number| number.fract() == 0.0 && number.abs() <= EXACT)
        .map(|number| number as i64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn chart() -> ChartRef {
        ChartRef {
            name: "nats".into(),
            version: "2.14.2".into(),
        }
    }

    #[test]
    fn json_is_canonical() {
        let value = json!({"b": [1, 2.0, 1.5, null], "a": {"d": "x\n", "c": true}});
        assert_eq!(
            canonical_json(&value),
            r#"{"a":{"c":true,"d":"x\n"},"b":[1,2,1.5,null]}"#
        );
    }

    #[test]
    fn digest_is_pinned() {
        // Released installations carry it in their labels: another value here upgrades every exchange.
        insta::assert_snapshot!(
            digest(&chart(), &json!({"config": {"jetstream": {"enabled": true}}})).as_str(),
            @"4af17a8fa294b2146eb2a6e06434eccd7e1abe82d0e05655d8e6cc181ed5a53b"
        );
    }

    #[test]
    fn digest_looks_at_chart_and_values_only() {
        let other = ChartRef {
            version: "2.14.1".into(),
            ..chart()
        };
        assert_ne!(digest(&chart(), &json!({})), digest(&other, &json!({})));
        assert_ne!(
            digest(&chart(), &json!({"a": null})),
            digest(&chart(), &json!({}))
        );
    }

    proptest! {
        #[test]
        fn digest_is_stable_under_key_order(entries in proptest::collection::btree_map("[a-z]{1,4}", 0i64..9, 0..8)) {
            let forth: serde_json::Map<_, _> = entries.iter().map(|(k, v)| (k.clone(), json!(v))).collect();
            let back: serde_json::Map<_, _> = entries.iter().rev().map(|(k, v)| (k.clone(), json!(v))).collect();
            prop_assert_eq!(digest(&chart(), &Value::Object(forth)), digest(&chart(), &Value::Object(back)));
        }
    }
}
