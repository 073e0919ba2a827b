//! Reading the settings' file, and everything that is wrong with it.

use std::path::Path;

use serde_json::{Map, Value};

use super::{ConfigError, Settings};

/// The file as a tree, if each setting in it is one.
pub(super) fn read_file(path: &Path) -> Result<Value, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
        path: path.to_owned(),
        source,
    })?;
    if text.trim().is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    let read = check(&text).and_then(|()| {
        let options = serde_yaml::options! { strict_booleans: true };
        serde_yaml::from_str_with_options::<Value>(&text, options)
    });
    read.map_err(|error| ConfigError::File {
        path: path.to_owned(),
        text: complaints(path, &text, &error),
    })
}

/// Whether it can be read as the type, whose errors say where.
fn check(text: &str) -> Result<(), serde_yaml::Error> {
    let options = serde_yaml::options! { strict_booleans: true };
    serde_yaml::from_str_with_options::<Settings>(text, options).map(drop)
}

/// What is wrong, a line for each section that has an error: a reader stops at its first.
fn complaints(path: &Path, text: &str, whole: &serde_yaml::Error) -> String {
    let each = sections(text).into_iter();
    let found: Vec<_> = each.filter_map(|one| check(&one).err()).collect();
    // An alias of another section is no error of the file.
    let stands_alone = !text.contains('&') && found.iter().any(|one| place(one) == place(whole));
    let line = |error: &serde_yaml::Error| {
        let said = error.without_snippet().to_string();
        let said = said.lines().next().unwrap_or_default();
        let path = path.display();
        match place(error) {
            Some((line, column)) => {
                let again = format!(" at line {line}, column {column}");
                let said = said.strip_suffix(&again).unwrap_or(said);
                format!("  {path}:{line}:{column}: {said}")
            }
            None => format!("  {path}: {said}"),
        }
    };
    if stands_alone {
        let lines: Vec<_> = found.iter().map(line).collect();
        lines.join("\n")
    } else {
        line(whole)
    }
}

fn place(error: &serde_yaml::Error) -> Option<(u64, u64)> {
    let place = error.location()?;
    Some((place.line(), place.column()))
}

/// The text with all but one section of the file left blank, for each section: its places stay what they are.
fn sections(text: &str) -> Vec<String> {
    let begins =
        |line: &str| line.starts_with(|first: char| first.is_alphanumeric() || first == '"');
    let count = text.lines().filter(|line| begins(line)).count();
    let only = |number: usize| {
        let mut at = 0;
        let kept = text.lines().map(|line| {
            at += usize::from(begins(line));
            if at == number { line } else { "" }
        });
        kept.collect::<Vec<_>>().join("\n")
    };
    (1..=count).map(only).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.yaml");
        std::fs::write(&path, text).unwrap();
        let error = read_file(&path).unwrap_err().to_string();
        error.replace(path.to_str().unwrap(), "FILE")
    }

    #[test]
    fn each_section_says_what_is_wrong_with_it_in_a_line() {
        let text = "# ours\ninstance: \"Bad Name!\"\nsource:\n  url: x\n  intervall: 10s\nhelm: {timeout: 5m}\npolicy: {max_delete: many}\n";
        let said = said(text);
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines.len(), 4, "{said}");
        for (line, begins) in lines.iter().zip([
            "settings FILE are not usable",
            "  FILE:2:11: ",
            "  FILE:5:3: ",
            "  FILE:7:22: ",
        ]) {
            assert!(line.starts_with(begins), "{said}");
        }
        assert!(lines[1].contains("not a valid instance"), "{said}");
    }

    #[test]
    fn what_has_no_sections_is_told_as_a_whole() {
        for text in [
            "{instance: 'Bad Name!', source: 5}",
            "instance: [",
            "a: &x {}\nb: *x\n",
        ] {
            assert_eq!(said(text).lines().count(), 2, "{text}");
        }
    }
}
