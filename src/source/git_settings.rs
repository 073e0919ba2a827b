//! What the git program gets to see: an environment and settings of our own making, and nothing of this host's.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use secrecy::{ExposeSecret, SecretString};
use tempfile::TempDir;

use super::error::SourceError;
use super::options::Credentials;
use super::remote::{Remote, setting};

/// A folder that only we can read, for one fetch.
#[derive(Debug)]
pub(super) struct Scratch {
    folder: TempDir,
    secrets: Vec<SecretString>,
}

const PREFIX: &str = ".fetch-";

/// What the http client of git reads.
const PROXIES: [&str; 7] = [
    "http_proxy",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "no_proxy",
    "NO_PROXY",
];

impl Scratch {
    /// Writes the settings of one fetch.
    pub(super) fn new(state: &Path, remote: &Remote) -> Result<Self, SourceError> {
        clear(state);
        let mut builder = tempfile::Builder::new();
        builder.prefix(PREFIX);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            builder.permissions(fs::Permissions::from_mode(0o700));
        }
        let folder = builder.tempdir_in(state).map_err(wrong(state))?;
        let login = login(remote)?;
        let path = folder.path().join("config");
        let text = settings(remote, login.as_ref())?;
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options
            .open(&path)
            .and_then(|mut file| file.write_all(text.expose_secret().as_bytes()))
            .map_err(wrong(&path))?;
        let secrets = login.map(|login| vec![login.password, login.header]);
        Ok(Self {
            folder,
            secrets: secrets.unwrap_or_default(),
        })
    }

    /// The whole environment of git.
    pub(super) fn environment(
        &self,
        remote: &Remote,
    ) -> Result<Vec<(String, OsString)>, SourceError> {
        let mut env: Vec<(String, OsString)> = [
            ("LC_ALL", "C"),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_ALLOW_PROTOCOL", remote.url.scheme()),
            ("GIT_PROTOCOL_FROM_USER", "0"),
        ]
        .map(|(key, value)| (key.to_owned(), value.into()))
        .into();
        let home = self.folder.path();
        env.push(("HOME".to_owned(), home.into()));
        env.push(("GIT_CONFIG_GLOBAL".to_owned(), home.join("config").into()));
        // git finds its own parts and ssh through it.
        env.push((
            "PATH".to_owned(),
            std::env::var_os("PATH").unwrap_or_default(),
        ));
        // The operator's proxy, and where it is not asked.
        let proxies = PROXIES.map(|name| Some((name.to_owned(), std::env::var_os(name)?)));
        env.extend(proxies.into_iter().flatten());
        if remote.url.scheme() == "ssh" {
            env.push(("GIT_SSH_VARIANT".to_owned(), "ssh".into()));
            env.push((
                "GIT_SSH_COMMAND".to_owned(),
                ssh(&remote.credentials)?.into(),
            ));
        }
        Ok(env)
    }

    /// The text without what must not be shown.
    pub(super) fn mask(&self, text: &str) -> String {
        self.secrets
            .iter()
            .map(ExposeSecret::expose_secret)
            .filter(|secret| !secret.is_empty())
            .fold(text.to_owned(), |text, secret| text.replace(secret, "***"))
    }
}

/// A killed process cannot remove its own; only asked while no fetch runs.
fn clear(state: &Path) {
    let Ok(entries) = fs::read_dir(state) else {
        return;
    };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(PREFIX) {
            // What cannot be removed is not a reason not to fetch.
            fs::remove_dir_all(entry.path()).ok();
        }
    }
}

#[derive(Debug)]
struct Login {
    password: SecretString,
    header: SecretString,
}

fn login(remote: &Remote) -> Result<Option<Login>, SourceError> {
    let Some(file) = &remote.credentials.password_file else {
        return Ok(None);
    };
    if remote.url.scheme() == "ssh" {
        return Ok(None);
    }
    let text = fs::read_to_string(file).map_err(|source| SourceError::Read {
        path: file.clone(),
        source,
    })?;
    let password = text.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        return Err(setting(
            "source.password_file",
            "the file is empty".to_owned(),
        ));
    }
    // Hosts that only look at a token take any user.
    let user = remote.credentials.username.as_deref().unwrap_or("git");
    let header = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    Ok(Some(Login {
        password: password.to_owned().into(),
        header: header.into(),
    }))
}

/// The settings as git's own file. The login is bound to scheme, host and port.
fn settings(remote: &Remote, login: Option<&Login>) -> Result<SecretString, SourceError> {
    let mut text = String::from(
        "[safe]\n\tdirectory = *\n[core]\n\thooksPath = /dev/null\n\taskPass =\n[credential]\n\thelper =\n\
         [protocol]\n\tversion = 2\n[fetch]\n\tunpackLimit = 1\n\
         [http]\n\tfollowRedirects = false\n\tlowSpeedLimit = 100\n\tlowSpeedTime = 60\n",
    );
    let mut line = |key: &str, value: &str| {
        writeln!(text, "\t{key} = {value}").expect("writing to a string cannot fail");
    };
    if let Some(file) = &remote.credentials.ca_file {
        line(
            "sslCAInfo",
            &quote("source.ca_file", &file.to_string_lossy())?,
        );
    }
    if let Some(login) = login {
        let origin = quote("source.url", &remote.url.origin().ascii_serialization())?;
        let header = login.header.expose_secret();
        write!(
            text,
            "[http {origin}]\n\textraHeader = Authorization: Basic {header}\n"
        )
        .expect("writing to a string cannot fail");
    }
    Ok(text.into())
}

fn quote(key: &'static str, value: &str) -> Result<String, SourceError> {
    if value.chars().any(char::is_control) {
        return Err(setting(key, "must not hold control characters".to_owned()));
    }
    Ok(format!(
        "\"{}\"",
        value.replace('\\', "\\\\").replace('"', "\\\"")
    ))
}

/// ssh with pinned host keys and one key, and without a word from the user's or the host's settings.
fn ssh(credentials: &Credentials) -> Result<String, SourceError> {
    let (key, known) = check_ssh(credentials)?;
    Ok([
        "ssh -F none",
        "-o BatchMode=yes",
        "-o StrictHostKeyChecking=yes",
        &format!("-o UserKnownHostsFile={known}"),
        "-o GlobalKnownHostsFile=none",
        "-o IdentitiesOnly=yes",
        "-o IdentityAgent=none",
        &format!("-o IdentityFile={key}"),
        "-o PreferredAuthentications=publickey",
        "-o ClearAllForwardings=yes",
        "-o ConnectTimeout=20",
        "-o ServerAliveInterval=15",
        "-o ServerAliveCountMax=4",
    ]
    .join(" "))
}

/// The two files ssh needs, as words that no shell and no ssh option reads as anything else.
pub(super) fn check_ssh(credentials: &Credentials) -> Result<(String, String), SourceError> {
    Ok((
        word("source.ssh_key_file", credentials.ssh_key_file.as_ref())?,
        word(
            "source.known_hosts_file",
            credentials.known_hosts_file.as_ref(),
        )?,
    ))
}

fn word(key: &'static str, path: Option<&PathBuf>) -> Result<String, SourceError> {
    let Some(path) = path else {
        return Err(setting(key, "ssh needs it: name the file".to_owned()));
    };
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-+@".contains(letter);
    match path.to_str() {
        Some(text) if path.is_absolute() && text.chars().all(plain) => Ok(text.to_owned()),
        _ => Err(setting(
            key,
            format!(
                "{} must be an absolute path of letters, digits and / . _ - + @",
                path.display()
            ),
        )),
    }
}

fn wrong(path: &Path) -> impl Fn(std::io::Error) -> SourceError + '_ {
    move |source| SourceError::Write {
        path: path.to_owned(),
        source,
    }
}
