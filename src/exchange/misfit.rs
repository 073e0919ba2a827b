//! Where a block does not have its shape: the innermost part that is wrong, and what to write there. What serde says is
//! not shown, for it may repeat a value, and values here may be credentials.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::yaml::{Data, Entry, Node, Place};

const SHAPE: &str = "`natsx-sync schema` prints the shape; passwords are given as secretKeyRef";

/// A part that does not fit.
#[derive(Debug)]
pub(super) struct Misfit {
    pub(super) place: Place,
    pub(super) text: String,
    pub(super) hint: &'static str,
}

/// The first part of a block that does not fit; none where all of it does.
pub(super) fn misfit<T: DeserializeOwned>(field: &str, block: &Node) -> Option<Misfit> {
    let whole = block.to_value();
    let complaint = complaint::<T>(&whole)?;
    let mut part = Part {
        node: block,
        pointer: String::new(),
        path: field.to_owned(),
        key: field,
    };
    let mut around = field.to_owned();
    while let Some(inner) = part.inner::<T>(&whole, &complaint) {
        around = std::mem::replace(&mut part, inner).path;
    }
    let Part {
        node, path, key, ..
    } = part;
    let (text, hint) = match (named(&complaint, "missing field"), key) {
        (Some(missing), _) => (format!("{path} has no `{missing}`"), example(missing)),
        (None, "exchange") => (format!("{path} is no id of an exchange"), example(key)),
        (None, _) => match named(&complaint, "unknown field") {
            Some(unknown) => (
                format!("{around} has a field {unknown:?} that is not known"),
                SHAPE,
            ),
            None => (
                format!("{path} does not fit: it is {}", node.kind()),
                example(key),
            ),
        },
    };
    let place = node.place;
    Some(Misfit { place, text, hint })
}

struct Part<'n> {
    node: &'n Node,
    /// Where it is, as a JSON pointer.
    pointer: String,
    /// The same for people.
    path: String,
    key: &'n str,
}

impl Part<'_> {
    /// What of it the complaint is about: that without which there is no such complaint.
    fn inner<T: DeserializeOwned>(&self, whole: &Value, told: &str) -> Option<Self> {
        match &self.node.data {
            Data::Scalar(_) => None,
            Data::List(items) => {
                let misfits = |item: &Node| {
                    let alone = Value::Array(vec![item.to_value()]);
                    let whole = with(whole, &self.pointer, alone);
                    whole.is_some_and(|whole| complaint::<T>(&whole).is_some())
                };
                let mut all = items.iter().enumerate();
                let (index, node) = all.find(|(_, item)| misfits(item))?;
                Some(Self {
                    node,
                    pointer: format!("{}/{index}", self.pointer),
                    path: format!("{}[{index}]", self.path),
                    key: self.key,
                })
            }
            Data::Map(entries) => {
                let entry = entries
                    .iter()
                    .find(|entry| self.is_told_of::<T>(entry, whole, told))?;
                let name = entry.key.replace('~', "~0").replace('/', "~1");
                Some(Self {
                    node: &entry.node,
                    pointer: format!("{}/{name}", self.pointer),
                    path: format!("{}.{}", self.path, entry.key),
                    key: &entry.key,
                })
            }
        }
    }

    /// Whether there is another complaint, or none, without this entry. What is missing is missing in a map.
    fn is_told_of<T: DeserializeOwned>(&self, entry: &Entry, whole: &Value, told: &str) -> bool {
        if named(told, "missing field").is_some() && matches!(entry.node.data, Data::Scalar(_)) {
            return false;
        }
        let mut rest = self.node.to_value();
        if let Value::Object(rest) = &mut rest {
            rest.remove(&entry.key);
        }
        with(whole, &self.pointer, rest)
            .is_some_and(|rest| complaint::<T>(&rest).as_deref() != Some(told))
    }
}

/// All of it, with something else at one place.
fn with(whole: &Value, pointer: &str, part: Value) -> Option<Value> {
    let mut whole = whole.clone();
    *whole.pointer_mut(pointer)? = part;
    Some(whole)
}

fn complaint<T: DeserializeOwned>(value: &Value) -> Option<String> {
    let error = serde_json::from_value::<T>(value.clone()).err()?;
    Some(error.to_string())
}

/// The field a complaint of this kind names: names of fields are no secret.
fn named<'c>(complaint: &'c str, kind: &str) -> Option<&'c str> {
    let rest = complaint.strip_prefix(kind)?.strip_prefix(" `")?;
    rest.split('`').next()
}

/// What to write there.
fn example(key: &str) -> &'static str {
    match key {
        "exchange" => {
            "write `CLUSTER/NAMESPACE/RELEASE`, such as us-east-cluster/communication/nats-core"
        }
        "leafnodes" => "write a list, such as `[{exchange: CLUSTER/NAMESPACE/RELEASE}]`",
        "gateways" => "write a list, such as `[{name: nats-core, url: \"nats://HOST:7222\"}]`",
        "routes" => "write a list, such as `[{url: \"nats://HOST:6222\"}]`",
        "url" => "write `url: nats://HOST:PORT`, or `tls://HOST:PORT`",
        "users" => {
            "write a list, such as `[{user: NAME, password: {secretKeyRef: {name: SECRET, key: KEY}}}]`"
        }
        "password" | "credentials" | "secretKeyRef" | "name" | "key" => {
            "write `{secretKeyRef: {name: SECRET, key: KEY}}`"
        }
        "publish" | "subscribe" => {
            "write subjects: `[\"orders.>\"]`, or `{allow: [..], deny: [..]}`"
        }
        _ => SHAPE,
    }
}

#[cfg(test)]
mod tests {
    use super::super::typed::{Access, Federation};
    use super::*;

    fn told<T: DeserializeOwned>(text: &str) -> String {
        let document = crate::yaml::read(text.as_bytes());
        let block = document.root.unwrap();
        let Misfit { place, text, hint } = misfit::<T>("block", &block).unwrap();
        format!("{}:{} {text}; {hint}", place.line, place.column)
    }

    #[test]
    fn the_innermost_part_that_does_not_fit_is_named_with_an_example() {
        for (text, says) in [
            (
                "{leafnodes: [{exchange: a/b/c}, {exchange: x}], gateways: [{url: foo}]}",
                "1:44 block.leafnodes[1].exchange is no id of an exchange; write `CLUSTER/",
            ),
            (
                "{routes: [{}]}",
                "1:11 block.routes[0] has no `url`; write `url: nats://",
            ),
            (
                "{gateways: {name: a}}",
                "1:12 block.gateways does not fit: it is a map; write a list, such as",
            ),
            (
                "{leafnodes: [{credentials: {secretKeyRef: {name: a}}}]}",
                "block.leafnodes[0].credentials.secretKeyRef has no `key`; write `{secretKeyRef",
            ),
            (
                "{routes: [{url: x, nmae: y}]}",
                "block.routes[0] has a field \"nmae\" that is not known",
            ),
        ] {
            let told = told::<Federation>(text);
            assert!(told.contains(says), "{text}: {told}");
        }
    }

    #[test]
    fn what_may_be_a_password_is_not_repeated() {
        let text = "{users: [{user: a, password: hunter2}]}";
        let told = told::<Access>(text);
        assert!(
            told.contains("block.users[0].password does not fit"),
            "{told}"
        );
        assert!(told.contains("secretKeyRef: {name"), "{told}");
        assert!(!told.contains("hunter2"), "{told}");
    }
}
