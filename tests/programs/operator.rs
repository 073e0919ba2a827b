//! An operator of NATS: who may log in to a server is what its signatures say, as `nsc` would make them.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nkeys::KeyPair;
use serde_json::{Map, Value, json};

/// With an account that may use `JetStream`, and the account servers need for themselves.
pub(crate) struct Operator {
    key: KeyPair,
    account: KeyPair,
    system: KeyPair,
}

/// A user of the account.
pub(crate) struct User(KeyPair);

impl User {
    pub(crate) fn new() -> Self {
        Self(KeyPair::new_user())
    }

    pub(crate) fn seed(&self) -> String {
        self.0.seed().unwrap()
    }
}

impl Operator {
    pub(crate) fn new() -> Self {
        Self {
            key: KeyPair::new_operator(),
            account: KeyPair::new_account(),
            system: KeyPair::new_account(),
        }
    }

    /// What a server must know; it lets these users in no more.
    pub(crate) fn configuration(&self, revoked: &[&User]) -> String {
        let operator = claims(&self.key, "natsx", &self.key, "operator", json!({}));
        let now = seconds();
        let revoked: Map<_, _> = revoked
            .iter()
            .map(|user| (user.0.public_key(), json!(now)))
            .collect();
        let limits = json!({
            "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1, "leaf": -1,
            "mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1,
        });
        let account = json!({"limits": limits, "revocations": revoked});
        let account = claims(&self.account, "events", &self.key, "account", account);
        let system = claims(&self.system, "SYS", &self.key, "account", json!({}));
        let (own, servers) = (self.account.public_key(), self.system.public_key());
        format!(
            "operator: {operator}\nsystem_account: {servers}\nresolver: MEMORY\nresolver_preload: {{{own}: {account}, {servers}: {system}}}\n"
        )
    }

    /// A file for a user with these rights until then (in seconds from now), as `nsc generate creds` writes it.
    pub(crate) fn credentials(&self, user: &User, rights: Value, lasts: Option<i64>) -> String {
        let mut claims = claims_of(&user.0, "natsx-sync", &self.account, "user", rights);
        if let Some(lasts) = lasts {
            claims["exp"] = json!(seconds() + lasts);
        }
        let token = signed(&claims, &self.account);
        format!(
            "-----BEGIN NATS USER JWT-----\n{token}\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
            user.seed()
        )
    }
}

fn claims(subject: &KeyPair, name: &str, issuer: &KeyPair, kind: &str, nats: Value) -> String {
    signed(&claims_of(subject, name, issuer, kind, nats), issuer)
}

fn claims_of(
    subject: &KeyPair,
    name: &str,
    issuer: &KeyPair,
    kind: &str,
    mut nats: Value,
) -> Value {
    nats["type"] = json!(kind);
    nats["version"] = json!(2);
    if kind == "user" {
        for limit in ["subs", "data", "payload"] {
            nats[limit] = json!(-1);
        }
    }
    // A minute old, so that what is revoked now is older.
    json!({
        "jti": name, "iat": seconds() - 60, "iss": issuer.public_key(), "name": name, "sub": subject.public_key(), "nats": nats,
    })
}

fn signed(claims: &Value, issuer: &KeyPair) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = part(&json!({"typ": "JWT", "alg": "ed25519-nkey"}));
    let text = format!("{header}.{}", part(claims));
    let signature = URL_SAFE_NO_PAD.encode(issuer.sign(text.as_bytes()).unwrap());
    format!("{text}.{signature}")
}

fn seconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}
