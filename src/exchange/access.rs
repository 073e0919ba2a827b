//! The block `access` as chart values. Users and permissions are NATS's own words already; passwords become variables of
//! the container, because more people may read a configuration in a cluster than its Secrets.

use serde_json::Value;

use super::blocks::{Variables, map, text};
use super::finding::Findings;
use super::tree::{Shape, Tree};
use crate::reason::Reason;

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
pub(super) fn compile(block: &Tree, variables: &mut Variables) -> Tree {
    let origin = block.origin;
    let usual = block.get(&["default_permissions"]);
    let mut merge = Vec::new();
    if let Some(users) = block.get(&["users"]) {
        let users = members(users, usual, variables);
        merge.push(("authorization", map(users.origin, [("users", users)])));
    }
    if let Some(accounts) = block.get(&["accounts"]) {
        let each = accounts.children().map(|(name, one)| {
            let compiled = account(one, usual, variables);
            (name.as_str(), compiled)
        });
        merge.push(("accounts", map(accounts.origin, each)));
    }
    map(
        origin,
        [("config", map(origin, [("merge", map(origin, merge))]))],
    )
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
                *password = variables.of(password);
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
