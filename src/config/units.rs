//! Durations, shares and rates as people write them.

/// `1m`, `90s`, `2h 30m`.
pub mod duration {
    use std::time::Duration;

    use serde::{Deserialize as _, Deserializer, Serializer};

    /// Reads `1m`.
    pub fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(input)?;
        humantime::parse_duration(&text).map_err(|error| {
            serde::de::Error::custom(format!(
                "{text:?} is not a duration such as 1m or 90s: {error}"
            ))
        })
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
