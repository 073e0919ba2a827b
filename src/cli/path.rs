//! Paths that are typed: one rule for every command. A path is meant from the working folder, where there is such a file,
//! else from the root of the repository; what is elsewhere is refused.

use std::path::{Path, PathBuf};

use anyhow::anyhow;

use super::{Failure, NOTHING_MATCHED};
use crate::config::Settings;
use crate::source::discover;

/// Lets the repository around the first of these paths be the source, where none is named and there is none here.
pub(super) fn find_source<'p>(
    settings: &mut Settings,
    paths: impl IntoIterator<Item = &'p String>,
) -> Result<(), Failure> {
    let Some(path) = paths.into_iter().next() else {
        return Ok(());
    };
    if settings.source.url.is_some() {
        return Ok(());
    }
    let folder = &settings.source.path;
    let here = discover(&std::env::current_dir()?, folder)?;
    if !here.join(folder).is_dir() {
        let around = found(Path::new(path)).and_then(|at| around(&at, folder));
        settings.source.url = around.and_then(|root| Some(root.to_str()?.to_owned()));
    }
    Ok(())
}

/// The nearest folder with exchange files.
fn around(at: &Path, folder: &str) -> Option<PathBuf> {
    let mut above = at.ancestors();
    let root = above.find(|root| root.join(folder).is_dir())?;
    Some(root.to_owned())
}

/// Whether what stands for an exchange is the path of a file: no id ends so.
pub(super) fn is_file(text: &str) -> bool {
    [".yaml", ".yml"].iter().any(|end| text.ends_with(end))
}

/// A path that was typed, from the root of the source, which is in this folder if it is of this host.
pub(super) fn in_source(path: &str, folder: Option<&Path>) -> Result<String, Failure> {
    let root = folder.and_then(|folder| folder.canonicalize().ok());
    let (Some(root), Some(at)) = (root, found(Path::new(path))) else {
        let path = path.trim_start_matches("./").trim_end_matches('/');
        return Ok(path.to_owned());
    };
    match at.strip_prefix(&root) {
        Ok(path) => Ok(path.to_string_lossy().into_owned()),
        Err(_outside) => Err(Failure::new(
            NOTHING_MATCHED,
            anyhow!(
                "{path} is not in {}; --source names another repository",
                root.display()
            ),
        )),
    }
}

/// Where a file or folder is, not what a link in its place leads to.
fn found(path: &Path) -> Option<PathBuf> {
    match (path.parent(), path.file_name()) {
        (Some(above), Some(name)) if path.symlink_metadata().is_ok() => {
            let here = Path::new(".");
            let above = if above == Path::new("") { here } else { above };
            Some(above.canonicalize().ok()?.join(name))
        }
        _ => path.canonicalize().ok(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// What is somewhere else would be called valid without having been read.
    #[test]
    fn what_is_there_is_meant_and_nothing_that_is_called_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let (root, other) = (folder.path().join("here"), folder.path().join("other"));
        for at in [&root, &other] {
            fs::create_dir_all(at.join("a")).unwrap();
            fs::write(at.join("a/b.yaml"), "").unwrap();
        }
        let typed = |path: &Path| in_source(path.to_str().unwrap(), Some(&root));
        for (path, meant) in [
            (root.join("a/b.yaml"), "a/b.yaml"),
            (root.join("a/../a/"), "a"),
            (root.clone(), ""),
            ("./a/b.yaml".into(), "a/b.yaml"),
            ("/nowhere/a/b.yaml".into(), "/nowhere/a/b.yaml"),
        ] {
            assert_eq!(typed(&path).unwrap(), meant, "{}", path.display());
        }
        assert!(typed(&other.join("a/b.yaml")).is_err());
    }
}
