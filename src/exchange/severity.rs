//! How bad lints are taken, where the operator says so.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::lint::LINTS;
use crate::diagnostic::{Diagnostic, Severity, nearest};
use crate::reason::Reason;

/// By reason; what is not named is as it is by itself. Only lints are here: rules that keep a cluster or a secret safe are
/// not for choosing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Form", into = "BTreeMap<Reason, Level>")]
pub struct Severities(BTreeMap<Reason, Level>);

/// How bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The file is refused.
    Error,
    /// Said, and no more.
    Warning,
    /// Not looked for.
    Off,
}

impl Level {
    const WORDS: [(&str, Self); 3] = [
        ("error", Self::Error),
        ("warning", Self::Warning),
        ("off", Self::Off),
    ];
}

/// A map, or as one variable says it: `REASON=error,REASON=off`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Form {
    Map(BTreeMap<String, String>),
    Text(String),
}

impl TryFrom<Form> for Severities {
    type Error = String;

    fn try_from(form: Form) -> Result<Self, String> {
        let pairs: Vec<(String, String)> = match form {
            Form::Map(map) => map.into_iter().collect(),
            Form::Text(text) => text
                .split(',')
                .map(str::trim)
                .filter(|pair| !pair.is_empty())
                .map(|pair| {
                    let (reason, level) = pair.split_once('=').unwrap_or((pair, ""));
                    (reason.trim().to_owned(), level.trim().to_owned())
                })
                .collect(),
        };
        let read = pairs.into_iter().map(|(word, level)| {
            let level = Level::WORDS.iter().find(|(word, _)| *word == level);
            let level =
                level.ok_or_else(|| format!("policy.severity of {word} is error, warning or off"));
            Ok((lint(&word)?, level?.1))
        });
        Ok(Self(read.collect::<Result<_, String>>()?))
    }
}

impl From<Severities> for BTreeMap<Reason, Level> {
    fn from(severities: Severities) -> Self {
        severities.0
    }
}

/// The lint of this name.
fn lint(word: &str) -> Result<Reason, String> {
    match Reason::named(word) {
        Some(reason) if LINTS.contains(&reason) => Ok(reason),
        Some(reason) => Err(format!(
            "policy.severity cannot change {reason}: it is not a lint but a rule; `natsx-sync explain` says which are lints"
        )),
        None => {
            let known = LINTS.iter().map(|reason| reason.name());
            let meant = nearest(word, known).map(|name| format!("; did you mean {name}?"));
            Err(format!(
                "policy.severity: {word:?} is not a reason{}",
                meant.unwrap_or_default()
            ))
        }
    }
}

impl Severities {
    /// The finding as it is to be told; none where it is not.
    pub(super) fn apply(&self, mut finding: Diagnostic) -> Option<Diagnostic> {
        match self.0.get(&finding.reason) {
            Some(Level::Off) => return None,
            Some(Level::Error) => finding.severity = Severity::Error,
            Some(Level::Warning) => finding.severity = Severity::Warning,
            None => {}
        }
        Some(finding)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: serde_json::Value) -> Result<Severities, String> {
        serde_json::from_value(value).map_err(|error| error.to_string())
    }

    #[test]
    fn lints_are_lowered_raised_and_switched_off() {
        let read = read(
            json!({"OpenExchange": "error", "UnknownValue": "warning", "EvenReplicas": "off"}),
        )
        .unwrap();
        let told = |reason| {
            let found = read.apply(Diagnostic::warning(reason, "x"));
            found.map(|found| found.severity)
        };
        assert_eq!(told(Reason::OpenExchange), Some(Severity::Error));
        assert_eq!(told(Reason::EvenReplicas), None);
        assert_eq!(told(Reason::NotActedOn), Some(Severity::Warning));
        let lowered = read
            .apply(Diagnostic::error(Reason::UnknownValue, "x"))
            .unwrap();
        assert_eq!(lowered.severity, Severity::Warning);
    }

    #[test]
    fn a_variable_says_the_same() {
        let text = read(json!("OpenExchange=error, EvenReplicas=off,")).unwrap();
        let map = read(json!({"OpenExchange": "error", "EvenReplicas": "off"})).unwrap();
        assert_eq!(text, map);
        assert_eq!(
            serde_json::to_value(&map).unwrap(),
            json!({"OpenExchange": "error", "EvenReplicas": "off"})
        );
    }

    #[test]
    fn what_cannot_be_meant_is_an_error_that_says_what_can() {
        for (value, words) in [
            (json!({"OpenExchang": "off"}), "did you mean OpenExchange?"),
            (
                json!({"PrivilegedValue": "warning"}),
                "cannot change PrivilegedValue",
            ),
            (json!({"SecretInFile": "off"}), "cannot change SecretInFile"),
            (json!({"OpenExchange": "fatal"}), "error, warning or off"),
            (json!("OpenExchange"), "error, warning or off"),
        ] {
            let error = read(value).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }
}
