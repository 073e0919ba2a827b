//! Keeps secrets out of whatever is shown. A secret is known by the name of the key it stands at, by its shape, or by
//! where else it was seen; once known it is hidden wherever it turns up, in every spelling. What is shown instead is a
//! number: equal secrets have equal numbers. Never a length and never a hash, because either helps to guess a weak one.

mod masker;
mod name;
mod shape;
mod spelling;

#[cfg(test)]
mod tests;

use serde_json::Value;

pub use masker::{Masker, Secrets, is_sensitive};
pub use name::environment_reference;
pub(crate) use name::is_store_key_named;

use crate::diagnostic::Diagnostic;

/// `text` without the secrets that can be recognised by their shape.
pub fn masked(text: &str) -> String {
    Masker::default().text(text)
}

/// An address without what logs in: a password, or a token in a user's place. A user of ssh is no secret. What is no
/// address stays as it is.
pub fn masked_address(text: &str) -> String {
    let ssh = text.strip_prefix("ssh://").unwrap_or_default();
    let named = ssh
        .split_once('@')
        .is_some_and(|(user, _)| !user.contains(':'));
    if named || !text.contains("://") {
        return text.to_owned();
    }
    masked(text)
}

/// `text` without the secrets among `values`, and without those of a recognisable shape: for what programs and servers
/// answer, because they quote what they refuse.
pub fn masked_of(text: &str, values: &Value) -> String {
    let mut secrets = Secrets::default();
    secrets.learn(&[], values);
    secrets.masker().text(text)
}

/// A value without its secrets, for one that stands alone.
pub fn masked_value(path: &[String], value: &Value) -> Value {
    let mut secrets = Secrets::default();
    secrets.learn(path, value);
    secrets.masker().value(path, value).0
}

/// Findings without secrets of a recognisable shape.
pub fn masked_findings(findings: &[Diagnostic]) -> Vec<Diagnostic> {
    let mask = Masker::default();
    let mut shown = findings.to_vec();
    for finding in &mut shown {
        mask.finding(finding);
    }
    shown
}
