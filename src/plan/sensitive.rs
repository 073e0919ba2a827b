//! Which values are, or may be, secrets. A plan leaves them out rather than hashing or counting them, because even a
//! length or a bare hash helps to guess a weak password.

use serde_json::Value;

/// Words in a key that mean its value is a credential.
const WORDS: [&str; 14] = [
    "password",
    "passwd",
    "token",
    "nkey",
    "seed",
    "creds",
    "credential",
    "jwt",
    "secret",
    "privatekey",
    "private_key",
    "apikey",
    "api_key",
    "encryptionkey",
];

/// Keys that only name where a secret is kept.
const REFERENCES: [&str; 6] = [
    "secretkeyref",
    "secretname",
    "secretref",
    "existingsecret",
    "imagepullsecrets",
    "pullsecretnames",
];

/// Whether a value at `path` must not be shown.
pub fn is_sensitive(path: &[String], value: &Value) -> bool {
    let named = names_secret(path);
    holds_secret(named, value)
}

/// A text without the credentials that can be recognised by their shape.
pub fn masked(text: &str) -> String {
    if has_secret_shape(text) {
        "(sensitive)".to_owned()
    } else {
        text.to_owned()
    }
}

fn names_secret(path: &[String]) -> bool {
    let is_reference = path.iter().any(|segment| {
        let segment = segment.to_lowercase();
        REFERENCES.contains(&segment.as_str())
    });
    !is_reference && path.iter().any(|segment| is_secret_key(segment))
}

fn is_secret_key(key: &str) -> bool {
    let key = key.to_lowercase().replace('-', "_");
    key == "pass"
        || key == "pwd"
        || key == "encryption_key"
        || WORDS.iter().any(|word| key.contains(word))
}

fn holds_secret(named: bool, value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) => false,
        Value::Number(_) => named,
        Value::String(text) => (named && !is_variable(text)) || has_secret_shape(text),
        Value::Array(items) => items.iter().any(|item| holds_secret(named, item)),
        Value::Object(fields) => fields.iter().any(|(key, item)| {
            let refers = REFERENCES.contains(&key.to_lowercase().as_str());
            holds_secret(!refers && (named || is_secret_key(key)), item)
        }),
    }
}

/// `<< $NAME >>`: the server reads it from its environment.
fn is_variable(text: &str) -> bool {
    text.trim()
        .strip_prefix("<<")
        .and_then(|rest| rest.strip_suffix(">>"))
        .is_some_and(|inner| inner.trim().starts_with('$'))
}

fn has_secret_shape(text: &str) -> bool {
    text.contains("PRIVATE KEY-----")
        || text.contains("BEGIN NATS")
        || text.contains("BEGIN USER")
        || text.starts_with("$2a$")
        || text.starts_with("$2b$")
        || has_userinfo(text)
        || text
            .split(|sign: char| !(sign.is_ascii_alphanumeric() || "._-+/=".contains(sign)))
            .any(|word| is_seed(word) || is_jwt(word) || is_random(word))
}

/// `nats://user:word@host`.
fn has_userinfo(text: &str) -> bool {
    text.split("://").skip(1).any(|rest| {
        let authority = rest.split(['/', '?', ' ', ',']).next().unwrap_or(rest);
        authority.contains('@') && !authority.contains('$')
    })
}

fn is_seed(word: &str) -> bool {
    let mut signs = word.chars();
    signs.next() == Some('S')
        && signs.next().is_some_and(|kind| "UAONCX".contains(kind))
        && word.len() >= 56
        && word
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || (b'2'..=b'7').contains(&byte))
}

fn is_jwt(word: &str) -> bool {
    word.starts_with("eyJ") && word.split('.').count() >= 3
}

/// Long, unbroken and mixed: more likely a key than a name.
fn is_random(word: &str) -> bool {
    word.len() >= 32
        && word.bytes().any(|byte| byte.is_ascii_uppercase())
        && word.bytes().any(|byte| byte.is_ascii_lowercase())
        && word.bytes().any(|byte| byte.is_ascii_digit())
        && !word.contains('.')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn hidden(path: &[&str], value: &Value) -> bool {
        let path: Vec<String> = path.iter().map(|key| (*key).to_owned()).collect();
        is_sensitive(&path, value)
    }

    #[test]
    fn secrets_are_known_by_name_or_shape() {
        assert!(hidden(
            &["config", "merge", "authorization", "token"],
            &json!("x")
        ));
        assert!(hidden(&["users"], &json!([{"user": "a", "password": "b"}])));
        assert!(hidden(&["urls"], &json!(["nats://a:b@c:4222"])));
        assert!(hidden(&["note"], &json!(format!("SU{}", "A".repeat(54)))));
        assert!(hidden(&["note"], &json!("eyJhbGciOi.eyJqdGkiOi.c2ln")));
    }

    #[test]
    fn references_and_plain_values_are_shown() {
        assert!(!hidden(
            &["env", "PASSWORD", "valueFrom", "secretKeyRef", "name"],
            &json!("auth")
        ));
        assert!(!hidden(
            &["config", "merge", "authorization", "password"],
            &json!("<< $PASSWORD >>")
        ));
        assert!(!hidden(&["config", "cluster", "replicas"], &json!(3)));
        assert!(!hidden(
            &["config", "jetstream", "fileStore", "pvc", "size"],
            &json!("10Gi")
        ));
    }
}
