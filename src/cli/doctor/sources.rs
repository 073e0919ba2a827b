//! Where exchanges are written, registered, and the chart comes from.

use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::sheet::Check;
use super::{FETCH, PATIENCE, late, untrusted};
use crate::chart::ChartStore;
use crate::cli::registry;
use crate::config::Settings;
use crate::diagnostic::chain;
use crate::exchange::desired::ChartRef;
use crate::mask::masked_address;
use crate::pass::{PassError, Repository, chart_source, offline_context};
use crate::report::counted;
use crate::source::Revision;

const MEND_SOURCE: &str = "mend `source` in the settings";
/// How long git has to end after it was told to.
const FAREWELL: Duration = Duration::from_secs(2);

pub(super) async fn check_registry(settings: &Settings) -> Check {
    let what = "registry";
    let mend = "start it, or mend `registry` in the settings";
    let (registry, shown) = match registry::look(settings) {
        Ok(found) => found,
        Err(failure) => return Check::bad(what, &chain(failure.error.as_ref()), mend),
    };
    match timeout(PATIENCE, registry.view()).await {
        Ok(Ok(view)) => Check::good(what, &counted(view.records.len(), "record")),
        Ok(Err(unreadable)) => {
            let advice = untrusted(&unreadable.text, "`registry.ca_file`");
            let advice = advice.as_deref().unwrap_or(mend);
            Check::bad(what, &unreadable.text, advice)
        }
        Err(_) => Check::bad(
            what,
            &format!("{shown}: {}", late(PATIENCE)),
            "see that it runs, and the database behind it: it hangs where that does not answer",
        ),
    }
}

/// Fetches into the mirror of `state`, and reads what is there.
pub(super) async fn check_repository(settings: &Settings, state: &Path) -> Check {
    let what = "repository";
    let repository = match Repository::open(settings, Some(state)) {
        Ok(repository) => repository,
        Err(error) => {
            let shown = settings.source.url.as_deref().map(masked_address);
            let shown = shown.map_or_else(String::new, |shown| format!("{shown}: "));
            return Check::bad(what, &format!("{shown}{}", words(&error)), MEND_SOURCE);
        }
    };
    let shown = repository.source.display();
    let cancel = CancellationToken::new();
    let mut read = pin!(read(repository, settings, &cancel));
    match timeout(FETCH, &mut read).await {
        Ok(Ok((exchanges, broken))) => {
            let text = format!(
                "{shown}: {}, {}",
                counted(exchanges, "exchange"),
                counted(broken, "broken file")
            );
            if broken == 0 {
                Check::good(what, &text)
            } else {
                let advice = "`natsx-sync validate` says what is wrong where";
                Check::bad(what, &text, advice)
            }
        }
        Ok(Err(error)) => Check::bad(what, &format!("{shown}: {}", words(&error)), MEND_SOURCE),
        Err(_) => {
            // What git has started ends with it only where it is told to.
            cancel.cancel();
            timeout(FAREWELL, read).await.ok();
            Check::bad(
                what,
                &format!("{shown}: {}", late(FETCH)),
                "see that it can be reached from here; a first fetch of much history takes longer, for which `run` waits",
            )
        }
    }
}

/// How many exchanges it has, and how many broken files.
async fn read(
    repository: Repository,
    settings: &Settings,
    cancel: &CancellationToken,
) -> Result<(usize, usize), PassError> {
    repository.source.fetch_until(cancel).await?;
    let context = offline_context(settings);
    // Thousands of files: meanwhile the others are to be heard.
    let read = tokio::task::spawn_blocking(move || repository.read(&Revision::Head, &context));
    let desired = read.await??.desired;
    Ok((desired.exchanges.len(), desired.broken.len()))
}

/// An error without what goes without saying here.
fn words(error: &PassError) -> String {
    if let PassError::Source { source } = error {
        chain(source)
    } else {
        chain(error)
    }
}

/// Looks into the cache of `state`, and fetches it into that where it is to.
pub(super) async fn check_chart(settings: &Settings, state: &Path, fetch: bool) -> Check {
    let chart = ChartRef {
        name: settings.chart.name.clone(),
        version: settings.chart.version.clone(),
    };
    let name = format!("chart {} {}", chart.name, chart.version);
    let from = masked_address(&settings.chart.repository);
    let charts = match chart_source(settings) {
        Ok(source) => ChartStore::new(state.join("charts"), source),
        Err(error) => return Check::bad(&name, &chain(&error), "mend `chart` in the settings"),
    };
    if let Some(archive) = charts.cached(&chart) {
        return Check::good(&name, &format!("in the cache, sha256:{}", archive.digest));
    }
    if !fetch {
        let text = format!("not here yet; it is fetched from {from} when it is needed");
        return Check::untried(&name, &text, "--fetch-chart tries it now");
    }
    let text = match timeout(FETCH, charts.fetch(&chart)).await {
        Ok(Ok(archive)) => {
            return Check::good(&name, &format!("fetched, sha256:{}", archive.digest));
        }
        Ok(Err(error)) => chain(&error),
        Err(_) => format!("{from}: {}", late(FETCH)),
    };
    let advice = untrusted(&text, "`chart.ca_file`").unwrap_or_else(|| {
        "see that `chart.repository` can be reached from here, or set it to a mirror, or to a folder or archive on this host".to_owned()
    });
    Check::bad(&name, &text, &advice)
}
