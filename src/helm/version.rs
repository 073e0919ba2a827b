//! Which helms are safe to run.

use std::fmt;

use semver::Version;

use super::HelmError;

/// A usable version of helm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HelmVersion {
    version: Version,
    /// The build says only major and minor; its fixes are not known.
    pub patch_unknown: bool,
}

impl HelmVersion {
    /// Reads what `helm version` printed. Helm 3 before 3.20.2 and helm 4 before 4.1.4 unpack archives beyond their
    /// folder; 4.2.1 reports releases as ready that are not.
    pub fn parse(text: &str) -> Result<Self, HelmError> {
        let unusable = |wanted| HelmError::Version {
            found: text.trim().chars().take(40).collect(),
            wanted,
        };
        let plain = text.trim().trim_start_matches('v');
        let patch_unknown = plain
            .split(['-', '+'])
            .next()
            .unwrap_or("")
            .split('.')
            .count()
            == 2;
        let version = if patch_unknown {
            let end = plain.find(['-', '+']).unwrap_or(plain.len());
            let (head, tail) = plain.split_at(end);
            Version::parse(&format!("{head}.0{tail}"))
        } else {
            Version::parse(plain)
        }
        .map_err(|_| unusable("a version such as v3.20.2"))?;
        let (minor, patch) = (version.minor, version.patch);
        let late = |least: (u64, u64)| {
            if patch_unknown {
                minor >= least.0
            } else {
                (minor, patch) >= least
            }
        };
        match version.major {
            3 if late((20, 2)) => {}
            3 => return Err(unusable("3.20.2 or later")),
            4 if late((1, 4)) && (patch_unknown || (minor, patch) != (2, 1)) => {}
            4 => return Err(unusable("4.1.4 or later, not 4.2.1")),
            _ => return Err(unusable("helm 3 or 4")),
        }
        Ok(Self {
            version,
            patch_unknown,
        })
    }

    /// Whether its install, upgrade and rollback know `--server-side`.
    pub fn applies_server_side(&self) -> bool {
        self.version.major >= 4
    }
}

impl fmt::Display for HelmVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.patch_unknown {
            write!(f, "{}.{}", self.version.major, self.version.minor)
        } else {
            self.version.fmt(f)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("v3.20.2\n", true)]
    #[case("v3.20.1", false)]
    #[case("v3.21.0+g12", true)]
    #[case("v3.20", true)]
    #[case("v3.19", false)]
    #[case("v4.1.3", false)]
    #[case("v4.1.4", true)]
    #[case("v4.2.1", false)]
    #[case("v4.2", true)]
    #[case("v4.3.1", true)]
    #[case("v2.17.0", false)]
    #[case("v5.0.0", false)]
    #[case("", false)]
    fn only_safe_versions(#[case] text: &str, #[case] usable: bool) {
        assert_eq!(HelmVersion::parse(text).is_ok(), usable, "{text}");
    }
}
