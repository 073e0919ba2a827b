//! What a source is told: where it is, which part of it is wanted, and within which limits.

use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use super::error::SourceError;

/// Everything a source needs to know.
#[derive(Debug, Clone)]
pub struct SourceOptions {
    /// Where it is.
    pub location: Location,
    /// The branch; the repository's own head when absent.
    pub branch: Option<String>,
    /// The watched folder, from the root.
    pub folder: String,
    /// What a fetch needs to be let in.
    pub credentials: Credentials,
    /// The state folder: `mirror.git` is below it. Without one a URL is mirrored into a temporary
    /// folder, and a local repository is read in place.
    pub state: Option<PathBuf>,
    /// The git program.
    pub git: PathBuf,
    /// How much is accepted.
    pub limits: Limits,
}

impl SourceOptions {
    /// The defaults for a location.
    pub fn new(location: Location) -> Self {
        Self {
            location,
            branch: None,
            folder: "exchanges".to_owned(),
            credentials: Credentials::default(),
            state: None,
            git: PathBuf::from("git"),
            limits: Limits::default(),
        }
    }
}

/// Where a repository or folder is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// On this host: a work tree, a folder of one, a bare repository, or a plain folder.
    Path(PathBuf),
    /// Elsewhere.
    Url(Url),
}

impl Location {
    /// Reads `https://…`, `ssh://…`, `user@host:path`, `file://…` or a path.
    pub fn parse(text: &str) -> Result<Self, SourceError> {
        if text.contains("://") {
            return parse_url(text);
        }
        if let Some((user, host, path)) = short_ssh(text) {
            return parse_url(&format!("ssh://{user}@{host}/{path}"));
        }
        Ok(Self::Path(PathBuf::from(text)))
    }

    /// Whether this leads elsewhere, so that it is read from a mirror in the state folder. What leads nowhere is refused by
    /// whoever opens it.
    pub fn is_elsewhere(text: &str) -> bool {
        matches!(Self::parse(text), Ok(Self::Url(_)))
    }
}

fn parse_url(text: &str) -> Result<Location, SourceError> {
    // The text may hold a password, so it is not repeated.
    let wrong = |text: &str| SourceError::Setting {
        setting: "source.url",
        text: text.to_owned(),
    };
    let url = Url::parse(text)
        .map_err(|_| wrong("not a URL; write https://HOST/PATH, ssh://USER@HOST/PATH or a path"))?;
    if url.scheme() != "file" {
        return Ok(Location::Url(url));
    }
    url.to_file_path()
        .map(Location::Path)
        .map_err(|()| wrong("a file URL must name an absolute path of this host"))
}

/// `user@host:path`, the short form of ssh.
fn short_ssh(text: &str) -> Option<(&str, &str, &str)> {
    let (login, path) = text.split_once(':')?;
    let (user, host) = login.split_once('@')?;
    let plain = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
    };
    (plain(user) && plain(host)).then(|| (user, host, path.trim_start_matches('/')))
}

/// What a fetch needs to be let in. Files only: their content is read for each fetch.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    /// User for https.
    pub username: Option<String>,
    /// Its password or token.
    pub password_file: Option<PathBuf>,
    /// Private key for ssh.
    pub ssh_key_file: Option<PathBuf>,
    /// Pinned host keys for ssh.
    pub known_hosts_file: Option<PathBuf>,
    /// Certificates of the host's authority.
    pub ca_file: Option<PathBuf>,
}

/// How much is accepted.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of one file. Twice what an exchange file may have, so that slightly too large files are still
    /// named as exchange files with an error.
    pub file_bytes: u64,
    /// Bytes of all files.
    pub total_bytes: u64,
    /// Number of files.
    pub files: usize,
    /// Folders within folders.
    pub depth: usize,
    /// Commits walked to attribute a broken file.
    pub commits: usize,
    /// Time for that walk.
    pub walk: Duration,
    /// Commits looked at to find an ancestor or a removal; what lies beyond is not known.
    pub history: usize,
    /// Time for one fetch.
    pub fetch: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes: 2 * 1024 * 1024,
            total_bytes: 256 * 1024 * 1024,
            files: 20_000,
            depth: 32,
            commits: 2_000,
            walk: Duration::from_secs(2),
            history: 100_000,
            fetch: Duration::from_secs(600),
        }
    }
}

/// Which files are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revision {
    /// The files of a work tree or folder as they stand.
    Files,
    /// The head of the branch; of a plain folder its files.
    Head,
    /// A commit, by any name git knows.
    Named(String),
}

/// Where in a repository the wanted files are.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    /// The root of the source from the repository's root, empty or without a slash at its ends.
    pub(super) prefix: String,
    /// The watched folder from the root of the source.
    pub(super) folder: String,
}

impl Layout {
    pub(super) fn new(prefix: String, folder: &str) -> Result<Self, SourceError> {
        let folder = folder.trim_matches('/');
        if folder
            .split('/')
            .any(|part| part.is_empty() || part.starts_with('.'))
        {
            return Err(SourceError::Setting {
                setting: "source.path",
                text: format!(
                    "{folder:?} must be a folder from the repository's root, without dots at the beginning of a name"
                ),
            });
        }
        Ok(Self {
            prefix,
            folder: folder.to_owned(),
        })
    }

    /// A path of the source as a path of the repository.
    pub(super) fn in_repository(&self, path: &str) -> String {
        join(&self.prefix, path)
    }
}

/// `parent/name`, or `name` at the root.
pub(super) fn join(parent: &str, name: &str) -> String {
    if parent.is_empty() {
        name.to_owned()
    } else {
        format!("{parent}/{name}")
    }
}

/// Whether a file of this name is read.
pub(super) fn is_yaml(name: &str) -> bool {
    std::path::Path::new(name)
        .extension()
        .is_some_and(|end| end == "yaml" || end == "yml")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_told_apart() {
        assert!(matches!(Location::parse("/srv/x"), Ok(Location::Path(_))));
        assert!(matches!(Location::parse("./a:b"), Ok(Location::Path(_))));
        assert!(
            matches!(Location::parse("file:///srv/x"), Ok(Location::Path(path)) if path.as_os_str() == "/srv/x")
        );
        assert!(
            matches!(Location::parse("git@host:team/x.git"), Ok(Location::Url(url)) if url.as_str() == "ssh://git@host/team/x.git")
        );
        assert!(matches!(
            Location::parse("https://host/x"),
            Ok(Location::Url(_))
        ));
        assert!(Location::parse("file://host/x").is_err());
    }

    #[test]
    fn the_folder_stays_inside() {
        for folder in ["", ".", "../x", "a//b", "a/.git"] {
            assert!(Layout::new(String::new(), folder).is_err(), "{folder}");
        }
        let layout = Layout::new("examples".into(), "/a/b/").unwrap();
        assert_eq!(layout.in_repository(&layout.folder), "examples/a/b");
    }
}
