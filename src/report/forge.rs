//! Findings where forges show them: at the line of a change.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::safe;
use super::safe::json_text;
use crate::diagnostic::{Diagnostic, Severity};
use crate::mask::masked_findings;
use crate::reason::Reason;

/// A workflow command per finding, escaped by GitHub's rules.
pub fn diagnostics_github(findings: &[Diagnostic]) -> String {
    masked_findings(findings).iter().map(annotation).collect()
}

fn annotation(finding: &Diagnostic) -> String {
    let word = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "notice",
    };
    let mut properties = Vec::new();
    if let Some(file) = &finding.file {
        properties.push(format!("file={}", property(&safe(file))));
    }
    for (name, number) in [("line", finding.line), ("col", finding.column)] {
        properties.extend(number.map(|number| format!("{name}={number}")));
    }
    properties.push(format!("title={}", finding.reason));
    let lines = std::iter::once(&finding.text).chain(&finding.hint);
    let message: Vec<String> = lines.map(|line| data(&safe(line))).collect();
    let message = message.join("%0A");
    format!("::{word} {}::{message}\n", properties.join(","))
}

fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// SARIF 2.1.0, with a rule for each reason that occurs.
pub fn diagnostics_sarif(findings: &[Diagnostic]) -> String {
    let findings = masked_findings(findings);
    let mut reasons: Vec<Reason> = findings.iter().map(|finding| finding.reason).collect();
    reasons.sort_unstable_by_key(|reason| reason.name());
    reasons.dedup();
    let rules: Vec<Value> = reasons.iter().map(|reason| rule(*reason)).collect();
    let results: Vec<Value> = findings
        .iter()
        .map(|finding| result(finding, &reasons))
        .collect();
    let document = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "natsx-sync",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    json_text(&document).unwrap_or_default()
}

fn rule(reason: Reason) -> Value {
    json!({
        "id": reason.name(),
        "name": reason.name(),
        "shortDescription": {"text": reason.story()},
        "help": {"text": format!("{}\nnatsx-sync explain {}", reason.story(), reason.name())},
    })
}

fn result(finding: &Diagnostic, reasons: &[Reason]) -> Value {
    let level = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    };
    let hint = finding
        .hint
        .as_ref()
        .map_or_else(String::new, |hint| format!("\n{}", safe(hint)));
    let locations: Vec<Value> = finding
        .file
        .iter()
        .map(|file| location(file, finding))
        .collect();
    json!({
        "ruleId": finding.reason.name(),
        "ruleIndex": reasons.iter().position(|reason| *reason == finding.reason),
        "level": level,
        "message": {"text": format!("{}{hint}", safe(&finding.text))},
        "locations": locations,
    })
}

fn location(file: &str, finding: &Diagnostic) -> Value {
    let mut place = json!({"artifactLocation": {"uri": uri(file), "uriBaseId": "%SRCROOT%"}});
    if let (Some(line), Some(fields)) = (finding.line, place.as_object_mut()) {
        let column = finding.column.unwrap_or(1).max(1);
        let region = json!({"startLine": line.max(1), "startColumn": column});
        fields.insert("region".to_owned(), region);
    }
    json!({"physicalLocation": place})
}

/// A path as a relative reference (RFC 3986 2.3, 3.3).
fn uri(path: &str) -> String {
    const WITHIN_A_PATH: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~')
        .remove(b'/');
    utf8_percent_encode(path, WITHIN_A_PATH).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding() -> Diagnostic {
        Diagnostic::error(Reason::UnknownField, "50% of\n::error::it")
            .at("exchanges/a,b:c d.yaml", 3, 7)
            .hint("write this")
    }

    #[test]
    fn annotations_are_escaped_by_githubs_rules() {
        assert_eq!(
            diagnostics_github(&[finding()]),
            "::error file=exchanges/a%2Cb%3Ac d.yaml,line=3,col=7,title=UnknownField::50%25 of\\n\\u{3a}:error::it%0Awrite this\n"
        );
    }

    #[test]
    fn sarif_names_rule_and_place() {
        let text = diagnostics_sarif(&[finding()]);
        let document: Value = serde_json::from_str(&text).unwrap();
        let run = &document["runs"][0];
        let result = &run["results"][0];
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(run["tool"]["driver"]["rules"][index]["id"], "UnknownField");
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(
            place["artifactLocation"]["uri"],
            "exchanges/a%2Cb%3Ac%20d.yaml"
        );
        assert_eq!(place["region"], json!({"startLine": 3, "startColumn": 7}));
    }
}
