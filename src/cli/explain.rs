//! `explain`: the story of a reason, or which layer set each value of an exchange.

use std::fmt::Write as _;

use serde_json::Value;

use super::{Common, Done, Failure, Output};
use crate::exchange::desired::{DesiredExchange, Layer};
use crate::reason::Reason;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  natsx-sync explain MassRemoval\n  natsx-sync explain nats-orders --source examples"
)]
pub(super) struct Args {
    /// An exchange (id, ending of it, or file) or a reason in PascalCase
    #[arg(value_name = "X|REASON")]
    subject: String,
    /// Print the equivalent helm command for people
    #[arg(long, conflicts_with = "values")]
    command: bool,
    /// Print the composed values file
    #[arg(long)]
    values: bool,
}

pub(super) fn run(common: &Common, args: &Args, output: &Output) -> Done {
    if let Some(reason) = Reason::ALL
        .iter()
        .find(|reason| reason.name() == args.subject)
    {
        output.result(&format!("{}\n  {}", reason.name(), reason.story()));
        return Ok(0);
    }
    let (_, desired) = super::plan::desired(common, true)?;
    let found: Vec<_> = desired
        .exchanges
        .values()
        .filter(|exchange| {
            exchange.file == args.subject
                || super::status::names(&args.subject, &exchange.id.to_string())
        })
        .collect();
    let [exchange] = found.as_slice() else {
        let text = if found.is_empty() {
            "names no exchange and no reason"
        } else {
            "names several exchanges; write more of the id"
        };
        return Err(Failure::new(
            7,
            anyhow::anyhow!("{:?} {text}", args.subject),
        ));
    };
    let text = if args.values {
        serde_yaml::to_string(&exchange.values)?
    } else if args.command {
        command(exchange)
    } else {
        layers(exchange)
    };
    output.result(&text);
    Ok(0)
}

/// For people to run by hand; natsx-sync itself hands values over on stdin and pins the archive.
fn command(exchange: &DesiredExchange) -> String {
    format!(
        "natsx-sync explain {id} --values > values.yaml\nhelm upgrade --install {release} {chart} --repo https://nats-io.github.io/k8s/helm/charts/ --version {version} --namespace {namespace} --create-namespace --reset-values -f values.yaml",
        id = exchange.id,
        release = exchange.id.release,
        chart = exchange.chart.name,
        version = exchange.chart.version,
        namespace = exchange.id.namespace,
    )
}

fn layers(exchange: &DesiredExchange) -> String {
    let mut text = format!(
        "{}  ({}:{})\nchart {} {}\ndigest {}\n",
        exchange.id,
        exchange.file,
        exchange.line,
        exchange.chart.name,
        exchange.chart.version,
        exchange.digest
    );
    for (path, layer) in &exchange.provenance {
        let value = path
            .iter()
            .try_fold(&exchange.values, |value, key| match value {
                Value::Object(map) => map.get(key),
                Value::Array(list) => key.parse::<usize>().ok().and_then(|index| list.get(index)),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
            });
        let layer = match layer {
            Layer::Base => "values.yaml".to_owned(),
            Layer::Profile(name) => format!("profiles/{name}.yaml"),
            Layer::Block(name) => format!("{name} of the exchange"),
            Layer::Exchange => "helm_values of the exchange".to_owned(),
        };
        let shown = crate::report::shown_value(path, value.unwrap_or(&Value::Null));
        writeln!(text, "  {:50} {:24} {layer}", path.join("."), shown).ok();
    }
    text
}
