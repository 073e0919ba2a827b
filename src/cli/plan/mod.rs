//! `plan`: what would happen.

mod live;
mod offline;
mod save;
mod snapshot;

use std::path::PathBuf;
use std::time::Duration;

use super::{Common, Done, Failure, Output, block_on};
use crate::cli::options::PlanFormat;
use crate::config::Settings;
use crate::config::units::duration;
use crate::exchange::desired::Desired;
use crate::id::ExchangeId;
use crate::report::{
    Comment, Header, Style, Truth, exit_code, plan_json, plan_markdown, plan_text,
};
use crate::source::Revision;
use live::Basis;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  natsx-sync plan --source examples\n  natsx-sync plan --base origin/main --format json\n  natsx-sync plan --kubeconfig us-east-cluster=$HOME/.kube/config --detailed-exitcode\n  natsx-sync plan --snapshot world.json\n  natsx-sync plan --revision main --out plan.json    then: natsx-sync apply plan.json"
)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(super) struct Args {
    /// Compare with git alone: no cluster, no process, no secret
    #[arg(long)]
    offline: bool,
    /// Compare with git alone, from the merge base of the head and this on [default: origin/HEAD]
    #[arg(long, value_name = "REV")]
    base: Option<String>,
    /// Compare with a picture made by `snapshot`: no cluster, no process
    #[arg(long, value_name = "FILE|URL", conflicts_with_all = ["offline", "base", "out"])]
    snapshot: Option<String>,
    /// The oldest picture that is taken
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = duration::parse)]
    max_age: Duration,
    /// Start no program; effects are then estimated from the values
    #[arg(long)]
    no_programs: bool,
    /// Let this removal through the guard (can be repeated)
    #[arg(long, value_name = "ID")]
    allow_delete: Vec<ExchangeId>,
    /// Exit with 2 when there are changes
    #[arg(long)]
    detailed_exitcode: bool,
    /// Show unchanged exchanges too
    #[arg(long)]
    show_unchanged: bool,
    /// Form of the result
    #[arg(long, value_enum, default_value = "text")]
    format: PlanFormat,
    /// What the plan is for: the comment of each environment is found again by it [default: the instance]
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// The most bytes of a comment; what does not fit is left out by level
    #[arg(long, value_name = "N", default_value_t = 60_000)]
    max_bytes: usize,
    /// Save the plan, so that `apply FILE` does exactly this
    #[arg(long, value_name = "FILE", conflicts_with_all = ["offline", "base"])]
    out: Option<PathBuf>,
    /// How long a saved plan may be applied
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = duration::parse)]
    expires: Duration,
}

impl Args {
    /// Whether no cluster is asked, whatever the settings say.
    fn is_offline(&self) -> bool {
        self.offline || self.base.is_some()
    }
}

pub(super) fn run(common: &Common, args: &Args, output: &Output) -> Done {
    let mut overrides = common.overrides();
    // A plan without clusters may be one of a stranger's branch: nothing of this host is read but what is named.
    overrides.only_named = args.is_offline() || args.snapshot.is_some();
    let settings = common.settings_with(&overrides)?.settings;
    let environment = args
        .environment
        .clone()
        .unwrap_or_else(|| settings.instance.to_string());
    let offline = args.is_offline() || settings.clusters.is_empty();
    if args.out.is_some() && offline {
        return Err(Failure::from(anyhow::anyhow!(
            "nothing to save: without clusters a plan says what git asks for, not what is there; name them in the settings or with --kubeconfig [ID=]FILE"
        )));
    }
    if offline && !args.is_offline() && args.snapshot.is_none() && has_kubeconfig() {
        output.say("no cluster is named: $KUBECONFIG is not looked at, --kubeconfig ID=FILE compares with one");
    }
    let (plan, header, basis) = if let Some(place) = &args.snapshot {
        let (plan, header) = block_on(snapshot::plan(&settings, place, common, args))?;
        (plan, header, None)
    } else if offline {
        // Without the runtime, which begins with a pair of sockets: an offline plan opens none.
        let (plan, header) = offline::plan(&settings, common, args)?;
        (plan, header, None)
    } else {
        let live = block_on(live::plan(settings, common, args))?;
        (live.plan, live.header, Some(live.basis))
    };
    output.result(&match args.format {
        PlanFormat::Json => plan_json(&plan, &header),
        PlanFormat::Markdown => {
            let max_bytes = args.max_bytes;
            let comment = Comment {
                environment,
                max_bytes,
            };
            plan_markdown(&plan, &header, &comment)
        }
        PlanFormat::Text => format!(
            "{}Digest: {}\n",
            plan_text(&plan, &header, style(output, args.show_unchanged)),
            plan.digest()
        ),
    });
    if let Some(basis) = basis {
        say_missing(&basis, output);
        if let Some(path) = &args.out {
            save::save(path, &plan, basis, common, args, output)?;
        }
    }
    Ok(exit_code(&plan, args.detailed_exitcode))
}

fn has_kubeconfig() -> bool {
    std::env::var_os("KUBECONFIG").is_some_and(|value| !value.is_empty())
}

/// Says without what nothing of this can be applied, and which charts an apply has to fetch first.
fn say_missing(basis: &Basis, output: &Output) {
    for missing in &basis.missing {
        output.say(&format!("note: {missing}"));
    }
    for chart in &basis.to_fetch {
        output.say(&format!(
            "note: chart {} {} is not here yet: applying fetches it from {} first (`natsx-sync doctor --fetch-chart` tries it)",
            chart.name, chart.version, basis.repository
        ));
    }
}

pub(in crate::cli) fn style(output: &Output, unchanged: bool) -> Style {
    Style {
        color: output.color(),
        width: output.width().min(120),
        unchanged,
        quiet: output.quiet(),
    }
}

pub(in crate::cli) fn header(desired: &Desired) -> Header {
    Header {
        truth: Truth::Live,
        repository: desired.repository.clone(),
        dirty: desired.dirty,
        ..Header::default()
    }
}

/// The revision that was asked for, else `otherwise`.
pub(in crate::cli) fn revision(common: &Common, otherwise: Revision) -> Revision {
    common.revision.clone().map_or(otherwise, Revision::Named)
}

/// The settings for commands that talk to no cluster: those of this host only where they are named.
pub(in crate::cli) fn offline_settings(common: &Common) -> Result<Settings, Failure> {
    let mut overrides = common.overrides();
    overrides.only_named = common.config.is_none();
    Ok(common.settings_with(&overrides)?.settings)
}
