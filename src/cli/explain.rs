//! `explain`: the story of a reason, or which layer set each value of an exchange.

mod layers;

use std::fmt::Write as _;
use std::sync::Arc;

use anyhow::Context as _;

use layers::layers;

use super::gone::told;
use super::named::{Called as _, NotOne, alike, one_of, refused};
use super::path::{find_source, in_source, is_file};
use super::plan::revision;
use super::{Common, Done, Failure, NOTHING_MATCHED, Output};
use crate::config::Settings;
use crate::diagnostic::nearest;
use crate::exchange::desired::{BrokenFile, Desired, DesiredExchange};
use crate::exchange::{EXAMPLES, LINTS};
use crate::mask::masked_address;
use crate::pass::{PassError, Repository, mirrored, offline_context};
use crate::reason::Reason;
use crate::report::hanging;
use crate::source::Revision;

/// Before each line about a reason.
const INDENT: &str = "  ";

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  natsx-sync explain MassRemoval\n  natsx-sync explain nats-orders --source examples"
)]
pub(super) struct Args {
    /// An exchange (id, the end of it from a `/` on, or file) or a reason; without it every reason is listed
    #[arg(value_name = "X|REASON")]
    subject: Option<String>,
    /// Print the equivalent helm command for people
    #[arg(long, conflicts_with = "values")]
    command: bool,
    /// Print the composed values file
    #[arg(long)]
    values: bool,
}

pub(super) fn run(common: &Common, args: &Args, output: &Output) -> Done {
    let Some(subject) = &args.subject else {
        output.result(&reasons(output.width()));
        return Ok(0);
    };
    if let Some(reason) = Reason::named(subject) {
        output.result(&story(reason, output.width()));
        return Ok(0);
    }
    if let Some(near) = meant(subject) {
        let text = format!("{subject:?} is not a reason; {near} is");
        return Err(Failure::new(NOTHING_MATCHED, anyhow::anyhow!(text)));
    }
    let (settings, desired, subject) = &declared(common, subject, output)?;
    let exchange = match one_of(subject, desired.exchanges.values().map(Arc::as_ref)) {
        Ok(exchange) => exchange,
        Err(error @ NotOne::Nothing { .. }) => {
            return match gone(common, subject, desired, error) {
                Some(gone) => Err(refused(gone)),
                None => no_exchange(subject, desired, output),
            };
        }
        Err(error) => return Err(refused(error)),
    };
    let text = if args.values {
        serde_yaml::to_string(&exchange.values.open())?
    } else if args.command {
        command(exchange, &settings.chart.repository)
    } else {
        layers(exchange, output.width())
    };
    output.result(&text);
    Ok(0)
}

/// What is declared where whoever asks stands, in a work tree perhaps that is ahead of what a daemon has seen, and what is
/// meant there. Where that has nothing of the name, what the daemon of this host reads.
fn declared(
    common: &Common,
    subject: &str,
    output: &Output,
) -> Result<(Settings, Desired, String), Failure> {
    let mut settings = super::plan::offline_settings(common)?;
    let path = Some(subject.to_owned()).filter(|subject| is_file(subject));
    find_source(&mut settings, &path)?;
    let read = |repository: Result<Repository, PassError>, settings: &Settings, otherwise| {
        let repository = repository?;
        let revision = revision(common, otherwise);
        let read = repository.read(&revision, &offline_context(settings))?;
        Ok::<_, PassError>((repository, Arc::unwrap_or_clone(read.desired)))
    };
    let meant = |repository: &Repository| match &path {
        Some(path) => in_source(path, repository.source.folder().as_deref()),
        None => Ok(subject.to_owned()),
    };
    let here = read(
        Repository::open(&settings, None),
        &settings,
        Revision::Files,
    );
    if let Ok((repository, desired)) = &here {
        let meant = meant(repository)?;
        if is_known(&meant, desired) {
            return Ok((settings, here?.1, meant));
        }
    }
    let Some(told) = common.daemon_settings() else {
        let (repository, desired) = here.with_context(|| {
            format!("{subject:?} is no reason (`natsx-sync explain` lists them), and its exchange cannot be looked for; give --source DIR|URL or --config FILE")
        })?;
        return Ok((settings, desired, meant(&repository)?));
    };
    let settings = told?;
    let (repository, desired) = read(mirrored(&settings), &settings, Revision::Head)
        .with_context(|| format!("{subject:?} is no reason (`natsx-sync explain` lists them), and what the daemon reads cannot be read; give --source DIR|URL"))?;
    output.say(&format!(
        "note: as the daemon reads it from {}",
        desired.repository
    ));
    Ok((settings, desired, meant(&repository)?))
}

fn is_known(subject: &str, desired: &Desired) -> bool {
    let exchanges = desired.exchanges.values().map(Arc::as_ref);
    !matches!(one_of(subject, exchanges), Err(NotOne::Nothing { .. }))
        || broken(subject, desired).is_some()
}

/// The file that cannot be understood and should declare it.
fn broken<'d>(subject: &str, desired: &'d Desired) -> Option<&'d BrokenFile> {
    desired.broken.iter().find(|broken| {
        broken.file == *subject || broken.blocks.iter().any(|id| id.is_called(subject))
    })
}

/// What became of one that no file declares, where the state of this host tells.
fn gone(common: &Common, subject: &str, desired: &Desired, error: NotOne) -> Option<NotOne> {
    if broken(subject, desired).is_some() {
        return None;
    }
    let (state, status) = super::status::read(common).ok()?;
    // Before the first pass nothing is listed that is there.
    if status.pass == 0 {
        return None;
    }
    let told = told(&state, &status, subject, error);
    matches!(told, NotOne::Gone(_)).then_some(told)
}

/// Says what is wrong in the file that should declare it.
fn no_exchange(subject: &str, desired: &Desired, output: &Output) -> Done {
    let Some(broken) = broken(subject, desired) else {
        let near = alike(subject, desired.exchanges.keys());
        let near = near.map_or_else(String::new, |near| format!("; there is {near}"));
        let text = format!(
            "{subject:?} names no reason, and no exchange of {}{near}",
            desired.repository
        );
        return Err(Failure::new(NOTHING_MATCHED, anyhow::anyhow!(text)));
    };
    let findings =
        crate::report::diagnostics_text(&broken.diagnostics, output.color(), output.width());
    output.result(&format!(
        "nothing is composed of {}: it has errors\n{findings}",
        crate::report::safe(&broken.file)
    ));
    Ok(super::ERROR)
}

/// All of them, by name: whoever does not know the name reads them all anyway.
fn reasons(width: u16) -> String {
    let mut text = String::new();
    let mut all = Reason::ALL.to_vec();
    all.sort_unstable_by_key(|reason| reason.name());
    for reason in &all {
        let lint = if LINTS.contains(reason) {
            " (lint)"
        } else {
            ""
        };
        let told = hanging(reason.story(), INDENT, width);
        writeln!(text, "{}{lint}\n{INDENT}{told}", reason.name()).ok();
    }
    text
}

/// A reason, with what to write instead of what.
fn story(reason: Reason, width: u16) -> String {
    let told = hanging(reason.story(), INDENT, width);
    let mut text = format!("{}\n{INDENT}{told}\n", reason.name());
    if LINTS.contains(&reason) {
        let lint = "A lint: `policy.severity` of the settings may make it an error or a warning, or switch it off.";
        writeln!(text, "{INDENT}{}", hanging(lint, INDENT, width)).ok();
    }
    for example in EXAMPLES.iter().filter(|example| example.reason == reason) {
        for (head, values) in [("instead of", example.wrong), ("write", example.right)] {
            writeln!(text, "\n  {head}\n    helm_values:").ok();
            for line in values.lines() {
                writeln!(text, "      {line}").ok();
            }
        }
    }
    text
}

/// The reason that was probably meant. Exchanges are never written in capitals, reasons always begin with one.
fn meant(word: &str) -> Option<&'static str> {
    let known = Reason::ALL.iter().map(|reason| reason.name());
    let capital = word.starts_with(|first: char| first.is_ascii_uppercase());
    capital.then(|| nearest(word, known)).flatten()
}

/// For people to run by hand; natsx-sync itself hands values over on stdin and pins the archive.
fn command(exchange: &DesiredExchange, repository: &str) -> String {
    let chart = &exchange.chart;
    // A folder or archive holds the chart itself; an address is where it is looked up.
    let chart = if repository.contains("://") {
        format!(
            "{} --repo {} --version {}",
            chart.name,
            masked_address(repository),
            chart.version
        )
    } else {
        repository.to_owned()
    };
    format!(
        "natsx-sync explain {id} --values > values.yaml\nhelm upgrade --install {release} {chart} --namespace {namespace} --create-namespace --reset-values -f values.yaml",
        id = exchange.id,
        release = exchange.id.release,
        namespace = exchange.id.namespace,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::UNBOUNDED;

    #[test]
    fn reasons_are_in_order_and_fit_into_the_window() {
        let told = reasons(60);
        assert!(
            told.lines().all(|line| line.chars().count() <= 60),
            "{told}"
        );
        let names = told.lines().filter(|line| !line.starts_with(' '));
        assert!(names.is_sorted(), "{told}");
        let told = story(Reason::PlainSize, 60);
        assert!(told.lines().all(|line| line.len() <= 60), "{told}");
    }

    #[test]
    fn a_lint_is_told_as_one_with_what_to_write_instead() {
        assert!(reasons(UNBOUNDED).contains("PlainSize (lint)\n"));
        assert!(reasons(UNBOUNDED).contains("MassRemoval\n"));
        let told = story(Reason::PlainSize, UNBOUNDED);
        for words in [
            "policy.severity",
            "instead of\n    helm_values:\n      config.merge.max_payload: 2MB\n",
            "write\n    helm_values:\n      config.merge.max_payload: << 2MB >>\n",
        ] {
            assert!(told.contains(words), "{told}");
        }
        assert!(!story(Reason::MassRemoval, UNBOUNDED).contains("policy.severity"));
    }

    /// helm is refused when it writes, a look when it reads.
    #[test]
    fn what_a_cluster_does_not_allow_may_be_a_read_or_a_write() {
        let told = story(Reason::ClusterForbidden, UNBOUNDED);
        assert!(told.contains("reading or writing"), "{told}");
    }

    /// Whoever asks what to do is not sent to look for the command.
    #[test]
    fn what_a_command_of_ours_solves_names_it() {
        for (reason, command) in [
            (Reason::MassRemoval, "approve ID"),
            (Reason::ClusterReplaced, "approve CLUSTER"),
            (Reason::ClusterNotInInventory, "forget CLUSTER"),
            (Reason::ClusterForbidden, "doctor"),
            (Reason::SourceWentBack, "reconcile --commit COMMIT"),
            (Reason::FileInvalid, "validate"),
            (Reason::SourceDirty, "apply --dirty"),
            (Reason::SourceWentBack, "reconcile --commit"),
            (Reason::Suspended, "resume X"),
            (Reason::HelmMissing, "doctor"),
            (Reason::RegistryUnreadable, "registry reset"),
            (Reason::HaltedByFailures, "reconcile"),
            (Reason::DependencyNotReady, "why"),
            (Reason::StalePlan, "plan --out"),
            (Reason::StaleSnapshot, "snapshot"),
            (Reason::NoStatus, "plan"),
        ] {
            let told = story(reason, UNBOUNDED);
            assert!(told.contains(&format!("`natsx-sync {command}")), "{told}");
        }
    }
}
