//! A bare repository and its history, made without a work tree.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use super::program::git;

/// One repository of a git host, with the branch `main`.
#[derive(Clone, Debug)]
pub struct Repository {
    bare: PathBuf,
    http: String,
    ssh: Option<String>,
}

impl Repository {
    pub(super) fn create(bare: PathBuf, http: String, ssh: Option<String>) -> Result<Self> {
        run(
            git(&bare).args(["init", "--quiet", "--bare", "--initial-branch=main"]),
            b"",
        )?;
        // Without it http-backend takes pushes of clients with a login only.
        run(git(&bare).args(["config", "http.receivepack", "true"]), b"")?;
        Ok(Self { bare, http, ssh })
    }

    /// Commits these files on top of `main` and returns the commit's id; a path without content is removed.
    ///
    /// One process, however many files.
    pub fn commit(&self, files: &[(&str, Option<&str>)], message: &str) -> Result<String> {
        let mut stream = b"feature done\ncommit refs/heads/main\nmark :1\n".to_vec();
        stream.extend(b"committer fleet <fleet@localhost> now\n");
        append_data(&mut stream, message);
        if self.head()?.is_some() {
            stream.extend(b"from refs/heads/main^0\n");
        }
        for (path, content) in files {
            let path = quote(path);
            match content {
                Some(content) => {
                    stream.extend(format!("M 100644 inline {path}\n").into_bytes());
                    append_data(&mut stream, content);
                }
                None => stream.extend(format!("D {path}\n").into_bytes()),
            }
        }
        stream.extend(b"\nget-mark :1\ndone\n");
        run(
            git(&self.bare).args(["fast-import", "--quiet", "--date-format=now"]),
            &stream,
        )
    }

    /// Makes `main` point at another commit, as a forced push does.
    pub fn rewrite_to(&self, commit: &str) -> Result<()> {
        run(
            git(&self.bare).args(["update-ref", "refs/heads/main", commit]),
            b"",
        )
        .map(drop)
    }

    /// The commit of `main`; none before the first.
    pub fn head(&self) -> Result<Option<String>> {
        let refs = run(
            git(&self.bare).args(["for-each-ref", "--format=%(objectname)", "refs/heads/main"]),
            b"",
        )?;
        Ok(Some(refs).filter(|commit| !commit.is_empty()))
    }

    /// The bare repository's folder.
    pub fn path(&self) -> &Path {
        &self.bare
    }

    /// Its address on this machine.
    pub fn url_file(&self) -> String {
        format!("file://{}", self.bare.display())
    }

    /// Its address over smart HTTP.
    pub fn url_http(&self) -> String {
        self.http.clone()
    }

    /// Its address over ssh; none where openssh-server is not installed.
    pub fn url_ssh(&self) -> Option<String> {
        self.ssh.clone()
    }
}

fn append_data(stream: &mut Vec<u8>, text: &str) {
    stream.extend(format!("data {}\n{text}\n", text.len()).into_bytes());
}

fn quote(path: &str) -> String {
    format!(
        "\"{}\"",
        path.replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n")
    )
}

fn run(command: &mut Command, input: &[u8]) -> Result<String> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("starting git")?;
    let written = child
        .stdin
        .take()
        .map_or(Ok(()), |mut stdin| stdin.write_all(input));
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!(
            "{command:?}: {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    written.context("writing to git")?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
