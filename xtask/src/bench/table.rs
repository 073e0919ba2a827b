//! The result: a line per measurement.

use std::fs;
use std::io::Write as _;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::measure::Cost;

/// What may not be exceeded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit {
    pub(super) wall: Duration,
    /// In MiB; none = not promised.
    pub(super) peak: Option<u64>,
}

#[derive(Debug)]
struct Row {
    what: String,
    exchanges: usize,
    cost: Cost,
    limit: Option<Limit>,
    note: String,
}

/// All measurements of one run.
#[derive(Debug)]
pub(super) struct Table {
    /// Runs per figure.
    pub(super) runs: usize,
    load: String,
    rows: Vec<Row>,
}

impl Table {
    pub(super) fn begin(runs: usize) -> Result<Self> {
        Ok(Self {
            runs,
            load: load()?,
            rows: Vec::new(),
        })
    }

    /// A measurement of ours. A promise about another number of exchanges than was measured is not looked at.
    pub(super) fn add(
        &mut self,
        what: &str,
        exchanges: usize,
        cost: Cost,
        limit: Option<Limit>,
        note: &str,
    ) -> Result<()> {
        self.push(what, exchanges, cost, limit, note.to_owned())
    }

    /// What others take, beside ours for as many exchanges.
    pub(super) fn compare(
        &mut self,
        what: &str,
        exchanges: usize,
        cost: Cost,
        ours: (usize, Cost),
    ) -> Result<()> {
        let each = |time: Duration, count: usize| time.as_secs_f64() / share(count);
        let note = format!(
            "per exchange {:.0} x wall, {:.0} x CPU of natsx-sync",
            each(cost.wall, exchanges) / each(ours.1.wall, ours.0),
            each(cost.cpu, exchanges) / each(ours.1.cpu, ours.0),
        );
        self.push(what, exchanges, cost, None, note)
    }

    fn push(
        &mut self,
        what: &str,
        exchanges: usize,
        cost: Cost,
        limit: Option<Limit>,
        note: String,
    ) -> Result<()> {
        let row = Row {
            what: what.to_owned(),
            exchanges,
            cost,
            limit,
            note,
        };
        // Each is shown at once, for the whole takes minutes.
        writeln!(std::io::stderr(), "{}", row.line())?;
        self.rows.push(row);
        Ok(())
    }

    /// Prints it; an error if a limit was not kept.
    pub(super) fn show(&self) -> Result<()> {
        let cores = std::thread::available_parallelism()?;
        let mut out = std::io::stdout().lock();
        writeln!(
            out,
            "\n{cores} cores, load {} before and {} after; medians of {} runs, highest peaks\n",
            self.load,
            load()?,
            self.runs
        )?;
        writeln!(
            out,
            "{:46} {:>9} {:>9} {:>9} {:>8}",
            "what", "exchanges", "wall", "CPU", "memory"
        )?;
        for row in &self.rows {
            writeln!(out, "{}", row.line())?;
        }
        let missed: Vec<&str> = self
            .rows
            .iter()
            .filter(|row| !row.is_kept())
            .map(|row| row.what.as_str())
            .collect();
        ensure!(missed.is_empty(), "not kept: {}", missed.join("; "));
        Ok(())
    }
}

impl Row {
    fn is_kept(&self) -> bool {
        self.limit.is_none_or(|limit| {
            self.cost.wall < limit.wall
                && limit
                    .peak
                    .is_none_or(|peak| mebibytes(self.cost.peak) < peak)
        })
    }

    fn line(&self) -> String {
        let limit = match self.limit {
            None => String::new(),
            Some(limit) => {
                let peak = limit
                    .peak
                    .map_or_else(String::new, |peak| format!(", {peak} MiB"));
                let word = if self.is_kept() { "kept" } else { "NOT KEPT" };
                format!("limit {:.1} s{peak}: {word}  ", limit.wall.as_secs_f64())
            }
        };
        let line = format!(
            "{:46} {:>9} {:7.2} s {:7.2} s {:4} MiB  {limit}{}",
            self.what,
            self.exchanges,
            self.cost.wall.as_secs_f64(),
            self.cost.cpu.as_secs_f64(),
            mebibytes(self.cost.peak),
            self.note
        );
        line.trim_end().to_owned()
    }
}

fn mebibytes(bytes: u64) -> u64 {
    bytes.div_ceil(1 << 20)
}

#[expect(clippy::cast_precision_loss, reason = "counts of exchanges are small")]
fn share(count: usize) -> f64 {
    count.max(1) as f64
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
