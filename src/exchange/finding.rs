//! Diagnostics with their place, source line and caret.

use crate::diagnostic::{Diagnostic, Severity};
use crate::reason::Reason;
use crate::source::checkout::SourceFile;
use crate::yaml::{Fault, Place};

/// Findings kept of one file; nobody reads more, and a hostile file has thousands.
const MOST: usize = 100;
/// Characters of a source line that are shown.
const WIDTH: usize = 120;
/// A run of letters and digits this long may be a key; people's words are shorter.
const LONGEST_WORD: usize = 20;
/// Lines with one of these are shown up to their first colon only.
const DELICATE: &[&str] = &[
    "pass",
    "token",
    "secret",
    "seed",
    "private",
    "key-data",
    "kubeconfig",
    "creds",
    "contents",
    "://",
    "authorization",
    "apikey",
    "api_key",
    "pwd",
    "cipher",
];

/// Names a slip or two away from one of these are delicate too.
const MISSPELT: &[&str] = &["password", "passwd", "passphrase", "credentials"];

/// What these are about may be a secret whatever its key: a credential that is refused, a field nobody knows, which may be a
/// misspelt password. The name is enough.
const NAMES_ONLY: &[Reason] = &[
    Reason::NumericPassword,
    Reason::SecretInFile,
    Reason::UnknownField,
];

/// What was found in one file.
pub(super) struct Findings<'a> {
    pub(super) file: &'a SourceFile,
    pub(super) list: Vec<Diagnostic>,
    errors: usize,
}

impl<'a> Findings<'a> {
    pub(super) fn of(file: &'a SourceFile) -> Self {
        Self {
            file,
            list: Vec::new(),
            errors: 0,
        }
    }

    /// How many errors there are; those beyond the most that are kept count as well.
    pub(super) fn errors(&self) -> usize {
        self.errors
    }

    /// Whether something was found there.
    pub(super) fn points_to(&self, place: Place) -> bool {
        let mut places = self.list.iter().map(|found| (found.line, found.column));
        places.any(|found| found == (Some(place.line), Some(place.column)))
    }

    pub(super) fn error(
        &mut self,
        reason: Reason,
        place: Place,
        text: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.add(Diagnostic::error(reason, text).hint(hint), place);
    }

    pub(super) fn note(
        &mut self,
        reason: Reason,
        place: Place,
        text: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.add(Diagnostic::note(reason, text).hint(hint), place);
    }

    pub(super) fn faults(&mut self, faults: Vec<Fault>) {
        for fault in faults {
            let mut diagnostic = Diagnostic::error(fault.reason, fault.text);
            diagnostic.hint = fault.hint;
            self.add(diagnostic, fault.place);
        }
    }

    pub(super) fn add(&mut self, diagnostic: Diagnostic, place: Place) {
        self.errors += usize::from(diagnostic.severity == Severity::Error);
        if self.list.len() < MOST {
            self.list.push(point(diagnostic, self.file, place));
        }
    }
}

/// Puts a diagnostic to its place.
pub(super) fn point(diagnostic: Diagnostic, file: &SourceFile, place: Place) -> Diagnostic {
    let mut diagnostic = diagnostic.at(&file.path, place.line, place.column);
    let is_open = !NAMES_ONLY.contains(&diagnostic.reason);
    diagnostic.snippet = snippet(&file.bytes, place, is_open);
    diagnostic
}

/// The source line with a caret below; what may be a credential is covered.
fn snippet(bytes: &[u8], place: Place, is_open: bool) -> Option<String> {
    let index = usize::try_from(place.line).ok()?.checked_sub(1)?;
    let line = bytes.split(|byte| *byte == b'\n').nth(index)?;
    let line = String::from_utf8_lossy(line.get(..line.len().min(4 * WIDTH)).unwrap_or_default());
    let line = line.trim_end_matches('\r');
    let covered = if is_open {
        cover(line)
    } else {
        key_alone(line)
    };
    let shown: String = covered
        .chars()
        .take(WIDTH)
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect();
    if shown.trim().is_empty() {
        return None;
    }
    let number = place.line.to_string();
    let column = usize::try_from(place.column).ok()?;
    let caret = column.saturating_sub(1).min(shown.chars().count());
    Some(format!(
        "{number} | {shown}\n{} | {}^",
        " ".repeat(number.len()),
        " ".repeat(caret)
    ))
}

fn cover(line: &str) -> String {
    let lower = line.to_ascii_lowercase();
    if DELICATE.iter().any(|word| lower.contains(word)) || has_misspelt_secret(&lower) {
        return key_alone(line);
    }
    let mut covered = String::with_capacity(line.len());
    let mut word = String::new();
    for letter in line.chars() {
        if letter.is_ascii_alphanumeric() || matches!(letter, '+' | '/' | '=') {
            word.push(letter);
        } else {
            close_word(&mut covered, &mut word);
            covered.push(letter);
        }
    }
    close_word(&mut covered, &mut word);
    covered
}

fn key_alone(line: &str) -> String {
    match line.split_once(':') {
        Some((_, value)) if value.trim().is_empty() => line.to_owned(),
        Some((key, _)) => format!("{key}: …"),
        None => "…".to_owned(),
    }
}

fn has_misspelt_secret(lower: &str) -> bool {
    lower
        .split(|letter: char| !letter.is_ascii_alphabetic())
        .filter(|word| word.len() > 4)
        .any(|word| {
            MISSPELT
                .iter()
                .any(|meant| strsim::damerau_levenshtein(word, meant) <= 2)
        })
}

fn close_word(covered: &mut String, word: &mut String) {
    let mixed = word.bytes().any(|byte| byte.is_ascii_digit())
        && word.bytes().any(|byte| byte.is_ascii_alphabetic());
    if word.len() >= LONGEST_WORD && mixed {
        covered.push('…');
    } else {
        covered.push_str(word);
    }
    word.clear();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: &str) -> String {
        snippet(line.as_bytes(), Place { line: 1, column: 3 }, true).unwrap()
    }

    #[test]
    fn carets_point() {
        assert_eq!(shown("a: yes"), "1 | a: yes\n  |   ^");
    }

    #[test]
    fn credentials_are_covered() {
        assert!(!shown("  password: hunter2").contains("hunter2"));
        assert!(!shown("  - {token: abc, x: [").contains("abc"));
        assert!(!shown("  urls: [nats://a:b3@host]").contains("b3"));
        assert!(!shown("  MIIEvQIBADANBgkqhkiG9w0BAQEFAASC").contains("MIIEv"));
    }

    #[test]
    fn credentials_under_misspelt_names_are_covered() {
        for key in ["pasword", "passwrod", "Pssword", "user_paswd", "credntials"] {
            assert!(
                !shown(&format!("  {key}: hunter2")).contains("hunter2"),
                "{key}"
            );
        }
        assert!(shown("  replicas: 3 # world").contains("world"));
        let place = Place { line: 1, column: 1 };
        let unknown = snippet(b"pw: hunter2", place, false).unwrap();
        assert_eq!(unknown, "1 | pw: \u{2026}\n  | ^");
    }
}
