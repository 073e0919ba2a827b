//! What a user would do otherwise, on the same API servers.

use std::path::Path;
use std::process::Command;

use anyhow::Result;
use fleet::Cluster;

use crate::bench::exchanges::{Exchange, Size};
use crate::bench::measure::{Cost, all, once};
use crate::bench::table::{Row, Table};
use crate::bench::world::Servers;
use crate::interrupt::Interrupt;

/// Releases that are compared one by one: each takes a second.
const SOME: usize = 100;

pub(super) fn measure(
    servers: &Servers,
    size: &Size,
    ours: (usize, Cost),
    table: &mut Table,
    interrupt: &Interrupt,
) -> Result<()> {
    let cost = list(servers)?;
    let row = Row::new("helm list -A on both servers", size.exchanges);
    table.add(row.cost(cost).beside(ours))?;
    interrupt.check()?;
    let server = servers.of(0)?;
    let some: Vec<Exchange> = size
        .all()
        .filter(|exchange| {
            servers
                .of(exchange.cluster())
                .is_ok_and(|of| of.name() == server.name())
        })
        .take(SOME)
        .collect();
    let folder = tempfile::tempdir()?;
    let cores = std::thread::available_parallelism()?.get();
    let helm = Helm {
        servers,
        server,
        folder: folder.path(),
    };
    let values = all(
        some.iter().map(|exchange| helm.values(exchange)).collect(),
        cores,
    )?;
    let render = all(
        some.iter()
            .map(|exchange| helm.template(exchange))
            .collect(),
        cores,
    )?;
    let both = Cost {
        wall: values.wall + render.wall,
        cpu: values.cpu + render.cpu,
        peak: values.peak.max(render.peak),
    };
    let what = format!("helm get values + helm template, {cores} at once");
    table.add(Row::new(what, some.len()).cost(both).beside(ours))
}

fn list(servers: &Servers) -> Result<Cost> {
    let mut total = Cost::default();
    for cluster in servers.fleet.clusters() {
        let mut helm = Command::new(&servers.fleet.tools().helm3);
        helm.args([
            "list",
            "-A",
            "--max",
            "0",
            "--output",
            "json",
            "--kubeconfig",
        ])
        .arg(cluster.kubeconfig());
        let (cost, _) = once(&mut helm)?;
        total.wall += cost.wall;
        total.cpu += cost.cpu;
        total.peak = total.peak.max(cost.peak);
    }
    Ok(total)
}

struct Helm<'a> {
    servers: &'a Servers,
    server: &'a Cluster,
    folder: &'a Path,
}

impl Helm<'_> {
    /// Through a shell, because the values go to a file that the next step reads.
    fn values(&self, exchange: &Exchange) -> Command {
        let mut shell = Command::new("sh");
        shell.args(["-c", "exec \"$0\" get values \"$1\" --namespace \"$2\" --kubeconfig \"$3\" --output yaml >\"$4\""]);
        shell
            .arg(&self.servers.fleet.tools().helm3)
            .args([exchange.release(), exchange.namespace()])
            .arg(self.server.kubeconfig())
            .arg(self.file(exchange));
        shell
    }

    fn template(&self, exchange: &Exchange) -> Command {
        let mut helm = Command::new(&self.servers.fleet.tools().helm3);
        helm.arg("template")
            .arg(exchange.release())
            .arg(self.servers.fleet.chart())
            .args(["--namespace", &exchange.namespace(), "--values"])
            .arg(self.file(exchange));
        helm
    }

    fn file(&self, exchange: &Exchange) -> std::path::PathBuf {
        self.folder.join(format!("{}.yaml", exchange.release()))
    }
}
