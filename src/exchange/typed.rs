//! The typed blocks `access` and `federation`: their shapes.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::federation::Peer;
use super::fields::Fields;
use super::misfit::{Misfit, misfit};
use super::tree::Tree;
use super::{access, federation};
use crate::id::ExchangeId;
use crate::reason::Reason;
use crate::yaml::Node;

/// Who may do what.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Access {
    /// Users of the exchange.
    #[serde(default)]
    pub users: Vec<User>,
    /// Accounts by name.
    #[serde(default)]
    pub accounts: BTreeMap<String, Account>,
    /// What users may do who have no permissions of their own.
    pub default_permissions: Option<Permissions>,
}

/// An account.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// Users of the account.
    #[serde(default)]
    pub users: Vec<User>,
    /// Whether the account may use `JetStream`.
    #[serde(default)]
    pub jetstream: bool,
}

/// A user; known by password or by nkey.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [
    {"required": ["user", "password"], "properties": {"user": {"type": "string"}, "password": {"type": "object"}, "nkey": false}},
    {"required": ["nkey"], "properties": {"nkey": {"type": "string"}, "user": false, "password": false}},
]))]
pub struct User {
    /// The user's name.
    pub user: Option<String>,
    /// The public nkey.
    pub nkey: Option<String>,
    /// Where the password is kept. NATS reads it as a word of its configuration: one of letters alone or with digits
    /// behind them is safe, one that looks like a number or has spaces keeps the server from starting.
    pub password: Option<SecretReference>,
    /// What the user may do.
    pub permissions: Option<Permissions>,
}

/// A key of a Kubernetes Secret in the exchange's namespace.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretReference {
    /// The reference, as Kubernetes writes it.
    #[serde(rename = "secretKeyRef")]
    pub secret_key_ref: SecretKeyRef,
}

/// Name and key.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretKeyRef {
    /// The Secret.
    pub name: String,
    /// The key in it.
    pub key: String,
}

/// Subjects a user may use.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Permissions {
    /// Subjects to publish to.
    pub publish: Option<Subjects>,
    /// Subjects to subscribe to.
    pub subscribe: Option<Subjects>,
    /// Whether replies to requests are allowed.
    #[serde(default)]
    pub allow_responses: bool,
}

/// Allowed subjects, or allowed and denied ones.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Subjects {
    /// One allowed subject.
    One(String),
    /// Allowed subjects.
    Allowed(Vec<String>),
    /// Both.
    Rules(SubjectRules),
}

/// Allowed and denied subjects.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SubjectRules {
    /// Allowed.
    #[serde(default)]
    pub allow: Vec<String>,
    /// Denied.
    #[serde(default)]
    pub deny: Vec<String>,
}

/// Links to other exchanges. One of the same Kubernetes cluster is named by its id, any other by its address.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Federation {
    /// Servers elsewhere that belong to the same cluster.
    #[serde(default)]
    pub routes: Vec<Route>,
    /// Exchanges this one is a leaf of.
    #[serde(default)]
    pub leafnodes: Vec<Leafnode>,
    /// Exchanges of the same super-cluster.
    #[serde(default)]
    pub gateways: Vec<Gateway>,
}

/// A server elsewhere that belongs to the same cluster.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// `nats://HOST:PORT` or `tls://HOST:PORT`.
    #[schemars(regex(pattern = "^(nats|nats-route|tls)://[^@]+$"))]
    pub url: String,
}

/// The hub of a leaf.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("anyOf" = [
    {"required": ["exchange"], "properties": {"exchange": {"type": "string"}}},
    {"required": ["url"], "properties": {"url": {"type": "string"}}},
]))]
pub struct Leafnode {
    /// An exchange of this repository: `cluster/namespace/release`.
    #[schemars(with = "Option<String>", regex(pattern = super::schema::ID), example = "us-east-cluster/communication/nats-core")]
    pub exchange: Option<ExchangeId>,
    /// Its address, where it is in another Kubernetes cluster or not of this repository: `nats://HOST:PORT`.
    #[schemars(regex(pattern = "^(nats|nats-leaf|tls|ws|wss)://[^@]+$"))]
    pub url: Option<String>,
    /// The account of this exchange that is linked; NATS's own if not set.
    pub account: Option<String>,
    /// Where the seed of the nkey is kept by which the hub knows this leaf.
    pub credentials: Option<SecretReference>,
}

/// Another cluster of the same super-cluster.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("anyOf" = [
    {"required": ["exchange"], "properties": {"exchange": {"type": "string"}}},
    {"required": ["url", "name"], "properties": {"url": {"type": "string"}, "name": {"type": "string"}}},
]))]
pub struct Gateway {
    /// An exchange of this repository: `cluster/namespace/release`.
    #[schemars(with = "Option<String>", regex(pattern = super::schema::ID), example = "us-east-cluster/communication/nats-core")]
    pub exchange: Option<ExchangeId>,
    /// Its address, where it is in another Kubernetes cluster or not of this repository: `nats://HOST:PORT`.
    #[schemars(regex(pattern = "^(nats|nats-route|tls)://[^@]+$"))]
    pub url: Option<String>,
    /// The name of its cluster; those made by the chart are called as their `StatefulSet`.
    pub name: Option<String>,
}

/// The block `access`, checked.
pub(super) fn access<'n>(fields: &mut Fields<'n, '_, '_>) -> Option<&'n Node> {
    let node = block::<Access>(fields, "access")?;
    access::check(&Tree::of(node, 0), fields.findings);
    Some(node)
}

/// The block `federation`, checked, and the peers whose files have to agree with it.
pub(super) fn federation<'n>(
    fields: &mut Fields<'n, '_, '_>,
    own: Option<&ExchangeId>,
) -> (Option<&'n Node>, Vec<Peer>) {
    let Some(node) = block::<Federation>(fields, "federation") else {
        return (None, Vec::new());
    };
    let peers = federation::check(&Tree::of(node, 0), own, fields.findings);
    (Some(node), peers)
}

fn block<'n, T: DeserializeOwned>(
    fields: &mut Fields<'n, '_, '_>,
    field: &str,
) -> Option<&'n Node> {
    let node = fields.get(field)?;
    let Some(misfit) = misfit::<T>(field, node) else {
        return Some(node);
    };
    let Misfit { place, text, hint } = misfit;
    let reason = Reason::InvalidValue;
    fields.findings.error(reason, place, text, hint);
    None
}
