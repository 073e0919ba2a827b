//! A daemon that finds everything as it is to be: what a pass takes, and what waiting takes.
//!
//! The releases are copies in Helm's own storage, as are their StatefulSets, which are scaled to nothing: health asks the API
//! server and finds nobody else to ask.

use std::time::{Duration, Instant};

use anyhow::Result;
use fleet::process::run;
use rustix::process::Signal;

use super::process::{Daemon, of_the_unit};
use crate::bench::exchanges::Size;
use crate::bench::measure::{Cost, middle_of};
use crate::bench::table::{Limit, Row, Table, progress};
use crate::bench::world::{Servers, World};
use crate::interrupt::Interrupt;
use crate::program::Program;

/// What comes after the first pass is over then: clusters are watched, records are read.
const SETTLE: Duration = Duration::from_secs(20);
/// Of a core, in percent.
const PROCESSOR: f64 = 1.0;
/// So often memory is looked at.
const EVERY: Duration = Duration::from_secs(1);

/// What is promised of a daemon that waits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Promise {
    pub(super) exchanges: usize,
    /// In MiB.
    pub(super) memory: usize,
}

/// Exchanges of a daemon with nothing to do, on two API servers.
pub(super) struct Quiet<'a> {
    servers: &'a Servers,
    world: World,
    exchanges: usize,
    interrupt: &'a Interrupt,
}

impl<'a> Quiet<'a> {
    pub(super) fn make(
        program: &Program,
        servers: &'a Servers,
        (exchanges, clusters): (usize, usize),
        interrupt: &'a Interrupt,
    ) -> Result<Self> {
        progress(&format!(
            "{exchanges} exchanges on {clusters} clusters are made"
        ))?;
        let size = Size {
            exchanges,
            clusters,
            revisions: 1,
            prefix: format!("quiet-{exchanges}"),
            serverless: true,
        };
        Ok(Self {
            servers,
            world: World::make(program, servers, &size, interrupt)?,
            exchanges,
            interrupt,
        })
    }

    /// Passes that somebody asks for, with nothing else going on.
    pub(super) fn passes(&self, runs: usize, table: &mut Table) -> Result<()> {
        // Everybody is asked once, soon, and then nobody for an hour.
        let daemon = self.start(&[
            ("NATSX_SYNC_HEALTH_INTERVAL", "1h"),
            ("NATSX_SYNC_HEALTH_BUDGET", "1000/s"),
            ("NATSX_SYNC_SOURCE_INTERVAL", "1h"),
        ])?;
        daemon.until("all are ready", |daemon| {
            daemon.status().ready == self.exchanges
        })?;
        self.servers.rest();
        let (helms, mutations) = (self.world.helms.started(), self.servers.mutations());
        let mut costs = Vec::new();
        for _ in 0..runs.max(1) {
            let (before, passes) = (daemon.process().cpu(), daemon.passes().len());
            run(&mut self.world.command(&["reconcile"]))?;
            daemon.until("a pass is over", |daemon| daemon.passes().len() > passes)?;
            // What follows from it: the status is written.
            daemon.sleep(Duration::from_secs(1))?;
            costs.push(daemon.process().cpu().saturating_sub(before));
        }
        let passes = daemon.passes();
        let wall = middle_of(passes.iter().rev().take(runs).copied());
        let cost = Cost {
            wall,
            cpu: middle_of(costs.into_iter()),
            peak: daemon.process().peak_memory(),
        };
        let row = Row::new("natsx-sync run, a pass with nothing to do", self.exchanges);
        let limits = self.nothing_done(helms, mutations);
        daemon.stop()?;
        table.add(row.runs(runs).cost(cost).limits(limits))
    }

    /// Waiting, with the settings as they are by default: a pass a minute, five questions of health a second.
    pub(super) fn idle(&self, time: Duration, promise: Promise, table: &mut Table) -> Result<()> {
        // Everybody is asked for the first time, which is not waiting yet, as fast as can be.
        self.world.set_health("{budget: 1000/s}")?;
        let daemon = self.start(&[])?;
        daemon.until("all are ready", |daemon| {
            daemon.status().ready == self.exchanges
        })?;
        self.world.set_health("{}")?;
        daemon.process().signal(Signal::HUP);
        daemon.sleep(SETTLE)?;
        let (helms, mutations) = (self.world.helms.started(), self.servers.mutations());
        let (before, plane, began) = (daemon.process().cpu(), self.servers.cpu(), Instant::now());
        let mut memory = 0;
        while began.elapsed() < time {
            daemon.sleep(EVERY.min(time.saturating_sub(began.elapsed())))?;
            memory = memory.max(daemon.process().memory());
        }
        let wall = began.elapsed();
        let cost = Cost {
            wall,
            cpu: daemon.process().cpu().saturating_sub(before),
            peak: memory,
        };
        let percent = |cpu: Duration| cpu.as_secs_f64() / wall.as_secs_f64() * 100.0;
        let plane = percent(self.servers.cpu().saturating_sub(plane));
        let mut limits = self.nothing_done(helms, mutations);
        let peak = daemon.process().peak_memory() >> 20;
        daemon.stop()?;
        // A promise about another number of exchanges than was measured is not looked at.
        if self.exchanges <= promise.exchanges {
            limits.push(Limit::below(
                "CPU",
                percent(cost.cpu),
                PROCESSOR,
                " % of a core",
            ));
            limits.push(Limit::peak(cost, promise.memory));
        }
        let row = Row::new("natsx-sync run, idle", self.exchanges);
        table.add(
            row.cost(cost)
                .limits(limits)
                .note(format!("CPU {:.2} %", percent(cost.cpu)))
                .note(format!("{peak} MiB at most since its start"))
                .note(format!("both control planes {plane:.0} %")),
        )
    }

    /// Leaves all of it to somebody who wants to look, until the command is interrupted: it takes minutes to make.
    pub(super) fn keep(&self) -> Result<()> {
        let mut command = self.world.command(&["run"]);
        command.envs(of_the_unit()?);
        progress(&format!("kept until Ctrl-C; a daemon: {command:?}"))?;
        loop {
            self.interrupt.check()?;
            std::thread::sleep(EVERY);
        }
    }

    /// A daemon that has seen that all is well.
    fn start(&self, settings: &[(&str, &str)]) -> Result<Daemon<'a>> {
        let mut command = self.world.command(&["run"]);
        command.envs(settings.iter().copied());
        let daemon = Daemon::start(&mut command, self.world.folder(), self.interrupt)?;
        daemon.until("the first pass is over", |daemon| {
            daemon.status().exchanges == self.exchanges
        })?;
        Ok(daemon)
    }

    fn nothing_done(&self, helms: usize, mutations: usize) -> Vec<Limit> {
        vec![
            Limit::none("helm processes", self.world.helms.started() - helms),
            Limit::none("mutating requests", self.servers.mutations() - mutations),
        ]
    }
}
