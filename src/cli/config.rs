//! `config`: the resolved settings with their origin, or the reference of all keys.

use std::fmt::Write as _;

use serde_json::Value;

use super::{Common, Done, Output};
use crate::cli::options::Format;
use crate::config::keys::KEYS;
use crate::config::{Loaded, Origin, Settings};
use crate::mask::masked_address;
use crate::report::json_text;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Form of the result
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Print what every key means instead, as Markdown
    #[arg(long)]
    reference: bool,
}

pub(super) fn run(common: &Common, args: &Args, output: &Output) -> Done {
    if args.reference {
        output.result(&reference()?);
        return Ok(0);
    }
    let loaded = common.settings()?;
    output.result(&match args.format {
        Format::Json => json_text(&safe(&loaded.settings)?)?,
        Format::Text => table(&loaded)?,
    });
    Ok(0)
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

/// Settings hold no secrets, only the names of files that do; what logs in within an address is the exception.
fn safe(settings: &Settings) -> serde_json::Result<Value> {
    fn hide(value: &mut Value) {
        match value {
            Value::String(text) => *text = masked_address(text),
            Value::Array(all) => all.iter_mut().for_each(hide),
            Value::Object(all) => all.values_mut().for_each(hide),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    let mut tree = serde_json::to_value(settings)?;
    hide(&mut tree);
    Ok(tree)
}

fn table(loaded: &Loaded) -> Result<String, super::Failure> {
    let tree = safe(&loaded.settings)?;
    let mut text = String::new();
    for key in KEYS {
        let value = tree
            .pointer(&format!("/{}", key.path.replace('.', "/")))
            .map(shown)
            .unwrap_or_default();
        let origin = loaded.origins.get(key.path).unwrap_or(&Origin::Default);
        writeln!(text, "{:24} {:40} {origin}", key.path, value)?;
    }
    for (id, cluster) in &loaded.settings.clusters {
        let origin = loaded
            .origins
            .get(&format!("clusters.{id}"))
            .unwrap_or(&Origin::Default);
        writeln!(
            text,
            "{:24} {:40} {origin}",
            format!("clusters.{id}"),
            cluster.kubeconfig.display()
        )?;
    }
    Ok(text)
}

/// The generated reference of all settings.
fn reference() -> Result<String, super::Failure> {
    let defaults = serde_json::to_value(Settings::default())?;
    let mut text = String::from(
        "# Settings\n\nOne YAML file (`--config`, default `/etc/natsx-sync/config.yaml`). Environment beats the file, flags beat both. Unknown keys are errors.\nA running daemon reads them again on SIGHUP (`systemctl reload`): all of them, or none when one does not fit or is looked at only at start.\nThis page is printed by `natsx-sync config --reference`.\n\n| key | default | environment | read again | what it is for |\n|---|---|---|---|---|\n",
    );
    for key in KEYS {
        let default = defaults
            .pointer(&format!("/{}", key.path.replace('.', "/")))
            .map(shown)
            .unwrap_or_default();
        writeln!(
            text,
            "| `{}` | `{default}` | `{}` | {} | {} |",
            key.path,
            key.variable(),
            if key.at_start { "at start only" } else { "yes" },
            key.text
        )?;
    }
    text.push_str(
        "| `clusters.ID.kubeconfig` | | flag `--kubeconfig [ID=]FILE` | yes | How the cluster is reached |\n| `clusters.ID.context` | `-` | | yes | Context of the kubeconfig; its current one when absent |\n| `clusters.ID.labels` | `{}` | | yes | For selectors (not acted on yet) |\n| `clusters.ID.host` | `-` | | yes | Host of public URLs; the API server's when absent |\n| `clusters.ID.namespaces` | `-` | | yes | Limits observation and effects to these namespaces (a namespaced Role is enough) |\n",
    );
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_logs_in_is_shown() {
        let mut settings = Settings::default();
        settings.source.url = Some("https://t0ken-of-bot@git.example.org/x.git".to_owned());
        settings.chart.repository = "https://bot:t0ken@charts.example.org".to_owned();
        settings.registry = serde_json::from_value(serde_json::json!({
            "url": "https://bot:t0ken@registry.example.org/"
        }))
        .unwrap();
        let text = safe(&settings).unwrap().to_string();
        assert!(!text.contains("t0ken"), "{text}");
        assert!(text.contains("charts.example.org"), "{text}");
        settings.source.url = Some("ssh://git@git.example.org/x.git".to_owned());
        let text = safe(&settings).unwrap().to_string();
        assert!(text.contains("ssh://git@git"), "{text}");
    }
}
