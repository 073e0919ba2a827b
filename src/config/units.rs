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
