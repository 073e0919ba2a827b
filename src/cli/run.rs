//! `run`: the daemon.

use super::{Common, Done, Failure, Output};
use crate::cli::options::Format;
use crate::daemon::{Options, Session};
use crate::id::ExchangeId;
use crate::pass::{Equipment, Survey};
use crate::report::plan_text;
use crate::source::Revision;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  natsx-sync run --source . --kubeconfig ~/.kube/config\n  natsx-sync run --config /etc/natsx-sync/config.yaml --dry-run"
)]
pub(super) struct Args {
    /// Make one pass and wait until nothing is in flight
    #[arg(long, conflicts_with = "dry_run")]
    once: bool,
    /// Observe and plan, show each changed plan, change nothing
    #[arg(long)]
    dry_run: bool,
    /// Let this removal through the guard (can be repeated)
    #[arg(long, value_name = "ID", requires = "once")]
    allow_delete: Vec<ExchangeId>,
}

pub(super) async fn run(common: &Common, args: &Args, output: &Output) -> Done {
    if args.once {
        let wish = super::apply::Wish {
            ask: false,
            allow_delete: args.allow_delete.iter().cloned().collect(),
            detailed: false,
            dirty: false,
            format: Format::Text,
        };
        return super::apply::once(common, &wish, output).await;
    }
    let settings = common.settings()?.settings;
    if settings.clusters.is_empty() {
        return Err(Failure::new(
            1,
            anyhow::anyhow!(
                "no cluster: name one in the settings (`clusters`) or with --kubeconfig [ID=]FILE"
            ),
        ));
    }
    let equipment = Equipment::connect(settings).await?;
    let session = Session::begin(&equipment).map_err(super::apply::held)?;
    output.say(&format!(
        "watching {}",
        equipment.repository.source.display()
    ));
    if let Some(embedded) = &equipment.embedded {
        output.say(&format!("registry at http://{}", embedded.address));
    }
    output.say(&format!("state in {}", equipment.state.folder().display()));
    let options = Options {
        dry_run: args.dry_run,
        revision: common.revision.clone().map(Revision::Named),
    };
    let style = super::plan::style(output, false);
    let show = |survey: &Survey| {
        let header = super::plan::header(&survey.desired);
        output.result(&plan_text(&survey.plan, &header, style));
    };
    crate::daemon::run(equipment, &session, options, &show).await?;
    Ok(0)
}
