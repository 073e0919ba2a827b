//! `doctor`: is everything there that `run` will need? Each finding says what to do.

mod place;
mod programs;
mod sheet;

use std::collections::BTreeSet;

use place::check_state;
use programs::{check_helm, check_nats_server};
use sheet::Sheet;
use tempfile::TempDir;

use super::{Common, Done, Output};
use crate::cli::options::Format;
use crate::cluster::Permissions;
use crate::config::Settings;
use crate::config::files::{self, Unreadable};
use crate::config::settings::SourceSettings;
use crate::diagnostic::chain;
use crate::exchange::desired::ChartRef;
use crate::listen::Secrets;
use crate::mask::masked_address;
use crate::pass::{Equipment, Knowledge, PassError, Purpose, survey};
use crate::reason::Reason;
use crate::report::counted;
use crate::source::Revision;

const MEND_SOURCE: &str = "mend `source` in the settings";

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
    let sheet = examine(settings, args.fetch_chart).await?;
    output.result(&sheet.show(args.format, output.width())?);
    Ok(u8::from(sheet.is_bad()))
}

async fn examine(mut settings: Settings, fetch_chart: bool) -> serde_json::Result<Sheet> {
    let mut sheet = Sheet::default();
    if settings.clusters.is_empty() {
        sheet.bad(
            "clusters",
            "none in the inventory",
            "name one in the settings (`clusters`) or with --kubeconfig [ID=]FILE",
        );
    }
    check_helm(&settings.helm.path, &mut sheet).await;
    check_files(&settings, &mut sheet).await?;
    check_commit_status(&settings, &mut sheet);
    check_nats_server(&settings, &mut sheet).await;
    let spare = tempfile::tempdir().ok();
    // A chart that is fetched is kept.
    if !fetch_chart {
        check_state(&mut settings, spare.as_ref(), &mut sheet);
    }
    // Looked at in place of a repository that cannot be used, so that the rest is.
    let empty = tempfile::tempdir().ok();
    let Some(equipment) = connect(settings, empty.as_ref(), &mut sheet).await else {
        return Ok(sheet);
    };
    check_clusters(&equipment, &mut sheet).await;
    match equipment.registry.view().await {
        Ok(view) => sheet.good("registry", &counted(view.records.len(), "record")),
        Err(unreadable) => {
            let advice = untrusted(&unreadable.text, "`registry.ca_file`");
            let advice = advice.as_deref();
            let advice = advice.unwrap_or("start it, or mend `registry` in the settings");
            sheet.bad("registry", &unreadable.text, advice);
        }
    }
    check_chart(&equipment, fetch_chart, &mut sheet).await;
    Ok(sheet)
}

/// Connects everything, and looks at the repository.
async fn connect(
    settings: Settings,
    empty: Option<&TempDir>,
    sheet: &mut Sheet,
) -> Option<Equipment> {
    let mut connected = Equipment::connect(settings.clone(), Purpose::Look).await;
    match (&connected, empty) {
        (Ok(equipment), _) => check_source(equipment, sheet).await,
        (Err(PassError::Source { source }), Some(empty)) => {
            let shown = settings.source.url.as_deref().map(masked_address);
            let shown = shown.map_or_else(String::new, |shown| format!("{shown}: "));
            let text = format!("{shown}{}", chain(source));
            sheet.bad("repository", &text, MEND_SOURCE);
            let url = Some(empty.path().display().to_string());
            let source = SourceSettings {
                url,
                ..SourceSettings::default()
            };
            let rest = Settings { source, ..settings };
            connected = Equipment::connect(rest, Purpose::Look).await;
        }
        (Err(_), _) => {}
    }
    let told = |error| {
        sheet.bad(
            "settings",
            &chain(&error),
            "mend what is named and try again",
        );
    };
    connected.map_err(told).ok()
}

/// They are read when they are needed, which may be long after.
async fn check_files(settings: &Settings, sheet: &mut Sheet) -> serde_json::Result<()> {
    let advice = "put it there, or see that this user may read it";
    let (found, count) = files::unreadable(settings)?;
    // Beside what else is said of it.
    let forge = |file: &&Unreadable| {
        file.key.starts_with("events.commit_status.") && file.key.ends_with("token_file")
    };
    for Unreadable { key, text } in found.iter().filter(|file| !forge(file)) {
        sheet.bad(key, text, advice);
    }
    let key = "webhook.secret_file";
    let secrets = settings.webhook.secret_file.clone();
    if let Some(path) = secrets.filter(|_| found.iter().all(|file| file.key != key))
        && let Err(error) = Secrets::in_file(path).read().await
    {
        sheet.bad(key, &chain(&error), advice);
    } else if found.is_empty() && count > 0 {
        sheet.good(
            "files",
            &format!("{count} named in the settings, all readable"),
        );
    }
    Ok(())
}

/// The forge itself is not asked: it could only be told something.
fn check_commit_status(settings: &Settings, sheet: &mut Sheet) {
    let Some(wanted) = &settings.events.commit_status else {
        return;
    };
    let (what, advice) = ("commit status", "mend `events.commit_status`, or the file");
    let target = match wanted.target(settings.source.url.as_deref(), &settings.instance) {
        Ok(target) => target,
        Err(text) => return sheet.bad(what, &text, advice),
    };
    let file = target.token_file.display();
    match std::fs::read_to_string(&target.token_file) {
        Ok(token) if !token.trim().is_empty() => sheet.good(
            what,
            &format!(
                "{} at {}, token in {file}",
                target.repository,
                masked_address(target.api.as_str())
            ),
        ),
        Ok(_) => sheet.bad(what, &format!("{file} is empty"), advice),
        Err(error) => sheet.bad(what, &format!("{file}: {error}"), advice),
    }
}

async fn check_source(equipment: &Equipment, sheet: &mut Sheet) {
    let shown = equipment.repository.source.display();
    if let Err(error) = equipment.repository.source.fetch().await {
        sheet.bad(
            "repository",
            &format!("{shown}: {}", chain(&error)),
            MEND_SOURCE,
        );
        return;
    }
    let looked = survey(
        equipment,
        &Revision::Head,
        &Knowledge::default(),
        &BTreeSet::new(),
        jiff::Timestamp::now(),
    )
    .await;
    match looked {
        Err(error) => sheet.bad(
            "repository",
            &format!("{shown}: {}", chain(&error)),
            MEND_SOURCE,
        ),
        Ok(survey) => {
            let broken = survey.desired.broken.len();
            let text = format!(
                "{shown}: {}, {}",
                counted(survey.desired.exchanges.len(), "exchange"),
                counted(broken, "broken file")
            );
            if broken == 0 {
                sheet.good("repository", &text);
            } else {
                sheet.bad(
                    "repository",
                    &text,
                    "`natsx-sync validate` says what is wrong where",
                );
            }
        }
    }
}

async fn check_clusters(equipment: &Equipment, sheet: &mut Sheet) {
    for (id, cluster) in equipment.inventory.all() {
        let name = format!("cluster {id}");
        let cluster = match cluster {
            Ok(cluster) => cluster,
            Err(unreadable) => {
                sheet.bad(&name, &unreadable.text, "mend its kubeconfig");
                continue;
            }
        };
        match cluster.permissions().await {
            Err(error) => {
                let text = chain(&error);
                let place = "`certificate-authority` of its kubeconfig";
                let advice = untrusted(&text, place);
                let advice = advice.as_deref().unwrap_or(unanswered(error.reason()));
                sheet.bad(&name, &text, advice);
            }
            Ok(Permissions { missing, .. }) if missing.is_empty() => sheet.good(
                &name,
                &format!("{} answers, all permissions", cluster.host()),
            ),
            Ok(Permissions { missing, grant }) => {
                let rules: Vec<_> = missing.iter().map(ToString::to_string).collect();
                let text = format!("permissions are missing:\n{}", rules.join("\n"));
                sheet.bad(&name, &text, "grant what is printed below, or part of it");
                sheet.grant(format!(
                    "# cluster {id}: `kubectl apply` this as its administrator\n{grant}"
                ));
            }
        }
    }
}

/// What to do about a cluster that does not say what we may.
fn unanswered(reason: Reason) -> &'static str {
    if reason == Reason::ClusterUnreachable {
        "see that its API server can be reached from here"
    } else {
        reason.story()
    }
}

async fn check_chart(equipment: &Equipment, fetch: bool, sheet: &mut Sheet) {
    let settings = &equipment.settings.chart;
    let chart = ChartRef {
        name: settings.name.clone(),
        version: settings.version.clone(),
    };
    let name = format!("chart {} {}", chart.name, chart.version);
    if let Some(archive) = equipment.charts.cached(&chart) {
        sheet.good(&name, &format!("in the cache, sha256:{}", archive.digest));
        return;
    }
    if !fetch {
        sheet.untried(
            &name,
            &format!(
                "not here yet; it is fetched from {} when it is needed",
                masked_address(&settings.repository)
            ),
            "--fetch-chart tries it now",
        );
        return;
    }
    match equipment.charts.fetch(&chart).await {
        Ok(archive) => sheet.good(&name, &format!("fetched, sha256:{}", archive.digest)),
        Err(error) => {
            let text = chain(&error);
            let advice = untrusted(&text, "`chart.ca_file`").unwrap_or_else(|| {
                "see that `chart.repository` can be reached from here, or set it to a mirror, or to a folder or archive on this host".to_owned()
            });
            sheet.bad(&name, &text, &advice);
        }
    }
}

/// What to do where the other side's certificate is signed by nobody this host knows.
fn untrusted(text: &str, place: &str) -> Option<String> {
    text.contains("UnknownIssuer").then(|| {
        format!("its certificate is signed by an authority this host does not know: name that one's file in {place}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_authority_is_named_with_its_setting() {
        let text =
            "cannot fetch https://charts.example.org: invalid peer certificate: UnknownIssuer";
        let advice = untrusted(text, "`chart.ca_file`").unwrap();
        assert!(advice.ends_with("`chart.ca_file`"), "{advice}");
        assert_eq!(untrusted("connection refused", "x"), None);
    }
}
