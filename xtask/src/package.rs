//! `cargo xtask package`: the Debian package.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use fleet::process;

use crate::program::Program;

/// Below the root; the assets of `[package.metadata.deb]` are named by this path.
const STAGE: &str = "target/package";

/// What each shell calls its file of completions.
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "natsx-sync"),
    ("zsh", "_natsx-sync"),
    ("fish", "natsx-sync.fish"),
];

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Package this natsx-sync instead of a release build of these sources
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let cargo = env!("CARGO");
    process::run(Command::new(cargo).args(["deb", "--version"]))
        .context("cargo-deb makes the package: cargo install cargo-deb --locked")?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()?;
    let program = Program::get(arguments.program.as_deref())?;
    let stage = root.join(STAGE);
    if stage.exists() {
        // A command that is gone would leave its page.
        fs::remove_dir_all(&stage)?;
    }
    for folder in ["release", "completions"] {
        fs::create_dir_all(stage.join(folder))?;
    }
    fs::copy(program.path(), stage.join("release/natsx-sync"))
        .with_context(|| format!("cannot copy {}", program.path().display()))?;
    process::run(program.command(&["man", "--out"]).arg(stage.join("man")))?;
    for (shell, name) in COMPLETIONS {
        let script = process::run(&mut program.command(&["completions", shell]))?;
        fs::write(stage.join("completions").join(name), script)?;
    }
    // cargo-deb looks for `target/release` in the target folder it is told.
    let out = root.join("target/debian");
    let made = Command::new(cargo)
        .current_dir(&root)
        .env("CARGO_TARGET_DIR", &stage)
        .args(["deb", "--no-build", "--quiet", "--output"])
        .arg(format!("{}/", out.display()))
        .status()?;
    ensure!(made.success(), "cargo-deb failed");
    writeln!(std::io::stdout(), "the package is in {}", out.display())?;
    Ok(())
}
