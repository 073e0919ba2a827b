//! The programs that natsx-sync starts.

use super::sheet::Sheet;
use crate::command;
use crate::config::Settings;
use crate::diagnostic::chain;
use crate::helm::{Folders, Helm};
use crate::nats_server::{NatsServer, ServerError};

pub(super) async fn check_helm(path: &str, sheet: &mut Sheet) {
    let advice = "install helm 3 or 4 in a version that is supported, or name it with `helm.path`";
    let Ok(folder) = tempfile::tempdir() else {
        sheet.bad(
            "helm",
            "no temporary folder",
            "free space in the temporary folder",
        );
        return;
    };
    match Helm::find(path) {
        Err(error) => {
            let folders = command::folders(path);
            let folders = folders.map_or_else(String::new, |all| format!(" (PATH: {all})"));
            let text = format!("{}{folders}", chain(&error));
            sheet.bad("helm", &text, advice);
        }
        Ok(helm) => match helm.version(&Folders::new(folder.path().to_owned())).await {
            Ok(version) => sheet.good(
                "helm",
                &format!("{version} at {}", helm.program().display()),
            ),
            Err(error) => sheet.bad("helm", &chain(&error), advice),
        },
    }
}

/// Without one everything works; only what a server would refuse is found out later.
pub(super) async fn check_nats_server(settings: &Settings, sheet: &mut Sheet) {
    let advice =
        "configurations are not tested before they are applied; `nats_server.path` names one";
    let found = match NatsServer::find(&settings.nats_server.path) {
        Ok(found) => found,
        // The system's error says what was looked for.
        Err(ServerError::Missing { source, .. }) => {
            return sheet.note("nats-server", &format!("{source}; {advice}"));
        }
        Err(error) => return sheet.note("nats-server", &format!("{}; {advice}", chain(&error))),
    };
    let (wanted, at) = (&settings.chart.version, found.program().display());
    match (found.version().await, found.is_like(wanted).await) {
        (Ok(version), Ok(true)) => sheet.good("nats-server", &format!("{version} at {at}")),
        (Ok(version), Ok(false)) => sheet.note(
            "nats-server",
            &format!("{version} at {at} is of another minor version than chart {wanted}: of such servers {advice}"),
        ),
        (Err(error), _) | (_, Err(error)) => {
            sheet.note("nats-server", &format!("{}; {advice}", chain(&error)));
        }
    }
}
