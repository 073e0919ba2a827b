//! Finds the exchange somebody means: by its id, the end of it from a `/` on, or its file or the end of that. One rule for every command.

use super::gone::{self, Gone};
use super::{Common, Failure, NOTHING_MATCHED};
use crate::diagnostic::nearest;
use crate::exchange::desired::DesiredExchange;
use crate::id::ExchangeId;
use crate::state::State;
use crate::status::{Status, StatusEntry};

/// So many of several are listed.
const LISTED: usize = 5;

/// What an exchange can be called by.
pub(super) trait Called {
    /// Its identity, where it is known.
    fn id(&self) -> Option<&ExchangeId>;
    /// From the repository's root; empty where it is not known.
    fn file(&self) -> &str;

    /// Whether somebody means it.
    fn is_called(&self, wanted: &str) -> bool {
        let wanted = wanted.trim_start_matches("./");
        let by_file = !self.file().is_empty() && self.file() == wanted;
        by_file || self.id().is_some_and(|id| names(wanted, &id.to_string()))
    }
}

impl<C: Called> Called for &C {
    fn id(&self) -> Option<&ExchangeId> {
        C::id(self)
    }

    fn file(&self) -> &str {
        C::file(self)
    }
}

impl Called for StatusEntry {
    fn id(&self) -> Option<&ExchangeId> {
        self.id.as_ref()
    }

    fn file(&self) -> &str {
        &self.file
    }
}

/// One whose identity is known.
pub(super) struct Known<'s> {
    pub(super) id: &'s ExchangeId,
    pub(super) file: &'s str,
}

impl Called for Known<'_> {
    fn id(&self) -> Option<&ExchangeId> {
        Some(self.id)
    }

    fn file(&self) -> &str {
        self.file
    }
}

impl Called for DesiredExchange {
    fn id(&self) -> Option<&ExchangeId> {
        Some(&self.id)
    }

    fn file(&self) -> &str {
        &self.file
    }
}

impl Called for ExchangeId {
    fn id(&self) -> Option<&ExchangeId> {
        Some(self)
    }

    fn file(&self) -> &'static str {
        ""
    }
}

/// Why it is not known which exchange is meant.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotOne {
    /// Nothing is called so.
    #[error("no exchange is called {wanted:?}{near}; `natsx-sync status` lists them")]
    Nothing {
        /// What was written.
        wanted: String,
        /// A proposal, as a part of the sentence.
        near: String,
    },
    /// More than one is.
    #[error("{wanted:?} names {count} exchanges, write more of the id: {listed}")]
    Several {
        /// What was written.
        wanted: String,
        /// How many.
        count: usize,
        /// The first of them.
        listed: String,
    },
    /// It was there, or may still be, and is not listed.
    #[error("{0}")]
    Gone(Box<Gone>),
}

/// Exit code 7.
pub(super) fn refused(error: NotOne) -> Failure {
    Failure::new(NOTHING_MATCHED, error)
}

/// The one that is meant.
pub(super) fn one_of<C: Called>(
    wanted: &str,
    known: impl IntoIterator<Item = C>,
) -> Result<C, NotOne> {
    let known: Vec<C> = known.into_iter().collect();
    let near = alike(wanted, known.iter().filter_map(Called::id));
    let is_any = known.iter().any(|one| one.is_called(wanted));
    // A file's name or the end of its path counts where nothing is called so.
    let is_it = |one: &C| one.is_called(wanted) || !is_any && ends(one.file(), wanted);
    let mut found: Vec<C> = known.into_iter().filter(is_it).collect();
    // Two files may declare one exchange: it is one all the same.
    found.dedup_by(|one, other| one.id().is_some() && one.id() == other.id());
    let count = found.len();
    let listed: Vec<_> = found.iter().take(LISTED).map(shown).collect();
    let mut found = found.into_iter();
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (None, _) => Err(NotOne::Nothing {
            wanted: wanted.to_owned(),
            near: near.map_or_else(String::new, |near| format!(", but {near} is there")),
        }),
        (Some(_), Some(_)) => Err(NotOne::Several {
            wanted: wanted.to_owned(),
            count,
            listed: listed.join(", ") + if count > LISTED { ", …" } else { "" },
        }),
    }
}

/// Whether a file is named by the end of its path from a `/` on, with or without what marks it as YAML.
fn ends(file: &str, wanted: &str) -> bool {
    let bare = file.strip_suffix(".yaml").or(file.strip_suffix(".yml"));
    [Some(file), bare]
        .into_iter()
        .flatten()
        .any(|file| names(wanted, file))
}

fn shown<C: Called>(one: &C) -> String {
    one.id()
        .map_or_else(|| one.file().to_owned(), ToString::to_string)
}

/// The exchange that was probably meant: compared with as much of each id as was written.
pub(super) fn alike<'i>(
    wanted: &str,
    ids: impl IntoIterator<Item = &'i ExchangeId>,
) -> Option<String> {
    let ids: Vec<String> = ids.into_iter().map(ToString::to_string).collect();
    let parts = wanted.matches('/').count();
    let end = |id: &'_ String| {
        let cut = id
            .rmatch_indices('/')
            .nth(parts)
            .map_or(0, |(at, _)| at + 1);
        id.get(cut..).unwrap_or_default().to_owned()
    };
    let ends: Vec<String> = ids.iter().map(end).collect();
    let near = nearest(wanted, ends.iter().map(String::as_str))?;
    let mut each = ids.iter().zip(&ends);
    each.find(|(_, end)| *end == near).map(|(id, _)| id.clone())
}

/// Whether `wanted` is the id or an ending of it at a `/`.
fn names(wanted: &str, id: &str) -> bool {
    id == wanted
        || id
            .strip_suffix(wanted)
            .is_some_and(|rest| rest.ends_with('/'))
}

/// The state folder of the settings, to look at.
pub(super) fn state(common: &Common) -> Result<State, Failure> {
    let folder = common.settings()?.settings.state;
    Ok(State::look(&folder.ok_or_else(super::status::no_state)?)?)
}

/// The state folder that was looked at, to leave something in it. None is made: where nothing ever ran, nobody would see
/// what is left, and whoever left it would take it for done.
pub(super) fn to_write(state: &State) -> Result<State, Failure> {
    if !state.folder().exists() {
        return Err(super::status::no_status(state.folder()));
    }
    Ok(State::open_to_write(state.folder())?)
}

/// The exchange that is called so in the last status. Before the first pass nothing is known of any, but a whole id says
/// itself which one is meant.
pub(super) fn named(state: &State, wanted: &str) -> Result<ExchangeId, Failure> {
    let status = match state.read_status()? {
        Some(status) if status.pass > 0 => status,
        before => {
            let whole = wanted.parse().ok();
            return whole.ok_or_else(|| match before {
                Some(status) => unknown_yet(wanted, &status),
                None => super::status::no_status(state.folder()),
            });
        }
    };
    let known = status.exchanges.iter().filter_map(|entry| {
        Some(Known {
            id: entry.id.as_ref()?,
            file: &entry.file,
        })
    });
    let found = one_of(wanted, known).map(|one| one.id.clone());
    found.map_err(|error| refused(gone::told(state, &status, wanted, error)))
}

/// Why nothing can be said of an exchange before the first pass: it may well be there.
pub(super) fn unknown_yet(wanted: &str, status: &Status) -> Failure {
    let why = status.trouble.as_ref().map_or_else(
        || "the first pass is running".to_owned(),
        |trouble| format!("no pass can be made: {} ({})", trouble.text, trouble.reason),
    );
    Failure::from(anyhow::anyhow!("nothing is known of {wanted} yet: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> ExchangeId {
        text.parse().unwrap()
    }

    #[test]
    fn an_exchange_is_meant_by_its_id_or_an_ending_of_it() {
        let known = [id("us/ns/nats"), id("us/other/nats"), id("us/ns/orders")];
        for (wanted, meant) in [
            ("us/ns/nats", "us/ns/nats"),
            ("ns/nats", "us/ns/nats"),
            ("orders", "us/ns/orders"),
        ] {
            assert_eq!(one_of(wanted, &known).unwrap(), &id(meant));
        }
        let several = one_of("nats", &known).unwrap_err().to_string();
        assert!(several.contains("us/ns/nats, us/other/nats"), "{several}");
        let near = one_of("order", &known).unwrap_err().to_string();
        assert!(near.contains("us/ns/orders is there"), "{near}");
        let nothing = one_of("ats", &known[2..]).unwrap_err().to_string();
        assert!(
            nothing.contains("no exchange is called \"ats\";"),
            "{nothing}"
        );
    }

    #[test]
    fn a_file_is_meant_by_its_name_where_no_exchange_is_called_so() {
        let one = |id: Option<&'static str>, file| Declared(id.map(self::id), file);
        let known = [
            one(None, "exchanges/bad.yaml"),
            one(Some("us/ns/nats"), "exchanges/orders.yaml"),
            one(Some("us/ns/orders"), "exchanges/x/other.yml"),
        ];
        for (wanted, meant) in [
            ("bad", 0),
            ("bad.yaml", 0),
            ("orders", 2),
            ("orders.yaml", 1),
            ("x/other", 2),
        ] {
            let found = one_of(wanted, &known).unwrap();
            assert_eq!(found.file(), known[meant].file(), "{wanted}");
        }
        assert!(one_of("ad.yaml", &known).is_err());
    }

    struct Declared(Option<ExchangeId>, &'static str);

    impl Called for Declared {
        fn id(&self) -> Option<&ExchangeId> {
            self.0.as_ref()
        }

        fn file(&self) -> &str {
            self.1
        }
    }

    #[test]
    fn two_files_of_one_exchange_are_one() {
        let known = [id("us/ns/nats"), id("us/ns/nats")];
        assert_eq!(one_of("nats", &known).unwrap(), &known[0]);
    }
}
