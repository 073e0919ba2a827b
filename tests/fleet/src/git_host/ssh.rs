//! Ssh for git alone: one sshd per connection, with keys of its own.

use std::fs;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use tokio::net::TcpStream;

use super::fault::{Fault, Switches};
use super::program;

/// What an ssh client needs to reach the host.
#[derive(Clone, Debug)]
pub struct SshAccess {
    /// The user to log in as.
    pub user: String,
    /// The port on 127.0.0.1.
    pub port: u16,
    /// The private key that the host accepts.
    pub key_file: PathBuf,
    /// The content of a `known_hosts` file with the host's key.
    pub known_hosts: String,
    /// A file with that content.
    pub known_hosts_file: PathBuf,
}

impl SshAccess {
    pub(super) fn url(&self, repository: &Path) -> String {
        format!(
            "ssh://{}@127.0.0.1:{}{}",
            self.user,
            self.port,
            repository.display()
        )
    }
}

/// A prepared sshd.
#[derive(Debug)]
pub(super) struct Server {
    sshd: PathBuf,
    folder: PathBuf,
    access: SshAccess,
}

impl Server {
    /// Writes keys and configuration into a new folder.
    pub(super) fn prepare(folder: &Path, sshd: PathBuf, port: u16) -> Result<Self> {
        fs::create_dir(folder)?;
        let key_file = generate_key(folder, "user_key")?;
        generate_key(folder, "host_key")?;
        let user_key = fs::read_to_string(folder.join("user_key.pub"))?;
        fs::write(
            folder.join("authorized_keys"),
            format!("restrict {user_key}"),
        )?;
        let host_key = fs::read_to_string(folder.join("host_key.pub"))?;
        let known_hosts = format!("[127.0.0.1]:{port} {host_key}");
        let known_hosts_file = folder.join("known_hosts");
        fs::write(&known_hosts_file, &known_hosts)?;
        let command = folder.join("serve-git");
        fs::write(&command, forced_command())?;
        fs::set_permissions(&command, fs::Permissions::from_mode(0o755))?;
        fs::write(folder.join("sshd_config"), configuration(folder))?;
        if rustix::process::geteuid().is_root() {
            // Where sshd, started by root, locks up its unprivileged half; a service manager makes it otherwise.
            fs::create_dir_all("/run/sshd").context("creating /run/sshd")?;
        }
        let access = SshAccess {
            user: user_name()?,
            port,
            key_file,
            known_hosts,
            known_hosts_file,
        };
        Ok(Self {
            sshd,
            folder: folder.to_owned(),
            access,
        })
    }

    pub(super) fn access(&self) -> &SshAccess {
        &self.access
    }

    /// Hands a connection to an sshd that ends with it, or with us.
    async fn answer(&self, stream: TcpStream) -> Result<()> {
        let stream = stream.into_std()?;
        stream.set_nonblocking(false)?;
        let input = OwnedFd::from(stream.try_clone()?);
        let mut sshd = tokio::process::Command::new(&self.sshd)
            .args(["-i", "-f"])
            .arg(self.folder.join("sshd_config"))
            .arg("-E")
            .arg(self.folder.join("log"))
            .env_clear()
            .envs(program::environment())
            .stdin(input)
            .stdout(OwnedFd::from(stream))
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        sshd.wait().await?;
        Ok(())
    }
}

/// Takes connections until the runtime ends.
pub(super) async fn serve(
    server: Server,
    listener: TcpListener,
    switches: Arc<Switches>,
) -> Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let server = Arc::new(server);
    loop {
        let (stream, _) = listener.accept().await?;
        if switches.fault() == Some(Fault::Drop) {
            continue;
        }
        let (server, switches) = (Arc::clone(&server), Arc::clone(&switches));
        tokio::spawn(async move {
            switches.delay().await;
            server.answer(stream).await
        });
    }
}

fn generate_key(folder: &Path, name: &str) -> Result<PathBuf> {
    let file = folder.join(name);
    let output = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "fleet", "-f"])
        .arg(&file)
        .output()
        .context("starting ssh-keygen")?;
    ensure!(
        output.status.success(),
        "ssh-keygen: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(file)
}

/// The only account that an sshd without root's rights can open is the one it runs as.
fn user_name() -> Result<String> {
    let output = Command::new("id")
        .arg("-un")
        .output()
        .context("starting id")?;
    ensure!(output.status.success(), "id -un: {}", output.status);
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

fn forced_command() -> String {
    let settings = program::environment()
        .into_iter()
        .map(|(name, value)| {
            format!(
                "export {name}='{}'\n",
                value.to_string_lossy().replace('\'', r"'\''")
            )
        })
        .collect::<Vec<_>>()
        .concat();
    format!(
        "#!/bin/sh\n{settings}\
         case \"$SSH_ORIGINAL_COMMAND\" in\n\
         'git-upload-pack '* | 'git-receive-pack '*) exec git shell -c \"$SSH_ORIGINAL_COMMAND\" ;;\n\
         esac\n\
         echo 'this host serves git-upload-pack and git-receive-pack' >&2\n\
         exit 128\n"
    )
}

fn configuration(folder: &Path) -> String {
    let folder = folder.display();
    // StrictModes: a temporary folder lies below one that everyone may write to.
    format!(
        "HostKey {folder}/host_key\n\
         AuthorizedKeysFile {folder}/authorized_keys\n\
         ForceCommand {folder}/serve-git\n\
         AuthenticationMethods publickey\n\
         PermitRootLogin prohibit-password\n\
         AcceptEnv GIT_PROTOCOL\n\
         DisableForwarding yes\n\
         PermitTTY no\n\
         StrictModes no\n\
         UsePAM no\n\
         PidFile none\n\
         LogLevel ERROR\n"
    )
}
