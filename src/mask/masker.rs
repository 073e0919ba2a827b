//! Secrets that were seen, and the hiding of them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind, Input, MatchKind};
use serde_json::{Map, Value};

use super::name::{environment_reference, is_open, names_secret, referred_variable, variable};
use super::{shape, spelling};
use crate::diagnostic::Diagnostic;

/// Shorter secrets are hidden where they stand and not looked for elsewhere: they would blot out half of any text.
const SHORTEST: usize = 4;
/// Shorter ones are looked for as whole words.
const SHORT: usize = 8;

/// Bytes of a spelling that are looked for; what follows is compared where they are found. Looking for all of a long one
/// takes time and memory without bound: a file may hold a megabyte in a password's place.
const LOOKED_FOR: usize = 256;

/// Secrets, numbered in the order they are learnt in.
#[derive(Default)]
pub struct Secrets {
    numbers: BTreeMap<String, usize>,
    variables: BTreeSet<String>,
}

impl Secrets {
    /// Notes which environment variables hold secrets: those that come from a Kubernetes Secret, and those the
    /// configuration reads a password from. A literal that stands in their place is one, whatever its name.
    pub fn note_variables(&mut self, path: &[String], value: &Value) {
        walk(path, value, &mut |path, leaf| {
            let name = referred_variable(path).or_else(|| {
                names_secret(path)
                    .then(|| leaf.as_str().and_then(environment_reference))
                    .flatten()
            });
            self.variables.extend(name.map(ToOwned::to_owned));
        });
    }

    /// Learns every secret of `value`, which stands at `path`.
    pub fn learn(&mut self, path: &[String], value: &Value) {
        self.note_variables(path, value);
        walk(path, value, &mut |path, leaf| {
            if is_secret(path, leaf, &self.variables) {
                number(&mut self.numbers, text_of(leaf));
            } else if let Value::String(text) = leaf {
                for range in shape::find(text) {
                    number(
                        &mut self.numbers,
                        text.get(range).unwrap_or_default().to_owned(),
                    );
                }
            }
        });
    }

    /// What hides them.
    pub fn masker(self) -> Masker {
        let mut needles: BTreeMap<String, Needle> = BTreeMap::new();
        for (secret, number) in &self.numbers {
            for mut spelling in spelling::spellings(secret) {
                if spelling.len() >= SHORTEST {
                    let word = spelling.len() < SHORT;
                    let rest = spelling.split_off(boundary(&spelling, LOOKED_FOR));
                    let needle = needles.entry(spelling).or_insert(Needle {
                        word,
                        endings: Vec::new(),
                    });
                    if needle.endings.iter().all(|(known, _)| *known != rest) {
                        needle.endings.push((rest, *number));
                    }
                }
            }
        }
        let (texts, needles): (Vec<String>, Vec<Needle>) = needles.into_iter().unzip();
        let finder = (!texts.is_empty())
            .then(|| {
                AhoCorasick::builder()
                    .match_kind(MatchKind::LeftmostLongest)
                    // The other kinds are built in quadratic time where a needle repeats itself.
                    .kind(Some(AhoCorasickKind::ContiguousNFA))
                    .build(texts)
                    .ok()
            })
            .flatten();
        Masker {
            secrets: self,
            finder,
            needles,
        }
    }
}

/// The beginning of a spelling.
struct Needle {
    word: bool,
    /// What follows, with the number of the secret.
    endings: Vec<(String, usize)>,
}

impl Needle {
    /// How far a secret goes on in `rest`, and which it is. A part of it is hidden as well: what cut it off is unknown.
    fn end(&self, rest: &str) -> (usize, Option<usize>) {
        let mut best = (0, None);
        for (ending, number) in &self.endings {
            let same = ending.bytes().zip(rest.bytes()).take_while(|(a, b)| a == b);
            let same = boundary(rest, same.count());
            if best.1.is_none() || same > best.0 {
                best = (same, Some(*number));
            }
        }
        best
    }
}

/// Hides secrets. The default one knows none, and hides those of a recognisable shape.
#[derive(Default)]
pub struct Masker {
    secrets: Secrets,
    finder: Option<AhoCorasick>,
    needles: Vec<Needle>,
}

impl Masker {
    /// A text without secrets.
    pub fn text(&self, text: &str) -> String {
        let known = self.known(text);
        let mut hidden: Vec<(Range<usize>, Option<usize>)> = Vec::new();
        let shapes = shape::find(text);
        let ranges = known.iter().map(|(range, _)| range.clone()).chain(shapes);
        for range in shape::merged(ranges.collect()) {
            let number = known
                .iter()
                .find(|(known, _)| *known == range)
                .map(|(_, number)| *number);
            let number = number.or_else(|| {
                self.secrets
                    .numbers
                    .get(text.get(range.clone()).unwrap_or_default())
                    .copied()
            });
            hidden.push((range, number));
        }
        let mut out = String::with_capacity(text.len());
        let mut end = 0;
        for (range, number) in hidden {
            out.push_str(text.get(end..range.start).unwrap_or_default());
            out.push_str(&placeholder(number));
            end = range.end;
        }
        out.push_str(text.get(end..).unwrap_or_default());
        out
    }

    /// A value without secrets, and whether it had any.
    pub fn value(&self, path: &[String], value: &Value) -> (Value, bool) {
        let mut hid = false;
        let masked = self.tree(&mut path.to_vec(), value, &mut hid);
        (masked, hid)
    }

    /// Hides what a finding says.
    pub fn finding(&self, finding: &mut Diagnostic) {
        finding.text = self.text(&finding.text);
        for text in [
            &mut finding.hint,
            &mut finding.snippet,
            // A file's name is looked for by people: only what has the shape of a secret is hidden in it.
        ] {
            *text = text.as_deref().map(|text| self.text(text));
        }
        finding.file = finding.file.as_deref().map(super::masked);
    }

    fn tree(&self, path: &mut Vec<String>, value: &Value, hid: &mut bool) -> Value {
        match value {
            Value::Object(fields) => {
                let mut shown = Map::new();
                for (key, item) in fields {
                    path.push(key.clone());
                    let item = self.tree(path, item, hid);
                    path.pop();
                    let key = self.text(key);
                    shown.insert(key, item);
                }
                Value::Object(shown)
            }
            Value::Array(items) => Value::Array(
                items
                    .iter()
                    .map(|item| self.tree(path, item, hid))
                    .collect(),
            ),
            leaf if is_secret(path, leaf, &self.secrets.variables) => {
                *hid = true;
                Value::from(placeholder(
                    self.secrets.numbers.get(&text_of(leaf)).copied(),
                ))
            }
            Value::String(text) => {
                let masked = self.text(text);
                *hid |= masked != *text;
                Value::from(masked)
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }

    /// Where known secrets stand.
    fn known(&self, text: &str) -> Vec<(Range<usize>, usize)> {
        let mut found = Vec::new();
        let Some(finder) = &self.finder else {
            return found;
        };
        let mut from = 0;
        while let Some(hit) = finder.find(Input::new(text).range(from..)) {
            let Some(needle) = self.needles.get(hit.pattern().as_usize()) else {
                break;
            };
            if needle.word && !is_word(text, hit.range()) {
                let next = text.get(hit.start()..).and_then(|rest| rest.chars().next());
                from = hit.start() + next.map_or(1, char::len_utf8);
                continue;
            }
            let rest = text.get(hit.end()..).unwrap_or_default();
            let (more, number) = needle.end(rest);
            let end = hit.end() + more;
            found.push((hit.start()..end, number.unwrap_or_default()));
            from = end;
        }
        found
    }
}

/// Whether a value at `path` is a secret, or holds one.
pub fn is_sensitive(path: &[String], value: &Value) -> bool {
    let mut found = false;
    walk(path, value, &mut |path, leaf| {
        let text = leaf.as_str().unwrap_or_default();
        found |= is_secret(path, leaf, &BTreeSet::new()) || !shape::find(text).is_empty();
    });
    found
}

fn is_word(text: &str, range: Range<usize>) -> bool {
    let before = text
        .get(..range.start)
        .and_then(|text| text.chars().next_back());
    let after = text.get(range.end..).and_then(|text| text.chars().next());
    ![before, after]
        .into_iter()
        .flatten()
        .any(|sign| sign.is_alphanumeric() || sign == '_')
}

fn is_secret(path: &[String], leaf: &Value, variables: &BTreeSet<String>) -> bool {
    let stands_for_variable = variable(path).is_some_and(|name| variables.contains(name));
    (names_secret(path) || stands_for_variable) && !is_open(leaf)
}

fn number(numbers: &mut BTreeMap<String, usize>, secret: String) {
    let next = numbers.len() + 1;
    numbers.entry(secret).or_insert(next);
}

fn text_of(leaf: &Value) -> String {
    leaf.as_str()
        .map_or_else(|| leaf.to_string(), ToOwned::to_owned)
}

fn placeholder(number: Option<usize>) -> String {
    number.map_or_else(
        || "(sensitive)".to_owned(),
        |number| format!("(sensitive #{number})"),
    )
}

/// Every leaf with its path; items of a list have the path of the list.
fn walk(path: &[String], value: &Value, visit: &mut impl FnMut(&[String], &Value)) {
    fn inner(path: &mut Vec<String>, value: &Value, visit: &mut impl FnMut(&[String], &Value)) {
        match value {
            Value::Object(fields) => {
                // In the order of the keys, whatever order the map keeps: numbers follow it.
                let keys: BTreeMap<&String, &Value> = fields.iter().collect();
                for (key, item) in keys {
                    path.push(key.clone());
                    inner(path, item, visit);
                    path.pop();
                }
            }
            Value::Array(items) => items.iter().for_each(|item| inner(path, item, visit)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                visit(path, value);
            }
        }
    }
    inner(&mut path.to_vec(), value, visit);
}

/// The last boundary of a character that is not beyond `at`.
fn boundary(text: &str, at: usize) -> usize {
    let upto = 0..=at.min(text.len());
    let last = upto.rev().find(|at| text.is_char_boundary(*at));
    last.unwrap_or_default()
}
