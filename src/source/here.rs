//! What is at the location of a source. It stays until a link on the way to it is turned to something else.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::SourceError;
use super::mirror::Mirror;
use super::open::Place;
use super::options::{Layout, SourceOptions};
use super::place::{Found, look};
use super::remote::Remote;

#[derive(Debug)]
pub(super) struct Here {
    /// Where the path led to, past all links.
    pub(super) root: Option<PathBuf>,
    pub(super) layout: Layout,
    pub(super) place: Place,
    pub(super) mirror: Option<Arc<Mirror>>,
    /// Where the mirror is.
    pub(super) state: Option<PathBuf>,
}

impl Here {
    /// What is at a path of this host.
    pub(super) fn at(
        path: &Path,
        options: &SourceOptions,
        shown: &str,
    ) -> Result<Self, SourceError> {
        let root = past_links(path)?;
        let Found {
            place,
            prefix,
            whole,
        } = look(&root, shown)?;
        let state = options.state.clone().filter(|_| whole);
        let mirror = state.as_ref().map(|state| Mirror::new(state, shown));
        Ok(Self {
            root: Some(root),
            layout: Layout::new(prefix, &options.folder)?,
            place,
            mirror: mirror.map(Arc::new),
            state,
        })
    }

    /// A repository that is fetched.
    pub(super) fn elsewhere(remote: Remote, layout: Layout, state: PathBuf, shown: &str) -> Self {
        Self {
            root: None,
            layout,
            place: Place::Remote(Box::new(remote)),
            mirror: Some(Arc::new(Mirror::new(&state, shown))),
            state: Some(state),
        }
    }

    /// What the path leads to now; none, where that is this. Another kind of thing is an error: what proves a removal there
    /// is something else, and a link that is turned for a moment must not decide that.
    pub(super) fn turned(
        &self,
        path: &Path,
        options: &SourceOptions,
        shown: &str,
    ) -> Result<Option<Self>, SourceError> {
        let root = past_links(path)?;
        if self.root.as_ref() == Some(&root) {
            return Ok(None);
        }
        let turned = Self::at(path, options, shown)?;
        if turned.kind() != self.kind() {
            return Err(SourceError::Turned {
                path: shown.to_owned(),
                root,
                kind: turned.kind(),
                before: self.kind(),
            });
        }
        Ok(Some(turned))
    }

    /// For a sentence.
    fn kind(&self) -> String {
        match &self.place {
            Place::Folder(_) => "a plain folder".to_owned(),
            Place::Remote(_) | Place::Repository { .. } if self.layout.prefix.is_empty() => {
                "a git repository".to_owned()
            }
            Place::Remote(_) | Place::Repository { .. } => {
                format!("the folder {} of a git repository", self.layout.prefix)
            }
        }
    }
}

fn past_links(path: &Path) -> Result<PathBuf, SourceError> {
    path.canonicalize().map_err(|source| SourceError::Read {
        path: path.to_owned(),
        source,
    })
}
