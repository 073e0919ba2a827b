//! natsx-sync as it is released.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};

/// The release build.
#[derive(Debug, Clone)]
pub(crate) struct Program(PathBuf);

impl Program {
    /// Builds it, unless another build is to be measured.
    pub(crate) fn get(other: Option<&Path>) -> Result<Self> {
        if let Some(other) = other {
            return Ok(Self(other.canonicalize()?));
        }
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("..")
            .canonicalize()?;
        let status = Command::new(env!("CARGO"))
            .current_dir(&root)
            .args(["build", "--release", "--quiet", "--bin", "natsx-sync"])
            .status()?;
        ensure!(status.success(), "natsx-sync does not build");
        let target =
            std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        Ok(Self(target.join("release/natsx-sync")))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// A call of it, with nothing of the user's settings.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.0);
        command.env_clear().args(arguments);
        for name in ["PATH", "HOME"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
    }
}
