//! What is wrong where, and what to do about it.

use std::error::Error;
use std::iter::successors;

use serde::{Deserialize, Serialize};

use crate::reason::Reason;

/// What led to an error, the nearest first.
pub fn causes(error: &dyn Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    successors(error.source(), |&cause| cause.source())
}

/// An error and what led to it, in one line. It is not masked.
pub fn chain(error: &dyn Error) -> String {
    causes(error).fold(words(error), |text, cause| {
        format!("{text}: {}", words(cause))
    })
}

/// An error in words: without the numbers that libgit2 has for its own and puts behind them.
pub fn words(error: &dyn Error) -> String {
    let mut text = error.to_string();
    for number in ["; code=", "; class="] {
        if let Some(at) = text.rfind(number)
            && text.ends_with(')')
            && !text.get(at + 1..).unwrap_or_default().contains(';')
        {
            text.truncate(at);
        }
    }
    text
}

/// At most `most` signs of it. What is too long loses its middle: how it begins and how it ends tell most.
pub fn shortened(text: &str, most: usize) -> String {
    let count = text.chars().count();
    if count <= most {
        return text.to_owned();
    }
    let kept = most.saturating_sub(1);
    let head: String = text.chars().take(kept - kept / 2).collect();
    let tail: String = text.chars().skip(count - kept / 2).collect();
    format!("{head}…{tail}")
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The file is refused.
    Error,
    /// Works, and is probably not what is wanted.
    Warning,
    /// Worth knowing.
    Note,
}

/// One finding in a file of the repository or of the settings. Lines and columns count from 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// The stable word.
    pub reason: Reason,
    /// What is wrong, in a sentence. Never a secret's value.
    pub text: String,
    /// The file, relative to the repository's root.
    pub file: Option<String>,
    /// Line, from 1.
    pub line: Option<u32>,
    /// Column, from 1.
    pub column: Option<u32>,
    /// What to do or write instead.
    pub hint: Option<String>,
    /// The source line with a caret below, for terminals; never part of the machine form.
    #[serde(skip)]
    pub snippet: Option<String>,
}

impl Diagnostic {
    /// An error without a place.
    pub fn error(reason: Reason, text: impl Into<String>) -> Self {
        Self::new(Severity::Error, reason, text)
    }

    /// A warning without a place.
    pub fn warning(reason: Reason, text: impl Into<String>) -> Self {
        Self::new(Severity::Warning, reason, text)
    }

    /// A note without a place.
    pub fn note(reason: Reason, text: impl Into<String>) -> Self {
        Self::new(Severity::Note, reason, text)
    }

    fn new(severity: Severity, reason: Reason, text: impl Into<String>) -> Self {
        Self {
            severity,
            reason,
            text: text.into(),
            file: None,
            line: None,
            column: None,
            hint: None,
            snippet: None,
        }
    }

    /// Says where.
    #[must_use]
    pub fn at(mut self, file: impl Into<String>, line: u32, column: u32) -> Self {
        self.file = Some(file.into());
        self.line = Some(line);
        self.column = Some(column);
        self
    }

    /// Says in which file, where no line is known.
    #[must_use]
    pub fn in_file(mut self, file: impl Into<String>) -> Self {
        self.file = Some(file.into());
        self
    }

    /// Whether it is a field with a name near one that is known: what is said to be missing may be that one.
    pub fn is_misspelt(&self) -> bool {
        let hint = self.hint.as_deref().unwrap_or_default();
        self.reason == Reason::UnknownField && hint.starts_with(MEANT)
    }

    /// Says what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// What the hint of a misspelt name begins with.
const MEANT: &str = "did you mean ";

/// The hint of a misspelt name.
pub fn did_you_mean(known: &str) -> String {
    format!("{MEANT}{known}?")
}

/// The known name that is meant by a misspelt one.
pub fn nearest<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let plain = |text: &str| text.to_ascii_lowercase().replace(['_', '-'], "");
    let wanted = plain(name);
    known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&wanted, &plain(candidate)), candidate))
        .filter(|(likeness, _)| *likeness > 0.82)
        .max_by(|(left, _), (right, _)| left.total_cmp(right))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_told_without_the_numbers_of_libgit2() {
        for (said, told) in [
            ("no /x; class=Os (2); code=NotFound (-3)", "no /x"),
            ("no /x; class=Os (2)", "no /x"),
            (
                "no /x; class=Os (2) and more",
                "no /x; class=Os (2) and more",
            ),
            ("no /x", "no /x"),
        ] {
            let error = std::io::Error::other(said);
            assert_eq!(words(&error), told);
            assert_eq!(chain(&error), told);
        }
    }

    #[test]
    fn misspelt_names_are_recognised() {
        let known = ["helm_values", "metadata", "release_name"];
        assert_eq!(nearest("helmValues", known), Some("helm_values"));
        assert_eq!(nearest("metadta", known), Some("metadata"));
        assert_eq!(nearest("xyz", known), None);
    }
}
