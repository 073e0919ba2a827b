//! A git host on loopback: bare repositories, reached over file, smart HTTP and ssh.
//!
//! It runs on a thread of its own, so that a test may block on a program that talks to it.

mod fault;
mod http;
mod program;
mod repository;
mod ssh;

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;
use tokio::sync::oneshot;

pub use fault::{Fault, Login};
pub use repository::Repository;
pub use ssh::SshAccess;

use fault::Switches;

/// A running git host; dropping it ends its servers and removes its repositories.
#[derive(Debug)]
pub struct GitHost {
    folder: TempDir,
    http: SocketAddr,
    ssh: Option<SshAccess>,
    switches: Arc<Switches>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl GitHost {
    /// Starts a host without repositories. Ssh is left out where openssh-server is not installed.
    pub fn start() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("fleet-git-").tempdir()?;
        fs::create_dir(folder.path().join("repositories"))?;
        let switches = Arc::new(Switches::default());
        let http = listen()?;
        let http_address = http.local_addr()?;
        let ssh = match program::find("sshd") {
            Some(sshd) => {
                let listener = listen()?;
                let port = listener.local_addr()?.port();
                let folder = folder.path().join("ssh");
                Some((ssh::Server::prepare(&folder, sshd, port)?, listener))
            }
            None => None,
        };
        let access = ssh.as_ref().map(|(server, _)| server.access().clone());
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let repositories = folder.path().join("repositories");
        let thread = thread::Builder::new().name("git-host".into()).spawn({
            let switches = Arc::clone(&switches);
            move || {
                runtime.block_on(async move {
                    if let Some((server, listener)) = ssh {
                        tokio::spawn(ssh::serve(server, listener, Arc::clone(&switches)));
                    }
                    tokio::select! {
                        _ = stopped => {}
                        _ = http::serve(repositories, http, switches) => {}
                    }
                });
            }
        })?;
        Ok(Self {
            folder,
            http: http_address,
            ssh: access,
            switches,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Creates an empty repository with the branch `main`; the name is of letters, digits and `-`.
    pub fn create(&self, name: &str) -> Result<Repository> {
        ensure!(
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'),
            "{name:?} is no repository name"
        );
        let bare = self.repositories().join(format!("{name}.git"));
        ensure!(!bare.exists(), "there is a repository {name} already");
        let ssh = self.ssh.as_ref().map(|ssh| ssh.url(&bare));
        Repository::create(bare, format!("http://{}/{name}.git", self.http), ssh)
            .with_context(|| format!("creating the repository {name}"))
    }

    /// What an ssh client needs; none where openssh-server is not installed.
    pub fn ssh(&self) -> Option<&SshAccess> {
        self.ssh.as_ref()
    }

    /// From now on HTTP asks for this login; none opens it again.
    pub fn require_login(&self, login: Option<Login>) {
        self.switches.require(login);
    }

    /// From now on HTTP and ssh show this fault; none heals them.
    pub fn break_with(&self, fault: Option<Fault>) {
        self.switches.break_with(fault);
    }

    /// Ends its servers and leaves the folder with its repositories to the caller.
    pub fn keep(mut self) -> PathBuf {
        self.folder.disable_cleanup(true);
        self.folder.path().to_owned()
    }

    fn repositories(&self) -> PathBuf {
        self.folder.path().join("repositories")
    }
}

impl Drop for GitHost {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn listen() -> Result<TcpListener> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}
