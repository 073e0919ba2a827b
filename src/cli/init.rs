//! `init`: a repository with a first exchange, so that the next command is `plan`.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::{Done, Failure, Output};

/// Where editors find the schema of exchange files; nothing else reads it.
const SCHEMA: &str = ".natsx/exchange.schema.json";

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  natsx-sync init my-exchanges --cluster us-east-cluster")]
pub(super) struct Args {
    /// Where
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Cluster of the first exchange
    #[arg(long, default_value = "my-cluster")]
    cluster: crate::id::ClusterId,
}

pub(super) fn run(args: &Args, output: &Output) -> Done {
    let folder = &args.folder;
    if folder.join("exchanges").exists() {
        let text = format!(
            "{} has an exchanges folder already; nothing was written",
            folder.display()
        );
        return Err(Failure::new(super::ERROR, anyhow::anyhow!(text)));
    }
    write(
        &folder.join("values.yaml"),
        include_str!("../../values.yaml"),
    )?;
    // Editors that know YAML find the schema by the first line of a file.
    let schema = serde_json::to_string_pretty(&crate::exchange::schema())?;
    write(&folder.join(SCHEMA), &format!("{schema}\n"))?;
    let exchange = format!(
        "# yaml-language-server: $schema=../{SCHEMA}\n# One exchange: one NATS deployment and its record in the registry.\nname: First exchange\nrelease_name: nats-first\ncluster_id: {}\norg_ids: [my-org]\nhelm_values:\n  # Any value of the nats chart; dotted keys and nested maps both work.\n  config.cluster.enabled: false\nmetadata: {{team: me}}\n",
        args.cluster
    );
    write(&folder.join("exchanges/first.yaml"), &exchange)?;
    output.result(&format!(
        "wrote {0}/values.yaml, {0}/exchanges/first.yaml and, for editors, {0}/{SCHEMA}\nnext: natsx-sync plan --source {0}\nthen: natsx-sync run --source {0} --kubeconfig {1}=FILE",
        folder.display(),
        args.cluster
    ));
    Ok(0)
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    if path.exists() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)
            .with_context(|| format!("cannot make {}", parent.display()))?;
    }
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(())
}
