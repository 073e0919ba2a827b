//! How far the passes are on the way to a commit.

use anyhow::anyhow;

use super::Args;
use crate::cli::{Common, ERROR, Failure};
use crate::id::CommitId;
use crate::observe::observed::Ancestry;
use crate::pass::{Repository, mirrored};
use crate::source::SourceError;
use crate::status::Status;

/// So many passes after the first that was seen, a mirror has everything that was there when the wait began.
const FETCHED: u64 = 2;

/// As short as people write the id of a commit.
const SHORTEST: usize = 7;

/// What gives sight.
const BLIND: &str = "give --source DIR|URL or --config FILE as for `run`";

pub(super) struct Road<'a> {
    common: &'a Common,
    /// The daemon is one that answers at an address.
    is_other_host: bool,
    wanted: Option<String>,
    /// The first pass that was seen.
    first: Option<u64>,
    /// The last pass that was asked about, and whether it was at the commit or behind it.
    asked: Option<(u64, bool)>,
    /// The repository could not be read from here.
    is_blind: bool,
}

impl<'a> Road<'a> {
    /// Refuses a commit that a repository of this host does not have: no pass will ever reach it.
    pub(super) fn open(common: &'a Common, args: &Args) -> Result<Self, Failure> {
        let mut road = Self {
            common,
            is_other_host: args.status.is_some(),
            wanted: args.commit.clone(),
            first: None,
            asked: None,
            is_blind: false,
        };
        let Some(wanted) = &args.commit else {
            return Ok(road);
        };
        let repository = road.repository();
        road.is_blind = repository.is_none();
        if args.status.is_none() {
            let Some(repository) = repository else {
                can_be_met(wanted)?;
                return Ok(road);
            };
            if !repository.source.is_remote() {
                repository.source.commit(wanted)?;
            } else if is_head(wanted) {
                return Err(Failure::new(
                    ERROR,
                    anyhow!(
                        "{wanted} of {} is what was fetched last, which is reached already; say which commit is meant: --commit $(git rev-parse {wanted})",
                        repository.source.display()
                    ),
                ));
            }
        }
        Ok(road)
    }

    /// The watched repository, where it can be read from here: the daemon's, or what is named.
    fn repository(&self) -> Option<Repository> {
        if !self.is_other_host
            && let Some(Ok(settings)) = self.common.daemon_settings()
            && let Ok(repository) = mirrored(&settings)
        {
            return Some(repository);
        }
        let settings = self.common.settings().ok()?.settings;
        let repository = Repository::open(&settings, settings.state.as_deref()).ok()?;
        // Where nobody named one, a folder in which somebody happens to be is none.
        let is_meant = settings.source.url.is_some() || repository.source.is_git();
        is_meant.then_some(repository)
    }

    /// What is missing to know more than whether the commit itself is reached.
    pub(super) fn blindness(&self) -> Option<&'static str> {
        self.is_blind.then_some(BLIND)
    }

    /// Whether a commit is waited for.
    pub(super) fn is_any(&self) -> bool {
        self.wanted.is_some()
    }

    /// Whether a commit is the wanted one or comes after it, as far as can be known here.
    pub(super) fn leads_to(&self, at: &CommitId) -> bool {
        let Some(wanted) = &self.wanted else {
            return false;
        };
        let follows = |repository| is_behind(&repository, at, wanted).unwrap_or(false);
        at.as_str().starts_with(wanted.as_str()) || self.repository().is_some_and(follows)
    }

    /// Whether the last pass has the wanted commit behind it. History is asked once for each pass.
    ///
    /// # Errors
    /// When the repository still does not have the commit after it was fetched again.
    pub(super) fn is_reached(&mut self, status: &Status) -> Result<bool, Failure> {
        let (Some(wanted), Some(at)) = (&self.wanted, &status.commit) else {
            return Ok(self.wanted.is_none());
        };
        if at.as_str().starts_with(wanted.as_str()) {
            return Ok(true);
        }
        if let Some((pass, answer)) = self.asked
            && pass == status.pass
        {
            return Ok(answer);
        }
        let first = *self.first.get_or_insert(status.pass);
        // Where the repository cannot be read from here, only the commit itself is known to be reached.
        let repository = self.repository();
        self.is_blind = repository.is_none();
        let answer = match repository {
            None => false,
            Some(repository) => match is_behind(&repository, at, wanted) {
                Err(error @ SourceError::NoRevision { .. })
                    if status.pass >= first.saturating_add(FETCHED) =>
                {
                    return Err(error.into());
                }
                answer => answer.unwrap_or(false),
            },
        };
        self.asked = Some((status.pass, answer));
        Ok(answer)
    }
}

/// Without a repository only the id of a commit can be met, and only by that commit itself.
fn can_be_met(wanted: &str) -> Result<(), Failure> {
    let digits = wanted.len() >= SHORTEST && wanted.chars().all(|one| one.is_ascii_hexdigit());
    if digits {
        return Ok(());
    }
    Err(Failure::new(
        ERROR,
        anyhow!(
            "which commit {wanted} is cannot be known here, as no repository can be read: {BLIND}, or name the commit by its id"
        ),
    ))
}

/// Whether it is counted from the head.
fn is_head(wanted: &str) -> bool {
    let name = wanted.split(['~', '^', '@']).next();
    matches!(name, Some("HEAD" | ""))
}

fn is_behind(repository: &Repository, at: &CommitId, wanted: &str) -> Result<bool, SourceError> {
    let wanted = repository.source.commit(wanted)?;
    let ancestry = repository.source.history(at)?.ancestry(&wanted);
    Ok(ancestry == Ancestry::HeadOrAncestor)
}
