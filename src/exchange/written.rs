//! Texts that a chart writes out as they stand: into the servers' configuration within `<< >>`, and into its own templates
//! wherever a value is no part of a `merge` or `patch`. A sign too many there says something else than the value does.

use super::tree::Tree;
use crate::mask::environment_reference;

/// What a text would write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// Directives of the servers' configuration, whatever else they are.
    Configuration,
    /// Other parts of an object.
    Template,
}

/// Signs besides letters, digits and blanks that mean nothing to YAML or to the server within a text.
const PLAIN: &str = "_-./:@%+=~$";
/// Below these the chart takes a value whole.
const WHOLE: &[&str] = &["merge", "patch", "env", "contents"];

/// What a part would write besides itself.
pub(super) fn written(path: &[String], name: &str, part: &Tree) -> Option<Written> {
    let first = path.first().map(String::as_str);
    if first == Some("extraResources") {
        return None;
    }
    let whole = path.iter().any(|step| WHOLE.contains(&step.as_str()));
    let configures = (first == Some("config") && !is_claim(path)) || first == Some("tlsCA");
    // The server takes a backslash in a key for one; so the quote that ends the key is none that the chart wrote.
    if configures && (name.contains(['"', '\\']) || is_raw(name) || has_control(name)) {
        return Some(Written::Configuration);
    }
    let text = part.text()?;
    if configures {
        let pointer = ["path", "from"].contains(&name) && path.iter().any(|step| step == "patch");
        if pointer && (text.contains(['"', '\\']) || text.contains("$include")) {
            return Some(Written::Configuration);
        }
        if is_raw(text) {
            return (!is_word_within(text)).then_some(Written::Configuration);
        }
    }
    let is_size = name == "maxSize" || (name == "size" && is_claim(path));
    if is_size && !whole && first == Some("config") {
        return (!is_word(text)).then_some(Written::Configuration);
    }
    let plain = |sign: char| sign.is_alphanumeric() || sign == ' ' || PLAIN.contains(sign);
    (!whole && !text.chars().all(plain)).then_some(Written::Template)
}

/// Whether a part belongs to a volume claim, which stands among the configuration.
pub(super) fn is_claim(path: &[String]) -> bool {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    matches!(
        path.as_slice(),
        ["config", "jetstream", "fileStore", "pvc", ..] | ["config", "resolver", "pvc", ..]
    )
}

fn is_raw(text: &str) -> bool {
    text.contains("<<") || text.contains(">>")
}

fn has_control(text: &str) -> bool {
    text.contains(char::is_control)
}

/// `<< $NAME >>`, `<< 2MB >>`, `<< true >>`: one word, which is a value and can be nothing else.
fn is_word_within(text: &str) -> bool {
    let within = text.strip_prefix("<< ");
    let word = within.and_then(|rest| rest.strip_suffix(" >>"));
    environment_reference(text).is_some() || word.is_some_and(|word| is_word(word.trim()))
}

fn is_word(text: &str) -> bool {
    let part = |sign: char| sign.is_ascii_alphanumeric() || "_.:+-".contains(sign);
    !text.is_empty() && text.chars().all(part)
}
