//! The result: a line per measurement, with its limits and whether they were kept.

use std::fmt;
use std::fs;
use std::io::Write as _;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::measure::Cost;

/// One measurement.
#[derive(Debug)]
pub(super) struct Row {
    what: String,
    exchanges: usize,
    runs: usize,
    wall: Option<Duration>,
    cpu: Option<Duration>,
    /// In bytes.
    peak: Option<u64>,
    limits: Vec<Limit>,
    notes: Vec<String>,
}

/// What may not be exceeded, and what was measured.
#[derive(Debug)]
pub(super) struct Limit {
    text: String,
    is_kept: bool,
}

impl Limit {
    pub(super) fn below(what: &str, is: f64, most: f64, unit: &str) -> Self {
        let is_kept = is < most;
        let sign = if is_kept { "<" } else { "not <" };
        let text = format!("{what} {} {sign} {}{unit}", short(is), short(most));
        Self { text, is_kept }
    }

    /// Of something that may not happen at all.
    pub(super) fn none(what: &str, is: usize) -> Self {
        Self {
            text: format!("{is} {what}"),
            is_kept: is == 0,
        }
    }

    pub(super) fn wall(cost: Cost, most: Duration) -> Self {
        Self::below("wall", cost.wall.as_secs_f64(), most.as_secs_f64(), " s")
    }

    /// `most` in MiB.
    pub(super) fn peak(cost: Cost, most: usize) -> Self {
        Self::below("memory", share(mebibytes(cost.peak)), share(most), " MiB")
    }
}

impl Row {
    pub(super) fn new(what: impl Into<String>, exchanges: usize) -> Self {
        Self {
            what: what.into(),
            exchanges,
            runs: 1,
            wall: None,
            cpu: None,
            peak: None,
            limits: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Medians of so many runs.
    pub(super) fn runs(mut self, runs: usize) -> Self {
        self.runs = runs;
        self
    }

    pub(super) fn cost(mut self, cost: Cost) -> Self {
        (self.wall, self.cpu, self.peak) = (Some(cost.wall), Some(cost.cpu), Some(cost.peak));
        self
    }

    pub(super) fn wall(mut self, wall: Duration) -> Self {
        self.wall = Some(wall);
        self
    }

    /// In bytes.
    pub(super) fn peak(mut self, peak: u64) -> Self {
        self.peak = Some(peak);
        self
    }

    pub(super) fn limits(mut self, limits: impl IntoIterator<Item = Limit>) -> Self {
        self.limits.extend(limits);
        self
    }

    pub(super) fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// How it compares to a cost of natsx-sync for so many exchanges.
    pub(super) fn beside(self, ours: (usize, Cost)) -> Self {
        let each = |time: Option<Duration>, count: usize| {
            time.unwrap_or_default().as_secs_f64() / share(count.max(1))
        };
        let (count, cost) = ours;
        let note = format!(
            "per exchange {:.0} x wall, {:.0} x CPU of natsx-sync",
            each(self.wall, self.exchanges) / each(Some(cost.wall), count),
            each(self.cpu, self.exchanges) / each(Some(cost.cpu), count),
        );
        self.note(note)
    }

    fn is_kept(&self) -> bool {
        self.limits.iter().all(|limit| limit.is_kept)
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = |time: Option<Duration>| {
            time.map_or_else(String::new, |time| format!("{:.2} s", time.as_secs_f64()))
        };
        let peak = self
            .peak
            .map_or_else(String::new, |peak| format!("{} MiB", mebibytes(peak)));
        write!(
            f,
            "{:50} {:>9} {:>4} {:>10} {:>10} {:>9}  ",
            self.what,
            self.exchanges,
            self.runs,
            time(self.wall),
            time(self.cpu),
            peak
        )?;
        let mut parts: Vec<String> = Vec::new();
        if !self.limits.is_empty() {
            let word = if self.is_kept() { "kept" } else { "NOT KEPT" };
            let limits = self.limits.iter().map(|limit| limit.text.as_str());
            parts.push(format!("{word}: {}", limits.collect::<Vec<_>>().join(", ")));
        }
        parts.extend(self.notes.iter().cloned());
        f.write_str(&parts.join("; "))
    }
}

/// All measurements of one run.
#[derive(Debug)]
pub(super) struct Table {
    load: String,
    rows: Vec<Row>,
}

impl Table {
    pub(super) fn begin() -> Result<Self> {
        Ok(Self {
            load: load()?,
            rows: Vec::new(),
        })
    }

    /// Adds a measurement and shows it at once, for the whole takes minutes.
    pub(super) fn add(&mut self, row: Row) -> Result<()> {
        progress(row.to_string().trim_end())?;
        self.rows.push(row);
        Ok(())
    }

    /// Prints it; an error if a limit was not kept.
    pub(super) fn show(&self) -> Result<()> {
        let cores = std::thread::available_parallelism()?;
        let mut out = std::io::stdout().lock();
        writeln!(
            out,
            "\n{cores} cores, load {} before and {} after; medians, but the highest memory of any process\n",
            self.load,
            load()?,
        )?;
        writeln!(
            out,
            "{:50} {:>9} {:>4} {:>10} {:>10} {:>9}  limits, and others",
            "what", "exchanges", "runs", "wall", "CPU", "memory"
        )?;
        for row in &self.rows {
            writeln!(out, "{}", row.to_string().trim_end())?;
        }
        let missed = self.rows.iter().filter(|row| !row.is_kept());
        let missed: Vec<&str> = missed.map(|row| row.what.as_str()).collect();
        ensure!(missed.is_empty(), "not kept: {}", missed.join("; "));
        Ok(())
    }
}

/// What is under way.
pub(super) fn progress(text: &str) -> Result<()> {
    Ok(writeln!(std::io::stderr(), "{text}")?)
}

/// As few digits as tell it apart.
fn short(number: f64) -> String {
    let text = format!("{number:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    text.to_owned()
}

fn mebibytes(bytes: u64) -> usize {
    usize::try_from(bytes.div_ceil(1 << 20)).unwrap_or(usize::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "counts are small")]
pub(super) fn share(count: usize) -> f64 {
    count as f64
}

/// The load average of the last minute: figures of a busy machine say little.
fn load() -> Result<String> {
    let text = fs::read_to_string("/proc/loadavg")?;
    Ok(text
        .split_whitespace()
        .next()
        .unwrap_or_default()
        .to_owned())
}
