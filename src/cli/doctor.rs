//! `doctor`: is everything there that `run` will need? Each finding says what to do.

mod cluster;
mod files;
mod place;
mod programs;
mod sheet;
mod sources;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::Duration;

use futures::future::{FutureExt as _, LocalBoxFuture};
use futures::stream::{FuturesOrdered, StreamExt as _};
use tokio::sync::Semaphore;

use cluster::check_cluster;
use files::check_files;
use place::check_state;
use programs::{check_helm, check_nats_server};
use sheet::{Check, Sheet};
use sources::{check_chart, check_registry, check_repository};

use super::{Common, Done, Output};
use crate::cli::options::Format;
use crate::config::Settings;
use crate::pass::cluster_access;

/// How long each thing may take to answer; a pass waits no longer either.
const PATIENCE: Duration = crate::observe::DEADLINE;
/// How long something may take to be fetched.
const FETCH: Duration = Duration::from_secs(30);
/// Clusters that are asked at the same time, each over a dozen connections.
const AT_ONCE: usize = 32;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  natsx-sync doctor --config /etc/natsx-sync/config.yaml\n  natsx-sync doctor --kubeconfig my-cluster=$HOME/.kube/config --fetch-chart"
)]
pub(super) struct Args {
    /// Fetch the chart if it is not in the cache
    #[arg(long)]
    fetch_chart: bool,
    /// Form of the result
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub(super) async fn run(common: &Common, args: &Args, output: &Output) -> Done {
    let settings = common.settings_as_served(output)?;
    let show = |check: &Check| match args.format {
        Format::Text => output.result(&check.show(output.width())),
        Format::Json => {}
    };
    let sheet = examine(settings, args.fetch_chart, &show).await?;
    output.result(&match args.format {
        Format::Text => sheet.end(),
        Format::Json => sheet.json()?,
    });
    Ok(u8::from(sheet.is_bad()))
}

/// Says at once what can be known so, then asks after everything else at the same time. The order is always the same, with what
/// has the longest patience last; each is shown as soon as those before it are known.
async fn examine(
    mut settings: Settings,
    fetch_chart: bool,
    show: &dyn Fn(&Check),
) -> serde_json::Result<Sheet> {
    let mut sheet = Sheet::default();
    let mut tell = |check: Check| {
        show(&check);
        sheet.add(check);
    };
    // For all that is left behind by looking.
    let spare = match tempfile::tempdir() {
        Ok(spare) => spare,
        Err(error) => {
            tell(Check::bad(
                "temporary folder",
                &error.to_string(),
                "free space in it, or name another with TMPDIR; the rest is looked at then",
            ));
            return Ok(sheet);
        }
    };
    check_inventory(&settings).into_iter().for_each(&mut tell);
    check_files(&settings)
        .await?
        .into_iter()
        .for_each(&mut tell);
    let (state, place) = check_state(settings.state.as_deref(), spare.path(), fetch_chart);
    state.into_iter().for_each(&mut tell);
    settings.state.get_or_insert_with(|| place.clone());
    let turns = Semaphore::new(AT_ONCE);
    let mut found = ask(&settings, (&place, spare.path()), fetch_chart, &turns);
    while let Some(check) = found.next().await {
        tell(check);
    }
    Ok(sheet)
}

/// What takes its time.
fn ask<'a>(
    settings: &'a Settings,
    (place, spare): (&'a Path, &Path),
    fetch_chart: bool,
    turns: &'a Semaphore,
) -> FuturesOrdered<LocalBoxFuture<'a, Check>> {
    let mut all = FuturesOrdered::new();
    let helm = check_helm(&settings.helm.path, spare.join("helm"));
    all.push_back(helm.boxed_local());
    all.push_back(check_nats_server(settings).boxed_local());
    for access in cluster_access(settings) {
        all.push_back(check_cluster(access, turns).boxed_local());
    }
    all.push_back(check_registry(settings).boxed_local());
    all.push_back(check_repository(settings, place).boxed_local());
    all.push_back(check_chart(settings, place, fetch_chart).boxed_local());
    all
}

fn check_inventory(settings: &Settings) -> Option<Check> {
    settings.clusters.is_empty().then(|| {
        Check::bad(
            "clusters",
            "none in the inventory",
            "name one in the settings (`clusters`) or with --kubeconfig [ID=]FILE",
        )
    })
}

fn late(patience: Duration) -> String {
    format!("no complete answer within {} s", patience.as_secs())
}

/// What to do where the other side's certificate is signed by nobody this host knows.
fn untrusted(text: &str, place: &str) -> Option<String> {
    text.contains("UnknownIssuer").then(|| {
        format!("its certificate is signed by an authority this host does not know: name that one's file in {place}")
    })
}
