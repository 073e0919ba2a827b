//! What a head is compared with where no cluster is seen: a commit, found as git finds a merge base, or nothing.

use git2::{ErrorCode, Oid, Repository};

use super::checkout::Checkout;
use super::error::SourceError;
use super::library::failed;
use super::open::Source;
use super::tree::{self, Known};
use crate::id::CommitId;

/// What a head is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Base {
    /// A commit.
    Commit {
        /// Its id.
        commit: CommitId,
        /// How it was chosen, as the end of a sentence.
        text: String,
    },
    /// Nothing, so that everything is new; why, as the end of a sentence.
    Nothing(String),
}

impl Source {
    /// The commit to compare `head` with: its merge base with `asked`, else with the settings' branch or `origin/HEAD`.
    /// A branch nobody asked for that is not there, or has all that `head` has, leaves nothing to compare with. Where
    /// the history breaks off before the base it is an error, because everything would look new.
    pub fn base(&self, head: &Checkout, asked: Option<&str>) -> Result<Base, SourceError> {
        let Some(commit) = &head.commit else {
            return match (asked, head.has_history || self.is_git()) {
                (None, true) => Ok(Base::Nothing("nothing is committed yet".to_owned())),
                (None, false) => Ok(Base::Nothing(
                    "a plain folder has no history to compare with".to_owned(),
                )),
                (Some(_), true) => Err(SourceError::Empty {
                    repository: self.shown.clone(),
                }),
                (Some(_), false) => Err(SourceError::NoHistory {
                    path: self.shown.clone(),
                }),
            };
        };
        let (repository, head_id) = self.named(commit.as_str())?;
        let Some((name, other)) = self.other_side(&repository, asked)? else {
            let what = match &self.options.branch {
                Some(branch) => format!("there is no branch {branch} here"),
                None => "there is no origin/HEAD".to_owned(),
            };
            return Ok(Base::Nothing(format!(
                "{what}; name a commit with --base REV"
            )));
        };
        let found = match repository.merge_base(head_id, other) {
            Ok(found) => found,
            Err(error) if error.code() == ErrorCode::NotFound => {
                return self.without_common(&repository, &name, asked.is_some());
            }
            Err(error) => return Err(failed(&self.shown, "find a common commit")(error)),
        };
        let base = self.commit_id(found)?;
        let text = if found != head_id {
            format!("{}, where {name} and the head part", base.short())
        } else if head.dirty {
            format!(
                "{}, the head itself, which {name} has: only uncommitted files differ",
                base.short()
            )
        } else if asked.is_some() {
            format!("{}, the head itself, which {name} has", base.short())
        } else {
            return Ok(Base::Nothing(format!(
                "{name} has all that the head has; name an older commit with --base REV"
            )));
        };
        Ok(Base::Commit { commit: base, text })
    }

    /// Reads the files of a base; content that `head` has too is taken from there. What is lost there would look new at the head, so it is an error; a folder that came
    /// later is none.
    pub fn read_base(&self, base: &CommitId, head: &Checkout) -> Result<Checkout, SourceError> {
        let (repository, id) = self.named(base.as_str())?;
        let (limits, known) = (self.options.limits, Known::of(&head.files));
        let files = tree::read(
            &repository,
            id,
            &self.here().layout,
            &self.shown,
            limits,
            &known,
        )?;
        if let Some(path) = &files.lost {
            return Err(SourceError::Incomplete {
                repository: self.shown.clone(),
                text: format!(
                    "{path} of commit {} is not in the object store: fetch without --filter",
                    base.short()
                ),
            });
        }
        Ok(self.of_commit(&repository, base.clone(), files))
    }

    /// What the head is compared with before a merge base is looked for: its name and commit.
    fn other_side(
        &self,
        repository: &Repository,
        asked: Option<&str>,
    ) -> Result<Option<(String, Oid)>, SourceError> {
        if let Some(name) = asked {
            return match self.resolve(repository, name) {
                Ok(id) => Ok(Some((name.to_owned(), id))),
                Err(_) if repository.is_shallow() => Err(self.cut_off(name)),
                Err(error) => Err(error),
            };
        }
        let names = match &self.options.branch {
            Some(branch) => vec![
                format!("refs/remotes/origin/{branch}"),
                format!("refs/heads/{branch}"),
            ],
            None => vec!["refs/remotes/origin/HEAD".to_owned()],
        };
        let found = names.iter().find_map(|name| {
            let reference = repository.find_reference(name).ok()?;
            let id = reference.peel_to_commit().ok()?.id();
            let short = name.trim_start_matches("refs/remotes/");
            Some((short.trim_start_matches("refs/heads/").to_owned(), id))
        });
        Ok(found)
    }

    fn without_common(
        &self,
        repository: &Repository,
        name: &str,
        asked: bool,
    ) -> Result<Base, SourceError> {
        if repository.is_shallow() {
            Err(self.cut_off(name))
        } else if asked {
            Err(SourceError::Unrelated {
                repository: self.shown.clone(),
                revision: name.to_owned(),
            })
        } else {
            Ok(Base::Nothing(format!(
                "{name} and the head have no commit in common"
            )))
        }
    }

    fn cut_off(&self, name: &str) -> SourceError {
        SourceError::Incomplete {
            repository: self.shown.clone(),
            text: format!(
                "this shallow checkout does not reach back to where {name} and the head part: fetch the whole history \
                 (`fetch-depth: 0` of actions/checkout, `GIT_DEPTH: 0` in GitLab CI, elsewhere `git fetch --unshallow`) \
                 and the branch {name}"
            ),
        }
    }
}
