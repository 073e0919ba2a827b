//! From a line of the journal to a `CloudEvent`. Pure.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use url::Url;
use uuid::Uuid;

use super::Kind;
use crate::id::{CommitId, Digest, ExchangeId, Instance};
use crate::mask::masked;
use crate::state::journal::{Aspect, Entry, Notice, Phase, Place};

/// What stands in a subject for what an event is not about. No cluster, namespace or release can be called so.
const NONE: &str = "_";

/// Longest text in bytes: a server may take no more than a few kilobytes.
const LONGEST: usize = 4000;

/// Who tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Which natsx-sync.
    pub instance: Instance,
    /// The watched repository, as an address without a password.
    pub source: String,
    /// First tokens of the subjects.
    pub prefix: String,
}

impl Origin {
    /// Who tells of the folder `path` of a repository.
    pub fn new(instance: Instance, repository: &str, path: &str, prefix: String) -> Self {
        // A CloudEvent's source is an address, which a path of this host is not.
        let mut source = Url::from_file_path(repository)
            .map_or_else(|()| repository.to_owned(), |url| url.to_string());
        source.push('#');
        source.push_str(path);
        Self {
            instance,
            source,
            prefix,
        }
    }
}

/// A `CloudEvent` with where it is published.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The same whenever it is sent.
    pub id: String,
    /// What it tells.
    pub kind: Kind,
    /// Of what.
    pub place: Place,
    /// When it was written down.
    pub time: Timestamp,
    /// `PREFIX.CLUSTER.NAMESPACE.RELEASE.EVENT`.
    pub subject: String,
    source: String,
    data: Value,
}

impl Event {
    /// The event in the structured mode of `CloudEvents` 1.0.
    pub fn json(&self) -> Value {
        let subject = match &self.place {
            Place::Exchange(id) => id.to_string(),
            Place::Cluster(id) => id.to_string(),
            Place::Daemon(part) => part.clone(),
        };
        json!({
            "specversion": "1.0",
            "id": self.id,
            "source": self.source,
            "type": format!("natsx.v1.{}", self.kind.word()),
            "subject": subject,
            "time": self.time,
            "datacontenttype": "application/json",
            "data": self.data,
        })
    }
}

/// What a line tells, if it tells anything. `hash` is the line's.
pub fn event_of(entry: &Entry, hash: &Digest, origin: &Origin) -> Option<Event> {
    let Telling {
        kind,
        place,
        mut data,
    } = telling(entry)?;
    let tokens = match &place {
        Place::Exchange(id) => {
            data.extend(identity(id));
            [
                id.cluster.as_str(),
                id.namespace.as_str(),
                id.release.as_str(),
            ]
        }
        Place::Cluster(id) => {
            data.insert("cluster".to_owned(), json!(id));
            [id.as_str(), NONE, NONE]
        }
        Place::Daemon(_) => [NONE, NONE, origin.instance.as_str()],
    };
    data.insert("instance".to_owned(), json!(origin.instance));
    data.insert("pass".to_owned(), json!(entry.pass));
    data.insert(
        "commit".to_owned(),
        json!(entry.commit.as_ref().map(CommitId::as_str)),
    );
    data.insert("seq".to_owned(), json!(entry.seq));
    let [first, second, third] = tokens;
    let subject = format!("{}.{first}.{second}.{third}.{}", origin.prefix, kind.word());
    Some(Event {
        id: id(&origin.instance, hash),
        kind,
        place,
        time: entry.time,
        subject,
        source: origin.source.clone(),
        data: Value::Object(data),
    })
}

/// Of the line: the hash holds the time and everything before it, so that no other line of any journal has it.
fn id(instance: &Instance, hash: &Digest) -> String {
    let space = Uuid::new_v5(&crate::id::space(), b"events");
    Uuid::new_v5(&space, format!("{instance}/{hash}").as_bytes()).to_string()
}

struct Telling {
    kind: Kind,
    place: Place,
    data: Map<String, Value>,
}

fn telling(entry: &Entry) -> Option<Telling> {
    if let Some(notice) = Notice::of(entry) {
        return Some(noticed(notice));
    }
    let place = Place::Exchange(entry.id.clone()?);
    let detail = |key: &str| entry.detail.get(key).cloned().unwrap_or_default();
    let mut data = Map::new();
    let kind = match (entry.step.as_str(), entry.phase) {
        ("helm_install" | "helm_upgrade" | "helm_rollback" | "helm_uninstall", Phase::Intent) => {
            let verb = entry.step.strip_prefix("helm_");
            data.insert("action".to_owned(), json!(verb));
            Kind::Applying
        }
        ("finished", Phase::Done) => {
            data.insert("action".to_owned(), detail("action"));
            data.insert("reason".to_owned(), detail("reason"));
            match detail("action").as_str() {
                Some("uninstall" | "deregister") => Kind::Removed,
                _ => Kind::Applied,
            }
        }
        // The same again is no news.
        ("finished", Phase::Failed) if detail("count") == json!(1) => {
            let why = detail("why");
            let text = why.get("text").and_then(Value::as_str).unwrap_or_default();
            data.insert("action".to_owned(), detail("action"));
            data.insert(
                "reason".to_owned(),
                why.get("reason").cloned().unwrap_or_default(),
            );
            data.insert("text".to_owned(), json!(short(&masked(text))));
            data.insert("again".to_owned(), detail("until"));
            Kind::Failed
        }
        _ => return None,
    };
    Some(Telling { kind, place, data })
}

fn noticed(notice: Notice) -> Telling {
    let kind = match (notice.aspect, notice.reason) {
        (Aspect::Hold, Some(_)) => Kind::Blocked,
        (Aspect::Hold, None) => Kind::Unblocked,
        (Aspect::Drift, Some(_)) => Kind::Drifted,
        (Aspect::Drift, None) => Kind::Restored,
        (Aspect::Health, Some(crate::reason::Reason::Ready) | None) => Kind::Healthy,
        (Aspect::Health, Some(_)) => Kind::Degraded,
        (Aspect::Trouble, Some(_)) => Kind::Troubled,
        (Aspect::Trouble, None) => Kind::Recovered,
    };
    let mut data = Map::new();
    data.insert("reason".to_owned(), json!(notice.reason));
    data.insert("text".to_owned(), json!(short(&masked(&notice.text))));
    if let Place::Daemon(part) = &notice.place {
        data.insert("part".to_owned(), json!(part));
    }
    Telling {
        kind,
        place: notice.place,
        data,
    }
}

fn identity(id: &ExchangeId) -> [(String, Value); 3] {
    [
        ("cluster".to_owned(), json!(id.cluster)),
        ("namespace".to_owned(), json!(id.namespace)),
        ("release".to_owned(), json!(id.release)),
    ]
}

fn short(text: &str) -> &str {
    let mut end = text.len().min(LONGEST);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests;
