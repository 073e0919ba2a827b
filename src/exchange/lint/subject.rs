//! Subjects in permissions, imports, exports and mappings.

use super::Bench;
use crate::exchange::tree::{Origin, Tree};
use crate::reason::Reason;

pub(super) fn examine(bench: &mut Bench<'_>) {
    let mut found: Vec<(Origin, String)> = Vec::new();
    if let Some(merge) = bench.get(&["config", "merge"]) {
        merge.walk(&mut Vec::new(), &mut |path, part| {
            let key = path.last().map_or("", String::as_str);
            match key {
                "publish" | "subscribe" | "pub" | "sub" | "subject" => texts(part, &mut found),
                "allow" | "deny" => {
                    let above = path.iter().rev().nth(1).map_or("", String::as_str);
                    if ["publish", "subscribe", "pub", "sub"].contains(&above) {
                        texts(part, &mut found);
                    }
                }
                "mappings" => {
                    for (subject, target) in part.children() {
                        found.push((target.origin, subject.clone()));
                    }
                }
                _ => {}
            }
        });
    }
    for (origin, subject) in found {
        if let Some(text) = fault(&subject) {
            bench.error(
                Reason::InvalidSubject,
                origin,
                format!("{subject:?} is not a subject: {text}"),
                "tokens are separated by single dots; `*` stands for one token, `>` at the end for one or more",
            );
        }
    }
}

fn texts(part: &Tree, found: &mut Vec<(Origin, String)>) {
    let many = part.items();
    for tree in std::iter::once(part).chain(many) {
        if let Some(text) = tree.text() {
            // Behind a space stands a queue group.
            let subject = text.split(' ').next().unwrap_or_default();
            if !text.contains("<<") {
                found.push((tree.origin, subject.to_owned()));
            }
        }
    }
}

/// What is wrong with a subject.
fn fault(subject: &str) -> Option<&'static str> {
    let mut tokens = subject.split('.').peekable();
    while let Some(token) = tokens.next() {
        if token.is_empty() {
            return Some("a token is empty");
        }
        if token == ">" && tokens.peek().is_some() {
            return Some("`>` is not at its end");
        }
        if token.chars().any(char::is_whitespace) {
            return Some("it contains a space");
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_checked() {
        for good in [
            "a",
            "a.b.c",
            "a.*",
            "a.>",
            ">",
            "$JS.API.>",
            "_INBOX.>",
            "a.b>",
        ] {
            assert_eq!(fault(good), None, "{good}");
        }
        for bad in ["", "a..b", ".a", "a.", "a.>.b", ">.a"] {
            assert!(fault(bad).is_some(), "{bad}");
        }
    }
}
