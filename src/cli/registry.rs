//! `registry serve|ls|get`

use std::net::SocketAddr;

use clap::Subcommand;

use super::{Common, Done, Failure, Output};
use crate::cli::options::Format;
use crate::config::RegistrySettings;
use crate::config::settings::ListenSettings;
use crate::listen::Port;
use crate::observe::observed::Record;
use crate::registry::{Embedded, Registry, RegistryAccess};
use crate::report::json_text;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Serve the Backbone Registry's contract on an embedded store
    Serve {
        /// Where
        #[arg(long, value_name = "ADDRESS")]
        listen: Option<SocketAddr>,
    },
    /// List the records
    Ls {
        /// Form of the result
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Print one record
    Get {
        /// Its system_id, or the id of its exchange
        id: String,
    },
}

pub(super) async fn run(common: &Common, args: &Args, output: &Output) -> Done {
    match &args.verb {
        Verb::Serve { listen } => serve(common, *listen, output).await,
        Verb::Ls { format } => {
            let records = records(common).await?;
            match format {
                Format::Json => output.result(&json_text(&records)?),
                Format::Text => output.result(&table(&records, output.width())),
            }
            Ok(0)
        }
        Verb::Get { id } => {
            let wanted = id
                .parse::<crate::id::ExchangeId>()
                .map_or_else(|_| id.clone(), |id| id.system_id().to_string());
            let found: Vec<_> = records(common)
                .await?
                .into_iter()
                .filter(|record| record.system_id == wanted)
                .collect();
            if found.is_empty() {
                return Err(Failure::new(
                    7,
                    anyhow::anyhow!("the registry has no record {wanted}"),
                ));
            }
            for record in found {
                output.result(&json_text(&record)?);
            }
            Ok(0)
        }
    }
}

async fn serve(common: &Common, listen: Option<SocketAddr>, output: &Output) -> Done {
    let settings = common.settings()?.settings;
    let folder = settings.state.ok_or_else(super::status::no_state)?;
    let (address, port) = match listen {
        Some(address) => (address, Port::Exact),
        None if settings.listen.registry == ListenSettings::default().registry => {
            (settings.listen.registry, Port::NextFree)
        }
        None => (settings.listen.registry, Port::Exact),
    };
    let embedded = Embedded::open(&folder, address, port, settings.instance.as_str()).await?;
    if !embedded.is_ours() {
        return Err(Failure::new(
            6,
            anyhow::anyhow!(
                "the registry of {} is served already, at http://{}",
                folder.display(),
                embedded.address
            ),
        ));
    }
    output.say(&format!("registry at http://{}", embedded.address));
    let mut term = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = term.recv() => {}
    }
    embedded.close().await?;
    Ok(0)
}

async fn records(common: &Common) -> Result<Vec<Record>, Failure> {
    let settings = common.settings()?.settings;
    let (access, embedded) = match settings.registry {
        RegistrySettings::Remote(remote) => (
            RegistryAccess {
                url: remote.url,
                token_file: remote.token_file,
                ca_file: remote.ca_file,
            },
            None,
        ),
        RegistrySettings::Embedded => {
            let folder = settings.state.ok_or_else(super::status::no_state)?;
            // A port nobody else would be told: this is served for one question only.
            let embedded = Embedded::open(
                &folder,
                ([127, 0, 0, 1], 0).into(),
                Port::Exact,
                settings.instance.as_str(),
            )
            .await?;
            (embedded.access()?, Some(embedded))
        }
    };
    let view = Registry::connect(&access)?.view().await;
    if let Some(embedded) = embedded {
        embedded.close().await.ok();
    }
    let view =
        view.map_err(|unreadable| anyhow::anyhow!("{}: {}", unreadable.reason, unreadable.text))?;
    Ok(view.records.into_values().flatten().collect())
}

fn table(records: &[Record], width: u16) -> String {
    if records.is_empty() {
        return "no records".to_owned();
    }
    let mut table = crate::report::table(
        [
            "SYSTEM ID",
            "NAME",
            "CLUSTER",
            "RELEASE",
            "ORGS",
            "PUBLIC URL",
            "STATE",
        ],
        width,
    );
    for record in records {
        let mark = |key: &str| {
            record
                .metadata
                .get("natsx")
                .and_then(|mark| mark.get(key)?.as_str())
                .unwrap_or("-")
                .to_owned()
        };
        let field = |field: &Option<String>| crate::report::safe(field.as_deref().unwrap_or("-"));
        table.add_row([
            record.system_id.clone(),
            field(&record.name),
            field(&record.cluster_id),
            format!("{}/{}", mark("namespace"), mark("release")),
            field(&record.org_ids),
            field(&record.public_url),
            mark("state"),
        ]);
    }
    table.to_string()
}
