//! What `nats-server -t` says. Pure.

use super::CONFIGURATION;
use super::prepare::Prepared;
use crate::command::Finished;
use crate::observe::observed::{Complaint, Trial};

/// How the program begins what it says itself.
const NAME: &str = "nats-server: ";
/// Complaints that are handed on; nobody reads more.
const MOST: usize = 5;
/// Characters of one complaint.
const LONGEST: usize = 300;

/// The answer, and the digest of a configuration that is taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) trial: Trial,
    /// Hexadecimal.
    pub(super) digest: Option<String>,
}

impl Answer {
    pub(super) fn open(why: impl Into<String>) -> Self {
        Self {
            trial: Trial::Open(why.into()),
            digest: None,
        }
    }
}

/// Judges what was said about a prepared configuration.
pub(super) fn read(finished: &Finished, prepared: &Prepared) -> Answer {
    if finished.timed_out {
        return Answer::open("nats-server did not answer in time");
    }
    let said = finished.error_text();
    if finished.success() {
        let digest = said.split_once("(sha256:").and_then(|(_, rest)| {
            let digest = rest.split(')').next()?;
            digest
                .bytes()
                .all(|sign| sign.is_ascii_hexdigit())
                .then(|| digest.to_owned())
        });
        return match digest {
            None if !said.contains("is valid") => {
                Answer::open("nats-server's answer is not understood")
            }
            digest => Answer {
                trial: Trial::Taken,
                digest: digest.filter(|_| prepared.is_exact()),
            },
        };
    }
    let Some(said) = said.strip_prefix(NAME).filter(|_| finished.code.is_some()) else {
        return Answer::open("nats-server failed without an answer that is understood");
    };
    let found: Vec<Found<'_>> = said.lines().filter_map(Found::read).collect();
    // What follows from an earlier complaint, in the words of the language it is written in.
    let own = |found: &&Found<'_>| !found.text.contains("nil pointer dereference");
    let certain: Vec<Complaint> = found
        .iter()
        .filter(own)
        .filter(|found| match found.line {
            Some(line) => !prepared.is_doubtful(line),
            None => prepared.unknown.is_empty(),
        })
        .take(MOST)
        .map(|found| Complaint {
            path: found
                .line
                .map(|line| prepared.path(line))
                .unwrap_or_default(),
            text: own_words(found.text, prepared)
                .chars()
                .take(LONGEST)
                .collect(),
        })
        .collect();
    if certain.is_empty() {
        let unknown: Vec<&str> = prepared.unknown.iter().map(String::as_str).collect();
        return Answer::open(format!("not known here: {}", unknown.join(", ")));
    }
    Answer {
        trial: Trial::Refused(certain),
        digest: None,
    }
}

/// A complaint that quotes nothing but what was handed over: whatever else the server has read is no business of whoever
/// wrote the configuration.
fn own_words(text: &str, prepared: &Prepared) -> String {
    ['"', '\'']
        .into_iter()
        .fold(text.to_owned(), |text, quote| {
            let mut parts = text.split(quote).peekable();
            let mut shown = String::with_capacity(text.len());
            let mut within = false;
            while let Some(part) = parts.next() {
                let ours = prepared.holds(part) || !part.contains(char::is_alphanumeric);
                shown.push_str(if within && !ours { "…" } else { part });
                if parts.peek().is_some() {
                    shown.push(quote);
                }
                within = !within;
            }
            shown
        })
}

/// One complaint.
struct Found<'s> {
    line: Option<usize>,
    text: &'s str,
}

impl<'s> Found<'s> {
    fn read(said: &'s str) -> Option<Self> {
        let said = said.trim();
        if said.is_empty() {
            return None;
        }
        // `nats.conf:3:4: text`
        let placed = said.strip_prefix(CONFIGURATION).and_then(|rest| {
            let (line, rest) = rest.strip_prefix(':')?.split_once(':')?;
            let (column, text) = rest.split_once(':')?;
            column.parse::<usize>().ok()?;
            Some((line.parse().ok()?, text.trim()))
        });
        if let Some((line, text)) = placed {
            return Some(Self {
                line: Some(line),
                text,
            });
        }
        // `Parse error on line 3: 'text'`
        let line = said.split_once("on line ").and_then(|(_, rest)| {
            let end = rest
                .find(|sign: char| !sign.is_ascii_digit())
                .unwrap_or(rest.len());
            rest.get(..end)?.parse().ok()
        });
        Some(Self { line, text: said })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::nats_server::pod::tests::pod;
    use crate::nats_server::prepare::prepare;

    fn finished(code: i32, said: &str) -> Finished {
        Finished {
            code: Some(code),
            stdout: Vec::new(),
            stderr: said.as_bytes().to_vec(),
            took: Duration::ZERO,
            timed_out: false,
            cancelled: false,
        }
    }

    fn trial(conf: &str, said: &str) -> String {
        match read(&finished(1, said), &prepare(conf, &pod())).trial {
            Trial::Refused(all) => {
                let shown = |one: &Complaint| format!("{}={}", one.path.join("."), one.text);
                all.iter().map(shown).collect::<Vec<_>>().join("; ")
            }
            other @ (Trial::Untried | Trial::Taken | Trial::Open(_)) => format!("{other:?}"),
        }
    }

    const TWO: &str = "{\n  \"max_payload\": \"2MB\",\n  \"authorization\": {\"token\": $TOKEN},\n  \"foo\": 1\n}\n";

    #[test]
    fn every_complaint_about_what_is_known_is_handed_on() {
        let said = "nats-server: nats.conf:2:4: interface conversion: interface {} is string, not int64\n\
                    nats.conf:3:20: bad token\nnats.conf:4:4: unknown field \"foo\"\n";
        assert_eq!(
            trial(TWO, said),
            "max_payload=interface conversion: interface {} is string, not int64; foo=unknown field \"foo\""
        );
    }

    #[test]
    fn an_answer_that_rests_on_the_unknown_is_none() {
        let said = "nats-server: nats.conf:3:20: bad token\nnats.conf:3:3: runtime error: invalid memory address or nil pointer dereference\n";
        assert_eq!(trial(TWO, said), "Open(\"not known here: $TOKEN\")");
        // What has no place may rest on anything.
        assert_eq!(
            trial(TWO, "nats-server: no such user"),
            "Open(\"not known here: $TOKEN\")"
        );
        assert_eq!(
            trial("{\n \"a\": 1\n}\n", "nats-server: no such user"),
            "=no such user"
        );
    }

    #[test]
    fn what_was_not_handed_over_is_not_quoted() {
        let said = "nats-server: nats.conf:2:4: error parsing max_payload: time: invalid duration \"of another file\"\n\
                    nats.conf:4:4: error parsing include file '/x': '2MB' in '/etc/passwd'";
        assert_eq!(
            trial(TWO, said),
            "max_payload=error parsing max_payload: time: invalid duration \"…\"; \
             foo=error parsing include file '…': '2MB' in '…'"
        );
    }

    #[test]
    fn lines_are_found_in_sentences() {
        let said = "nats-server: variable reference for 'NOBODY' on line 2 can not be found";
        assert_eq!(
            trial("{\n  \"max_payload\": $NOBODY\n}\n", said),
            "max_payload=variable reference for 'NOBODY' on line 2 can not be found"
        );
    }

    #[test]
    fn what_is_not_understood_proves_nothing() {
        let prepared = prepare("a: 1\n", &pod());
        for finished in [
            finished(0, "garbage"),
            finished(2, "panic: garbage"),
            finished(127, ""),
            Finished {
                timed_out: true,
                ..finished(1, "nats-server: nats.conf:1:1: x")
            },
            Finished {
                code: None,
                ..finished(1, "nats-server: nats.conf:1:1: x")
            },
        ] {
            let answer = read(&finished, &prepared);
            assert!(
                matches!(answer.trial, Trial::Open(_)),
                "{finished:?}: {answer:?}"
            );
        }
    }

    #[test]
    fn a_digest_counts_where_nothing_was_replaced() {
        let said = finished(
            0,
            "nats-server: configuration file nats.conf is valid (sha256:0aff)\n",
        );
        let digest = |conf: &str| read(&said, &prepare(conf, &pod())).digest;
        assert_eq!(
            digest("server_name: $SERVER_NAME\n").as_deref(),
            Some("0aff")
        );
        assert_eq!(digest("token: $TOKEN\n"), None);
        assert_eq!(digest("tls: {ca_file: x}\n"), None);
    }
}
