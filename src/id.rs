//! Names of things, validated once at the edge so that nothing behind it has to doubt them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use uuid::Uuid;

/// Why a text is not a legal name; `Display` says what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a valid {kind}: {rule}")]
pub struct IdError {
    /// The refused text.
    pub text: String,
    /// What it should have been.
    pub kind: &'static str,
    /// The rule it breaks.
    pub rule: &'static str,
}

// A name stands in many places at once (desired, observed, planned, told, remembered), for ten thousand exchanges: short ones
// take no memory of their own, and copies of long ones share it.
macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $kind:literal, $rule:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(SmolStr);

        impl $type {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(IdError { text: text.to_owned(), kind: $kind, rule: $rule })
                }
            }
        }

        impl TryFrom<String> for $type {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> Self {
                name.0.into()
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $type {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

fn ends_alphanumeric(text: &str, lower: bool) -> bool {
    let fits = |byte: &u8| {
        if lower {
            byte.is_ascii_lowercase() || byte.is_ascii_digit()
        } else {
            byte.is_ascii_alphanumeric()
        }
    };
    text.as_bytes().first().is_some_and(fits) && text.as_bytes().last().is_some_and(fits)
}

fn is_dns_label(text: &str, longest: usize) -> bool {
    text.len() <= longest
        && ends_alphanumeric(text, true)
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

name!(
    /// Key of the operator's cluster inventory.
    ClusterId, "cluster_id",
    "letters, digits, - and _ between, beginning and ending with a letter or digit, at most 63",
    |text| text.len() <= 63
        && ends_alphanumeric(text, false)
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
);
name!(
    /// A Kubernetes namespace.
    Namespace, "namespace",
    "lower-case letters, digits and -, beginning and ending with a letter or digit, at most 63",
    |text| is_dns_label(text, 63)
);
name!(
    /// A Helm release name; Helm allows dots, we do not (they cannot be part of object names everywhere).
    ReleaseName, "release_name",
    "lower-case letters, digits and -, beginning and ending with a letter or digit, at most 53",
    |text| is_dns_label(text, 53)
);
name!(
    /// Which natsx-sync owns a release.
    Instance, "instance",
    "lower-case letters, digits and -, beginning and ending with a letter or digit, at most 40",
    |text| is_dns_label(text, 40)
);
name!(
    /// Key of a registry record; the alphabet is strict because the original registry can create
    /// records under other keys and never find them again (registry-wire, trap 7).
    SystemId, "system_id", "letters, digits, . _ and -, at most 128, not . or ..",
    |text| !text.is_empty()
        && text.len() <= 128
        && text != "."
        && text != ".."
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
);
name!(
    /// A git commit.
    CommitId, "commit", "40 lower-case hexadecimal digits",
    |text| text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
);
name!(
    /// A SHA-256 in hexadecimal.
    Digest, "digest", "64 lower-case hexadecimal digits",
    |text| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
);

impl SystemId {
    /// Whether a release can be marked with it: the value of a Kubernetes label is shorter than a key may be, and begins
    /// and ends with a letter or digit.
    pub fn fits_label(&self) -> bool {
        self.0.len() <= 63 && ends_alphanumeric(&self.0, false)
    }
}

impl CommitId {
    /// The first nine digits, for people.
    pub fn short(&self) -> &str {
        self.0.get(..9).unwrap_or(&self.0)
    }
}

impl Digest {
    /// The first 40 digits: what fits a Kubernetes label of at most 63 characters.
    pub fn label(&self) -> &str {
        self.0.get(..40).unwrap_or(&self.0)
    }

    /// SHA-256 of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self::of_parts(&[bytes])
    }

    /// SHA-256 of `parts`, one after the other.
    pub fn of_parts(parts: &[&[u8]]) -> Self {
        use fmt::Write as _;
        use sha2::Digest as _;
        let mut hash = sha2::Sha256::new();
        for part in parts {
            hash.update(part);
        }
        let mut text = String::with_capacity(64);
        for byte in hash.finalize() {
            write!(text, "{byte:02x}").expect("writing to a string cannot fail");
        }
        Self(text.into())
    }
}

impl Default for Instance {
    fn default() -> Self {
        Self(SmolStr::new_static("default"))
    }
}

/// Identity of an exchange. It never depends on the file's path: moving a file is no change.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ExchangeId {
    /// Where it runs.
    pub cluster: ClusterId,
    /// The namespace of its release.
    pub namespace: Namespace,
    /// The Helm release.
    pub release: ReleaseName,
}

/// What every UUID of ours is made in.
pub(crate) fn space() -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_DNS, b"natsx-sync")
}

impl ExchangeId {
    /// The key of the registry record unless the file names one: the same exchange always gets
    /// the same one, so a lost answer never makes a second record.
    pub fn system_id(&self) -> SystemId {
        SystemId(
            Uuid::new_v5(&space(), self.to_string().as_bytes())
                .to_string()
                .into(),
        )
    }
}

impl fmt::Display for ExchangeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.cluster, self.namespace, self.release)
    }
}

impl FromStr for ExchangeId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let mut parts = text.split('/');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(cluster), Some(namespace), Some(release), None) => Ok(Self {
                cluster: cluster.parse()?,
                namespace: namespace.parse()?,
                release: release.parse()?,
            }),
            _ => Err(IdError {
                text: text.to_owned(),
                kind: "exchange id",
                rule: "cluster/namespace/release",
            }),
        }
    }
}

impl TryFrom<String> for ExchangeId {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<ExchangeId> for String {
    fn from(id: ExchangeId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_ids_are_golden() {
        // Records in registries carry them: another value here would make a second record of each.
        for (id, system_id) in [
            (
                "us-east-cluster/communication/nats-global-exchange",
                "a2fff392-8099-50ff-b763-3e6ca7fc800e",
            ),
            (
                "us-east-cluster/communication/nats-orders",
                "6d9aa5ea-e2d3-5aeb-94c7-f96d9233ce91",
            ),
            (
                "eu-edge-cluster/communication/nats-edge",
                "ae7cf55f-bffa-553a-8033-8bfdce043aa1",
            ),
        ] {
            let id: ExchangeId = id.parse().expect("a legal id");
            assert_eq!(id.system_id().as_str(), system_id);
        }
    }
}
