//! What `doctor` says of each thing it looked at.

use std::fmt::Write as _;

use serde::Serialize;

use crate::report::{FORMAT_VERSION, hanging, json_text};

/// As wide as what stands before each thing.
const INDENT: &str = "      ";

/// What was found.
#[derive(Default)]
pub(super) struct Sheet {
    checks: Vec<Check>,
}

/// One thing that was looked at.
#[derive(Serialize)]
pub(super) struct Check {
    what: String,
    result: Verdict,
    text: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
    /// Rights to be given, which are copied as they stand.
    #[serde(skip)]
    grant: Option<String>,
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

impl Check {
    pub(super) fn good(what: &str, text: &str) -> Self {
        Self::new(Verdict::Ok, what, text, None)
    }

    pub(super) fn note(what: &str, text: &str) -> Self {
        Self::new(Verdict::Note, what, text, None)
    }

    pub(super) fn bad(what: &str, text: &str, advice: &str) -> Self {
        Self::new(Verdict::Bad, what, text, Some(advice))
    }

    pub(super) fn untried(what: &str, text: &str, advice: &str) -> Self {
        Self::new(Verdict::Untried, what, text, Some(advice))
    }

    /// The same, with rights to be given.
    pub(super) fn granting(self, grant: String) -> Self {
        Self {
            grant: Some(grant),
            ..self
        }
    }

    fn new(result: Verdict, what: &str, text: &str, advice: Option<&str>) -> Self {
        Self {
            what: what.to_owned(),
            result,
            text: text.to_owned(),
            advice: advice.map(ToOwned::to_owned),
            grant: None,
        }
    }

    /// For people.
    pub(super) fn show(&self, width: u16) -> String {
        let fit = |text: &str| hanging(text, INDENT, width);
        let said = fit(&format!("{}: {}", self.what, self.text));
        let mut text = format!("{} {said}\n", self.result.mark());
        if let Some(advice) = &self.advice {
            writeln!(text, "{INDENT}{}", fit(advice)).ok();
        }
        text
    }
}

impl Sheet {
    pub(super) fn add(&mut self, check: Check) {
        self.checks.push(check);
    }

    pub(super) fn is_bad(&self) -> bool {
        self.count(Verdict::Bad) > 0
    }

    fn count(&self, result: Verdict) -> usize {
        let of = self.checks.iter().filter(|check| check.result == result);
        of.count()
    }

    fn grants(&self) -> impl Iterator<Item = &str> {
        let checks = self.checks.iter();
        checks.filter_map(|check| check.grant.as_deref())
    }

    /// What stands below the checks for people: how it is, and the rights to be given.
    pub(super) fn end(&self) -> String {
        let end = match (self.count(Verdict::Bad), self.count(Verdict::Untried)) {
            (0, 0) => "everything is there".to_owned(),
            (0, untried) => format!("all that was tried is there; {untried} not tried"),
            (bad, _) => format!("{bad} to mend"),
        };
        let mut text = end + "\n";
        text.extend(self.grants());
        text
    }

    /// All of it, for programs.
    pub(super) fn json(&self) -> serde_json::Result<String> {
        json_text(&serde_json::json!({
            "format_version": FORMAT_VERSION,
            "bad": self.count(Verdict::Bad),
            "checks": self.checks,
            "grants": self.grants().collect::<Vec<_>>(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::UNBOUNDED;

    #[test]
    fn what_is_found_fits_into_the_window() {
        let check = Check::bad(
            "cluster east",
            &"many words ".repeat(20),
            &"advice ".repeat(20),
        );
        let text = check.show(60);
        assert!(text.lines().count() > 6, "{text}");
        assert!(
            text.lines().all(|line| line.chars().count() <= 60),
            "{text}"
        );
    }

    #[test]
    fn people_and_programs_are_told_the_same() {
        let mut sheet = Sheet::default();
        sheet.add(Check::good("helm", "4.1.4"));
        let missing = "permissions are missing:\nget pods";
        let missing = Check::bad("cluster east", missing, "grant them");
        sheet.add(missing.granting("# cluster east\nkind: Role\n".to_owned()));
        sheet.add(Check::untried(
            "chart",
            "not here yet",
            "--fetch-chart tries it now",
        ));
        let checks = sheet.checks.iter().map(|check| check.show(UNBOUNDED));
        assert_eq!(
            checks.collect::<String>() + &sheet.end(),
            "ok    helm: 4.1.4\nBAD   cluster east: permissions are missing:\n      get pods\n      grant them\n?     chart: not here yet\n      --fetch-chart tries it now\n1 to mend\n# cluster east\nkind: Role\n"
        );
        let told: serde_json::Value = serde_json::from_str(&sheet.json().unwrap()).unwrap();
        assert_eq!(told["bad"], 1);
        let checks = told["checks"].as_array().unwrap().iter();
        let results: Vec<_> = checks.map(|check| &check["result"]).collect();
        assert_eq!(results, ["ok", "bad", "untried"]);
        assert_eq!(told["checks"][1]["advice"], "grant them");
        assert_eq!(told["grants"][0], "# cluster east\nkind: Role\n");
        assert!(told["checks"][1].get("grant").is_none(), "{told}");
    }
}
