//! `registry serve|reset|ls|get`

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use clap::Subcommand;

use super::named::{NotOne, one_of, refused};
use super::{Common, Done, Failure, LOCKED, NOTHING_MATCHED, Output};
use crate::cli::options::Format;
use crate::config::settings::ListenSettings;
use crate::config::{RegistrySettings, Settings};
use crate::listen::Port;
use crate::mask::masked_address;
use crate::observe::observed::Record;
use crate::registry::store::{Store, StoreError};
use crate::registry::{Embedded, Registry, RegistryAccess};
use crate::report::{FITTING, UNBOUNDED, below, json_text, safe, widest};
use crate::state::State;

const HEADER: [&str; 7] = [
    "SYSTEM ID",
    "NAME",
    "CLUSTER",
    "RELEASE",
    "ORGS",
    "PUBLIC URL",
    "STATE",
];
/// What stands for what a record does not say.
const NONE: &str = "-";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Serve the Backbone Registry's contract on an embedded store
    #[command(after_help = "Example:\n  natsx-sync registry serve --listen 127.0.0.1:8000")]
    Serve {
        /// Where
        #[arg(long, value_name = "ADDRESS")]
        listen: Option<SocketAddr>,
    },
    /// Set a damaged store aside, to begin an empty registry
    #[command(
        long_about = "Set a damaged store aside, to begin an empty registry.\n\nThe file is renamed, never removed. natsx-sync then registers the exchanges of the repository anew; records that others wrote are lost. A registry that can be read is left alone.",
        after_help = "Example:\n  natsx-sync registry reset"
    )]
    Reset,
    /// List the records
    #[command(after_help = "Example:\n  natsx-sync registry ls --format json")]
    Ls {
        /// Form of the result
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Print one record
    #[command(after_help = "Example:\n  natsx-sync registry get nats-orders")]
    Get {
        /// Its system_id, or its exchange: the id or the end of it from a `/` on
        id: String,
    },
}

pub(super) async fn run(common: &Common, args: &Args, output: &Output) -> Done {
    match &args.verb {
        Verb::Serve { listen } => serve(common, *listen, output).await,
        Verb::Reset => reset(common, output),
        Verb::Ls { format } => {
            let records = records(common, output).await?;
            match format {
                Format::Json => output.result(&json_text(&records)?),
                Format::Text => output.result(&table(&records, output.width())),
            }
            Ok(0)
        }
        Verb::Get { id } => {
            let records = records(common, output).await?;
            let found = meant(id, &records)?;
            for record in found {
                output.result(&json_text(&record)?);
            }
            Ok(0)
        }
    }
}

/// The records with this key, else those of the exchange that is called so.
fn meant<'r>(wanted: &str, records: &'r [Record]) -> Result<Vec<&'r Record>, Failure> {
    let of = |key: &str| -> Vec<_> {
        let found = records.iter().filter(|record| record.system_id == key);
        found.collect()
    };
    let found = of(wanted);
    if !found.is_empty() {
        return Ok(found);
    }
    let marked = records
        .iter()
        .filter_map(|record| Some((record.marked_for(&record.mark()?)?, record)));
    let marked: Vec<_> = marked.collect();
    let ids: BTreeSet<_> = marked.iter().map(|(id, _)| id).collect();
    match one_of(wanted, ids) {
        Ok(id) => Ok(marked
            .iter()
            .filter(|(of, _)| of == id)
            .map(|(_, record)| *record)
            .collect()),
        Err(error @ (NotOne::Several { .. } | NotOne::Gone(_))) => Err(refused(error)),
        Err(NotOne::Nothing { .. }) => Err(Failure::new(
            NOTHING_MATCHED,
            anyhow::anyhow!(
                "the registry has no record {wanted:?}, and none of an exchange that is called so; `natsx-sync registry ls` lists them"
            ),
        )),
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
            LOCKED,
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

fn reset(common: &Common, output: &Output) -> Done {
    let settings = common.settings()?.settings;
    if !matches!(settings.registry, RegistrySettings::Embedded) {
        let text = "the settings name another registry, which is not ours to reset";
        return Err(anyhow::anyhow!(text).into());
    }
    let folder = settings.state.ok_or_else(super::status::no_state)?;
    State::open_to_write(&folder)?;
    match Store::open(&folder) {
        Ok(_) => {
            let folder = folder.display();
            let text = format!("the registry of {folder} can be read, and is left as it is");
            Err(anyhow::anyhow!(text).into())
        }
        Err(StoreError::Unsound { .. } | StoreError::Gone { .. }) => {
            let aside = Store::set_aside(&folder)?;
            drop(Store::open(&folder)?);
            let kept = aside.map(|aside| format!("; the old one is {}", aside.display()));
            output.say(&format!("an empty registry{}", kept.unwrap_or_default()));
            Ok(0)
        }
        Err(error @ StoreError::Held { .. }) => Err(Failure::new(LOCKED, error)),
        Err(error) => Err(error.into()),
    }
}

/// The registry that the settings name, for those who only look, and where that is.
pub(super) fn look(settings: &Settings) -> Result<(Registry, String), Failure> {
    match &settings.registry {
        RegistrySettings::Remote(remote) => {
            let registry = Registry::connect(&RegistryAccess {
                url: remote.url.clone(),
                token_file: remote.token_file.clone(),
                ca_file: remote.ca_file.clone(),
            })?;
            Ok((registry, masked_address(remote.url.as_str())))
        }
        RegistrySettings::Embedded => {
            let folder = settings.state.as_deref();
            let folder = folder.ok_or_else(super::status::no_state)?;
            Ok((Registry::look(folder), folder.display().to_string()))
        }
    }
}

async fn records(common: &Common, output: &Output) -> Result<Vec<Record>, Failure> {
    let settings = common.settings_as_served(output)?;
    let (registry, _) = look(&settings)?;
    let view = registry.view().await;
    let view =
        view.map_err(|unreadable| anyhow::anyhow!("{}: {}", unreadable.reason, unreadable.text))?;
    let records = Arc::unwrap_or_clone(view).records;
    Ok(records.into_values().flatten().collect())
}

/// One row each; in a window that is too narrow for that, below its key what else a record says.
fn table(records: &[Record], width: u16) -> String {
    if records.is_empty() {
        return "no records".to_owned();
    }
    let rows = || records.iter().map(row);
    if width == UNBOUNDED {
        return crate::report::table(HEADER, "", rows(), width);
    }
    let whole = crate::report::table(HEADER, "", rows(), FITTING);
    if widest(&whole) <= usize::from(width) {
        return whole;
    }
    let short = rows().map(|[id, .., state]| [id, state]);
    let short = crate::report::table(["SYSTEM ID", "STATE"], "", short, FITTING);
    below(&short, rows().map(sentence), width)
}

fn row(record: &Record) -> [String; 7] {
    let mark = record.mark();
    let mark = |key: &str| {
        let text = mark.as_ref().and_then(|mark| mark.text(key));
        safe(text.unwrap_or(NONE))
    };
    let field = |field: &Option<String>| safe(field.as_deref().unwrap_or(NONE));
    [
        safe(&record.system_id),
        field(&record.name),
        field(&record.cluster_id),
        format!("{}/{}", mark("namespace"), mark("release")),
        field(&record.org_ids),
        field(&record.public_url),
        mark("state"),
    ]
}

/// What a row says beside key and state: the exchange as it is called elsewhere, and what there is of the rest.
fn sentence([_, name, cluster, release, orgs, url, _]: [String; 7]) -> String {
    let parts = [
        (format!("{cluster}/{release}"), ""),
        (name, ""),
        (orgs.replace(',', ", "), "of "),
        (url, "at "),
    ];
    let parts = parts.into_iter().filter(|(text, _)| text != NONE);
    let parts: Vec<_> = parts.map(|(text, of)| format!("{of}{text}")).collect();
    parts.join("; ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record(release: &str, orgs: &str) -> Record {
        serde_json::from_value(json!({
            "system_id": release,
            "org_ids": orgs,
            "cluster_id": "us-east-cluster",
            "public_url": format!("nats://{release}.us-east.example.org:4222"),
            "name": null,
            "metadata": {"natsx": {
                "namespace": "communication", "release": release, "state": "deployed",
            }},
        }))
        .unwrap()
    }

    #[test]
    fn records_fit_into_the_window_and_are_whole_where_nobody_looks_at_one() {
        let orgs = (1..30).map(|number| format!("org{number:03}"));
        let orgs = orgs.collect::<Vec<_>>().join(",");
        let records = [
            record("nats-orders", "org001"),
            record("nats-trades", &orgs),
        ];
        let narrow = table(&records, 80);
        assert!(
            narrow.lines().all(|line| line.chars().count() <= 80),
            "{narrow}"
        );
        for words in [
            "nats-orders deployed\n",
            "    us-east-cluster/communication/nats-trades; of org001, org002, ",
            "    us-east-cluster/communication/nats-orders; of org001; at\n    nats://nats-orders.us-east.example.org:4222\n",
        ] {
            assert!(
                narrow.replace("  deployed", " deployed").contains(words),
                "{narrow}"
            );
        }
        let wide = table(&records[..1], 200);
        assert_eq!(wide.lines().count(), 2, "{wide}");
        assert!(wide.contains("PUBLIC URL"), "{wide}");
        let piped = table(&records, UNBOUNDED);
        let last = piped.lines().last().unwrap();
        assert_eq!(last.split('\t').nth(4), Some(orgs.as_str()), "{piped}");
        assert_eq!(table(&[], 80), "no records");
    }

    /// Anybody may have written it.
    #[test]
    fn no_part_of_a_record_steers_a_terminal() {
        let hostile = record("a\u{1b}[2J", "b\u{202e}");
        for width in [80, 200, UNBOUNDED] {
            let shown = table(std::slice::from_ref(&hostile), width);
            assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{shown:?}");
        }
    }
}
