//! From a commit to new releases on one API server, beside bare helm that installs the same.
//!
//! No servers run: each StatefulSet is scaled to nothing, by the exchange's values, so that helm, the API server and its
//! controllers do all they have to and health, with nobody to be asked, is what the StatefulSet says.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result, ensure};
use fleet::git_host::GitHost;
use fleet::process::run;
use tempfile::TempDir;

use super::journal;
use super::place::{Place, make_namespaces};
use super::process::Daemon;
use crate::bench::exchanges::{Exchange, KINDS, Size};
use crate::bench::measure::{Cost, all, middle, middle_of};
use crate::bench::table::{Limit, Row, Table, progress, share};
use crate::bench::world::Servers;
use crate::interrupt::Interrupt;
use crate::program::Program;

/// Of the time that lean helms take.
const MOST: f64 = 1.05;

/// Who installs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    /// helm as it comes.
    Plain,
    /// helm told to validate nothing twice and to collect no garbage.
    Lean,
    Natsx,
}

impl Who {
    const ALL: [Self; 3] = [Self::Plain, Self::Lean, Self::Natsx];

    fn word(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Lean => "lean",
            Self::Natsx => "natsx",
        }
    }
}

/// What one run took.
#[derive(Debug, Clone, Copy, Default)]
struct Took {
    cost: Cost,
    /// Until all was well; only natsx-sync waits for that.
    ready: Duration,
    control_plane: Duration,
}

/// What all runs took.
#[derive(Debug, Default)]
struct Runs {
    plain: Vec<Took>,
    lean: Vec<Took>,
    natsx: Vec<Took>,
}

pub(super) fn measure(
    program: &Program,
    releases: usize,
    runs: usize,
    table: &mut Table,
    interrupt: &Interrupt,
) -> Result<()> {
    let servers = Servers::start(1)?;
    let ground = Ground::make(program, &servers)?;
    let mut took = Runs::default();
    let mut order = Who::ALL;
    for number in 1..=runs.max(1) {
        // The servers have more to hold after each: nobody is always the last.
        order.rotate_left(1);
        for who in order {
            servers.rest();
            let name = format!("{}-{number}", who.word());
            let size = size(releases, name);
            let before = servers.cpu();
            let mut one = match who {
                Who::Plain | Who::Lean => ground.helm(&size, who == Who::Lean)?,
                Who::Natsx => ground.natsx(&size, interrupt)?,
            };
            one.control_plane = servers.cpu().saturating_sub(before);
            progress(&format!(
                "{} {number} of {runs}: {:.2} s, CPU {:.2} s",
                who.word(),
                one.cost.wall.as_secs_f64(),
                one.cost.cpu.as_secs_f64()
            ))?;
            match who {
                Who::Plain => took.plain.push(one),
                Who::Lean => took.lean.push(one),
                Who::Natsx => took.natsx.push(one),
            }
            interrupt.check()?;
        }
    }
    tell(releases, &took, table)
}

fn tell(releases: usize, took: &Runs, table: &mut Table) -> Result<()> {
    let [plain, lean, natsx] = [&took.plain, &took.lean, &took.natsx].map(|took| {
        let costs: Vec<Cost> = took.iter().map(|took| took.cost).collect();
        Took {
            cost: middle(&costs),
            ready: middle_of(took.iter().map(|took| took.ready)),
            control_plane: middle_of(took.iter().map(|took| took.control_plane)),
        }
    });
    let runs = took.natsx.len();
    let parallel = cores()?;
    let row = |what: String, took: &Took| {
        let each = took.control_plane.as_secs_f64() * 1000.0 / share(releases.max(1));
        Row::new(what, releases)
            .runs(runs)
            .cost(took.cost)
            .note(format!("control plane {each:.0} ms each"))
    };
    table.add(row(format!("helm install, {parallel} at once"), &plain))?;
    table.add(row(format!("lean helm install, {parallel} at once"), &lean))?;
    let wall = natsx.cost.wall.as_secs_f64();
    let beside = |others: &Took| {
        (
            wall / others.cost.wall.as_secs_f64(),
            natsx.cost.cpu.as_secs_f64() / others.cost.cpu.as_secs_f64(),
        )
    };
    let ((of_plain, cpu_of_plain), (of_lean, cpu_of_lean)) = (beside(&plain), beside(&lean));
    let limit = Limit::below("wall", of_lean, MOST, " x lean helm");
    table.add(
        row("natsx-sync run, commit to last release".to_owned(), &natsx)
            .limits([limit])
            .note(format!("{of_plain:.2} x wall of helm"))
            .note(format!(
                "CPU {cpu_of_lean:.2} x lean helm, {cpu_of_plain:.2} x helm"
            )),
    )?;
    let ready = Row::new(
        "natsx-sync run, commit to all ready and registered",
        releases,
    );
    let of_lean = natsx.ready.as_secs_f64() / lean.cost.wall.as_secs_f64();
    let note = format!("{of_lean:.2} x wall of lean helm, which neither waits nor registers");
    table.add(ready.runs(runs).wall(natsx.ready).note(note))
}

fn size(releases: usize, prefix: String) -> Size {
    Size {
        exchanges: releases,
        clusters: 1,
        revisions: 1,
        prefix,
        serverless: true,
    }
}

fn cores() -> Result<usize> {
    Ok(std::thread::available_parallelism()?.get())
}

/// What all runs share.
struct Ground<'a> {
    program: &'a Program,
    servers: &'a Servers,
    host: GitHost,
    /// The chart, packed.
    chart: PathBuf,
    folder: TempDir,
}

impl<'a> Ground<'a> {
    fn make(program: &'a Program, servers: &'a Servers) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut pack = Command::new(&servers.fleet.tools().helm3);
        pack.arg("package").arg(servers.fleet.chart());
        run(pack.arg("--destination").arg(folder.path()))?;
        let mut files = std::fs::read_dir(folder.path())?;
        let chart = files.next().context("helm package made no file")??.path();
        let ground = Self {
            program,
            servers,
            host: GitHost::start()?,
            chart,
            folder,
        };
        ground.write_values()?;
        Ok(ground)
    }

    /// The values of each kind, as natsx-sync gives them to helm.
    fn write_values(&self) -> Result<()> {
        let size = size(KINDS, "values".to_owned());
        let place = Place::make(
            self.servers,
            &self.host,
            &size,
            &self.chart,
            self.folder.path(),
        )?;
        place.commit(&size)?;
        for exchange in size.all() {
            let source = place.repository.url_file();
            let arguments = ["explain", &exchange.id(), "--values", "--source", &source];
            let values = run(&mut place.command(self.program, &arguments))?;
            std::fs::write(self.values(&exchange), values)?;
        }
        Ok(())
    }

    fn values(&self, exchange: &Exchange) -> PathBuf {
        let kind = exchange.number % KINDS;
        self.folder.path().join(format!("values-{kind}.yaml"))
    }

    fn helm(&self, size: &Size, lean: bool) -> Result<Took> {
        make_namespaces(self.servers, size)?;
        let kubeconfig = self.servers.of(0)?.kubeconfig();
        let commands = size.all().map(|exchange| {
            let mut helm = Command::new(&self.servers.fleet.tools().helm3);
            helm.env_clear()
                .env("HOME", self.folder.path())
                .args(["install", &exchange.release()])
                .arg(&self.chart)
                .args(["--namespace", &exchange.namespace(), "--values"])
                .arg(self.values(&exchange))
                .arg("--kubeconfig")
                .arg(kubeconfig);
            if lean {
                helm.arg("--disable-openapi-validation")
                    .env("GOGC", "off")
                    .env("GOMEMLIMIT", "256MiB");
            }
            helm
        });
        let cost = all(commands.collect(), cores()?)?;
        let ready = cost.wall;
        Ok(Took {
            cost,
            ready,
            control_plane: Duration::ZERO,
        })
    }

    /// A daemon that finds nothing, and then all of them.
    fn natsx(&self, size: &Size, interrupt: &Interrupt) -> Result<Took> {
        let place = Place::make(
            self.servers,
            &self.host,
            size,
            &self.chart,
            self.folder.path(),
        )?;
        let daemon = Daemon::start(&mut place.run(self.program), &place.folder, interrupt)?;
        daemon.until("the first pass is over", |daemon| {
            daemon.status().passes > 0
        })?;
        let before = daemon.process().cpu();
        let commit = place.commit(size)?;
        let (began, pushed) = (Instant::now(), SystemTime::now());
        daemon.until("all are ready", |daemon| {
            daemon.status().is_converged(&commit, size.exchanges)
        })?;
        let ready = began.elapsed();
        let cpu = daemon.process().cpu().saturating_sub(before);
        let peak = daemon.process().peak_memory();
        let state = daemon.state();
        daemon.stop()?;
        let released = journal::times(&state, "helm_install", "done")?;
        ensure!(
            released.len() == size.exchanges,
            "helm ran {} times",
            released.len()
        );
        let last = released.into_values().max().context("no release")?;
        let wall = last.duration_since(pushed).unwrap_or_default();
        Ok(Took {
            cost: Cost { wall, cpu, peak },
            ready,
            control_plane: Duration::ZERO,
        })
    }
}
