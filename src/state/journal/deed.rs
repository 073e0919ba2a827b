//! The journal as people read it: one deed for all the lines from the first effect of an action to its end.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;

use super::ended::ENDED;
use super::{CALM, Entry, Phase, SET_STATE, Said, Subject, Verb};
use crate::apply::OutcomeResult;
use crate::id::{CommitId, ExchangeId};

/// The result of a deed that has no end yet.
const OPEN: &str = "open";

/// What was done about an exchange.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Deed {
    /// When it ended, or when its last line was written.
    pub time: Timestamp,
    /// When its first effect began.
    pub began: Timestamp,
    /// The exchange; a cluster, where a command was about one.
    pub id: Subject,
    /// The pass that asked for it; each process counts its own.
    pub pass: u64,
    /// Which command did it or said so, and as whom; none where the journal is of a version that did not say.
    pub actor: Option<String>,
    /// The commit acted for: its author is who wanted it.
    pub commit: Option<CommitId>,
    /// The word of the action; `set_state` where only the record was told how the exchange is; `suspend`, `resume` and
    /// `approve` where somebody said so. None of an action that
    /// has not ended.
    pub action: Option<String>,
    /// Why it was to be done, or why it failed or was held back in the middle.
    pub reason: Option<String>,
    /// The word of its outcome, `interrupted` when no end was written and something else begun after it, or `open` when no
    /// end was written yet.
    pub result: &'static str,
    /// Digest of what was released before; none when nothing of ours was.
    pub before: Option<String>,
    /// Digest of what is released now; none when nothing of ours is.
    pub after: Option<String>,
    /// From the first effect to the end; of what goes on, until now.
    pub seconds: f64,
    /// The effects in order, each once.
    pub steps: Vec<String>,
    /// In words, why it failed or was held back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

impl Deed {
    /// Whether somebody said something, and nothing was done.
    pub fn is_by_command(&self) -> bool {
        let verbs = [Verb::Suspend, Verb::Resume, Verb::Approve];
        let mut words = verbs.into_iter().map(Verb::word);
        words.any(|word| self.action.as_deref() == Some(word))
    }

    /// Whether something was done in a cluster or the registry, beside how its record says it is.
    pub fn is_effect(&self) -> bool {
        !self.is_by_command() && self.action.as_deref() != Some(SET_STATE)
    }

    /// Whether no end of it was written.
    pub fn is_unfinished(&self) -> bool {
        self.result == OPEN
    }

    /// It still goes on: it has taken until now.
    pub fn goes_on(&mut self, now: Timestamp) {
        self.seconds = seconds(self.began, now);
    }
}

/// The deeds that lines tell, oldest first.
pub fn deeds(entries: &[Entry]) -> Vec<Deed> {
    let mut open: BTreeMap<&ExchangeId, Open<'_>> = BTreeMap::new();
    let mut released: BTreeMap<&ExchangeId, String> = BTreeMap::new();
    let mut deeds = Vec::new();
    for entry in entries {
        if entry.begins {
            for lines in open.values_mut() {
                lines.is_cut = true;
            }
        }
        let Some(id) = &entry.id else {
            deeds.extend(Said::of(entry).map(|said| by_command(entry, said)));
            continue;
        };
        match (entry.step.as_str(), entry.phase) {
            (SET_STATE, Phase::Intent) | (CALM, _) => {}
            ("observed", _) => deeds.extend(interrupted(id, &mut open, &mut released)),
            (SET_STATE, _) => deeds.push(told(id, entry, released.get(id))),
            ("finished" | ENDED, _) => {
                if open.get(id).is_some_and(|lines| lines.is_of_another(entry)) {
                    deeds.extend(interrupted(id, &mut open, &mut released));
                }
                let lines = open.remove(id).unwrap_or_default();
                deeds.push(lines.end(id, entry, &mut released));
            }
            _ => {
                if open
                    .get(id)
                    .is_some_and(|lines| lines.is_followed_by(entry))
                {
                    deeds.extend(interrupted(id, &mut open, &mut released));
                }
                open.entry(id).or_default().lines.push(entry);
            }
        }
    }
    let unfinished = open.into_iter();
    deeds.extend(unfinished.filter_map(|(id, lines)| lines.left(id, &released)));
    deeds.sort_by_key(|deed| deed.time);
    deeds
}

/// What was begun and never ended: what was done after it is a deed of its own.
fn interrupted<'a>(
    id: &'a ExchangeId,
    open: &mut BTreeMap<&'a ExchangeId, Open<'a>>,
    released: &mut BTreeMap<&'a ExchangeId, String>,
) -> Option<Deed> {
    let lines = open.remove(id)?;
    let done = lines.left(id, released)?;
    if let Some(digest) = &done.after {
        released.insert(id, digest.clone());
    }
    Some(Deed {
        result: "interrupted",
        ..done
    })
}

/// The lines of an action that has not ended.
#[derive(Default)]
struct Open<'a> {
    lines: Vec<&'a Entry>,
    /// Another process writes since.
    is_cut: bool,
}

impl<'a> Open<'a> {
    /// Whether a line belongs to another task: each has one process, one pass and one commit.
    fn is_of_another(&self, entry: &Entry) -> bool {
        let last = self.lines.last();
        self.is_cut
            || last.is_some_and(|last| (last.pass, &last.commit) != (entry.pass, &entry.commit))
    }

    /// Whether a line begins another task: these lines were cut off before.
    fn is_followed_by(&self, entry: &Entry) -> bool {
        let begins = entry.phase == Phase::Intent;
        let cut = self.lines.last().is_some_and(|last| {
            last.phase == Phase::Intent || last.detail.get("cancelled").is_some()
        });
        self.is_of_another(entry) || (begins && cut)
    }

    fn steps(&self) -> Vec<String> {
        let mut steps: Vec<String> = self.lines.iter().map(|entry| entry.step.clone()).collect();
        steps.dedup();
        steps
    }

    fn began(&self) -> Option<Timestamp> {
        self.lines.first().map(|entry| entry.time)
    }

    fn end(
        self,
        id: &'a ExchangeId,
        entry: &Entry,
        released: &mut BTreeMap<&'a ExchangeId, String>,
    ) -> Deed {
        let before = released.get(id).cloned();
        self.release(id, released);
        let text = |key: &str| word(&entry.detail, key);
        let action = text("action").or_else(|| self.guess());
        let done = entry.phase == Phase::Done;
        if done && matches!(action.as_deref(), Some("uninstall" | "deregister")) {
            released.remove(id);
        }
        // A failure is written as what was refused and why.
        let why = entry.detail.get("why");
        let said = || text("began")?.parse().ok();
        let began = self.began().or_else(said).unwrap_or(entry.time);
        Deed {
            time: entry.time,
            began,
            id: Subject::Exchange(id.clone()),
            pass: entry.pass,
            actor: entry.actor.clone(),
            commit: entry.commit.clone(),
            reason: text("reason").or_else(|| word(why?, "reason")),
            action,
            result: result(entry),
            before,
            after: released.get(id).cloned(),
            seconds: seconds(began, entry.time),
            steps: self.steps(),
            text: text("text")
                .or_else(|| word(why?, "text"))
                .filter(|text| !text.is_empty()),
        }
    }

    fn left(self, id: &ExchangeId, released: &BTreeMap<&ExchangeId, String>) -> Option<Deed> {
        let last = self.lines.last()?;
        let began = self.began()?;
        let cancelled = last.detail.get("cancelled").is_some();
        let before = released.get(id).cloned();
        let mut released = BTreeMap::new();
        self.release(id, &mut released);
        let failed = (last.phase == Phase::Failed).then_some(&last.detail);
        Some(Deed {
            time: last.time,
            began,
            id: Subject::Exchange(id.clone()),
            pass: last.pass,
            actor: last.actor.clone(),
            commit: last.commit.clone(),
            action: self.guess(),
            reason: failed.and_then(|why| word(why, "reason")),
            result: if cancelled { "cancelled" } else { OPEN },
            after: released.get(id).cloned().or_else(|| before.clone()),
            before,
            seconds: seconds(began, last.time),
            steps: self.steps(),
            text: failed.and_then(|why| word(why, "text")),
        })
    }

    /// What the effects that were done released.
    fn release<'b>(&self, id: &'b ExchangeId, released: &mut BTreeMap<&'b ExchangeId, String>) {
        for entry in &self.lines {
            let helm = matches!(entry.step.as_str(), "helm_install" | "helm_upgrade");
            if helm
                && entry.phase == Phase::Done
                && let Some(digest) = word(&entry.detail, "digest")
            {
                released.insert(id, digest);
            }
        }
    }

    /// The action its effects belong to, where no end names it.
    fn guess(&self) -> Option<String> {
        let steps = self.lines.iter().map(|entry| entry.step.as_str());
        let action = steps.filter_map(|step| match step {
            "helm_install" => Some("install"),
            "helm_upgrade" | "helm_rollback" => Some("upgrade"),
            "helm_uninstall" | "save_manifest" | "mark_deleting" => Some("uninstall"),
            "patch_objects" => Some("repair"),
            "register" => Some("register"),
            "deregister" => Some("deregister"),
            _ => None,
        });
        action.into_iter().next().map(str::to_owned)
    }
}

/// Nothing was done yet, and what was released is as it was.
fn by_command(entry: &Entry, said: Said) -> Deed {
    Deed {
        time: entry.time,
        began: entry.time,
        pass: entry.pass,
        commit: entry.commit.clone(),
        action: Some(said.verb.word().to_owned()),
        reason: None,
        result: "done",
        before: None,
        after: None,
        seconds: 0.0,
        steps: Vec::new(),
        text: said.words(),
        id: said.about,
        actor: Some(said.by),
    }
}

fn told(id: &ExchangeId, entry: &Entry, released: Option<&String>) -> Deed {
    Deed {
        time: entry.time,
        began: entry.time,
        id: Subject::Exchange(id.clone()),
        pass: entry.pass,
        actor: entry.actor.clone(),
        commit: entry.commit.clone(),
        action: Some(SET_STATE.to_owned()),
        reason: word(&entry.detail, "state"),
        result: if entry.phase == Phase::Done {
            "done"
        } else {
            "failed"
        },
        before: released.cloned(),
        after: released.cloned(),
        seconds: 0.0,
        steps: vec![SET_STATE.to_owned()],
        text: None,
    }
}

/// The word of the outcome that the last line of an action tells.
fn result(entry: &Entry) -> &'static str {
    let told = entry.detail.get("result").cloned();
    let told = told.and_then(|word| serde_json::from_value::<OutcomeResult>(word).ok());
    let plain = if entry.phase == Phase::Done {
        OutcomeResult::Done
    } else {
        OutcomeResult::Failed
    };
    told.unwrap_or(plain).word()
}

fn seconds(began: Timestamp, until: Timestamp) -> f64 {
    let taken = until.duration_since(began);
    taken.max(SignedDuration::ZERO).as_secs_f64()
}

fn word(detail: &Value, key: &str) -> Option<String> {
    detail.get(key)?.as_str().map(str::to_owned)
}
