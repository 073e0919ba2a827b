//! Sizes as Kubernetes writes them.

use serde_json::Value;

/// Bytes of a Kubernetes quantity; none where it is no such thing.
pub fn quantity(value: &Value) -> Option<u64> {
    let text = match value {
        Value::Number(number) => return number.as_u64(),
        Value::String(text) => text,
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    let (number, unit) = parts(text);
    let factor: f64 = match unit {
        "" => 1.0,
        "k" | "K" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "Ki" => 1024.0,
        "Mi" => 1_048_576.0,
        "Gi" => 1_073_741_824.0,
        "Ti" => 1_099_511_627_776.0,
        _ => return None,
    };
    let bytes = number.parse::<f64>().ok()? * factor;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the text has no sign, and the cast saturates"
    )]
    Some(bytes as u64)
}

/// Whether Kubernetes takes it for an amount of something: its own grammar, without a sign.
/// <https://pkg.go.dev/k8s.io/apimachinery/pkg/api/resource#Quantity>
pub(crate) fn is_quantity(value: &Value) -> bool {
    let text = match value {
        Value::Number(number) => return number.as_f64().is_some_and(|number| number >= 0.0),
        Value::String(text) => text,
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return false,
    };
    let (number, unit) = parts(text);
    let is_unit = match unit {
        "" | "n" | "u" | "m" | "k" | "M" | "G" | "T" | "P" | "E" | "Ki" | "Mi" | "Gi" | "Ti"
        | "Pi" | "Ei" => true,
        exponent => exponent
            .strip_prefix(['e', 'E'])
            .is_some_and(|exponent| exponent.parse::<i32>().is_ok()),
    };
    is_unit && number.parse::<f64>().is_ok()
}

/// The number of a quantity, and what stands behind it.
fn parts(text: &str) -> (&str, &str) {
    let end = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.');
    text.split_at(end.unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_kubernetes_reads_is_told_from_what_it_refuses() {
        for value in [
            json!("500m"),
            json!(2),
            json!(0.5),
            json!("1.5"),
            json!("20Gi"),
            json!("1e3"),
            json!("12E6"),
            json!("1E"),
            json!(".5"),
        ] {
            assert!(is_quantity(&value), "{value}");
        }
        for value in [
            json!("huge"),
            json!("lots"),
            json!("20GB"),
            json!("1 Gi"),
            json!("-1"),
            json!(-1),
            json!("Gi"),
            json!("1.2.3"),
            json!(""),
            json!(true),
            json!("1K"),
            json!("."),
        ] {
            assert!(!is_quantity(&value), "{value}");
        }
    }

    #[test]
    fn quantities_are_bytes() {
        for (text, bytes) in [
            ("1Gi", 1 << 30),
            ("512Mi", 1 << 29),
            ("1G", 1_000_000_000),
            ("1.5Ki", 1536),
            ("7", 7),
        ] {
            assert_eq!(quantity(&json!(text)), Some(bytes), "{text}");
        }
        assert_eq!(quantity(&json!("1 Gi")), None);
        assert_eq!(quantity(&json!("-1Gi")), None);
    }
}
