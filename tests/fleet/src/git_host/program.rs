//! The programs a git host starts, and what of our environment they see.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Places that many users have not on their `PATH`, where servers are installed.
const SERVER_FOLDERS: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/// The path of a program.
pub(super) fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(SERVER_FOLDERS.map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|program| program.is_absolute() && program.is_file())
}

/// Environment of every git: no configuration of the user or machine reaches it.
pub(super) fn environment() -> Vec<(&'static str, OsString)> {
    vec![
        ("PATH", env::var_os("PATH").unwrap_or_default()),
        ("LC_ALL", "C".into()),
        ("HOME", "/nonexistent".into()),
        ("GIT_CONFIG_NOSYSTEM", "1".into()),
        ("GIT_CONFIG_GLOBAL", "/dev/null".into()),
        ("GIT_TERMINAL_PROMPT", "0".into()),
    ]
}

/// A git that works on a repository.
pub(super) fn git(repository: &Path) -> Command {
    let mut command = Command::new("git");
    command
        .env_clear()
        .envs(environment())
        .env("GIT_DIR", repository);
    command
}
