//! `cargo xtask fleet up|down|status`

use std::io::Write as _;

use anyhow::Result;
use clap::{Args, Subcommand};
use fleet::{Fleet, FleetOptions};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
    /// Which fleet
    #[arg(long, global = true, default_value = "dev")]
    name: String,
    /// How many clusters
    #[arg(long, global = true, default_value_t = 2)]
    clusters: usize,
}

#[derive(Debug, Clone, Copy, Subcommand)]
enum Verb {
    /// Install what is missing and start it
    Up,
    /// End it and leave nothing behind
    Down,
    /// Show what runs
    Status,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    match arguments.verb {
        Verb::Up => {
            let options = FleetOptions {
                name: arguments.name.clone(),
                clusters: arguments.clusters,
                nodes: true,
            };
            show(&Fleet::up(&options)?)
        }
        Verb::Down => Fleet::down(&arguments.name),
        Verb::Status => {
            if Fleet::names()?.contains(&arguments.name) {
                show(&Fleet::attach(&arguments.name)?)
            } else {
                writeln!(
                    std::io::stdout(),
                    "no fleet {0:?} runs; cargo xtask fleet up --name {0}",
                    arguments.name
                )?;
                Ok(())
            }
        }
    }
}

fn show(fleet: &Fleet) -> Result<()> {
    let mut out = std::io::stdout().lock();
    for cluster in &fleet.record().clusters {
        let running = cluster
            .processes
            .iter()
            .filter(|process| process.is_running());
        let (count, memory) = running.fold((0, 0), |(count, memory), process| {
            (count + 1, memory + process.memory())
        });
        let kubeconfig = cluster.kubeconfig.display();
        writeln!(
            out,
            "{:18} {count} processes, {} MiB  {kubeconfig}",
            cluster.name,
            memory / 1024 / 1024
        )?;
    }
    if let Some(cluster) = fleet.clusters().first() {
        let kubectl = fleet.tools().kubectl.display();
        writeln!(
            out,
            "try: {kubectl} --kubeconfig {} get pods -A",
            cluster.kubeconfig().display()
        )?;
    }
    Ok(())
}
