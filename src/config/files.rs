//! The files that settings name and that are read only when they are needed: whether they can be read is worth knowing
//! before.

use std::fs::File;
use std::io::{self, Read as _};

use serde_json::Value;

use super::Settings;

/// How the settings that name such a file end.
const FILE: &str = "_file";

/// A setting that names a file which cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The setting.
    pub key: String,
    /// The file and what is wrong with it.
    pub text: String,
}

/// The files that cannot be read, and how many settings name one.
pub fn unreadable(settings: &Settings) -> serde_json::Result<(Vec<Unreadable>, usize)> {
    let mut named = Vec::new();
    collect("", &serde_json::to_value(settings)?, &mut named);
    let count = named.len();
    let mut found = Vec::new();
    for (key, path) in named {
        let text = match has_content(&path) {
            Ok(true) => continue,
            Ok(false) => format!("{path} is empty"),
            Err(error) => format!("{path}: {error}"),
        };
        found.push(Unreadable { key, text });
    }
    Ok((found, count))
}

fn collect(key: &str, value: &Value, into: &mut Vec<(String, String)>) {
    match value {
        Value::Object(all) => {
            for (name, value) in all {
                let dot = if key.is_empty() { "" } else { "." };
                collect(&format!("{key}{dot}{name}"), value, into);
            }
        }
        Value::String(path) if key.ends_with(FILE) => into.push((key.to_owned(), path.clone())),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {}
    }
}

/// Its first byte is enough: nothing of a secret is held.
fn has_content(path: &str) -> io::Result<bool> {
    let mut first = [0];
    Ok(File::open(path)?.read(&mut first)? > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_that_settings_name_is_looked_at() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("there"), "secret").unwrap();
        std::fs::write(path("empty"), "").unwrap();
        let mut settings = Settings::default();
        settings.source.password_file = Some(path("there"));
        settings.source.ca_file = Some(path("empty"));
        settings.webhook.secret_file = Some(path("gone"));
        let (found, count) = unreadable(&settings).unwrap();
        assert_eq!(count, 3);
        let keys: Vec<_> = found.iter().map(|file| file.key.as_str()).collect();
        assert_eq!(keys, ["source.ca_file", "webhook.secret_file"]);
        assert!(found[0].text.ends_with("empty is empty"), "{found:?}");
        assert!(found[1].text.contains("No such file"), "{found:?}");
    }
}
