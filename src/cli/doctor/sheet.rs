//! What `doctor` says of each thing it looked at.

use std::fmt::Write as _;

use serde::Serialize;

use crate::cli::options::Format;
use crate::report::{FORMAT_VERSION, hanging, json_text};

/// As wide as what stands before each thing.
const INDENT: &str = "      ";

/// What was found.
#[derive(Default)]
pub(super) struct Sheet {
    checks: Vec<Check>,
    grants: Vec<String>,
}

/// One thing that was looked at.
#[derive(Serialize)]
struct Check {
    what: String,
    result: Verdict,
    text: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    /// It could be otherwise, and everything works.
    Note,
    Bad,
    Untried,
}

impl Verdict {
    fn mark(self) -> &'static str {
        match self {
            Self::Ok => "ok   ",
            Self::Note => "note ",
            Self::Bad => "BAD  ",
            Self::Untried => "?    ",
        }
    }
}

impl Sheet {
    pub(super) fn good(&mut self, what: &str, text: &str) {
        self.add(Verdict::Ok, what, text, None);
    }

    pub(super) fn note(&mut self, what: &str, text: &str) {
        self.add(Verdict::Note, what, text, None);
    }

    pub(super) fn bad(&mut self, what: &str, text: &str, advice: &str) {
        self.add(Verdict::Bad, what, text, Some(advice));
    }

    pub(super) fn untried(&mut self, what: &str, text: &str, advice: &str) {
        self.add(Verdict::Untried, what, text, Some(advice));
    }

    /// Rights to be given, which are copied as they stand.
    pub(super) fn grant(&mut self, text: String) {
        self.grants.push(text);
    }

    fn add(&mut self, result: Verdict, what: &str, text: &str, advice: Option<&str>) {
        self.checks.push(Check {
            what: what.to_owned(),
            result,
            text: text.to_owned(),
            advice: advice.map(ToOwned::to_owned),
        });
    }

    pub(super) fn is_bad(&self) -> bool {
        self.count(Verdict::Bad) > 0
    }

    fn count(&self, result: Verdict) -> usize {
        let of = self.checks.iter().filter(|check| check.result == result);
        of.count()
    }

    pub(super) fn show(&self, format: Format, width: u16) -> serde_json::Result<String> {
        match format {
            Format::Text => Ok(self.text(width)),
            Format::Json => json_text(&serde_json::json!({
                "format_version": FORMAT_VERSION,
                "bad": self.count(Verdict::Bad),
                "checks": self.checks,
                "grants": self.grants,
            })),
        }
    }

    fn text(&self, width: u16) -> String {
        let fit = |text: &str| hanging(text, INDENT, width);
        let mut text = String::new();
        for check in &self.checks {
            let (mark, what) = (check.result.mark(), &check.what);
            let said = fit(&format!("{what}: {}", check.text));
            writeln!(text, "{mark} {said}").ok();
            if let Some(advice) = &check.advice {
                writeln!(text, "{INDENT}{}", fit(advice)).ok();
            }
        }
        let end = match (self.count(Verdict::Bad), self.count(Verdict::Untried)) {
            (0, 0) => "everything is there".to_owned(),
            (0, untried) => format!("all that was tried is there; {untried} not tried"),
            (bad, _) => format!("{bad} to mend"),
        };
        writeln!(text, "{end}").ok();
        text.extend(self.grants.iter().map(String::as_str));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::UNBOUNDED;

    #[test]
    fn what_is_found_fits_into_the_window() {
        let mut sheet = Sheet::default();
        sheet.bad(
            "cluster east",
            &"many words ".repeat(20),
            &"advice ".repeat(20),
        );
        let text = sheet.show(Format::Text, 60).unwrap();
        assert!(text.lines().count() > 6, "{text}");
        assert!(
            text.lines().all(|line| line.chars().count() <= 60),
            "{text}"
        );
    }

    #[test]
    fn people_and_programs_are_told_the_same() {
        let mut sheet = Sheet::default();
        sheet.good("helm", "4.1.4");
        sheet.bad(
            "cluster east",
            "permissions are missing:\nget pods",
            "grant them",
        );
        sheet.untried("chart", "not here yet", "--fetch-chart tries it now");
        sheet.grant("# cluster east\nkind: Role\n".to_owned());
        let text = sheet.show(Format::Text, UNBOUNDED).unwrap();
        assert_eq!(
            text,
            "ok    helm: 4.1.4\nBAD   cluster east: permissions are missing:\n      get pods\n      grant them\n?     chart: not here yet\n      --fetch-chart tries it now\n1 to mend\n# cluster east\nkind: Role\n"
        );
        let json = sheet.show(Format::Json, UNBOUNDED).unwrap();
        let told: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(told["bad"], 1);
        let checks = told["checks"].as_array().unwrap().iter();
        let results: Vec<_> = checks.map(|check| &check["result"]).collect();
        assert_eq!(results, ["ok", "bad", "untried"]);
        assert_eq!(told["checks"][1]["advice"], "grant them");
    }
}
