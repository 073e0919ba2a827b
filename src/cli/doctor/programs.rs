//! The programs that natsx-sync starts.

use std::path::PathBuf;

use tokio::time::timeout;

use super::sheet::Check;
use super::{PATIENCE, late};
use crate::command;
use crate::config::Settings;
use crate::diagnostic::chain;
use crate::helm::{Folders, Helm};
use crate::nats_server::{NatsServer, ServerError};

/// What it leaves behind goes into `folder`.
pub(super) async fn check_helm(path: &str, folder: PathBuf) -> Check {
    let advice = "install helm 3 or 4 in a version that is supported, or name it with `helm.path`";
    let helm = match Helm::find(path) {
        Ok(helm) => helm,
        Err(error) => {
            let folders = command::folders(path);
            let folders = folders.map_or_else(String::new, |all| format!(" (PATH: {all})"));
            return Check::bad("helm", &format!("{}{folders}", chain(&error)), advice);
        }
    };
    let folders = Folders::new(folder);
    let program = helm.program().display();
    match timeout(PATIENCE, helm.version(&folders)).await {
        Ok(Ok(version)) => Check::good("helm", &format!("{version} at {program}")),
        Ok(Err(error)) => Check::bad("helm", &chain(&error), advice),
        Err(_) => Check::bad("helm", &format!("{program}: {}", late(PATIENCE)), advice),
    }
}

/// Without one everything works; only what a server would refuse is found out later.
pub(super) async fn check_nats_server(settings: &Settings) -> Check {
    let what = "nats-server";
    let advice =
        "configurations are not tested before they are applied; `nats_server.path` names one";
    let found = match NatsServer::find(&settings.nats_server.path) {
        Ok(found) => found,
        // The system's error says what was looked for.
        Err(ServerError::Missing { source, .. }) => {
            return Check::note(what, &format!("{source}; {advice}"));
        }
        Err(error) => return Check::note(what, &format!("{}; {advice}", chain(&error))),
    };
    let (wanted, at) = (&settings.chart.version, found.program().display());
    let asked = timeout(PATIENCE, async {
        let version = found.version().await?;
        Ok::<_, ServerError>((version, found.is_like(wanted).await?))
    });
    match asked.await {
        Ok(Ok((version, true))) => Check::good(what, &format!("{version} at {at}")),
        Ok(Ok((version, false))) => Check::note(
            what,
            &format!(
                "{version} at {at} is of another minor version than chart {wanted}: of such servers {advice}"
            ),
        ),
        Ok(Err(error)) => Check::note(what, &format!("{}; {advice}", chain(&error))),
        Err(_) => Check::note(what, &format!("{at}: {}; {advice}", late(PATIENCE))),
    }
}
