//! `validate`: what is wrong in the files, and where. Starts nothing, connects to nothing.

use super::{Common, Done, Output};
use crate::cli::options::FindingFormat;
use crate::diagnostic::Severity;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only findings in these files
    #[arg(value_name = "PATH")]
    paths: Vec<String>,
    /// Form of the result
    #[arg(long, value_enum, default_value = "text")]
    format: FindingFormat,
}

pub(super) fn run(common: &Common, args: &Args, output: &Output) -> Done {
    let (_, desired) = super::plan::desired(common, true)?;
    let mut findings = desired.diagnostics.clone();
    if !args.paths.is_empty() {
        findings.retain(|finding| {
            finding.file.as_ref().is_none_or(|file| {
                args.paths.iter().any(|path| {
                    let path = path.trim_start_matches("./").trim_end_matches('/');
                    file == path
                        || path.ends_with(file.as_str())
                        || file.starts_with(&format!("{path}/"))
                })
            })
        });
    }
    let errors = findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        .count();
    match args.format {
        FindingFormat::Json => output.result(&crate::report::diagnostics_json(&findings)),
        FindingFormat::Github => output.result(&crate::report::diagnostics_github(&findings)),
        FindingFormat::Sarif => output.result(&crate::report::diagnostics_sarif(&findings)),
        FindingFormat::Text => {
            output.result(&crate::report::diagnostics_text(&findings, output.color()));
            output.say(&format!(
                "{} exchanges valid, {errors} errors",
                desired.exchanges.len()
            ));
        }
    }
    Ok(u8::from(errors > 0))
}
