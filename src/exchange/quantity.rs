//! Sizes as Kubernetes writes them.

use serde_json::Value;

/// Bytes of a Kubernetes quantity; none where it is no such thing.
pub fn quantity(value: &Value) -> Option<u64> {
    let text = match value {
        Value::Number(number) => return number.as_u64(),
        Value::String(text) => text,
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    let end = text
        .find(|letter: char| !letter.is_ascii_digit() && letter != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end)?;
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

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
