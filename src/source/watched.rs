//! What is to be watched of a local source, and which changes there matter.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use notify::RecursiveMode;

use super::library::open_exactly;
use super::open::{Place, Source};
use super::options::Location;

/// Something to watch.
#[derive(Debug, PartialEq)]
pub(super) struct Spot {
    pub(super) path: PathBuf,
    pub(super) mode: RecursiveMode,
    /// It only has something that matters in it. That it may not be looked into, as a folder of somebody else, is no trouble.
    pub(super) beside: bool,
}

pub(super) type Spots = Vec<Spot>;

/// Which changes matter: what else happens in the same folders is none of the source's.
#[derive(Debug, Default)]
pub(super) struct Matter {
    /// All that is in these.
    pub(super) within: Vec<PathBuf>,
    /// That these are something else now, or gone.
    pub(super) themselves: BTreeSet<PathBuf>,
}

impl Source {
    /// What is to be watched now.
    pub(super) fn watched(&self) -> (Spots, Matter) {
        let (mut spots, mut matter) = (Spots::new(), Matter::default());
        let here = self.here();
        match &here.place {
            Place::Remote(_) => return (spots, matter),
            Place::Folder(root) => {
                spots.push(Spot::all(root.clone()));
                matter.within.push(root.clone());
            }
            Place::Repository { git, work } => {
                let common = common(git);
                spots.push(Spot::all(common.join("refs")));
                for folder in BTreeSet::from([&common, git]) {
                    spots.push(Spot::one(folder, false));
                    matter.within.push(folder.clone());
                }
                let below = Path::new(&here.layout.prefix).iter().count();
                let tree = work.as_ref().and_then(|work| work.ancestors().nth(below));
                matter.themselves.extend(tree.map(Path::to_owned));
            }
        }
        if let Location::Path(path) = &self.options.location {
            matter.themselves.extend(links(path));
        }
        // A folder that is replaced takes its watch with it, and its parent tells.
        let named = matter.within.iter().chain(&matter.themselves);
        let parents: BTreeSet<_> = named.filter_map(|path| path.parent()).collect();
        for parent in parents {
            if spots.iter().all(|spot| spot.path != parent) {
                spots.push(Spot::one(parent, true));
            }
        }
        (spots, matter)
    }
}

impl Spot {
    fn all(path: PathBuf) -> Self {
        Self {
            path,
            mode: RecursiveMode::Recursive,
            beside: false,
        }
    }

    fn one(path: &Path, beside: bool) -> Self {
        Self {
            path: path.to_owned(),
            mode: RecursiveMode::NonRecursive,
            beside,
        }
    }
}

impl Matter {
    pub(super) fn has(&self, path: &Path) -> bool {
        self.themselves.contains(path) || self.within.iter().any(|within| path.starts_with(within))
    }
}

/// The links on the way to where a path leads.
fn links(path: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut ahead = vec![std::path::absolute(path).unwrap_or_else(|_| path.to_owned())];
    while let Some(path) = ahead.pop() {
        for part in path.ancestors() {
            if let (Some(folder), Ok(target)) = (part.parent(), part.read_link())
                && found.insert(part.to_owned())
            {
                let rest = path.strip_prefix(part).unwrap_or(Path::new(""));
                ahead.push(folder.join(target).join(rest));
            }
        }
    }
    found
}

/// Where head and refs are that a work tree shares with others; objects say nothing.
fn common(git: &Path) -> PathBuf {
    open_exactly(git).map_or_else(
        |_| git.to_owned(),
        |repository| repository.commondir().to_owned(),
    )
}
