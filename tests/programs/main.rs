//! What only other programs can show: a system-call trace, a linter of shell scripts, a shell that runs them, the judges of
//! systemd and Prometheus. Where one of them is not there, its tests say so and count as ignored, not as passed.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on says so by panicking"
)]

mod alerts;
mod comment;
mod events;
mod forge;
#[expect(
    dead_code,
    reason = "what the daemon tells its service manager is for the daemon's own tests"
)]
#[path = "../daemon/host.rs"]
mod host;
mod operator;
mod recipes;
mod secured;
mod stream;
mod trace;
mod unit;

use std::io::Write as _;
use std::path::PathBuf;

use libtest_mimic::{Arguments, Trial};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A test, and the programs it needs.
pub(crate) type Case = (&'static str, &'static [&'static str], fn());

fn main() {
    let arguments = Arguments::from_args();
    let cases = [
        alerts::CASES,
        comment::CASES,
        events::CASES,
        recipes::CASES,
        secured::CASES,
        trace::CASES,
        unit::CASES,
    ]
    .concat();
    let trials = cases
        .into_iter()
        .map(|(name, programs, test)| {
            let missing: Vec<_> = programs.iter().filter(|name| !is_there(name)).collect();
            if !missing.is_empty() && !arguments.list {
                writeln!(
                    std::io::stderr(),
                    "SKIPPED {name}: not on this machine: {missing:?}"
                )
                .ok();
            }
            Trial::test(name, move || {
                test();
                Ok(())
            })
            .with_ignored_flag(!missing.is_empty())
        })
        .collect();
    libtest_mimic::run(&arguments, trials).exit();
}

fn is_there(name: &str) -> bool {
    program(name).is_some()
}

/// Where a program is: on the path, or where the fleet keeps its own.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(name));
    let tools = fleet::cache::Cache::open().map(|cache| cache.tools());
    let kept = tools.into_iter().flat_map(|tools| {
        let old = tools.join(format!("{name}-old"));
        [tools.join(name), old]
    });
    found.chain(kept).find(|path| path.exists())
}
