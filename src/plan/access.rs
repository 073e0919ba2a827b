//! Who gains or loses which subject: users and their permissions, before and after.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::values::at;

/// What may be done with subjects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Right {
    Publish,
    Subscribe,
}

impl Right {
    fn word(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Subscribe => "subscribe",
        }
    }
}

/// What one user may do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Grant {
    allow: BTreeSet<(Right, String)>,
    deny: BTreeSet<(Right, String)>,
    /// May answer requests on subjects it may not publish to.
    responds: bool,
}

/// Whoever needs no login.
const ANYONE: &str = "anyone";

/// Everybody who may connect, by name.
type Access = BTreeMap<String, Grant>;

/// A line for each subject that somebody gains (`+`) or loses (`-`); `old` is none where nothing ran before.
/// Names and subjects only: no password, token or key is in it.
pub(super) fn subject_changes(
    old: Option<&Value>,
    new: &Value,
    hidden: &BTreeSet<Vec<String>>,
) -> Vec<String> {
    let names_users = |path: &Vec<String>| {
        path.iter()
            .any(|key| key == "authorization" || key == "accounts")
    };
    if hidden.iter().any(names_users) {
        return vec!["? users were left out of the picture of the world: not compared".to_owned()];
    }
    let before = old.map(access).unwrap_or_default();
    let after = access(new);
    // That a new exchange is open is a warning of its own.
    if old.is_none() && after.keys().eq([ANYONE]) {
        return Vec::new();
    }
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut lines = Vec::new();
    for name in names {
        compare(name, before.get(name), after.get(name), &mut lines);
    }
    if old.is_some_and(|old| unseen(old) != unseen(new)) {
        lines.push(
            "? users of an included file, of JWTs or of an auth callout change: not compared"
                .to_owned(),
        );
    }
    lines
}

fn compare(name: &str, before: Option<&Grant>, after: Option<&Grant>, lines: &mut Vec<String>) {
    let nobody = Grant::default();
    let (old, new) = (before.unwrap_or(&nobody), after.unwrap_or(&nobody));
    let mut add = |sign: char, (right, subject): &(Right, String), note: &str| {
        lines.push(format!("{sign} {name} {} {subject}{note}", right.word()));
    };
    for one in new.allow.difference(&old.allow) {
        add('+', one, "");
    }
    for one in old.allow.difference(&new.allow) {
        add('-', one, "");
    }
    // What was denied to somebody who is gone, or is to somebody new, is no change of theirs.
    let (lost, gained) = if before.is_none() {
        (" (denied)", "")
    } else {
        (" (denied now)", " (denied no longer)")
    };
    for one in new.deny.difference(&old.deny) {
        add('-', one, lost);
    }
    if after.is_some() {
        for one in old.deny.difference(&new.deny) {
            add('+', one, gained);
        }
    }
    if old.responds != new.responds {
        let sign = if new.responds { '+' } else { '-' };
        lines.push(format!("{sign} {name} publish replies to requests"));
    }
}

/// Users of the whole server and of its accounts; where there are none, anybody may do anything.
fn access(values: &Value) -> Access {
    let mut found = Access::new();
    let authorization = at(values, &["config", "merge", "authorization"]);
    if let Some(block) = authorization {
        collect(block, "", &mut found);
    }
    let accounts = at(values, &["config", "merge", "accounts"]).and_then(Value::as_object);
    for (account, block) in accounts.into_iter().flatten() {
        collect(block, &format!(" (account {account})"), &mut found);
    }
    if let Some(user) = at(values, &["config", "merge", "no_auth_user"]).and_then(Value::as_str) {
        let same = found
            .iter()
            .find(|(name, _)| *name == user || name.starts_with(&format!("{user} (")))
            .map(|(_, grant)| grant.clone());
        found.insert(format!("{ANYONE} (as {user})"), same.unwrap_or_default());
    } else if found.is_empty() && unseen(values).iter().all(Option::is_none) {
        found.insert(ANYONE.to_owned(), everything());
    }
    found
}

/// Where users come from that the values do not show.
fn unseen(values: &Value) -> [Option<&Value>; 4] {
    let merge = at(values, &["config", "merge"]);
    let of = |key: &str| merge.and_then(|merge| merge.get(key));
    let included = at(values, &["config", "merge", "authorization"])
        .and_then(Value::as_object)
        .and_then(|block| block.iter().find(|(key, _)| key.ends_with("$include")))
        .map(|(_, file)| file);
    let callout = at(
        values,
        &["config", "merge", "authorization", "auth_callout"],
    );
    [of("operator"), of("resolver_preload"), included, callout]
}

fn collect(block: &Value, place: &str, found: &mut Access) {
    let default = block.get("default_permissions");
    for user in block
        .get("users")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let Some(name) = name_of(user) else { continue };
        let permissions = user
            .get("permissions")
            .or_else(|| user.get("permission"))
            .or(default);
        found.insert(format!("{name}{place}"), grant(permissions));
    }
    // One login for everybody.
    if let Some(name) = block.get("user").and_then(Value::as_str) {
        let permissions = block.get("permissions").or(default);
        found.insert(format!("{name}{place}"), grant(permissions));
    } else if block.get("token").is_some() {
        found.insert(format!("holders of the token{place}"), grant(default));
    }
}

fn name_of(user: &Value) -> Option<String> {
    if let Some(name) = user.get("user").or_else(|| user.get("username")) {
        return name.as_str().map(str::to_owned);
    }
    // Public; its beginning tells one from another.
    let key = user.get("nkey")?.as_str()?;
    let short: String = key.chars().take(8).collect();
    Some(format!("nkey {short}…"))
}

fn everything() -> Grant {
    Grant {
        allow: [Right::Publish, Right::Subscribe]
            .map(|right| (right, ">".to_owned()))
            .into(),
        ..Grant::default()
    }
}

fn grant(permissions: Option<&Value>) -> Grant {
    let Some(permissions) = permissions.filter(|value| value.is_object()) else {
        return everything();
    };
    let mut grant = Grant::default();
    for (right, names) in [
        (Right::Publish, ["publish", "pub"]),
        (Right::Subscribe, ["subscribe", "sub"]),
    ] {
        let Some(rule) = names.iter().find_map(|name| permissions.get(*name)) else {
            grant.allow.insert((right, ">".to_owned()));
            continue;
        };
        if !rule.is_object() {
            grant.allow.extend(subjects(right, Some(rule)));
            continue;
        }
        let allow = rule.get("allow");
        if allow.is_none() {
            grant.allow.insert((right, ">".to_owned()));
        }
        grant.allow.extend(subjects(right, allow));
        grant.deny.extend(subjects(right, rule.get("deny")));
    }
    grant.responds = permissions
        .get("allow_responses")
        .or_else(|| permissions.get("responses"))
        .is_some_and(|value| !matches!(value, Value::Null | Value::Bool(false)));
    grant
}

fn subjects(right: Right, value: Option<&Value>) -> BTreeSet<(Right, String)> {
    let one = |value: &Value| Some((right, value.as_str()?.to_owned()));
    match value {
        Some(Value::Array(items)) => items.iter().filter_map(one).collect(),
        Some(value) => one(value).into_iter().collect(),
        None => BTreeSet::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn none() -> BTreeSet<Vec<String>> {
        BTreeSet::new()
    }

    #[test]
    fn what_a_picture_leaves_out_is_not_taken_for_gone() {
        let now = users(&json!([{"user": "a", "password": "x"}]));
        let path = ["config", "merge", "authorization", "users"].map(str::to_owned);
        let lines = subject_changes(Some(&json!({})), &now, &[path.to_vec()].into());
        assert_eq!(lines.len(), 1);
        assert!(lines[0].starts_with('?'), "{lines:?}");
    }

    fn users(users: &Value) -> Value {
        json!({"config": {"merge": {"authorization": {"users": users}}}})
    }

    #[test]
    fn each_subject_gained_or_lost_is_a_line() {
        let old = users(&json!([
            {"user": "a", "password": "geheim", "permissions": {"publish": "orders.>", "subscribe": {"deny": "x.*"}}},
            {"user": "gone"},
        ]));
        let new = users(&json!([
            {"user": "a", "password": "geheim2", "permissions": {"publish": ["orders.new", "b"], "subscribe": {"deny": "y"}, "allow_responses": true}},
            {"user": "new", "permissions": {"publish": {"allow": [], "deny": []}, "subscribe": "in"}},
        ]));
        let lines = subject_changes(Some(&old), &new, &none());
        assert_eq!(
            lines,
            [
                "+ a publish b",
                "+ a publish orders.new",
                "- a publish orders.>",
                "- a subscribe y (denied now)",
                "+ a subscribe x.* (denied no longer)",
                "+ a publish replies to requests",
                "- gone publish >",
                "- gone subscribe >",
                "+ new subscribe in",
            ]
        );
        assert!(!format!("{lines:?}").contains("geheim"));
    }

    #[test]
    fn closing_an_open_exchange_takes_everything_from_anyone() {
        let open = json!({});
        let closed =
            json!({"config": {"merge": {"accounts": {"APP": {"users": [{"user": "a"}]}}}}});
        assert_eq!(
            subject_changes(Some(&open), &closed, &none()),
            [
                "+ a (account APP) publish >",
                "+ a (account APP) subscribe >",
                "- anyone publish >",
                "- anyone subscribe >",
            ]
        );
        assert_eq!(
            subject_changes(Some(&open), &open, &none()),
            Vec::<String>::new()
        );
        assert_eq!(subject_changes(None, &open, &none()), Vec::<String>::new());
    }

    #[test]
    fn what_the_values_do_not_show_is_said_not_guessed() {
        let old = json!({"config": {"merge": {"authorization": {"00$include": "a.conf"}}}});
        let new = json!({"config": {"merge": {"authorization": {"00$include": "b.conf"}}}});
        let lines = subject_changes(Some(&old), &new, &none());
        assert_eq!(lines.len(), 1);
        assert!(lines[0].ends_with("not compared"), "{lines:?}");
    }
}
