//! What a file of an old commit declared.

use super::desired::Terms;
use super::finding::Findings;
use super::parse::parse;
use crate::diagnostic::Severity;
use crate::id::ExchangeId;
use crate::reason::Reason;
use crate::source::checkout::SourceFile;
use crate::yaml::{self, Fault};

/// Identity and terms of a file without errors; `None` if it has any. Values are not judged: the
/// rules for them depend on settings, and have changed since.
pub fn declare(path: &str, bytes: &[u8]) -> Option<(ExchangeId, Terms)> {
    let file = SourceFile {
        path: path.to_owned(),
        blob: String::new(),
        bytes: bytes.to_vec(),
    };
    let document = yaml::read(bytes);
    let unreadable = |fault: &Fault| fault.reason != Reason::AmbiguousScalar;
    if document.faults.iter().any(unreadable) {
        return None;
    }
    let mut findings = Findings::of(&file);
    let root = document.root?;
    let declared = parse(&root, false, &mut findings);
    let sound = findings
        .list
        .iter()
        .all(|found| found.severity != Severity::Error);
    declared.id.filter(|_| sound).map(|id| (id, declared.terms))
}
