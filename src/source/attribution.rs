//! Which exchange a broken file last declared, so that it can be left alone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use git2::Oid;

use super::history::History;
use super::steps::{Change, Step, files, step_back};
use crate::exchange::LastDeclared;
use crate::id::ExchangeId;

/// Reads one exchange file: the identity it declares, if it is without error.
pub type Identifies<'d> = dyn Fn(&str, &[u8]) -> Option<ExchangeId> + 'd;

impl History {
    /// Finds what each broken path last declared: one walk along the first parents for all of them, head included.
    pub fn last_declared(
        &self,
        broken: &[String],
        declares: &Identifies<'_>,
    ) -> BTreeMap<String, LastDeclared> {
        let mut walk = Walk {
            history: self,
            declares,
            open: broken.iter().cloned().collect(),
            found: BTreeMap::new(),
        };
        let rest = match walk.run() {
            Ok(true) => LastDeclared::Never,
            Ok(false) => LastDeclared::NotFound,
            Err(error) => {
                tracing::warn!(%error, "cannot walk the history to attribute broken files");
                LastDeclared::NotFound
            }
        };
        let Walk {
            open, mut found, ..
        } = walk;
        for path in open {
            found.entry(path).or_insert_with(|| rest.clone());
        }
        found
    }
}

struct Walk<'w> {
    history: &'w History,
    declares: &'w Identifies<'w>,
    /// Paths still looked for.
    open: BTreeSet<String>,
    found: BTreeMap<String, LastDeclared>,
}

impl Walk<'_> {
    /// Walks until all is found; tells whether the end of the history was reached.
    fn run(&mut self) -> Result<bool, git2::Error> {
        let history = self.history;
        let began = Instant::now();
        self.look_at_head()?;
        let mut at = history.head;
        for _ in 0..history.limits.commits {
            if self.open.is_empty() {
                return Ok(true);
            }
            if began.elapsed() > history.limits.walk {
                return Ok(false);
            }
            match step_back(&history.repository, &history.layout, at)? {
                Step::Root => return Ok(true),
                Step::Lost => return Ok(false),
                Step::Parent { commit, changes } => {
                    self.look_at(&changes);
                    at = commit;
                }
            }
        }
        // The limit may fall together with the end.
        Ok(self.open.is_empty())
    }

    fn look_at_head(&mut self) -> Result<(), git2::Error> {
        let history = self.history;
        for (path, blob) in files(&history.repository, &history.layout, history.head)? {
            if self.open.contains(&path) {
                self.meet(&path, Some(blob));
            }
        }
        Ok(())
    }

    fn look_at(&mut self, changes: &[Change]) {
        for change in changes {
            if !self.open.contains(&change.path) {
                continue;
            }
            self.meet(&change.path, change.parent);
            let came_here = change.parent.is_none() && change.child.is_some();
            if came_here && self.open.contains(&change.path) {
                self.follow_move(&change.path, changes);
            }
        }
    }

    /// Takes the content a path had at a commit.
    fn meet(&mut self, path: &str, blob: Option<Oid>) {
        if let Some(id) = blob.and_then(|blob| self.identify(path, blob)) {
            self.open.remove(path);
            self.found
                .insert(path.to_owned(), LastDeclared::Exchange(id));
        }
    }

    /// A path that came broken may be a moved file: what was removed in the same commit and not declared anew is what it
    /// was, if that is one exchange only.
    fn follow_move(&mut self, path: &str, changes: &[Change]) {
        let kept: Vec<ExchangeId> = changes
            .iter()
            .filter_map(|change| self.identify(&change.path, change.child?))
            .collect();
        let mut gone: Vec<ExchangeId> = changes
            .iter()
            .filter(|change| change.child.is_none())
            .filter_map(|change| self.identify(&change.path, change.parent?))
            .filter(|id| !kept.contains(id))
            .collect();
        gone.sort();
        gone.dedup();
        let last = match (gone.pop(), gone.is_empty()) {
            (None, _) => return,
            (Some(id), true) => LastDeclared::Exchange(id),
            (Some(_), false) => LastDeclared::NotFound,
        };
        self.open.remove(path);
        self.found.insert(path.to_owned(), last);
    }

    fn identify(&self, path: &str, blob: Oid) -> Option<ExchangeId> {
        let content = self.history.content(blob)?;
        (self.declares)(path, content.content())
    }
}
