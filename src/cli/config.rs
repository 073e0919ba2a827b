//! `config`: the resolved settings with their origin, or the reference of all keys.

use std::fmt::Write as _;

use serde_json::Value;

use super::{Common, Done, Output};
use crate::cli::options::Format;
use crate::config::keys::KEYS;
use crate::config::{Loaded, Origin, Settings};
use crate::mask::masked_address;
use crate::report::{UNBOUNDED, json_text};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  natsx-sync config --config /etc/natsx-sync/config.yaml\n  natsx-sync config --reference"
)]
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
        Format::Text => table(&loaded, output.width())?,
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

fn table(loaded: &Loaded, width: u16) -> Result<String, super::Failure> {
    let tree = safe(&loaded.settings)?;
    let keys = KEYS.iter().map(|key| {
        let value = tree.pointer(&format!("/{}", key.path.replace('.', "/")));
        (key.path.to_owned(), value.map(shown).unwrap_or_default())
    });
    let clusters = loaded.settings.clusters.iter().map(|(id, cluster)| {
        let kubeconfig = cluster.kubeconfig.display().to_string();
        (format!("clusters.{id}"), kubeconfig)
    });
    let mut text = String::new();
    for (key, value) in keys.chain(clusters) {
        let origin = loaded.origins.get(&key).unwrap_or(&Origin::Default);
        if width == UNBOUNDED {
            writeln!(text, "{key}\t{value}\t{origin}")?;
            continue;
        }
        let line = format!("{key:24} {value:40} {origin}");
        let narrow = format!("{key:24} {value}");
        if line.chars().count() <= usize::from(width) {
            writeln!(text, "{line}")?;
        } else {
            writeln!(text, "{narrow}\n{:24} from {origin}", "")?;
        }
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
        "| `clusters.ID.kubeconfig` | | flag `--kubeconfig [ID=]FILE` | yes | How the cluster is reached |\n| `clusters.ID.context` | `-` | | yes | Context of the kubeconfig; its current one when absent |\n| `clusters.ID.host` | `-` | | yes | Host of public URLs; the API server's when absent |\n| `clusters.ID.namespaces` | `-` | | yes | Limits observation and effects to these namespaces (a namespaced Role is enough) |\n",
    );
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn where_a_value_comes_from_is_on_the_next_line_of_a_narrow_terminal() {
        let mut loaded = Loaded {
            settings: Settings::default(),
            origins: BTreeMap::new(),
            file: None,
        };
        let path = "/etc/natsx-sync/settings/config.yaml";
        let origin = Origin::File(path.into());
        loaded.origins.insert("helm.path".to_owned(), origin);
        let narrow = table(&loaded, 80).unwrap();
        assert!(narrow.lines().all(|line| line.len() <= 80), "{narrow}");
        assert!(narrow.contains(&format!("from {path}\n")), "{narrow}");
        assert!(!table(&loaded, UNBOUNDED).unwrap().contains("from "));
    }

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
