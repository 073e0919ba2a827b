//! Which keys mean that their value is a secret.

use serde_json::Value;

/// Words in a key that mean its value is a credential.
const WORDS: [&str; 17] = [
    "password",
    "passwd",
    "passphrase",
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
    "encryption_key",
    "accesskey",
];

/// Last words of a key, or of an environment variable's name, that mean the same.
const ENDS: [&str; 7] = [
    "pass",
    "pwd",
    "pw",
    "dsn",
    "access_key",
    "signing_key",
    "key_data",
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

/// Whether whatever stands at `path` is a secret.
pub(super) fn names_secret(path: &[String]) -> bool {
    let keyed = path.iter().any(|key| is_secret_key(key));
    (keyed || is_variable_named(path) || is_store_key(path))
        && !path.iter().any(|key| is_reference_key(key))
        && !is_secret_name(path)
}

/// `tlsSecretName`: the name of a Kubernetes Secret. What stands below such a key, or in an environment variable called so, is
/// anything.
fn is_secret_name(path: &[String]) -> bool {
    let named = |key: &String| {
        key.to_lowercase()
            .replace(['-', '_'], "")
            .ends_with("secretname")
    };
    path.last().is_some_and(named) && variable(path).is_none()
}

/// Whether the key only names where a secret is kept.
fn is_reference_key(key: &str) -> bool {
    REFERENCES.contains(&key.to_lowercase().as_str())
}

fn is_secret_key(key: &str) -> bool {
    let key = key.to_lowercase().replace('-', "_");
    WORDS.iter().any(|word| key.contains(word))
        || ENDS.iter().any(|end| {
            let before = key.strip_suffix(end);
            before.is_some_and(|before| before.is_empty() || before.ends_with('_'))
        })
}

/// `env.SOMETHING_KEY`, `env.AUTHORIZATION`.
fn is_variable_named(path: &[String]) -> bool {
    variable(path).is_some_and(|name| {
        let name = name.to_uppercase();
        name.ends_with("_KEY") || name.contains("AUTHORIZATION") || name.contains("BEARER")
    })
}

/// The key JetStream's files are, or were, encrypted with; the server knows it by several names.
fn is_store_key(path: &[String]) -> bool {
    match path {
        [.., above, merge, key] if above == "jetstream" && merge == "merge" => {
            is_store_key_named(key)
        }
        [.., above, key] => above == "jetstream" && is_store_key_named(key),
        _ => false,
    }
}

/// Whether the server takes what stands under this name within `jetstream` for a key of its files.
pub(crate) fn is_store_key_named(name: &str) -> bool {
    ["key", "ek", "prev_key", "prev_ek", "prev_encryption_key"].contains(&name)
}

/// The environment variable a path sets: `env.NAME` or `env.NAME.value`.
pub(super) fn variable(path: &[String]) -> Option<&str> {
    match path {
        [.., above, name] if above == "env" => Some(name),
        [.., above, name, value] if above == "env" && value == "value" => Some(name),
        _ => None,
    }
}

/// The environment variable that a path takes from a Kubernetes Secret.
pub(super) fn referred_variable(path: &[String]) -> Option<&str> {
    path.windows(4).find_map(|keys| match keys {
        [env, name, from, reference]
            if env == "env" && from == "valueFrom" && reference == "secretKeyRef" =>
        {
            Some(name.as_str())
        }
        _ => None,
    })
}

/// `NAME` of `<< $NAME >>`: the server reads it from its environment. Whatever else stands there is no reference.
pub fn environment_reference(text: &str) -> Option<&str> {
    let inner = text.trim().strip_prefix("<<")?.strip_suffix(">>")?.trim();
    variable_name(inner)
}

/// `NAME` of `$NAME`.
pub(super) fn variable_name(text: &str) -> Option<&str> {
    let name = text.strip_prefix('$')?;
    let begins = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    let part = |sign: char| sign.is_ascii_alphanumeric() || sign == '_';
    (begins && name.chars().all(part)).then_some(name)
}

/// What stands at a secret's place and is none: nothing, a reference, or the public half of a key pair.
pub(super) fn is_open(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) => true,
        Value::String(text) => {
            text.is_empty()
                || environment_reference(text).is_some()
                || is_public_key(text)
                || is_placeholder(text)
        }
        Value::Number(_) | Value::Array(_) | Value::Object(_) => false,
    }
}

/// An nkey that may be told.
pub(super) fn is_public_key(text: &str) -> bool {
    text.len() == 56
        && text.starts_with(['U', 'A', 'O', 'N', 'C', 'X'])
        && text
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || (b'2'..=b'7').contains(&byte))
}

/// What stands for a secret that is hidden already.
fn is_placeholder(text: &str) -> bool {
    let inner = text
        .strip_prefix("(sensitive")
        .and_then(|rest| rest.strip_suffix(')'));
    inner.is_some_and(|number| {
        number
            .strip_prefix(" #")
            .map_or(number.is_empty(), |digits| {
                digits.bytes().all(|byte| byte.is_ascii_digit())
            })
    })
}
