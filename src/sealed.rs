//! Files of ours that travel between hosts: JSON with a kind, a version and a checksum, so that a file that was cut off,
//! edited or made by something else is known before anything rests on it. The checksum is no signature.

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::error::Category;

use crate::id::Digest;
use crate::report::FORMAT_VERSION;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A plan to be applied later.
    SavedPlan,
    /// A picture of the world.
    Snapshot,
}

impl Kind {
    /// In the file.
    fn word(self) -> &'static str {
        match self {
            Self::SavedPlan => "SavedPlan",
            Self::Snapshot => "Snapshot",
        }
    }

    /// For people.
    fn noun(self) -> &'static str {
        match self {
            Self::SavedPlan => "saved plan",
            Self::Snapshot => "snapshot",
        }
    }

    fn made_by(self) -> &'static str {
        match self {
            Self::SavedPlan => "natsx-sync plan --out FILE",
            Self::Snapshot => "natsx-sync snapshot --out FILE",
        }
    }
}

/// Why a file cannot be used; never quotes it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Its end is missing.
    #[error("{file} ends too early (line {line}): it was cut off, copy it again")]
    CutOff {
        /// The file.
        file: String,
        /// The last line.
        line: usize,
    },
    /// Not one of ours.
    #[error("{file} is not a {noun}: {text}; make one with `{made_by}`", noun = kind.noun(), made_by = kind.made_by())]
    Foreign {
        /// The file.
        file: String,
        /// What was expected.
        kind: Kind,
        /// What it is.
        text: String,
    },
    /// Of a later version.
    #[error(
        "{file} has format {found}, this natsx-sync {version} reads {FORMAT_VERSION}: use the version that wrote it, or make it anew", version = env!("CARGO_PKG_VERSION")
    )]
    Format {
        /// The file.
        file: String,
        /// What it says.
        found: String,
    },
    /// Not as it was written.
    #[error("{file} is not as natsx-sync wrote it (its checksum differs): make it anew")]
    Edited {
        /// The file.
        file: String,
    },
}

/// Where the checksum begins.
const MARK: &str = "\n  \"checksum\": \"";

/// What stands in every file beside its content.
#[derive(Serialize)]
struct Sealed<'a, T> {
    kind: &'static str,
    format_version: &'static str,
    checksum: &'static str,
    #[serde(flatten)]
    content: &'a T,
}

/// Enough of a file to know what it is.
#[derive(Deserialize)]
struct Label {
    kind: Option<String>,
    format_version: Option<String>,
    exchanges: Option<IgnoredAny>,
}

/// The text of a file.
pub fn seal(kind: Kind, content: &impl Serialize) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(&Sealed {
        kind: kind.word(),
        format_version: FORMAT_VERSION,
        checksum: "",
        content,
    })?;
    let checksum = Digest::of(text.as_bytes());
    // It stands before everything that could look like it.
    if let Some(at) = text.find(MARK) {
        text.insert_str(at + MARK.len(), checksum.as_str());
    }
    text.push('\n');
    Ok(text)
}

/// Reads a file that [`seal`] made; `file` is its name.
pub fn open<'b, T: Deserialize<'b>>(
    kind: Kind,
    file: &str,
    bytes: &'b [u8],
) -> Result<T, SealError> {
    let foreign = |text: &str| SealError::Foreign {
        file: file.to_owned(),
        kind,
        text: text.to_owned(),
    };
    let label: Label = serde_json::from_slice(bytes).map_err(|error| match error.classify() {
        Category::Eof if !bytes.trim_ascii().is_empty() => SealError::CutOff {
            file: file.to_owned(),
            line: error.line(),
        },
        Category::Data => foreign("nothing in it says that it is one"),
        Category::Eof | Category::Syntax | Category::Io => {
            foreign(&format!("not JSON from line {} on", error.line()))
        }
    })?;
    match label.kind {
        Some(found) if found == kind.word() => {}
        Some(_) => return Err(foreign("it says it is something else")),
        None if label.exchanges.is_some() => {
            return Err(foreign("it is the result of `--format json`"));
        }
        None => return Err(foreign("nothing in it says that it is one")),
    }
    let found = label.format_version.unwrap_or_default();
    if major(&found) != major(FORMAT_VERSION) {
        return Err(SealError::Format {
            file: file.to_owned(),
            found: found.chars().take(20).collect(),
        });
    }
    let edited = || SealError::Edited {
        file: file.to_owned(),
    };
    let (parts, claimed) = without_checksum(bytes.trim_ascii_end()).ok_or_else(edited)?;
    if claimed != Digest::of_parts(&parts).as_str().as_bytes() {
        return Err(edited());
    }
    serde_json::from_slice(bytes).map_err(|_| edited())
}

/// The two parts of the text as it was when it had no checksum, and the checksum. Only at the top is a line indented so.
fn without_checksum(bytes: &[u8]) -> Option<([&[u8]; 2], &[u8])> {
    let at = bytes
        .windows(MARK.len())
        .position(|window| window == MARK.as_bytes())?;
    let (before, rest) = bytes.split_at_checked(at + MARK.len())?;
    let end = rest.iter().position(|byte| *byte == b'"')?;
    let (claimed, after) = rest.split_at_checked(end)?;
    Some(([before, after], claimed))
}

fn major(version: &str) -> &str {
    version.split('.').next().unwrap_or(version)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(text: &str) -> Result<Value, SealError> {
        open(Kind::Snapshot, "world.json", text.as_bytes())
    }

    #[test]
    fn what_was_sealed_is_read_again() {
        let text = seal(Kind::Snapshot, &json!({"a": [0.1, 1e300, 3], "b": null})).unwrap();
        let content = read(&text).unwrap();
        assert_eq!(content["a"][2], 3);
        assert!(text.starts_with("{\n  \"kind\": \"Snapshot\",\n"), "{text}");
    }

    #[test]
    fn anything_else_is_refused_with_its_name() {
        let text = seal(Kind::Snapshot, &json!({"count": 12345})).unwrap();
        let plan = seal(Kind::SavedPlan, &json!({"count": 12345})).unwrap();
        let later = text.replace("\"1.0\"", "\"2.0\"");
        for (text, expected) in [
            ("", "is not a snapshot: not JSON"),
            ("kind: Exchange\n", "is not a snapshot: not JSON"),
            ("[]", "nothing in it says"),
            (r#"{"exchanges": []}"#, "--format json"),
            (&plan, "something else"),
            (&later, "has format 2.0"),
            (&text.replace("12345", "12346"), "checksum differs"),
            (&text.replace("  ", " "), "checksum differs"),
            (&text.replace("checksum", "chicksum"), "checksum differs"),
            (&"[".repeat(100_000), "nothing in it says"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.starts_with("world.json"), "{error}");
            assert!(error.contains(expected), "{expected}: {error}");
        }
        for end in 1..text.trim_end().len() {
            let error = read(text.get(..end).unwrap()).unwrap_err();
            assert!(matches!(error, SealError::CutOff { .. }), "{end}: {error}");
        }
    }
}
