//! `validate`: what is wrong in the files, and where. Starts nothing, connects to nothing.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::anyhow;

use super::{Common, Done, Failure, NOTHING_MATCHED, Output};
use crate::cli::options::FindingFormat;
use crate::diagnostic::Severity;
use crate::pass::{Repository, offline_context};
use crate::reason::Reason;
use crate::source::Revision;
use crate::source::checkout::Checkout;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  natsx-sync validate --source examples\n  natsx-sync validate exchanges/orders.yaml"
)]
pub(super) struct Args {
    /// Only findings in these files and folders
    #[arg(value_name = "PATH")]
    paths: Vec<String>,
    /// Form of the result
    #[arg(long, value_enum, default_value = "text")]
    format: FindingFormat,
}

pub(super) fn run(common: &Common, args: &Args, output: &Output) -> Done {
    let settings = super::plan::offline_settings(common)?;
    let repository = Repository::open(&settings, None)?;
    let checkout = repository
        .source
        .read(&super::plan::revision(common, Revision::Files))?;
    let folder = repository.source.folder();
    let paths = args.paths.iter().map(|path| within(path, folder));
    let paths: Vec<String> = paths.collect::<Result<_, _>>()?;
    known(&paths, &checkout)?;
    let read = repository.resolve(&checkout, &offline_context(&settings))?;
    let desired = Arc::unwrap_or_clone(read.desired);
    let wanted = |file: &str| paths.is_empty() || paths.iter().any(|path| names(path, file));
    let mut findings = desired.diagnostics;
    findings.retain(|finding| finding.file.as_deref().is_none_or(wanted));
    // What is not removed meanwhile is said by plans; here the file's own errors say all there is to mend.
    let broken: BTreeSet<_> = desired.broken.iter().map(|broken| &broken.file).collect();
    findings.retain(|finding| {
        finding.reason != Reason::SourceIncomplete
            || finding
                .file
                .as_ref()
                .is_none_or(|file| !broken.contains(file))
    });
    let count = |severity| {
        let findings = findings.iter();
        findings
            .filter(|finding| finding.severity == severity)
            .count()
    };
    let errors = count(Severity::Error);
    match args.format {
        FindingFormat::Json => output.result(&crate::report::diagnostics_json(&findings)),
        FindingFormat::Github => output.result(&crate::report::diagnostics_github(&findings)),
        FindingFormat::Sarif => output.result(&crate::report::diagnostics_sarif(&findings)),
        FindingFormat::Text => {
            output.result(&crate::report::diagnostics_text(&findings, output.color()));
            let exchanges = desired.exchanges.values();
            let valid = exchanges.filter(|exchange| wanted(&exchange.file)).count();
            let mut said = vec![
                crate::report::counted(valid, "exchange") + " valid",
                crate::report::counted(errors, "error"),
            ];
            let warnings = count(Severity::Warning);
            said.extend((warnings > 0).then(|| crate::report::counted(warnings, "warning")));
            output.say(&said.join(", "));
        }
    }
    Ok(u8::from(errors > 0))
}

/// Refuses a path that is not there: a check of nothing would look like a good one.
fn known(paths: &[String], checkout: &Checkout) -> Result<(), Failure> {
    let files = checkout.files.iter().map(|file| &file.path);
    let unreadable = checkout.unreadable.iter().map(|file| &file.path);
    let all: Vec<_> = files.chain(unreadable).collect();
    match paths
        .iter()
        .find(|path| !all.iter().any(|file| names(path, file)))
    {
        None => Ok(()),
        Some(path) => Err(Failure::new(
            NOTHING_MATCHED,
            anyhow!(
                "{path} is not a file natsx-sync reads in {}: those are values.yaml, profiles/NAME.yaml and the exchange files; --source names another repository",
                checkout.repository
            ),
        )),
    }
}

/// A path that was typed, from the root of the source: it is meant from the working folder, where there is such a file, else
/// from that root.
fn within(path: &str, folder: Option<&Path>) -> Result<String, Failure> {
    let root = folder.and_then(|folder| folder.canonicalize().ok());
    let (Some(root), Some(at)) = (root, found(Path::new(path))) else {
        let path = path.trim_start_matches("./").trim_end_matches('/');
        return Ok(path.to_owned());
    };
    match at.strip_prefix(&root) {
        Ok(path) => Ok(path.to_string_lossy().into_owned()),
        Err(_outside) => Err(Failure::new(
            NOTHING_MATCHED,
            anyhow!(
                "{path} is not in {}; --source names another repository",
                root.display()
            ),
        )),
    }
}

/// Where a file or folder is, not what a link in its place leads to.
fn found(path: &Path) -> Option<PathBuf> {
    match (path.parent(), path.file_name()) {
        (Some(above), Some(name)) if path.symlink_metadata().is_ok() => {
            let here = Path::new(".");
            let above = if above == Path::new("") { here } else { above };
            Some(above.canonicalize().ok()?.join(name))
        }
        _ => path.canonicalize().ok(),
    }
}

/// Whether a path from the root is this file or a folder it is in.
fn names(path: &str, file: &str) -> bool {
    let below = |rest: &str| rest.is_empty() || rest.starts_with('/');
    matches!(path, "" | ".") || file.strip_prefix(path).is_some_and(below)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_path_names_a_file_or_a_folder_it_is_in() {
        for path in ["a/b.yaml", "a", ".", ""] {
            assert!(names(path, "a/b.yaml"), "{path}");
        }
        for path in ["b.yaml", "x/a/b.yaml", "a/b", "a/c.yaml", "b"] {
            assert!(!names(path, "a/b.yaml"), "{path}");
        }
    }

    /// What is somewhere else would be called valid without having been read.
    #[test]
    fn what_is_there_is_meant_and_nothing_that_is_called_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let (root, other) = (folder.path().join("here"), folder.path().join("other"));
        for at in [&root, &other] {
            fs::create_dir_all(at.join("a")).unwrap();
            fs::write(at.join("a/b.yaml"), "").unwrap();
        }
        let typed = |path: &Path| within(path.to_str().unwrap(), Some(&root));
        for (path, meant) in [
            (root.join("a/b.yaml"), "a/b.yaml"),
            (root.join("a/../a/"), "a"),
            (root.clone(), ""),
            ("./a/b.yaml".into(), "a/b.yaml"),
            ("/nowhere/a/b.yaml".into(), "/nowhere/a/b.yaml"),
        ] {
            assert_eq!(typed(&path).unwrap(), meant, "{}", path.display());
        }
        assert!(typed(&other.join("a/b.yaml")).is_err());
    }
}
