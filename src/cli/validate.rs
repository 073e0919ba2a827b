//! `validate`: what is wrong in the files, and where. Starts nothing, connects to nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::anyhow;

use super::path::{find_source, in_source};
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
    let mut settings = super::plan::offline_settings(common)?;
    find_source(&mut settings, &args.paths)?;
    let repository = Repository::open(&settings, None)?;
    let checkout = repository
        .source
        .read(&super::plan::revision(common, Revision::Files))?;
    let folder = repository.source.folder();
    let paths = args
        .paths
        .iter()
        .map(|path| in_source(path, folder.as_deref()));
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
            let text = crate::report::diagnostics_text(&findings, output.color(), output.width());
            output.result(&text);
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

/// Whether a path from the root is this file or a folder it is in.
fn names(path: &str, file: &str) -> bool {
    let below = |rest: &str| rest.is_empty() || rest.starts_with('/');
    matches!(path, "" | ".") || file.strip_prefix(path).is_some_and(below)
}

#[cfg(test)]
mod tests {
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
}
