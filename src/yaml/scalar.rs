//! What a bare scalar means, and where YAML 1.1 and 1.2 disagree about it.

use serde_json::{Number, Value};

use super::{Fault, Place};
use crate::reason::Reason;

/// The largest integer a 64-bit float, and so Helm, holds exactly.
const EXACT: u64 = 1 << 53;

/// A scalar read by the core schema of YAML 1.2.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Reading {
    /// One meaning.
    Value(Value),
    /// YAML 1.1 reads it as `other`; the value is the reading of 1.2.
    Ambiguous { value: Value, other: &'static str },
    /// Beyond what Helm keeps exactly.
    TooLarge,
    /// `.nan` or `.inf`: no JSON value.
    NotFinite,
}

/// Reads a scalar that is not quoted.
pub(super) fn read_plain(text: &str) -> Reading {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Reading::Value(Value::Null),
        "true" | "True" | "TRUE" => return Reading::Value(Value::Bool(true)),
        "false" | "False" | "FALSE" => return Reading::Value(Value::Bool(false)),
        _ => {}
    }
    let ambiguous = |other| Reading::Ambiguous {
        value: Value::String(text.to_owned()),
        other,
    };
    if is_old_boolean(text) {
        return ambiguous("a boolean");
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !digits.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        return Reading::Value(Value::String(text.to_owned()));
    }
    if is_sexagesimal(digits) {
        return ambiguous("a number to base 60");
    }
    if digits.contains('_') && is_grouped(digits) {
        return ambiguous("a number");
    }
    if digits.starts_with("0b") || digits.starts_with("0o") {
        return ambiguous("another number or a text");
    }
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        if digits.len() > 1 && digits.starts_with('0') {
            return ambiguous("an octal number");
        }
        return integer(text.starts_with('-'), digits.parse().ok());
    }
    if let Some(hex) = digits.strip_prefix("0x") {
        if !hex.is_empty() && hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return integer(text.starts_with('-'), u64::from_str_radix(hex, 16).ok());
        }
        return Reading::Value(Value::String(text.to_owned()));
    }
    decimal(text, digits)
}

/// The value that goes into the tree, and what is wrong with it.
pub(super) fn judge(reading: Reading, place: Place) -> (Value, Option<Fault>) {
    let fault = |reason, text: String, hint: &str| {
        Some(Fault {
            reason,
            text,
            place,
            hint: Some(hint.to_owned()),
        })
    };
    match reading {
        Reading::Value(value) => (value, None),
        Reading::Ambiguous { value, other } => {
            let text = format!(
                "YAML 1.1 reads this scalar as {other}, YAML 1.2 does not; Helm and natsx-sync could differ"
            );
            let hint =
                "quote it if a text is meant; else write true, false or a plain decimal number";
            (value, fault(Reason::AmbiguousScalar, text, hint))
        }
        Reading::TooLarge => {
            let text = "an integer beyond 2^53; Helm would round it".to_owned();
            let hint = "quote it if a text is meant; else use a smaller number";
            (Value::Null, fault(Reason::IntegerTooLarge, text, hint))
        }
        Reading::NotFinite => {
            let text = "not a finite number".to_owned();
            let hint = "write a finite number, or quote it if a text is meant";
            (Value::Null, fault(Reason::InvalidValue, text, hint))
        }
    }
}

fn integer(negative: bool, magnitude: Option<u64>) -> Reading {
    let Some(magnitude) = magnitude.filter(|magnitude| *magnitude <= EXACT) else {
        return Reading::TooLarge;
    };
    let Ok(magnitude) = i64::try_from(magnitude) else {
        return Reading::TooLarge;
    };
    Reading::Value(Value::from(if negative { -magnitude } else { magnitude }))
}

fn decimal(text: &str, digits: &str) -> Reading {
    if matches!(digits, ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN") {
        return Reading::NotFinite;
    }
    let looks_so = digits.bytes().any(|byte| byte.is_ascii_digit())
        && digits
            .bytes()
            .all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte));
    let number = looks_so.then(|| text.parse::<f64>().ok()).flatten();
    match number {
        None => Reading::Value(Value::String(text.to_owned())),
        Some(number) => Number::from_f64(number).map_or(Reading::NotFinite, |number| {
            Reading::Value(Value::Number(number))
        }),
    }
}

fn is_old_boolean(text: &str) -> bool {
    let (Some(first), rest) = (text.chars().next(), text.get(1..).unwrap_or_default()) else {
        return false;
    };
    let written = rest.chars().all(|letter| letter.is_ascii_lowercase())
        || text.chars().all(|letter| letter.is_ascii_uppercase());
    first.is_ascii_alphabetic()
        && written
        && matches!(
            text.to_ascii_lowercase().as_str(),
            "y" | "n" | "yes" | "no" | "on" | "off"
        )
}

fn is_sexagesimal(digits: &str) -> bool {
    let mut parts = digits.split(':');
    let first = parts.next().unwrap_or_default();
    let mut rest = 0;
    let fits = parts.all(|part| {
        rest += 1;
        let whole = part.split('.').next().unwrap_or_default();
        (1..=2).contains(&whole.len())
            && whole.bytes().all(|byte| byte.is_ascii_digit())
            && whole.parse::<u8>().is_ok_and(|number| number < 60)
    });
    rest > 0
        && fits
        && !first.is_empty()
        && first
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'_')
}

fn is_grouped(digits: &str) -> bool {
    digits
        .bytes()
        .all(|byte| byte.is_ascii_hexdigit() || b"_.xob".contains(&byte))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn read_what_both_versions_agree_on() {
        for (text, value) in [
            ("5Gi", json!("5Gi")),
            ("3", json!(3)),
            ("-7", json!(-7)),
            ("0", json!(0)),
            ("1.5", json!(1.5)),
            ("0x1F", json!(31)),
            ("1.2.3", json!("1.2.3")),
            ("10.0.0.1:4222", json!("10.0.0.1:4222")),
            ("nope", json!("nope")),
            ("9007199254740992", json!(9_007_199_254_740_992_u64)),
            ("2026-12-01", json!("2026-12-01")),
            ("4222:4222", json!("4222:4222")),
            ("None", json!("None")),
        ] {
            assert_eq!(read_plain(text), Reading::Value(value), "{text}");
        }
    }

    #[test]
    fn name_what_they_read_differently() {
        for text in [
            "yes", "No", "ON", "off", "y", "N", "014", "1_000", "1:30", "0b11", "0o17", "12:30:45",
        ] {
            assert!(
                matches!(read_plain(text), Reading::Ambiguous { .. }),
                "{text}"
            );
        }
    }

    #[test]
    fn refuse_numbers_helm_would_bend() {
        assert_eq!(read_plain("9007199254740993"), Reading::TooLarge);
        assert_eq!(read_plain("-9007199254740993"), Reading::TooLarge);
        assert_eq!(read_plain("99999999999999999999999"), Reading::TooLarge);
        assert_eq!(read_plain(".nan"), Reading::NotFinite);
        assert_eq!(read_plain("-.inf"), Reading::NotFinite);
        assert_eq!(read_plain("1e999"), Reading::NotFinite);
    }
}
