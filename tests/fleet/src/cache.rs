//! The user's cache folder: installed programs, images, and what runs.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// Where everything of the fleet is kept.
#[derive(Debug, Clone)]
pub struct Cache {
    root: PathBuf,
}

impl Cache {
    /// `$XDG_CACHE_HOME/natsx-sync-fleet`, else below `~/.cache`.
    pub fn open() -> Result<Self> {
        let base = std::env::var_os("XDG_CACHE_HOME")
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
            .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")))
            .context("neither XDG_CACHE_HOME nor HOME is set: where should programs be kept?")?;
        let cache = Self {
            root: base.join("natsx-sync-fleet"),
        };
        for folder in [cache.tools(), cache.images(), cache.runs()] {
            fs::create_dir_all(&folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
        }
        Ok(cache)
    }

    /// Installed programs.
    pub fn tools(&self) -> PathBuf {
        self.root.join("tools")
    }

    /// Image archives.
    pub fn images(&self) -> PathBuf {
        self.root.join("images")
    }

    /// One folder for each fleet that runs.
    pub fn runs(&self) -> PathBuf {
        self.root.join("run")
    }

    /// The folder of the fleet `name`.
    pub fn run(&self, name: &str) -> PathBuf {
        self.runs().join(name)
    }

    /// Holds `what` for as long as the value lives, so that two runs never install or start the same thing at once.
    pub fn lock(&self, what: &str) -> Result<File> {
        let path = self.root.join(format!("{what}.lock"));
        let file = OpenOptions::new().create(true).append(true).open(&path)?;
        if file.try_lock().is_err() {
            crate::progress::say(&format!(
                "another run holds {}; waiting for it",
                path.display()
            ));
            file.lock()?;
        }
        Ok(file)
    }
}

/// Writes a file so that a run that is killed half-way leaves the old one or the new one.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let temporary = path.with_extension(format!("new{}", std::process::id()));
    fs::write(&temporary, bytes)
        .with_context(|| format!("cannot write {}", temporary.display()))?;
    fs::rename(&temporary, path).with_context(|| format!("cannot write {}", path.display()))
}
