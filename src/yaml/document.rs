//! One file: its tree, its faults, and its lines for snippets.

use serde_yaml::granit_parser::{ErrorKind, Options, Parser};

use super::compose::{Composer, place_at};
use super::{Fault, MAX_BYTES, MAX_DEPTH, Node, Place};
use crate::reason::Reason;

/// What could be read of a file. The root is there even when there are faults, as far as it goes,
/// so that the file's identity can still be told.
#[derive(Debug, Clone, Default)]
pub struct Document {
    /// The tree; none for a file without content.
    pub root: Option<Node>,
    /// What is wrong with it, in the order it was met.
    pub faults: Vec<Fault>,
}

impl Document {
    /// Whether the text could not be followed to its end.
    pub fn is_torn(&self) -> bool {
        let mut faults = self.faults.iter();
        faults.any(|fault| matches!(fault.reason, Reason::InvalidYaml | Reason::TooLarge))
    }
}

/// Reads one file.
pub fn read(bytes: &[u8]) -> Document {
    if bytes.len() > MAX_BYTES {
        return refused(
            Reason::TooLarge,
            format!("the file has {} bytes; {MAX_BYTES} are read", bytes.len()),
            Place::START,
            "split it; values shared by exchanges belong into a profile",
        );
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
        Err(error) => {
            let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let lines = good.split(|byte| *byte == b'\n');
            let (line, last) = lines.enumerate().last().unwrap_or((0, good));
            let column = String::from_utf8_lossy(last).chars().count();
            return refused(
                Reason::InvalidYaml,
                "the file is not UTF-8 text".to_owned(),
                place_at(line + 1, column),
                "save it as UTF-8",
            );
        }
    };
    let mut options = Options::default();
    options.emit_comments = false;
    options.flow_nesting_limit = MAX_DEPTH;
    options.block_nesting_limit = MAX_DEPTH;
    let mut composer = Composer::default();
    for next in Parser::new_from_str_with_options(text, options) {
        let taken = match next {
            Ok((event, span)) => composer.take(event, &span),
            Err(error) => {
                let place = place_at(error.marker().line(), error.marker().col());
                Err(explain(error.kind(), place, text))
            }
        };
        if let Err(fault) = taken {
            composer.faults.push(fault);
            composer.abandon();
            break;
        }
    }
    Document {
        root: composer.root,
        faults: composer.faults,
    }
}

fn refused(reason: Reason, text: String, place: Place, hint: &str) -> Document {
    Document {
        root: None,
        faults: vec![Fault {
            reason,
            text,
            place,
            hint: Some(hint.to_owned()),
        }],
    }
}

/// A parser's complaint with what to do about it.
fn explain(kind: &ErrorKind, place: Place, text: &str) -> Fault {
    let line = text
        .lines()
        .nth(place.line.saturating_sub(1) as usize)
        .unwrap_or_default();
    let indent = line.trim_start_matches(' ');
    let reason = if matches!(kind, ErrorKind::RecursionLimitExceeded) {
        Reason::TooLarge
    } else {
        Reason::InvalidYaml
    };
    let unclosed = matches!(
        kind,
        ErrorKind::UnclosedQuotedScalar
            | ErrorKind::UnclosedFlowCollection { .. }
            | ErrorKind::UnexpectedEof
            | ErrorKind::UnexpectedEofFlowMapping
            | ErrorKind::UnexpectedEofFlowSequence
    );
    let hint = if reason == Reason::TooLarge {
        "flatten it"
    } else if matches!(kind, ErrorKind::UnknownAnchor) {
        "define the anchor before its alias; if the text begins with `*`, quote it"
    } else if unclosed {
        "close the quote or bracket"
    } else if indent.starts_with('\t') {
        "indent with spaces, not tabs"
    } else if line.contains('\t') {
        "write spaces instead of the tab"
    } else if line.matches(": ").count() > 1 {
        "quote a text that contains `: `, and indent nested keys on lines of their own"
    } else {
        "check indentation, quotes and brackets here and in the line above"
    };
    Fault {
        reason,
        text: format!("not readable as YAML: {kind}"),
        place,
        hint: Some(hint.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use serde_json::json;

    use super::*;

    fn value(text: &str) -> serde_json::Value {
        let document = read(text.as_bytes());
        assert_eq!(document.faults, [], "{text}");
        document
            .root
            .map_or(serde_json::Value::Null, |root| root.to_value())
    }

    fn reasons(text: &str) -> Vec<Reason> {
        read(text.as_bytes())
            .faults
            .iter()
            .map(|fault| fault.reason)
            .collect()
    }

    #[test]
    fn merge_keys_and_aliases_are_expanded() {
        let text = "base: &b {a: 1, c: 2}\nuse: {<<: *b, c: 3}\nlist: [*b]\n";
        assert_eq!(
            value(text),
            json!({"base": {"a": 1, "c": 2}, "use": {"a": 1, "c": 3}, "list": [{"a": 1, "c": 2}]})
        );
    }

    #[test]
    fn places_count_from_one() {
        let document = read(b"a:\n  b: 5Gi\n");
        let root = document.root.unwrap();
        let leaf = root.get("a").unwrap().get("b").unwrap();
        assert_eq!(leaf.place, Place { line: 2, column: 6 });
    }

    #[test]
    fn what_stands_before_a_syntax_error_is_kept() {
        let document = read(b"release_name: nats\ncluster_id: east\nx: [1, \n");
        assert!(!document.faults.is_empty());
        let root = document.root.unwrap();
        assert_eq!(root.get("release_name").unwrap().text(), Some("nats"));
        assert_eq!(root.get("cluster_id").unwrap().text(), Some("east"));
    }

    #[test]
    fn bombs_are_refused() {
        let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let below = level - 1;
            let copies = vec![format!("*a{below}"); 9].join(", ");
            writeln!(laughs, "a{level}: &a{level} [{copies}]").unwrap();
        }
        assert_eq!(reasons(&laughs), [Reason::TooLarge]);
        let long = format!(
            "a: &a {}\nb: [{}]\n",
            "x".repeat(500_000),
            vec!["*a"; 1000].join(", ")
        );
        assert_eq!(reasons(&long), [Reason::TooLarge]);
        assert_eq!(reasons(&"[".repeat(1 << 20)), [Reason::TooLarge]);
        assert_eq!(
            reasons(&format!("[{}]", "a,".repeat(500_000))),
            [Reason::TooLarge]
        );
        assert_eq!(reasons(&"- ".repeat(500_000)), [Reason::TooLarge]);
        assert_eq!(reasons("a: &a [*a]"), [Reason::InvalidYaml]);
    }

    #[test]
    fn faults_are_named() {
        assert_eq!(reasons("a: 1\na: 2\n"), [Reason::DuplicateKey]);
        assert_eq!(reasons("a: 1\n---\nb: 2\n"), [Reason::InvalidYaml]);
        assert_eq!(reasons("a: yes\nb: 014\n"), [Reason::AmbiguousScalar; 2]);
        assert_eq!(reasons("a: 9007199254740993\n"), [Reason::IntegerTooLarge]);
        assert_eq!(reasons("a: .nan\n"), [Reason::InvalidValue]);
        assert_eq!(reasons("a: !x b\n"), [Reason::InvalidYaml]);
        assert_eq!(reasons("? [a]\n: b\n"), [Reason::InvalidYaml]);
        assert_eq!(reasons("# nothing\n"), []);
    }
}
