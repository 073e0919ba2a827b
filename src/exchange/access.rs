//! The block `access` as chart values. Users and permissions are NATS's own words already; passwords become variables of
//! the container, because more people may read a configuration in a cluster than its Secrets.

use std::collections::BTreeMap;

use serde_json::Value;

use super::finding::Findings;
use super::tree::{Origin, Shape, Tree};
use crate::reason::Reason;

/// What the variables of passwords begin with.
const PREFIX: &str = "NATSX";

/// Refuses users who could not log in, and a block that would leave the exchange open.
pub(super) fn check(block: &Tree, findings: &mut Findings<'_>) {
    let mut refuse = |reason, part: &Tree, text: &str, hint: &str| {
        findings.error(reason, part.origin.place, text, hint);
    };
    let accounts = block.get(&["accounts"]);
    let within = accounts
        .into_iter()
        .flat_map(|accounts| accounts.children().map(|(_, account)| account));
    let users: Vec<&Tree> = std::iter::once(block)
        .chain(within)
        .filter_map(|place| place.get(&["users"]))
        .flat_map(Tree::items)
        .collect();
    if users.is_empty() {
        refuse(
            Reason::OpenExchange,
            block,
            "access names nobody, which NATS takes for everybody",
            "list `users`, or take `access` away if everybody may connect",
        );
    }
    for user in users {
        let has = |field: &str| {
            let field = user.get(&[field]);
            field.is_some_and(|field| field.leaf() != Some(&Value::Null))
        };
        match (has("user"), has("password"), has("nkey")) {
            (true, true, false) | (false, false, true) => {}
            (true, false, false) => refuse(
                Reason::InvalidValue,
                user,
                "a user without a password cannot log in",
                "add `password: {secretKeyRef: {name: NAME, key: KEY}}`, or name the user by `nkey` alone",
            ),
            (_, _, _) => refuse(
                Reason::InvalidValue,
                user,
                "a user is known by name and password, or by nkey alone",
                "write `user` and `password`, or only `nkey`",
            ),
        }
    }
}

/// What the block, which was checked, sets in the chart.
pub(super) fn compile(block: &Tree) -> Tree {
    let origin = block.origin;
    let mut variables = Variables::default();
    let usual = block.get(&["default_permissions"]);
    let mut merge = Vec::new();
    if let Some(users) = block.get(&["users"]) {
        let users = members(users, usual, &mut variables);
        merge.push(("authorization", map(users.origin, [("users", users)])));
    }
    if let Some(accounts) = block.get(&["accounts"]) {
        let each = accounts.children().map(|(name, one)| {
            let compiled = account(one, usual, &mut variables);
            (name.as_str(), compiled)
        });
        merge.push(("accounts", map(accounts.origin, each)));
    }
    let mut values = vec![("config", map(origin, [("merge", map(origin, merge))]))];
    if !variables.0.is_empty() {
        let each = variables.0.iter();
        let env = map(origin, each.map(|(name, one)| (name.as_str(), one.clone())));
        values.push(("container", map(origin, [("env", env)])));
    }
    map(origin, values)
}

fn account(account: &Tree, usual: Option<&Tree>, variables: &mut Variables) -> Tree {
    let mut parts = Vec::new();
    if let Some(users) = account.get(&["users"]) {
        parts.push(("users", members(users, usual, variables)));
    }
    if let Some(jetstream) = account.get(&["jetstream"])
        && jetstream.leaf() == Some(&Value::Bool(true))
    {
        parts.push(("jetstream", text(jetstream.origin, "enabled")));
    }
    map(account.origin, parts)
}

/// The users of one place; who has no permissions gets the usual ones, which accounts do not inherit by themselves.
fn members(users: &Tree, usual: Option<&Tree>, variables: &mut Variables) -> Tree {
    let member = |user: &Tree| {
        let mut user = user.clone();
        if let Shape::Map(fields) = &mut user.shape {
            if let Some(password) = fields.get_mut("password") {
                let name = variables.of(password);
                *password = text(password.origin, &format!("<< ${name} >>"));
            }
            if let Some(usual) = usual {
                let permissions = fields.entry("permissions".to_owned());
                permissions.or_insert_with(|| usual.clone());
            }
        }
        user
    };
    Tree {
        origin: users.origin,
        shape: Shape::List(users.items().into_iter().map(member).collect()),
    }
}

/// The variables that hold passwords, by name.
#[derive(Default)]
struct Variables(BTreeMap<String, Tree>);

impl Variables {
    /// The variable of a reference: named after it, so that it stays when users come and go.
    fn of(&mut self, reference: &Tree) -> String {
        let word = |field: &str| {
            let text = reference.get(&["secretKeyRef", field]);
            let text = text.and_then(Tree::text).unwrap_or_default();
            text.replace(|letter: char| !letter.is_ascii_alphanumeric(), "_")
        };
        let name = format!("{PREFIX}_{}_{}", word("name"), word("key")).to_ascii_uppercase();
        let variable = map(reference.origin, [("valueFrom", reference.clone())]);
        let wanted = variable.to_value();
        // Two references may give one name; then the later ones are counted.
        let names = (2..).map(|number| format!("{name}_{number}"));
        let free = |name: &String| {
            let taken = self.0.get(name);
            taken.is_none_or(|taken| taken.to_value() == wanted)
        };
        let name = std::iter::once(name.clone()).chain(names).find(free);
        let name = name.unwrap_or_default();
        self.0.entry(name.clone()).or_insert(variable);
        name
    }
}

fn map<'k>(origin: Origin, parts: impl IntoIterator<Item = (&'k str, Tree)>) -> Tree {
    let parts = parts.into_iter();
    Tree {
        origin,
        shape: Shape::Map(parts.map(|(key, tree)| (key.to_owned(), tree)).collect()),
    }
}

fn text(origin: Origin, text: &str) -> Tree {
    Tree {
        origin,
        shape: Shape::Leaf(Value::from(text)),
    }
}
