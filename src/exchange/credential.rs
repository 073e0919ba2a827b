//! Credentials do not belong into git; these checks say where they do belong, and never repeat one.

use serde_json::Value;

use super::finding::Findings;
use super::tree::{Shape, Tree};
use crate::mask::{environment_reference, is_store_key_named, masked};
use crate::reason::Reason;
use crate::yaml::Place;

/// Keys, in lower case and without `_` and `-`, whose literal texts are credentials.
const KEYS: &[&str] = &[
    "accesstoken",
    "apikey",
    "authtoken",
    "bearertoken",
    "clientkeydata",
    "clientsecret",
    "credentials",
    "creds",
    "encryptionkey",
    "nkeyseed",
    "pass",
    "passphrase",
    "passwd",
    "password",
    "privatekey",
    "pwd",
    "secretaccesskey",
    "secretkey",
    "seed",
    "token",
];
/// Ends of environment variables' names that hold credentials.
const VARIABLES: &[&str] = &[
    "PASSWORD", "PASS", "PW", "TOKEN", "BEARER", "SECRET", "SEED", "KEY", "CREDS", "DSN",
];
/// How well-known services begin their tokens.
const PREFIXES: &[&str] = &["ghp_", "github_pat_", "glpat-", "xoxb-", "AKIA", "sk_live_"];

const HINT: &str = "keep it in a Kubernetes Secret: `container.env.X.valueFrom.secretKeyRef: {name: …, key: …}`, and write `<< $X >>` here";

/// Refuses credentials anywhere in a file.
pub(super) fn refuse(tree: &Tree, findings: &mut Findings<'_>) {
    let mut found: Vec<(Place, String, &str)> = Vec::new();
    let mut numeric: Vec<Place> = Vec::new();
    tree.walk(&mut Vec::new(), &mut |path, part| {
        let parts: Vec<&str> = path.iter().flat_map(|key| key.split('.')).collect();
        let name = parts.last().copied().unwrap_or_default();
        let place = part.origin.place;
        if name == "kubeconfig" && part.leaf() != Some(&Value::Null) {
            let text = "a kubeconfig in a file of the repository".to_owned();
            found.push((place, text, "the operator names it in the settings: `clusters.ID.kubeconfig`; the file names the cluster only: `cluster_id: ID`"));
        } else if path.iter().any(|key| key == "kubeconfig") {
            // Said once, at the top.
        } else if let Shape::Leaf(value) = &part.shape
            && let Some(what) = credential(&parts, value)
        {
            if looks_numeric(value) && what == "a password or token" {
                numeric.push(place);
            }
            found.push((place, format!("{what} stands in the file, at {}", parts.join(".")), HINT));
        }
    });
    for (place, text, hint) in found {
        findings.error(Reason::SecretInFile, place, text, hint);
    }
    for place in numeric {
        findings.error(
            Reason::NumericPassword,
            place,
            "a password that looks like a number; the server reads it as one and does not start",
            "choose one that begins with a letter, also in the Secret",
        );
    }
}

/// What kind of credential a leaf is.
fn credential(path: &[&str], value: &Value) -> Option<&'static str> {
    let text = match value {
        Value::String(text) => text.as_str(),
        Value::Number(_) => "",
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    if text.contains("PRIVATE KEY-----") || text.contains("NKEY SEED-----") || is_seed(text) {
        return Some("a private key");
    }
    if text.contains("kind: Config") && text.contains("clusters:") {
        return Some("a kubeconfig");
    }
    if PREFIXES.iter().any(|prefix| text.starts_with(prefix)) && text.len() >= 16 {
        return Some("a token");
    }
    if text.contains("<<") && masked(text) != text {
        return Some("a password or token");
    }
    if has_user_password(text) {
        return Some("a URL with a password");
    }
    let name = path.last().copied().unwrap_or_default();
    let plain = name.to_ascii_lowercase().replace(['_', '-'], "");
    let above = |steps: usize| {
        path.len()
            .checked_sub(steps + 1)
            .and_then(|at| path.get(at))
            .copied()
            .unwrap_or_default()
    };
    let variable = if above(1) == "env" {
        name
    } else if name == "value" && above(2) == "env" {
        above(1)
    } else {
        ""
    };
    let is_key = KEYS.contains(&plain.as_str())
        || (name == "contents" && ["creds", "nkey"].contains(&above(1)))
        || (is_store_key_named(name) && above(1) == "merge" && above(2) == "jetstream");
    let is_variable = variable
        .to_ascii_uppercase()
        .rsplit('_')
        .next()
        .is_some_and(|last| VARIABLES.contains(&last));
    let literal = value.is_number() || !(text.is_empty() || is_reference(text));
    ((is_key || is_variable) && literal).then_some("a password or token")
}

/// `<< $X >>`, or a hash that cannot be turned back.
fn is_reference(text: &str) -> bool {
    environment_reference(text).is_some()
        || ["$2a$", "$2b$", "$2y$"]
            .iter()
            .any(|hash| text.starts_with(hash))
}

fn is_seed(text: &str) -> bool {
    let mut letters = text.trim().bytes();
    letters.next() == Some(b'S')
        && letters.next().is_some_and(|kind| b"UAONCX".contains(&kind))
        && text.trim().len() == 58
        && letters.all(|letter| letter.is_ascii_uppercase() || (b'2'..=b'7').contains(&letter))
}

fn has_user_password(text: &str) -> bool {
    text.split("://").skip(1).any(|rest| {
        let authority = rest.split(['/', '?', '#', ' ']).next().unwrap_or_default();
        authority
            .rsplit_once('@')
            .and_then(|(user, _)| user.split_once(':'))
            .is_some_and(|(_, password)| !password.is_empty() && !password.starts_with('$'))
    })
}

fn looks_numeric(value: &Value) -> bool {
    value.is_number()
        || value.as_str().is_some_and(|text| {
            let bare = text.trim_start_matches("<<").trim_end_matches(">>").trim();
            bare.parse::<f64>().is_ok()
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn credentials_are_recognised() {
        let seed = format!("SU{}", "A".repeat(56));
        for (path, value) in [
            (vec!["config", "merge", "password"], json!("hunter2")),
            (vec!["a", "token"], json!(12345)),
            (vec!["a", "pass"], json!("<< $X; y: Tr0ub4dor&3xyzzy >>")),
            (
                vec!["x"],
                json!("<< authorization { user: a, password Tr0ub4dor } >>"),
            ),
            (vec!["container", "env", "NATS_PASSWORD"], json!("x")),
            (vec!["container", "env", "X_TOKEN", "value"], json!("x")),
            (vec!["x"], json!("-----BEGIN RSA PRIVATE KEY-----\n")),
            (vec!["x"], json!(seed)),
            (vec!["urls"], json!("nats://user:secret@host:4222")),
            (
                vec!["natsBox", "contexts", "a", "creds", "contents"],
                json!("x"),
            ),
        ] {
            assert!(credential(&path, &value).is_some(), "{path:?}");
        }
    }

    #[test]
    fn references_are_not() {
        for (path, value) in [
            (
                vec!["config", "merge", "password"],
                json!("<< $PASSWORD >>"),
            ),
            (vec!["password"], json!("$2a$11$abcdefghijklmnopqrstuv")),
            (vec!["password"], json!("")),
            (vec!["password"], json!(null)),
            (vec!["urls"], json!("nats://user:$PASS@host:4222")),
            (vec!["secretKeyRef", "key"], json!("token")),
            (vec!["container", "env", "GOMEMLIMIT"], json!("6GiB")),
            (vec!["tls", "key"], json!("tls.key")),
        ] {
            assert_eq!(credential(&path, &value), None, "{path:?}");
        }
    }
}
