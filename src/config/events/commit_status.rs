//! Which forge is told what became of a commit.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use url::Url;

use super::{OrMap, check, check_token};
use crate::id::Instance;
use crate::source::Location;

/// How the setting is called.
pub const SETTING: &str = "events.commit_status";

/// Most signs of the name of a status.
const LONGEST: usize = 100;

/// A kind of forge that takes statuses of commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Forge {
    /// GitHub and GitHub Enterprise.
    Github,
    /// GitLab.
    Gitlab,
    /// Gitea and Forgejo.
    #[serde(alias = "forgejo")]
    Gitea,
}

impl Forge {
    const ALL: [Self; 3] = [Self::Github, Self::Gitlab, Self::Gitea];

    /// The word of the settings.
    pub fn word(self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::Gitlab => "gitlab",
            Self::Gitea => "gitea",
        }
    }

    /// The host everybody knows, and its API. Gitea and Forgejo are at home everywhere.
    fn public(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Github => Some(("github.com", "https://api.github.com")),
            Self::Gitlab => Some(("gitlab.com", "https://gitlab.com/api/v4")),
            Self::Gitea => None,
        }
    }

    /// What the address of every API of this kind ends in.
    fn ending(self) -> Option<&'static str> {
        match self {
            Self::Github => None,
            Self::Gitlab => Some("/api/v4"),
            Self::Gitea => Some("/api/v1"),
        }
    }
}

/// Which forge is told, as written: the file with the token, or with more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "OrMap<PathBuf, Form>", into = "Form")]
pub struct CommitStatusSettings {
    /// Its kind; none = what the host of `source.url` says.
    pub forge: Option<Forge>,
    /// `owner/name`; none = what `source.url` says.
    pub repository: Option<String>,
    /// Bearer of the right to set statuses.
    pub token_file: PathBuf,
    /// Address of its API; none = that of github.com or gitlab.com.
    pub url: Option<Url>,
    /// Trusted beside the system's.
    pub ca_file: Option<PathBuf>,
    /// What the status is called; none = `natsx-sync`, with the instance where it is not the default one.
    pub name: Option<String>,
}

/// Where statuses go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForgeTarget {
    /// Whose API it is.
    pub forge: Forge,
    /// Address of the API.
    pub api: Url,
    /// `owner/name`; with more groups before it on GitLab.
    pub repository: String,
    /// What the status is called.
    pub name: String,
    /// Read for each request.
    pub token_file: PathBuf,
    /// Trusted beside the system's.
    pub ca_file: Option<PathBuf>,
}

impl CommitStatusSettings {
    /// Where the statuses of the commits of `source` go.
    ///
    /// # Errors
    /// What has to be written, where the address of the repository does not say it. No host is guessed: it is given a token.
    pub fn target(&self, source: Option<&str>, instance: &Instance) -> Result<ForgeTarget, String> {
        let source = source.and_then(|source| match Location::parse(source) {
            Ok(Location::Url(url)) => Some(url),
            Ok(Location::Path(_)) | Err(_) => None,
        });
        let found = source.as_ref().and_then(found);
        let missing = |key: &str, what: &str| {
            format!("{SETTING}.{key}: write {what}; `source.url` does not say it")
        };
        let forge = self.forge.or(found.as_ref().map(|(forge, _)| *forge));
        let forge = forge.ok_or_else(|| missing("forge", "github, gitlab or gitea"))?;
        let found = found.filter(|(kind, _)| *kind == forge);
        let is_public = found.is_some() || source.is_none();
        let repository = self.repository.clone();
        let repository = repository.or(found.map(|(_, repository)| repository));
        let repository = repository.ok_or_else(|| missing("repository", "OWNER/NAME"))?;
        if forge != Forge::Gitlab && repository.matches('/').count() != 1 {
            return Err(format!(
                "{SETTING}.repository {repository:?}: on {} it is OWNER/NAME",
                forge.word()
            ));
        }
        let public = forge.public().filter(|_| is_public);
        let public = public.and_then(|(_, api)| Url::parse(api).ok());
        let api = self.url.clone().or(public);
        let api = api.ok_or_else(|| missing("url", "the address of the forge's API"))?;
        if let Some(ending) = forge.ending()
            && !api.path().trim_end_matches('/').ends_with(ending)
        {
            return Err(format!(
                "{SETTING}.url: the address of an API of {} ends in {ending}",
                forge.word()
            ));
        }
        let name = self.name.clone().unwrap_or_else(|| {
            if *instance == Instance::default() {
                "natsx-sync".to_owned()
            } else {
                format!("natsx-sync/{instance}")
            }
        });
        Ok(ForgeTarget {
            forge,
            api,
            repository,
            name,
            token_file: self.token_file.clone(),
            ca_file: self.ca_file.clone(),
        })
    }
}

/// The forge and repository that an address of a host everybody knows says.
fn found(source: &Url) -> Option<(Forge, String)> {
    let host = source.host_str()?;
    let is_there = |forge: &Forge| {
        let public = forge.public();
        public.is_some_and(|(name, _)| host.eq_ignore_ascii_case(name))
    };
    let forge = Forge::ALL.into_iter().find(is_there)?;
    let path = source.path().trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    is_repository(path).then(|| (forge, path.to_owned()))
}

fn is_repository(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let is_name =
        |part: &str| !part.is_empty() && part != "." && part != ".." && part.bytes().all(plain);
    text.contains('/') && text.split('/').all(is_name)
}

impl TryFrom<OrMap<PathBuf, Form>> for CommitStatusSettings {
    type Error = String;

    fn try_from(form: OrMap<PathBuf, Form>) -> Result<Self, String> {
        let form = match form {
            OrMap::Word(token_file) => Form {
                forge: None,
                repository: None,
                token_file,
                url: None,
                ca_file: None,
                name: None,
            },
            OrMap::Map(form) => form,
        };
        if let Some(url) = &form.url {
            check(SETTING, url, &["https", "http"], "token_file")?;
            check_token(SETTING, url)?;
            if url.query().is_some() || url.fragment().is_some() {
                return Err(format!(
                    "{SETTING}.url: the address of an API has no ? and no #"
                ));
            }
        }
        if let Some(name) = form.repository.as_ref().filter(|name| !is_repository(name)) {
            return Err(format!("{SETTING}.repository {name:?} is not OWNER/NAME"));
        }
        let fits = |name: &String| {
            let length = name.chars().count();
            (1..=LONGEST).contains(&length) && !name.chars().any(char::is_control)
        };
        if form.name.as_ref().is_some_and(|name| !fits(name)) {
            return Err(format!(
                "{SETTING}.name has 1 to {LONGEST} signs in one line"
            ));
        }
        Ok(Self {
            forge: form.forge,
            repository: form.repository,
            token_file: form.token_file,
            url: form.url,
            ca_file: form.ca_file,
            name: form.name,
        })
    }
}

impl From<CommitStatusSettings> for Form {
    fn from(settings: CommitStatusSettings) -> Self {
        Self {
            forge: settings.forge,
            repository: settings.repository,
            token_file: settings.token_file,
            url: settings.url,
            ca_file: settings.ca_file,
            name: settings.name,
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    forge: Option<Forge>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    repository: Option<String>,
    token_file: PathBuf,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    url: Option<Url>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ca_file: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(value: Value) -> Result<CommitStatusSettings, String> {
        serde_json::from_value(value).map_err(|error| error.to_string())
    }

    /// `FORGE API REPOSITORY NAME`, or the error.
    fn target(value: Value, source: &str, instance: &str) -> String {
        let source = Some(source).filter(|source| !source.is_empty());
        match read(value)
            .unwrap()
            .target(source, &instance.parse().unwrap())
        {
            Ok(target) => format!(
                "{} {} {} {}",
                target.forge.word(),
                target.api,
                target.repository,
                target.name
            ),
            Err(error) => error,
        }
    }

    #[test]
    fn a_host_everybody_knows_says_the_forge_and_the_repository() {
        for (source, wanted) in [
            (
                "https://github.com/team/x.git",
                "github https://api.github.com/ team/x natsx-sync",
            ),
            (
                "git@github.com:team/x.git",
                "github https://api.github.com/ team/x natsx-sync",
            ),
            (
                "ssh://git@GitLab.com/a/b/x",
                "gitlab https://gitlab.com/api/v4 a/b/x natsx-sync",
            ),
        ] {
            assert_eq!(target(json!("/t"), source, "default"), wanted);
        }
        let named = target(json!("/t"), "https://github.com/team/x", "edge");
        assert!(named.ends_with(" natsx-sync/edge"), "{named}");
    }

    #[test]
    fn no_host_is_guessed_to_be_given_a_token() {
        let gitea = json!({"forge": "forgejo", "repository": "a/x", "token_file": "/t"});
        let github = json!({"forge": "github", "repository": "a/x", "token_file": "/t"});
        for (value, source, word) in [
            (json!("/t"), "https://git.example.org/a/x", ".forge"),
            (json!("/t"), "https://github.com.example.org/a/x", ".forge"),
            (json!("/t"), "https://github.com/x", ".forge"),
            (json!("/t"), "/srv/x", ".forge"),
            (json!("/t"), "", ".forge"),
            (
                json!({"forge": "gitlab", "token_file": "/t"}),
                "https://github.com/a/x",
                ".repository",
            ),
            (github.clone(), "https://github.example.org/a/x", ".url"),
            (gitea, "https://github.com/a/x", ".url"),
        ] {
            let error = target(value.clone(), source, "default");
            assert!(
                error.starts_with("events.commit_status."),
                "{value} {source}: {error}"
            );
            assert!(error.contains(word), "{value} {source}: {error}");
        }
        // A mirror on this host says nothing else.
        let local = target(github, "/srv/mirror", "default");
        assert_eq!(local, "github https://api.github.com/ a/x natsx-sync");
    }

    #[test]
    fn a_forge_of_ones_own_is_named_by_its_api() {
        let whole = json!({
            "forge": "gitea", "repository": "a/x", "token_file": "/t", "ca_file": "/c",
            "url": "https://git.example.org/forge/api/v1", "name": "roll-out",
        });
        let wanted = "gitea https://git.example.org/forge/api/v1 a/x roll-out";
        assert_eq!(
            target(whole.clone(), "https://git.example.org/a/x", "edge"),
            wanted
        );
        let settings = read(whole).unwrap();
        let again = read(serde_json::to_value(&settings).unwrap()).unwrap();
        assert_eq!(again, settings);
        let short = json!({"forge": "gitlab", "repository": "a/x", "token_file": "/t", "url": "https://git.example.org"});
        let error = target(short, "", "default");
        assert!(error.contains("/api/v4"), "{error}");
    }

    #[test]
    fn what_cannot_work_or_holds_a_secret_is_refused() {
        for (more, word) in [
            (
                json!({"url": "https://u:s3cret-s3cret@g.example/api/v1"}),
                "token_file",
            ),
            (json!({"url": "http://g.example/api/v1"}), "https only"),
            (json!({"url": "ftp://g.example"}), "https://"),
            (
                json!({"url": "https://g.example/api/v1?token=s3cret-s3cret"}),
                "no ?",
            ),
            (json!({"repository": "x"}), "OWNER/NAME"),
            (json!({"repository": "a/../x"}), "OWNER/NAME"),
            (json!({"repository": "a/x?y"}), "OWNER/NAME"),
            (json!({"name": ""}), "name"),
            (json!({"name": "a\nb"}), "name"),
            (json!({"forge": "sourcehut"}), ""),
            (json!({"token": "s3cret-s3cret"}), ""),
        ] {
            let mut value = json!({"token_file": "/t"});
            value
                .as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            let error = read(value.clone()).unwrap_err();
            assert!(error.contains(word), "{value}: {error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
        assert!(
            read(json!({"forge": "github"})).is_err(),
            "nobody is told without a token"
        );
        let nested = json!({"forge": "github", "repository": "a/b/x", "token_file": "/t"});
        assert!(target(nested, "", "default").contains("OWNER/NAME"));
    }
}
