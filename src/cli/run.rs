//! `run`: the daemon.

use super::telemetry::Telemetry;
use super::{Common, Done, Output};
use crate::cli::options::Format;
use crate::config::{ConfigError, Settings};
use crate::daemon::{Options, Owner, Session, check};
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

pub(super) async fn run(
    common: &Common,
    args: &Args,
    output: &Output,
    telemetry: &Telemetry,
) -> Done {
    if args.once {
        let wish = super::apply::Wish {
            ask: false,
            allow_delete: args.allow_delete.iter().cloned().collect(),
            detailed: false,
            dirty: false,
            format: Format::Text,
            expect: None,
        };
        return super::apply::once(common, &wish, output).await;
    }
    let settings = common.settings()?.settings;
    check(&settings)?;
    telemetry.set_level(settings.log.level);
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
    let person = Person {
        common,
        output,
        telemetry,
    };
    crate::daemon::run(equipment, &session, options, &person).await?;
    Ok(0)
}

/// Who typed `run`: their options, their terminal, their log.
struct Person<'a> {
    common: &'a Common,
    output: &'a Output,
    telemetry: &'a Telemetry,
}

impl Owner for Person<'_> {
    fn settings(&self) -> Result<Settings, ConfigError> {
        Ok(self.common.settings()?.settings)
    }

    fn taken(&self, settings: &Settings) {
        self.telemetry.set_level(settings.log.level);
    }

    fn show(&self, survey: &Survey) {
        let header = super::plan::header(&survey.desired);
        let style = super::plan::style(self.output, false);
        self.output.result(&plan_text(&survey.plan, &header, style));
    }
}
