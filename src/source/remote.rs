//! A repository reached by the git program over https or ssh.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use url::Url;

use super::commits::listed;
use super::error::SourceError;
use super::git_settings::{self, Scratch};
use super::options::{Credentials, SourceOptions};
use crate::address::is_loopback;
use crate::command::{Command, Finished};

/// Bytes of git's complaints that are kept.
const COMPLAINT: usize = 16 * 1024;

/// A checked URL and what is needed to fetch from it.
#[derive(Debug)]
pub(super) struct Remote {
    pub(super) url: Url,
    pub(super) credentials: Credentials,
    branch: Option<String>,
    git: PathBuf,
    state: PathBuf,
    deadline: Duration,
}

impl Remote {
    /// Checks everything that can be checked before a program is started.
    pub(super) fn new(
        url: &Url,
        options: &SourceOptions,
        state: &Path,
    ) -> Result<Self, SourceError> {
        let url = check_url(url)?;
        let mut credentials = options.credentials.clone();
        if url.scheme() == "ssh" {
            git_settings::check_ssh(&credentials)?;
        } else if credentials.username.is_none() && !url.username().is_empty() {
            credentials.username = Some(url.username().to_owned());
        }
        if let Some(branch) = &options.branch
            && !git2::Reference::is_valid_name(&format!("refs/heads/{branch}"))
        {
            return Err(setting(
                "source.branch",
                format!("{branch:?} is not a legal name of a branch"),
            ));
        }
        Ok(Self {
            url,
            credentials,
            branch: options.branch.clone(),
            git: find_program(&options.git)?,
            state: state.to_owned(),
            deadline: options.limits.fetch,
        })
    }

    /// What is shown and handed to git: an https URL without its user, never a password.
    pub(super) fn shown(&self) -> String {
        let mut url = self.url.clone();
        if url.scheme() != "ssh" {
            // Only refused for URLs without a host, which are none of ours.
            url.set_username("").ok();
        }
        url.to_string()
    }

    /// Fetches the branch into `into` of the mirror.
    pub(super) async fn fetch(
        &self,
        mirror: &Path,
        into: &str,
        cancel: &CancellationToken,
    ) -> Result<(), SourceError> {
        let scratch = Scratch::new(&self.state, self)?;
        let from = match &self.branch {
            Some(branch) => format!("refs/heads/{branch}"),
            None => "HEAD".to_owned(),
        };
        let refspec = format!("+{from}:{into}");
        let mut args: Vec<OsString> = vec!["--git-dir".into(), mirror.into()];
        for switch in ["gc.auto=0", "maintenance.auto=false"] {
            args.extend(["-c".into(), switch.into()]);
        }
        args.extend(
            [
                "fetch",
                "--quiet",
                "--no-tags",
                "--no-recurse-submodules",
                "--no-write-fetch-head",
                "--",
                &self.shown(),
                &refspec,
            ]
            .map(OsString::from),
        );
        let command = self.command(args, mirror, &scratch)?;
        let done = command.run(cancel).await.map_err(|error| {
            self.failed(format!("{error}; set `source.git` to the git program"))
        })?;
        if done.success() {
            return Ok(());
        }
        if done.timed_out {
            let seconds = self.deadline.as_secs();
            return Err(self.failed(format!("it took longer than {seconds} s")));
        }
        if done.cancelled {
            return Err(self.failed("it was interrupted".to_owned()));
        }
        let complaint = scratch.mask(&done.error_text());
        if complaint.contains("couldn't find remote ref") {
            let repository = self.shown();
            return Err(match self.branch.clone() {
                Some(branch) => SourceError::NoBranch {
                    others: self.branches(mirror, &scratch, cancel).await,
                    repository,
                    branch,
                },
                None => SourceError::Empty { repository },
            });
        }
        Err(self.explain(&complaint))
    }

    fn command(
        &self,
        args: Vec<OsString>,
        folder: &Path,
        scratch: &Scratch,
    ) -> Result<Command, SourceError> {
        Ok(Command {
            program: self.git.clone(),
            args,
            env: scratch.environment(self)?,
            cwd: folder.to_owned(),
            stdin: Vec::new(),
            deadline: self.deadline,
            max_output: COMPLAINT,
        })
    }

    /// The branches there are, as a part of a sentence; nothing where that cannot be asked.
    async fn branches(
        &self,
        folder: &Path,
        scratch: &Scratch,
        cancel: &CancellationToken,
    ) -> String {
        let shown = self.shown();
        let args = ["ls-remote", "--quiet", "--heads", "--", &shown];
        let args = args.map(OsString::from).to_vec();
        let Ok(command) = self.command(args, folder, scratch) else {
            return String::new();
        };
        let done = command.run(cancel).await.ok().filter(Finished::success);
        let told = done.map(|done| done.stdout).unwrap_or_default();
        let told = String::from_utf8_lossy(&told).into_owned();
        let names = told
            .lines()
            .filter_map(|line| line.split_once("refs/heads/"));
        // Others chose these names.
        let printable = |name: &String| !name.chars().any(char::is_control);
        listed(names.map(|(_, name)| name.to_owned()).filter(printable))
    }

    fn explain(&self, complaint: &str) -> SourceError {
        let advice = [
            ("terminal prompts disabled", "the host asks for another login: check `source.username` and `source.password_file`"),
            ("Authentication failed", "the host refused the login: check `source.username` and `source.password_file`"),
            ("Host key verification failed", "its host key is not in `source.known_hosts_file`"),
            ("Permission denied (", "the host refused `source.ssh_key_file`"),
            ("certificate", "its certificate is not trusted: check `source.ca_file`"),
            ("redirect", "it redirects elsewhere, which is not followed: set `source.url` to the final URL"),
        ]
        .iter()
        .find(|(sign, _)| complaint.contains(sign))
        .map(|(_, advice)| *advice);
        let complaint = shorten(complaint);
        self.failed(match advice {
            Some(advice) => format!("{advice} ({complaint})"),
            None => complaint,
        })
    }

    fn failed(&self, text: String) -> SourceError {
        SourceError::Fetch {
            repository: self.shown(),
            text,
        }
    }
}

/// Printable, on one line, and not longer than a person reads.
fn shorten(complaint: &str) -> String {
    let lines: Vec<&str> = complaint
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty())
        .collect();
    let text = if lines.is_empty() {
        "git failed without a word".to_owned()
    } else {
        lines.join("; ")
    };
    text.chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .take(600)
        .collect()
}

fn check_url(url: &Url) -> Result<Url, SourceError> {
    let wrong = |text: &str| Err(setting("source.url", text.to_owned()));
    match url.scheme() {
        "https" | "ssh" if url.has_host() => {}
        "http" if is_loopback(url) => {}
        "http" => return wrong("http is for this host only; use https"),
        _ => return wrong("use https, ssh, or a path of this host"),
    }
    if url.password().is_some() {
        return wrong(
            "holds a password; put it into a file and name that in `source.password_file`",
        );
    }
    let host = url.host_str().unwrap_or_default();
    if host.starts_with('-') || url.username().starts_with('-') {
        return wrong("user and host must not begin with a dash");
    }
    Ok(url.clone())
}

/// An absolute path stays; a name is looked for in `PATH`.
fn find_program(program: &Path) -> Result<PathBuf, SourceError> {
    if program.is_absolute() {
        return Ok(program.to_owned());
    }
    let found = std::env::var_os("PATH").and_then(|folders| {
        std::env::split_paths(&folders)
            .map(|folder| folder.join(program))
            .find(|path| path.is_absolute() && path.is_file())
    });
    found.ok_or_else(|| {
        setting(
            "source.git",
            format!(
                "there is no program {} in PATH: install git, or name it with its path",
                program.display()
            ),
        )
    })
}

pub(super) fn setting(setting: &'static str, text: String) -> SourceError {
    SourceError::Setting { setting, text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_safe_urls_are_accepted() {
        for good in [
            "https://host/x.git",
            "https://bot@host:8443/x",
            "ssh://git@host:2222/x",
            "http://127.0.0.1:3000/x",
            "http://[::1]/x",
            "http://localhost/x",
        ] {
            assert!(check_url(&good.parse().unwrap()).is_ok(), "{good}");
        }
        for bad in [
            "http://host/x",
            "http://127.0.0.1.example.org/x",
            "git://host/x",
            "ext::sh",
            "ftp://host/x",
            "https://bot:secret@host/x",
            "ssh://-oProxyCommand=x/y",
            "ssh://-x@host/y",
        ] {
            let Ok(url) = bad.parse() else { continue };
            let error = check_url(&url).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn complaints_are_short_and_printable() {
        let long = format!("fatal: \u{1b}[31mred\r\n\n{}", "x".repeat(2000));
        let text = shorten(&long);
        assert!(text.chars().count() == 600 && !text.chars().any(char::is_control));
    }
}
