//! A server's configuration made ready to be tested outside its pod: what stands elsewhere there has a stand-in here. Every
//! line stays a line, so that what the server says of one holds for the original. Pure.

use std::collections::{BTreeMap, BTreeSet};

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

    /// The path of the option on a line, or of what the line stands in.
    pub(super) fn path(&self, line: usize) -> Vec<String> {
        let at = self.keys.range(..=line).next_back();
        at.map(|(_, path)| path.clone()).unwrap_or_default()
    }
}

/// Prepares `text` as `pod` reads it.
pub(super) fn prepare(text: &str, pod: &Pod) -> Prepared {
    let mut reader = Reader {
        rest: text,
        line: 1,
        within: Vec::new(),
        key: None,
        pod,
        own: defined_names(text),
        includes: has_include(text),
        made: Prepared::default(),
    };
    while !reader.rest.is_empty() {
        reader.step();
    }
    let mut made = reader.made;
    if has_include(&made.text.replace(&include_line(), "")) {
        // Said in a place that is not understood: where it leads is not looked at.
        made.unknown.insert("the word `include`".to_owned());
        made.text.clear();
    }
    made
}

fn include_line() -> String {
    format!("include \"{INCLUDED}\"")
}

/// Whether the directive may stand anywhere.
fn has_include(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    lower.match_indices("include").any(|(at, word)| {
        let before = lower
            .get(..at)
            .and_then(|before| before.chars().next_back());
        let after = lower
            .get(at + word.len()..)
            .and_then(|after| after.chars().next());
        !before.is_some_and(|sign| sign.is_alphanumeric() || sign == '_')
            && after.is_some_and(char::is_whitespace)
    })
}

/// Names the configuration itself gives a value: its variables mean these first.
fn defined_names(text: &str) -> BTreeSet<&str> {
    text.lines()
        .filter_map(|line| line.split([':', '=']).next())
        .map(|key| key.trim().trim_matches(['"', '\'']))
        .collect()
}

/// What the reader is within.
enum Frame {
    Map(Option<String>),
    List(Option<String>),
}

struct Reader<'t> {
    rest: &'t str,
    line: usize,
    within: Vec<Frame>,
    /// A key whose value comes next.
    key: Option<String>,
    pod: &'t Pod,
    own: BTreeSet<&'t str>,
    /// More of it stands in other files.
    includes: bool,
    made: Prepared,
}

impl<'t> Reader<'t> {
    fn step(&mut self) {
        let Some(sign) = self.rest.chars().next() else {
            return;
        };
        let wants_value = self.key.is_some() || matches!(self.within.last(), Some(Frame::List(_)));
        match sign {
            '#' => self.copy_line(),
            '/' if self.rest.starts_with("//") => self.copy_line(),
            '{' => self.enter(Frame::Map),
            '[' if wants_value => self.enter(Frame::List),
            '}' | ']' => {
                self.within.pop();
                self.key = None;
                self.copy(1);
            }
            sign if sign.is_whitespace() || ",;:=".contains(sign) => self.copy(sign.len_utf8()),
            _ if wants_value => self.value(sign),
            _ => self.key(sign),
        }
    }

    /// Hands on what is not changed.
    fn copy(&mut self, length: usize) {
        let text = self.take(length);
        self.made.text.push_str(text);
    }

    fn copy_line(&mut self) {
        let length = self.rest.find('\n').unwrap_or(self.rest.len());
        self.copy(length);
    }

    /// Puts something in its place; its lines stay.
    fn replace(&mut self, length: usize, with: &str) -> &'t str {
        let text = self.take(length);
        self.made.text.push_str(with);
        self.made.text.extend(text.matches('\n'));
        text
    }

    fn take(&mut self, length: usize) -> &'t str {
        let (text, rest) = self
            .rest
            .split_at_checked(length)
            .unwrap_or((self.rest, ""));
        self.rest = rest;
        self.line += text.matches('\n').count();
        text
    }

    fn enter(&mut self, frame: fn(Option<String>) -> Frame) {
        let key = self.key.take();
        self.within.push(frame(key));
        self.copy(1);
    }

    /// A quoted text with its quotes, or a word up to one of `ends`.
    fn token(&self, quote: char, ends: &str) -> usize {
        if !['"', '\''].contains(&quote) {
            let end = |sign: char| sign.is_whitespace() || ends.contains(sign);
            return self.rest.find(end).unwrap_or(self.rest.len()).max(1);
        }
        let mut escaped = false;
        for (at, sign) in self.rest.char_indices().skip(1) {
            match sign {
                _ if escaped => escaped = false,
                '\\' if quote == '"' => escaped = true,
                sign if sign == quote => return at + 1,
                _ => {}
            }
        }
        self.rest.len()
    }

    fn key(&mut self, sign: char) {
        let length = self.token(sign, ":={}");
        let word = self.rest.get(..length).unwrap_or_default();
        if word.eq_ignore_ascii_case("include") {
            return self.include(length);
        }
        let name = word.trim_matches(['"', '\'']).to_owned();
        let path = self.path(Some(&name));
        self.made.keys.entry(self.line).or_insert(path);
        self.key = Some(name);
        self.copy(length);
    }

    fn path(&self, key: Option<&String>) -> Vec<String> {
        let above = self.within.iter().filter_map(|frame| match frame {
            Frame::Map(key) | Frame::List(key) => key.as_ref(),
        });
        above.chain(key).cloned().collect()
    }

    fn include(&mut self, length: usize) {
        self.take(length);
        let spaces = self.rest.len() - self.rest.trim_start_matches([' ', '\t']).len();
        self.take(spaces);
        let sign = self.rest.chars().next().unwrap_or(' ');
        // Without a name nothing is included, and the server says so.
        let length = if sign.is_whitespace() {
            0
        } else {
            self.token(sign, ";}")
        };
        let name = self.replace(length, &include_line());
        let name = name.trim_matches(['"', '\'']);
        let unknown = format!("the included file {name}");
        self.made.unknown.insert(unknown);
    }

    fn value(&mut self, sign: char) {
        let length = self.token(sign, ",;]}");
        let key = self.key.take();
        let of = key.clone().or_else(|| match self.within.last() {
            Some(Frame::List(key)) => key.clone(),
            Some(Frame::Map(_)) | None => None,
        });
        let word = self.rest.get(..length).unwrap_or_default();
        if let Some(name) = word.strip_prefix('$').filter(|name| !is_hash(name)) {
            return self.variable(name, length);
        }
        let path = self.path(key.as_ref());
        let Some(stand_in) = self.stand_in(of.as_deref(), &path, word) else {
            return self.copy(length);
        };
        self.replace(length, &format!("\"{stand_in}\""));
        self.made.replaced = true;
    }

    /// What a file or folder of the pod is replaced by.
    fn stand_in(&mut self, key: Option<&str>, path: &[String], word: &str) -> Option<&'static str> {
        let value = word.trim_matches(['"', '\'']);
        match key? {
            "cert_file" | "ca_file" => {
                self.made.certificates = true;
                Some(CERTIFICATE)
            }
            "key_file" => {
                self.made.certificates = true;
                Some(KEY)
            }
            "dir"
                if path
                    .iter()
                    .rev()
                    .nth(1)
                    .is_some_and(|key| key.ends_with("resolver")) =>
            {
                Some(ACCOUNTS)
            }
            // The token itself, or a file that holds it.
            "operator" | "operators" | "trusted_operators" | "roots" | "root"
                if !value.starts_with("ey") =>
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

    fn variable(&mut self, name: &str, length: usize) {
        if self.own.contains(name) {
            return self.copy(length);
        }
        let value = match self.pod.variable(name) {
            Variable::Known(value) => value,
            // The server says so itself, here as in its pod; unless an included file has it.
            Variable::Missing if !self.includes => return self.copy(length),
            Variable::Elsewhere | Variable::Missing => {
                self.doubt(format!("${name}"));
                PLACEHOLDER.to_owned()
            }
        };
        let ours = format!("NATSX_{name}");
        self.replace(length, &format!("${ours}"));
        self.made.environment.insert(ours, value);
    }
}

/// A bcrypt hash is a text, not a variable.
fn is_hash(name: &str) -> bool {
    name.starts_with("2a$")
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

    #[test]
    fn no_file_of_this_host_is_named_however_it_is_said() {
        for text in [
            "a: 1; include ../../etc/passwd\n",
            "a: {b: 1} include '/etc/passwd'\n",
            "x: [ {INCLUDE   \"/etc/passwd\"} ]\n",
            "\"max_payload\": 1 include /etc/passwd\n",
            "x: \"a\\\" include /etc/passwd \"\n",
            "x: 'a\\' include /etc/passwd '\n",
            "resolver: {type: full, dir: '/etc/passwd'}\n",
            "operator: /etc/passwd\n",
            "tls: {cert_file: /etc/passwd, key_file: \"/etc/passwd\", ca_file= '/etc/passwd'}\n",
        ] {
            let made = prepare(text, &pod());
            assert!(!made.text.contains("passwd"), "{text}: {}", made.text);
        }
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_written_every_line_stays_and_no_file_is_named(
            parts in proptest::collection::vec(proptest::sample::select(vec![
                "{", "}", "[", "]", "(", ")", "\"", "'", "\\", "\n", " ", ":", "=", ",", ";", "#", "//", "<<", "é",
                "include", "INCLUDE ", "cert_file", "a", "$TOKEN", "$2a$", "/etc/passwd", "'/etc/passwd'", "resolver", "dir",
            ]), 0..40)
        ) {
            let text = parts.concat();
            let made = prepare(&text, &pod());
            if !made.text.is_empty() {
                proptest::prop_assert_eq!(made.text.matches('\n').count(), text.matches('\n').count());
                let rest = made.text.replace(&include_line(), "");
                proptest::prop_assert!(!has_include(&rest), "{}", made.text);
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
