//! What ran, how long it took, and how many tests passed, failed or were skipped.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

/// One line of the summary.
#[derive(Debug, Default)]
struct Part {
    name: String,
    took: Option<Duration>,
    passed: usize,
    failed: usize,
    skipped: usize,
}

/// Everything that ran.
#[derive(Debug)]
pub(super) struct Tally {
    began: Instant,
    parts: Vec<Part>,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            parts: Vec::new(),
        }
    }
}

impl Tally {
    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Something that is no test program.
    pub(super) fn part(&mut self, name: &str, began: Instant) {
        self.parts.push(Part {
            name: name.to_owned(),
            took: Some(began.elapsed()),
            ..Part::default()
        });
    }

    /// Tests that could not be run here.
    pub(super) fn skip(&mut self, name: &str, count: usize) {
        self.parts.push(Part {
            name: name.to_owned(),
            skipped: count,
            ..Part::default()
        });
    }

    pub(super) fn is_plausible(&self) -> bool {
        self.parts.iter().any(|part| part.passed > 0)
    }

    /// Passes on what `cargo test` says and counts on the way.
    pub(super) fn read(&mut self, from: impl Read, mut out: impl Write) -> Result<()> {
        let mut name = String::new();
        for line in BufReader::new(from).split(b'\n') {
            let line = line?;
            out.write_all(&line)?;
            out.write_all(b"\n")?;
            let line = String::from_utf8_lossy(&line);
            if let Some(program) = program(&line) {
                name = program;
            } else if let Some(part) = result(&line) {
                self.parts.push(Part {
                    name: name.clone(),
                    ..part
                });
            }
        }
        Ok(())
    }

    /// A line for each part that did something, and the sum.
    pub(super) fn show(&self) -> Result<()> {
        let mut sum = Part {
            name: "together".to_owned(),
            took: Some(self.elapsed()),
            ..Part::default()
        };
        say("")?;
        for part in &self.parts {
            sum.passed += part.passed;
            sum.failed += part.failed;
            sum.skipped += part.skipped;
            if part.took.is_some() || part.passed + part.failed + part.skipped > 0 {
                say(&part.line())?;
            }
        }
        say(&sum.line())
    }
}

impl Part {
    fn line(&self) -> String {
        let took = self.took.map(shown).unwrap_or_default();
        let counts = if self.passed + self.failed + self.skipped == 0 {
            String::new()
        } else {
            format!(
                "{:5} passed {:3} failed {:3} skipped",
                self.passed, self.failed, self.skipped
            )
        };
        format!("{:32} {took:>13}  {counts}", self.name)
            .trim_end()
            .to_owned()
    }
}

/// The test program that cargo says it starts: `Running tests/road/main.rs (target/…)`.
fn program(line: &str) -> Option<String> {
    let line = line.trim_start();
    if let Some(name) = line.strip_prefix("Doc-tests ") {
        return Some(format!("documentation of {name}"));
    }
    let line = line.strip_prefix("Running ")?;
    let (name, path) = line.split_once(" (")?;
    let package = path.rsplit('/').next()?.split('-').next()?;
    Some(match name.strip_prefix("unittests ") {
        Some(_) => format!("units of {package}"),
        None => name.trim_end_matches("/main.rs").to_owned(),
    })
}

/// `test result: ok. 22 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 130.21s`
fn result(line: &str) -> Option<Part> {
    let rest = line.strip_prefix("test result: ")?;
    let count = |word: &str| {
        let before = rest.split(word).next()?.trim_end();
        before.rsplit(' ').next()?.parse().ok()
    };
    let seconds: f64 = rest
        .rsplit("finished in ")
        .next()?
        .trim_end_matches('s')
        .parse()
        .ok()?;
    Some(Part {
        name: String::new(),
        took: Some(Duration::try_from_secs_f64(seconds).ok()?),
        passed: count(" passed")?,
        failed: count(" failed")?,
        skipped: count(" ignored")?,
    })
}

pub(super) fn shown(time: Duration) -> String {
    if time.as_secs() < 60 {
        format!("{:.1} s", time.as_secs_f32())
    } else {
        format!("{} min {:02} s", time.as_secs() / 60, time.as_secs() % 60)
    }
}

pub(super) fn say(text: &str) -> Result<()> {
    writeln!(std::io::stdout(), "== {text}").context("nobody listens")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_cargo_are_counted() {
        let text = "     Running unittests src/lib.rs (target/debug/deps/natsx_sync-0a1b)\n\
            test id::parses ... ok\n\
            test result: ok. 412 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 6.10s\n\
            \u{20}    Running tests/road/main.rs (target/debug/deps/road-0a1b)\n\
            test result: FAILED. 21 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 130.21s\n";
        let mut tally = Tally::default();
        tally.read(text.as_bytes(), std::io::sink()).unwrap();
        let lines: Vec<_> = tally.parts.iter().map(Part::line).collect();
        assert_eq!(
            lines,
            [
                "units of natsx_sync                      6.1 s    412 passed   0 failed   1 skipped",
                "tests/road                          2 min 10 s     21 passed   1 failed   0 skipped",
            ]
        );
        assert!(tally.is_plausible());
    }
}
