//! A server's configuration made ready to be tested outside its pod: what stands elsewhere there has a stand-in here. Every
//! line stays a line, so that what the server says of one holds for the original. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::grammar::{self, Piece};
use super::pod::{Pod, Variable};

/// The file an included file is replaced by: empty.
pub(super) const INCLUDED: &str = "included.conf";
/// A throwaway certificate, also for authorities.
pub(super) const CERTIFICATE: &str = "certificate.pem";
/// Its key.
pub(super) const KEY: &str = "key.pem";
/// The folder of account tokens: the server makes it while it reads the configuration.
const ACCOUNTS: &str = "accounts";
/// A file that is not there: nobody can make up an operator's token.
const MISSING: &str = "operator.jwt";
/// The text of a variable whose value is not known here.
const PLACEHOLDER: &str = "placeholder";

/// A configuration that can be tested.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Prepared {
    pub(super) text: String,
    /// The whole environment. The names are ours: none of the file's reaches a program of this host.
    pub(super) environment: BTreeMap<String, String>,
    /// It names certificates.
    pub(super) certificates: bool,
    /// What is not known here, in words.
    pub(super) unknown: BTreeSet<String>,
    /// Lines on which something unknown stands.
    doubtful: BTreeSet<usize>,
    /// The first key of each line, with those above it.
    keys: BTreeMap<usize, Vec<String>>,
    /// Some text is not the original's.
    replaced: bool,
}

impl Prepared {
    /// Whether what is tested is what the pod will read, so that it has the same digest.
    pub(super) fn is_exact(&self) -> bool {
        self.unknown.is_empty() && !self.replaced
    }

    /// Whether something unknown stands on a line.
    pub(super) fn is_doubtful(&self, line: usize) -> bool {
        self.doubtful.contains(&line)
    }

    /// Whether the server was handed this text.
    pub(super) fn holds(&self, text: &str) -> bool {
        let mut values = self.environment.values();
        self.text.contains(text) || values.any(|value| value.contains(text))
    }

    /// The path of the option on a line, or of what the line stands in.
    pub(super) fn path(&self, line: usize) -> Vec<String> {
        let at = self.keys.range(..=line).next_back();
        at.map(|(_, path)| path.clone()).unwrap_or_default()
    }
}

/// Prepares `text` as `pod` reads it. What is not understood gives no text.
pub(super) fn prepare(text: &str, pod: &Pod) -> Prepared {
    let pieces = match grammar::read(text) {
        Ok(pieces) => pieces,
        Err(line) => {
            let unknown = BTreeSet::from([format!("line {line} of the configuration")]);
            return Prepared {
                unknown,
                ..Prepared::default()
            };
        }
    };
    let own = pieces.iter().filter_map(|piece| {
        let Piece::Key(_, name) = piece else {
            return None;
        };
        Some(*name)
    });
    let mut writer = Writer {
        line: 1,
        within: Vec::new(),
        key: None,
        pod,
        own: own.collect(),
        includes: pieces
            .iter()
            .any(|piece| matches!(piece, Piece::Include(..))),
        made: Prepared::default(),
    };
    for piece in &pieces {
        writer.write(piece);
    }
    writer.made
}

fn include_line() -> String {
    format!("include \"{INCLUDED}\"")
}

struct Writer<'t> {
    line: usize,
    /// The keys of the maps and lists it is in.
    within: Vec<Frame<'t>>,
    /// A key whose value comes next.
    key: Option<&'t str>,
    pod: &'t Pod,
    /// Names the configuration itself gives a value: its variables mean these first.
    own: BTreeSet<&'t str>,
    /// More of it stands in other files.
    includes: bool,
    made: Prepared,
}

enum Frame<'t> {
    Map(Option<&'t str>),
    List(Option<&'t str>),
}

impl<'t> Writer<'t> {
    fn write(&mut self, piece: &Piece<'t>) {
        match *piece {
            Piece::Plain(text) => self.put(text, text),
            Piece::Key(text, name) => {
                self.key = Some(name);
                let path = self.path();
                self.made.keys.entry(self.line).or_insert(path);
                self.put(text, text);
            }
            Piece::Map(text) => {
                let key = self.key.take();
                self.within.push(Frame::Map(key));
                self.put(text, text);
            }
            Piece::List(text) => {
                let key = self.key.take();
                self.within.push(Frame::List(key));
                self.put(text, text);
            }
            Piece::End(text) => {
                self.within.pop();
                self.put(text, text);
            }
            Piece::Include(text, name) => {
                let unknown = format!("the included file {name}");
                self.made.unknown.insert(unknown);
                self.put(text, &include_line());
            }
            Piece::Value(text, inner) => match self.stand_in(inner) {
                Some(stand_in) => self.put_stand_in(text, stand_in),
                None => self.put(text, text),
            },
            Piece::Variable(text, name) => match self.stand_in(text) {
                Some(stand_in) => self.put_stand_in(text, stand_in),
                None => self.variable(text, name),
            },
        }
    }

    /// Writes something in the place of `text`; its lines stay.
    fn put(&mut self, text: &str, with: &str) {
        let lines = text.matches('\n').count();
        let written = with.matches('\n').count();
        self.made.text.push_str(with);
        self.made
            .text
            .extend(std::iter::repeat_n('\n', lines.saturating_sub(written)));
        self.line += lines;
    }

    fn put_stand_in(&mut self, text: &str, stand_in: &str) {
        self.put(text, &format!("\"{stand_in}\""));
        self.made.replaced = true;
    }

    fn path(&self) -> Vec<String> {
        let above = self.within.iter().filter_map(|frame| match frame {
            Frame::Map(key) | Frame::List(key) => *key,
        });
        above.chain(self.key).map(str::to_owned).collect()
    }

    /// What a value that names a file or folder of the pod is replaced by. Keys are known in any case, as the server knows
    /// them, and wherever they stand: a map may be used elsewhere, by its name.
    fn stand_in(&mut self, value: &str) -> Option<&'static str> {
        let key = self.key.take().or_else(|| match self.within.last() {
            Some(Frame::List(key)) => *key,
            Some(Frame::Map(_)) | None => None,
        });
        match key?.to_ascii_lowercase().as_str() {
            "cert_file" | "ca_file" => {
                self.made.certificates = true;
                Some(CERTIFICATE)
            }
            "key_file" => {
                self.made.certificates = true;
                Some(KEY)
            }
            "dir" => Some(ACCOUNTS),
            // The token itself, or a file that holds it.
            "operator" | "operators" | "root" | "roots" | "root_operator" | "root_operators"
                if !is_token(value) =>
            {
                self.doubt(format!("the operator's token in {value}"));
                Some(MISSING)
            }
            _ => None,
        }
    }

    fn doubt(&mut self, unknown: String) {
        self.made.unknown.insert(unknown);
        self.made.doubtful.insert(self.line);
    }

    fn variable(&mut self, text: &str, name: &str) {
        if self.own.contains(name) {
            return self.put(text, text);
        }
        let value = match self.pod.variable(name) {
            Variable::Known(value) if is_word(&value) => value,
            // The server says so itself, here as in its pod; unless an included file has it.
            Variable::Missing if !self.includes => return self.put(text, text),
            Variable::Known(_) | Variable::Elsewhere | Variable::Missing => {
                self.doubt(format!("${name}"));
                PLACEHOLDER.to_owned()
            }
        };
        let ours = format!("NATSX_{name}");
        self.put(text, &format!("${ours}"));
        self.made.environment.insert(ours, value);
    }
}

/// Whether a variable's value is nothing but a word. The server reads the value as configuration: it may hold directives
/// and keys as well.
fn is_word(value: &str) -> bool {
    value
        .chars()
        .all(|sign| sign.is_ascii_alphanumeric() || "_-.:/+@".contains(sign))
}

/// A signed token: there is no file of such a name.
fn is_token(value: &str) -> bool {
    value.starts_with("eyJ")
        && value
            .chars()
            .all(|sign| sign.is_ascii_alphanumeric() || "-_.".contains(sign))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nats_server::pod::tests::pod;

    const CONF: &str = r#"{
  "http_port": 8222,
  # a comment, with $NONE
  include ./more.conf;
  "authorization": {
    "token": $TOKEN,
    "users": [{"user": "a$b", "password": "$2a$11$x"}]
  },
  "max_payload": $SIZE,
  "server_name": $SERVER_NAME,
  "tls": {
    "cert_file": "/etc/nats-certs/nats/tls.crt",
    "key_file": "/etc/nats-certs/nats/tls.key"
  }
}
"#;

    #[test]
    fn what_stands_elsewhere_is_replaced_and_every_line_stays() {
        let made = prepare(CONF, &pod());
        insta::assert_snapshot!(made.text);
        assert_eq!(made.text.lines().count(), CONF.lines().count());
        let environment: Vec<_> = made.environment.iter().collect();
        assert_eq!(
            format!("{environment:?}"),
            r#"[("NATSX_SERVER_NAME", "nats-0"), ("NATSX_SIZE", "2MB"), ("NATSX_TOKEN", "placeholder")]"#
        );
        assert_eq!(
            made.unknown.iter().map(String::as_str).collect::<Vec<_>>(),
            ["$TOKEN", "the included file ./more.conf"]
        );
        assert!(made.is_doubtful(6) && !made.is_doubtful(9) && !made.is_exact());
    }

    #[test]
    fn lines_are_traced_to_options() {
        let made = prepare(CONF, &pod());
        assert_eq!(made.path(2), ["http_port"]);
        assert_eq!(made.path(7), ["authorization", "users"]);
        assert_eq!(made.path(12), ["tls", "cert_file"]);
    }

    #[test]
    fn what_is_the_same_in_the_pod_is_exact() {
        let made = prepare("{\n  \"server_name\": $SERVER_NAME\n}\n", &pod());
        assert!(made.is_exact() && made.unknown.is_empty());
    }

    #[rstest::rstest]
    #[case("a: 1; include ../../etc/passwd\n")]
    #[case("a: {b: 1, include '/etc/passwd'}\n")]
    #[case("x: [ {INCLUDE   \"/etc/passwd\"} ]\n")]
    #[case("resolver: {type: full, dir: '/etc/passwd'}\n")]
    #[case("RESOLVER: {type: full, Dir: /etc/passwd}\n")]
    #[case("R: {type: full, dir: /etc/passwd}\nresolver: $R\n")]
    #[case("operator: /etc/passwd\n")]
    #[case("OPERATORS: [/etc/passwd]\n")]
    #[case("root_operator: /etc/passwd\n")]
    #[case("roots: eyJ/../../etc/passwd\n")]
    #[case("tls: {cert_file: /etc/passwd, key_file: \"/etc/passwd\", ca_file= '/etc/passwd'}\n")]
    #[case("TLS: {\"CERT_FILE\": /etc/passwd, Key_File /etc/passwd}\n")]
    fn a_file_of_this_host_has_a_stand_in(#[case] text: &str) {
        let made = prepare(text, &pod());
        assert!(!made.text.is_empty(), "{:?}", made.unknown);
        assert!(!made.text.contains("passwd"), "{}", made.text);
    }

    #[rstest::rstest]
    #[case::folded_letter("x: 1; \u{130}nclude /etc/passwd\n")]
    #[case::folded_key("tls: {\"cert_f\u{130}le\": /etc/passwd}\n")]
    #[case::kelvin("tls: {\"\u{212a}ey_file\": /etc/passwd}\n")]
    #[case::long_s("re\u{17f}olver: {dir: /etc/passwd}\n")]
    #[case::blank_of_unicode("x: 1;\u{a0}include /etc/passwd\n")]
    #[case::end_of_a_comment("# a\r include /etc/passwd\n")]
    #[case::end_of_a_comment("x: 1 # a\u{85}include /etc/passwd\n")]
    #[case::no_comment("x: # 1, include /etc/passwd\n")]
    #[case::no_escape_in_a_key("\"a\\\": 1; include /etc/passwd; x: \"\": 1\n")]
    #[case::number_of_a_list("x: [5]\ny: \"]; include /etc/passwd\"\n")]
    #[case::quote_ends_a_text("x: a' include /etc/passwd '\n")]
    #[case::block("x: (\n include /etc/passwd\n)\n")]
    #[case::escape_in_a_text("x: a\\\" include /etc/passwd\n")]
    #[case::separators("a: 1,, include /etc/passwd\n")]
    #[case::open_text("x: \"a include /etc/passwd\n")]
    #[case::brace_in_a_key("a{include /etc/passwd}\n")]
    #[case::after_the_end("{a: 1}\ninclude /etc/passwd\n")]
    #[case::no_end("{a: {include /etc/passwd\n")]
    fn what_may_be_read_otherwise_reaches_no_server(#[case] text: &str) {
        let made = prepare(text, &pod());
        assert_eq!(made.text, "");
        assert_eq!(made.unknown.len(), 1);
    }

    #[rstest::rstest]
    #[case("x: \"a\\\" include /etc/passwd \"\n")]
    #[case("x: 'a\\' # include /etc/passwd\n")]
    #[case("x: \"\u{130}nclude a\"\n")]
    #[case("# \u{130}nclude a\nx: nats://a:b@c:4222, y: [\"5\", 5 , a.>]\n")]
    #[case("include: 1\n")]
    fn what_is_text_stays(#[case] text: &str) {
        assert_eq!(prepare(text, &pod()).text, text);
    }

    #[rstest::rstest]
    #[case("1; include /etc/passwd")]
    #[case("{include /etc/passwd}")]
    #[case("1\n\u{130}nclude /etc/passwd")]
    #[case("{cert_file:/etc/passwd}")]
    #[case("$HOME")]
    fn a_variable_is_no_way_in(#[case] value: &str) {
        let made = prepare("x: $X\n", &Pod::with("X", value));
        assert_eq!(made.environment["NATSX_X"], PLACEHOLDER);
        let made = prepare("x: {cert_file: $X}\n", &Pod::with("X", "/etc/passwd"));
        assert!(made.environment.is_empty() && made.text.contains(CERTIFICATE));
        let made = prepare(
            "LOCAL: /etc/passwd\nx: {cert_file: $LOCAL}\n",
            &Pod::with("X", value),
        );
        assert!(made.text.contains(CERTIFICATE), "{}", made.text);
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_written_every_line_stays_and_no_file_is_named(
            parts in proptest::collection::vec(proptest::sample::select(vec![
                "{", "}", "[", "]", "(", ")", "\"", "'", "\\", "\n", " ", ":", "=", ",", ";", "#", "//", "<<", "é", "5", "\r", "\u{130}",
                "include", "INCLUDE ", "cert_file", "a", "$TOKEN", "$2a$", "/etc/passwd", "'/etc/passwd'", "resolver", "dir",
            ]), 0..40)
        ) {
            let text = parts.concat();
            let made = prepare(&text, &pod());
            if !made.text.is_empty() {
                proptest::prop_assert_eq!(made.text.matches('\n').count(), text.matches('\n').count());
            }
            if let Ok(pieces) = grammar::read(&made.text) {
                for piece in pieces {
                    if let Piece::Include(_, name) = piece {
                        proptest::prop_assert_eq!(name, INCLUDED);
                    }
                }
            }
        }
    }

    #[test]
    fn a_variable_of_nobody_is_left_for_the_server_to_find() {
        let made = prepare("a: $NOBODY\nLOCAL: 3\nb: $LOCAL\n", &pod());
        assert_eq!(made.text, "a: $NOBODY\nLOCAL: 3\nb: $LOCAL\n");
        assert!(made.environment.is_empty());
    }
}
