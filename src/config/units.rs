//! Durations, shares and rates as people write them.

/// `1m`, `90s`, `2h 30m`.
pub mod duration {
    use std::time::Duration;

    use serde::{Deserialize as _, Deserializer, Serializer};
    use serde_json::Value;

    /// Reads `1m`.
    ///
    /// # Errors
    /// In words that say what to write instead.
    pub fn parse(text: &str) -> Result<Duration, String> {
        humantime::parse_duration(text).map_err(|_| {
            let number = text.trim();
            let number = number.parse::<u64>().ok().filter(|number| *number > 0);
            match number {
                Some(number) => {
                    format!("{text:?} has no unit: write {number}s, {number}m or {number}h")
                }
                None => format!("{text:?} is not a duration such as 90s, 10m or 2h 30m"),
            }
        })
    }

    /// Reads `1m`.
    pub fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Duration, D::Error> {
        let text = match Value::deserialize(input)? {
            Value::String(text) => text,
            other @ (Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Array(_)
            | Value::Object(_)) => other.to_string(),
        };
        parse(&text).map_err(serde::de::Error::custom)
    }

    /// Writes `1m`.
    pub fn serialize<S: Serializer>(duration: &Duration, output: S) -> Result<S::Ok, S::Error> {
        output.collect_str(&humantime::format_duration(*duration))
    }
}

/// `30%`.
pub mod percent {
    use serde::{Deserialize as _, Deserializer, Serializer};

    /// Reads `30%`.
    pub fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<u32, D::Error> {
        let text = String::deserialize(input)?;
        text.strip_suffix('%')
            .and_then(|number| number.trim().parse().ok())
            .filter(|share| *share <= 100)
            .ok_or_else(|| {
                serde::de::Error::custom(format!("{text:?} is not a share between 0% and 100%"))
            })
    }

    /// Writes `30%`.
    pub fn serialize<S: Serializer>(share: &u32, output: S) -> Result<S::Ok, S::Error> {
        output.collect_str(&format_args!("{share}%"))
    }
}

/// `5/s`.
pub mod rate {
    use serde::{Deserialize as _, Deserializer, Serializer};

    /// Reads `5/s`.
    pub fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<u32, D::Error> {
        let text = String::deserialize(input)?;
        text.strip_suffix("/s")
            .and_then(|number| number.trim().parse().ok())
            .filter(|rate| *rate > 0)
            .ok_or_else(|| serde::de::Error::custom(format!("{text:?} is not a rate such as 5/s")))
    }

    /// Writes `5/s`.
    pub fn serialize<S: Serializer>(rate: &u32, output: S) -> Result<S::Ok, S::Error> {
        output.collect_str(&format_args!("{rate}/s"))
    }
}

/// `64Mi`.
pub mod bytes {
    use serde::{Deserialize as _, Deserializer, Serializer};
    use serde_json::Value;

    use crate::exchange::quantity;

    /// Reads `64Mi`.
    pub fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<u64, D::Error> {
        let value = Value::deserialize(input)?;
        quantity(&value)
            .ok_or_else(|| serde::de::Error::custom(format!("{value} is not a size such as 64Mi")))
    }

    /// Writes `64Mi`.
    pub fn serialize<S: Serializer>(bytes: &u64, output: S) -> Result<S::Ok, S::Error> {
        let units = [(1 << 30, "Gi"), (1 << 20, "Mi"), (1 << 10, "Ki")];
        let whole = units
            .iter()
            .find(|(size, _)| *bytes >= *size && bytes.is_multiple_of(*size));
        match whole {
            Some((size, unit)) => output.collect_str(&format_args!("{}{unit}", bytes / size)),
            None => output.collect_str(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::duration::parse;

    #[test]
    fn a_duration_that_is_none_says_what_to_write() {
        for (text, words) in [
            ("10", "write 10s, 10m or 10h"),
            (
                "soon",
                "\"soon\" is not a duration such as 90s, 10m or 2h 30m",
            ),
            ("", "such as 90s"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
        assert_eq!(parse("1m 30s").unwrap().as_secs(), 90);
    }
}
