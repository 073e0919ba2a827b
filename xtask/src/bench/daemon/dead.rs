//! From a push to helm, and to a release, where one of many clusters is dead or slow: it delays nobody but itself (design
//! 4.4, 9).
//!
//! Several daemons get the same commits in turn, so that whatever else the machine does befalls each of them alike.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, bail};
use fleet::git_host::GitHost;
use serde_json::{Value, json};

use super::journal;
use super::late;
use super::place::Place;
use super::process::Daemon;
use crate::bench::exchanges::Size;
use crate::bench::measure::{middle_of, percentile};
use crate::bench::table::{Limit, Row, Table, progress};
use crate::bench::world::Servers;
use crate::interrupt::Interrupt;
use crate::program::Program;

const CLUSTERS: usize = 50;
/// The cluster that is dead, where one is.
const LAST: usize = CLUSTERS - 1;
/// From a push to the first helm for it.
const BEGUN: Duration = Duration::from_secs(1);
/// Of what it takes where no cluster is dead.
const MOVED: f64 = 1.05;
/// Each piece of what the slow one answers; a look at it takes several.
const LATE: Duration = Duration::from_millis(500);
/// Between the end of one round and the next, so that nothing of one befalls the other.
const APART: Duration = Duration::from_millis(200);

/// How the last cluster is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Last {
    Alive,
    /// As alive as the first: by how much they differ is chance.
    Again,
    /// Nobody listens there.
    Refuses,
    /// Somebody listens there, and never answers.
    Hangs,
    /// It answers, but late.
    Slow,
}

impl Last {
    const ALL: [Self; 5] = [
        Self::Alive,
        Self::Again,
        Self::Refuses,
        Self::Hangs,
        Self::Slow,
    ];

    fn word(self) -> &'static str {
        match self {
            Self::Alive => "alive",
            Self::Again => "again",
            Self::Refuses => "refuses",
            Self::Hangs => "hangs",
            Self::Slow => "slow",
        }
    }

    /// Whether anything can be done there.
    fn answers(self) -> bool {
        !matches!(self, Self::Refuses | Self::Hangs)
    }
}

/// From each push to what it led to.
#[derive(Debug, Default)]
struct Took {
    begun: Vec<Duration>,
    released: Vec<Duration>,
}

pub(super) fn measure(
    program: &Program,
    commits: usize,
    table: &mut Table,
    interrupt: &Interrupt,
) -> Result<()> {
    let servers = Servers::start(1)?;
    let folder = tempfile::tempdir()?;
    let host = GitHost::start()?;
    // Nobody takes what connects there.
    let silent = TcpListener::bind(("127.0.0.1", 0))?;
    let mut sides = Vec::new();
    for last in Last::ALL {
        progress(&format!(
            "{CLUSTERS} clusters, the last one {}",
            last.word()
        ))?;
        let place = place(last, &servers, &host, &silent, folder.path())?;
        sides.push(Side::start(last, place, program, interrupt)?);
    }
    servers.rest();
    for (before, number) in living(commits).enumerate() {
        // Each is the first as often as the others.
        sides.rotate_left(1);
        for side in &mut sides {
            side.push(number, before)?;
            side.daemon.sleep(APART)?;
        }
    }
    sides.sort_by_key(|side| side.last);
    let took: Result<Vec<_>> = sides.into_iter().map(Side::end).collect();
    tell(commits, &took?, table)
}

fn tell(commits: usize, took: &[Took], table: &mut Table) -> Result<()> {
    let [alive, again, ..] = took else {
        bail!("nothing was measured");
    };
    let p99 = |took: &Took| percentile(&took.released, 99);
    // The few slowest of two that are alike differ by chance, by more than what is looked for; of both together, one in ten
    // hardly does.
    let most = p99(alive).max(p99(again));
    let often = percentile(&[&alive.released[..], &again.released].concat(), 90);
    for (last, took) in Last::ALL.into_iter().zip(took) {
        let word = last.word();
        let what = format!("push to release, last of {CLUSTERS} clusters {word}");
        let begun = percentile(&took.begun, 99).as_secs_f64();
        let second = Limit::below("p99 of the first helm", begun, BEGUN.as_secs_f64(), " s");
        let mut row = Row::new(what, commits).wall(p99(took)).limits([second]);
        let median = middle_of(took.released.iter().copied()).as_secs_f64();
        let mut note = format!("wall is the p99; median {median:.2} s");
        match last {
            Last::Alive => {}
            Last::Again => {
                let share = times(p99(again), p99(alive));
                write!(note, "; p99 {share:.2} x alive by chance")?;
            }
            Last::Refuses | Last::Hangs | Last::Slow => {
                let tenth = times(percentile(&took.released, 90), often);
                row = row.limits([
                    Limit::below("p90", tenth, MOVED, " x alive"),
                    Limit::below("p99", times(p99(took), most), MOVED, " x alive"),
                ]);
            }
        }
        table.add(row.note(note))?;
    }
    Ok(())
}

fn times(one: Duration, other: Duration) -> f64 {
    one.as_secs_f64() / other.as_secs_f64()
}

/// Numbers of exchanges in the clusters that are alive in any case.
fn living(count: usize) -> impl Iterator<Item = usize> {
    (0..).filter(|number| number % CLUSTERS != LAST).take(count)
}

fn size(last: Last) -> Size {
    Size {
        exchanges: 0,
        clusters: CLUSTERS,
        revisions: 1,
        prefix: last.word().to_owned(),
        serverless: true,
    }
}

/// Where the last cluster is so, and has an exchange.
fn place(
    last: Last,
    servers: &Servers,
    host: &GitHost,
    silent: &TcpListener,
    folder: &Path,
) -> Result<Place> {
    let size = size(last);
    let place = Place::make(servers, host, &size, &servers.fleet.chart(), folder)?;
    let text = std::fs::read(servers.of(LAST)?.kubeconfig())?;
    let mut kubeconfig: Value = serde_json::from_slice(&text)?;
    let server = kubeconfig.pointer_mut("/clusters/0/cluster/server");
    let server = server.context("the kubeconfig has no server")?;
    let address = match last {
        Last::Alive | Last::Again => None,
        Last::Refuses => Some("127.0.0.1:1".parse()?),
        Last::Hangs => Some(silent.local_addr()?),
        Last::Slow => {
            let address = server.as_str().unwrap_or_default();
            Some(late::serve(
                address.trim_start_matches("https://").parse()?,
                LATE,
            )?)
        }
    };
    if let Some(address) = address {
        *server = json!(format!("https://{address}"));
        let path = place.folder.join("last.json");
        std::fs::write(&path, kubeconfig.to_string())?;
        place.lead(LAST, &path)?;
    }
    place.add(std::iter::once(size.exchange(LAST)))?;
    Ok(place)
}

/// A daemon, and what was pushed to it when.
struct Side<'a> {
    last: Last,
    place: Place,
    daemon: Daemon<'a>,
    pushed: Vec<(String, SystemTime)>,
}

impl<'a> Side<'a> {
    /// A daemon that knows how the last cluster is.
    fn start(
        last: Last,
        place: Place,
        program: &Program,
        interrupt: &'a Interrupt,
    ) -> Result<Self> {
        let daemon = Daemon::start(&mut place.run(program), &place.folder, interrupt)?;
        let side = Self {
            last,
            place,
            daemon,
            pushed: Vec::new(),
        };
        side.until_ready(0)?;
        Ok(side)
    }

    /// Pushes one more, and waits until it is ready.
    fn push(&mut self, number: usize, before: usize) -> Result<()> {
        let exchange = size(self.last).exchange(number);
        let id = exchange.id();
        self.place.add(std::iter::once(exchange))?;
        self.pushed.push((id, SystemTime::now()));
        self.until_ready(before + 1)
    }

    fn until_ready(&self, pushed: usize) -> Result<()> {
        let ready = pushed + usize::from(self.last.answers());
        self.daemon.until("what was pushed is ready", |daemon| {
            let status = daemon.status();
            status.passes > 0 && status.ready == ready
        })
    }

    fn end(self) -> Result<Took> {
        let state = self.daemon.state();
        self.daemon.stop()?;
        let begun = journal::times(&state, "helm_install", "intent")?;
        let released = journal::times(&state, "helm_install", "done")?;
        let mut took = Took::default();
        for (id, pushed) in &self.pushed {
            let since = |times: &BTreeMap<String, SystemTime>| {
                let time = times.get(id).with_context(|| format!("no helm for {id}"))?;
                anyhow::Ok(time.duration_since(*pushed).unwrap_or_default())
            };
            took.begun.push(since(&begun)?);
            took.released.push(since(&released)?);
        }
        Ok(took)
    }
}
