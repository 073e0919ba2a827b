//! Places in objects, as people write them: `StatefulSet/spec/replicas`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A place where live objects may differ from the release: `KIND/KEY/KEY…`, with everything below it. `*` stands for any
/// kind or key; elements of lists go by their name, or number. `/` within a key is written `~1`, `~` as `~0`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IgnoredPath {
    kind: String,
    path: Vec<String>,
}

/// Why a text is no such place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no place in an object: it names a kind and at least one key")]
pub struct PathError(String);

impl IgnoredPath {
    /// Whether the place, or what it is part of, is ignored.
    pub(super) fn covers(&self, kind: &str, path: &[String]) -> bool {
        let fits = |wanted: &String, key: &str| wanted == "*" || wanted == key;
        fits(&self.kind, kind)
            && self.path.len() <= path.len()
            && self.path.iter().zip(path).all(|(one, key)| fits(one, key))
    }
}

impl FromStr for IgnoredPath {
    type Err = PathError;
    fn from_str(text: &str) -> Result<Self, PathError> {
        let mut keys = text
            .split('/')
            .map(|key| key.replace("~1", "/").replace("~0", "~"));
        let kind = keys.next().unwrap_or_default();
        let path: Vec<String> = keys.collect();
        let is_whole = !path.is_empty() && path.iter().chain([&kind]).all(|key| !key.is_empty());
        if is_whole {
            Ok(Self { kind, path })
        } else {
            Err(PathError(text.to_owned()))
        }
    }
}

impl TryFrom<String> for IgnoredPath {
    type Error = PathError;
    fn try_from(text: String) -> Result<Self, PathError> {
        text.parse()
    }
}

impl From<IgnoredPath> for String {
    fn from(path: IgnoredPath) -> Self {
        path.to_string()
    }
}

impl fmt::Display for IgnoredPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text(&self.kind, &self.path))
    }
}

/// A place as text.
pub(super) fn text(kind: &str, path: &[String]) -> String {
    let keys = path
        .iter()
        .map(|key| key.replace('~', "~0").replace('/', "~1"));
    let keys: Vec<String> = [kind.to_owned()].into_iter().chain(keys).collect();
    keys.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Vec<String> {
        text.split('.').map(str::to_owned).collect()
    }

    #[test]
    fn a_place_covers_what_is_below_it() {
        let place: IgnoredPath = "StatefulSet/spec/replicas".parse().unwrap();
        assert!(place.covers("StatefulSet", &path("spec.replicas")));
        assert!(place.covers("StatefulSet", &path("spec.replicas.x")));
        assert!(!place.covers("StatefulSet", &path("spec")));
        assert!(!place.covers("Deployment", &path("spec.replicas")));
        let any: IgnoredPath = "*/spec/*/b".parse().unwrap();
        assert!(any.covers("Service", &path("spec.a.b")));
    }

    #[test]
    fn a_slash_within_a_key_is_written_as_in_json_pointers() {
        let place: IgnoredPath = "Service/metadata/annotations/a.example~1b~01"
            .parse()
            .unwrap();
        assert_eq!(place.path[2], "a.example/b~1");
        assert_eq!(
            place.to_string(),
            "Service/metadata/annotations/a.example~1b~01"
        );
    }

    #[test]
    fn a_kind_alone_and_empty_keys_are_refused() {
        for text in ["", "StatefulSet", "StatefulSet/", "/spec", "A//b"] {
            assert!(text.parse::<IgnoredPath>().is_err(), "{text}");
        }
    }
}
